package loss

import (
	"reflect"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
)

// references is the table of losses: how the reference values' ops are written
// here.
var references = map[string]func(c *golden.Case) Loss{
	"sparse_cross_entropy_logits":      crossEntropy,
	"categorical_cross_entropy_logits": crossEntropy,
	"sparse_cross_entropy_probs":       value(CrossEntropy{Probabilities: true}),
	"categorical_cross_entropy_probs":  value(CrossEntropy{Probabilities: true}),
	"binary_cross_entropy_logits": func(c *golden.Case) Loss {
		return BinaryCrossEntropy{Smoothing: c.Number(0, "label_smoothing"), PosWeight: c.Number(0, "pos_weight")}
	},
	"binary_cross_entropy_probs": value(BinaryCrossEntropy{Probabilities: true}),
	"nll":                        value(NLL{}),
	"mse":                        value(MSE{}),
	"mae":                        value(MAE{}),
	"mape":                       value(MAPE{}),
	"msle":                       value(MSLE{}),
	"huber":                      func(c *golden.Case) Loss { return Huber{c.Number(0, "delta")} },
	"smooth_l1":                  func(c *golden.Case) Loss { return SmoothL1{c.Number(0, "beta")} },
	"log_cosh":                   value(LogCosh{}),
	"hinge":                      value(Hinge{}),
	"squared_hinge":              value(Hinge{Squared: true}),
	"categorical_hinge":          value(CategoricalHinge{}),
	"multi_margin":               func(c *golden.Case) Loss { return MultiMargin{c.Number(0, "margin")} },
	"kl_div_logp":                value(KLDivergence{Log: true}),
	"kl_divergence":              value(KLDivergence{}),
	"poisson":                    func(c *golden.Case) Loss { return Poisson{Epsilon: c.Number(0, "eps")} },
	"poisson_log":                value(Poisson{Log: true}),
	"cosine_similarity":          value(CosineSimilarity{}),
	"cosine_similarity_loss":     value(CosineSimilarity{Distance: true}),
	"categorical_focal": func(c *golden.Case) Loss {
		return CategoricalFocal{Alpha: c.Number(0, "alpha"), Gamma: c.Number(0, "gamma")}
	},
	"binary_focal":           func(c *golden.Case) Loss { return BinaryFocal{Gamma: c.Number(0, "gamma")} },
	"margin_ranking":         func(c *golden.Case) Loss { return MarginRanking{c.Number(0, "margin")} },
	"triplet_margin":         triplet,
	"triplet_margin_squared": triplet,
	"contrastive":            func(c *golden.Case) Loss { return Contrastive{c.Number(0, "margin")} },
	"cosine_embedding":       func(c *golden.Case) Loss { return CosineEmbedding{c.Number(0, "margin")} },
}

func value(l Loss) func(*golden.Case) Loss { return func(*golden.Case) Loss { return l } }

func crossEntropy(c *golden.Case) Loss {
	return CrossEntropy{Smoothing: c.Number(0, "label_smoothing")}
}

func triplet(c *golden.Case) Loss {
	return Triplet{Margin: c.Number(0, "margin"), Epsilon: c.Number(0, "eps"), Squared: c.Op == "triplet_margin_squared"}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	cases := golden.Load(t, "losses").Cases
	held, skipped := map[int]int{}, map[int]int{}
	for _, c := range cases {
		for _, precision := range []int{64, 32} {
			if _, _, ok := c.Tolerance(precision); !ok {
				skipped[precision]++
				continue
			}
			if t.Run(c.Name, func(t *testing.T) {
				for name, on := range backends {
					t.Run(name, func(t *testing.T) { compare(t, c, precision, on) })
				}
			}) {
				held[precision]++
			}
		}
	}
	t.Logf("%d cases: float64 %d held, %d not to be compared; float32 %d held, %d not to be compared",
		len(cases), held[64], skipped[64], held[32], skipped[32])
}

// backends are what the values are computed on: the interpreter, and the kernels
// that training runs on.
var backends = map[string]backend.Backend{"ref": ref.Backend{}, "cpu": cpu.New()}

func compare(t *testing.T, c *golden.Case, precision int, on backend.Backend) {
	make := references[c.Op]
	if make == nil {
		t.Fatalf("no loss stands for %s", c.Op)
	}
	l := make(c)
	b, in := graph.New(), map[string]graph.Node{}
	for _, name := range c.Inputs.Names {
		kind := graph.Float
		if name == "labels" {
			kind = graph.Int
		}
		in[name] = b.Input(name, kind, c.Input(t, name).Shape...)
	}
	perSample, wrt := apply(l, in)
	weighted := perSample
	if w := in["sample_weight"]; w.Valid() {
		weighted = perSample.Mul(w)
	}
	if w := in["class_weight"]; w.Valid() {
		weighted = perSample.Mul(w.Gather(in["labels"]))
	}
	if c.Source[:5] == "torch" {
		perSample = weighted // PyTorch's values are weighted already
	}
	loss := weighted.Mean()
	switch {
	case c.Text("reduction") == "sum":
		loss = weighted.Sum()
	case c.Text("denominator") == "sum of the weights":
		loss = weighted.Sum().Div(in["class_weight"].Gather(in["labels"]).Sum())
	}
	b.Output("per_sample", perSample)
	b.Output("loss", loss)
	var names []string
	var nodes []graph.Node
	for name, x := range wrt {
		names, nodes = append(names, name), append(nodes, x)
	}
	for i, d := range graph.Grad(loss, nodes) {
		b.Output(names[i], d)
	}
	r, err := graphtest.CompileOn(on, b, param.NewSet(graphtest.DType(precision)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, name := range c.Inputs.Names {
		r.Set(name, c.Input(t, name).Data...)
	}
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	for _, name := range c.Expected.Names {
		c.Check(t, precision, r.Output(name), name)
	}
}

// apply is the loss of a case's inputs, and what its gradients are with respect
// to.
func apply(l Loss, in map[string]graph.Node) (perSample graph.Node, wrt map[string]graph.Node) {
	if x := in["pred"]; x.Valid() {
		target := in["target"]
		if in["labels"].Valid() {
			target = in["labels"]
		}
		return l.Apply(x, target), map[string]graph.Node{"grad": x}
	}
	if a := in["anchor"]; a.Valid() {
		return l.(Triplet).Of(a, in["positive"], in["negative"]),
			map[string]graph.Node{"grad_anchor": a, "grad_positive": in["positive"], "grad_negative": in["negative"]}
	}
	pairs := l.(interface {
		Of(x1, x2, target graph.Node) graph.Node
	})
	return pairs.Of(in["x1"], in["x2"], in["target"]), map[string]graph.Node{"grad_x1": in["x1"], "grad_x2": in["x2"]}
}

// defined are the losses that no framework of the reference values has: a test of
// their own holds them to their definition.
var defined = map[string]bool{"triplet_hard": true}

func TestEveryLossHasReferences(t *testing.T) {
	t.Parallel()
	used := map[reflect.Type]bool{}
	for _, c := range golden.Load(t, "losses").Cases {
		if make := references[c.Op]; make != nil {
			used[reflect.TypeOf(make(c))] = true
		}
	}
	for _, name := range Registry.Names() {
		l, err := Registry.New(name)
		if err != nil {
			t.Error(err)
		} else if !used[reflect.TypeOf(l)] && !defined[name] {
			t.Errorf("%s has no reference values", name)
		}
	}
}
