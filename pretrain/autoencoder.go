package pretrain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

// Autoencoder trains layers so that what reaches them can be made of their
// output again by a decoder, which is dropped afterwards: one layer after the
// other from the lowest, each on the output of those below, which are frozen
// (Bengio, Lamblin, Popovici and Larochelle, "Greedy Layer-Wise Training of Deep
// Networks", NIPS 2006), or with greedy: false all of them at once, with the
// decoders of the upper ones first.
//
// With tied weights a decoder's kernel is the transpose of its layer's. It has
// the activation of the layer below, the lowest is linear, or logistic where the
// loss is cross-entropy of inputs from 0 to 1.
//
// Sparsity ρ adds weight·Σ KL(ρ ‖ ρ̂) over the units of the code, ρ̂ being a
// unit's mean over the batch (Lee, Ekanadham and Ng, "Sparse deep belief net model
// for visual area V2", NIPS 2007; Ng's lecture notes of 2011). It wants an
// activation between 0 and 1; activity_l1 suits any.
type Autoencoder struct {
	Common   `spec:",inline"`
	Together bool    `spec:"greedy,not" doc:"one layer after the other"`
	Untied   bool    `spec:"tied,not" doc:"the decoder's kernel is the transposed one"`
	Loss     string  `spec:"loss" default:"mse" doc:"mse, or binary_cross_entropy for inputs from 0 to 1"`
	Sparsity float64 `spec:"sparsity" default:"none" doc:"mean activation that units of the code are drawn to"`
	Weight   float64 `spec:"sparsity_weight" default:"0.1" doc:"factor of the sparsity penalty"`
	L1       float64 `spec:"activity_l1" default:"0" doc:"factor of the mean of |code|"`
}

// Validate refuses what lies out of range.
func (s Autoencoder) Validate() error {
	switch {
	case s.Loss != "" && s.Loss != "mse" && s.Loss != "binary_cross_entropy":
		return spec.Field("loss", "want mse or binary_cross_entropy, found %q", s.Loss)
	case s.Sparsity != 0 && !(spec.Or(s.Sparsity, 0) > 0 && s.Sparsity < 1):
		return spec.Field("sparsity", "want a number between 0 and 1, got %g", spec.Or(s.Sparsity, 0))
	case !(spec.Or(s.Weight, 0) >= 0):
		return spec.Field("sparsity_weight", "want a number not below 0, got %g", s.Weight)
	case !(spec.Or(s.L1, 0) >= 0):
		return spec.Field("activity_l1", "want a number not below 0, got %g", s.L1)
	}
	return s.Common.Validate()
}

func (s Autoencoder) plan(_ *Pretraining, o *outline) ([]part, error) { return s.parts(o, nil) }

// Denoising is an autoencoder that is given spoilt inputs and has to make the
// clean ones of them (Vincent, Larochelle, Bengio and Manzagol, "Extracting and
// Composing Robust Features with Denoising Autoencoders", ICML 2008). Inputs are
// spoilt in training only, each row anew at every step.
type Denoising struct {
	Autoencoder `spec:",inline"`
	Noise       string `spec:"noise" default:"masking" doc:"masking: elements become 0; salt_pepper: 0 or 1; gaussian: normal numbers are added"`
	// Level is the share of elements that are spoilt, or the standard deviation.
	Level float64 `spec:"noise_level" default:"0.25" doc:"share of the elements, or standard deviation"`
}

// Validate refuses unknown noise and levels out of range.
func (s Denoising) Validate() error {
	switch l := s.level(); {
	case s.Noise != "" && s.Noise != "masking" && s.Noise != "gaussian" && s.Noise != "salt_pepper":
		return spec.Field("noise", "want masking, salt_pepper or gaussian, found %q", s.Noise)
	case !(l > 0), s.Noise != "gaussian" && l >= 1:
		return spec.Field("noise_level", "want a share between 0 and 1, or a standard deviation above 0, got %g", l)
	}
	return s.Autoencoder.Validate()
}

func (s Denoising) level() float64 {
	if s.Level == 0 {
		return 0.25
	}
	return spec.Or(s.Level, 0)
}

// spoil is x (N, width) with the noise.
func (s Denoising) spoil(b *graph.Builder, x graph.Node) graph.Node {
	n, width := x.Dim(0), x.Dim(1)
	if s.Noise == "gaussian" {
		return x.Add(b.Normal(n, width).Scale(s.level()))
	}
	hit := b.Const(s.level()).Greater(b.Uniform(n, width))
	if s.Noise == "salt_pepper" {
		return hit.Select(b.Uniform(n, width).Greater(b.Const(0.5)), x)
	}
	return hit.Select(b.Const(0), x)
}

func (s Denoising) plan(_ *Pretraining, o *outline) ([]part, error) { return s.parts(o, s.spoil) }

type spoiler func(b *graph.Builder, x graph.Node) graph.Node

