package tensor_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/tensor"
)

func ExampleTensor() {
	t := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	fmt.Println(t)
	fmt.Println(t.At(1, 2), t.Rows(1, 2).Float32s())
	// Output:
	// float32[2 3]{1 2 3 4 5 6}
	// 6 [4 5 6]
}

func ExampleParseShape() {
	s, err := tensor.ParseShape("28x28x1")
	fmt.Println(s, s.Times(), err)
	_, err = tensor.ParseShape("28x")
	fmt.Println(err)
	// Output:
	// [28 28 1] 28x28x1 <nil>
	// shape "28x": want positive numbers with x between them, such as 28x28x1
}

func ExampleDType() {
	fmt.Println(tensor.BFloat16, tensor.BFloat16.Size(), tensor.BFloat16.IsFloat(), tensor.TypeOf[int32]())
	// Output: bfloat16 2 true int32
}

// TestSizes takes no memory for what cannot be held, and says why.
func TestSizes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dt    tensor.DType
		shape []int
		want  string
	}{
		{tensor.Float32, []int{2, -1}, "shape [2 -1] has a negative axis"},
		{tensor.Float32, []int{math.MaxInt, 2}, fmt.Sprintf("shape [%d 2] has more elements than an int can count", math.MaxInt)},
		{tensor.Float64, []int{math.MaxInt / 4}, fmt.Sprintf("shape [%d] of float64 takes more bytes than an int can count", math.MaxInt/4)},
		{tensor.Invalid, []int{2}, "invalid is no element type"},
		{tensor.DType(200), []int{2}, "dtype(200) is no element type"},
	} {
		if _, err := tensor.TryNew(c.dt, c.shape...); err == nil || err.Error() != c.want {
			t.Errorf("%v%v: got %v, want %q", c.dt, c.shape, err, c.want)
		}
	}
	// A zero axis before or after a huge one is no overflow.
	for _, s := range []tensor.Shape{{0, math.MaxInt, 9}, {math.MaxInt, 0}} {
		if n, err := s.Elems(); n != 0 || err != nil && s[0] == 0 {
			t.Errorf("%v has %d elements, %v", s, n, err)
		}
	}
	if _, err := tensor.Wrap(tensor.Float32, make([]byte, 10), 3); err == nil {
		t.Error("10 bytes were wrapped as 3 floats")
	}
}

// TestPanics: what only a program can get wrong panics.
func TestPanics(t *testing.T) {
	t.Parallel()
	x := tensor.New(tensor.Float32, 2, 3)
	for name, f := range map[string]func(){
		"negative axis":   func() { tensor.New(tensor.Float32, -1) },
		"too few data":    func() { tensor.Of([]int32{1, 2}, 3) },
		"another type":    func() { tensor.Data[int32](x) },
		"rows outside":    func() { x.Rows(1, 3) },
		"index outside":   func() { x.At(0, 3) },
		"index too short": func() { x.At(0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestStorage: aligned, shared by views and not by copies.
func TestStorage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dt := tensor.DType(rapid.IntRange(int(tensor.Float32), int(tensor.Bool)).Draw(t, "type"))
		shape := tensor.Shape(rapid.SliceOfN(rapid.IntRange(0, 5), 0, 4).Draw(t, "shape"))
		x := tensor.New(dt, shape...)
		if x.Len() != shape.Len() || len(x.Bytes()) != x.Len()*dt.Size() {
			t.Fatalf("%v%v has %d elements in %d bytes", dt, shape, x.Len(), len(x.Bytes()))
		}
		if x.Len() > 0 && uintptr(unsafe.Pointer(&x.Bytes()[0]))%64 != 0 {
			t.Fatal("storage does not begin on a cache line")
		}
		for i := range x.Len() {
			x.SetFlat(i, float64(i%2))
		}
		for i := range x.Len() {
			if x.Flat(i) != float64(i%2) {
				t.Fatalf("%v: element %d reads %v", dt, i, x.Flat(i))
			}
		}
		c := x.Clone()
		flat, err := x.Reshape(x.Len())
		if err != nil {
			t.Fatal(err)
		}
		for i := range x.Len() {
			flat.SetFlat(i, 1)
		}
		for i := range x.Len() {
			if x.Flat(i) != 1 || c.Flat(i) != float64(i%2) {
				t.Fatalf("%v: a view must share and a copy must not", dt)
			}
		}
		if err := x.CopyFrom(c); err != nil || !bytes.Equal(x.Bytes(), c.Bytes()) {
			t.Fatalf("copying back: %v", err)
		}
		if err := x.CopyFrom(tensor.New(dt, append(shape, 2)...)); err == nil {
			t.Fatal("another shape was copied")
		}
	})
}

// TestHalf: every 16-bit float survives the way to float32 and back, and
// rounding goes to the nearest, ties to even.
func TestHalf(t *testing.T) {
	t.Parallel()
	for _, dt := range []tensor.DType{tensor.Float16, tensor.BFloat16} {
		x := tensor.New(dt, 1<<16)
		for i, h := 0, tensor.Data[uint16](x); i < 1<<16; i++ {
			h[i] = uint16(i)
		}
		back := x.Convert(tensor.Float32).Convert(dt)
		for i, h := range tensor.Data[uint16](back) {
			if v := x.Flat(i); v == v && int(h) != i || v != v && back.Flat(i) == back.Flat(i) {
				t.Fatalf("%v: bits %04x came back as %04x", dt, i, h)
			}
		}
	}
	h := tensor.New(tensor.Float16, 1)
	for _, c := range [][2]float64{
		{1 + 1.0/2048, 1}, {1 + 3.0/2048, 1 + 4.0/2048}, {65519, 65504}, {65520, math.Inf(1)}, {-1e30, math.Inf(-1)},
		{0x1p-24, 0x1p-24}, {0x1p-25, 0}, {0x1.8p-25, 0x1p-24}, {0x1.ff8p-15, 0x1.ff8p-15}, {0x1.ffcp-15, 0x1p-14},
	} {
		if h.SetFlat(0, c[0]); h.Flat(0) != c[1] {
			t.Errorf("%v as float16 is %v, want %v", c[0], h.Flat(0), c[1])
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float32Range(-70000, 70000).Draw(t, "v")
		h.SetFlat(0, float64(v))
		got := h.Flat(0)
		// The nearest of all finite halves, or infinite beyond them.
		up, down := tensor.New(tensor.Float16, 1), tensor.New(tensor.Float16, 1)
		copy(up.Bytes(), h.Bytes())
		copy(down.Bytes(), h.Bytes())
		tensor.Data[uint16](up)[0]++
		if tensor.Data[uint16](down)[0]&0x7fff != 0 {
			tensor.Data[uint16](down)[0]--
		}
		for _, other := range []float64{up.Flat(0), down.Flat(0)} {
			if !math.IsInf(got, 0) && !math.IsInf(other, 0) && math.Abs(other-float64(v)) < math.Abs(got-float64(v)) {
				t.Fatalf("%v became %v, but %v is nearer", v, got, other)
			}
		}
	})
}

// TestString names shape and type, and leaves out what is too much.
func TestString(t *testing.T) {
	t.Parallel()
	x := tensor.New(tensor.Uint8, 10)
	if got, want := x.String(), "uint8[10]{0 0 0 0 0 0 0 0 …}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
