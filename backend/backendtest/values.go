package backendtest

import (
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
)

// span is random numbers in [lo, hi) that depend on the arguments alone.
func span(lo, hi float64, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float64, shape...)
	s := source("span", lo, hi, shape)
	for i := range t.Float64s() {
		t.Float64s()[i] = lo + (hi-lo)*s.Float64()
	}
	return t
}

// labels is random ints in [0, n).
func labels(n int, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Int32, shape...)
	s := source("labels", n, shape)
	for i := range t.Int32s() {
		t.Int32s()[i] = int32(s.IntN(n))
	}
	return t
}

// pixels is random bytes.
func pixels(shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Uint8, shape...)
	s := source("pixels", shape)
	for i := range t.Uint8s() {
		t.Uint8s()[i] = uint8(s.IntN(256))
	}
	return t
}

// values is a vector of the given numbers, grid a matrix of two rows.
func values(v ...float64) *tensor.Tensor { return tensor.Of(v, len(v)) }
func grid(v ...float64) *tensor.Tensor   { return tensor.Of(v, 2, len(v)/2) }

func source(what ...any) *rng.Stream { return rng.New(rng.Key(1, fmt.Sprint(what...)), 0) }

// as gives floats the wanted precision and leaves the rest.
func as(t *tensor.Tensor, float tensor.DType) *tensor.Tensor {
	if t.DType().IsFloat() {
		return t.Convert(float)
	}
	return t
}

// differ describes the first element in which got is not want: to within eight
// units in the last place of the element or of scale, whichever is more, and
// exactly where it is an int or not finite.
func differ(got, want *tensor.Tensor, scale float64) error {
	if got == nil {
		return fmt.Errorf("there is no result")
	}
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		return fmt.Errorf("got %v%v, want %v%v", got.DType(), got.Shape(), want.DType(), want.Shape())
	}
	var unit, tiny float64
	switch got.DType() {
	case tensor.Float32:
		unit, tiny = 0x1p-23, 0x1p-126
	case tensor.Float64:
		unit, tiny = 0x1p-52, 0x1p-1022
	}
	for i := range want.Len() {
		g, w := got.Flat(i), want.Flat(i)
		if g == w || math.IsNaN(g) && math.IsNaN(w) {
			continue
		}
		if math.IsInf(w, 0) || !(math.Abs(g-w) <= 8*unit*max(math.Abs(w), scale)+tiny) {
			return fmt.Errorf("element %d of %v is %v, want %v", i, want.Shape(), g, w)
		}
	}
	return nil
}
