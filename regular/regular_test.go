package regular

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/backend/ref"
	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend/gradcheck"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// penalties and projections are how the reference values' ops are written here.
var (
	penalties = map[string]func(c *golden.Case) Regularizer{
		"l1":                 func(c *golden.Case) Regularizer { return L1{c.Number(0, "l1")} },
		"l2":                 func(c *golden.Case) Regularizer { return L2{c.Number(0, "l2")} },
		"l1_l2":              func(c *golden.Case) Regularizer { return L1L2{c.Number(0, "l1"), c.Number(0, "l2")} },
		"orthogonal_rows":    func(c *golden.Case) Regularizer { return Orthogonal{Factor: c.Number(0, "factor")} },
		"orthogonal_columns": func(c *golden.Case) Regularizer { return Orthogonal{c.Number(0, "factor"), "columns"} },
	}
	projections = map[string]func(c *golden.Case) Constraint{
		"constraint_max_norm":  func(c *golden.Case) Constraint { return MaxNorm{c.Number(0, "max_value")} },
		"constraint_unit_norm": func(*golden.Case) Constraint { return UnitNorm{} },
		"constraint_non_neg":   func(*golden.Case) Constraint { return NonNeg{} },
		"constraint_min_max_norm": func(c *golden.Case) Constraint {
			return MinMaxNorm{c.Number(0, "min_value"), c.Number(0, "max_value"), c.Number(0, "rate")}
		},
	}
)

func TestGolden(t *testing.T) {
	t.Parallel()
	held := map[int]int{}
	for _, c := range golden.Load(t, "regularizers").Cases {
		if penalties[c.Op] == nil && projections[c.Op] == nil {
			continue // layers
		}
		for _, precision := range []int{64, 32} {
			if t.Run(c.Name, func(t *testing.T) {
				for name, on := range backends {
					t.Run(name, func(t *testing.T) { compare(t, c, precision, on) })
				}
			}) {
				held[precision]++
			}
		}
	}
	if held[64] < 20 || held[32] != held[64] {
		t.Errorf("held %v by precision, want 20 and more in both", held)
	}
}

// backends are what the values are computed on: the interpreter, and the kernels
// that training runs on.
var backends = map[string]backend.Backend{"ref": ref.Backend{}, "cpu": cpu.New()}

