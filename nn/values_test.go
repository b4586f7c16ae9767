package nn_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// noise fills a tensor with normal numbers that depend on what it is for.
func noise(t *tensor.Tensor, what string) {
	r := rng.New(rng.Key(5, what), 0)
	for i := range t.Len() {
		t.SetFlat(i, r.Norm())
	}
}

// predict applies a layer to x in float64; its parameters are noise.
func predict(l nn.Layer, x *tensor.Tensor) (*tensor.Tensor, *param.Set, error) {
	g, set := graph.New(), param.NewSet(tensor.Float64)
	y := param.NewScope(g, set, param.Options{}).Sub("l", l, g.Input("x", graph.Float, x.Shape()...))
	if err := g.Err(); err != nil {
		return nil, nil, err
	}
	for p := range set.All() {
		noise(p.Value, p.Name)
	}
	g.Output("y", y)
	plan, err := cpu.New().Compile(g, backend.Options{Float: tensor.Float64, State: set.Value})
	if err != nil {
		return nil, nil, err
	}
	defer plan.Close()
	err = plan.Run(context.Background(), backend.Inputs{Values: map[string]*tensor.Tensor{"x": x}})
	return plan.Output("y"), set, err
}

func near(t interface {
	Helper()
	Fatalf(string, ...any)
}, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-12*max(1, math.Abs(want))) {
		t.Fatalf("%s is %.15g, want %.15g", what, got, want)
	}
}

// Pools, said again as plainly as it can be: of what lies under each window, the
// largest, and the sum divided by the places that count.
func TestPools(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, what) }
		n, size, stride, dilation := draw("n", 1, 9), draw("size", 1, 4), draw("stride", 1, 3), draw("dilation", 1, 2)
		before, after := draw("before", 0, size-1), draw("after", 0, size-1)
		ceil, count := rapid.Bool().Draw(t, "ceil"), rapid.Bool().Draw(t, "count")
		shape := func(v int) tensor.Shape { return tensor.Shape{v} }
		p := nn.Pad(nn.Sides{{before, after}})
		x := tensor.New(tensor.Float64, 2, n, 3)
		noise(x, "x")
		most, _, err := predict(nn.MaxPooling1D{Size: shape(size), Strides: shape(stride), Dilation: shape(dilation), Padding: p, Ceil: ceil}, x)
		if err != nil {
			return // larger than the input, or padding alone
		}
		mean, _, err := predict(nn.AveragePooling1D{Size: shape(size), Strides: shape(stride), Dilation: shape(dilation), Padding: p, Ceil: ceil, CountPad: count}, x)
		if err != nil {
			t.Fatal(err)
		}
		for s := range 2 {
			for o := range most.Shape()[1] {
				for c := range 3 {
					largest, sum, places := math.Inf(-1), 0.0, 0
					for tap := range size {
						at := o*stride + tap*dilation - before
						if at >= 0 && at < n {
							largest, sum = max(largest, x.At(s, at, c)), sum+x.At(s, at, c)
						}
						if at >= 0 && at < n || count && at >= -before && at < n+after {
							places++
						}
					}
					near(t, fmt.Sprint("the largest at ", o), most.At(s, o, c), largest)
					near(t, fmt.Sprint("the mean at ", o), mean.At(s, o, c), sum/float64(places))
				}
			}
		}
	})
}

// Bilinear up-sampling of a square by two, as Keras and PyTorch have it.
func TestBilinear(t *testing.T) {
	t.Parallel()
	y, _, err := predict(nn.UpSampling2D{Interpolation: "bilinear"}, tensor.Of([]float64{1, 2, 3, 4}, 1, 2, 2, 1))
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4}
	for i, v := range want {
		near(t, fmt.Sprint("place ", i), y.Flat(i), v)
	}
}

