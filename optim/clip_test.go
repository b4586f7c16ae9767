package optim

import (
	"math"
	"testing"

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
	held, outside := map[int]int{}, 0
	for _, c := range cases {
		for _, precision := range []int{64, 32} {
			if why := beyond[c.Name]; precision == 32 && why != "" {
				t.Logf("%s has no meaning in float32: %s", c.Name, why)
				outside++
				continue
			}
			if t.Run(c.Name, func(t *testing.T) { clip(t, c, precision) }) {
				held[precision]++
			}
		}
	}
	t.Logf("%d cases: float64 %d held; float32 %d held, %d have inputs that float32 cannot hold",
		len(cases), held[64], held[32], outside)
}

// beyond are the cases whose inputs are other numbers in float32, and whose
// results so are not those of the case.
var beyond = map[string]string{
	"torch_value_tiny":         "1e-200 is 0",
	"torch_global_norm_huge":   "1e99 is infinite",
	"formula_global_norm_huge": "1e99 is infinite",
	"formula_norm_huge":        "1e99 is infinite",
}

func clip(t *testing.T, c *golden.Case, precision int) {
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
	r, err := graphtest.Compile(b, param.NewSet(graphtest.DType(precision)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		r.Set(name, c.Input(t, name).Data...)
	}
	if err := r.Step(); err != nil {
		t.Fatal(err)
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
