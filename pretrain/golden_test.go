package pretrain

import (
	"testing"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
)

// references is how each op of the reference values is written here.
var references = map[string]func(t *testing.T, c *golden.Case, m RBM, in map[string]graph.Node) map[string]graph.Node{
	"rbm_conditionals":      conditionals,
	"rbm_gaussian_visible":  conditionals,
	"rbm_exact_loglik":      exact,
	"rbm_cd":                divergence,
	"rbm_pseudo_likelihood": pseudoLikelihood,
}

func TestGolden(t *testing.T) {
	t.Parallel()
	cases := golden.Load(t, "rbm").Cases
	held := map[int]int{}
	for _, c := range cases {
		for _, precision := range []int{64, 32} {
			if _, _, ok := c.Tolerance(precision); !ok {
				t.Errorf("%s is not to be compared in float%d", c.Name, precision)
			}
			if t.Run(c.Name, func(t *testing.T) { compare(t, c, precision) }) {
				held[precision]++
			}
		}
	}
	t.Logf("%d cases: %d held in float64, %d in float32", len(cases), held[64], held[32])
}

func compare(t *testing.T, c *golden.Case, precision int) {
	b, in := graph.New(), map[string]graph.Node{}
	for _, name := range c.Inputs.Names {
		kind := graph.Float
		if name == "flip" {
			kind = graph.Int
		}
		in[name] = b.Input(name, kind, c.Input(t, name).Shape...)
	}
	m := RBM{Kernel: in["W"], VisibleBias: in["a"], Bias: in["b"], Gaussian: c.Op == "rbm_gaussian_visible"}
	if references[c.Op] == nil {
		t.Fatalf("nothing stands for %s", c.Op)
	}
	out := references[c.Op](t, c, m, in)
	for name, x := range out {
		b.Output(name, x)
	}
	r, err := graphtest.Compile(b, param.NewSet(graphtest.DType(precision)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range c.Inputs.Names {
		r.Set(name, c.Input(t, name).Data...)
	}
	if in["states"].Valid() {
		r.Set("states", graphtest.Floats(States(8, graphtest.DType(64)))...)
	}
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	for _, name := range c.Expected.Names {
		if !out[name].Valid() {
			t.Errorf("%s is expected, but not computed", name)
			continue
		}
		c.Check(t, precision, r.Output(name), name)
	}
}

func conditionals(_ *testing.T, _ *golden.Case, m RBM, in map[string]graph.Node) map[string]graph.Node {
	visible := m.Visible(in["h"])
	return map[string]graph.Node{
		"p_h": m.Hidden(in["v"]), "p_v": visible, "mean_v": visible.AddScalar(0),
		"free_energy": m.FreeEnergy(in["v"]), "energy": m.Energy(in["v"], in["h"]),
	}
}

func exact(_ *testing.T, _ *golden.Case, m RBM, in map[string]graph.Node) map[string]graph.Node {
	hidden := m.Bias.Dim(0)
	in["states"] = m.Bias.Builder().Input("states", graph.Float, 1<<hidden, hidden)
	z := m.LogPartition(in["states"])
	each := m.FreeEnergy(in["v"]).Add(z).Neg()
	wrt := []graph.Node{m.Kernel, m.VisibleBias, m.Bias}
	g := graph.Grad(each.Mean(), wrt)
	model := graph.Grad(z, wrt)
	return map[string]graph.Node{
		"log_z": z, "log_likelihood": each, "mean_log_likelihood": each.Mean(),
		"grad_W": g[0], "grad_a": g[1], "grad_b": g[2], "model_mean_v": model[1], "model_mean_h": model[2],
	}
}

// divergence runs the chain with the uniform numbers of the case.
func divergence(_ *testing.T, c *golden.Case, m RBM, in map[string]graph.Node) map[string]graph.Node {
	v := in["v"]
	at := func(name string, step int) graph.Node {
		x := in[name]
		return x.Slice(0, step, step+1).Reshape(x.Shape()[1:]...)
	}
	var hs, vs []graph.Node
	for k := range int(c.Number(1, "k")) {
		var draw graph.Node
		if c.Text("reconstruction") == "sampled_v" {
			draw = at("uniform_v", k)
		}
		h, next := m.Step(v, at("uniform_h", k), draw)
		v = next
		hs, vs = append(hs, h.Reshape(append([]int{1}, h.Shape()...)...)), append(vs, v.Reshape(append([]int{1}, v.Shape()...)...))
	}
	g := graph.Grad(m.Divergence(in["v"], v).Mean(), []graph.Node{m.Kernel, m.VisibleBias, m.Bias})
	return map[string]graph.Node{
		"h_samples": graph.Concat(0, hs...), "v_chain": graph.Concat(0, vs...), "p_h_last": m.Hidden(v),
		"grad_W": g[0].Neg(), "grad_a": g[1].Neg(), "grad_b": g[2].Neg(),
		"reconstruction_error": in["v"].Sub(v).Square().Mean(),
	}
}

func pseudoLikelihood(_ *testing.T, _ *golden.Case, m RBM, in map[string]graph.Node) map[string]graph.Node {
	v := in["v"]
	n := v.Dim(-1)
	var all graph.Node
	for i := range n {
		flip := v.Builder().Full(1, v.Dim(0), 1).Pad(1, i, n-1-i)
		one := m.PseudoLikelihood(v, flip).Scale(1 / float64(n))
		if i > 0 {
			one = all.Add(one)
		}
		all = one
	}
	return map[string]graph.Node{"one_bit": m.PseudoLikelihood(v, in["flip"].OneHot(n)), "all_bits": all}
}
