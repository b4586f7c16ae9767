package tflite

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/tensor"
)

// A value is a tensor of a graph that a test makes.
type made struct {
	name  string
	kind  int // 0 float32, 1 float16, 2 int32, 9 int8
	shape []int
	data  []byte
	scale []float64
}

// A step is an operation; its options are slots of 4 bytes.
type step struct {
	code    int
	in, out []int
	options []int
}

// graphOf writes a graph that takes the first tensor and gives the last outs.
func graphOf(values []made, outs []int, steps ...step) []byte {
	w := &formattest.Flat{B: []byte("\x08\x00\x00\x00TFL3")}
	m := w.Table(3, 0, 0, -1, 0)
	w.B[0] = byte(m[5])
	list := func(slot, n int) []int { return w.Ints(slot, make([]int, n)...) }
	codes := list(m[1], len(steps))
	for i, s := range steps {
		c := w.Table(min(s.code, 127), -1, -1, s.code)
		w.Point(codes[i], c[4])
	}
	buffers := list(m[4], 1+len(values))
	e := w.Table()
	w.Point(buffers[0], e[0])
	for i, v := range values {
		if v.data == nil {
			e := w.Table()
			w.Point(buffers[i+1], e[0])
			continue
		}
		d := w.Table(0)
		w.Point(buffers[i+1], d[1])
		w.Text(d[0], string(v.data))
	}
	graphs := list(m[2], 1)
	g := w.Table(0, 0, 0, 0)
	w.Point(graphs[0], g[4])
	tensors := list(g[0], len(values))
	for i, v := range values {
		q := -1
		if v.scale != nil {
			q = 0
		}
		x := w.Table(0, v.kind, i+1, 0, q)
		w.Point(tensors[i], x[5])
		w.Ints(x[0], v.shape...)
		w.Text(x[3], v.name)
		if v.scale != nil {
			s := w.Table(-1, -1, 0, -1, -1, -1, 0)
			w.Point(x[4], s[7])
			var bits []int
			for _, f := range v.scale {
				bits = append(bits, int(math.Float32bits(float32(f))))
			}
			w.Ints(s[2], bits...)
		}
	}
	w.Ints(g[1], 0)
	w.Ints(g[2], outs...)
	ops := list(g[3], len(steps))
	for i, s := range steps {
		o := w.Table(i, 0, 0, -1, 0)
		w.Point(ops[i], o[5])
		w.Ints(o[1], s.in...)
		w.Ints(o[2], s.out...)
		if s.options == nil {
			s.options = []int{0}
		}
		t := w.Table(s.options...)
		w.Point(o[4], t[len(s.options)])
	}
	return w.B
}

// f4 is a constant of floats, and i4 one of whole numbers.
func f4(name string, v []float64, shape ...int) made {
	m := made{name: name, shape: shape}
	for _, x := range v {
		m.data = binary.LittleEndian.AppendUint32(m.data, math.Float32bits(float32(x)))
	}
	return m
}

func i4(name string, v ...int) made {
	m := made{name: name, kind: 2, shape: []int{len(v)}}
	for _, x := range v {
		m.data = binary.LittleEndian.AppendUint32(m.data, uint32(x))
	}
	return m
}

func float(v float64) int { return int(math.Float32bits(float32(v))) }

