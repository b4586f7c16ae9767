package optim

import (
	"math"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
	"pgregory.net/rapid"
)

var clips = map[string]func(c float64) Transform{
	"clip_by_value":             func(c float64) Transform { return ClipValue(c) },
	"clip_by_norm":              func(c float64) Transform { return ClipNorm(c) },
	"clip_by_global_norm":       func(c float64) Transform { return GlobalClipNorm(c) },
	"clip_by_global_norm_torch": func(c float64) Transform { return TorchClipNorm(c) },
}

func TestGoldenClip(t *testing.T) {
	t.Parallel()
	cases := golden.Load(t, "clip").Cases
	held := map[int]int{}
	for _, c := range cases {
		for _, precision := range []int{64, 32} {
			if t.Run(c.Name, func(t *testing.T) {
				for name, on := range backends {
					t.Run(name, func(t *testing.T) { clip(t, c, precision, on) })
				}
			}) {
				held[precision]++
			}
		}
	}
	t.Logf("%d cases: float64 %d held, float32 %d held", len(cases), held[64], held[32])
	if len(cases) != 45 {
		t.Errorf("%d cases, want 45", len(cases))
	}
}

// rounded are the cases whose inputs are other numbers in float32: 1e-200 is 0
// there, and 1e99 infinite. They are held to what their formula gives for those
// numbers.
var rounded = map[string]map[string][]float64{
	"torch_value_tiny":         {"g": {0, 0, 0, 0}},
	"torch_global_norm_huge":   {"g": {math.NaN(), math.NaN(), math.NaN(), math.NaN()}, "h": {0, 0, 0}},
	"formula_global_norm_huge": {"g": {math.NaN(), math.NaN(), math.NaN(), math.NaN()}, "h": {math.NaN(), math.NaN(), math.NaN()}},
	"formula_norm_huge":        {"g": {math.NaN(), math.NaN(), math.NaN(), math.NaN()}, "h": {0.17957585821919023, 0.7768080497523754, -0.6035907263906168}},
}

func clip(t *testing.T, c *golden.Case, precision int, on backend.Backend) {
	make := clips[c.Op]
	if make == nil {
		t.Fatalf("no transform stands for %s", c.Op)
	}
	b := graph.New()
	var grads []graph.Node
	names := c.Inputs.Names
	for _, name := range names {
		grads = append(grads, b.Input(name, graph.Float, c.Input(t, name).Shape...))
	}
	for i, g := range make(c.Number(0, "clip")).Apply(b, grads, grads) {
		b.Output(names[i], g)
		b.Output("norm of "+names[i], Norm(b, grads[i]))
	}
	b.Output("norm", Norm(b, grads...))
	r, err := graphtest.CompileOn(on, b, param.NewSet(graphtest.DType(precision)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, name := range names {
		r.Set(name, c.Input(t, name).Data...)
	}
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	if want := rounded[c.Name]; want != nil && precision == 32 {
		for _, name := range names {
			if err := golden.Compare(r.Output(name), &golden.Value{Shape: []int{len(want[name])}, Data: want[name]}, 1e-5, 0); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		return
	}
	for _, name := range names {
		c.Check(t, precision, r.Output(name), "grads", name)
		if c.Expected.At("norms", name) != nil {
			c.Check(t, precision, r.Output("norm of "+name), "norms", name)
		}
	}
	if c.Expected.At("norm") != nil {
		c.Check(t, precision, r.Output("norm"), "norm")
	}
}

// Clipping bounds what it says it bounds, and by norm it turns nothing.
func TestClipBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.Float64Range(1e-3, 1e3).Draw(t, "c")
		g := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 6).Draw(t, "g")
		b := graph.New()
		x := b.Input("g", graph.Float, len(g))
		for i, tr := range []Transform{ClipValue(c), ClipNorm(c), GlobalClipNorm(c), TorchClipNorm(c)} {
			b.Output([]string{"value", "norm", "global", "torch"}[i], tr.Apply(b, nil, []graph.Node{x})[0])
		}
		r, err := graphtest.Compile(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Set("g", g...)
		if err := r.Step(); err != nil {
			t.Fatal(err)
		}
		for i, v := range r.Output("value") {
			if v != math.Max(-c, math.Min(c, g[i])) {
				t.Fatalf("%g was cut to %g at %g", g[i], v, c)
			}
		}
		norm := 0.0
		for _, x := range g {
			norm = math.Hypot(norm, x)
		}
		for _, name := range []string{"norm", "global", "torch"} {
			after, factor := 0.0, math.Min(1, c/norm)
			for i, v := range r.Output(name) {
				after = math.Hypot(after, v)
				slack := 1e-12
				if name == "torch" {
					slack = 1e-5/math.Max(norm, 1e-3) + 1e-12
				}
				if math.Abs(v-g[i]*factor) > slack*math.Abs(g[i]) {
					t.Fatalf("%s: %g became %g, want %g", name, g[i], v, g[i]*factor)
				}
			}
			if after > c*(1+1e-12) {
				t.Fatalf("%s: norm %g is above %g", name, after, c)
			}
		}
	})
}
