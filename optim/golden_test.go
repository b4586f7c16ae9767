package optim

import (
	"math"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// references is the table of rules: how the reference values' ops are written
// here.
var references = map[string]func(c *golden.Case) Rule{
	"sgd":                       sgd,
	"momentum":                  sgd,
	"nesterov":                  sgd,
	"momentum_dampening":        sgd,
	"sgd_l2":                    sgd,
	"sgd_weight_decay":          sgd,
	"momentum_global_clipnorm":  sgd,
	"momentum_ema":              sgd,
	"adam":                      adam,
	"adam_l2":                   adam,
	"adam_amsgrad":              adam,
	"adam_clipvalue":            adam,
	"adam_clipnorm":             adam,
	"adamw":                     adamw,
	"adamw_amsgrad":             adamw,
	"nadam":                     nadam,
	"nadam_keras2":              nadam,
	"nadam_dozat_simple":        nadam,
	"adagrad":                   adagrad,
	"adagrad_lr_decay_acc":      adagrad,
	"adagrad_keras2":            adagrad,
	"rmsprop":                   rmsprop,
	"rmsprop_momentum":          rmsprop,
	"rmsprop_centered":          rmsprop,
	"rmsprop_centered_momentum": rmsprop,
	"rmsprop_keras2":            rmsprop,
	"rmsprop_tf1":               rmsprop,
	"adamax": func(c *golden.Case) Rule {
		return AdaMax{LR: lr(c), Beta1: zero(c, "beta_1"), Beta2: zero(c, "beta_2"), Epsilon: epsilon(c), Convention: convention(c)}
	},
	"radam": func(c *golden.Case) Rule { return RAdam{LR: lr(c), Epsilon: epsilon(c)} },
	"adadelta": func(c *golden.Case) Rule {
		return AdaDelta{LR: lr(c), Rho: zero(c, "rho"), Epsilon: epsilon(c), Convention: convention(c)}
	},
	"rprop": func(c *golden.Case) Rule {
		etas, sizes := c.Hyper["etas"].([]any), c.Hyper["step_sizes"].([]any)
		return Rprop{LR: lr(c), Shrink: etas[0].(float64), Grow: etas[1].(float64), Min: sizes[0].(float64), Max: sizes[1].(float64)}
	},
	"lion": func(c *golden.Case) Rule {
		return Lion{LR: lr(c), Beta1: zero(c, "beta_1"), Beta2: zero(c, "beta_2")}
	},
	"ftrl": func(c *golden.Case) Rule {
		return FTRL{LR: lr(c), Power: zero(c, "learning_rate_power"), Initial: zero(c, "initial_accumulator_value"),
			L1: zero(c, "l1_regularization_strength"), L2: zero(c, "l2_regularization_strength"), Beta: zero(c, "beta")}
	},
	"lamb": func(c *golden.Case) Rule {
		return LAMB{LR: lr(c), Beta1: zero(c, "beta_1"), Beta2: zero(c, "beta_2"), Epsilon: epsilon(c)}
	},
}

// slotNames is what the references call a slot, and what it is called here.
var slotNames = map[string]string{
	"momentum_buffer": "momentum", "exp_avg": "momentum", "m": "momentum",
	"exp_avg_sq": "velocity", "v": "velocity", "square_avg": "velocity", "max_exp_avg_sq": "velocity_hat",
	"grad_avg": "average_gradient", "sum": "accumulator", "exp_inf": "norm", "acc_delta": "accumulated_delta_var", "prev": "previous",
}

func lr(c *golden.Case) float64 { return c.Number(0, "lr", "learning_rate") }

// zero is a hyperparameter, 0 being a real 0 where it is given.
func zero(c *golden.Case, names ...string) float64 {
	v := c.Number(math.NaN(), names...)
	switch {
	case math.IsNaN(v):
		return 0
	case v == 0:
		return spec.Zero
	}
	return v
}

func epsilon(c *golden.Case) float64 { return zero(c, "eps", "epsilon") }

// convention is that of the framework that computed a case.
func convention(c *golden.Case) Convention {
	switch {
	case c.Op == "nadam_dozat_simple":
		return Dozat
	case c.Op == "rmsprop_tf1":
		return TF1
	case c.Op == "nadam_keras2", c.Op == "adagrad_keras2", c.Op == "rmsprop_keras2":
		return Keras2
	case c.Name[:5] == "torch":
		return PyTorch
	case c.Name[:4] == "tfjs" && c.Op == "adam":
		return PyTorch // TensorFlow.js adds ε after the correction
	}
	return Keras
}

func sgd(c *golden.Case) Rule {
	return SGD{LR: lr(c), Momentum: c.Number(0, "momentum"), Nesterov: c.Number(0, "nesterov") == 1,
		Dampening: c.Number(0, "dampening"), Convention: convention(c)}
}

func adam(c *golden.Case) Rule {
	return Adam{LR: lr(c), Beta1: zero(c, "beta_1"), Beta2: zero(c, "beta_2"), Epsilon: epsilon(c),
		AMSGrad: c.Number(0, "amsgrad") == 1, Convention: convention(c)}
}

func adamw(c *golden.Case) Rule { return AdamW{adam(c).(Adam), zero(c, "weight_decay")} }

func nadam(c *golden.Case) Rule {
	return Nadam{LR: lr(c), Beta1: zero(c, "beta_1", "beta1"), Beta2: zero(c, "beta_2", "beta2"), Epsilon: epsilon(c),
		Decay: zero(c, "momentum_decay"), Convention: convention(c)}
}

func adagrad(c *golden.Case) Rule {
	return AdaGrad{LR: lr(c), Initial: zero(c, "initial_accumulator_value", "initial_accumulator"), Epsilon: epsilon(c),
		LRDecay: c.Number(0, "lr_decay"), Convention: convention(c)}
}

func rmsprop(c *golden.Case) Rule {
	return RMSProp{LR: lr(c), Rho: zero(c, "rho", "alpha"), Momentum: c.Number(0, "momentum"), Epsilon: epsilon(c),
		Centered: c.Number(0, "centered") == 1, Convention: convention(c)}
}

func optimizer(t *testing.T, c *golden.Case) Optimizer {
	make := references[c.Op]
	if make == nil {
		t.Fatalf("no rule stands for %s", c.Op)
	}
	o := Optimizer{Rule: make(c), ClipValue: c.Number(0, "clipvalue"), ClipNorm: c.Number(0, "clipnorm"),
		GlobalClipNorm: Threshold(c.Number(0, "global_clipnorm")), EMA: c.Number(0, "use_ema") == 1, EMAMomentum: zero(c, "ema_momentum")}
	switch c.Op {
	case "sgd_l2", "adam_l2":
		o.CoupledDecay = c.Number(0, "weight_decay")
	case "sgd_weight_decay":
		o.WeightDecay = c.Number(0, "weight_decay")
	}
	return o
}

func TestGolden(t *testing.T) {
	t.Parallel()
	cases := golden.Load(t, "optimizers").Cases
	held, skipped := map[int]int{}, map[int]int{}
	for _, c := range cases {
		for _, precision := range []int{64, 32} {
			if _, _, ok := c.Tolerance(precision); !ok {
				skipped[precision]++
				continue
			}
			if t.Run(c.Name, func(t *testing.T) {
				for name, on := range backends {
					t.Run(name, func(t *testing.T) {
						if c.Inputs.At("start") != nil {
							valley(t, c, precision, on)
						} else {
							sequence(t, c, precision, on)
						}
					})
				}
			}) {
				held[precision]++
			}
		}
	}
	t.Logf("%d cases: float64 %d held, %d not to be compared; float32 %d held, %d not to be compared",
		len(cases), held[64], skipped[64], held[32], skipped[32])
}

// rates is the learning rate of each step.
func rates(o Optimizer, c *golden.Case) func(step int) float64 {
	factor := 1.0
	if s, ok := c.Hyper["lr_schedule"].(map[string]any); ok {
		factor = s["factor_per_step"].(float64)
	}
	return func(step int) float64 { return o.Rate() * math.Pow(factor, float64(step-1)) }
}

// backends are what the values are computed on: the interpreter, and the kernels
// that training runs on.
var backends = map[string]backend.Backend{"ref": ref.Backend{}, "cpu": cpu.New()}

// sequence runs 20 steps of given gradients for three tensors.
func sequence(t *testing.T, c *golden.Case, precision int, on backend.Backend) {
	o := optimizer(t, c)
	b, set := graph.New(), param.NewSet(graphtest.DType(precision))
	var grads []graph.Node
	names := c.Inputs.At("params0").Names
	for _, name := range names {
		v := c.Input(t, "params0", name)
		p, err := set.Add(name, param.Weight, v.Shape)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range v.Data {
			p.Value.SetFlat(i, f)
		}
		grads = append(grads, b.Input("grad "+name, graph.Float, v.Shape...))
	}
	o.Build(b, set, names, grads, b.Input("lr", graph.Float), b.Input("t", graph.Float))
	r, err := graphtest.CompileOn(on, b, set)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rate := rates(o, c)
	got := map[string][]float64{}
	slots := map[string]map[string][]float64{}
	steps, _ := c.Hyper["slot_steps"].([]any)
	for step := 1; step <= 20; step++ {
		r.Set("lr", rate(step))
		r.Set("t", float64(step))
		for _, name := range names {
			n := set.Value(name).Len()
			r.Set("grad "+name, c.Input(t, "grads", name).Data[(step-1)*n:step*n]...)
		}
		if err := r.Step(); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			got[name] = append(got[name], graphtest.Floats(set.Value(name))...)
		}
		for _, at := range steps {
			if at.(float64) == float64(step) {
				keepSlots(t, c, set, slots)
			}
		}
	}
	for _, name := range names {
		c.Check(t, precision, got[name], "params", name)
	}
	for slot, values := range slots {
		for name, v := range values {
			c.Check(t, precision, v, "slots", slot, name)
		}
	}
}

