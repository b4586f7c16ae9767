package npy_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"log"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format/npy"
	"github.com/nadir-ml/nadir/internal/deflate"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

// array is a version 1.0 file of a header and raw elements.
func array(header string, elements ...byte) []byte {
	b := []byte("\x93NUMPY\x01\x00")
	b = append(b, byte(len(header)), byte(len(header)>>8))
	return append(append(b, header...), elements...)
}

func read(b []byte) (*tensor.Tensor, error) { return npy.Read(bytes.NewReader(b), int64(len(b))) }

func write(t *tensor.Tensor) []byte {
	var b bytes.Buffer
	if err := npy.Write(&b, t); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func ExampleWrite() {
	var file bytes.Buffer
	if err := npy.Write(&file, tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)); err != nil {
		log.Fatal(err)
	}
	t, err := npy.Read(&file, int64(file.Len()))
	fmt.Println(t, err)
	// Output: float32[2 3]{1 2 3 4 5 6} <nil>
}

func ExampleHeader() {
	file := bytes.NewReader(write(tensor.Of([]uint8{1, 2, 3, 4}, 2, 2)))
	h, err := npy.ReadHeader(file)
	fmt.Println(h.DType, h.Shape, err)
	// Output: uint8 [2 2] <nil>
}

func ExampleArchive() {
	var file bytes.Buffer
	err := npy.WriteArchive(&file, func(yield func(string, *tensor.Tensor) bool) {
		_ = yield("x", tensor.Of([]float32{0.5, 1.5}, 2, 1)) && yield("y", tensor.Of([]int64{1, 0}, 2))
	})
	if err != nil {
		log.Fatal(err)
	}
	a, err := npy.NewArchive(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range a.Names() {
		t, err := a.Read(name)
		fmt.Println(name, t, err)
	}
	// Output:
	// x float32[2 1]{0.5 1.5} <nil>
	// y int64[2]{1 0} <nil>
}

func TestWriteIsNumPysBytes(t *testing.T) {
	t.Parallel()
	// numpy.save(f, numpy.arange(3, dtype='<i2')), NumPy 1.24
	want := "934e554d5059010076007b276465736372273a20273c6932272c2027666f727472616e5f6f72646572273a2046616c73652c20277368617065273a2028332c292c207d" +
		strings.Repeat("20", 128-10-57-1-0) + "0a" + "000001000200"
	got := hex.EncodeToString(write(tensor.Of([]int16{0, 1, 2}, 3)))
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

var dtypes = []tensor.DType{
	tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Int8, tensor.Int16, tensor.Int32,
	tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64, tensor.Bool,
}

func draw(t *rapid.T) *tensor.Tensor {
	x := tensor.New(rapid.SampledFrom(dtypes).Draw(t, "dtype"), rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "shape")...)
	copy(x.Bytes(), rapid.SliceOfN(rapid.Byte(), len(x.Bytes()), len(x.Bytes())).Draw(t, "bytes"))
	return x
}

func same(a, b *tensor.Tensor) bool {
	return a.DType() == b.DType() && a.Shape().Equal(b.Shape()) && bytes.Equal(a.Bytes(), b.Bytes())
}

func TestReadGivesBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := draw(t)
		b := write(want)
		if at := len(b) - len(want.Bytes()); at%64 != 0 {
			t.Fatalf("the elements begin at byte %d", at)
		}
		got, err := read(b)
		if err != nil {
			t.Fatal(err)
		}
		if !same(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if _, err := read(b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")]); err == nil {
			t.Fatal("a prefix was taken for the whole")
		}
	})
}

func TestColumnMajorIsTransposed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(1, 4), 1, 4).Draw(t, "shape")
		n := tensor.Shape(shape).Len()
		elements := make([]byte, n)
		for i := range elements {
			elements[i] = byte(i)
		}
		var axes strings.Builder
		for _, d := range shape {
			fmt.Fprintf(&axes, "%d,", d)
		}
		got, err := read(array("{'descr':'|u1','fortran_order':True,'shape':("+axes.String()+")}", elements...))
		if err != nil {
			t.Fatal(err)
		}
		index := make([]int, len(shape))
		for range n {
			want, step := 0, 1
			for a, i := range index {
				want += i * step
				step *= shape[a]
			}
			if v := int(got.At(index...)); v != want {
				t.Fatalf("element %v of %v is %d, want %d", index, shape, v, want)
			}
			for a := len(index) - 1; a >= 0; a-- {
				if index[a]++; index[a] < shape[a] {
					break
				}
				index[a] = 0
			}
		}
	})
}