func (s Autoencoder) parts(o *outline, spoil spoiler) ([]part, error) {
	units, err := o.units(s.Layers)
	if err != nil {
		return nil, err
	}
	groups := [][]unit{units}
	if !s.Together {
		groups = slices.Collect(slices.Chunk(units, 1))
	}
	var parts []part
	for i, g := range groups {
		c, err := s.coder(o, g, spoil)
		if err != nil {
			return nil, err
		}
		if i > 0 && !s.Together {
			c.lower = append(c.lower, units[:i]...)
		}
		at := part{layers: c.names(), begin: func(ctx context.Context, p *Pretraining, of rows) (*training, error) { return c.begin(ctx, p, of) }}
		for _, a := range c.encoder.layers {
			if _, ok := a.Layer.(nn.BatchNorm); ok {
				at.norms = append(at.norms, a.Path)
			}
		}
		parts = append(parts, at)
	}
	return parts, nil
}

// A coder is layers and the decoder that undoes them.
type coder struct {
	Autoencoder
	o       *outline
	units   []unit // from the lowest
	lower   []unit // those of the stage below, trained before
	encoder segment
	spoil   spoiler
}

func (s Autoencoder) coder(o *outline, units []unit, spoil spoiler) (*coder, error) {
	c := &coder{Autoencoder: s, o: o, units: units, spoil: spoil}
	code, _ := o.code(units[len(units)-1])
	var err error
	if c.encoder, err = o.between(units[0].in, code); err != nil {
		return nil, err
	}
	inside := func(path string) bool {
		for _, a := range c.encoder.layers {
			if a.Path == path {
				return true
			}
		}
		return false
	}
	for i, u := range units {
		if !inside(u.path) {
			return nil, fmt.Errorf("layers: %s does not lie between %s and %s; layers that are trained together form a chain", u.path, units[0].path, units[len(units)-1].path)
		}
		if i+1 < len(units) && units[i+1].in.Dim(-1) != u.dense.Units {
			return nil, fmt.Errorf("layers: between %s and %s the width changes; train them one by one", u.path, units[i+1].path)
		}
	}
	for _, a := range c.encoder.layers {
		if d, ok := a.Layer.(nn.Dense); ok && !slices.ContainsFunc(units, func(u unit) bool { return u.path == a.Path }) {
			return nil, fmt.Errorf("layers: %s (%d units) lies between those to be trained together; name it, too, or train them one by one", a.Path, d.Units)
		}
	}
	if s.Sparsity != 0 && !c.bounded() {
		return nil, spec.Field("sparsity", "%s: a mean activation to be drawn to wants units between 0 and 1, such as those of sigmoid; with other activations use activity_l1", c.names())
	}
	return c, nil
}

// bounded reports whether the code lies between 0 and 1.
func (c *coder) bounded() bool {
	var last any = c.units[len(c.units)-1].dense.Act
	for _, a := range c.encoder.layers {
		switch l := a.Layer.(type) {
		case nn.Dense:
			last = l.Act
		case nn.Activation:
			last = l.Act
		case nn.Dropout, nn.Flatten:
		default:
			last = a.Layer
		}
	}
	switch last.(type) {
	case act.Sigmoid, act.HardSigmoid, act.Softmax:
		return true
	}
	return false
}

func (c *coder) names() string {
	var out []string
	for _, u := range c.units {
		out = append(out, u.path)
	}
	return strings.Join(out, ",")
}

// logistic reports whether the input is made again as probabilities.
func (c *coder) logistic(lowest bool) bool { return lowest && c.Loss == "binary_cross_entropy" }

func (c *coder) begin(ctx context.Context, p *Pretraining, of rows) (*training, error) {
	t, err := p.onFeatures(ctx, c.o, c.units[0], of)
	if err != nil {
		return nil, err
	}
	if c.Loss == "binary_cross_entropy" {
		_, lo, hi, err := spread(t.run.Train)
		if err != nil {
			return nil, err
		}
		if lo < 0 || hi > 1 {
			return nil, &data.Error{Msg: fmt.Sprintf("%s: what reaches it lies between %.4g and %.4g, but loss: binary_cross_entropy wants inputs from 0 to 1; rescale the data, or leave the loss mse", c.units[0].path, lo, hi)}
		}
	}
	set, err := p.share(c.encoder.holds)
	if err != nil {
		return nil, err
	}
	cfg := train.Config{Data: t.run.Train.Schema(), Loss: loss.MSE{}, Metrics: []train.Metric{train.MSE{}}}
	if c.Loss == "binary_cross_entropy" {
		cfg.Loss = loss.BinaryCrossEntropy{}
	}
	t.trainer, err = p.trainer(c.model(), set, c.Common, p.cfg.Optim, cfg)
	if err != nil {
		return nil, err
	}
	if len(c.lower) > 0 {
		last := c.Common.epochs()
		t.after = func(ctx context.Context, e *train.Epoch) error {
			if e.Epoch < last {
				return nil
			}
			return c.unroll(ctx, p, t, of, e)
		}
	}
	return t, nil
}

