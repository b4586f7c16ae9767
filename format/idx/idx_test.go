package idx_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format/idx"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

// file is an IDX file of a type code, axes and elements in big-endian order.
func file(code byte, axes []uint32, elements any) []byte {
	b := []byte{0, 0, code, byte(len(axes))}
	for _, d := range axes {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	b, err := binary.Append(b, binary.BigEndian, elements)
	if err != nil {
		panic(err)
	}
	return b
}

func read(b []byte) (*tensor.Tensor, error) { return idx.Read(bytes.NewReader(b), int64(len(b))) }

func ExampleRead() {
	labels := []byte{0, 0, 0x08, 1, 0, 0, 0, 3, 5, 0, 4}
	t, err := idx.Read(bytes.NewReader(labels), int64(len(labels)))
	fmt.Println(t, err)
	// Output: uint8[3]{5 0 4} <nil>
}

func TestReadEveryType(t *testing.T) {
	t.Parallel()
	for code, c := range map[byte]struct {
		elements any
		want     string
	}{
		0x08: {[]uint8{1, 200}, "uint8[2]{1 200}"},
		0x09: {[]int8{1, -2}, "int8[2]{1 -2}"},
		0x0B: {[]int16{1, -300}, "int16[2]{1 -300}"},
		0x0C: {[]int32{1, -70000}, "int32[2]{1 -70000}"},
		0x0D: {[]float32{1, -2.5}, "float32[2]{1 -2.5}"},
		0x0E: {[]float64{1, math.Inf(-1)}, "float64[2]{1 -Inf}"},
	} {
		got, err := read(file(code, []uint32{2}, c.elements))
		if err != nil || got.String() != c.want {
			t.Errorf("%#x: %v, %v; want %s", code, got, err, c.want)
		}
	}
}

func TestReadGivesBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		axes := rapid.SliceOfN(rapid.Uint32Range(0, 5), 1, 4).Draw(t, "axes")
		n := 1
		for _, d := range axes {
			n *= int(d)
		}
		want := rapid.SliceOfN(rapid.Int32(), n, n).Draw(t, "elements")
		b := file(0x0C, axes, want)
		got, err := read(b)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range want {
			if got.Int32s()[i] != v {
				t.Fatalf("element %d is %d, want %d", i, got.Int32s()[i], v)
			}
		}
		// No prefix is taken for the whole.
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, err := read(b[:cut]); err == nil {
			t.Fatalf("%d of %d bytes were read without an error", cut, len(b))
		}
	})
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":        {nil, "truncated"},
		"magic":        {[]byte("\x89PNG\r\n\x1a\n"), "no IDX file"},
		"type":         {[]byte{0, 0, 7, 1, 0, 0, 0, 0}, "no IDX file"},
		"no axes":      {[]byte{0, 0, 8, 0, 1}, "0 axes"},
		"many axes":    {[]byte{0, 0, 8, 9}, "9 axes"},
		"header":       {[]byte{0, 0, 8, 2, 0, 0, 0}, "truncated"},
		"huge":         {file(8, []uint32{60000, 28, 28}, []uint8{1}), "more than a file of this size"},
		"overflow":     {file(8, []uint32{1 << 31, 1 << 31, 1 << 31}, []uint8{1}), "more elements"},
		"goes on":      {file(8, []uint32{1}, []uint8{1, 2}), "goes on"},
		"short":        {file(8, []uint32{3}, []uint8{1, 2}), "more than a file of this size"},
		"short stream": {file(0x0C, []uint32{1}, []uint8{1, 2, 3, 4})[:11], "more than a file of this size"},
	} {
		if _, err := read(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s…", name, err, c.want)
		}
	}
	b := file(8, []uint32{3}, []uint8{1, 2})
	if _, err := idx.Read(bytes.NewReader(b), 1000); err == nil || !strings.Contains(err.Error(), "after 2 of 3 bytes") {
		t.Errorf("a stream shorter than its bound: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(8, []uint32{2, 2}, []uint8{1, 2, 3, 4}))
	f.Add(file(0x0E, []uint32{1}, []float64{1}))
	f.Add(file(8, []uint32{1 << 31, 1 << 31, 1 << 31}, []uint8{1}))
	f.Add([]byte{0, 0, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := read(b)
		if err == nil && len(got.Bytes()) > len(b) {
			t.Errorf("%d bytes of elements from %d bytes", len(got.Bytes()), len(b))
		}
	})
}
