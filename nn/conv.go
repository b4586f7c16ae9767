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
	Layers.Register("conv1d", Conv1D{}, spec.Doc("convolution along sequences"))
	Layers.Register("conv2d", Conv2D{}, spec.Doc("convolution over images"))
	Layers.Register("conv3d", Conv3D{}, spec.Doc("convolution over volumes"))
}

// Conv2D is y = act(x ∗ kernel + bias) (LeCun, Boser, Denker et al.,
// "Backpropagation Applied to Handwritten Zip Code Recognition", Neural
// Computation, 1989): x (N, rows, columns, C), kernel (…kernel size, C/groups,
// filters), bias (filters), y (N, rows′, columns′, filters). The kernel is not
// turned around, as in all frameworks. Along an axis of n places, with padding p
// in all, there are
//
//	⌊(n + p − (size − 1)·dilation − 1)/stride⌋ + 1
//
// results. With groups, filters see the channels of their own group alone
// (Krizhevsky, Sutskever and Hinton, NIPS 2012). A nil activation is linear, a nil
// initializer what the activation wants.
type Conv2D struct {
	Filters  int            `spec:"filters,required" doc:"channels of the output"`
	Kernel   tensor.Shape   `spec:"kernel_size,required" doc:"size of the window, such as 3x3; one number for all axes"`
	Strides  tensor.Shape   `spec:"strides" default:"1" doc:"places from one window to the next, an axis each or one for all"`
	Padding  Padding        `spec:"padding" default:"valid" doc:"valid, same, causal (sequences), or how much on each side"`
	Dilation tensor.Shape   `spec:"dilation_rate" default:"1" doc:"distance between places of the window, an axis each or one for all"`
	Groups   int            `spec:"groups" default:"1" doc:"groups of channels that filters see apart"`
	Act      act.Activation `spec:"activation" doc:"activation, linear without"`
	Init     param.Init     `spec:"kernel_initializer" doc:"initializer of the kernel, what the activation wants without"`
	BiasInit param.Init     `spec:"bias_initializer" doc:"initializer of the bias, zeros without"`
	NoBias   bool           `spec:"use_bias,not" doc:"add a bias"`

	Regularizer     regular.Regularizer `spec:"kernel_regularizer" doc:"penalty on the kernel, none without"`
	BiasRegularizer regular.Regularizer `spec:"bias_regularizer" doc:"penalty on the bias, none without"`
	Constraint      regular.Constraint  `spec:"kernel_constraint" doc:"what the kernel must be after each step, anything without"`

	Name string `spec:"name" doc:"name of the layer"`
}

// Conv1D is [Conv2D] along sequences: x (N, steps, C), y (N, steps′, filters).
type Conv1D Conv2D

// Conv3D is [Conv2D] over volumes: x (N, planes, rows, columns, C).
type Conv3D Conv2D

// Validate refuses sizes below 1 and groups that do not divide the filters.
func (l Conv1D) Validate() error { return Conv2D(l).validate(1) }

// Validate refuses sizes below 1 and groups that do not divide the filters.
func (l Conv2D) Validate() error { return l.validate(2) }

// Validate refuses sizes below 1 and groups that do not divide the filters.
func (l Conv3D) Validate() error { return Conv2D(l).validate(3) }

// KernelInit is the initializer in force.
func (l Conv1D) KernelInit() param.Init { return orWanted(l.Init, l.Act) }

// KernelInit is the initializer in force.
func (l Conv2D) KernelInit() param.Init { return orWanted(l.Init, l.Act) }

// KernelInit is the initializer in force.
func (l Conv3D) KernelInit() param.Init { return orWanted(l.Init, l.Act) }

// Apply declares kernel and bias and adds the convolution.
func (l Conv1D) Apply(s *Scope, x graph.Node) graph.Node { return Conv2D(l).apply(s, x, 1) }

// Apply declares kernel and bias and adds the convolution.
func (l Conv2D) Apply(s *Scope, x graph.Node) graph.Node { return l.apply(s, x, 2) }

// Apply declares kernel and bias and adds the convolution.
func (l Conv3D) Apply(s *Scope, x graph.Node) graph.Node { return Conv2D(l).apply(s, x, 3) }

func orWanted(init param.Init, a act.Activation) param.Init {
	if init != nil {
		return init
	}
	return act.DefaultInit(a)
}

func (l Conv2D) sliding() sliding {
	return sliding{"kernel_size", l.Kernel, l.Strides, l.Dilation, l.Padding, false}
}

func (l Conv2D) validate(axes int) error {
	if err := positive("filters", l.Filters); err != nil {
		return err
	}
	if _, err := l.sliding().spans(axes); err != nil {
		return err
	}
	return grouped(l.Groups, l.Filters)
}

// grouped refuses groups below 1, 0 being 1, and such as do not divide the
// filters.
func grouped(groups, filters int) error {
	switch {
	case groups < 0:
		return positive("groups", groups)
	case groups > 0 && filters%groups != 0:
		return spec.Field("groups", "%d groups do not divide %d filters", groups, filters)
	}
	return nil
}

func (l Conv2D) apply(s *Scope, x graph.Node, axes int) graph.Node {
	if !check(s, l.validate(axes)) {
		return graph.Node{}
	}
	x, ok := space(s, x, axes)
	if !ok {
		return graph.Node{}
	}
	groups, in := max(1, l.Groups), x.Dim(-1)
	if in%groups != 0 {
		return s.B.Misfit("%d groups do not divide %d channels", groups, in)
	}
	w, _, err := l.sliding().window(x.Shape()[1 : axes+1])
	if !check(s, err) {
		return graph.Node{}
	}
	kernel := s.Weight("kernel", orWanted(l.Init, l.Act), append(taps(w), in/groups, l.Filters)...)
	s.Constrain(kernel, l.Constraint)
	penalize(s, l.Regularizer, kernel)
	y := x.Conv(kernel, w, groups) // (N, …, filters)
	return activate(s, l.Act, addBias(s, y, l.NoBias, l.BiasInit, l.BiasRegularizer))
}

// taps is the shape of a window.
func taps(w graph.Window) tensor.Shape {
	var out tensor.Shape
	for _, s := range w.Spans() {
		out = append(out, s.Size)
	}
	return out
}

// addBias declares a bias for each channel and adds it, unless there is none.
func addBias(s *Scope, y graph.Node, none bool, init param.Init, r regular.Regularizer) graph.Node {
	if none || !y.Valid() {
		return y
	}
	if init == nil {
		init = initial.Zeros{}
	}
	bias := s.Weight("bias", init, y.Dim(-1))
	penalize(s, r, bias)
	return y.Add(bias)
}