// keepSlots appends the slots that a case expects to what was kept of them.
func keepSlots(t *testing.T, c *golden.Case, set *param.Set, kept map[string]map[string][]float64) {
	for _, slot := range c.Expected.At("slots").Names {
		ours := slotNames[slot]
		if ours == "" {
			ours = slot
		}
		if c.Op == "adadelta" && slot == "square_avg" {
			ours = "accumulated_grad"
		}
		if kept[slot] == nil {
			kept[slot] = map[string][]float64{}
		}
		for _, name := range c.Expected.At("slots", slot).Names {
			v := set.Value(name + "#" + ours)
			if v == nil {
				t.Fatalf("there is no slot %s of %s", ours, name)
			}
			kept[slot][name] = append(kept[slot][name], graphtest.Floats(v)...)
		}
	}
}

// valley runs 20 steps down Rosenbrock's function, with the gradient of the
// graph itself.
func valley(t *testing.T, c *golden.Case, precision int, on backend.Backend) {
	o := optimizer(t, c)
	b, set := graph.New(), param.NewSet(graphtest.DType(precision))
	start := c.Input(t, "start")
	p, err := set.Add("p", param.Weight, tensor.Shape{2})
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range start.Data {
		p.Value.SetFlat(i, f)
	}
	w := b.Param("p", 2)
	x, y := w.Slice(0, 0, 1), w.Slice(0, 1, 2)
	loss := x.Neg().AddScalar(1).Square().Add(y.Sub(x.Square()).Square().Scale(100))
	b.Output("loss", loss)
	o.Build(b, set, []string{"p"}, graph.Grad(loss, []graph.Node{w}), b.Input("lr", graph.Float), b.Input("t", graph.Float))
	r, err := graphtest.CompileOn(on, b, set)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rate := rates(o, c)
	var params, losses []float64
	for step := 1; step <= 21; step++ {
		r.Set("lr", rate(step))
		r.Set("t", float64(step))
		if err := r.Step(); err != nil {
			t.Fatal(err)
		}
		losses = append(losses, r.Output("loss")...)
		if step <= 20 {
			params = append(params, graphtest.Floats(p.Value)...)
		}
	}
	c.Check(t, precision, params, "params")
	c.Check(t, precision, losses, "loss")
}
