package sets

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/png"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/format/npy"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// idxFile is an IDX file of bytes.
func idxFile(elements []byte, axes ...int) []byte {
	b := []byte{0, 0, 8, byte(len(axes))}
	for _, d := range axes {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return append(b, elements...)
}

func zip(b []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(b)
	_ = w.Close()
	return z.Bytes()
}

// tiny is a set like MNIST: pictures of 1×2 pixels, three to train on and two
// to test with.
func tiny() (*published, map[string][]byte) {
	contents := map[string][]byte{
		"train-images-idx3-ubyte": idxFile([]byte{1, 2, 3, 4, 5, 6}, 3, 1, 2),
		"train-labels-idx1-ubyte": idxFile([]byte{0, 1, 2}, 3),
		"t10k-images-idx3-ubyte":  idxFile([]byte{7, 8, 9, 10}, 2, 1, 2),
		"t10k-labels-idx1-ubyte":  idxFile([]byte{2, 0}, 2),
	}
	p := &published{name: "tiny", classes: []string{"a", "b", "c"}, mirrors: []string{"http://127.0.0.1:0/"}}
	files := make(map[string][]byte)
	for _, n := range []string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"} {
		z := zip(contents[n])
		files[n+".gz"] = z
		p.files = append(p.files, file{n + ".gz", int64(len(z)), digest(z), digest(contents[n])})
	}
	return p, files
}

func digest(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func write(tb testing.TB, dir string, files map[string][]byte) string {
	tb.Helper()
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// shows writes a source's rows as "x y".
func shows(t *testing.T, src data.Source) []string {
	t.Helper()
	var rows []string
	for b, err := range data.Batches(src, 2, data.Order{}) {
		if err != nil {
			t.Fatal(err)
		}
		for k := range b.N {
			var s []string
			for _, c := range slices.Concat(b.X, b.Y) {
				for i := range c.Rows(k, k+1).Len() {
					s = append(s, fmt.Sprint(c.Rows(k, k+1).Flat(i)))
				}
			}
			rows = append(rows, strings.Join(s, " "))
		}
	}
	return rows
}

func check(t *testing.T, s *Set, train, test []string) {
	t.Helper()
	if diff := cmp.Diff(train, shows(t, s.Train)); diff != "" {
		t.Errorf("train: %s", diff)
	}
	if (s.Test != nil) != (test != nil) {
		t.Errorf("test part: %v", s.Test)
	} else if test != nil {
		if diff := cmp.Diff(test, shows(t, s.Test)); diff != "" {
			t.Errorf("test: %s", diff)
		}
	}
	if len(s.Fingerprint) != 64 {
		t.Errorf("fingerprint %q", s.Fingerprint)
	}
}

var tinyTrain, tinyTest = []string{"1 2 0", "3 4 1", "5 6 2"}, []string{"7 8 2", "9 10 0"}

// serve answers with files by their names.
func serve(t *testing.T, h http.HandlerFunc) Options {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	t.Cleanup(s.Client().CloseIdleConnections)
	return Options{Dirs: []string{t.TempDir()}, URL: s.URL, Client: s.Client()}
}

func left(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			names = append(names, info.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestDownload(t *testing.T) {
	t.Parallel()
	p, files := tiny()
	var asked atomic.Int32
	o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = w.Write(files[filepath.Base(r.URL.Path)])
	})
	var last, total int64
	o.Progress = func(done, all int64) {
		if done < last || done > all {
			t.Errorf("progress from %d to %d of %d", last, done, all)
		}
		last, total = done, all
	}
	s, err := openMNIST(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, tinyTrain, tinyTest)
	if last != total || total == 0 || !s.FixedOrder || len(s.Notes) != 0 {
		t.Errorf("%d of %d bytes, fixed order %v, notes %q", last, total, s.FixedOrder, s.Notes)
	}
	if got := left(t, o.Dirs[0]); len(got) != 4 {
		t.Errorf("the folder holds %q", got)
	}
	again, err := openMNIST(t.Context(), p, o)
	if err != nil || asked.Load() != 4 || again.Fingerprint != s.Fingerprint {
		t.Errorf("opened again: %v, %d requests", err, asked.Load())
	}
}

func TestDownloadGetsOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	p, files := tiny()
	var asked atomic.Int32
	o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = w.Write(files[filepath.Base(r.URL.Path)])
	})
	write(t, filepath.Join(o.Dirs[0], "tiny"), map[string][]byte{p.files[0].name: files[p.files[0].name]})
	s, err := openMNIST(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, tinyTrain, tinyTest)
	if asked.Load() != 3 {
		t.Errorf("%d requests, want 3", asked.Load())
	}
}