func compare(t *testing.T, c *golden.Case, precision int, on backend.Backend) {
	in := c.Input(t, "w")
	b := graph.New()
	w := b.Input("w", graph.Float, in.Shape...)
	if r := penalties[c.Op]; r != nil {
		p := r(c).Penalty(w)
		b.Output("penalty", p)
		b.Output("grad", graph.Grad(p, []graph.Node{w})[0])
	} else {
		b.Output("w", projections[c.Op](c).Project(w))
	}
	r, err := graphtest.CompileOn(on, b, param.NewSet(graphtest.DType(precision)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Set("w", in.Data...)
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	for _, name := range c.Expected.Names {
		got := r.Output(name)
		if want := c.Want(t, name); name == "grad" && strings.HasPrefix(c.Name, "tfjs_") {
			// TensorFlow.js alone has another gradient of |w| at 0.
			for i, v := range in.Data {
				if v == 0 {
					got[i] = want.Data[i]
				}
			}
		}
		c.Check(t, precision, got, name)
	}
}

func TestEveryNameHasReferences(t *testing.T) {
	t.Parallel()
	cases := golden.Load(t, "regularizers")
	for _, name := range slices.Concat(Regularizers.Names(), Constraints.Names()) {
		op := map[bool]string{true: name, false: "constraint_" + name}[slices.Contains(Regularizers.Names(), name)]
		if name == "orthogonal" {
			op = "orthogonal_rows"
		}
		if len(cases.Of(op)) == 0 {
			t.Errorf("%s has no reference values", name)
		}
	}
}

func TestGradients(t *testing.T) {
	t.Parallel()
	w := tensor.Of([]float64{0.5, -0.7, 1.2, 0.4, 0.9, -0.3}, 3, 2)
	for _, r := range []Regularizer{L1{}, L2{}, L1L2{L1: 0.3, L2: 0.2}, Orthogonal{Factor: 2}, Orthogonal{Mode: "columns"}} {
		gradcheck.Check(t, func(_ *graph.Builder, x []graph.Node) graph.Node { return r.Penalty(x[0]) }, w)
	}
}

func project(t testing.TB, c Constraint, rows, cols int, w []float64) []float64 {
	b := graph.New()
	b.Output("w", c.Project(b.Input("w", graph.Float, rows, cols)))
	r, err := graphtest.Compile(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Set("w", w...)
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	return r.Output("w")
}

// Whatever the weights are, they are allowed afterwards, keep their direction,
// and stay where they are when projected again.
func TestProjections(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rows, cols := rapid.IntRange(1, 5).Draw(rt, "rows"), rapid.IntRange(1, 4).Draw(rt, "units")
		w := rapid.SliceOfN(rapid.Float64Range(-100, 100), rows*cols, rows*cols).Draw(rt, "w")
		limit := rapid.Float64Range(0.1, 10).Draw(rt, "limit")
		for _, c := range []Constraint{MaxNorm{limit}, UnitNorm{}, NonNeg{}, MinMaxNorm{Min: limit / 2, Max: limit}} {
			got := project(t, c, rows, cols, w)
			again := project(t, c, rows, cols, got)
			for j := range cols {
				var before, after float64
				for i := range rows {
					v, u := w[i*cols+j], got[i*cols+j]
					before, after = math.Hypot(before, v), math.Hypot(after, u)
					if u*v < 0 {
						rt.Fatalf("%T turns %g into %g", c, v, u)
					}
				}
				ok := true
				switch c.(type) {
				case MaxNorm:
					ok = after <= limit
				case UnitNorm:
					ok = before < 1e-3 || math.Abs(after-1) < 1e-3
				case NonNeg:
					ok = after <= before
				case MinMaxNorm:
					ok = before < 1e-3 || after <= limit && after > limit/2-1e-3
				}
				if !ok {
					rt.Fatalf("%#v makes of norm %g norm %g", c, before, after)
				}
				if before < 1e-3 {
					continue
				}
				for i := range rows {
					if d := again[i*cols+j] - got[i*cols+j]; math.Abs(d) > 1e-4*limit+1e-4 {
						rt.Fatalf("%#v is not the same twice: %g", c, d)
					}
				}
			}
		}
	})
}

func TestText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Regularizer{
		`"l2"`: L2{}, `{"name":"l1","l1":0}`: L1{spec.Zero}, `{"name":"l1_l2","l1":0.1,"l2":0.2}`: L1L2{0.1, 0.2},
		`{"name":"orthogonal","mode":"columns"}`: Orthogonal{Mode: "columns"},
	} {
		v, err := spec.ParseJSON("", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var got Regularizer
		if err := spec.Decode(v, &got); err != nil || got != want {
			t.Errorf("%s: %#v, %v; want %#v", text, got, err, want)
		}
		if back, err := spec.Encode(got); err != nil || !back.Equal(v) {
			t.Errorf("%s: written as %s, %v", text, back.JSON(), err)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, v := range []interface{ Validate() error }{
		L1{-1}, L2{math.NaN()}, L1L2{L2: -1}, L2{math.Inf(1)}, Orthogonal{Mode: "diagonal"}, Orthogonal{Factor: -1},
		MaxNorm{-1}, MinMaxNorm{Min: 2}, MinMaxNorm{Rate: 1.5}, MinMaxNorm{Min: -1},
	} {
		if v.Validate() == nil {
			t.Errorf("%#v passes", v)
		}
	}
	for _, shape := range []tensor.Shape{{4}, {1, 4}} {
		b := graph.New()
		if (Orthogonal{}).Penalty(b.Input("w", graph.Float, shape...)).Valid() || b.Err() == nil {
			t.Errorf("orthogonal takes %v", shape)
		}
	}
}