// TestKinds holds each operation, of pictures (4, 3, 2) or sequences, to its definition.
func TestKinds(t *testing.T) {
	t.Parallel()
	x := formattest.NewPicture(1, 2, 4, 3) // channels first
	last := x.LastFlat()
	in := made{name: "x", shape: []int{1, 4, 3, 2}}
	out := func(shape ...int) made { return made{name: "y", shape: append([]int{1}, shape...)} }
	each := func(f func(i int, v float64) float64) []float64 {
		y := make([]float64, len(last))
		for i, v := range last {
			y[i] = f(i, v)
		}
		return y
	}
	leaky := func(slope float64) func(int, float64) float64 {
		return func(_ int, v float64) float64 { return math.Max(v, 0) + slope*math.Min(v, 0) }
	}
	slopes := []float64{0.5, -0.25}
	field := formattest.Numbers(2, 24)
	kernel := formattest.Numbers(3, 2*3*9) // (in, out, k, k)
	var ohwi []float64                     // (out, k, k, in)
	for o := range 3 {
		for i := range 9 {
			for c := range 2 {
				ohwi = append(ohwi, kernel[(c*3+o)*9+i])
			}
		}
	}
	bias := formattest.Numbers(4, 3)
	up := x.Pool(true, formattest.Slide{Kernel: 1})
	nearest := formattest.Picture{C: 2, H: 8, W: 6}
	for c := range 2 {
		for y := range 8 {
			for w := range 6 {
				nearest.V = append(nearest.V, up.At(c, y/2, w/2))
			}
		}
	}
	padded := formattest.Picture{C: 2, H: 5, W: 5}
	for c := range 2 {
		for y := range 5 {
			for w := range 5 {
				padded.V = append(padded.V, x.At(c, y-1, w-2))
			}
		}
	}
	means := []float64{0, 0}
	for i, v := range last {
		means[i%2] += v / 12
	}
	moved := make([]float64, 0, 24) // (3, 4, 2)
	for w := range 3 {
		for y := range 4 {
			moved = append(moved, last[(y*3+w)*2], last[(y*3+w)*2+1])
		}
	}
	for name, tc := range map[string]struct {
		values []made
		steps  []step
		want   []float64
	}{
		"leaky relu":       {[]made{in, out(4, 3, 2)}, []step{{98, []int{0}, []int{1}, []int{float(0.25)}}}, each(leaky(0.25))},
		"hard swish":       {[]made{in, out(4, 3, 2)}, []step{{117, []int{0}, []int{1}, nil}}, each(func(_ int, v float64) float64 { return v * math.Min(math.Max(v+3, 0), 6) / 6 })},
		"prelu":            {[]made{in, out(4, 3, 2), f4("a", slopes, 1, 1, 2)}, []step{{54, []int{0, 2}, []int{1}, nil}}, each(func(i int, v float64) float64 { return leaky(slopes[i%2])(i, v) })},
		"relu, −1 to 1":    {[]made{in, out(4, 3, 2)}, []step{{20, []int{0}, []int{1}, nil}}, last},
		"square":           {[]made{in, out(4, 3, 2)}, []step{{92, []int{0}, []int{1}, nil}}, each(func(_ int, v float64) float64 { return v * v })},
		"add a number":     {[]made{in, out(4, 3, 2), f4("c", []float64{2}, 1)}, []step{{0, []int{0, 2}, []int{1}, []int{1}}}, each(func(_ int, v float64) float64 { return math.Max(0, v+2) })},
		"take from":        {[]made{in, out(4, 3, 2), f4("c", []float64{2}, 1)}, []step{{41, []int{2, 0}, []int{1}, nil}}, each(func(_ int, v float64) float64 { return 2 - v })},
		"take channels":    {[]made{in, out(4, 3, 2), f4("c", slopes, 2)}, []step{{41, []int{0, 2}, []int{1}, nil}}, each(func(i int, v float64) float64 { return v - slopes[i%2] })},
		"times channels":   {[]made{in, out(4, 3, 2), f4("c", slopes, 1, 1, 1, 2)}, []step{{18, []int{2, 0}, []int{1}, nil}}, each(func(i int, v float64) float64 { return v * slopes[i%2] })},
		"by channels":      {[]made{in, out(4, 3, 2), f4("c", slopes, 2)}, []step{{42, []int{0, 2}, []int{1}, nil}}, each(func(i int, v float64) float64 { return v / slopes[i%2] })},
		"times each":       {[]made{in, out(4, 3, 2), f4("c", field, 4, 3, 2)}, []step{{18, []int{0, 2}, []int{1}, nil}}, each(func(i int, v float64) float64 { return v * field[i] })},
		"largest of two":   {[]made{in, out(4, 3, 2), {name: "n", shape: []int{1, 4, 3, 2}}}, []step{{59, []int{0}, []int{2}, nil}, {55, []int{0, 2}, []int{1}, nil}}, each(func(_ int, v float64) float64 { return math.Abs(v) })},
		"concatenation":    {[]made{in, out(4, 3, 4), {name: "n", shape: []int{1, 4, 3, 2}}}, []step{{59, []int{0}, []int{2}, nil}, {2, []int{0, 2}, []int{1}, []int{3}}}, twice(last, 2, -1)},
		"mean":             {[]made{in, out(2), i4("a", 1, 2)}, []step{{40, []int{0, 2}, []int{1}, nil}}, means},
		"pad":              {[]made{in, out(5, 5, 2), i4("p", 0, 0, 1, 0, 2, 0, 0, 0)}, []step{{34, []int{0, 2}, []int{1}, nil}}, padded.LastFlat()},
		"transpose":        {[]made{in, out(3, 4, 2), i4("p", 0, 2, 1, 3)}, []step{{39, []int{0, 2}, []int{1}, nil}}, moved},
		"resize":           {[]made{in, out(8, 6, 2), i4("s", 8, 6)}, []step{{97, []int{0, 2}, []int{1}, nil}}, nearest.LastFlat()},
		"slice":            {[]made{in, out(2, 3, 2), i4("b", 0, 1, 0, 0), i4("s", 1, 2, -1, 2)}, []step{{65, []int{0, 2, 3}, []int{1}, nil}}, last[6:18]},
		"strided slice":    {[]made{in, out(3, 2), i4("b", 0, -1, 0, 0), i4("e", 1, 0, 3, 2), i4("s", 1, 1, 1, 1)}, []step{{45, []int{0, 2, 3, 4}, []int{1}, []int{1, 0, 0, 0, 2}}}, last[18:]},
		"split":            {[]made{in, out(4, 3, 1), i4("a", 3), {name: "z", shape: []int{1, 4, 3, 1}}}, []step{{49, []int{2, 0}, []int{3, 1}, []int{2}}}, odd(last)},
		"split, sizes":     {[]made{in, out(3, 3, 2), i4("s", 1, 3), i4("a", 1), {name: "z", shape: []int{1, 1, 3, 2}}}, []step{{102, []int{0, 2, 3}, []int{4, 1}, []int{2}}}, last[6:]},
		"transposed":       {[]made{in, out(9, 7, 3), i4("o", 1, 9, 7, 3), f4("w", ohwi, 3, 3, 3, 2), f4("b", bias, 3)}, []step{{67, []int{2, 3, 0, 4}, []int{1}, []int{1, 2, 2}}}, x.Deconv(kernel, bias, 3, formattest.Slide{Kernel: 3, Stride: 2}).LastFlat()},
		"weights, 16 bits": {[]made{in, out(4, 3, 2), {name: "h", kind: 1, shape: []int{2}, data: []byte{0, 0x38, 0, 0xb4}}, {name: "f", shape: []int{2}}}, []step{{6, []int{2}, []int{3}, nil}, {18, []int{0, 3}, []int{1}, nil}}, each(func(i int, v float64) float64 { return v * slopes[i%2] })},
		"weights, 8 bits":  {[]made{in, out(4, 3, 2), {name: "q", kind: 9, shape: []int{2}, data: []byte{4, 0xf8}, scale: []float64{0.125, 0.03125}}}, []step{{18, []int{0, 2}, []int{1}, nil}}, each(func(i int, v float64) float64 { return v * slopes[i%2] })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, _ := formattest.Import(t, write(t, t.TempDir(), graphOf(tc.values, []int{1}, tc.steps...)), format.Options{})
			formattest.Near(t, formattest.Predict(t, m, x.Last()), tc.want...)
		})
	}
}

