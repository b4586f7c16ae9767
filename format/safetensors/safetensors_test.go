package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

// file is a header with its length before it and data after it.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	return append(b, make([]byte, data)...)
}

func entry(dtype, shape, offsets string) string {
	return fmt.Sprintf(`{"dtype":%s,"shape":%s,"data_offsets":%s}`, dtype, shape, offsets)
}

func TestDamage(t *testing.T) {
	t.Parallel()
	one := func(dtype, shape, offsets string) string {
		return `{"w":` + entry(dtype, shape, offsets) + `}`
	}
	good := one(`"F32"`, `[2]`, `[0,8]`)
	for _, tc := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "truncated"},
		{"seven bytes", make([]byte, 7), "truncated"},
		{"header beyond the file", file(good, 8)[:20], "only 12 follow"},
		{"header too long", append([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"), good...), "at most 100000000"},
		{"header just too long", append(binary.LittleEndian.AppendUint64(nil, maxHeader+1), good...), "at most 100000000"},
		{"no object", file(`[1,2,3]`, 0), "no JSON object"},
		{"empty header", file(``, 9), "no JSON object"},
		{"truncated data", file(good, 7), "truncated"},
		{"data beyond the last tensor", file(good, 9), "1 bytes at the end"},
		{"data without a tensor", file(`{}`, 1), "1 bytes at the end"},
		{"not UTF-8", file("{\"\xff\":"+entry(`"U8"`, `[]`, `[0,1]`)+"}", 1), "UTF-8"},
		{"JSON cut", file(good[:30], 8), "ends early"},
		{"JSON broken", file(strings.Replace(good, `:`, `;`, 1), 8), "damaged"},
		{"JSON goes on", file(good+`{}`, 8), "goes on"},
		{"trailing comma", file(strings.Replace(good, `}}`, `},}`, 1), 8), "damaged"},
		{"deep", file(`{"w":`+strings.Repeat(`[`, 5000), 0), "object is wanted"},
		{"deep shape", file(one(`"F32"`, strings.Repeat(`[`, 5000)+strings.Repeat(`]`, 5000), `[0,8]`), 8), "shape holds a list"},
		{"name twice", file(`{"w":`+entry(`"U8"`, `[1]`, `[0,1]`)+`,"w":`+entry(`"U8"`, `[1]`, `[1,2]`)+`}`, 2), "twice"},
		{"name twice in other letters", file(`{"w":`+entry(`"U8"`, `[1]`, `[0,1]`)+`,"\u0077":`+entry(`"U8"`, `[1]`, `[1,2]`)+`}`, 2), "twice"},
		{"field twice", file(`{"w":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1), "dtype is there twice"},
		{"shape twice", file(`{"w":{"dtype":"U8","shape":[],"shape":[1],"data_offsets":[0,1]}}`, 1), "shape is there twice"},
		{"field unknown", file(`{"w":{"dtype":"U8","shape":[],"data_offsets":[0,1],"device":"cpu"}}`, 1), `unknown field "device"`},
		{"field absent", file(`{"w":{"dtype":"U8","shape":[]}}`, 0), "lacks"},
		{"dtype unknown", file(one(`"F8_E4M3"`, `[8]`, `[0,8]`), 8), `dtype "F8_E4M3" is not known`},
		{"dtype empty", file(one(`""`, `[8]`, `[0,8]`), 8), `dtype "" is not known`},
		{"dtype a number", file(one(`32`, `[8]`, `[0,8]`), 8), "dtype is the number 32"},
		{"shape a number", file(one(`"F32"`, `2`, `[0,8]`), 8), "want a list"},
		{"shape null", file(one(`"F32"`, `null`, `[0,8]`), 8), "shape is null"},
		{"axis negative", file(one(`"F32"`, `[-2,-1]`, `[0,8]`), 8), "number -2"},
		{"axis broken", file(one(`"F32"`, `[2.0]`, `[0,8]`), 8), "number 2.0"},
		{"axis huge", file(one(`"F32"`, `[18446744073709551618]`, `[0,8]`), 8), "2^63-1"},
		{"shape overflows", file(one(`"F32"`, `[4294967296,4294967296,2]`, `[0,8]`), 8), "more elements than an int"},
		{"shape overflows to the size", file(one(`"F32"`, `[4611686018427387905,4]`, `[0,16]`), 16), "more elements than an int"},
		{"bytes overflow", file(one(`"F64"`, `[2305843009213693953]`, `[0,8]`), 8), "more bytes than an int"},
		{"rank", file(one(`"U8"`, `[1`+strings.Repeat(`,1`, maxRank)+`]`, `[0,1]`), 1), "more than 64"},
		{"size is not the shape's", file(one(`"F32"`, `[2]`, `[0,9]`), 9), "takes 8 bytes, but its data has 9"},
		{"size of a huge empty shape", file(one(`"F32"`, `[0,4294967296]`, `[0,4]`), 4), "takes 0 bytes"},
		{"ends before it begins", file(one(`"F32"`, `[2]`, `[8,0]`), 8), "after its end"},
		{"three offsets", file(one(`"F32"`, `[2]`, `[0,8,9]`), 8), "more than 2"},
		{"one offset", file(one(`"F32"`, `[2]`, `[8]`), 8), "has 1 numbers"},
		{"gap at the start", file(one(`"F32"`, `[2]`, `[4,12]`), 12), "4 bytes before"},
		{"gap", file(`{"a":`+entry(`"U8"`, `[1]`, `[0,1]`)+`,"b":`+entry(`"U8"`, `[1]`, `[2,3]`)+`}`, 3), "1 bytes before"},
		{"overlap", file(`{"a":`+entry(`"U8"`, `[2]`, `[0,2]`)+`,"b":`+entry(`"U8"`, `[2]`, `[1,3]`)+`}`, 3), `overlaps that of "a"`},
		{"the same data twice", file(`{"a":`+entry(`"U8"`, `[2]`, `[0,2]`)+`,"b":`+entry(`"U8"`, `[2]`, `[0,2]`)+`}`, 2), "overlaps"},
		{"metadata a number", file(`{"__metadata__":{"a":1}}`, 0), "want a string"},
		{"metadata nested", file(`{"__metadata__":{"a":{"b":"c"}}}`, 0), "want a string"},
		{"metadata a list", file(`{"__metadata__":["a"]}`, 0), "object is wanted"},
		{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`, 0), "twice"},
		{"metadata key twice", file(`{"__metadata__":{"a":"1","a":"2"}}`, 0), "twice"},

		{"zip", []byte("PK\x03\x04\x14\x00\x08\x08\x08\x00\x12\x0b"), "zip archive"},
		{"HDF5", []byte("\x89HDF\r\n\x1a\n\x00\x00\x00\x00\x00\x08\x08"), "HDF5"},
		{"pickle", []byte("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."), "pickle"},
		{"npy", []byte("\x93NUMPY\x01\x00v\x00{'descr': '<f4'"), ".npy"},
		{"ONNX", []byte("\x08\x03\x12\x07pytorch\x1a\x031.3:\xa9"), "ONNX"},
		{"LFS pointer", []byte("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"},
		{"HTML", []byte("<!DOCTYPE html><html>404</html>"), "HTML"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := &countingReader{r: bytes.NewReader(tc.file)}
			f, err := Read(r, int64(len(tc.file)))
			bad, ok := errors.AsType[*Error](err)
			if !ok || f != nil {
				t.Fatalf("got %v, %v; want an *Error", f, err)
			}
			if !strings.Contains(bad.Error(), tc.want) {
				t.Errorf("error %q does not say %q", bad, tc.want)
			}
			if bad.Offset < 0 || bad.Offset > int64(len(tc.file)) {
				t.Errorf("offset %d lies outside the file's %d bytes", bad.Offset, len(tc.file))
			}
		})
	}
}

// countingReader counts the bytes asked for.
type countingReader struct {
	r     io.ReaderAt
	asked int64
}

func (c *countingReader) ReadAt(b []byte, off int64) (int, error) {
	c.asked += int64(len(b))
	return c.r.ReadAt(b, off)
}

// A header is believed only as far as the file reaches: nothing is read, and so
// no memory taken, for data before a tensor is asked for.
func TestOpensWithoutData(t *testing.T) {
	t.Parallel()
	header := `{"w":` + entry(`"F32"`, `[1073741824]`, `[0,4294967296]`) + `}`
	r := &countingReader{r: bytes.NewReader(file(header, 0))}
	f, err := Read(r, int64(8+len(header))+4<<30)
	if err != nil {
		t.Fatal(err)
	}
	if info, ok := f.Lookup("w"); !ok || info.End-info.Begin != 4<<30 {
		t.Errorf("got %+v, %t", info, ok)
	}
	if r.asked > int64(64+len(header)) {
		t.Errorf("%d bytes were read for a header of %d", r.asked, len(header))
	}
}

func TestFileCutWhileOpen(t *testing.T) {
	t.Parallel()
	whole := file(`{"w":`+entry(`"U8"`, `[8]`, `[0,8]`)+`}`, 8)
	f, err := Read(bytes.NewReader(whole[:len(whole)-3]), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Tensor("w")
	if bad, ok := errors.AsType[*Error](err); !ok || bad.Offset != int64(len(whole)-3) {
		t.Errorf("got %v, want an *Error at byte %d", err, len(whole)-3)
	}
}

type brokenDisk struct{}

func (brokenDisk) ReadAt([]byte, int64) (int, error) { return 0, fs.ErrPermission }

func TestFailureToReadIsNoDamage(t *testing.T) {
	t.Parallel()
	_, err := Read(brokenDisk{}, 100)
	if _, damaged := errors.AsType[*Error](err); damaged || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file gives %v", err)
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory gives %v", err)
	}
}

func TestOpenNamesThePath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := os.WriteFile(path, []byte("PK\x03\x04 and so on"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path)
	if bad, ok := errors.AsType[*Error](err); !ok || bad.Path != path || !strings.HasPrefix(err.Error(), path+": ") {
		t.Errorf("got %v", err)
	}
}

func TestBool(t *testing.T) {
	t.Parallel()
	b := file(`{"w":`+entry(`"BOOL"`, `[3]`, `[0,3]`)+`}`, 3)
	copy(b[len(b)-3:], []byte{1, 0, 2})
	f, err := Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Tensor("w")
	if bad, ok := errors.AsType[*Error](err); !ok || bad.Offset != int64(len(b)-1) {
		t.Errorf("got %v", err)
	}
	if _, err = f.Tensor("v"); err == nil {
		t.Error("a name that is not there gives no error")
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	one := tensor.New(tensor.Uint8, 1)
	for name, tensors := range map[string][]Named{
		"twice":    {{"a", one}, {"a", one}},
		"reserved": {{"__metadata__", one}},
		"UTF-8":    {{"\xff", one}},
		"rank":     {{"a", tensor.New(tensor.Uint8, slices.Repeat([]int{1}, maxRank+1)...)}},
	} {
		if err := Write(io.Discard, tensors, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := Write(io.Discard, nil, map[string]string{"k": "\xff"}); err == nil {
		t.Error("metadata that is not UTF-8: no error")
	}
}

type fullDisk struct{ left int }

func (d *fullDisk) Write(b []byte) (int, error) {
	if len(b) > d.left {
		return 0, io.ErrShortWrite
	}
	d.left -= len(b)
	return len(b), nil
}

func TestWriteReportsTheDisk(t *testing.T) {
	t.Parallel()
	tensors := []Named{{"w", tensor.New(tensor.Float32, 100)}}
	for _, left := range []int{0, 200} {
		if err := Write(&fullDisk{left}, tensors, nil); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%d bytes left: %v", left, err)
		}
	}
}

// The bytes themselves: the header in the given order, data by falling element
// size, padding before it.
func TestBytes(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Write(&b, []Named{
		{"n", tensor.Of([]uint8{7})},
		{"w<", tensor.Of([]float32{1, -2}, 2, 1)},
	}, map[string]string{"b": "2", "a": "1 > 0"}); err != nil {
		t.Fatal(err)
	}
	header := `{"__metadata__":{"a":"1 > 0","b":"2"},` +
		`"n":{"dtype":"U8","shape":[],"data_offsets":[8,9]},` +
		`"w<":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}`
	header += strings.Repeat(" ", -len(header)&7)
	want := file(header, 0)
	want = append(want, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 7)
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
}

func drawTensors(t *rapid.T) []Named {
	names := rapid.SliceOfNDistinct(rapid.String().Filter(func(s string) bool { return s != metadataKey }), 0, 6, rapid.ID).Draw(t, "names")
	tensors := make([]Named, len(names))
	for i, name := range names {
		dt := rapid.SampledFrom([]tensor.DType{
			tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Int8, tensor.Int16,
			tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64, tensor.Bool,
		}).Draw(t, "dtype")
		shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "shape")
		x := tensor.New(dt, shape...)
		top := byte(255)
		if dt == tensor.Bool {
			top = 1
		}
		copy(x.Bytes(), rapid.SliceOfN(rapid.ByteRange(0, top), len(x.Bytes()), len(x.Bytes())).Draw(t, "bytes"))
		tensors[i] = Named{name, x}
	}
	return tensors
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tensors := drawTensors(t)
		meta := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "meta")
		var b, again bytes.Buffer
		if err := errors.Join(Write(&b, tensors, meta), Write(&again, tensors, meta)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Fatal("equal tensors give other bytes")
		}
		f, err := Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Metadata(); len(got)+len(meta) > 0 && !cmp.Equal(got, meta) {
			t.Fatalf("metadata %q, want %q", got, meta)
		}
		for i, info := range f.Infos() {
			if info.Name != tensors[i].Name {
				t.Fatalf("tensor %d is %q, want %q", i, info.Name, tensors[i].Name)
			}
			if info.Begin%int64(info.DType.Size()) != 0 {
				t.Fatalf("tensor %q of %v begins at byte %d", info.Name, info.DType, info.Begin)
			}
		}
		all, err := f.All()
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, all, tensors)
	})
}

