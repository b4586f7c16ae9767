package onnx

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/format"
	kinds "github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// run writes the layers from place i of the trace to before end that lie directly
// within one of depth, and gives the last one's result.
func (w *writer) run(i, end, depth int) (*sent, error) {
	var last *sent
	for i < end {
		next := i + 1
		for next < end && w.layers[next].Depth > w.layers[i].Depth {
			next++
		}
		a := w.layers[i]
		if !a.Out.Valid() {
			return nil, fmt.Errorf("onnx: layer %q has no result", a.Path)
		}
		v, err := w.applied(a, i+1, next)
		if err != nil {
			return nil, err
		}
		w.at[a.Out.ID()] = v
		last, i = v, next
	}
	return last, nil
}

// applied writes one layer; those within it stand from place i on to before end.
func (w *writer) applied(a param.Applied, i, end int) (*sent, error) {
	in := make([]*sent, len(a.In))
	for k, x := range a.In {
		if in[k] = w.at[x.ID()]; in[k] == nil {
			return nil, unsent(a.Layer, a.Path, "its input is made by no layer but by Go code (%s), which ONNX cannot hold", x.Op().Name)
		}
	}
	if len(in) == 0 {
		return nil, unsent(a.Layer, a.Path, "it has no input")
	}
	switch l := a.Layer.(type) {
	case nn.Block:
		v, err := w.run(i, end, a.Depth)
		if v == nil && err == nil { // of no layers
			v = in[0]
		}
		return v, err
	case nn.Residual:
		x := w.floated(in[0])
		y, err := w.run(i, end, a.Depth)
		if err != nil || y == nil {
			return x, err
		}
		return w.joined("Add", a.Name, []*sent{x, y}, a.Out.Shape()[1:]), nil
	case nn.Bidirectional:
		return w.bothWays(l, a, in, i, end)
	}
	return w.layer(a.Layer, a, in)
}

