package tensorflow

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// listOf is a list of whole numbers as an attribute's value.
func listOf(v ...int) []byte {
	var b []byte
	for _, x := range v {
		b = protowire.AppendVarint(b, uint64(int64(x)))
	}
	return field(1, field(3, b))
}

// on is an attribute that is true.
func on(key string) []byte { return attr(key, number(5, 1)) }

// An array is a batch in float64.
type array struct {
	shape []int
	v     []float64
}

func (a array) at(i ...int) float64 {
	at := 0
	for k, d := range a.shape {
		at = at*d + i[k]
	}
	return a.v[at]
}

// filled makes an array of what f gives for each place.
func filled(f func(i []int) float64, shape ...int) array {
	a := array{shape: shape}
	i := make([]int, len(shape))
	for range tensor.Shape(shape).Len() {
		a.v = append(a.v, f(i))
		for k := len(i) - 1; k >= 0; k-- {
			if i[k]++; i[k] < shape[k] {
				break
			}
			i[k] = 0
		}
	}
	return a
}

// each replaces each number.
func (a array) each(f func(v float64) float64) array {
	return filled(func(i []int) float64 { return f(a.at(i...)) }, a.shape...)
}

// over reduces an axis, which goes.
func (a array) over(axis int, f func(v []float64) float64) array {
	shape := slices.Delete(slices.Clone(a.shape), axis, axis+1)
	return filled(func(i []int) float64 {
		var list []float64
		for k := range a.shape[axis] {
			list = append(list, a.at(slices.Insert(slices.Clone(i), axis, k)...))
		}
		return f(list)
	}, shape...)
}

func meanOf(v []float64) float64 { return sumOf(v) / float64(len(v)) }

