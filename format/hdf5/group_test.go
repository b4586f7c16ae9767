package hdf5

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nadir-ml/nadir/tensor"
)

// small opens a file of testdata.
func small(t testing.TB, name string) *File {
	t.Helper()
	f, err := Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// floats24 is 0 to 23 in the shape that the small files hold.
func floats24() *tensor.Tensor {
	x := tensor.New(tensor.Float32, 6, 4)
	for i := range x.Len() {
		x.SetFlat(i, float64(i))
	}
	return x
}

func TestEveryIndex(t *testing.T) {
	t.Parallel()
	for file, names := range map[string][]string{"new.h5": {"fixed", "grows", "tree", "single"}, "old.h5": {"chunks", "model/dense/kernel:0", "soft/kernel:0"}} {
		f := small(t, file)
		for _, name := range names {
			d, err := f.Root().Dataset(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Read()
			if err != nil {
				t.Fatal(err)
			}
			if want := floats24(); !bytes.Equal(got.Bytes(), want.Bytes()) || !got.Shape().Equal(want.Shape()) {
				t.Errorf("%s: %s is %v", file, name, got)
			}
		}
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	f := small(t, "old.h5")
	root := f.Root()
	names, err := root.Names()
	if want := []string{"chunks", "model", "soft", "texts"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("names %q, %v; want %q", names, err, want)
	}
	children, err := root.Children()
	if err != nil || len(children) != 4 || children[2].Path() != "/soft" {
		t.Errorf("children %v, %v", children, err)
	}
	g, err := root.Group("model/dense")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"kernel:0", "/model/dense/kernel:0", "./kernel:0", "//model///dense/kernel:0"} {
		d, err := g.Dataset(path)
		if err != nil {
			t.Fatal(err)
		}
		if !d.Shape().Equal(tensor.Shape{6, 4}) || d.DType() != tensor.Float32 || d.Type() != "float32" {
			t.Errorf("%s: %v%v, %s", path, d.DType(), d.Shape(), d.Type())
		}
	}
	soft, err := root.Group("soft")
	if err != nil || soft.Address() != g.Address() || soft.Path() != "/soft" {
		t.Errorf("soft link: %v, %v", soft, err)
	}
	for path, want := range map[string]error{
		"absent": ErrNotFound, "model/absent": ErrNotFound, "chunks/below": ErrNotFound,
	} {
		if _, err := root.Lookup(path); !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := root.Dataset("model"); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("a group as a dataset: %v", err)
	}
	if _, err := root.Attr("absent"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an absent attribute: %v", err)
	}
	if _, err := root.Lookup(strings.Repeat("/", 10000)); err == nil {
		t.Error("a path without end was taken")
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	f := small(t, "old.h5")
	a, err := f.Root().Attr("names")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := a.Texts(); err != nil || !slices.Equal(s, []string{"model", "chunks"}) {
		t.Errorf("%q, %v", s, err)
	}
	if _, err := a.Text(); err == nil || !strings.Contains(err.Error(), `attribute "names"`) {
		t.Errorf("two texts as one: %v", err)
	}
	if _, err := a.Tensor(); err == nil {
		t.Error("texts as numbers")
	}
	a, err = f.Root().Attr("config")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := a.Text(); err != nil || s != `{"class_name": "Sequential"}` || a.Type() != "string" {
		t.Errorf("%q, %v", s, err)
	}
	d, err := f.Root().Dataset("texts")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := d.Texts(); err != nil || !slices.Equal(s, []string{"a", "bc"}) {
		t.Errorf("%q, %v", s, err)
	}
	if _, err := d.Read(); err == nil || !strings.Contains(err.Error(), "it holds text") {
		t.Errorf("texts as numbers: %v", err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	f := small(t, "refused.h5")
	for path, want := range map[string]string{
		"links/circle":   "lead in a circle",
		"links/dangling": `has no "nowhere"`,
		"links/external": `"/secret" in the other file "/etc/other.h5"`,
	} {
		_, err := f.Root().Lookup(path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", path, err, want)
		}
	}
	for path, want := range map[string]string{
		"outside":   `the other file "../secret.bin"`,
		"virtual":   `"data" in the other file "parts.h5"`,
		"compound":  "type compound of 8 bytes",
		"lzf":       "the filter lzf",
		"reference": "type reference",
		"sequence":  "type variable-length sequence",
		"unwritten": "never written",
		"holes":     "never written",
		"text":      "holds text",
	} {
		d, err := f.Root().Dataset(path)
		if err != nil {
			t.Errorf("%s cannot be listed: %v", path, err)
			continue
		}
		_, err = d.Read()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"/`+path+`"`) {
			t.Errorf("%s: %v; want %q", path, err, want)
		}
		if _, err := d.Texts(); err == nil != (path == "text") {
			t.Errorf("%s as text: %v", path, err)
		}
	}
	var e *External
	if _, err := f.Root().Lookup("links/external"); !errors.As(err, &e) || e.File != "/etc/other.h5" || e.Target != "/secret" {
		t.Errorf("external link: %#v", e)
	}
	d, _ := f.Root().Dataset("lzf")
	if _, err := d.Read(); !errors.Is(err, ErrUnsupported) {
		t.Errorf("lzf: %v", err)
	}
	a, err := f.Root().Attr("compound")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Value(); err == nil {
		t.Error("a compound attribute was read")
	}
	var last error
	for _, err := range f.Root().Walk() {
		last = err
	}
	if !errors.As(last, &e) {
		t.Errorf("walking over an external link: %v", last)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "absent.h5")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("a folder was opened")
	}
	path := filepath.Join(dir, "other.h5")
	if err := os.WriteFile(path, []byte("PK\x03\x04 and so on"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "no HDF5 file") {
		t.Errorf("a zip archive: %v", err)
	}
	for size := range int64(64) {
		if _, err := NewFile(bytes.NewReader(make([]byte, size)), size); err == nil {
			t.Errorf("%d zero bytes were opened", size)
		}
	}
	if _, err := NewFile(bytes.NewReader(nil), -1); err == nil {
		t.Error("a file of -1 bytes was opened")
	}
}

func TestUserBlock(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/old.h5")
	if err != nil {
		t.Fatal(err)
	}
	want := describe(t, small(t, "old.h5"))
	for _, n := range []int{512, 1024, 4096} {
		b := append(bytes.Repeat([]byte("user"), n/4), raw...)
		f, err := NewFile(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, describe(t, f)); diff != "" {
			t.Errorf("behind %d bytes: %s", n, diff)
		}
	}
}

func TestLookup3(t *testing.T) {
	t.Parallel()
	// From the driver5 test of Jenkins' lookup3.c, and an empty text.
	if got := lookup3(nil); got != 0xdeadbeef {
		t.Errorf("empty: %08x", got)
	}
	if got := lookup3([]byte("Four score and seven years ago")); got != 0x17770551 {
		t.Errorf("Gettysburg: %08x", got)
	}
}

func TestFletcher32(t *testing.T) {
	t.Parallel()
	// "abcdefgh" as big-endian words, modulo 65535, worked out by hand.
	var s1, s2 uint64
	for _, w := range []uint64{0x6162, 0x6364, 0x6566, 0x6768} {
		s1 += w
		s2 += s1
	}
	if got, want := fletcher32([]byte("abcdefgh")), uint32(s2%65535<<16|s1%65535); got != want {
		t.Errorf("%08x, want %08x", got, want)
	}
	if fletcher32(bytes.Repeat([]byte{0xff}, 100000)) != math.MaxUint32 {
		t.Error("a sum of ones is not kept as ones")
	}
	if a, b := fletcher32([]byte{1, 2, 3}), fletcher32([]byte{1, 2, 3, 0}); a != b {
		t.Errorf("an odd byte: %08x and %08x", a, b)
	}
}
