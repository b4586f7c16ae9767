package nn

import (
	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("dense", Dense{}, spec.Doc("act(x·kernel + bias)"))
}

// Dense is y = act(x·kernel + bias): x (N, …, in), kernel (in, units), bias
// (units), y (N, …, units). A nil activation is linear. A nil kernel
// initializer is what the activation wants; the bias starts at 0. Regularizers
// add to the loss, and the constraint holds after every step. A layer that is Fixed is
// a matrix that a program has and does not learn, such as one that resizes.
type Dense struct {
	Units    int            `spec:"units,required" doc:"width of the output"`
	Act      act.Activation `spec:"activation" doc:"activation, linear without"`
	Init     param.Init     `spec:"kernel_initializer" doc:"initializer of the kernel, what the activation wants without"`
	BiasInit param.Init     `spec:"bias_initializer" doc:"initializer of the bias, zeros without"`
	NoBias   bool           `spec:"use_bias,not" doc:"add a bias"`
	Fixed    bool           `spec:"trainable,not" doc:"learn kernel and bias; else they stay as they are"`

	Regularizer     regular.Regularizer `spec:"kernel_regularizer" doc:"penalty on the kernel, none without"`
	BiasRegularizer regular.Regularizer `spec:"bias_regularizer" doc:"penalty on the bias, none without"`
	Constraint      regular.Constraint  `spec:"kernel_constraint" doc:"what the kernel must be after each step, anything without"`

	Name string `spec:"name" doc:"name of the layer"`
}

// Validate refuses a width below 1.
func (d Dense) Validate() error { return positive("units", d.Units) }

// KernelInit is the initializer in force.
func (d Dense) KernelInit() param.Init {
	if d.Init != nil {
		return d.Init
	}
	return act.DefaultInit(d.Act)
}

// Apply declares kernel and bias and adds the product.
func (d Dense) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, d.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	x = x.ToFloat()
	if x.Rank() < 2 {
		return s.B.Fail("wants samples with features, (N, …, in), got %v", x.Type())
	}
	in := x.Dim(-1)
	weight := s.Weight
	if d.Fixed {
		weight = s.Stat
	}
	kernel := weight("kernel", d.KernelInit(), in, d.Units)
	s.Constrain(kernel, d.Constraint)
	penalize(s, d.Regularizer, kernel)
	y := x.Reshape(-1, in).MatMul(kernel) // (N·…, units)
	if !d.NoBias {
		init := d.BiasInit
		if init == nil {
			init = initial.Zeros{}
		}
		bias := weight("bias", init, d.Units)
		penalize(s, d.BiasRegularizer, bias)
		y = y.Add(bias)
	}
	shape := append(tensor.Shape{}, x.Shape()[:x.Rank()-1]...)
	return s.KeepMask(activate(s, d.Act, y.Reshape(append(shape, d.Units)...)), x)
}