func TestBadDownloadsLeaveNothing(t *testing.T) {
	t.Parallel()
	p, files := tiny()
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		want string
	}{
		"404": {http.NotFound, "404 Not Found"},
		"wrong hash": {func(w http.ResponseWriter, r *http.Request) {
			b := bytes.Clone(files[filepath.Base(r.URL.Path)])
			b[len(b)/2] ^= 1
			_, _ = w.Write(b)
		}, "SHA-256"},
		"another file": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>log in</html>")) }, "the published file has"},
		"longer": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(append(bytes.Clone(files[filepath.Base(r.URL.Path)]), 0))
		}, "the published file has"},
		"cut off": {func(w http.ResponseWriter, r *http.Request) {
			b := files[filepath.Base(r.URL.Path)]
			w.Header().Set("Content-Length", strconv.Itoa(len(b)))
			_, _ = w.Write(b[:len(b)-5])
		}, "unexpected EOF"},
	} {
		o := serve(t, c.h)
		_, err := openMNIST(t.Context(), p, o)
		if _, ok := errors.AsType[*data.Error](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s…", name, err, c.want)
			continue
		}
		for _, f := range p.files {
			if !strings.Contains(err.Error(), f.name) {
				t.Errorf("%s: the error does not say to get %s: %v", name, f.name, err)
			}
		}
		if !strings.Contains(err.Error(), filepath.Join(o.Dirs[0], "tiny")) {
			t.Errorf("%s: the error does not say where to put them: %v", name, err)
		}
		if got := left(t, o.Dirs[0]); len(got) != 0 {
			t.Errorf("%s: %q is left", name, got)
		}
	}
}

func TestACancelledDownloadIsNoFaultOfTheData(t *testing.T) {
	t.Parallel()
	p, _ := tiny()
	ctx, cancel := context.WithCancel(t.Context())
	o := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := openMNIST(ctx, p, o)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, ok := errors.AsType[*data.Error](err); ok {
		t.Errorf("a data error: %v", err)
	}
}

func TestTheNextMirrorIsTried(t *testing.T) {
	t.Parallel()
	p, files := tiny()
	bad := serve(t, http.NotFound)
	good := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(files[filepath.Base(r.URL.Path)]) })
	p.mirrors = []string{bad.URL, good.URL}
	good.URL = ""
	s, err := openMNIST(t.Context(), p, good)
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, tinyTrain, tinyTest)
}

func TestWhereASetIsLookedFor(t *testing.T) {
	t.Parallel()
	p, files := tiny()
	raw := make(map[string][]byte)
	for n, b := range files {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		var c bytes.Buffer
		if _, err := c.ReadFrom(z); err != nil {
			t.Fatal(err)
		}
		raw[strings.TrimSuffix(n, ".gz")] = c.Bytes()
	}
	o := serve(t, http.NotFound)
	var prints []string
	for name, files := range map[string]map[string][]byte{"compressed": files, "not compressed": raw} {
		for _, base := range []string{"", "tiny"} {
			dir := t.TempDir()
			write(t, filepath.Join(dir, base), files)
			o.Dirs = []string{filepath.Join(dir, "absent"), dir, t.TempDir()}
			s, err := openMNIST(t.Context(), p, o)
			if err != nil {
				t.Errorf("%s in %q: %v", name, base, err)
				continue
			}
			check(t, s, tinyTrain, tinyTest)
			prints = append(prints, s.Fingerprint)
		}
	}
	if len(slices.Compact(prints)) != 1 {
		t.Errorf("fingerprints differ: %q", prints)
	}
}

func TestAnotherSetsLooseFilesAreNotTaken(t *testing.T) {
	t.Parallel()
	p, files := tiny()
	o := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(files[filepath.Base(r.URL.Path)]) })
	write(t, o.Dirs[0], map[string][]byte{
		"train-images-idx3-ubyte": idxFile([]byte{9, 9, 9, 9, 9, 9}, 3, 1, 2),
		"train-labels-idx1-ubyte": []byte("no IDX file"),
	})
	s, err := openMNIST(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, tinyTrain, tinyTest)
}

