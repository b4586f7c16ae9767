package hdf5

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nadir-ml/nadir/tensor"
)

// readAll reads all that can be read and returns the errors.
func readAll(b []byte) []error {
	f, err := NewFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return []error{err}
	}
	var errs []error
	look := func(o Object) {
		attrs, err := o.Attrs()
		errs = append(errs, err)
		for _, a := range attrs {
			_, err := a.Value()
			errs = append(errs, err)
		}
		if d, ok := o.(*Dataset); ok {
			if d.DType() == tensor.Invalid {
				_, err = d.Texts()
			} else {
				_, err = d.Read()
			}
			errs = append(errs, err)
		}
	}
	look(f.Root())
	for o, err := range f.Root().Walk() {
		if err != nil {
			errs = append(errs, err)
			break
		}
		look(o)
		if g, ok := o.(*Group); ok { // soft links, which Walk passes over
			_, err := g.Children()
			errs = append(errs, err)
		}
	}
	var bad []error
	for _, err := range errs {
		if err != nil {
			bad = append(bad, err)
		}
	}
	return bad
}

// mustBeTyped fails where an error is not an *Error.
func mustBeTyped(t *testing.T, what string, errs []error) {
	t.Helper()
	for _, err := range errs {
		if _, ok := errors.AsType[*Error](err); !ok {
			t.Fatalf("%s: %v (%T) is no *Error", what, err, err)
		}
	}
}

func smallFiles(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, name := range []string{"new.h5", "old.h5", "refused.h5"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = b
	}
	tree := &Node{}
	tree.Put("a/kernel:0", floats24())
	tree.Set("text", "hello")
	tree.Set("list", Fixed{"a", "b"})
	_, out["written"] = written(t, tree)
	return out
}

// endAt makes the superblock say that the file ends where it does.
func endAt(b []byte) {
	if len(b) < 48 {
		return
	}
	if b[8] < 2 {
		binary.LittleEndian.PutUint64(b[40:], uint64(len(b)))
		return
	}
	binary.LittleEndian.PutUint64(b[28:], uint64(len(b)))
	binary.LittleEndian.PutUint32(b[44:], lookup3(b[:44]))
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	for name, b := range smallFiles(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := range b {
				errs := readAll(b[:n])
				mustBeTyped(t, fmt.Sprintf("%d bytes", n), errs)
				if len(errs) == 0 {
					t.Fatalf("%d of %d bytes pass for the whole", n, len(b))
				}
				if n%11 == 0 {
					cut := bytes.Clone(b[:n])
					endAt(cut)
					mustBeTyped(t, fmt.Sprintf("%d bytes", n), readAll(cut))
				}
			}
		})
	}
}

func TestFlippedBits(t *testing.T) {
	t.Parallel()
	for name, b := range smallFiles(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, 2))
			for at := r.IntN(9); at < len(b); at += 9 {
				bad := bytes.Clone(b)
				bad[at] ^= 1 << r.IntN(8)
				mustBeTyped(t, fmt.Sprintf("a bit of byte %d", at), readAll(bad))
			}
		})
	}
}