func sumOf(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

// along has n places of an axis, each where at says, between the two next to it or that below.
func along(x array, axis, n int, between bool, at func(o int) float64) array {
	shape := slices.Clone(x.shape)
	shape[axis] = n
	return filled(func(i []int) float64 {
		p, j := at(i[axis]), slices.Clone(i)
		old := func(k float64) float64 {
			j[axis] = int(min(max(k, 0), float64(x.shape[axis]-1)))
			return x.at(j...)
		}
		low := math.Floor(p)
		if !between {
			return old(low)
		}
		return old(low)*(1-p+low) + old(low+1)*(p-low)
	}, shape...)
}

// An opCase is a graph with the input x, whose result is y.
type opCase struct {
	shape []int // of x, the batch's axis first
	nodes []byte
	want  func(x array) array
}

func gaussian(v float64) float64 { return v / 2 * (1 + math.Erf(v/math.Sqrt2)) }

func gaussianTanh(v float64) float64 {
	return v / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
}

// normalized is layer normalization over the last axis.
func normalized(x array, eps float64, gamma, beta []float64) array {
	last := len(x.shape) - 1
	mean := x.over(last, meanOf)
	variance := filled(func(i []int) float64 {
		d := x.at(i...) - mean.at(i[:last]...)
		return d * d
	}, x.shape...).over(last, meanOf)
	return filled(func(i []int) float64 {
		k := i[last]
		return (x.at(i...)-mean.at(i[:last]...))/math.Sqrt(variance.at(i[:last]...)+eps)*gamma[k] + beta[k]
	}, x.shape...)
}

func opCases() map[string]opCase {
	vector, steps, image := []int{2, 4}, []int{2, 3, 4}, []int{2, 4, 3, 2}
	seq := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	of := func(name, kind string, attrs ...[]byte) []byte { return op(name, kind, []string{"x"}, attrs...) }
	reduced := func(kind string, keep bool, axes ...int) []byte {
		var attrs [][]byte
		if keep {
			attrs = append(attrs, on("keep_dims"))
		}
		return seq(whole("axes", axes...), op("y", kind, []string{"x", "axes"}, attrs...))
	}
	drop := func(a, b int, f func(v []float64) float64) func(x array) array {
		return func(x array) array { return x.over(max(a, b), f).over(min(a, b), f) }
	}
	each := func(f func(v float64) float64) func(x array) array {
		return func(x array) array { return x.each(f) }
	}
	indices := func(begin, end, stride []int, attrs ...[]byte) []byte {
		return seq(whole("begin", begin...), whole("end", end...), whole("stride", stride...), op("y", "StridedSlice", []string{"x", "begin", "end", "stride"}, attrs...))
	}
	mask := func(key string, v int) []byte { return attr(key, number(3, v)) }
	gamma, beta := weights("ln/gamma", []int{4}, 1, 2, 0.5, -1), weights("ln/beta", []int{4}, 0, 1, -1, 0.25)
	g, b := []float64{1, 2, 0.5, -1}, []float64{0, 1, -1, 0.25}
	moments := seq(whole("last", -1), scalar("eps", 0.001), op("mean", "Mean", []string{"x", "last"}, on("keep_dims")), op("stop", "StopGradient", []string{"mean"}),
		op("sq", "SquaredDifference", []string{"x", "stop"}), op("var", "Mean", []string{"sq", "last"}, on("keep_dims")), op("sum", "AddV2", []string{"var", "eps"}))
	centred := op("c", "Sub", []string{"x", "mean"})
	kernel := filled(func(i []int) float64 { return float64(i[0]-i[1]+2*i[2]-i[3]) / 4 }, 3, 2, 3, 2)
	var flat []float32
	for _, v := range kernel.v {
		flat = append(flat, float32(v))
	}
	transposed := func(size []byte, pad string, stride int) []byte {
		return seq(size, weights("t/kernel", kernel.shape, flat...), op("y", "Conv2DBackpropInput", []string{"size", "t/kernel", "x"}, attr("strides", listOf(1, stride, stride, 1)), attr("padding", text(2, pad))))
	}
	deconv := func(h, w, stride, top, left int) func(x array) array {
		return func(x array) array {
			return filled(func(i []int) float64 {
				sum := 0.0
				for r := range x.shape[1] {
					for q := range x.shape[2] {
						ky, kx := i[1]+top-r*stride, i[2]+left-q*stride
						if ky < 0 || kx < 0 || ky >= 3 || kx >= 2 {
							continue
						}
						for ch := range 2 {
							sum += x.at(i[0], r, q, ch) * kernel.at(ky, kx, i[3], ch)
						}
					}
				}
				return sum
			}, 2, h, w, 3)
		}
	}
	half := func(x array, axis, f int) array { // bilinear, half_pixel_centers
		shape := slices.Clone(x.shape)
		n := shape[axis]
		shape[axis] *= f
		return filled(func(i []int) float64 {
			p := min(max((float64(i[axis])+0.5)/float64(f)-0.5, 0), float64(n-1))
			lo := int(p)
			j := slices.Clone(i)
			j[axis] = lo
			a := x.at(j...)
			j[axis] = min(lo+1, n-1)
			return a + (p-float64(lo))*(x.at(j...)-a)
		}, shape...)
	}
	return map[string]opCase{
		"Max over places":             {image, reduced("Max", false, 1, 2), drop(1, 2, slices.Max[[]float64])},
		"Min over places":             {image, reduced("Min", false, 2, 1), drop(1, 2, slices.Min[[]float64])},
		"Mean over places":            {image, reduced("Mean", false, 1, 2), drop(1, 2, meanOf)},
		"Sum over steps":              {steps, reduced("Sum", false, 1), func(x array) array { return x.over(1, sumOf) }},
		"Mean over the last axis":     {steps, reduced("Mean", false, -1), func(x array) array { return x.over(2, meanOf) }},
		"Mean over rows and channels": {image, reduced("Mean", false, 1, 3), drop(1, 3, meanOf)},
		"Max over columns": {image, reduced("Max", true, 2), func(x array) array {
			y := x.over(2, slices.Max[[]float64])
			return array{[]int{2, 4, 1, 2}, y.v}
		}},
		"Min of a vector, kept": {vector, reduced("Min", true, 1), func(x array) array { return array{[]int{2, 1}, x.over(1, slices.Min[[]float64]).v} }},
		"Split": {steps, seq(scalarInt("axis", 2), op("s", "Split", []string{"axis", "x"}, attr("num_split", number(3, 2))), op("n", "Neg", []string{"s"}), op("y", "Sub", []string{"s:1", "n"})),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i[0], i[1], i[2]+2) + x.at(i...) }, 2, 3, 2)
			}},
		"SplitV": {steps, seq(scalarInt("axis", -1), whole("sizes", 1, -1), op("s", "SplitV", []string{"x", "sizes", "axis"}, attr("num_split", number(3, 2))), op("y", "Tanh", []string{"s:1"})),
			func(x array) array {
				return filled(func(i []int) float64 { return math.Tanh(x.at(i[0], i[1], i[2]+1)) }, 2, 3, 3)
			}},
		"Unpack": {steps, seq(of("s", "Unpack", attr("axis", number(3, 1)), attr("num", number(3, 3))), op("y", "Add", []string{"s:2", "s"})),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i[0], 2, i[1]) + x.at(i[0], 0, i[1]) }, 2, 4)
			}},
		"Pack": {vector, seq(of("t", "Tanh"), op("y", "Pack", []string{"x", "t"}, attr("axis", number(3, 1)))),
			func(x array) array {
				return filled(func(i []int) float64 {
					if i[1] == 0 {
						return x.at(i[0], i[2])
					}
					return math.Tanh(x.at(i[0], i[2]))
				}, 2, 2, 4)
			}},
		"Pack at the end": {vector, seq(of("t", "Tanh"), op("y", "Pack", []string{"x", "t"}, attr("axis", number(3, -1)))),
			func(x array) array {
				return filled(func(i []int) float64 {
					if i[2] == 0 {
						return x.at(i[0], i[1])
					}
					return math.Tanh(x.at(i[0], i[1]))
				}, 2, 4, 2)
			}},
		"Slice": {image, seq(whole("begin", 0, 1, 0, 1), whole("size", -1, 2, -1, 1), op("y", "Slice", []string{"x", "begin", "size"})),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i[0], i[1]+1, i[2], i[3]+1) }, 2, 2, 3, 1)
			}},
		"StridedSlice, a stretch": {steps, indices([]int{0, 1}, []int{0, 3}, []int{1, 1}, mask("begin_mask", 1), mask("end_mask", 1)),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i[0], i[1]+1, i[2]) }, 2, 2, 4)
			}},
		"StridedSlice, the last place": {steps, indices([]int{0, 0, -1}, []int{0, 0, 0}, []int{1, 1, 1}, mask("begin_mask", 3), mask("end_mask", 3), mask("shrink_axis_mask", 4)),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i[0], i[1], 3) }, 2, 3)
			}},
		"StridedSlice, every second": {image, indices([]int{0, 1, 0}, []int{0, 4, 3}, []int{1, 2, 2}, mask("begin_mask", 1), mask("end_mask", 1)),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i[0], 2*i[1]+1, 2*i[2], i[3]) }, 2, 2, 2, 2)
			}},
		"StridedSlice, every third but the first": {image, indices([]int{0, 0, 1}, []int{0, 0, 0}, []int{1, 3, 7}, mask("begin_mask", 3), mask("end_mask", 7)),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i[0], 3*i[1], 1, i[3]) }, 2, 2, 1, 2)
			}},
		"StridedSlice, backwards": {image, indices([]int{0, 3, 0}, []int{0, 0, 0}, []int{1, -2, -1}, mask("begin_mask", 5), mask("end_mask", 5)),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i[0], 3-2*i[1], 2-i[2], i[3]) }, 2, 2, 3, 2)
			}},
		"StridedSlice, backwards from the end": {steps, indices([]int{0, -1, 9}, []int{0, -3, -9}, []int{1, -1, -3}, mask("begin_mask", 1), mask("end_mask", 1)),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i[0], 2-i[1], 3-3*i[2]) }, 2, 2, 2)
			}},
		"StridedSlice, an ellipsis": {image, indices([]int{0, 0}, []int{0, 1}, []int{1, 1}, mask("ellipsis_mask", 1)),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i...) }, 2, 4, 3, 1)
			}},
		"StridedSlice, a new axis": {vector, indices([]int{0, 0, 1}, []int{0, 0, 4}, []int{1, 1, 1}, mask("begin_mask", 1), mask("end_mask", 1), mask("new_axis_mask", 2)),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i[0], i[2]+1) }, 2, 1, 3)
			}},
		"ExpandDims, Squeeze": {vector, seq(scalarInt("dim", 1), op("e", "ExpandDims", []string{"x", "dim"}), op("t", "Tanh", []string{"e"}), op("y", "Squeeze", []string{"t"}, attr("squeeze_dims", listOf(1)))), each(math.Tanh)},
		"a computed Reshape": {steps, seq(of("shape", "Shape"), whole("zero", 0), whole("one", 1), op("batch", "StridedSlice", []string{"shape", "zero", "one", "one"}, mask("shrink_axis_mask", 1)), scalarInt("rest", 12),
			op("to", "Pack", []string{"batch", "rest"}), op("y", "Reshape", []string{"x", "to"})), func(x array) array { return array{[]int{2, 12}, x.v} }},
		"Conv2DBackpropInput, valid": {[]int{2, 2, 3, 2}, transposed(whole("size", -1, 5, 6, 3), "VALID", 2), deconv(5, 6, 2, 0, 0)},
		"Conv2DBackpropInput, same":  {[]int{2, 2, 3, 2}, transposed(whole("size", 2, 4, 6, 3), "SAME", 2), deconv(4, 6, 2, 0, 0)},
		"Conv2DBackpropInput, of a size that is computed": {[]int{2, 2, 3, 2}, transposed(seq(of("shape", "Shape"), whole("zero", 0), whole("one", 1), whole("two", 2), whole("three", 3),
			op("batch", "StridedSlice", []string{"shape", "zero", "one", "one"}, mask("shrink_axis_mask", 1)), op("h", "StridedSlice", []string{"shape", "one", "two", "one"}, mask("shrink_axis_mask", 1)),
			op("w", "StridedSlice", []string{"shape", "two", "three", "one"}, mask("shrink_axis_mask", 1)), scalarInt("k", 2), op("hh", "Mul", []string{"h", "k"}), op("ww", "Mul", []string{"w", "k"}), scalarInt("f", 3),
			op("size", "Pack", []string{"batch", "hh", "ww", "f"})), "SAME", 2), deconv(4, 6, 2, 0, 0)},
		"ResizeNearestNeighbor": {image, seq(whole("size", 8, 9), op("y", "ResizeNearestNeighbor", []string{"x", "size"})),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i[0], i[1]/2, i[2]/3, i[3]) }, 2, 8, 9, 2)
			}},
		"ResizeBilinear":                         {image, seq(whole("size", 8, 6), op("y", "ResizeBilinear", []string{"x", "size"}, on("half_pixel_centers"))), func(x array) array { return half(half(x, 1, 2), 2, 2) }},
		"ResizeBilinear, as TensorFlow 1 has it": {image, seq(whole("size", 6, 3), op("y", "ResizeBilinear", []string{"x", "size"})), func(x array) array { return along(x, 1, 6, true, func(o int) float64 { return float64(o) * 4 / 6 }) }},
		"ResizeBilinear, smaller": {image, seq(whole("size", 3, 2), op("y", "ResizeBilinear", []string{"x", "size"}, on("half_pixel_centers"))), func(x array) array {
			return along(along(x, 1, 3, true, func(o int) float64 { return (float64(o)+0.5)*4/3 - 0.5 }), 2, 2, true, func(o int) float64 { return (float64(o)+0.5)*3/2 - 0.5 })
		}},
		"ResizeBilinear, by corners": {image, seq(whole("size", 8, 5), op("y", "ResizeBilinear", []string{"x", "size"}, on("align_corners"))), func(x array) array {
			return along(along(x, 1, 8, true, func(o int) float64 { return float64(o) * 3 / 7 }), 2, 5, true, func(o int) float64 { return float64(o) * 2 / 4 })
		}},
		"ResizeBilinear, to one": {image, seq(whole("size", 1, 3), op("y", "ResizeBilinear", []string{"x", "size"}, on("align_corners"))), func(x array) array { return along(x, 1, 1, true, func(int) float64 { return 0 }) }},
		"ResizeNearestNeighbor, by corners": {image, seq(whole("size", 8, 3), op("y", "ResizeNearestNeighbor", []string{"x", "size"}, on("align_corners"))),
			func(x array) array {
				return along(x, 1, 8, false, func(o int) float64 { return math.Round(float64(o) * 3 / 7) })
			}},
		"ResizeNearestNeighbor, smaller": {image, seq(whole("size", 3, 2), op("y", "ResizeNearestNeighbor", []string{"x", "size"})), func(x array) array {
			return along(along(x, 1, 3, false, func(o int) float64 { return float64(o) * 4 / 3 }), 2, 2, false, func(o int) float64 { return float64(o) * 3 / 2 })
		}},
		"ResizeNearestNeighbor, from the middle": {image, seq(whole("size", 3, 3), op("y", "ResizeNearestNeighbor", []string{"x", "size"}, on("half_pixel_centers"))),
			func(x array) array {
				return along(x, 1, 3, false, func(o int) float64 { return (float64(o) + 0.5) * 4 / 3 })
			}},
		"Softplus":  {vector, of("y", "Softplus"), each(func(v float64) float64 { return math.Log1p(math.Exp(v)) })},
		"LeakyRelu": {vector, of("y", "LeakyRelu", attr("alpha", float(0.25))), each(func(v float64) float64 { return max(v, v/4) })},
		"swish, as it is differentiated": {vector, seq(of("s", "Sigmoid"), op("m", "Mul", []string{"x", "s"}), op("y", "IdentityN", []string{"m", "x"})),
			each(func(v float64) float64 { return v * sigmoid(v) })},
		"hard swish": {vector, seq(scalar("three", 3), scalar("sixth", 1.0/6), op("p", "AddV2", []string{"x", "three"}), op("r", "Relu6", []string{"p"}), op("m", "Mul", []string{"r", "sixth"}), op("y", "Mul", []string{"x", "m"})),
			each(func(v float64) float64 { return v * min(max(v+3, 0), 6) / 6 })},
		"hard swish, divided": {vector, seq(scalar("three", 3), scalar("six", 6), op("p", "AddV2", []string{"x", "three"}), op("r", "Relu6", []string{"p"}), op("m", "Mul", []string{"x", "r"}), op("y", "RealDiv", []string{"m", "six"})),
			each(func(v float64) float64 { return v * min(max(v+3, 0), 6) / 6 })},
		"gelu": {vector, seq(scalar("half", 0.5), scalar("root", math.Sqrt2), scalar("one", 1), op("h", "Mul", []string{"half", "x"}), op("d", "RealDiv", []string{"x", "root"}), op("e", "Erf", []string{"d"}), op("p", "AddV2", []string{"one", "e"}),
			op("y", "Mul", []string{"h", "p"})), each(gaussian)},
		"gelu, as BERT has it": {vector, seq(scalar("half", 0.5), scalar("root", math.Sqrt2), scalar("one", 1), op("d", "RealDiv", []string{"x", "root"}), op("e", "Erf", []string{"d"}), op("p", "Add", []string{"e", "one"}), op("cdf", "Mul", []string{"p", "half"}),
			op("y", "Mul", []string{"x", "cdf"})), each(gaussian)},
		"gelu, approximate": {vector, seq(scalar("half", 0.5), scalar("k", 0.044715), scalar("root", 0.7978845608), scalar("one", 1), scalar("three", 3), op("pow", "Pow", []string{"x", "three"}), op("c", "Mul", []string{"k", "pow"}), op("a", "AddV2", []string{"x", "c"}),
			op("m", "Mul", []string{"root", "a"}), op("t", "Tanh", []string{"m"}), op("p", "AddV2", []string{"one", "t"}), op("h", "Mul", []string{"half", "x"}), op("y", "Mul", []string{"h", "p"})), each(gaussianTanh)},
		"Minimum of a number": {vector, seq(scalar("k", 0.25), op("y", "Minimum", []string{"x", "k"})), each(func(v float64) float64 { return min(v, 0.25) })},
		"Maximum of a number": {vector, seq(scalar("k", -0.25), op("y", "Maximum", []string{"k", "x"})), each(func(v float64) float64 { return max(v, -0.25) })},
		"Minimum of two":      {vector, seq(of("n", "Neg"), op("y", "Minimum", []string{"x", "n"})), each(func(v float64) float64 { return -math.Abs(v) })},
		"Square":              {vector, of("y", "Square"), each(func(v float64) float64 { return v * v })},
		"Pow":                 {vector, seq(scalar("k", 3), op("y", "Pow", []string{"x", "k"})), each(func(v float64) float64 { return v * v * v })},
		"layer normalization, by Rsqrt": {steps, seq(moments, gamma, beta, op("r", "Rsqrt", []string{"sum"}), op("m", "Mul", []string{"r", "ln/gamma"}), op("a", "Mul", []string{"x", "m"}), op("mm", "Mul", []string{"mean", "m"}),
			op("s", "Sub", []string{"ln/beta", "mm"}), op("y", "AddV2", []string{"a", "s"})), func(x array) array { return normalized(x, 0.001, g, b) }},
		"layer normalization, by Sqrt": {steps, seq(moments, centred, gamma, beta, op("r", "Sqrt", []string{"sum"}), op("d", "RealDiv", []string{"c", "r"}), op("a", "Mul", []string{"d", "ln/gamma"}), op("y", "AddV2", []string{"a", "ln/beta"})),
			func(x array) array { return normalized(x, 0.001, g, b) }},
		"layer normalization, by squares": {steps, seq(whole("last", 2), scalar("eps", 0.001), op("mean", "Mean", []string{"x", "last"}, on("keep_dims")), centred, op("sq", "Square", []string{"c"}), op("var", "Mean", []string{"sq", "last"}, on("keep_dims")),
			op("sum", "AddV2", []string{"var", "eps"}), op("r", "Rsqrt", []string{"sum"}), op("y", "Mul", []string{"c", "r"})), func(x array) array { return normalized(x, 0.001, []float64{1, 1, 1, 1}, make([]float64, 4)) }},
		"a product with numbers for each element": {steps, seq(weights("w", []int{3, 1}, 1, -2, 3), op("y", "Mul", []string{"w", "x"})),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i...) * []float64{1, -2, 3}[i[1]] }, 2, 3, 4)
			}},
		"a sum with numbers for each element": {steps, seq(weights("w", []int{1, 3, 1}, 1, -2, 3), op("y", "AddV2", []string{"x", "w"})),
			func(x array) array {
				return filled(func(i []int) float64 { return x.at(i...) + []float64{1, -2, 3}[i[1]] }, 2, 3, 4)
			}},
		"less numbers, divided by others": {vector, seq(weights("w", []int{4}, 1, -2, 3, 4), weights("v", []int{4}, 1, -2, 4, 0.5), op("s", "Sub", []string{"x", "w"}), op("y", "RealDiv", []string{"s", "v"})),
			func(x array) array {
				return filled(func(i []int) float64 {
					return (x.at(i...) - []float64{1, -2, 3, 4}[i[1]]) / []float64{1, -2, 4, 0.5}[i[1]]
				}, 2, 4)
			}},
		"the difference of two": {vector, seq(of("t", "Tanh"), op("d", "Sub", []string{"x", "t"}), op("y", "Relu", []string{"d"})), each(func(v float64) float64 { return max(v-math.Tanh(v), 0) })},
	}
}

