package cpu

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A large is a step of a dense layer whose kernel is large enough for a bundle, on k rows.
// What asks for the kernel's gradient itself, whole, keeps it from being one.
type large struct {
	g   *graph.Builder
	set *param.Set
	in  backend.Inputs
}

func newLarge(t *testing.T, o optim.Optimizer, float tensor.DType, k, m, n int, whole bool) large {
	t.Helper()
	b, set := graph.New(), param.NewSet(float)
	in := backend.Inputs{Values: map[string]*tensor.Tensor{}}
	r := rng.New(7, 8)
	normal := func(v *tensor.Tensor, scale float64) *tensor.Tensor {
		for i := range v.Len() {
			v.SetFlat(i, scale*r.Norm())
		}
		return v
	}
	names, shapes := []string{"kernel", "bias"}, []tensor.Shape{{m, n}, {n}}
	for i, name := range names {
		p, err := set.Add(name, param.Weight, shapes[i])
		if err != nil {
			t.Fatal(err)
		}
		normal(p.Value, 1/math.Sqrt(float64(m)))
	}
	in.Values["x"], in.Values["y"] = normal(tensor.New(float, k, m), 1), normal(tensor.New(float, k, n), 1)
	in.Values["step"] = tensor.New(float)
	in.Values["step"].SetFlat(0, 3)
	x, y := b.Input("x", graph.Float, k, m), b.Input("y", graph.Float, k, n)
	params := []graph.Node{b.Param("kernel", m, n), b.Param("bias", n)}
	loss := x.MatMul(params[0]).Add(params[1]).Sub(y).Square().Mean()
	grads := graph.Grad(loss, params)
	norm := optim.Norm(b, grads...)
	b.Output("loss", loss)
	b.Output("norm", norm)
	b.Guard(loss)
	b.Guard(norm)
	if whole {
		b.Output("gradient", grads[0])
	}
	o.Build(b, set, names, grads, b.Const(0.01), b.Input("step", graph.Float))
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return large{b, set, in}
}

// run takes steps and returns all that there is of parameters, the norm and the plan's text.
func (l large) run(t *testing.T, threads, steps int) (state []byte, norm float64, dump string) {
	t.Helper()
	s := l.set.Clone()
	p, err := New().Compile(l.g, backend.Options{Float: l.in.Values["x"].DType(), State: s.Value, Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range steps {
		if err := p.Run(t.Context(), l.in); err != nil {
			t.Fatal(err)
		}
	}
	for x := range s.All() {
		state = append(state, x.Value.Bytes()...)
	}
	var text bytes.Buffer
	if err := p.Dump(&text); err != nil {
		t.Fatal(err)
	}
	return state, p.Output("norm").Flat(0), text.String()
}

const bundled = "part by part"

// Parameters that are updated block by block have the bits that they have where the
// gradient is there as a whole, for any rule, shape and number of threads.
func TestBundles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		o     optim.Optimizer
		float tensor.DType
		k     int
		apart bool // an update that waits for what is not known before
	}{
		{"sgd", optim.Optimizer{Rule: optim.SGD{}}, tensor.Float32, 5, false},
		{"sgd, one row", optim.Optimizer{Rule: optim.SGD{}}, tensor.Float32, 1, false},
		{"sgd, whole rows", optim.Optimizer{Rule: optim.SGD{}}, tensor.Float32, 65, false},
		{"sgd, double", optim.Optimizer{Rule: optim.SGD{}}, tensor.Float64, 3, false},
		{"momentum", optim.Optimizer{Rule: optim.SGD{Momentum: 0.9}}, tensor.Float32, 65, false},
		{"nesterov, decaying", optim.Optimizer{Rule: optim.SGD{Momentum: 0.9, Nesterov: true}, WeightDecay: 0.1}, tensor.Float32, 7, false},
		{"adam", optim.Optimizer{Rule: optim.Adam{}}, tensor.Float32, 9, false},
		{"adam, whole rows", optim.Optimizer{Rule: optim.Adam{}}, tensor.Float32, 70, false},
		{"adam, averaged", optim.Optimizer{Rule: optim.Adam{}, EMA: true}, tensor.Float32, 9, false},
		{"nadam, cut", optim.Optimizer{Rule: optim.Nadam{}, ClipValue: 1e-5}, tensor.Float32, 9, false},
		{"rmsprop", optim.Optimizer{Rule: optim.RMSProp{}}, tensor.Float32, 9, false},
		{"clipped", optim.Optimizer{Rule: optim.SGD{}, GlobalClipNorm: 0.01}, tensor.Float32, 9, true},
		{"clipped alone", optim.Optimizer{Rule: optim.SGD{}, ClipNorm: 0.01}, tensor.Float32, 9, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want, norm, dump := newLarge(t, c.o, c.float, c.k, 1030, 1044, true).run(t, 2, 2)
			if strings.Contains(dump, bundled) {
				t.Fatal("a gradient that is an output is made part by part")
			}
			l := newLarge(t, c.o, c.float, c.k, 1030, 1044, false)
			first := math.NaN()
			for _, threads := range []int{1, 2, 3, 5, 8} {
				got, n, dump := l.run(t, threads, 2)
				if strings.Contains(dump, bundled) == c.apart {
					t.Fatalf("made part by part: %v", !c.apart)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%d threads: parameters are not as with the whole gradient", threads)
				}
				if math.Abs(n-norm) > 1e-5*norm || norm == 0 {
					t.Errorf("%d threads: norm %g, want %g", threads, n, norm)
				}
				if threads == 1 {
					first = n
				} else if n != first {
					t.Errorf("norm %g on %d threads, %g on one", n, threads, first)
				}
			}
		})
	}
}

