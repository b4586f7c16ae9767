package optim

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A Rule is how one parameter is updated.
type Rule interface {
	// Rate is the learning rate where no schedule says otherwise.
	Rate() float64
	// Update adds the ops of one step and returns the parameter's next value.
	Update(s *Step) graph.Node
}

// A Cycling rule can have its momentum, or β₁, moved by a schedule, as 1cycle
// does.
type Cycling interface {
	Rule
	// Cycles reports whether this one has a momentum to be moved.
	Cycles() bool
}

// Registry holds every rule by name.
var Registry = spec.NewRegistry[Rule]("optimizer")

// A Step is one update of one parameter: what a [Rule] works with.
type Step struct {
	P  graph.Node // the parameter
	G  graph.Node // its gradient
	LR graph.Node // learning rate, a scalar
	T  graph.Node // number of this update as a float scalar, from 1
	// Momentum, where it is valid, takes the place of the rule's momentum or β₁: a
	// scalar that a schedule moves.
	Momentum graph.Node
	// Decays reports whether weight decay applies to the parameter.
	Decays bool

	name  string
	build *build
}

// build is what the steps of one optimizer share.
type build struct {
	b     *graph.Builder
	set   *param.Set
	saved map[string]graph.Node
}

// Slot is the rule's memory of that name: a tensor of the parameter's shape,
// zeros at first. It is saved as the parameter's name, # and its own.
func (s *Step) Slot(name string) graph.Node { return s.SlotOf(name, 0, s.P.Shape()...) }

// SlotOf is a slot of any shape, filled with first at first.
func (s *Step) SlotOf(name string, first float64, shape ...int) graph.Node {
	return s.build.slot(s.name+"#"+name, shape, func(v *tensor.Tensor) {
		if first == 0 {
			return // memory is zeros, most of it not even there before it is written to
		}
		for i := range v.Len() {
			v.SetFlat(i, first)
		}
	})
}

// Shared is a scalar that all parameters of the optimizer have in common.
func (s *Step) Shared(name string, first float64) graph.Node {
	return s.build.slot("#"+name, nil, func(v *tensor.Tensor) { v.SetFlat(0, first) })
}

// Save makes a slot hold next after the step.
func (s *Step) Save(name string, next graph.Node) { s.build.save(s.name+"#"+name, next) }

// SaveShared makes a shared scalar hold next after the step. Every parameter
// has to save the same node.
func (s *Step) SaveShared(name string, next graph.Node) { s.build.save("#"+name, next) }

// momentum is the scalar that stands for the rule's own momentum, or β₁.
func (s *Step) momentum(own float64) graph.Node {
	if s.Momentum.Valid() {
		return s.Momentum
	}
	return s.Const(own)
}

// Const is a scalar.
func (s *Step) Const(v float64) graph.Node { return s.build.b.Const(v) }

func (c *build) slot(name string, shape tensor.Shape, first func(*tensor.Tensor)) graph.Node {
	p := c.set.Get(name)
	if p == nil {
		var err error
		if p, err = c.set.Add(name, param.Slot, shape); err != nil {
			return c.b.Fail("%w", err)
		}
		first(p.Value)
	}
	if !p.Value.Shape().Equal(shape) {
		return c.b.Fail("slot %q has shape %v, but the optimizer wants %v; start with fresh slots", name, p.Value.Shape(), shape)
	}
	return c.b.Param(name, shape...)
}

func (c *build) save(name string, next graph.Node) {
	if old, ok := c.saved[name]; ok {
		if old != next {
			c.b.Fail("slot %q is saved twice with different values", name)
		}
		return
	}
	c.saved[name] = next
	p := c.set.Get(name)
	if p == nil {
		c.b.Fail("slot %q is saved, but was never asked for", name)
		return
	}
	c.b.Update(c.b.Param(name, p.Value.Shape()...), next)
}

// checkRange holds a hyperparameter to [lo, hi).
func checkRange(key string, v, lo, hi float64) error {
	if !(v >= lo && v < hi) {
		return spec.Field(key, "want a number from %g to below %g, got %g", lo, hi, v)
	}
	return nil
}

// checkPositive holds a hyperparameter to (0, ∞).
func checkPositive(key string, v float64) error {
	if !(v > 0 && v < maxFloat) {
		return spec.Field(key, "want a number above 0, got %g", v)
	}
	return nil
}

// checkNotNegative holds a hyperparameter to [0, ∞).
func checkNotNegative(key string, v float64) error {
	if !(v >= 0 && v < maxFloat) {
		return spec.Field(key, "want a number, 0 or more, got %g", v)
	}
	return nil
}

const maxFloat = 1e300