// TestLearned holds that constants which were variables are learned, one number for all among
// them, and others are not.
func TestLearned(t *testing.T) {
	t.Parallel()
	in, out := made{name: "x", shape: []int{1, 3, 2}}, made{name: "y", shape: []int{1, 3, 2}}
	v := []float64{2, -1}
	x := []float64{1, 2, 3, -4, 5, 6}
	each := func(f func(i int, v float64) float64) []float64 {
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = f(i, v)
		}
		return y
	}
	for name, tc := range map[string]struct {
		constant made
		op       int
		in       []int
		learned  int
		want     []float64
	}{
		"a factor of channels": {f4("net/mul/ReadVariableOp", v, 2), 18, []int{0, 2}, 2, each(func(i int, x float64) float64 { return x * v[i%2] })},
		"one factor":           {f4("net/mul/ReadVariableOp", v[:1]), 18, []int{0, 2}, 1, each(func(_ int, x float64) float64 { return x * 2 })},
		"one offset, read":     {f4("net/s/read", v[:1], 1), 0, []int{0, 2}, 1, each(func(_ int, x float64) float64 { return x + 2 })},
		"less weights":         {f4("net/sub/ReadVariableOp;net/w", v, 2), 41, []int{0, 2}, 2, each(func(i int, x float64) float64 { return x - v[i%2] })},
		"weights less":         {f4("net/sub/ReadVariableOp", v, 1, 2), 41, []int{2, 0}, 2, each(func(i int, x float64) float64 { return v[i%2] - x })},
		"divided by one":       {f4("net/div/ReadVariableOp", v[:1]), 42, []int{0, 2}, 1, each(func(_ int, x float64) float64 { return x / 2 })},
		"places":               {f4("pos/ReadVariableOp", []float64{1, 2, 3, 4, 5, 6}, 3, 2), 0, []int{0, 2}, 6, each(func(i int, x float64) float64 { return x + float64(i+1) })},
		"a number":             {f4("net/mul/y", v[:1]), 18, []int{0, 2}, 0, each(func(_ int, x float64) float64 { return x * 2 })},
		"numbers of channels":  {f4("net/mul/y", v, 2), 18, []int{0, 2}, 0, each(func(i int, x float64) float64 { return x * v[i%2] })},
	} {
		m, _ := formattest.Import(t, write(t, t.TempDir(), graphOf([]made{in, out, tc.constant}, []int{1}, step{tc.op, tc.in, []int{1}, nil})), format.Options{})
		if _, learned := m.Params.Count(); learned != tc.learned {
			t.Errorf("%s: %d numbers are learned, want %d", name, learned, tc.learned)
		}
		formattest.Near(t, formattest.Predict(t, m, tensor.Of(x, 1, 3, 2)), tc.want...)
	}
}

