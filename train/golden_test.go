package train

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// TestTraces trains whole nets for 20 steps on fixed batches from fixed
// parameters: output, loss and every gradient of step 0, all losses, the last
// parameters and statistics, and the output as in inference are another
// framework's.
func TestTraces(t *testing.T) {
	t.Parallel()
	file := golden.Load(t, "traces")
	const want = 18
	ran := 0
	for _, c := range file.Of("trace") {
		ran++
		for _, precision := range []int{64, 32} {
			t.Run(fmt.Sprintf("%s/f%d", c.Name, precision), func(t *testing.T) {
				t.Parallel()
				trace(t, c, precision)
			})
		}
	}
	if n := len(file.Cases); n != want || ran != want {
		t.Errorf("ran %d of %d cases, want %d", ran, n, want)
	}
}

func trace(t *testing.T, c *golden.Case, precision int) {
	float := graphtest.DType(precision)
	x := c.Input(t, "x")
	n, sample := x.Shape[1], tensor.Shape(x.Shape[2:])
	width := sample.Len()
	cfg := Config{
		Data:  data.Schema{Inputs: []data.Field{{Name: "x", DType: float, Shape: sample}}},
		Float: float, Optim: traceOptim(t, c), Metrics: []Metric{}, Preprocess: nn.Sequential{},
	}
	target := data.Field{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}
	switch c.Text("loss") {
	case "sparse_cross_entropy_logits":
		cfg.Loss = loss.CrossEntropy{Smoothing: c.Number(0, "label_smoothing")}
	case "binary_cross_entropy_logits":
		cfg.Loss, target = loss.BinaryCrossEntropy{}, cfg.Data.Inputs[0]
	case "mse":
		cfg.Loss, target = loss.MSE{}, cfg.Data.Inputs[0]
	default:
		t.Fatalf("loss %q", c.Text("loss"))
	}
	cfg.Data.Targets = []data.Field{target}

	params := param.NewSet(float)
	for kind, group := range map[param.Kind]string{param.Weight: "params0", param.Stat: "state0"} {
		v := c.Inputs.At(group)
		for _, name := range v.Names {
			p, err := params.Add(name, kind, v.At(name).Shape)
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range v.At(name).Data {
				p.Value.SetFlat(i, f)
			}
		}
	}
	declared := params.Len()
	tr, err := From(traceModel(t, c), params, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	own := 0
	for p := range params.All() {
		if p.Kind != param.Slot {
			own++
		}
	}
	if own != declared {
		t.Fatalf("the model has %d parameters, the trace %d", own, declared)
	}

	var batches []*data.Batch
	for k := range x.Shape[0] {
		b := data.NewBatch(cfg.Data, n)
		index := make([]int32, n)
		for i := range index {
			index[i] = int32(k*n + i)
		}
		if err := b.Start(index); err != nil {
			t.Fatal(err)
		}
		for i, f := range x.Data[k*n*width : (k+1)*n*width] {
			b.X[0].SetFlat(i, f)
		}
		if target.DType == tensor.Int32 {
			copy(b.Y[0].Int32s(), c.Input(t, "labels").Int32s()[k*n:(k+1)*n])
		} else if err := b.Y[0].CopyFrom(b.X[0]); err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}

	full := strings.HasPrefix(c.Source, "torch")
	if full {
		first(t, c, precision, tr, batches[0])
	}
	var losses, norms []float64
	for k := range int(c.Number(0, "steps")) {
		if _, err := tr.learn(context.Background(), batches[k%len(batches)], sched.Point{Step: k, Epochs: 1}, false); err != nil {
			t.Fatal(err)
		}
		losses, norms = append(losses, tr.step.Loss), append(norms, tr.step.GradNorm)
	}
	c.Check(t, precision, losses, "losses")
	if c.Expected.At("global_norms_before_clip") != nil {
		c.Check(t, precision, norms, "global_norms_before_clip")
	}
	if full {
		for _, group := range []string{"final_params", "final_state"} {
			for _, name := range c.Expected.At(group).Names {
				c.Check(t, precision, graphtest.Floats(params.Value(name)), group, name)
			}
		}
	}

	b, traced := tr.trace(evaluating, n, false)
	b.Output("pred:0", traced.outs[0])
	plan, err := tr.compile(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer plan.plan.Close()
	run(t, tr, plan, evaluating, batches[0])
	c.Check(t, precision, graphtest.Floats(plan.pred[0]), "eval_output_batch0")
}

// first compares step 0 before its update: output, loss and every gradient.
func first(t *testing.T, c *golden.Case, precision int, tr *Trainer, batch *data.Batch) {
	b, traced := tr.trace(training, batch.N, false)
	b.Output("pred:0", traced.outs[0])
	names := c.Expected.At("grads0").Names
	var weights []graph.Node
	for _, name := range names {
		weights = append(weights, b.Param(name, tr.Params.Value(name).Shape()...))
	}
	for i, g := range graph.Grad(traced.loss, weights) {
		b.Output("grad:"+names[i], g)
	}
	before := tr.Params.Clone() // training updates statistics
	plan, err := tr.compile(b, before.Value)
	if err != nil {
		t.Fatal(err)
	}
	defer plan.plan.Close()
	run(t, tr, plan, training, batch)
	c.Check(t, precision, graphtest.Floats(plan.pred[0]), "logits0")
	c.Check(t, precision, graphtest.Floats(plan.loss), "loss0")
	for _, name := range names {
		c.Check(t, precision, graphtest.Floats(plan.plan.Output("grad:"+name)), "grads0", name)
	}
}

func traceOptim(t *testing.T, c *golden.Case) optim.Optimizer {
	h := c.Hyper["optimizer"].(map[string]any)
	num := func(key string) float64 { f, _ := h[key].(float64); return f }
	o := optim.Optimizer{GlobalClipNorm: optim.Threshold(c.Number(0, "global_clipnorm"))}
	if d := num("weight_decay"); d != 0 {
		o.WeightDecay, o.NoDecay = d, "none"
	}
	nesterov, _ := h["nesterov"].(bool)
	switch h["name"] {
	case "sgd", "momentum_keras":
		o.Rule = optim.SGD{LR: num("lr"), Momentum: num("momentum"), Nesterov: nesterov}
	case "adam_keras":
		o.Rule = optim.Adam{LR: num("lr"), Beta1: num("beta1"), Beta2: num("beta2"), Epsilon: num("eps")}
	case "adam_torch":
		o.Rule = optim.Adam{LR: num("lr"), Beta1: num("beta1"), Beta2: num("beta2"), Epsilon: num("eps"), Convention: optim.PyTorch}
	case "nadam_keras3":
		o.Rule = optim.Nadam{LR: num("lr"), Beta1: num("beta1"), Beta2: num("beta2"), Epsilon: num("eps")}
	case "nadam_torch":
		o.Rule = optim.Nadam{LR: num("lr"), Beta1: num("beta1"), Beta2: num("beta2"), Epsilon: num("eps"), Decay: num("momentum_decay"), Convention: optim.PyTorch}
	case "rmsprop_keras":
		o.Rule = optim.RMSProp{LR: num("lr"), Rho: num("rho"), Epsilon: num("eps")}
	case "rmsprop_torch":
		o.Rule = optim.RMSProp{LR: num("lr"), Rho: num("rho"), Epsilon: num("eps"), Momentum: num("momentum"), Convention: optim.PyTorch}
	default:
		t.Fatalf("optimizer %v", h["name"])
	}
	return o
}

func traceModel(t *testing.T, c *golden.Case) nn.Sequential {
	var m nn.Sequential
	for i, l := range c.Hyper["layers"].([]any) {
		h := l.(map[string]any)
		num := func(key string) float64 { f, _ := h[key].(float64); return f }
		name := fmt.Sprintf("%d_%v", i, h["layer"])
		switch h["layer"] {
		case "dense":
			d := nn.Dense{Units: int(num("units")), Name: name}
			if a, ok := h["activation"].(string); ok {
				var err error
				if d.Act, err = act.Registry.New(a); err != nil {
					t.Fatal(err)
				}
			}
			if l2 := c.Number(0, "l2_kernel"); l2 != 0 {
				m = append(m, penalized{d, l2, name})
			} else {
				m = append(m, d)
			}
		case "conv2d":
			k := h["kernel"].([]any)
			conv := nn.Conv2D{Filters: int(num("filters")), Kernel: tensor.Shape{int(k[0].(float64)), int(k[1].(float64))}, NoBias: h["use_bias"] == false, Name: name}
			if h["padding"] == "same" {
				conv.Padding = nn.Same
			}
			m = append(m, conv)
		case "maxpool":
			m = append(m, nn.MaxPooling2D{Size: tensor.Shape{int(num("size"))}, Name: name})
		case "flatten":
			m = append(m, nn.Flatten{Name: name})
		case "relu":
			m = append(m, nn.Activation{Act: act.ReLU{}, Name: name})
		case "elu":
			m = append(m, nn.Activation{Act: act.ELU{}, Name: name})
		case "batchnorm":
			m = append(m, nn.BatchNorm{Momentum: num("momentum"), Epsilon: num("eps"), Name: name})
		case "leaky_relu":
			m = append(m, nn.Activation{Act: act.LeakyReLU{Slope: num("slope")}, Name: name})
		case "prelu":
			m = append(m, nn.Activation{Act: act.PReLU{}, Name: name})
		case "tied_autoencoder":
			if h["activation"] != "elu" {
				t.Fatalf("activation %v", h["activation"])
			}
			tied := tiedAutoencoder{Act: act.ELU{}, Name: name}
			for _, w := range h["hidden"].([]any) {
				tied.Hidden = append(tied.Hidden, int(w.(float64)))
			}
			m = append(m, tied)
		default:
			t.Fatalf("layer %v", h["layer"])
		}
	}
	return m
}

// penalized adds λΣw² of a dense layer's kernel to the loss.
type penalized struct {
	nn.Dense
	lambda float64
	Name   string
}

func (p penalized) Apply(s *nn.Scope, x graph.Node) graph.Node {
	y := p.Dense.Apply(s, x)
	kernel := s.B.Param(s.Path()+"/kernel", x.Dim(-1), p.Units)
	s.AddLoss(kernel.Square().Sum().Scale(p.lambda))
	return y
}

// tiedAutoencoder decodes with the transposed kernels that it encoded with.
type tiedAutoencoder struct {
	Hidden []int
	Act    act.Activation
	Name   string
}

func (l tiedAutoencoder) Apply(s *nn.Scope, x graph.Node) graph.Node {
	var kernels []graph.Node
	for j, units := range l.Hidden {
		w := s.Weight(fmt.Sprint("kernel", j), initial.Glorot, x.Dim(-1), units)
		kernels = append(kernels, w)
		x = l.Act.Apply(s, x.MatMul(w).Add(s.Weight(fmt.Sprint("enc_bias", j), initial.Zeros{}, units)))
	}
	for j, w := range slices.Backward(kernels) {
		x = x.MatMulT(w).Add(s.Weight(fmt.Sprint("dec_bias", j), initial.Zeros{}, w.Dim(0)))
		if j > 0 {
			x = l.Act.Apply(s, x)
		}
	}
	return x
}