// TestOps holds operations to what TensorFlow says that they compute.
func TestOps(t *testing.T) {
	t.Parallel()
	worst := 0.0
	for name, c := range opCases() {
		shape := slices.Clone(c.shape)
		shape[0] = -1
		m, _, err := loadWith(format.Options{Output: "y"}, placeholder("x", shape...), c.nodes)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		in := formattest.Rows(3, -1.5, c.shape...)
		x := filled(func(i []int) float64 { return in.At(i...) }, c.shape...)
		got, err := formattest.Try(m, in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := c.want(x)
		if !slices.Equal([]int(got.Shape()), want.shape) {
			t.Errorf("%s: shape %v, want %v", name, got.Shape(), want.shape)
			continue
		}
		for i, w := range want.v {
			d := math.Abs(got.Flat(i)-w) / max(1, math.Abs(w))
			worst = max(worst, d)
			if !(d < 2e-6) {
				t.Errorf("%s: number %d is %g, want %g", name, i, got.Flat(i), w)
				break
			}
		}
	}
	t.Logf("%d cases, worst error %.2g", len(opCases()), worst)
}

// TestRefusedOps are operations that are not read, or only in part: what is asked of them beyond
// is named, and never another number given.
func TestRefusedOps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nodes []byte
		want  string
	}{
		"a mean over samples":      {slices.Concat(whole("axes", 0), op("y", "Mean", []string{"x", "axes"})), "over the samples"},
		"each place but one, 0 on": {slices.Concat(whole("b", 0, 0), whole("e", 0, 0), whole("s", 1, 0), op("y", "StridedSlice", []string{"x", "b", "e", "s"}, attr("begin_mask", number(3, 3)), attr("end_mask", number(3, 3)))), "each 0. place"},
		"the first sample":         {slices.Concat(whole("b", 0), whole("e", 1), whole("s", 1), op("y", "StridedSlice", []string{"x", "b", "e", "s"})), "some of the samples"},
		"whole numbers":            {slices.Concat(op("i", "Cast", []string{"x"}, attr("SrcT", number(6, 1)), attr("DstT", number(6, 3))), op("y", "Cast", []string{"i"}, attr("SrcT", number(6, 3)), attr("DstT", number(6, 1)))), "whole numbers"},
		"a lookup in columns":      {slices.Concat(weights("w", []int{4, 4}, make([]float32, 16)...), scalarInt("axis", 1), op("y", "GatherV2", []string{"w", "x", "axis"})), "another axis"},
		"two ways to count":        {slices.Concat(whole("size", 8, 8), op("r", "Reshape", []string{"x", "to"}), whole("to", -1, 2, 2, 1), op("y", "ResizeBilinear", []string{"r", "size"}, on("align_corners"), on("half_pixel_centers"))), "align_corners and"},
		"a condition of values":    {slices.Concat(scalar("z", 0), op("n", "NotEqual", []string{"x", "z"}), op("c", "Cast", []string{"n"}, attr("SrcT", number(6, 10)), attr("DstT", number(6, 1))), op("y", "Mul", []string{"x", "c"})), "NotEqual"},
	} {
		_, _, err := loadWith(format.Options{Output: "y"}, placeholder("x", -1, 4), c.nodes)
		if u := (*format.Unsupported)(nil); !errors.As(err, &u) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLooseConstants holds that constants of a graph which are no weights of a layer are not
// trained, and that those of layers are.
func TestLooseConstants(t *testing.T) {
	t.Parallel()
	m, _, err := load(dense(), weights("mean", []int{2}, 1, 2), weights("factor", []int{2}, 2, 4), op("r", "Relu", []string{"h/BiasAdd"}), op("s", "Sub", []string{"r", "mean"}), op("t", "Tanh", []string{"s"}), op("y", "Mul", []string{"t", "factor"}))
	if err != nil {
		t.Fatal(err)
	}
	trained := map[string]bool{}
	for p := range m.Params.All() {
		trained[p.Name] = p.Kind == param.Weight
	}
	if len(trained) != 4 || !trained["h/kernel"] || !trained["h/bias"] || trained["s/beta"] || trained["y/gamma"] {
		t.Errorf("trained: %v", trained)
	}
	if got := layers(t, m); !strings.Contains(got, `"trainable":false`) {
		t.Error(got)
	}
}

// TestMovingStatistics holds that a graph of training, which normalizes with a batch's own
// statistics, is read with those that it moves towards them.
func TestMovingStatistics(t *testing.T) {
	t.Parallel()
	none := func(name string) []byte { return weights(name, []int{0}) }
	move := func(of, out string) []byte {
		return slices.Concat(op(of+"/sub", "Sub", []string{of, out}), op(of+"/mul", "Mul", []string{of + "/sub", "decay"}), op(of+"/move", "AssignSub", []string{of, of + "/mul"}))
	}
	parts := slices.Concat(weights("bn/gamma", []int{2}, 2, 1), weights("bn/beta", []int{2}, 0, 5), weights("bn/moving_mean", []int{2}, 1, 0), weights("bn/moving_variance", []int{2}, 3.75, 0.75), none("none"), none("none_1"), scalar("decay", 0.01))
	norm := op("bn/FusedBatchNormV3", "FusedBatchNormV3", []string{"h/BiasAdd", "bn/gamma", "bn/beta", "none", "none_1"}, attr("epsilon", float(0.25)), on("is_training"))
	m, _, err := load(dense(), parts, norm, move("bn/moving_mean", "bn/FusedBatchNormV3:1"), move("bn/moving_variance", "bn/FusedBatchNormV3:2"))
	if err != nil {
		t.Fatal(err)
	}
	formattest.Near(t, formattest.Predict(t, m, tensor.Of([]float32{1, 1}, 1, 2)), 1, 4)
	if _, _, err := load(dense(), parts, norm); err == nil || !strings.Contains(err.Error(), "own statistics") {
		t.Errorf("without them: %v", err)
	}
}

// TestManyShapes holds that many operations whose shapes matter are read, behind one another or
// asked for from the end of a chain to its beginning: each layer is looked at once.
func TestManyShapes(t *testing.T) {
	t.Parallel()
	const n = 300
	for name, last := range map[string]func(i int) string{"a chain": func(i int) string { return fmt.Sprint("s", i) }, "from the end": func(i int) string { return fmt.Sprint("t", i) }} {
		nodes := placeholder("x", -1, 2, 3)
		before, all := "x", []string(nil)
		for i := range n {
			nodes = append(nodes, op(fmt.Sprint("t", i), "Tanh", []string{before})...)
			nodes = append(nodes, op(fmt.Sprint("s", i), "Squeeze", []string{fmt.Sprint("t", i)})...)
			before, all = last(i), append(all, fmt.Sprint("s", i))
		}
		slices.Reverse(all)
		m, _, err := loadWith(format.Options{Output: "y"}, nodes, op("y", "AddN", all))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strings.Count(layers(t, m), "tanh"); got != n {
			t.Errorf("%s: %d layers", name, got)
		}
	}
}