// twice are numbers with channels and as many more behind them, times a factor.
func twice(v []float64, channels int, factor float64) []float64 {
	var out []float64
	for ; len(v) > 0; v = v[channels:] {
		out = append(out, v[:channels]...)
		for _, x := range v[:channels] {
			out = append(out, factor*x)
		}
	}
	return out
}

func odd(v []float64) []float64 {
	var out []float64
	for i := 1; i < len(v); i += 2 {
		out = append(out, v[i])
	}
	return out
}

// TestCells holds recurrent operations to their definitions.
func TestCells(t *testing.T) {
	t.Parallel()
	const steps, in, units = 3, 2, 2
	x := formattest.Numbers(1, steps*in)
	names := []string{"i", "f", "c", "o"}
	values := []made{{name: "x", shape: []int{1, steps, in}}, {name: "y", shape: []int{1, steps, units}}, {name: "s", shape: []int{1, units}}, {name: "c", shape: []int{1, units}}}
	ins := make([]int, 24)
	for i := range ins {
		ins[i] = -1
	}
	ins[0], ins[18], ins[19] = 0, 2, 3
	var w, u, b [4][]float64
	for g := range 4 {
		w[g], u[g], b[g] = formattest.Numbers(10+g, units*in), formattest.Numbers(20+g, units*units), formattest.Numbers(30+g, units)
		ins[1+g], ins[5+g], ins[12+g] = len(values), len(values)+1, len(values)+2
		values = append(values, f4("w"+names[g], w[g], units, in), f4("u"+names[g], u[g], units, units), f4("b"+names[g], b[g], units))
	}
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	var want []float64
	h, c := make([]float64, units), make([]float64, units)
	for s := range steps {
		gate := func(g, k int) float64 {
			return formattest.Dense(x[s*in:(s+1)*in], w[g], b[g], units)[k] + formattest.Dense(h, u[g], nil, units)[k]
		}
		nh, nc := make([]float64, units), make([]float64, units)
		for k := range units {
			nc[k] = math.Max(-0.25, math.Min(0.25, sigmoid(gate(1, k))*c[k]+sigmoid(gate(0, k))*math.Tanh(gate(2, k))))
			nh[k] = sigmoid(gate(3, k)) * math.Tanh(nc[k])
		}
		h, c = nh, nc
		want = append(want, h...)
	}
	m, _ := formattest.Import(t, write(t, t.TempDir(), graphOf(values, []int{1}, step{44, ins, []int{1}, []int{4, float(0.25)}})), format.Options{})
	formattest.Near(t, formattest.Predict(t, m, formattest.Floats(x, 1, steps, in)), want...)

	want = nil
	h = make([]float64, units)
	for s := range steps {
		next := formattest.Dense(x[s*in:(s+1)*in], w[0], b[0], units)
		for k, v := range formattest.Dense(h, u[0], nil, units) {
			next[k] = math.Max(0, next[k]+v)
		}
		h = next
		want = append(want, h...)
	}
	m, _ = formattest.Import(t, write(t, t.TempDir(), graphOf(values, []int{1}, step{35, []int{0, ins[1], ins[5], ins[12], 2}, []int{1}, []int{0, 1}})), format.Options{})
	formattest.Near(t, formattest.Predict(t, m, formattest.Floats(x, 1, steps, in)), want...)
}

