package nn

import (
	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("separable_conv1d", SeparableConv1D{}, spec.Doc("each channel convolved along sequences by itself, then all mixed"))
	Layers.Register("separable_conv2d", SeparableConv2D{}, spec.Doc("each channel convolved over images by itself, then all mixed"))
}

// SeparableConv2D is a depthwise convolution and then one of size 1 that mixes its
// channels (Chollet, "Xception: Deep Learning with Depthwise Separable
// Convolutions", CVPR 2017): x (N, rows, columns, C), depthwise_kernel (…kernel
// size, C, multiplier), pointwise_kernel (1, 1, C·multiplier, filters), bias
// (filters), y (N, rows′, columns′, filters). Nothing stands between the two.
type SeparableConv2D struct {
	Filters    int            `spec:"filters,required" doc:"channels of the output"`
	Kernel     tensor.Shape   `spec:"kernel_size,required" doc:"size of the window, such as 3x3; one number for all axes"`
	Strides    tensor.Shape   `spec:"strides" default:"1" doc:"places from one window to the next, an axis each or one for all"`
	Padding    Padding        `spec:"padding" default:"valid" doc:"valid, same, causal (sequences), or how much on each side"`
	Dilation   tensor.Shape   `spec:"dilation_rate" default:"1" doc:"distance between places of the window, an axis each or one for all"`
	Multiplier int            `spec:"depth_multiplier" default:"1" doc:"kernels for each channel"`
	Act        act.Activation `spec:"activation" doc:"activation, linear without"`
	DepthInit  param.Init     `spec:"depthwise_initializer" doc:"initializer of the depthwise kernel, what the activation wants without"`
	PointInit  param.Init     `spec:"pointwise_initializer" doc:"initializer of the pointwise kernel, what the activation wants without"`
	BiasInit   param.Init     `spec:"bias_initializer" doc:"initializer of the bias, zeros without"`
	NoBias     bool           `spec:"use_bias,not" doc:"add a bias"`

	DepthRegularizer regular.Regularizer `spec:"depthwise_regularizer" doc:"penalty on the depthwise kernel, none without"`
	PointRegularizer regular.Regularizer `spec:"pointwise_regularizer" doc:"penalty on the pointwise kernel, none without"`
	BiasRegularizer  regular.Regularizer `spec:"bias_regularizer" doc:"penalty on the bias, none without"`
	DepthConstraint  regular.Constraint  `spec:"depthwise_constraint" doc:"what the depthwise kernel must be after each step, anything without"`
	PointConstraint  regular.Constraint  `spec:"pointwise_constraint" doc:"what the pointwise kernel must be after each step, anything without"`

	Name string `spec:"name" doc:"name of the layer"`
}

// SeparableConv1D is [SeparableConv2D] along sequences.
type SeparableConv1D SeparableConv2D

// Validate refuses sizes below 1.
func (l SeparableConv1D) Validate() error { return SeparableConv2D(l).validate(1) }

// Validate refuses sizes below 1.
func (l SeparableConv2D) Validate() error { return l.validate(2) }

// Apply declares both kernels and the bias and adds the convolutions.
func (l SeparableConv1D) Apply(s *Scope, x graph.Node) graph.Node {
	return SeparableConv2D(l).apply(s, x, 1)
}

// Apply declares both kernels and the bias and adds the convolutions.
func (l SeparableConv2D) Apply(s *Scope, x graph.Node) graph.Node { return l.apply(s, x, 2) }

func (l SeparableConv2D) sliding() sliding {
	return sliding{"kernel_size", l.Kernel, l.Strides, l.Dilation, l.Padding, false}
}

func (l SeparableConv2D) validate(axes int) error {
	if err := positive("filters", l.Filters); err != nil {
		return err
	}
	if l.Multiplier < 0 {
		return positive("depth_multiplier", l.Multiplier)
	}
	_, err := l.sliding().spans(axes)
	return err
}

func (l SeparableConv2D) apply(s *Scope, x graph.Node, axes int) graph.Node {
	if !check(s, l.validate(axes)) {
		return graph.Node{}
	}
	x, ok := space(s, x, axes)
	if !ok {
		return graph.Node{}
	}
	x = depthwise(s, x, l.sliding(), max(1, l.Multiplier), orWanted(l.DepthInit, l.Act), l.DepthRegularizer, l.DepthConstraint)
	if !x.Valid() {
		return x
	}
	one, shape := make([]graph.Span, axes), make(tensor.Shape, axes, axes+2)
	for i := range shape {
		one[i].Size, shape[i] = 1, 1
	}
	kernel := s.Weight("pointwise_kernel", orWanted(l.PointInit, l.Act), append(shape, x.Dim(-1), l.Filters)...)
	s.Constrain(kernel, l.PointConstraint)
	penalize(s, l.PointRegularizer, kernel)
	y := x.Conv(kernel, graph.Slide(one...), 1) // (N, …, filters)
	return activate(s, l.Act, addBias(s, y, l.NoBias, l.BiasInit, l.BiasRegularizer))
}