func TestReadForms(t *testing.T) {
	t.Parallel()
	header := "{'descr': '>i4', 'fortran_order': False, 'shape': (1,), } \n"
	v2 := append([]byte("\x93NUMPY\x02\x00"), byte(len(header)), 0, 0, 0)
	v2 = append(append(v2, header...), 0, 0, 1, 2)
	v3 := slices.Clone(v2)
	v3[6] = 3
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"version 2":         {v2, "int32[1]{258}"},
		"version 3":         {v3, "int32[1]{258}"},
		"big-endian":        {array("{'descr': '>f8', 'fortran_order': False, 'shape': (1,)}", 0x3f, 0xf8, 0, 0, 0, 0, 0, 0), "float64[1]{1.5}"},
		"scalar":            {array("{'descr': '<u2', 'fortran_order': False, 'shape': ()}", 1, 1), "uint16[]{257}"},
		"keys in any order": {array(`{"shape": (2, 1), "descr": "?", "fortran_order": True}`, 1, 0), "bool[2 1]{1 0}"},
		"long axes":         {array("{'descr': '|b1', 'fortran_order': False, 'shape': (2L,)}\n", 1, 0), "bool[2]{1 0}"},
		"bfloat16":          {array("{'descr': '|V2', 'fortran_order': False, 'shape': (1,)}", 0x80, 0x3f), "bfloat16[1]{1}"},
		"no elements":       {array("{'descr': '<f4', 'fortran_order': True, 'shape': (0, 99999999)}"), "float32[0 99999999]{}"},
	} {
		got, err := read(c.b)
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %v, %v; want %s", name, got, err, c.want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	of := func(descr, shape string) []byte {
		return array("{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + "}")
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":          {nil, "truncated"},
		"magic":          {[]byte("PK\x03\x04 and so on"), "no npy array"},
		"version":        {[]byte("\x93NUMPY\x04\x00\x10\x00\x00\x00"), "version 4.0"},
		"long header":    {[]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), "header of more than"},
		"objects":        {of("'|O'", "(1,)"), "pickled"},
		"text":           {of("'<U5'", "(1,)"), "text"},
		"bytes":          {of("'|S3'", "(1,)"), "text"},
		"complex":        {of("'<c8'", "(1,)"), "type \"<c8\""},
		"records":        {of("[('a', '<f4')]", "(1,)"), "records"},
		"no comma":       {array("{'descr': '<f4' 'shape': ()}"), "want ','"},
		"a key twice":    {array("{'descr': '<f4', 'descr': '<f4', 'shape': ()}"), "twice"},
		"unknown key":    {array("{'colour': 3}"), "unknown key"},
		"no shape":       {array("{'descr': '<f4', 'fortran_order': False}"), "not all there"},
		"no end":         {array("{'descr': '<f4', 'shape': (3"), "want a length"},
		"open string":    {array("{'descr"), "without an end"},
		"text after":     {array("{'descr': '<f4', 'fortran_order': False, 'shape': ()} + 1"), "after the dictionary"},
		"negative axis":  {of("'<f4'", "(-1,)"), "want a length"},
		"huge axis":      {of("'<f4'", "(99999999999999999999,)"), "want a length"},
		"overflow":       {of("'<f4'", "(9999999999, 9999999999, 9999999999)"), "more elements"},
		"more than file": {of("'<f4'", "(1000000000,)"), "more than the file's"},
		"goes on":        {append(of("'|u1'", "(1,)"), 1, 2), "goes on"},
		"boolean":        {array("{'fortran_order': 0}"), "want True or False"},
	} {
		if _, err := read(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s…", name, err, c.want)
		}
	}
}

func pairs(names []string, ts []*tensor.Tensor) iter.Seq2[string, *tensor.Tensor] {
	return func(yield func(string, *tensor.Tensor) bool) {
		for i, n := range names {
			if !yield(n, ts[i]) {
				return
			}
		}
	}
}

func open(b []byte) (*npy.Archive, error) { return npy.NewArchive(bytes.NewReader(b), int64(len(b))) }

func TestArchiveGivesBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}(/[a-z])?`), 0, 4, rapid.ID).Draw(t, "names")
		want := make([]*tensor.Tensor, len(names))
		for i := range want {
			want[i] = draw(t)
		}
		var b, again bytes.Buffer
		for _, w := range []*bytes.Buffer{&b, &again} {
			if err := npy.WriteArchive(w, pairs(names, want)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Fatal("the same arrays give other bytes")
		}
		a, err := open(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.Names(), names) {
			t.Fatalf("names %q, want %q", a.Names(), names)
		}
		for i, n := range names {
			got, err := a.Read(n)
			if err != nil || !same(got, want[i]) {
				t.Fatalf("%q: %v, %v; want %v", n, got, err, want[i])
			}
			if h, err := a.Header(n); err != nil || h.DType != want[i].DType() || !h.Shape.Equal(want[i].Shape()) {
				t.Fatalf("header of %q: %v %v, %v", n, h.DType, h.Shape, err)
			}
		}
	})
}

// zipped is an archive of one deflated entry.
func zipped(name string, content []byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.Create(name)
	_, _ = w.Write(content)
	_ = z.Close()
	return b.Bytes()
}

func TestArchiveIsCompressedOrNot(t *testing.T) {
	t.Parallel()
	a, err := open(zipped("x.npy", write(tensor.Of(make([]float32, 5000), 5000))))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.Read("x"); err != nil || got.Len() != 5000 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestArchiveRefuses(t *testing.T) {
	t.Parallel()
	x := tensor.Of([]float32{1}, 1)
	if _, err := open([]byte("no archive")); err == nil {
		t.Error("text was taken for an archive")
	}
	if _, err := open(zipped("readme.txt", nil)); err == nil || !strings.Contains(err.Error(), "no .npy") {
		t.Errorf("an entry that is no array: %v", err)
	}
	if err := npy.WriteArchive(&bytes.Buffer{}, pairs([]string{"x", "x"}, []*tensor.Tensor{x, x})); err == nil {
		t.Error("a name was written twice")
	}
	var twice bytes.Buffer
	z := zip.NewWriter(&twice)
	for range 2 {
		w, _ := z.Create("x.npy")
		_, _ = w.Write(write(x))
	}
	_ = z.Close()
	if _, err := open(twice.Bytes()); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a name twice: %v", err)
	}
	bomb := zipped("x.npy", array("{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000,)}", 1))
	a, err := open(bomb)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read("x"); err == nil || !strings.Contains(err.Error(), "more than the file's") {
		t.Errorf("a bomb: %v", err)
	}
	if _, err := a.Read("y"); err == nil || !strings.Contains(err.Error(), "it holds x") {
		t.Errorf("a name that is not there: %v", err)
	}
	large := zipped("x.npy", write(x))
	central := bytes.Index(large, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(large[central+20:], 1<<30)
	if _, err := open(large); err == nil || !strings.Contains(err.Error(), "claim more") {
		t.Errorf("an entry larger than the file: %v", err)
	}
	damaged := zipped("x.npy", write(tensor.Of([]float32{1, 2, 3, 4}, 4)))
	damaged[60] ^= 0xff
	if a, err := open(damaged); err == nil {
		if _, err = a.Read("x"); err == nil {
			t.Error("a damaged entry was read")
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(write(tensor.Of([]float32{1, 2, 3, 4}, 2, 2)))
	f.Add(array("{'descr': '>i2', 'fortran_order': True, 'shape': (1, 2)}", 1, 2, 3, 4))
	f.Add(array("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999)}"))
	f.Add([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := read(b)
		if err != nil {
			return
		}
		if len(got.Bytes()) > len(b) {
			t.Fatalf("%d bytes of elements from %d bytes", len(got.Bytes()), len(b))
		}
		again, err := read(write(got))
		if err != nil || !same(got, again) {
			t.Fatalf("%v was written and read as %v, %v", got, again, err)
		}
	})
}

func FuzzArchive(f *testing.F) {
	var b bytes.Buffer
	_ = npy.WriteArchive(&b, pairs([]string{"x", "y"}, []*tensor.Tensor{tensor.Of([]float32{1, 2}, 2, 1), tensor.Of([]int64{0, 1}, 2)}))
	f.Add(b.Bytes())
	f.Add(zipped("x.npy", write(tensor.New(tensor.Uint8, 100))))
	f.Add(zipped("x.npy", array("{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000,)}")))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := open(b)
		if err != nil {
			return
		}
		for _, n := range a.Names() {
			if got, err := a.Read(n); err == nil && len(got.Bytes()) > deflate.Ratio*len(b) {
				t.Errorf("%d bytes of elements from %d bytes", len(got.Bytes()), len(b))
			}
		}
	})
}