// Where the bound on a norm is not finite the norm itself says whether parameters change.
func TestBundlesHeld(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		x, y    float64 // of the first row
		changes bool
	}{
		{"all is well", 0, 0, true},
		{"not a number", math.NaN(), 0, false},
		{"infinite", math.Inf(1), 0, false},
		{"a row too large for a bound has no gradient", 1e21, 0, true},
		{"the norm is too large", 1e21, 1e17, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const k, m, n = 3, 1024, 1024
			var states [2][]byte
			for i, whole := range []bool{true, false} {
				l := newLarge(t, optim.Optimizer{Rule: optim.SGD{Momentum: 0.9}}, tensor.Float32, k, m, n, whole)
				// The first feature of the first row alone, with no weights of its own.
				w, b := l.set.Value("kernel").Float32s(), l.set.Value("bias").Float32s()
				clear(w[:n])
				x, y := l.in.Values["x"].Float32s(), l.in.Values["y"].Float32s()
				clear(x[:m])
				x[0] = float32(c.x)
				copy(y[:n], b)
				y[5] += float32(c.y)
				before, _, _ := l.run(t, 2, 0)
				state, norm, dump := l.run(t, 2, 1)
				if strings.Contains(dump, bundled) == whole {
					t.Fatalf("made part by part: %v", whole)
				}
				if changed := !bytes.Equal(state, before); changed != c.changes {
					t.Errorf("whole %v: parameters change: %v, want %v", whole, changed, c.changes)
				}
				if finite := !math.IsNaN(norm) && !math.IsInf(norm, 0); finite != c.changes {
					t.Errorf("whole %v: norm %g", whole, norm)
				}
				states[i] = state
			}
			if !bytes.Equal(states[0], states[1]) {
				t.Error("parameters are not as with the whole gradient")
			}
		})
	}
}

// Under a guard on the loss alone a bundle changes nothing where that is not finite.
func TestBundleBehindLoss(t *testing.T) {
	t.Parallel()
	const k, m, n = 3, 1024, 1024
	g := graph.New()
	w := g.Param("w", m, n)
	loss := g.Input("x", graph.Float, k, m).MatMul(w).Sub(g.Input("y", graph.Float, k, n)).Square().Mean()
	g.Output("loss", loss)
	g.Guard(loss)
	g.Update(w, w.Sub(graph.Grad(loss, []graph.Node{w})[0].Scale(0.1)))
	in := backend.Inputs{Values: map[string]*tensor.Tensor{"x": tensor.New(tensor.Float32, k, m), "y": tensor.New(tensor.Float32, k, n)}}
	in.Values["x"].SetFlat(7, 1)
	value := tensor.New(tensor.Float32, m, n)
	p, err := New().Compile(g, backend.Options{State: func(string) *tensor.Tensor { return value }, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var text bytes.Buffer
	if err := p.Dump(&text); err != nil || !strings.Contains(text.String(), bundled) {
		t.Fatalf("no gradient is made part by part (%v)", err)
	}
	for _, y := range []float64{math.NaN(), 1} {
		in.Values["y"].SetFlat(5, y)
		if err := p.Run(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if changed := value.Flat(7*n+5) != 0; changed != (y == 1) {
			t.Errorf("with %g in the target the kernel changes: %v", y, changed)
		}
	}
}

// The memory of a plan has no place for a gradient that is made part by part.
func TestBundleMemory(t *testing.T) {
	t.Parallel()
	o := optim.Optimizer{Rule: optim.SGD{}}
	var arenas [2]int
	for i, whole := range []bool{true, false} {
		l := newLarge(t, o, tensor.Float32, 8, 1024, 1024, whole)
		p, err := New().Compile(l.g, backend.Options{Float: tensor.Float32, State: l.set.Value, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		arenas[i] = p.(backend.Profiled).Arena()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if arenas[0] < 4<<20 || arenas[1] > 1<<20 {
		t.Errorf("%s of a gradient of 4 MiB as a whole, %s part by part", fmt.Sprint(arenas[0]), fmt.Sprint(arenas[1]))
	}
}