// layer writes a layer that has none within it. Its result has the shape of a.Out.
func (w *writer) layer(l nn.Layer, a param.Applied, in []*sent) (*sent, error) {
	x, out := in[0], a.Out.Shape()[1:]
	// shaped gives a result the shape that the layer makes.
	shaped := func(v *sent) *sent {
		y := *v
		y.shape = out
		return &y
	}
	switch l := l.(type) {
	case nn.Input:
		return x, nil
	case nn.Dropout, nn.AlphaDropout, nn.SpatialDropout, nn.GaussianDropout, nn.GaussianNoise:
		if x.flat != nil {
			return x, nil
		}
		return w.floated(x), nil
	case nn.Flatten:
		if len(x.shape) == 1 {
			return x, nil
		}
		if x = w.firm(x); !slices.Equal(x.perm(), natural(len(x.shape)+1)) && x.order == channelsFirst {
			return &sent{name: a.Name, shape: out, kind: x.kind, flat: x}, nil
		}
		if x = w.as(x, plainOrder); len(x.shape) == 0 {
			return w.reshaped(x, a.Name, out), nil
		}
		return w.flattened(x, a.Name), nil
	case nn.Reshape:
		return w.reshaped(w.as(x, plainOrder), a.Name, out), nil
	case nn.Permute:
		x = w.floated(x)
		from := x.perm()
		perm := []int{slices.Index(from, 0)}
		for _, d := range l.Dims {
			perm = append(perm, slices.Index(from, d))
		}
		if slices.Equal(perm, natural(len(perm))) { // only the order's name changes
			y := *x
			y.order, y.shape = plainOrder, out
			return &y, nil
		}
		y := w.like(x, "Transpose", a.Name, []attribute{{"perm", perm}})
		y.order = plainOrder
		return shaped(y), nil
	case nn.RepeatVector:
		x = w.as(w.floated(x), plainOrder)
		x = w.like(x, "Unsqueeze", a.Name+"/step", nil, w.wholes(a.Name+"/axes", 1))
		return shaped(w.like(x, "Expand", a.Name, nil, w.wholes(a.Name+"/shape", 1, l.N, 1))), nil
	case nn.Embedding:
		x = w.as(x, plainOrder)
		if x.kind == kinds.Float {
			y := w.like(x, "Cast", a.Name+"/whole", []attribute{{"to", 6}})
			y.kind = kinds.Int
			x = y
		}
		y := &sent{shape: out, kind: kinds.Float}
		y.name = w.node("Gather", a.Name, []string{w.param(a.Path+"/embeddings", "", nil, l.Words, l.Units), x.name}, nil)
		return y, nil
	case nn.Dense:
		return w.dense(l, a, x)
	case nn.BatchNorm:
		return w.batchNorm(l, a, w.floated(x)), nil
	case nn.BatchStandardize:
		return w.standardized(a, x, spec.Or(l.Epsilon, 1e-3)), nil
	case nn.BatchMean:
		return w.ofBatch(a, w.floated(x)), nil
	case nn.BatchVariance:
		squares, _ := w.deviations(a.Name, w.floated(x))
		return w.ofBatch(a, squares), nil
	case nn.GroupNorm:
		return w.groupNorm(l, a, w.floated(x)), nil
	case nn.Elementwise:
		return w.elementwise(l.Function, a, in), nil
	case nn.ArgMax:
		x = w.floated(x)
		attrs := []attribute{{"axis", slices.Index(x.perm(), axisOf(l.Axis, x))}, {"keepdims", 1}}
		if l.Last {
			attrs = append(attrs, attribute{"select_last_index", 1})
		}
		y := *x
		y.name = w.node("Cast", a.Name, []string{w.node("ArgMax", a.Name+"/place", []string{x.name}, attrs)}, []attribute{{"to", int(codeOf(w.float))}})
		return shaped(&y), nil
	case nn.LayerNorm:
		x = w.as(w.floated(x), plainOrder)
		n := x.shape[len(x.shape)-1]
		var more []string
		if l.NoScale {
			more = append(more, w.numbers(a.Name+"/ones", tensor.Shape{n}, 1))
		} else {
			more = append(more, w.param(a.Path+"/gamma", "", nil, n))
		}
		if !l.NoCenter {
			more = append(more, w.param(a.Path+"/beta", "", nil, n))
		}
		return w.like(x, "LayerNormalization", a.Name, []attribute{{"axis", -1}, {"epsilon", spec.Or(l.Epsilon, 1e-3)}}, more...), nil
	case nn.Affine:
		return w.affine(l, a, w.floated(x)), nil
	case nn.Rescale:
		return w.rescale(a.Name, w.floated(x), float64(l.Scale), l.Offset), nil
	case nn.Standardize:
		// (x − mean)/(√variance + 1e-10), or with a floor under √variance
		x = w.floated(x)
		name, wide := a.Name, x.shape
		if l.Axis != 0 {
			wide = ones(x.shape, l.Axis)
		}
		divisor := w.node("Sqrt", name+"/deviation", []string{w.beside(x, a.Path+"/variance", wide)}, nil)
		if l.Floor > 0 {
			divisor = w.node("Max", name+"/divisor", []string{divisor, w.number(name+"/floor", l.Floor)}, nil)
		} else {
			divisor = w.node("Add", name+"/divisor", []string{divisor, w.number(name+"/epsilon", 1e-10)}, nil)
		}
		y := w.like(x, "Sub", name+"/centered", nil, w.beside(x, a.Path+"/mean", wide))
		return w.like(y, "Div", name, nil, divisor), nil
	case nn.Conv1D:
		return w.conv(nn.Conv2D(l), a, x)
	case nn.Conv2D:
		return w.conv(l, a, x)
	case nn.Conv3D:
		return w.conv(nn.Conv2D(l), a, x)
	case nn.DepthwiseConv1D:
		return w.depthwise(nn.DepthwiseConv2D(l), a, x)
	case nn.DepthwiseConv2D:
		return w.depthwise(l, a, x)
	case nn.SeparableConv1D:
		return w.separable(nn.SeparableConv2D(l), a, x)
	case nn.SeparableConv2D:
		return w.separable(l, a, x)
	case nn.Conv1DTranspose:
		return w.convTranspose(nn.Conv2DTranspose(l), a, x)
	case nn.Conv2DTranspose:
		return w.convTranspose(l, a, x)
	case nn.Conv3DTranspose:
		return w.convTranspose(nn.Conv2DTranspose(l), a, x)
	case nn.MaxPooling1D, nn.MaxPooling2D, nn.MaxPooling3D:
		return w.maxPool(a, x)
	case nn.MaxPoolingArgmax1D:
		return w.maxPoolArgmax(a, x, l.Columns)
	case nn.MaxPoolingArgmax2D:
		return w.maxPoolArgmax(a, x, l.Columns)
	case nn.MaxPoolingArgmax3D:
		return w.maxPoolArgmax(a, x, l.Columns)
	case nn.AveragePooling1D:
		return w.averagePool(nn.AveragePooling2D(l), a, x)
	case nn.AveragePooling2D:
		return w.averagePool(l, a, x)
	case nn.AveragePooling3D:
		return w.averagePool(nn.AveragePooling2D(l), a, x)
	case nn.Masking:
		return w.zeroed(l, a, x)
	case nn.SequenceMask:
		return w.zeroed(l, a, x)
	case nn.GlobalAveragePooling1D:
		if mask, err := w.maskOf(l, a); mask != "" || err != nil {
			return w.maskedMean(l, a, x, mask), err
		}
		return w.global("Average", "ReduceMean", a, x, l.Keep), nil
	case nn.GlobalAveragePooling2D:
		return w.global("Average", "ReduceMean", a, x, l.Keep), nil
	case nn.GlobalAveragePooling3D:
		return w.global("Average", "ReduceMean", a, x, l.Keep), nil
	case nn.GlobalMaxPooling1D:
		return w.global("Max", "ReduceMax", a, x, l.Keep), nil
	case nn.GlobalMaxPooling2D:
		return w.global("Max", "ReduceMax", a, x, l.Keep), nil
	case nn.GlobalMaxPooling3D:
		return w.global("Max", "ReduceMax", a, x, l.Keep), nil
	case nn.UpSampling1D, nn.UpSampling3D:
		return w.upSample("nearest", a, x), nil
	case nn.UpSampling2D:
		if l.Interpolation == "bilinear" {
			return w.upSample("linear", a, x), nil
		}
		return w.upSample("nearest", a, x), nil
	case nn.LocalResponseNorm:
		size := l.Size
		if size == 0 {
			size = 5
		}
		x = w.as(w.floated(x), channelsFirst)
		if len(x.shape) == 1 { // vectors are images of one place
			x = w.reshaped(x, a.Name+"/places", tensor.Shape{x.shape[0], 1, 1})
			x.order, x.shape = channelsFirst, tensor.Shape{1, 1, x.shape[0]}
		}
		y := w.like(x, "LRN", a.Name, []attribute{{"size", size}, {"alpha", spec.Or(l.Alpha, 1e-4)}, {"beta", spec.Or(l.Beta, 0.75)}, {"bias", spec.Or(l.Bias, 1)}})
		if len(out) == 1 {
			y.shape = out
			y = &sent{name: w.node("Flatten", a.Name+"/flatten", []string{y.name}, []attribute{{"axis", 1}}), shape: out, kind: y.kind}
		}
		return y, nil
	case nn.PadAxes:
		return w.padAxes(l, a, x)
	case nn.MatMul:
		return w.product(a, in), nil
	case nn.Reverse:
		x = w.floated(x)
		return w.reversed(x, a.Name, slices.Index(x.perm(), axisOf(l.Axis, x))), nil
	case nn.Slice:
		x = w.floated(x)
		axis := axisOf(l.Axis, x)
		hi := l.End
		if hi == 0 {
			hi = x.shape[axis-1]
		}
		more := []string{w.wholes(a.Name+"/starts", l.Begin), w.wholes(a.Name+"/ends", hi), w.wholes(a.Name+"/axes", slices.Index(x.perm(), axis))}
		if l.Step > 1 {
			more = append(more, w.wholes(a.Name+"/steps", l.Step))
		}
		return shaped(w.like(x, "Slice", a.Name, nil, more...)), nil
	case nn.Power:
		x = w.floated(x)
		return w.like(x, "Pow", a.Name, nil, w.number(a.Name+"/exponent", spec.Or(l.Exponent, 1))), nil
	case nn.ZeroPadding1D:
		return w.zeroPadded(a, x, l.Padding), nil
	case nn.ZeroPadding2D:
		return w.zeroPadded(a, x, l.Padding), nil
	case nn.ZeroPadding3D:
		return w.zeroPadded(a, x, l.Padding), nil
	case nn.Cropping1D:
		return w.cropped(a, x, l.Cropping), nil
	case nn.Cropping2D:
		return w.cropped(a, x, l.Cropping), nil
	case nn.Cropping3D:
		return w.cropped(a, x, l.Cropping), nil
	case nn.Add:
		return w.joined("Add", a.Name, in, out), nil
	case nn.Multiply:
		return w.joined("Mul", a.Name, in, out), nil
	case nn.Subtract:
		return w.joined("Sub", a.Name, in, out), nil
	case nn.Average:
		return w.joined("Mean", a.Name, in, out), nil
	case nn.Maximum:
		return w.joined("Max", a.Name, in, out), nil
	case nn.Minimum:
		return w.joined("Min", a.Name, in, out), nil
	case nn.Concatenate:
		return w.concat(l, a, in), nil
	case nn.LSTM, nn.GRU, nn.SimpleRNN:
		return w.oneWay(l, a, in)
	case nn.TimeDistributed:
		return w.eachStep(l, a, x)
	case nn.Activation:
		return w.activate(l.Act, a, w.floated(x), a.Name)
	case act.Activation:
		return w.activate(l, a, w.floated(x), a.Name)
	}
	return nil, unsent(l, a.Path, "ONNX has no operations for it that this version writes; .safetensors takes it")
}

