package ref

import (
	"math"
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
	"github.com/nadir-ml/nadir/tensor"
)

// A call is one op with the values of its inputs. Elements of every kind are
// held as float64, which is exact for ints and bytes.
type call struct {
	graph.Node
	in         [][]float64
	seed, step uint64
}

// kernels are the loops by op.
var kernels = map[string]func(call) []float64{
	"const": func(c call) []float64 {
		v, _ := c.Value()
		return []float64{v}
	},
	"random_uniform": func(c call) []float64 { return c.random(kernel.Uniform[float64]) },
	"random_normal":  func(c call) []float64 { return c.random(kernel.Normal[float64]) },

	"neg":           unary(func(x float64) float64 { return -x }),
	"abs":           unary(math.Abs),
	"sign":          unary(sign),
	"floor":         unary(math.Floor),
	"exp":           unary(math.Exp),
	"expm1":         unary(math.Expm1),
	"log":           unary(math.Log),
	"log1p":         unary(math.Log1p),
	"sqrt":          unary(math.Sqrt),
	"sin":           unary(math.Sin),
	"cos":           unary(math.Cos),
	"erf":           unary(math.Erf),
	"tanh":          unary(math.Tanh),
	"square":        unary(func(x float64) float64 { return x * x }),
	"rsqrt":         unary(func(x float64) float64 { return 1 / math.Sqrt(x) }),
	"relu":          unary(func(x float64) float64 { return max(x, 0) }),
	"sigmoid":       unary(sigmoid),
	"softplus":      unary(func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }),
	"stop_gradient": unary(func(x float64) float64 { return x }),
	"to_float":      unary(func(x float64) float64 { return x }),
	"to_int":        unary(toInt),

	"add":           binary(func(a, b float64) float64 { return a + b }),
	"sub":           binary(func(a, b float64) float64 { return a - b }),
	"mul":           binary(func(a, b float64) float64 { return a * b }),
	"div":           binary(func(a, b float64) float64 { return a / b }),
	"max":           binary(func(a, b float64) float64 { return max(a, b) }),
	"min":           binary(func(a, b float64) float64 { return min(a, b) }),
	"pow":           binary(math.Pow),
	"greater":       binary(func(a, b float64) float64 { return truth(a > b) }),
	"greater_equal": binary(func(a, b float64) float64 { return truth(a >= b) }),
	"equal":         binary(func(a, b float64) float64 { return truth(a == b) }),
	"select":        choose,

	"sum":        func(c call) []float64 { return c.reduce(0, func(a, x float64) float64 { return a + x }) },
	"reduce_max": func(c call) []float64 { return c.reduce(math.Inf(-1), func(a, x float64) float64 { return max(a, x) }) },

	"reshape":   func(c call) []float64 { return slices.Clone(c.in[0]) },
	"broadcast": func(c call) []float64 { return c.stretched(0) },
	"transpose": transpose,
	"slice":     slice,
	"pad":       pad,
	"concat":    concat,

	"matmul":      matmul,
	"conv":        conv,
	"conv_input":  convInput,
	"conv_kernel": convKernel,

	"max_pool":       maxPool,
	"max_pool_index": maxPoolIndex,
	"plane_take":     planeTake,
	"plane_put":      planePut,

	"softmax":       rows(softmax),
	"log_softmax":   rows(logSoftmax),
	"cross_entropy": crossEntropy,

	"argmax":      argmax,
	"one_hot":     oneHot,
	"gather":      gather,
	"scatter_add": scatterAdd,
}

func (c call) random(numbers func(dst []float64, key [2]uint32, stream, step uint64, first int)) []float64 {
	out := make([]float64, c.Shape().Len())
	key := [2]uint32{uint32(c.seed), uint32(c.seed >> 32)}
	numbers(out, key, c.Attr().(graph.RandomAttr).Stream, c.step, 0)
	return out
}

func unary(f func(float64) float64) func(call) []float64 {
	return func(c call) []float64 {
		out := make([]float64, len(c.in[0]))
		for i, x := range c.in[0] {
			out[i] = f(x)
		}
		return out
	}
}

func binary(f func(a, b float64) float64) func(call) []float64 {
	return func(c call) []float64 {
		a, b := c.stretched(0), c.stretched(1)
		for i := range a {
			a[i] = f(a[i], b[i])
		}
		return a
	}
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // 0 and NaN
}

// toInt cuts off what is behind the point; what an int32 does not hold is −1.
func toInt(x float64) float64 {
	if x = math.Trunc(x); x >= math.MinInt32 && x <= math.MaxInt32 {
		return x + 0
	}
	return -1
}

