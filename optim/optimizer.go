package optim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

// An Optimizer is a [Rule] and what happens to the gradients before it. As text
// it is one mapping: the rule's name and fields with the fields here.
//
//	{name: nadam, lr: 0.001, global_clipnorm: 1.0}
type Optimizer struct {
	Rule Rule `spec:"rule"` // nil: Nadam{}
	// Transforms come before clipping. They have no text.
	Transforms     []Transform `spec:"-"`
	ClipValue      float64     `spec:"clipvalue" default:"none" doc:"cut each element of the gradients to ± this"`
	ClipNorm       float64     `spec:"clipnorm" default:"none" doc:"scale each gradient down to this norm"`
	GlobalClipNorm Threshold   `spec:"global_clipnorm" default:"none" doc:"scale all gradients together down to this norm; auto: the 90th percentile of those seen"`
	// WeightDecay λ moves θ to θ − ηλθ before the rule's step (decoupled, as in
	// Keras).
	WeightDecay float64 `spec:"weight_decay" default:"0" doc:"decoupled weight decay"`
	// CoupledDecay λ adds λθ to the gradient after clipping: what PyTorch's
	// weight_decay does in all but AdamW.
	CoupledDecay float64 `spec:"coupled_weight_decay" default:"0" doc:"weight decay by way of the gradient"`
	NoDecay      string  `spec:"no_decay" default:"bias, gamma, beta and alpha" doc:"pattern of the weights that do not decay, or none"`
	// Groups give some weights rates of their own.
	Groups []Group `spec:"groups" doc:"rates of their own"`
	// EMA and SWA keep a mean of each weight: see average.go.
	EMA         bool    `spec:"use_ema" default:"false" doc:"keep running means of the weights, to evaluate and end with"`
	EMAMomentum float64 `spec:"ema_momentum" default:"0.99" doc:"decay of the running means"`
	SWA         bool    `spec:"use_swa" default:"false" doc:"keep the mean of the weights of all steps after swa_start, to evaluate and end with"`
	SWAStart    int     `spec:"swa_start" default:"0" doc:"steps before the mean begins"`
}

// A Group is the weights that a pattern names, with their share of the learning
// rate.
type Group struct {
	Params  string  `spec:"params,required" doc:"pattern of weights or layers"`
	LRScale float64 `spec:"lr_scale,plain,required" doc:"factor of the learning rate, 0 to hold still"`
}

// whole is the interface that an Optimizer is read and written as: what no
// rule knows is the optimizer's.
type whole interface{ rule() Rule }

func init() {
	spec.NewRegistry[whole]("optimizer").Fallback(Registry, Optimizer{})
}