// reshaped gives samples another shape, in nn's order.
func (w *writer) reshaped(x *sent, name string, shape tensor.Shape) *sent {
	if x.shape.Equal(shape) {
		return x
	}
	y := w.like(x, "Reshape", name, nil, w.wholes(name+"/shape", append([]int{0}, shape...)...))
	y.shape = shape
	return y
}

// after adds the activation of a layer.
func (w *writer) after(f act.Activation, a param.Applied, y *sent) (*sent, error) {
	if f == nil {
		return y, nil
	}
	if _, half := f.(act.GLU); half { // of what the layer makes
		v := *y
		v.shape = y.shape.Clone()
		v.shape[len(v.shape)-1] *= 2
		y = &v
	}
	return w.activate(f, a, y, a.Name+"/"+act.Registry.NameOf(f))
}

// dense is a Gemm of vectors, else a product and a sum.
func (w *writer) dense(l nn.Dense, a param.Applied, x *sent) (*sent, error) {
	kernel := w.values[a.Path+"/kernel"].Shape()
	var y *sent
	if x.flat != nil && x.flat.kind == kinds.Float {
		// The rows of the kernel take the order in which the features stand.
		v := x.flat
		whole := append(v.shape.Clone(), l.Units)
		var perm []int
		for _, p := range v.perm()[1:] {
			perm = append(perm, p-1)
		}
		turn := format.Reshape(whole...).Then(format.Permute(append(perm, len(perm))...))
		y = w.flattened(v, x.name)
		in := []string{w.param(a.Path+"/kernel", fmt.Sprint("rows ", v.shape), turn, kernel...)}
		if !l.NoBias {
			in = append(in, w.param(a.Path+"/bias", "", nil, l.Units))
		}
		y = w.like(y, "Gemm", a.Name, nil, in...)
	} else {
		x = w.floated(x)
		if x.order == channelsFirst || len(x.shape) == 1 {
			x = w.as(x, plainOrder)
		}
		in := []string{w.param(a.Path+"/kernel", "", nil, kernel...)}
		switch {
		case len(x.shape) == 1:
			if !l.NoBias {
				in = append(in, w.param(a.Path+"/bias", "", nil, l.Units))
			}
			y = w.like(x, "Gemm", a.Name, nil, in...)
		default:
			y = w.like(x, "MatMul", a.Name, nil, in...)
			if !l.NoBias {
				y = w.like(y, "Add", a.Name+"/bias_add", nil, w.param(a.Path+"/bias", "", nil, l.Units))
			}
		}
	}
	y.shape = a.Out.Shape()[1:]
	return w.after(l.Act, a, y)
}