func TestLocalResponse(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 3, 5, 20} {
		x := tensor.New(tensor.Float64, 2, 3, 7)
		noise(x, "x")
		y, _, err := predict(nn.LocalResponseNorm{Size: size, Alpha: 0.7, Beta: 0.6, Bias: 2}, x)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			for c := range 7 {
				sum := 0.0
				for k := max(0, c-(size-1)/2); k <= min(6, c+size/2); k++ {
					sum += x.Flat(i*7+k) * x.Flat(i*7+k)
				}
				near(t, fmt.Sprint("size ", size, ", channel ", c), y.Flat(i*7+c), x.Flat(i*7+c)/math.Pow(2+0.7/float64(size)*sum, 0.6))
			}
		}
	}
}

// The gated recurrent unit both ways, step by step.
func TestGRU(t *testing.T) {
	t.Parallel()
	const n, steps, in, units = 2, 5, 3, 4
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	for _, before := range []bool{false, true} {
		x := tensor.New(tensor.Float64, n, steps, in)
		noise(x, "x")
		y, set, err := predict(nn.GRU{Units: units, ResetBefore: before, Sequences: true}, x)
		if err != nil {
			t.Fatal(err)
		}
		k, r, bias := set.Value("l/kernel"), set.Value("l/recurrent_kernel"), set.Value("l/bias")
		for s := range n {
			h := make([]float64, units)
			for step := range steps {
				// of the input and of the state, for gate g of unit u.
				ofInput := func(g, u int) float64 {
					sum := bias.Flat(g*units + u)
					for i := range in {
						sum += x.At(s, step, i) * k.At(i, g*units+u)
					}
					return sum
				}
				ofState := func(g, u int, h []float64) float64 {
					sum := 0.0
					if !before {
						sum = bias.At(1, g*units+u)
					}
					for i := range units {
						sum += h[i] * r.At(i, g*units+u)
					}
					return sum
				}
				z, reset, next := make([]float64, units), make([]float64, units), make([]float64, units)
				held := make([]float64, units)
				for u := range units {
					z[u], reset[u] = sigmoid(ofInput(0, u)+ofState(0, u, h)), sigmoid(ofInput(1, u)+ofState(1, u, h))
					held[u] = reset[u] * h[u]
				}
				for u := range units {
					candidate := ofInput(2, u)
					if before {
						candidate += ofState(2, u, held)
					} else {
						candidate += reset[u] * ofState(2, u, h)
					}
					next[u] = z[u]*h[u] + (1-z[u])*math.Tanh(candidate)
				}
				h = next
				for u := range units {
					near(t, fmt.Sprint("reset before: ", before, ", step ", step), y.At(s, step, u), h[u])
				}
			}
		}
	}
}

// A forget gate begins with a bias of 1, the others without.
func TestForgetBias(t *testing.T) {
	t.Parallel()
	for _, l := range []nn.LSTM{{Units: 2}, {Units: 2, NoForgetBias: true}} {
		set := param.NewSet(tensor.Float32)
		g := graph.New()
		param.NewScope(g, set, param.Options{}).Sub("l", l, g.Input("x", graph.Float, 1, 3, 2))
		want := "float32[8]{0 0 1 1 0 0 0 0}"
		if l.NoForgetBias {
			want = "float32[8]{0 0 0 0 0 0 0 0}"
		}
		if got := fmt.Sprint(set.Value("l/bias")); got != want {
			t.Errorf("the bias begins as %s, want %s", got, want)
		}
	}
}

