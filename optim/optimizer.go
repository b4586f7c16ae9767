package optim

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

// An Optimizer is a [Rule] and what happens to the gradients before it. As text
// it is one mapping: the rule's name and fields with the fields here.
//
//	{name: nadam, lr: 0.001, global_clipnorm: 1.0}
type Optimizer struct {
	Rule           Rule    `spec:"rule"` // nil: Nadam{}
	ClipValue      float64 `spec:"clipvalue" doc:"cut each element of the gradients to ± this"`
	ClipNorm       float64 `spec:"clipnorm" doc:"scale each gradient down to this norm"`
	GlobalClipNorm float64 `spec:"global_clipnorm" doc:"scale all gradients together down to this norm"`
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
	}{{"clipvalue", o.ClipValue}, {"clipnorm", o.ClipNorm}, {"global_clipnorm", o.GlobalClipNorm}} {
		if f.v == 0 {
			continue
		}
		errs = append(errs, checkPositive(f.key, spec.Or(f.v, 0)))
		if n++; n > 1 {
			errs = append(errs, spec.Field(f.key, "only one of clipvalue, clipnorm and global_clipnorm can be set"))
		}
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

// Transforms lists what happens to the gradients before the rule.
func (o Optimizer) Transforms() []Transform {
	var ts []Transform
	if o.ClipValue != 0 {
		ts = append(ts, ClipValue(o.ClipValue))
	}
	if o.ClipNorm != 0 {
		ts = append(ts, ClipNorm(o.ClipNorm))
	}
	if o.GlobalClipNorm != 0 {
		ts = append(ts, GlobalClipNorm(o.GlobalClipNorm))
	}
	return ts
}

// Build adds the update of every named parameter of set to the graph. Slots
// that are not there yet are declared in set. lr and t are scalars: the rate of
// this step and its number, from 1, as a float. A parameter whose gradient is
// the zero Node, because the loss does not depend on it, stays as it is.
func (o Optimizer) Build(b *graph.Builder, set *param.Set, params []string, grads []graph.Node, lr, t graph.Node) {
	if err := o.Validate(); err != nil {
		b.Fail("optimizer: %w", err)
		return
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
	for _, tr := range o.Transforms() {
		gs = tr.Apply(b, ps, gs)
	}
	c := &build{b, set, map[string]graph.Node{}}
	for i, name := range names {
		s := &Step{P: ps[i], G: gs[i], LR: lr, T: t, Decays: true, name: name, build: c}
		b.Update(ps[i], o.rule().Update(s))
	}
}