// In the new form of the format everything has a checksum, so that a flipped
// bit is an error or of no consequence.
func TestChecksums(t *testing.T) {
	t.Parallel()
	b := smallFiles(t)["new.h5"]
	want := describe(t, small(t, "new.h5"))
	r := rand.New(rand.NewPCG(3, 4))
	tried, missed := 0, 0
	for at := 0; at < len(b); at += 13 {
		tried++
		bad := bytes.Clone(b)
		bad[at] ^= 1 << r.IntN(8)
		if len(readAll(bad)) > 0 {
			continue
		}
		missed++
		f, err := NewFile(bytes.NewReader(bad), int64(len(bad)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, describe(t, f), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("a bit of byte %d:\n%s", at, diff)
		}
	}
	if missed == tried {
		t.Error("no flipped bit is ever noticed")
	}
}

// replace puts one number in the place of another, which must be there.
func replace(t *testing.T, b []byte, old, now uint64) []byte {
	t.Helper()
	le := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	if !bytes.Contains(b, le(old)) {
		t.Fatalf("the file holds no %d", old)
	}
	return bytes.ReplaceAll(b, le(old), le(now))
}

func address(t *testing.T, f *File, path string) uint64 {
	t.Helper()
	o, err := f.Root().Lookup(path)
	if err != nil {
		t.Fatal(err)
	}
	return uint64(o.Address())
}

func TestHostile(t *testing.T) {
	t.Parallel()
	one := func() *Node {
		n := &Node{}
		n.Put("w", tensor.New(tensor.Float32, 12345, 3))
		return n
	}
	for name, tc := range map[string]struct {
		make func(t *testing.T) []byte
		want string
	}{
		"group in itself": {func(t *testing.T) []byte {
			n := &Node{}
			n.Group("a/b")
			f, b := written(t, n)
			return replace(t, b, address(t, f, "a/b"), f.root)
		}, "the group holds itself"},
		"paths without number": {func(t *testing.T) []byte {
			// Every group holds the next one twice: 2^60 paths.
			n := &Node{}
			path := ""
			for range 60 {
				n.Group(path + "/y")
				path += "/x"
			}
			f, b := written(t, n)
			path = ""
			for range 59 {
				b = replace(t, b, address(t, f, path+"/y"), address(t, f, path+"/x"))
				path += "/x"
			}
			return b
		}, "paths have no end"},
		"deep": {func(t *testing.T) []byte {
			// A deep tree hangs from the deepest group of another.
			n := &Node{}
			deepest := strings.Repeat("d/", maxDepth-1)
			n.Group(deepest)
			n.Group(strings.Repeat("e/", maxDepth-1))
			f, b := written(t, n)
			return replace(t, b, address(t, f, deepest), address(t, f, "e"))
		}, "nested more than 64 deep"},
		"axis beyond memory": {func(t *testing.T) []byte {
			_, b := written(t, one())
			return replace(t, b, 12345, 1<<60)
		}, "larger than any memory"},
		"product that overflows": {func(t *testing.T) []byte {
			_, b := written(t, one())
			return replace(t, b, 12345, 1<<63-1)
		}, "more elements than an int"},
		"axis beyond the file": {func(t *testing.T) []byte {
			_, b := written(t, one())
			return replace(t, b, 12345, 1<<40)
		}, "takes 13194139533312"},
		"shape and size beyond the file": {func(t *testing.T) []byte {
			_, b := written(t, one())
			return replace(t, replace(t, b, 12345, 1<<40), 12345*12, 12<<40)
		}, "beyond the file's end"},
		"overlap": {func(t *testing.T) []byte {
			n := one()
			n.Put("v", tensor.New(tensor.Float32, 12345, 3))
			f, b := written(t, n)
			v, _ := f.Root().Dataset("v")
			w, _ := f.Root().Dataset("w")
			return replace(t, b, w.data.at, v.data.at+8)
		}, "overlaps other data"},
		"name in two places": {func(t *testing.T) []byte {
			n := &Node{}
			n.Group("aaaa")
			n.Group("bbbb")
			_, b := written(t, n)
			return bytes.ReplaceAll(b, []byte("bbbb\x00"), []byte("aaaa\x00"))
		}, `the name "aaaa" twice`},
		"name with a slash": {func(t *testing.T) []byte {
			n := &Node{}
			n.Group("aaaa")
			_, b := written(t, n)
			return bytes.ReplaceAll(b, []byte("aaaa\x00"), []byte("a/aa\x00"))
		}, "no path can reach"},
		"attribute in two places": {func(t *testing.T) []byte {
			n := &Node{}
			n.Set("aaaa", "x")
			n.Set("bbbb", "x")
			_, b := written(t, n)
			return bytes.ReplaceAll(b, []byte("bbbb\x00"), []byte("aaaa\x00"))
		}, `the attribute "aaaa" twice`},
		"header that goes on in itself": {func(t *testing.T) []byte {
			f, b := written(t, one())
			at := address(t, f, "w") + 16
			binary.LittleEndian.PutUint16(b[at-14:], 100)
			var r record
			r.u16(msgContinuation)
			r.u16(16)
			r.u32(0)
			r.u64(at)
			r.u64(24)
			copy(b[at:], r)
			return b
		}, "leads back"},
		"heap that is the file": {func(t *testing.T) []byte {
			n := one()
			n.Set("text", "hello")
			_, b := written(t, n)
			i := bytes.Index(b, []byte("GCOL"))
			binary.LittleEndian.PutUint64(b[i+8:], 1<<62)
			return b
		}, "beyond the file's end"},
		"not closed": {func(t *testing.T) []byte {
			b := bytes.Clone(smallFiles(t)["new.h5"])
			b[11] = 1
			endAt(b)
			return b
		}, "not closed by its writer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			errs := readAll(tc.make(t))
			mustBeTyped(t, name, errs)
			if got := fmt.Sprint(errs); !strings.Contains(got, tc.want) {
				t.Errorf("%.300s; want %q", got, tc.want)
			}
		})
	}
}

