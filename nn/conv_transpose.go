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
	Layers.Register("conv1d_transpose", Conv1DTranspose{}, spec.Doc("transposed convolution along sequences"))
	Layers.Register("conv2d_transpose", Conv2DTranspose{}, spec.Doc("transposed convolution over images"))
	Layers.Register("conv3d_transpose", Conv3DTranspose{}, spec.Doc("transposed convolution over volumes"))
}

// Conv2DTranspose goes the way of a [Conv2D] backwards: it spreads each place of
// its input over the window (Zeiler, Krishnan, Taylor and Fergus,
// "Deconvolutional Networks", CVPR 2010): x (N, rows, columns, C), kernel
// (…kernel size, filters/groups, C), bias (filters), y (N, rows′, columns′,
// filters). With e = (size − 1)·dilation + 1, an axis of n places has
//
//	valid  n·stride + max(e − stride, 0)
//	same   n·stride
//	padded (n − 1)·stride + e − padding + output padding
//
// results; with output padding, valid and same count as padded, same by ⌊e/2⌋ on
// each side.
type Conv2DTranspose struct {
	Filters       int            `spec:"filters,required" doc:"channels of the output"`
	Kernel        tensor.Shape   `spec:"kernel_size,required" doc:"size of the window, such as 3x3; one number for all axes"`
	Strides       tensor.Shape   `spec:"strides" default:"1" doc:"places from one window to the next, an axis each or one for all"`
	Padding       Padding        `spec:"padding" default:"valid" doc:"valid, same, or how much of the output is cut off on each side"`
	OutputPadding []int          `spec:"output_padding,scalar" default:"none" doc:"places more at the end of the output, an axis each or one for all; below the stride"`
	Dilation      tensor.Shape   `spec:"dilation_rate" default:"1" doc:"distance between places of the window, an axis each or one for all"`
	Groups        int            `spec:"groups" default:"1" doc:"groups of channels that filters see apart"`
	Act           act.Activation `spec:"activation" doc:"activation, linear without"`
	Init          param.Init     `spec:"kernel_initializer" doc:"initializer of the kernel, what the activation wants without"`
	BiasInit      param.Init     `spec:"bias_initializer" doc:"initializer of the bias, zeros without"`
	NoBias        bool           `spec:"use_bias,not" doc:"add a bias"`

	Regularizer     regular.Regularizer `spec:"kernel_regularizer" doc:"penalty on the kernel, none without"`
	BiasRegularizer regular.Regularizer `spec:"bias_regularizer" doc:"penalty on the bias, none without"`
	Constraint      regular.Constraint  `spec:"kernel_constraint" doc:"what the kernel must be after each step, anything without"`

	Name string `spec:"name" doc:"name of the layer"`
}

// Conv1DTranspose is [Conv2DTranspose] along sequences.
type Conv1DTranspose Conv2DTranspose

// Conv3DTranspose is [Conv2DTranspose] over volumes (N, planes, rows, columns, C).
type Conv3DTranspose Conv2DTranspose

// Validate refuses sizes below 1 and groups that do not divide the filters.
func (l Conv1DTranspose) Validate() error { return Conv2DTranspose(l).validate(1) }

// Validate refuses sizes below 1 and groups that do not divide the filters.
func (l Conv2DTranspose) Validate() error { return l.validate(2) }

// Validate refuses sizes below 1 and groups that do not divide the filters.
func (l Conv3DTranspose) Validate() error { return Conv2DTranspose(l).validate(3) }

// KernelInit is the initializer in force.
func (l Conv1DTranspose) KernelInit() param.Init { return orWanted(l.Init, l.Act) }

// KernelInit is the initializer in force.
func (l Conv2DTranspose) KernelInit() param.Init { return orWanted(l.Init, l.Act) }

// KernelInit is the initializer in force.
func (l Conv3DTranspose) KernelInit() param.Init { return orWanted(l.Init, l.Act) }

// Apply declares kernel and bias and adds the convolution.
func (l Conv1DTranspose) Apply(s *Scope, x graph.Node) graph.Node {
	return Conv2DTranspose(l).apply(s, x, 1)
}

// Apply declares kernel and bias and adds the convolution.
func (l Conv2DTranspose) Apply(s *Scope, x graph.Node) graph.Node { return l.apply(s, x, 2) }

// Apply declares kernel and bias and adds the convolution.
func (l Conv3DTranspose) Apply(s *Scope, x graph.Node) graph.Node {
	return Conv2DTranspose(l).apply(s, x, 3)
}

func (l Conv2DTranspose) sliding() sliding {
	return sliding{"kernel_size", l.Kernel, l.Strides, l.Dilation, l.Padding, false}
}

func (l Conv2DTranspose) validate(axes int) error {
	if err := positive("filters", l.Filters); err != nil {
		return err
	}
	spans, err := l.sliding().spans(axes)
	if err != nil {
		return err
	}
	if l.Padding.mode == "causal" {
		return spec.Field("padding", "a transposed convolution has valid, same, or how much is cut off on each side")
	}
	if n := len(l.OutputPadding); n > 1 && n != axes {
		return spec.Field("output_padding", "has %d entries for %d axes; want one, or one for each", n, axes)
	}
	for i, s := range spans {
		if p, ok := l.outputPadding(i); ok && (p < 0 || p >= s.Stride) {
			return spec.Field("output_padding", "want numbers from 0 to below the stride, %d, got %d", s.Stride, p)
		}
	}
	return grouped(l.Groups, l.Filters)
}

// outputPadding is what an axis is told of it, if anything.
func (l Conv2DTranspose) outputPadding(axis int) (int, bool) {
	switch len(l.OutputPadding) {
	case 0:
		return 0, false
	case 1:
		return l.OutputPadding[0], true
	}
	return l.OutputPadding[axis], true
}

// window is the window of the convolution that goes the other way, and the
// spatial shape that it slides over.
func (l Conv2DTranspose) window(in tensor.Shape) (w graph.Window, out tensor.Shape, err error) {
	spans, err := l.sliding().spans(len(in))
	if err != nil {
		return w, nil, err
	}
	for i := range spans {
		s, n := &spans[i], in[i]
		more, told := l.outputPadding(i)
		reach := (n-1)*s.Stride + s.Extent()
		size := reach - s.Before - s.After + more
		switch {
		case len(l.Padding.sides) > 0:
		case l.Padding.mode == "same":
			size = n * s.Stride
			if told {
				size = reach - s.Extent()/2*2 + more
			}
			all := max(reach-size, 0)
			s.Before, s.After = all/2, all-all/2
		case !told:
			size = n*s.Stride + max(s.Extent()-s.Stride, 0)
		}
		if size < 1 {
			return w, nil, spec.Field("padding", "cuts off all %d places that the output has along axis %d; want less of it", reach+more, i+1)
		}
		out = append(out, size)
	}
	return graph.Slide(spans...), out, nil
}

func (l Conv2DTranspose) apply(s *Scope, x graph.Node, axes int) graph.Node {
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
	w, out, err := l.window(x.Shape()[1 : axes+1])
	if !check(s, err) {
		return graph.Node{}
	}
	kernel := s.Weight("kernel", orWanted(l.Init, l.Act), append(taps(w), l.Filters/groups, in)...)
	s.Constrain(kernel, l.Constraint)
	penalize(s, l.Regularizer, kernel)
	y := x.ConvTranspose(kernel, w, groups, out...) // (N, …, filters)
	return activate(s, l.Act, addBias(s, y, l.NoBias, l.BiasInit, l.BiasRegularizer))
}