// batchNorm is BatchNormalization, which wants channels on axis 1.
func (w *writer) batchNorm(l nn.BatchNorm, a param.Applied, x *sent) *sent {
	x = w.as(x, channelsFirst)
	n := x.shape[len(x.shape)-1]
	var more []string
	if l.NoScale {
		more = append(more, w.numbers(a.Name+"/ones", tensor.Shape{n}, 1))
	} else {
		more = append(more, w.param(a.Path+"/gamma", "", nil, n))
	}
	if l.NoCenter {
		more = append(more, w.numbers(a.Name+"/zeros", tensor.Shape{n}, 0))
	} else {
		more = append(more, w.param(a.Path+"/beta", "", nil, n))
	}
	more = append(more, w.param(a.Path+"/moving_mean", "", nil, n), w.param(a.Path+"/moving_variance", "", nil, n))
	return w.like(x, "BatchNormalization", a.Name, []attribute{{"epsilon", spec.Or(l.Epsilon, 1e-3)}, {"momentum", spec.Or(l.Momentum, 0.99)}}, more...)
}

// affine is a product and a sum.
func (w *writer) affine(l nn.Affine, a param.Applied, x *sent) *sent {
	axes := l.Axes
	if axes == nil {
		axes = []int{-1}
	}
	wide := ones(x.shape, axes...)
	name := a.Name
	if !l.NoScale {
		x = w.like(x, "Mul", name, nil, w.beside(x, a.Path+"/gamma", wide))
		name += "/offset"
	}
	if !l.NoCenter {
		x = w.like(x, "Add", name, nil, w.beside(x, a.Path+"/beta", wide))
	}
	return x
}

// ones is a sample's shape with 1 for all axes but some, the batch's being 0.
func ones(shape tensor.Shape, axes ...int) tensor.Shape {
	out := make(tensor.Shape, len(shape))
	for i := range out {
		out[i] = 1
	}
	for _, a := range axes {
		if a < 0 {
			a += len(shape) + 1
		}
		out[a-1] = shape[a-1]
	}
	return out
}

// rescale is x·scale + offset.
func (w *writer) rescale(name string, x *sent, scale, offset float64) *sent {
	at := name
	if scale != 1 || offset == 0 {
		x = w.like(x, "Mul", at, nil, w.number(name+"/scale", scale))
		at += "/shifted"
	}
	if offset != 0 {
		x = w.like(x, "Add", at, nil, w.number(name+"/offset", offset))
	}
	return x
}