// What stands around, said again by walking along the places: to and fro, with or without
// standing still at the ends, around again, or not beyond the ends at all.
func TestPadModes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		n, before, after := rapid.IntRange(1, 5).Draw(r, "n"), rapid.IntRange(0, 12).Draw(r, "before"), rapid.IntRange(0, 12).Draw(r, "after")
		mode := rapid.SampledFrom([]string{"edge", "reflect", "symmetric", "wrap"}).Draw(r, "mode")
		// walk is the places that are met from one end on, going outwards at first.
		walk := func(steps, at, way int) []int {
			var out []int
			for range steps {
				next := at + way
				switch {
				case next >= 0 && next < n:
					at = next
				case mode == "wrap":
					at = (next + n) % n
				case mode == "symmetric":
					way = -way
				case mode == "reflect" && n > 1:
					way = -way
					at += way
				}
				out = append(out, at)
			}
			return out
		}
		x := tensor.New(tensor.Float64, 2, n, 2)
		noise(x, "x")
		y, _, err := predict(nn.PadAxes{Padding: nn.Sides{{before, after}, {}}, Mode: mode}, x)
		if err != nil {
			r.Fatal(err)
		}
		var want []int
		for _, i := range walk(before, 0, -1) {
			want = append([]int{i}, want...)
		}
		for i := range n {
			want = append(want, i)
		}
		want = append(want, walk(after, n-1, 1)...)
		if y.Shape()[1] != len(want) {
			r.Fatalf("%v, want %d places", y.Shape(), len(want))
		}
		for i, from := range want {
			near(r, fmt.Sprintf("%s of %d: place %d", mode, n, i-before), y.At(1, i, 1), x.At(1, from, 1))
		}
	})
}

// An LSTM with peepholes from a state that is given, as its formula has it.
func TestLSTMFromState(t *testing.T) {
	t.Parallel()
	const rows, steps, in, units = 2, 3, 2, 3
	l := nn.LSTM{Units: units, Peephole: true, ReturnCell: true, Sequences: true}
	g, set := graph.New(), param.NewSet(tensor.Float64)
	var ins []graph.Node
	values := map[string]*tensor.Tensor{}
	for name, shape := range map[string][]int{"x": {rows, steps, in}, "h": {rows, units}, "c": {rows, units}} {
		values[name] = tensor.New(tensor.Float64, shape...)
		noise(values[name], name)
	}
	for _, name := range []string{"x", "h", "c"} {
		ins = append(ins, g.Input(name, graph.Float, values[name].Shape()...))
	}
	g.Output("y", param.NewScope(g, set, param.Options{}).SubFunc("l", l, ins, func(s *nn.Scope) graph.Node { return l.Join(s, ins) }))
	for p := range set.All() {
		noise(p.Value, p.Name)
	}
	plan, err := cpu.New().Compile(g, backend.Options{Float: tensor.Float64, State: set.Value})
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	if err := plan.Run(context.Background(), backend.Inputs{Values: values}); err != nil {
		t.Fatal(err)
	}
	y := plan.Output("y")
	k, r, b, p := set.Value("l/kernel"), set.Value("l/recurrent_kernel"), set.Value("l/bias"), set.Value("l/peephole")
	for s := range rows {
		h, c := make([]float64, units), make([]float64, units)
		for u := range units {
			h[u], c[u] = values["h"].At(s, u), values["c"].At(s, u)
		}
		for step := range steps {
			z := func(gate, u int) float64 {
				sum := b.Flat(gate*units + u)
				for i := range in {
					sum += values["x"].At(s, step, i) * k.At(i, gate*units+u)
				}
				for i := range units {
					sum += h[i] * r.At(i, gate*units+u)
				}
				return sum
			}
			sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
			nextH, nextC := make([]float64, units), make([]float64, units)
			for u := range units {
				nextC[u] = sigmoid(z(1, u)+p.At(1, u)*c[u])*c[u] + sigmoid(z(0, u)+p.At(0, u)*c[u])*math.Tanh(z(2, u))
				nextH[u] = sigmoid(z(3, u)+p.At(2, u)*nextC[u]) * math.Tanh(nextC[u])
			}
			h, c = nextH, nextC
			for u := range units {
				near(t, fmt.Sprint("output of step ", step), y.At(s, step, u), h[u])
				near(t, fmt.Sprint("cell of step ", step), y.At(s, step, units+u), c[u])
			}
		}
	}
}