func sigmoid(x float64) float64 {
	e := math.Exp(-math.Abs(x)) // never overflows
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func choose(c call) []float64 {
	cond, a, b := c.stretched(0), c.stretched(1), c.stretched(2)
	for i, yes := range cond {
		if yes == 0 {
			a[i] = b[i]
		}
	}
	return a
}

func (c call) reduce(start float64, f func(a, x float64) float64) []float64 {
	a := c.Attr().(graph.ReduceAttr)
	in := c.In(0).Shape()
	kept := in.Clone()
	for i := range kept {
		if a.Has(i) {
			kept[i] = 1
		}
	}
	out := make([]float64, kept.Len())
	for i := range out {
		out[i] = start
	}
	for i, p := range positions(in, stretch(kept, in), 0) {
		out[p] = f(out[p], c.in[0][i])
	}
	return out
}

func transpose(c call) []float64 {
	s := strides(c.In(0).Shape())
	order := make([]int, len(s))
	for i, a := range c.Axes() {
		order[i] = s[a]
	}
	return pick(c.in[0], positions(c.Shape(), order, 0))
}

func slice(c call) []float64 {
	a, s := c.Attr().(graph.SliceAttr), strides(c.In(0).Shape())
	return pick(c.in[0], positions(c.Shape(), s, a.Lo*s[a.Axis]))
}

func pad(c call) []float64 {
	a, s := c.Attr().(graph.PadAttr), strides(c.Shape())
	out := make([]float64, c.Shape().Len())
	for i, p := range positions(c.In(0).Shape(), s, a.Before*s[a.Axis]) {
		out[p] = c.in[0][i]
	}
	return out
}

func concat(c call) []float64 {
	axis, s := c.Attr().(int), strides(c.Shape())
	out := make([]float64, c.Shape().Len())
	at := 0
	for k, x := range c.Ins() {
		for i, p := range positions(x.Shape(), s, at) {
			out[p] = c.in[k][i]
		}
		at += x.Dim(axis) * s[axis]
	}
	return out
}

func matmul(c call) []float64 {
	t := c.Attr().(graph.MatMulAttr)
	m, n := c.Dim(0), c.Dim(1)
	k, ai, ak := c.In(0).Dim(1), c.In(0).Dim(1), 1
	if t.TransA {
		k, ai, ak = c.In(0).Dim(0), 1, m
	}
	bk, bj := n, 1
	if t.TransB {
		bk, bj = 1, k
	}
	out := make([]float64, m*n)
	for i := range m {
		for j := range n {
			for q := range k {
				out[i*n+j] += c.in[0][i*ai+q*ak] * c.in[1][q*bk+j*bj]
			}
		}
	}
	return out
}

// rows applies f to each row of the last axis.
func rows(f func(dst, x []float64)) func(call) []float64 {
	return func(c call) []float64 {
		out := make([]float64, len(c.in[0]))
		for n, i := c.Dim(-1), 0; i < len(out); i += n {
			f(out[i:i+n], c.in[0][i:i+n])
		}
		return out
	}
}

func softmax(dst, x []float64) {
	top, sum := slices.Max(x), 0.0
	for i, v := range x {
		dst[i] = math.Exp(v - top)
		sum += dst[i]
	}
	for i := range dst {
		dst[i] /= sum
	}
}

func logSoftmax(dst, x []float64) {
	top, sum := slices.Max(x), 0.0
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	for i, v := range x {
		dst[i] = v - top - math.Log(sum)
	}
}

func crossEntropy(c call) []float64 {
	n := c.In(0).Dim(-1)
	out, log := make([]float64, len(c.in[1])), make([]float64, n)
	for i, l := range c.in[1] {
		out[i] = math.NaN()
		if l >= 0 && int(l) < n {
			logSoftmax(log, c.in[0][i*n:(i+1)*n])
			out[i] = -log[int(l)]
		}
	}
	return out
}

func argmax(c call) []float64 {
	out := make([]float64, c.Shape().Len())
	n := c.In(0).Dim(-1)
	for i := range out {
		for j, v := range c.in[0][i*n : (i+1)*n] {
			if v > c.in[0][i*n+int(out[i])] {
				out[i] = float64(j)
			}
		}
	}
	return out
}

func oneHot(c call) []float64 {
	depth := c.Attr().(int)
	out := make([]float64, c.Shape().Len())
	for i, l := range c.in[0] {
		if l >= 0 && int(l) < depth {
			out[i*depth+int(l)] = 1
		}
	}
	return out
}

func gather(c call) []float64 {
	rows, row := c.In(0).Dim(0), c.In(0).Shape()[1:].Len()
	out := make([]float64, c.Shape().Len())
	for i, r := range c.in[1] {
		if r >= 0 && int(r) < rows {
			copy(out[i*row:(i+1)*row], c.in[0][int(r)*row:])
		}
	}
	return out
}

func scatterAdd(c call) []float64 {
	rows, row := c.Dim(0), c.Shape()[1:].Len()
	out := make([]float64, c.Shape().Len())
	for i, r := range c.in[1] {
		if r >= 0 && int(r) < rows {
			for j := range row {
				out[int(r)*row+j] += c.in[0][i*row+j]
			}
		}
	}
	return out
}

// stretched is a copy of input k broadcast to the result's shape.
func (c call) stretched(k int) []float64 {
	return pick(c.in[k], positions(c.Shape(), stretch(c.In(k).Shape(), c.Shape()), 0))
}

func pick(x []float64, at []int) []float64 {
	out := make([]float64, len(at))
	for i, p := range at {
		out[i] = x[p]
	}
	return out
}

// positions lists, in row-major order of shape, where an array with the given
// strides that begins at the given place has its elements.
func positions(shape tensor.Shape, strides []int, at int) []int {
	pos := []int{at}
	for a, d := range shape {
		next := make([]int, 0, len(pos)*d)
		for _, p := range pos {
			for i := range d {
				next = append(next, p+i*strides[a])
			}
		}
		pos = next
	}
	return pos
}

// strides are the distances between neighbours along each axis.
func strides(shape tensor.Shape) []int {
	s := make([]int, len(shape))
	for i := range s {
		s[i] = shape[i+1:].Len()
	}
	return s
}

// stretch is the strides that read shape as if it were broadcast to another.
func stretch(shape, to tensor.Shape) []int {
	s := make([]int, len(to))
	off := len(to) - len(shape)
	for i, d := range strides(shape) {
		if shape[i] != 1 {
			s[off+i] = d
		}
	}
	return s
}