// UnmarshalSpec reads a rule's name, or a mapping with it.
func (o *Optimizer) UnmarshalSpec(v spec.Value) error {
	if v.Kind == spec.Null {
		return nil
	}
	var w whole
	if err := spec.Decode(v, &w); err != nil {
		return err
	}
	*o = w.(Optimizer)
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (o Optimizer) MarshalSpec() (spec.Value, error) {
	o.Rule = o.rule()
	return spec.Encode[whole](o)
}

// Validate refuses negative thresholds and more than one of them.
func (o Optimizer) Validate() error {
	var errs []error
	n := 0
	for _, f := range []struct {
		key string
		v   float64
	}{{"clipvalue", o.ClipValue}, {"clipnorm", o.ClipNorm}, {"global_clipnorm", float64(o.GlobalClipNorm)}} {
		if f.v == 0 {
			continue
		}
		if f.v != float64(Auto) || f.key != "global_clipnorm" {
			errs = append(errs, checkPositive(f.key, spec.Or(f.v, 0)))
		}
		if n++; n > 1 {
			errs = append(errs, spec.Field(f.key, "only one of clipvalue, clipnorm and global_clipnorm can be set"))
		}
	}
	errs = append(errs,
		checkNotNegative("weight_decay", spec.Or(o.WeightDecay, 0)),
		checkNotNegative("coupled_weight_decay", spec.Or(o.CoupledDecay, 0)),
		checkRange("ema_momentum", spec.Or(o.EMAMomentum, 0.99), 0, 1))
	if o.SWA && o.EMA {
		errs = append(errs, spec.Field("use_swa", "only one of use_ema and use_swa can be set"))
	}
	if o.SWAStart < 0 || o.SWAStart > 0 && !o.SWA {
		errs = append(errs, spec.Field("swa_start", "want a number of steps, 0 or more, beside use_swa, got %d", o.SWAStart))
	}
	for _, g := range o.Groups {
		if err := checkNotNegative("lr_scale", g.LRScale); err != nil {
			errs = append(errs, spec.Field("groups", "%s: %v", g.Params, err))
		}
	}
	if _, own := o.Rule.(AdamW); own && o.WeightDecay != 0 {
		errs = append(errs, spec.Field("weight_decay", "adamw has a field of its own for it; leave the optimizer's out"))
	}
	if c, ok := o.rule().(interface{ Validate() error }); ok {
		errs = append(errs, c.Validate())
	}
	return errors.Join(errs...)
}

func (o Optimizer) rule() Rule {
	if o.Rule == nil {
		return Nadam{}
	}
	return o.Rule
}

// Rate is the rule's learning rate.
func (o Optimizer) Rate() float64 { return o.rule().Rate() }

// transforms lists what happens to the gradients before the rule.
func (o Optimizer) transforms() []Transform {
	ts := slices.Clone(o.Transforms)
	if o.ClipValue != 0 {
		ts = append(ts, ClipValue(o.ClipValue))
	}
	if o.ClipNorm != 0 {
		ts = append(ts, ClipNorm(o.ClipNorm))
	}
	if o.GlobalClipNorm != 0 && o.GlobalClipNorm != Auto {
		ts = append(ts, GlobalClipNorm(o.GlobalClipNorm))
	}
	return ts
}

// clip applies the transforms. cut is 1 in a step in which one of them cut
// something, the zero Node where none can.
func (o Optimizer) clip(c *build, params, grads []graph.Node) (out []graph.Node, cut graph.Node) {
	also := func(more graph.Node) {
		if cut.Valid() {
			more = cut.Max(more)
		}
		cut = more
	}
	for _, tr := range o.transforms() {
		if clipper, ok := tr.(Clipper); ok {
			var more graph.Node
			grads, more = clipper.Clip(c.b, grads)
			also(more)
			continue
		}
		grads = tr.Apply(c.b, params, grads)
	}
	if o.GlobalClipNorm == Auto && len(grads) > 0 {
		var more graph.Node
		grads, more = c.autoClip(grads)
		also(more)
	}
	return grads, cut
}

// Build adds the update of every named parameter of set to the graph. Slots
// that are not there yet are declared in set. lr and t are scalars: the rate of
// this step and its number, from 1, as a float. A parameter whose gradient is
// the zero Node, because the loss does not depend on it, stays as it is. A
// parameter's constraint is applied to what the rule makes of it.
//
// What it returns is a scalar that is 1 in a step in which gradients are
// clipped, else 0; the zero Node where nothing clips them.
func (o Optimizer) Build(b *graph.Builder, set *param.Set, params []string, grads []graph.Node, lr, t graph.Node) (clipped graph.Node) {
	return o.BuildCycled(b, set, params, grads, lr, t, graph.Node{})
}

// Cycles reports whether a schedule can move the rule's momentum.
func (o Optimizer) Cycles() bool {
	c, ok := o.rule().(Cycling)
	return ok && c.Cycles()
}

// BuildCycled is Build with a momentum, a scalar, in place of the rule's own or
// of its β₁. A rule that is not [Cycling] keeps its own.
func (o Optimizer) BuildCycled(b *graph.Builder, set *param.Set, params []string, grads []graph.Node, lr, t, momentum graph.Node) (clipped graph.Node) {
	if !o.Cycles() {
		momentum = graph.Node{}
	}
	if err := o.Validate(); err != nil {
		return b.Fail("optimizer: %w", err)
	}
	var names []string
	var ps, gs []graph.Node
	for i, name := range params {
		p := set.Get(name)
		switch {
		case p == nil:
			b.Fail("optimizer: there is no parameter %q", name)
		case grads[i].Valid():
			names = append(names, name)
			ps = append(ps, b.Param(name, p.Value.Shape()...))
			gs = append(gs, grads[i])
		}
	}
	before := b.SetPath("optimizer")
	defer b.SetPath(before)
	c := &build{b, set, map[string]graph.Node{}}
	gs, clipped = o.clip(c, ps, gs)
	decay, err := decays(set, o.NoDecay)
	scales, err2 := o.scales(set)
	if err := errors.Join(err, err2); err != nil {
		return b.Fail("%w", err)
	}
	for i, name := range names {
		s := &Step{P: ps[i], G: gs[i], LR: lr, T: t, Momentum: momentum, Decays: decay(name), name: name, build: c}
		if scale, ok := scales[name]; ok {
			s.LR = lr.Scale(scale)
		}
		next := o.step(s)
		if c := set.Get(name).Constraint; c != nil {
			next = c.Project(next)
		}
		b.Update(ps[i], next)
	}
	return clipped
}

// step is the next value of one parameter.
func (o Optimizer) step(s *Step) graph.Node {
	if s.Decays {
		if l := spec.Or(o.CoupledDecay, 0); l > 0 {
			s.G = s.G.Add(s.P.Scale(l))
		}
		s.decay(spec.Or(o.WeightDecay, 0))
	}
	next := o.rule().Update(s)
	o.average(s, next)
	return next
}

// scales is the share of the rate of each weight that is in a group.
func (o Optimizer) scales(set *param.Set) (map[string]float64, error) {
	out := map[string]float64{}
	var errs []error
	for _, g := range o.Groups {
		names, err := named(set, "groups", g.Params)
		errs = append(errs, err)
		for name := range names {
			if _, twice := out[name]; twice {
				errs = append(errs, fmt.Errorf("groups: %q is in two of them", name))
			}
			out[name] = g.LRScale
		}
	}
	return out, errors.Join(errs...)
}