func TestBadFilesOfANamedSet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file string
		b    []byte
		want string
	}{
		"truncated gzip":     {"train-images-idx3-ubyte.gz", zip(idxFile(make([]byte, 100), 50, 1, 2))[:28], "truncated"},
		"cut gzip header":    {"train-images-idx3-ubyte.gz", []byte{0x1f, 0x8b, 8}, "truncated"},
		"empty":              {"train-labels-idx1-ubyte.gz", nil, "empty"},
		"wrong magic":        {"train-labels-idx1-ubyte.gz", []byte("hello"), "no IDX file"},
		"label out of range": {"train-labels-idx1-ubyte.gz", idxFile([]byte{0, 1, 200}, 3), "label 200 of row 2 is out of range"},
		"another count":      {"t10k-labels-idx1-ubyte.gz", idxFile([]byte{0, 1, 2}, 3), "3 labels, but 2 images"},
		"labels of pictures": {"t10k-labels-idx1-ubyte.gz", idxFile([]byte{0, 1}, 2, 1), "want one number a row"},
		"other pictures":     {"t10k-images-idx3-ubyte.gz", idxFile([]byte{0, 1}, 2, 1, 1), "test images of shape [1 1]"},
	} {
		p, files := tiny()
		files[c.file] = c.b
		o := Options{Dirs: []string{t.TempDir()}, URL: "http://127.0.0.1:0"}
		write(t, filepath.Join(o.Dirs[0], "tiny"), files)
		_, err := openMNIST(t.Context(), p, o)
		e, ok := errors.AsType[*data.Error](err)
		if !ok || !strings.Contains(err.Error(), c.want) || filepath.Base(e.Path) != c.file {
			t.Errorf("%s: %v, want …%s… in %s", name, err, c.want, c.file)
		}
	}
}

func TestAChangedFileOfANamedSetIsNoted(t *testing.T) {
	t.Parallel()
	p, files := tiny()
	files["train-labels-idx1-ubyte.gz"] = idxFile([]byte{2, 2, 2}, 3)
	o := Options{Dirs: []string{t.TempDir()}}
	write(t, filepath.Join(o.Dirs[0], "tiny"), files)
	s, err := openMNIST(t.Context(), p, o)
	if err != nil || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "train-labels") {
		t.Errorf("%v, %v", s, err)
	}
}