// spansOf finds the window of the convolution or pool that made a layer's result.
func spansOf(a param.Applied, ops ...string) []kinds.ConvAttr {
	stop := map[int]bool{}
	for _, x := range a.In {
		stop[x.ID()] = true
	}
	seen := map[int]bool{}
	found := map[int]kinds.ConvAttr{}
	queue := []kinds.Node{a.Out}
	for len(queue) > 0 {
		x := queue[0]
		queue = queue[1:]
		if stop[x.ID()] || seen[x.ID()] {
			continue
		}
		seen[x.ID()] = true
		if slices.Contains(ops, x.Op().Name) {
			switch at := x.Attr().(type) {
			case kinds.ConvAttr:
				found[x.ID()] = at
			case kinds.PoolAttr:
				found[x.ID()] = kinds.ConvAttr{Window: at.Window, In: at.In}
			}
		}
		queue = append(queue, x.Ins()...)
	}
	var ids []int
	for id := range found {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var out []kinds.ConvAttr
	for _, id := range ids {
		out = append(out, found[id])
	}
	return out
}

// windowAttrs are the attributes of a window.
func windowAttrs(spans []kinds.Span) []attribute {
	var size, strides, dilations, before, after []int
	for _, s := range spans {
		size, strides, dilations = append(size, s.Size), append(strides, s.Stride), append(dilations, s.Dilation)
		before, after = append(before, s.Before), append(after, s.After)
	}
	out := []attribute{{"kernel_shape", size}, {"strides", strides}}
	if slices.Max(dilations) > 1 {
		out = append(out, attribute{"dilations", dilations})
	}
	if pads := append(before, after...); slices.Max(pads) > 0 {
		out = append(out, attribute{"pads", pads})
	}
	return out
}

// outFirst is the order of a kernel (…, in, out) that ONNX has: (out, in, …).
func outFirst(rank int) []int {
	order := []int{rank - 1, rank - 2}
	return append(order, natural(rank-2)...)
}

// kernel adds a convolution's kernel, its last two axes first.
func (w *writer) kernel(path string) (string, tensor.Shape) {
	s := w.values[path].Shape()
	order := outFirst(len(s))
	shape := make(tensor.Shape, len(s))
	for i, a := range order {
		shape[i] = s[a]
	}
	return w.param(path, "", format.Permute(order...), shape...), shape
}

func (w *writer) conv(l nn.Conv2D, a param.Applied, x *sent) (*sent, error) {
	at := spansOf(a, "conv")[0]
	x = w.as(w.floated(x), channelsFirst)
	kernel, _ := w.kernel(a.Path + "/kernel")
	in := []string{kernel}
	if !l.NoBias {
		in = append(in, w.param(a.Path+"/bias", "", nil, l.Filters))
	}
	attrs := windowAttrs(at.Window.Spans())
	if at.Groups > 1 {
		attrs = append(attrs, attribute{"group", at.Groups})
	}
	y := w.like(x, "Conv", a.Name, attrs, in...)
	y.shape = a.Out.Shape()[1:]
	return w.after(l.Act, a, y)
}

// depthKernel adds a depthwise kernel (…, C, multiplier) as (C·multiplier, 1, …).
func (w *writer) depthKernel(path string) (name string, channels int) {
	s := w.values[path].Shape()
	n := len(s)
	order, shape := []int{n - 2, n - 1}, tensor.Shape{s[n-2] * s[n-1], 1}
	for i := range n - 2 {
		order, shape = append(order, i), append(shape, s[i])
	}
	return w.param(path, "", format.Permute(order...), shape...), s[n-2]
}

func (w *writer) depthwise(l nn.DepthwiseConv2D, a param.Applied, x *sent) (*sent, error) {
	at := spansOf(a, "conv")[0]
	x = w.as(w.floated(x), channelsFirst)
	kernel, channels := w.depthKernel(a.Path + "/depthwise_kernel")
	in := []string{kernel}
	if !l.NoBias {
		in = append(in, w.param(a.Path+"/bias", "", nil, a.Out.Dim(-1)))
	}
	y := w.like(x, "Conv", a.Name, append(windowAttrs(at.Window.Spans()), attribute{"group", channels}), in...)
	y.shape = a.Out.Shape()[1:]
	return w.after(l.Act, a, y)
}

func (w *writer) separable(l nn.SeparableConv2D, a param.Applied, x *sent) (*sent, error) {
	both := spansOf(a, "conv")
	x = w.as(w.floated(x), channelsFirst)
	depth, channels := w.depthKernel(a.Path + "/depthwise_kernel")
	y := w.like(x, "Conv", a.Name+"/depthwise", append(windowAttrs(both[0].Window.Spans()), attribute{"group", channels}), depth)
	point, _ := w.kernel(a.Path + "/pointwise_kernel")
	in := []string{point}
	if !l.NoBias {
		in = append(in, w.param(a.Path+"/bias", "", nil, l.Filters))
	}
	y = w.like(y, "Conv", a.Name, windowAttrs(both[1].Window.Spans()), in...)
	y.shape = a.Out.Shape()[1:]
	return w.after(l.Act, a, y)
}

func (w *writer) convTranspose(l nn.Conv2DTranspose, a param.Applied, x *sent) (*sent, error) {
	at := spansOf(a, "conv_input")[0]
	x = w.as(w.floated(x), channelsFirst)
	kernel, _ := w.kernel(a.Path + "/kernel") // (C, filters/groups, …)
	in := []string{kernel}
	if !l.NoBias {
		in = append(in, w.param(a.Path+"/bias", "", nil, l.Filters))
	}
	spans := slices.Clone(at.Window.Spans())
	more := make([]int, len(spans))
	for i := range spans {
		s := &spans[i]
		reach := (x.shape[i]-1)*s.Stride + s.Extent()
		if more[i] = at.In[i] - (reach - s.Before - s.After); more[i] < 0 {
			s.After -= more[i]
			more[i] = 0
		}
	}
	attrs := windowAttrs(spans)
	if at.Groups > 1 {
		attrs = append(attrs, attribute{"group", at.Groups})
	}
	if slices.Max(more) > 0 {
		attrs = append(attrs, attribute{"output_padding", more})
	}
	y := w.like(x, "ConvTranspose", a.Name, attrs, in...)
	y.shape = a.Out.Shape()[1:]
	return w.after(l.Act, a, y)
}

func (w *writer) maxPool(a param.Applied, x *sent) (*sent, error) {
	spans := spansOf(a, "max_pool", "max_pool_index")[0].Window.Spans()
	for _, s := range spans {
		if s.Before >= s.Size || s.After >= s.Size {
			return nil, unsent(a.Layer, a.Path, "it pads by %d and %d, where ONNX pads pools by less than their size, %d; put a layer that pads before it", s.Before, s.After, s.Size)
		}
	}
	y := w.like(w.as(w.floated(x), channelsFirst), "MaxPool", a.Name, windowAttrs(spans))
	y.shape = a.Out.Shape()[1:]
	return y, nil
}

// averagePool counts padding as the layer does. What ceil mode adds behind never counts.
func (w *writer) averagePool(l nn.AveragePooling2D, a param.Applied, x *sent) (*sent, error) {
	spans := slices.Clone(spansOf(a, "conv")[0].Window.Spans())
	x = w.as(w.floated(x), channelsFirst)
	axes := len(spans)
	counted := make([][2]int, axes) // padding that counts
	for i, s := range spans {
		if s.Dilation > 1 {
			return nil, unsent(a.Layer, a.Path, "its window has a dilation of %d, which operator set 17 has no words for", s.Dilation)
		}
		if l.CountPad {
			counted[i] = [2]int{s.Before, s.After}
		}
	}
	if l.CountPad && l.Ceil { // as it is without the last window that is cut off
		l.Ceil = false
		plain, _, y, err := alone([]nn.Layer{nn.AveragePooling1D(l), l, nn.AveragePooling3D(l)}[axes-1], x.shape)
		if err != nil {
			return nil, err
		}
		for i, s := range spansOf(param.Applied{In: []kinds.Node{plain}, Out: y}, "conv")[0].Window.Spans() {
			counted[i][1] = s.After
		}
	}
	some := slices.ContainsFunc(counted, func(c [2]int) bool { return c != [2]int{} })
	if some { // zeros that count stand in the input
		x = w.padTo(x, a.Name+"/pad", append(counted, [2]int{}), 0)
		for i := range spans {
			spans[i].Before -= counted[i][0]
			spans[i].After -= counted[i][1]
		}
	}
	for _, s := range spans {
		if s.Before >= s.Size || s.After >= s.Size {
			return nil, unsent(a.Layer, a.Path, "it pads by %d and %d, where ONNX pads pools by less than their size, %d; put a layer that pads before it", s.Before, s.After, s.Size)
		}
	}
	y := w.like(x, "AveragePool", a.Name, windowAttrs(spans))
	y.shape = a.Out.Shape()[1:]
	return y, nil
}

// alone applies a layer to two samples of a shape, in a graph of its own.
func alone(l nn.Layer, shape tensor.Shape) (x kinds.Node, s *param.Scope, y kinds.Node, err error) {
	b := kinds.New()
	s = param.NewScope(b, nil, param.Options{Declare: func(string, param.Kind, param.Init, tensor.Shape) error { return nil }})
	x = b.Input("x", kinds.Float, append(tensor.Shape{2}, shape...)...)
	y = l.Apply(s, x)
	return x, s, y, b.Err()
}

// global reduces all axes between the batch's and the channels'.
func (w *writer) global(pool, reduce string, a param.Applied, x *sent, keep bool) *sent {
	x = w.floated(x)
	var y *sent
	if x.order == channelsFirst {
		y = w.like(x, "Global"+pool+"Pool", a.Name, nil)
		if !keep {
			y = &sent{name: w.node("Flatten", a.Name+"/flatten", []string{y.name}, []attribute{{"axis", 1}}), kind: y.kind}
		}
	} else {
		var axes []int
		for i, p := range x.perm() {
			if p > 0 && p < len(x.shape) {
				axes = append(axes, i)
			}
		}
		k := 0
		if keep {
			k = 1
		}
		y = w.like(x, reduce, a.Name, []attribute{{"axes", axes}, {"keepdims", k}})
		if !keep {
			y.order = plainOrder
		}
	}
	y.shape = a.Out.Shape()[1:]
	return y
}

// upSample is a Resize by whole factors.
func (w *writer) upSample(mode string, a param.Applied, x *sent) *sent {
	x = w.as(w.floated(x), channelsFirst)
	out := a.Out.Shape()[1:]
	scales := []float64{1, 1}
	for i := range len(out) - 1 {
		scales = append(scales, float64(out[i]/x.shape[i]))
	}
	t := tensor.New(tensor.Float32, len(scales))
	for i, s := range scales {
		t.SetFlat(i, s)
	}
	attrs := []attribute{{"mode", mode}, {"coordinate_transformation_mode", "half_pixel"}}
	if mode == "nearest" {
		attrs = []attribute{{"mode", mode}, {"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}}
	}
	y := w.like(x, "Resize", a.Name, attrs, "", w.hold(&held{name: a.Name + "/scales", value: t, shape: t.Shape()}))
	y.shape = out
	return y
}

// sidesOf gives each of so many axes its sides.
func sidesOf(s nn.Sides, axes int) [][2]int {
	if axes == 1 && len(s) == 2 && s[0][0] == s[0][1] && s[1][0] == s[1][1] { // a pair of numbers for one axis
		s = nn.Sides{{s[0][0], s[1][0]}}
	}
	out := make([][2]int, axes)
	for i := range out {
		if len(s) == 1 {
			out[i] = s[0]
		} else if i < len(s) {
			out[i] = s[i]
		}
	}
	return out
}

func (w *writer) zeroPadded(a param.Applied, x *sent, s nn.Sides) *sent {
	if s == nil {
		s = nn.Even(1)
	}
	return w.padded(a, x, append(sidesOf(s, len(x.shape)-1), [2]int{}), 0)
}

func (w *writer) padded(a param.Applied, x *sent, sides [][2]int, fill float64) *sent {
	x = w.floated(x)
	if !slices.ContainsFunc(sides, func(s [2]int) bool { return s != [2]int{} }) {
		return x
	}
	return w.padTo(x, a.Name, sides, fill)
}

// padAxes pads by a number, or by what lies inside.
func (w *writer) padAxes(l nn.PadAxes, a param.Applied, x *sent) (*sent, error) {
	sides := sidesOf(l.Padding, len(x.shape))
	switch l.Mode {
	case "", "constant":
		return w.padded(a, x, sides, l.Value), nil
	case "reflect":
		for i, s := range sides {
			if max(s[0], s[1]) >= x.shape[i] && s != [2]int{} {
				return nil, unsent(l, a.Path, "it reflects %d and %d of %d places, where ONNX reflects fewer than there are", s[0], s[1], x.shape[i])
			}
		}
	case "edge":
	default:
		return nil, unsent(l, a.Path, "operator set %d pads by reflection and by the edge, not in mode %s", writtenOpset, l.Mode)
	}
	y := w.padded(a, x, sides, 0)
	if slices.ContainsFunc(sides, func(s [2]int) bool { return s != [2]int{} }) {
		last := w.nodes[len(w.nodes)-1]
		last.attrs = append(last.attrs, attribute{"mode", l.Mode})
	}
	return y, nil
}

// product multiplies the matrices of two values. Where samples have fewer axes than the
// others, axes of length 1 are put in front of theirs.
func (w *writer) product(a param.Applied, in []*sent) *sent {
	x, y := w.as(w.floated(in[0]), plainOrder), w.as(w.floated(in[1]), plainOrder)
	even := func(v *sent, rank int) *sent {
		if n := rank - len(v.shape); n > 0 {
			return w.reshaped(v, v.name+"/wide", append(tensor.Shape(slices.Repeat([]int{1}, n)), v.shape...))
		}
		return v
	}
	x, y = even(x, len(y.shape)), even(y, len(x.shape))
	out := w.like(x, "MatMul", a.Name, nil, y.name)
	out.shape = a.Out.Shape()[1:]
	return out
}

// padTo puts zeros, or another number, around the axes of a sample.
func (w *writer) padTo(x *sent, name string, sides [][2]int, fill float64) *sent {
	perm := x.perm()
	pads := make([]int, 2*len(perm))
	shape := x.shape.Clone()
	for i, p := range perm {
		if p > 0 {
			pads[i], pads[i+len(perm)] = sides[p-1][0], sides[p-1][1]
			shape[p-1] += sides[p-1][0] + sides[p-1][1]
		}
	}
	more := []string{w.wholes(name+"/pads", pads...)}
	if fill != 0 {
		more = append(more, w.number(name+"/value", fill))
	}
	y := w.like(x, "Pad", name, nil, more...)
	y.shape = shape
	return y
}

func (w *writer) cropped(a param.Applied, x *sent, s nn.Sides) *sent {
	x = w.floated(x)
	var starts, ends, axes []int
	for i, side := range sidesOf(s, len(x.shape)-1) {
		if side != [2]int{} {
			starts, ends = append(starts, side[0]), append(ends, x.shape[i]-side[1])
			axes = append(axes, slices.Index(x.perm(), i+1))
		}
	}
	if len(axes) == 0 {
		return x
	}
	y := w.like(x, "Slice", a.Name, nil, w.wholes(a.Name+"/starts", starts...), w.wholes(a.Name+"/ends", ends...), w.wholes(a.Name+"/axes", axes...))
	y.shape = a.Out.Shape()[1:]
	return y
}

// axisOf is an axis of a value as nn counts them, the last one where none is said.
func axisOf(axis int, x *sent) int {
	if axis == 0 {
		axis = -1
	}
	if axis < 0 {
		axis += len(x.shape) + 1
	}
	return axis
}

// reversed goes over an axis of the graph from its end.
func (w *writer) reversed(x *sent, name string, axis int) *sent {
	return w.like(x, "Slice", name, nil, w.wholes(name+"/from", -1), w.wholes(name+"/to", -1<<31), w.wholes(name+"/axis", axis), w.wholes(name+"/by", -1))
}

// together brings values to one order: that of most of them, where they have as many axes.
func (w *writer) together(in []*sent) []*sent {
	out := make([]*sent, len(in))
	alike, votes := true, 0
	for i, x := range in {
		out[i] = w.floated(x)
		alike = alike && len(out[i].shape) == len(out[0].shape)
		switch out[i].order {
		case channelsFirst:
			votes++
		case plainOrder:
			votes--
		}
	}
	o := plainOrder
	switch {
	case alike && !slices.ContainsFunc(out, func(x *sent) bool { return x.order != stepsFirst }):
		o = stepsFirst
	case alike && votes >= 0 && len(out[0].shape) > 1:
		o = channelsFirst
	}
	for i := range out {
		out[i] = w.as(out[i], o)
		out[i] = &sent{name: out[i].name, shape: out[i].shape, kind: out[i].kind, order: o}
	}
	return out
}

// joined computes with several values, element by element. Where samples have fewer axes
// than others, axes of length 1 are put in front of theirs.
func (w *writer) joined(op, name string, in []*sent, shape tensor.Shape) *sent {
	if len(in) == 1 {
		return w.floated(in[0])
	}
	names, y := w.aligned(in)
	y.shape = shape
	several := op == "Mean" || op == "Max" || op == "Min"
	for i := 1; i < len(names); i++ {
		at := name
		if several {
			y.name = w.node(op, at, names, nil)
			break
		}
		if i < len(names)-1 {
			at += "/" + strconv.Itoa(i)
		}
		y.name = w.node(op, at, []string{y.name, names[i]}, nil)
	}
	return y
}

// aligned are the names of values whose samples have as many axes as each other, in one order, and the
// first of them.
func (w *writer) aligned(in []*sent) ([]string, *sent) {
	in = w.together(in)
	rank := 0
	for _, x := range in {
		rank = max(rank, len(x.shape))
	}
	var names []string
	for _, x := range in {
		if n := rank - len(x.shape); n > 0 {
			wide := append(tensor.Shape(slices.Repeat([]int{1}, n)), x.shape...)
			x = w.reshaped(x, x.name+"/wide", wide)
		}
		names = append(names, x.name)
	}
	y := *in[0]
	y.name = names[0]
	return names, &y
}

func (w *writer) concat(l nn.Concatenate, a param.Applied, in []*sent) *sent {
	if len(in) == 1 {
		return w.floated(in[0])
	}
	in = w.together(in)
	axis := axisOf(l.Axis, in[0])
	var names []string
	for _, x := range in {
		names = append(names, x.name)
	}
	y := *in[0]
	y.shape = a.Out.Shape()[1:]
	y.name = w.node("Concat", a.Name, names, []attribute{{"axis", slices.Index(in[0].perm(), axis)}})
	return &y
}

// eachStep applies a layer to the steps of sequences, which become samples of their own.
func (w *writer) eachStep(l nn.TimeDistributed, a param.Applied, x *sent) (*sent, error) {
	out := a.Out.Shape()
	if w.scope.IsMasked(a.In[0]) && !w.scope.MaskInDoubt(a.In[0]) && w.scope.Mask(a.In[0]).Rank() > 2 {
		return nil, unsent(l, a.Path, "steps within its steps are left out, which this version does not write for ONNX")
	}
	if d, ok := l.Layer.(nn.Dense); ok && len(x.shape) > 1 { // it works on the last axis as it is
		return w.dense(d, a, x)
	}
	x = w.as(w.floated(x), plainOrder)
	if len(x.shape) == 0 {
		return nil, unsent(l, a.Path, "its samples are no sequences")
	}
	steps := w.like(x, "Reshape", a.Name+"/steps", nil, w.wholes(a.Name+"/steps_shape", append([]int{-1}, x.shape[1:]...)...))
	steps.shape = x.shape[1:]
	one, s, y, err := alone(l.Layer, steps.shape)
	if err != nil {
		return nil, err
	}
	inner := param.Applied{Path: a.Path, Name: a.Name + "/step", Layer: l.Layer, In: []kinds.Node{one}, Out: y}
	if len(s.Layers()) > 0 {
		return nil, unsent(l, a.Path, "there are layers within %s, which is applied to each step; this version does not write that", nn.KindOf(l.Layer))
	}
	v, err := w.layer(l.Layer, inner, []*sent{steps})
	if err != nil {
		return nil, err
	}
	v = w.as(w.firm(v), plainOrder)
	v = w.like(v, "Reshape", a.Name, nil, w.wholes(a.Name+"/shape", append([]int{-1}, out[1:]...)...))
	v.shape = out[1:]
	return v, nil
}