// put overwrites a number where it first stands.
func put(b []byte, old, now uint64) {
	i := bytes.Index(b, binary.LittleEndian.AppendUint64(nil, old))
	binary.LittleEndian.PutUint64(b[i:], now)
}

// sharedHeaders is a file with thousands of groups, the large headers of which
// are all made of the same bytes.
func sharedHeaders(t *testing.T) []byte {
	n := &Node{}
	big := n.Group("big")
	for i := range 15 {
		big.Set(fmt.Sprint(i), tensor.New(tensor.Float64, 8000))
	}
	const groups = 2000
	for i := range groups {
		n.Group(fmt.Sprintf("g%d", i))
	}
	f, b := written(t, n)
	at := address(t, f, "big")
	for i := range groups {
		head := at + 128 + uint64(i)*64
		put(b, address(t, f, fmt.Sprintf("g%d", i)), head)
		var r record
		r.u8(1, 0)
		r.u16(1)
		r.u32(1)
		r.u32(700000)
		r.pad()
		r.u16(msgGroupInfo)
		r.u16(0)
		copy(b[head:], r)
	}
	return b
}

// unwritten is a file with many datasets of which nothing is in the file.
func unwritten(t *testing.T) []byte {
	n := &Node{}
	for i := range 100 {
		n.Put(fmt.Sprint(i), tensor.New(tensor.Float32, 1))
	}
	f, b := written(t, n)
	for i := range 100 {
		d, err := f.Root().Dataset(fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		put(b, d.data.at, undefined)
		binary.LittleEndian.PutUint64(b[d.addr+16+8+8:], 4<<20)
	}
	return b
}

// oneChunk is a dataset of 63 chunks that are all the same 4 MiB of the file.
func oneChunk(t *testing.T) []byte {
	const elements, chunks = 1 << 20, 63
	n := &Node{}
	n.Put("w", tensor.New(tensor.Float32, elements))
	f, b := written(t, n)
	d, err := f.Root().Dataset("w")
	if err != nil {
		t.Fatal(err)
	}
	var was, now, tree record
	was.u8(3, 1)
	was.u64(d.data.at)
	was.u64(4 * elements)
	now.u8(3, 2, 2)
	now.u64(uint64(len(b)))
	now.u32(elements)
	now.u32(4)
	i := bytes.Index(b, was)
	copy(b[i:], now)
	put(b, elements, chunks*elements) // in the dataspace
	tree.text("TREE")
	tree.u8(1, 0)
	tree.u16(chunks)
	tree.u64(undefined)
	tree.u64(undefined)
	for k := range uint64(chunks + 1) {
		tree.u32(4 * elements)
		tree.u32(0)
		tree.u64(k * elements)
		tree.u64(0)
		if k < chunks {
			tree.u64(d.data.at)
		}
	}
	b = append(b, tree...)
	endAt(b)
	return b
}

// Hostile files take neither time nor memory. This test is not parallel, so as
// to measure what nobody else takes.
func TestBounds(t *testing.T) {
	for name, tc := range map[string]struct {
		make func(t *testing.T) []byte
		want string
	}{
		"shared headers": {sharedHeaders, "many times over"},
		"unwritten":      {unwritten, "never written"},
		"one chunk":      {oneChunk, "overlaps other data"},
	} {
		b := tc.make(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		errs := readAll(b)
		runtime.ReadMemStats(&after)
		mustBeTyped(t, name, errs)
		if got := fmt.Sprint(errs); !strings.Contains(got, tc.want) {
			t.Errorf("%s: %.300s; want %q", name, got, tc.want)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20+2*uint64(len(b)) {
			t.Errorf("%s: %d bytes of memory for a file of %d", name, took, len(b))
		}
	}
}