// A set's fingerprint is that of its contents, however they are packed: as published,
// by somebody else in as many bytes, or not at all.
func TestFingerprintIsOfTheContents(t *testing.T) {
	t.Parallel()
	const name = "train-labels-idx1-ubyte"
	p, files := tiny()
	open := func(labels map[string][]byte) *Set {
		t.Helper()
		_, files := tiny()
		delete(files, name+".gz")
		o := Options{Dirs: []string{t.TempDir()}}
		write(t, filepath.Join(o.Dirs[0], "tiny"), files)
		write(t, filepath.Join(o.Dirs[0], "tiny"), labels)
		s, err := openMNIST(t.Context(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	published := open(map[string][]byte{name + ".gz": files[name+".gz"]})
	again := bytes.Clone(files[name+".gz"])
	again[4]++ // the time in the header
	for what, labels := range map[string]map[string][]byte{
		"packed at another time": {name + ".gz": again},
		"unpacked":               {name: idxFile([]byte{0, 1, 2}, 3)},
	} {
		if s := open(labels); s.Fingerprint != published.Fingerprint || len(s.Notes) > 0 {
			t.Errorf("%s: %s, %q; as published: %s", what, s.Fingerprint, s.Notes, published.Fingerprint)
		}
	}
	other := zip(idxFile([]byte{1, 0, 2}, 3))
	if len(other) != len(again) {
		t.Fatalf("%d and %d bytes", len(other), len(again))
	}
	if s := open(map[string][]byte{name + ".gz": other}); s.Fingerprint == published.Fingerprint || len(s.Notes) != 1 {
		t.Errorf("other labels in as many bytes: %s, %q", s.Fingerprint, s.Notes)
	}
}

func TestOpenRefusesUnknownNames(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), "mnits", Options{})
	if err == nil || !strings.Contains(err.Error(), "mnist, fashion-mnist, cifar10") {
		t.Error(err)
	}
}

func TestCatalog(t *testing.T) {
	t.Parallel()
	p, files := tiny()
	dir := t.TempDir()
	for _, k := range List([]string{dir}) {
		if k.Dir != "" || k.Bytes == 0 || len(k.Classes) != 10 {
			t.Errorf("%+v", k)
		}
	}
	write(t, filepath.Join(dir, "mnist"), map[string][]byte{p.files[0].name: files[p.files[0].name]})
	write(t, filepath.Join(dir, "cifar10"), map[string][]byte{"data_batch_3.bin.gz": nil})
	want := map[string]string{"mnist": filepath.Join(dir, "mnist"), "fashion-mnist": "", "cifar10": filepath.Join(dir, "cifar10")}
	for _, k := range List([]string{dir}) {
		if k.Dir != want[k.Name] {
			t.Errorf("%s lies in %q, want %q", k.Name, k.Dir, want[k.Name])
		}
	}
}

func TestRealSets(t *testing.T) {
	t.Parallel()
	o := Options{Dirs: []string{shared.Dir(t, "data"), t.TempDir()}, URL: "http://127.0.0.1:0"}
	for name, c := range map[string]struct {
		train, test int
		shape       tensor.Shape
		second      string // the class of row 1
		notes       []string
	}{
		"mnist":         {60000, 10000, tensor.Shape{28, 28}, "0", nil},
		"fashion-mnist": {60000, 10000, tensor.Shape{28, 28}, "T-shirt/top", nil},
		"cifar10": {10000, 1000, tensor.Shape{32, 32, 3}, "truck", []string{
			"cifar10: 1 of 5 training batches present, 10,000 images", "cifar10: 1,000 of 10,000 test images present"}},
	} {
		s, err := Open(t.Context(), name, o)
		if err != nil {
			t.Error(err)
			continue
		}
		schema := s.Train.Schema()
		if s.Train.Len() != c.train || s.Test.Len() != c.test || !schema.Inputs[0].Shape.Equal(c.shape) || schema.Inputs[0].DType != tensor.Uint8 {
			t.Errorf("%s: %d + %d rows of %v", name, s.Train.Len(), s.Test.Len(), schema.Inputs[0])
		}
		labels, err := data.Labels(s.Train)
		if err != nil || schema.Classes[labels[1]] != c.second {
			t.Errorf("%s: row 1 is a %s, want %s (%v)", name, schema.Classes[labels[1]], c.second, err)
		}
		if diff := cmp.Diff(c.notes, s.Notes); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// record is an image of CIFAR-10 whose planes are of one value each.
func record(label, r, g, b byte) []byte {
	rec := []byte{label}
	for _, v := range []byte{r, g, b} {
		rec = append(rec, bytes.Repeat([]byte{v}, cifarPlane)...)
	}
	return rec
}

func TestCIFAR(t *testing.T) {
	t.Parallel()
	p := lookup("cifar10")
	batches := map[string][]byte{
		"data_batch_1.bin": append(record(3, 1, 2, 3), record(9, 4, 5, 6)...),
		"data_batch_4.bin": record(0, 7, 8, 9),
		"test_batch.bin":   record(1, 10, 11, 12),
	}
	look := func(s *Set) {
		t.Helper()
		labels, err := data.Labels(s.Train)
		if err != nil || !slices.Equal(labels, []int32{3, 9, 0}) {
			t.Errorf("labels %v, %v", labels, err)
		}
		b := data.NewBatch(s.Train.Schema(), 1)
		if err := s.Train.Read(b, []int32{1}); err != nil {
			t.Fatal(err)
		}
		if x := b.X[0].Uint8s(); !bytes.Equal(x[:6], []byte{4, 5, 6, 4, 5, 6}) {
			t.Errorf("pixels %v", x[:6])
		}
	}
	for _, base := range []string{"cifar10", "", "cifar10/cifar-10-batches-bin"} {
		o := Options{Dirs: []string{t.TempDir()}}
		write(t, filepath.Join(o.Dirs[0], base), batches)
		s, err := openCIFAR(t.Context(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		look(s)
		if s.Test.Len() != 1 || len(s.Notes) != 2 || s.Notes[0] != "cifar10: 2 of 5 training batches present, 3 images" {
			t.Errorf("%d test rows, notes %q", s.Test.Len(), s.Notes)
		}
	}
	delete(batches, "test_batch.bin")
	s, err := OpenPath(write(t, t.TempDir(), batches), Options{})
	if err != nil {
		t.Fatal(err)
	}
	look(s)
	if s.Test != nil {
		t.Error("a test part from nowhere")
	}
}

func TestCIFARArchive(t *testing.T) {
	t.Parallel()
	archive := func(n int) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for k := range n {
			name := fmt.Sprintf("cifar-10-batches-bin/data_batch_%d.bin", k+1)
			if k == 5 {
				name = "cifar-10-batches-bin/test_batch.bin"
			}
			rec := record(byte(k), byte(k), 1, 2)
			_ = w.WriteHeader(&tar.Header{Name: name, Size: int64(len(rec)), Mode: 0o644})
			_, _ = w.Write(rec)
		}
		_ = w.WriteHeader(&tar.Header{Name: "cifar-10-batches-bin/readme.html", Size: 2, Mode: 0o644})
		_, _ = w.Write([]byte("hi"))
		_ = w.Close()
		return zip(b.Bytes())
	}
	whole := archive(6)
	p := *lookup("cifar10")
	p.files = []file{{name: p.files[0].name, size: int64(len(whole)), sha256: digest(whole)}}
	o := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(whole) })
	for range 2 { // downloaded, then found
		s, err := openCIFAR(t.Context(), &p, o)
		if err != nil {
			t.Fatal(err)
		}
		labels, err := data.Labels(s.Train)
		if err != nil || !slices.Equal(labels, []int32{0, 1, 2, 3, 4}) || s.Test.Len() != 1 || s.Fingerprint == "" {
			t.Errorf("labels %v, %v; %d test rows", labels, err, s.Test.Len())
		}
		o.URL = "http://127.0.0.1:0"
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"a batch short": {archive(5), "5 of the 6 batches"},
		"truncated":     {whole[:len(whole)-4], "truncated"},
	} {
		o := Options{Dirs: []string{write(t, t.TempDir(), map[string][]byte{p.files[0].name: c.b})}}
		if _, err := openCIFAR(t.Context(), &p, o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s…", name, err, c.want)
		}
	}
}

func TestBadCIFAR(t *testing.T) {
	t.Parallel()
	for want, b := range map[string][]byte{
		"after 2999 of the 3073": record(1, 2, 3, 4)[:2999],
		"label 10 of image 1":    append(record(1, 2, 3, 4), record(10, 2, 3, 4)...),
		"the file is empty":      {},
		"it is truncated":        zip(record(1, 2, 3, 4))[:40],
	} {
		dir := write(t, t.TempDir(), map[string][]byte{"data_batch_1.bin": b})
		_, err := OpenPath(dir, Options{})
		e, ok := errors.AsType[*data.Error](err)
		if !ok || !strings.Contains(err.Error(), want) || filepath.Base(e.Path) != "data_batch_1.bin" {
			t.Errorf("%v, want …%s…", err, want)
		}
	}
}

func TestOpenIDX(t *testing.T) {
	t.Parallel()
	_, files := tiny()
	files["odd-images"] = idxFile([]byte{1, 2}, 2)
	files["odd-labels"] = idxFile([]byte{0, 4}, 2)
	dir := write(t, t.TempDir(), files)
	for _, name := range []string{"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"} {
		s, err := OpenPath(filepath.Join(dir, name), Options{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, s, tinyTrain, nil)
		if diff := cmp.Diff([]string{"0", "1", "2"}, s.Train.Schema().Classes); diff != "" {
			t.Error(diff)
		}
	}
	s, err := OpenPath(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, tinyTrain, tinyTest)
	s, err = OpenPath(filepath.Join(dir, "odd-images"), Options{})
	if err != nil || len(s.Train.Schema().Classes) != 5 {
		t.Errorf("%v, %v", s, err)
	}
}

func npz(tb testing.TB, arrays ...any) []byte {
	tb.Helper()
	var b bytes.Buffer
	err := npy.WriteArchive(&b, func(yield func(string, *tensor.Tensor) bool) {
		for i := 0; i < len(arrays); i += 2 {
			if !yield(arrays[i].(string), arrays[i+1].(*tensor.Tensor)) {
				return
			}
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestOpenNPZ(t *testing.T) {
	t.Parallel()
	x := tensor.Of([]uint8{1, 2, 3, 4}, 2, 2)
	y := tensor.Of([]int64{1, 0}, 2)
	z := tensor.Of([]float64{0.5, -0.5}, 2)
	for name, c := range map[string]struct {
		b           []byte
		train, test []string
		schema      string
	}{
		"Keras' mnist.npz": {npz(t, "x_test", x.Rows(0, 1), "x_train", x, "y_train", y, "y_test", y.Rows(1, 2)),
			[]string{"1 2 1", "3 4 0"}, []string{"1 2 0"}, "x uint8 [2], y int32 [] 2"},
		"MedMNIST": {npz(t, "train_images", x, "val_images", x, "test_images", x, "train_labels", tensor.Of([]uint8{1, 0}, 2, 1), "val_labels", y, "test_labels", tensor.Of([]uint8{0, 0}, 2, 1)),
			[]string{"1 2 1", "3 4 0"}, []string{"1 2 0", "3 4 0"}, "images uint8 [2], labels int32 [] 2"},
		"regression":     {npz(t, "features", z, "target", z), []string{"0.5 0.5", "-0.5 -0.5"}, nil, "features float32 [1], target float32 [1] 0"},
		"two inputs":     {npz(t, "a", x, "b", y, "label", tensor.Of([]bool{true, false}, 2)), []string{"1 2 1 1", "3 4 0 0"}, nil, "a uint8 [2], b int32 [1], label int32 [] 2"},
		"no target":      {npz(t, "x", tensor.Of([]int16{-1, 2}, 2, 1)), []string{"-1", "2"}, nil, "x int32 [1] 0"},
		"one-hot floats": {npz(t, "x", x, "y", tensor.Of([]float32{1, 0, 0, 1}, 2, 2)), []string{"1 2 1 0", "3 4 0 1"}, nil, "x uint8 [2], y float32 [2] 0"},
	} {
		s, err := OpenPath(filepath.Join(write(t, t.TempDir(), map[string][]byte{"set.npz": c.b}), "set.npz"), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		check(t, s, c.train, c.test)
		schema := s.Train.Schema()
		var fields []string
		for _, f := range slices.Concat(schema.Inputs, schema.Targets) {
			fields = append(fields, fmt.Sprint(f.Name, " ", f.DType, " ", f.Shape))
		}
		if got := fmt.Sprint(strings.Join(fields, ", "), " ", len(schema.Classes)); got != c.schema {
			t.Errorf("%s: schema %s, want %s", name, got, c.schema)
		}
		if (name == "MedMNIST") != (len(s.Notes) == 1) || s.Name != "set.npz" || s.FixedOrder != (c.test != nil) {
			t.Errorf("%s: %q, notes %q, fixed order %v", name, s.Name, s.Notes, s.FixedOrder)
		}
	}
}

// Whole numbers, several a row, are class numbers where that is said, in both parts.
func TestOpenNPZOfSteps(t *testing.T) {
	t.Parallel()
	x := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	y := tensor.Of([]int64{1, 0, 2, 2, 0, 4}, 3, 2)
	open := func(o Options, arrays ...any) (*Set, error) {
		return OpenPath(filepath.Join(write(t, t.TempDir(), map[string][]byte{"set.npz": npz(t, arrays...)}), "set.npz"), o)
	}
	var asked []string
	steps := Options{Labels: func(inputs []data.Field, target data.Field) bool {
		asked = append(asked, fmt.Sprint(inputs, target.Name, target.Shape))
		return target.Name == "y"
	}}
	s, err := open(steps, "x_train", x.Rows(0, 2), "y_train", y.Rows(0, 2), "x_test", x.Rows(0, 1), "y_test", y.Rows(2, 3))
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, []string{"1 2 1 0", "3 4 2 2"}, []string{"1 2 0 4"})
	for _, part := range []data.Source{s.Train, s.Test} {
		if c := part.Schema(); c.Targets[0].DType != tensor.Int32 || !c.Targets[0].Shape.Equal(tensor.Shape{2}) || len(c.Classes) != 5 || c.Classification() {
			t.Errorf("schema %v", c)
		}
	}
	if want := "[{x float32 [2]}]y[2]"; len(asked) != 2 || asked[0] != want {
		t.Errorf("asked %q, want twice %q", asked, want)
	}
	for name, y := range map[string]*tensor.Tensor{"floats": tensor.Of([]float32{1, 0, 2, 2, 0, 4}, 3, 2), "one a row": tensor.Of([]int64{1, 0, 2}, 3)} {
		asked = nil
		if _, err := open(steps, "x", x, "y", y); err != nil || asked != nil {
			t.Errorf("%s: %v, asked %q", name, err, asked)
		}
	}
	if s, err = open(Options{}, "x", x, "y", y); err != nil || s.Train.Schema().Targets[0].DType != tensor.Float32 {
		t.Errorf("%v, %v", s, err)
	}
	_, err = open(steps, "x", x, "y", tensor.Of([]int64{1, 0, 2, -2, 0, 4}, 3, 2))
	if err == nil || !strings.Contains(err.Error(), "label -2 of row 1 is out of range") {
		t.Errorf("a negative class: %v", err)
	}
}

func TestOpenNPY(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := npy.Write(&b, tensor.Of([]float64{1, 2, 3, 4}, 2, 2)); err != nil {
		t.Fatal(err)
	}
	s, err := OpenPath(filepath.Join(write(t, t.TempDir(), map[string][]byte{"a.npy": b.Bytes()}), "a.npy"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, []string{"1 2", "3 4"}, nil)
}

func TestOpenFolderOfPictures(t *testing.T) {
	t.Parallel()
	var dot bytes.Buffer
	if err := png.Encode(&dot, &image.Gray{Pix: []uint8{7}, Stride: 1, Rect: image.Rect(0, 0, 1, 1)}); err != nil {
		t.Fatal(err)
	}
	d := dot.Bytes()
	s, err := OpenPath(write(t, t.TempDir(), map[string][]byte{"cat/1.png": d, "dog/1.png": d, "dog/x.txt": nil}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, []string{"7 0", "7 1"}, nil)
	if s.FixedOrder || len(s.Notes) != 1 {
		t.Errorf("fixed order %v, notes %q", s.FixedOrder, s.Notes)
	}
	parts := map[string][]byte{"train/cat/1.png": d, "train/dog/1.png": d, "test/cat/1.png": d, "test/dog/1.png": d}
	s, err = OpenPath(write(t, t.TempDir(), parts), Options{Images: images.Options{Height: 1, Width: 2}})
	if err != nil {
		t.Fatal(err)
	}
	check(t, s, []string{"7 7 0", "7 7 1"}, []string{"7 7 0", "7 7 1"})
	parts["test/emu/1.png"] = d
	if _, err = OpenPath(write(t, t.TempDir(), parts), Options{}); err == nil || !strings.Contains(err.Error(), "emu") {
		t.Error(err)
	}
}

func TestOpenPathRefuses(t *testing.T) {
	t.Parallel()
	x := tensor.Of([]uint8{1, 2, 3, 4}, 2, 2)
	y := tensor.Of([]int64{1, 0}, 2)
	for name, c := range map[string]struct {
		file string
		b    []byte
		want string
	}{
		"text":               {"a.txt", []byte("hello"), "unknown kind of file"},
		"damaged IDX":        {"a.idx", []byte{0, 0, 99, 1, 0}, "no IDX file"},
		"empty":              {"a.npz", nil, "empty"},
		"empty npy":          {"a.npy", nil, "empty"},
		"no zip":             {"a.npz", []byte("PK but no zip"), "npz"},
		"no arrays":          {"a.npz", npz(t), "no arrays"},
		"counts":             {"a.npz", npz(t, "x", x, "y", y.Rows(0, 1)), "1 rows"},
		"negative label":     {"a.npz", npz(t, "x", x, "y", tensor.Of([]int32{0, -1}, 2)), "out of range"},
		"two targets":        {"a.npz", npz(t, "x", x, "y", y, "label", y), "two targets"},
		"mixed names":        {"a.npz", npz(t, "x_train", x, "y", y), "with and without train"},
		"test only":          {"a.npz", npz(t, "x_test", x), "without a training part"},
		"parts differ":       {"a.npz", npz(t, "x_train", x, "x_test", y), "of the training part"},
		"a scalar":           {"a.npz", npz(t, "x", tensor.Of([]float32{1})), "one row a sample"},
		"a scalar target":    {"a.npz", npz(t, "x", x, "y", tensor.Of([]int32{1})), "one row a sample"},
		"only a target":      {"a.npz", npz(t, "y", y), "at least one input"},
		"no rows":            {"a.npz", npz(t, "x", tensor.New(tensor.Float32, 0, 3)), "no rows"},
		"huge integers":      {"a.npz", npz(t, "x", tensor.Of([]int64{1 << 40}, 1)), "32-bit"},
		"no labels":          {"train-images", idxFile([]byte{1}, 1), "train-labels"},
		"neither":            {"pixels.idx", idxFile([]byte{1}, 1), "without labels"},
		"a folder of a file": {"d/a.txt", nil, "no pictures"},
	} {
		path := filepath.Join(write(t, t.TempDir(), map[string][]byte{c.file: c.b}), filepath.FromSlash(c.file))
		if strings.Contains(c.file, "/") {
			path = filepath.Dir(path)
		}
		_, err := OpenPath(path, Options{})
		if e, ok := errors.AsType[*data.Error](err); !ok || e.Path == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s…", name, err, c.want)
		}
	}
	if _, err := OpenPath(filepath.Join(t.TempDir(), "absent"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestIDXPairsGiveTheirRows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(rt, "n")
		x := rapid.SliceOfN(rapid.Byte(), n, n).Draw(rt, "x")
		y := rapid.SliceOfN(rapid.Byte(), n, n).Draw(rt, "y")
		write(t, dir, map[string][]byte{"images": zip(idxFile(x, n)), "labels": idxFile(y, n)})
		s, err := OpenPath(filepath.Join(dir, "images"), Options{})
		if err != nil {
			rt.Fatal(err)
		}
		for i, row := range shows(t, s.Train) {
			if want := fmt.Sprint(x[i], " ", y[i]); row != want {
				rt.Fatalf("row %d is %s, want %s", i, row, want)
			}
		}
	})
}

func FuzzCIFAR(f *testing.F) {
	f.Add(record(1, 2, 3, 4))
	f.Add(record(1, 2, 3, 4)[:2000])
	f.Add(record(77, 2, 3, 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c cifar
		if err := c.read(bytes.NewReader(b)); err != nil {
			return
		}
		if _, err := c.source(lookup("cifar10").classes); err != nil || len(b) != len(c.y)*cifarRecord {
			t.Errorf("%d records from %d bytes: %v", len(c.y), len(b), err)
		}
	})
}

func FuzzNPZ(f *testing.F) {
	x := tensor.Of([]uint8{1, 2, 3, 4}, 2, 2)
	y := tensor.Of([]int64{1, 0}, 2)
	f.Add(npz(f, "x_train", x, "y_train", y, "x_test", x, "y_test", y))
	f.Add(npz(f, "a", x, "b", y, "label", tensor.Of([]bool{true, false}, 2)))
	f.Add(npz(f, "x", x, "y", tensor.Of([]float64{1, 2}, 2)))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := npy.NewArchive(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		s, err := fromArchive(a, "fuzz.npz", Options{})
		if err != nil {
			return
		}
		got := data.NewBatch(s.Train.Schema(), 1)
		if err := s.Train.Read(got, []int32{0}); err != nil {
			t.Error(err)
		}
	})
}

func ExampleOpenPath() {
	dir, err := os.MkdirTemp("", "sets")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "xor.npz")
	f, err := os.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	err = npy.WriteArchive(f, func(yield func(string, *tensor.Tensor) bool) {
		_ = yield("x", tensor.Of([]float32{0, 0, 0, 1, 1, 0, 1, 1}, 4, 2)) &&
			yield("y", tensor.Of([]uint8{0, 1, 1, 0}, 4))
	})
	if err = errors.Join(err, f.Close()); err != nil {
		log.Fatal(err)
	}
	set, err := OpenPath(path, Options{})
	if err != nil {
		log.Fatal(err)
	}
	schema := set.Train.Schema()
	fmt.Println(set.Name, set.Train.Len(), schema.Inputs[0].Shape, schema.Classes)
	// Output: xor.npz 4 [2] [0 1]
}

func ExampleList() {
	for _, k := range List([]string{}) {
		fmt.Printf("%s: %s\n", k.Name, k.About)
	}
	// Output:
	// mnist: handwritten digits, 28×28 gray, 60,000 + 10,000, 10 classes
	// fashion-mnist: articles of clothing, 28×28 gray, 60,000 + 10,000, 10 classes
	// cifar10: photographs of animals and vehicles, 32×32 color, 50,000 + 10,000, 10 classes
}