// TestRefuses names operations and settings that there is nothing for.
func TestRefuses(t *testing.T) {
	t.Parallel()
	in, out := made{name: "x", shape: []int{1, 4, 3, 2}}, made{name: "y", shape: []int{1, 4, 3, 2}}
	for want, g := range map[string][]byte{
		"ARG_MAX":                graphOf([]made{in, out}, []int{1}, step{56, []int{0}, []int{1}, nil}),
		"half_pixel_centers":     graphOf([]made{in, out, i4("s", 8, 6)}, []int{1}, step{23, []int{0, 2}, []int{1}, nil}),
		"whole factors":          graphOf([]made{in, out, i4("s", 7, 6)}, []int{1}, step{97, []int{0, 2}, []int{1}, nil}),
		"the batch does not":     graphOf([]made{in, out, i4("p", 1, 0, 2, 3)}, []int{1}, step{39, []int{0, 2}, []int{1}, nil}),
		"goes over axes [3]":     graphOf([]made{in, out, i4("a", -1)}, []int{1}, step{40, []int{0, 2}, []int{1}, nil}),
		"strides are":            graphOf([]made{in, out, i4("b", 0, 0, 0, 0), i4("e", 1, 4, 3, 2), i4("s", 1, 2, 1, 1)}, []int{1}, step{45, []int{0, 2, 3, 4}, []int{1}, []int{0}}),
		"divides a value":        graphOf([]made{in, out}, []int{1}, step{42, []int{0, 0}, []int{1}, nil}),
		"does not go with":       graphOf([]made{in, out, f4("c", []float64{1, 2, 3}, 3)}, []int{1}, step{0, []int{0, 2}, []int{1}, nil}),
		"steps behind the":       graphOf([]made{in, out}, []int{1}, step{44, []int{0}, []int{1}, []int{4}}),
		"shape [1 24] of [2":     graphOf([]made{{name: "x", shape: []int{2, 4, 3}}, {name: "y", shape: []int{1, 24}}}, []int{1}, step{22, []int{0}, []int{1}, nil}),
		"no constant of numbers": graphOf([]made{in, out}, []int{1}, step{54, []int{0, 0}, []int{1}, nil}),
	} {
		_, err := format.Open(write(t, t.TempDir(), g), tensor.Float32)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
