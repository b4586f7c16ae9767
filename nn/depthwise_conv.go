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
	Layers.Register("depthwise_conv1d", DepthwiseConv1D{}, spec.Doc("convolution along sequences, each channel by itself"))
	Layers.Register("depthwise_conv2d", DepthwiseConv2D{}, spec.Doc("convolution over images, each channel by itself"))
}

// DepthwiseConv2D convolves each channel by itself, with as many kernels for each
// as the multiplier says (Sifre, "Rigid-Motion Scattering for Image
// Classification", 2014): x (N, rows, columns, C), kernel (…kernel size, C,
// multiplier), y (N, rows′, columns′, C·multiplier), the results of a channel side
// by side. Windows are those of [Conv2D]. The weights are depthwise_kernel and
// bias.
type DepthwiseConv2D struct {
	Kernel     tensor.Shape   `spec:"kernel_size,required" doc:"size of the window, such as 3x3; one number for all axes"`
	Strides    tensor.Shape   `spec:"strides" default:"1" doc:"places from one window to the next, an axis each or one for all"`
	Padding    Padding        `spec:"padding" default:"valid" doc:"valid, same, causal (sequences), or how much on each side"`
	Dilation   tensor.Shape   `spec:"dilation_rate" default:"1" doc:"distance between places of the window, an axis each or one for all"`
	Multiplier int            `spec:"depth_multiplier" default:"1" doc:"kernels for each channel"`
	Act        act.Activation `spec:"activation" doc:"activation, linear without"`
	Init       param.Init     `spec:"depthwise_initializer,alias=kernel_initializer" doc:"initializer of the kernel, what the activation wants without"`
	BiasInit   param.Init     `spec:"bias_initializer" doc:"initializer of the bias, zeros without"`
	NoBias     bool           `spec:"use_bias,not" doc:"add a bias"`

	Regularizer     regular.Regularizer `spec:"depthwise_regularizer,alias=kernel_regularizer" doc:"penalty on the kernel, none without"`
	BiasRegularizer regular.Regularizer `spec:"bias_regularizer" doc:"penalty on the bias, none without"`
	Constraint      regular.Constraint  `spec:"depthwise_constraint,alias=kernel_constraint" doc:"what the kernel must be after each step, anything without"`

	Name string `spec:"name" doc:"name of the layer"`
}

// DepthwiseConv1D is [DepthwiseConv2D] along sequences.
type DepthwiseConv1D DepthwiseConv2D

// Validate refuses sizes below 1.
func (l DepthwiseConv1D) Validate() error { return DepthwiseConv2D(l).validate(1) }

// Validate refuses sizes below 1.
func (l DepthwiseConv2D) Validate() error { return l.validate(2) }

// KernelInit is the initializer in force.
func (l DepthwiseConv1D) KernelInit() param.Init { return orWanted(l.Init, l.Act) }

// KernelInit is the initializer in force.
func (l DepthwiseConv2D) KernelInit() param.Init { return orWanted(l.Init, l.Act) }

// Apply declares kernel and bias and adds the convolution.
func (l DepthwiseConv1D) Apply(s *Scope, x graph.Node) graph.Node {
	return DepthwiseConv2D(l).apply(s, x, 1)
}

// Apply declares kernel and bias and adds the convolution.
func (l DepthwiseConv2D) Apply(s *Scope, x graph.Node) graph.Node { return l.apply(s, x, 2) }

func (l DepthwiseConv2D) sliding() sliding {
	return sliding{"kernel_size", l.Kernel, l.Strides, l.Dilation, l.Padding, false}
}

func (l DepthwiseConv2D) validate(axes int) error {
	if l.Multiplier < 0 {
		return positive("depth_multiplier", l.Multiplier)
	}
	_, err := l.sliding().spans(axes)
	return err
}

func (l DepthwiseConv2D) apply(s *Scope, x graph.Node, axes int) graph.Node {
	if !check(s, l.validate(axes)) {
		return graph.Node{}
	}
	x, ok := space(s, x, axes)
	if !ok {
		return graph.Node{}
	}
	y := depthwise(s, x, l.sliding(), max(1, l.Multiplier), orWanted(l.Init, l.Act), l.Regularizer, l.Constraint)
	return activate(s, l.Act, addBias(s, y, l.NoBias, l.BiasInit, l.BiasRegularizer))
}

// depthwise declares a depthwise kernel and adds its convolution.
func depthwise(s *Scope, x graph.Node, l sliding, multiplier int, init param.Init, r regular.Regularizer, c regular.Constraint) graph.Node {
	w, _, err := l.window(x.Shape()[1 : x.Rank()-1])
	if !check(s, err) {
		return graph.Node{}
	}
	in := x.Dim(-1)
	kernel := s.Weight("depthwise_kernel", init, append(taps(w), in, multiplier)...)
	s.Constrain(kernel, c)
	penalize(s, r, kernel)
	return x.Conv(kernel.Reshape(append(taps(w), 1, in*multiplier)...), w, in)
}