// model makes the input again.
func (c *coder) model() nn.Model {
	return nn.Func{In: []nn.Port{{Name: "x"}}, Out: []nn.Port{{Name: "again"}}, Build: func(s *nn.Scope, in []graph.Node) []graph.Node {
		x := in[0].ToFloat()
		if c.spoil != nil && s.Training() {
			x = c.spoil(s.B, x)
		}
		code := c.encoder.apply(s, x, false)
		c.tax(s, code)
		return []graph.Node{c.decode(s, c.units, code)}
	}}
}

// tax adds the penalties on the code (N, units).
func (c *coder) tax(s *nn.Scope, code graph.Node) {
	if l := spec.Or(c.L1, 0); l > 0 {
		s.AddLoss(code.Abs().Mean().Scale(l))
	}
	if c.Sparsity == 0 {
		return
	}
	w := c.Weight
	if w == 0 {
		w = 0.1
	}
	s.AddLoss(sparsity(code, c.Sparsity).Scale(spec.Or(w, 0)))
}

// sparsity is Σ KL(ρ ‖ ρ̂) over the units of a code (N, units) between 0 and 1.
func sparsity(code graph.Node, rho float64) graph.Node {
	if !code.Valid() {
		return code
	}
	b := code.Builder()
	const tiny = 1e-7 // a unit that no row excites has a logarithm, too
	mean := code.Mean(0).Max(b.Const(tiny)).Min(b.Const(1 - tiny))
	on := b.Const(rho).Div(mean).Log().Scale(rho)
	off := b.Const(1 - rho).Div(mean.Neg().AddScalar(1)).Log().Scale(1 - rho)
	return on.Add(off).Sum()
}

// decode undoes layers, the uppermost first. The lowest gives logits where the
// input is a probability.
func (c *coder) decode(s *nn.Scope, units []unit, x graph.Node) graph.Node {
	for i := len(units) - 1; i >= 0; i-- {
		u := units[i]
		var a act.Activation
		if i > 0 {
			a = units[i-1].dense.Act
		}
		d := nn.Dense{Units: u.in.Dim(-1), Act: a, Init: u.dense.Init, Regularizer: u.dense.Regularizer}
		name := u.path + "_decoder"
		if c.Untied {
			x = s.Sub(name, d, x)
			continue
		}
		kernel := s.B.Param(u.path+"/kernel", u.in.Dim(-1), u.dense.Units)
		x = s.Sub(name, transposed{kernel, d}, x)
	}
	return x
}

// transposed is a dense layer whose kernel is another's, transposed.
type transposed struct {
	kernel graph.Node
	dense  nn.Dense
}

// Apply declares the bias alone.
func (t transposed) Apply(s *nn.Scope, x graph.Node) graph.Node {
	y := x.MatMulT(t.kernel).Add(s.Weight("bias", initial.Zeros{}, t.dense.Units))
	if t.dense.Act == nil {
		return y
	}
	return t.dense.Act.Apply(s, y)
}

// unroll measures how well the input of the lowest layer of the stage can be made
// again of the uppermost one's output, through all the decoders.
func (c *coder) unroll(ctx context.Context, p *Pretraining, t *training, of rows, e *train.Epoch) error {
	set := t.trainer.Params.Clone()
	for q := range p.extras.All() {
		if set.Get(q.Name) != nil {
			continue
		}
		mine, err := set.Add(q.Name, q.Kind, q.Value.Shape())
		if err == nil {
			err = mine.Value.CopyFrom(q.Value)
		}
		if err != nil {
			return err
		}
	}
	all := append(slices.Clone(c.lower), c.units...)
	code, _ := c.o.code(all[len(all)-1])
	g, err := c.o.between(all[0].in, code)
	if err != nil {
		return err
	}
	for q := range p.net.Params.All() {
		if g.holds(q.Name) && set.Get(q.Name) == nil {
			mine, err := set.Add(q.Name, q.Kind, q.Value.Shape())
			if err == nil {
				err = mine.Value.CopyFrom(q.Value)
			}
			if err != nil {
				return err
			}
		}
	}
	whole := nn.Func{In: []nn.Port{{Name: "x"}}, Out: []nn.Port{{Name: "again"}}, Build: func(s *nn.Scope, in []graph.Node) []graph.Node {
		y := c.decode(s, all, g.apply(s, in[0].ToFloat(), false))
		if c.logistic(true) {
			y = y.Sigmoid()
		}
		return []graph.Node{y}
	}}
	for _, f := range []struct {
		src data.Source
		dst *train.Values
	}{{of.train, &e.Train}, {of.val, &e.Val}} {
		if f.src == nil {
			continue
		}
		x, _, err := p.features(ctx, f.src, all[0])
		if err != nil {
			return err
		}
		n, err := train.NewNet(whole, set, train.Config{Data: x.Schema(), Loss: loss.MSE{}, Metrics: []train.Metric{train.MSE{}}, Preprocess: nn.Sequential{},
			Float: set.Float(), Threads: p.cfg.Threads, Backend: p.cfg.Backend})
		if err != nil {
			return err
		}
		res, err := n.Evaluate(ctx, x)
		if closing := n.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return err
		}
		v, _ := res.Values.Get("mse")
		*f.dst = append(*f.dst, train.Value{Name: "stack_mse", Value: v})
	}
	return nil
}