func checkEqual(t interface{ Fatalf(string, ...any) }, got, want []Named) {
	if len(got) != len(want) {
		t.Fatalf("%d tensors, want %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if g.Name != w.Name || g.Tensor.DType() != w.Tensor.DType() || !g.Tensor.Shape().Equal(w.Tensor.Shape()) ||
			!bytes.Equal(g.Tensor.Bytes(), w.Tensor.Bytes()) {
			t.Fatalf("tensor %d is %q %v, want %q %v", i, g.Name, g.Tensor, w.Name, w.Tensor)
		}
	}
}

// Files that other programs wrote.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		dir     string
		tensors int
		name    string
		dtype   tensor.DType
		shape   tensor.Shape
		first   float64
	}{
		{"burn-mnist", 20, "conv3.weight", tensor.Float32, tensor.Shape{24, 16, 3, 3}, -0.101033},
		{"burn-mnist", 20, "norm1.num_batches_tracked", tensor.Int64, tensor.Shape{}, 7504},
		{"dfdx-mnist", 8, "0.0.weight", tensor.Float32, tensor.Shape{512, 784}, 0.0215328},
	} {
		t.Run(tc.dir+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			f, err := Open(shared.File(t, "models/safetensors", tc.dir, "mnist.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			all, err := f.All()
			if err != nil || len(all) != tc.tensors {
				t.Fatalf("%d tensors, %v; want %d", len(all), err, tc.tensors)
			}
			x, err := f.Tensor(tc.name)
			if err != nil {
				t.Fatal(err)
			}
			if x.DType() != tc.dtype || !x.Shape().Equal(tc.shape) || math.Abs(x.Flat(0)-tc.first) > 1e-6 {
				t.Errorf("got %v, want %v%v beginning with %v", x, tc.dtype, tc.shape, tc.first)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, []Named{
		{"w", tensor.Of([]float32{1, 2}, 2, 1)}, {"ok", tensor.Of([]bool{true}, 1)}, {"none", tensor.New(tensor.Int64, 0)},
	}, map[string]string{"spec": "{}"}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(file(`{}`, 0))
	f.Add(file(`{"w":`+entry(`"F32"`, `[4294967296,4294967296,2]`, `[0,8]`)+`}`, 8))
	f.Add(file(`{"a":`+entry(`"U8"`, `[2]`, `[0,2]`)+`,"b":`+entry(`"U8"`, `[2]`, `[1,3]`)+`}`, 3))
	f.Add([]byte("PK\x03\x04\x14\x00\x08\x08\x08\x00\x12\x0b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("%v is no *Error", err)
			}
			return
		}
		held := int64(0)
		for _, info := range file.Infos() {
			held += info.End - info.Begin
		}
		if held > int64(len(b)) {
			t.Fatalf("%d bytes of tensors in a file of %d", held, len(b))
		}
		all, err := file.All()
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("%v is no *Error", err)
			}
			return
		}
		var again bytes.Buffer
		if err := Write(&again, all, file.Metadata()); err != nil {
			t.Fatal(err)
		}
		file, err = Read(bytes.NewReader(again.Bytes()), int64(again.Len()))
		if err != nil {
			t.Fatal(err)
		}
		reread, err := file.All()
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, reread, all)
	})
}
