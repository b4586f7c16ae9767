package caffe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A blobValue is a value of the network: what it is called in the sketch, and its shape.
type blobValue struct {
	name string
	// image is its channels, height and width; nil where it is a vector.
	image tensor.Shape
	// runs are the images that a vector was flattened from, one after the other: Caffe
	// has channels first in each, and the vector has them last. A plain vector of n
	// numbers is one image of n, 1 and 1.
	runs []tensor.Shape
}

func (v blobValue) plain() bool {
	return v.image == nil && !slices.ContainsFunc(v.runs, func(r tensor.Shape) bool { return r[1]*r[2] != 1 && r[0] != 1 })
}

// channels is how long the last axis is.
func (v blobValue) channels() int {
	if v.image != nil {
		return v.image[0]
	}
	n := 0
	for _, r := range v.runs {
		n += r[0] * r[1] * r[2]
	}
	return n
}

type converter struct {
	net     *net
	file    *format.File
	told    format.Options
	tensors map[string]format.Tensor
	sketch  format.Sketch
	blobs   map[string]blobValue // by the name of the blob, as it is now
	users   map[string]int       // how many layers take a blob of that name
	logits  []string
	warned  []string
}

func (c *converter) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(c.warned, text) {
		c.warned = append(c.warned, text)
	}
}

func unsupported(l *layer, text string, args ...any) error {
	return &format.Unsupported{What: fmt.Sprintf("layer %q (type %s)", l.name, l.kind), Msg: fmt.Sprintf(text, args...)}
}

// convert draws the layers and takes the ends as outputs.
func (c *converter) convert(ends []string) (*format.Blueprint, error) {
	for _, l := range c.net.layers {
		for _, b := range l.bottom {
			c.users[b]++
		}
	}
	for i, name := range c.net.inputs {
		if i >= len(c.net.shapes) {
			c.net.shapes = append(c.net.shapes, nil)
		}
		if err := c.input(name, c.net.shapes[i]); err != nil {
			return nil, err
		}
	}
	failed := map[string]error{} // by blob: what there is no layer for may lie behind the output
	known := map[string]string{} // a layer's name finds its first result, too
	trained := map[string]bool{} // names of layers with weights
	for _, l := range c.net.layers {
		if sources[l.kind] {
			if err := c.source(l); err != nil {
				return nil, err
			}
			continue
		}
		if l.kind == "SoftmaxWithLoss" && len(l.bottom) > 0 {
			c.logits = append(c.logits, c.blobs[l.bottom[0]].name)
		}
		if measured(l.kind) {
			continue
		}
		if _, ok := c.tensors[l.name+"/0"]; ok {
			if trained[l.name] {
				return nil, fmt.Errorf("two layers are called %q, and there are weights for one", l.name)
			}
			trained[l.name] = true
		}
		var err error
		for _, b := range l.bottom {
			if err == nil {
				err = failed[b]
			}
		}
		if err == nil {
			err = c.layer(l)
		}
		for i, t := range l.top {
			if err != nil {
				delete(c.blobs, t)
				failed[t] = err
			} else if delete(failed, t); i == 0 {
				known[l.name] = c.blobs[t].name
			}
		}
		if u, ok := err.(*format.Unsupported); err != nil && (!ok || u == nil) {
			return nil, fmt.Errorf("layer %q (type %s): %w", l.name, l.kind, err)
		}
	}
	var outs []string
	for _, e := range ends {
		if err := failed[e]; err != nil {
			return nil, err
		}
		v, ok := c.blobs[e]
		if !ok {
			if v.name, ok = known[e]; !ok {
				var have []string
				for _, l := range c.net.layers {
					have = append(have, l.top...)
				}
				slices.Sort(have)
				return nil, &format.Choice{Key: "output.node", Msg: fmt.Sprintf("output.node=%s: the network has no blob or layer of this name", e), Have: slices.Compact(have)}
			}
		}
		if v.image == nil && v.runs != nil && !v.plain() { // in Caffe's order
			if len(v.runs) != 1 {
				return nil, &format.Unsupported{What: fmt.Sprintf("output %q", e), Msg: "it joins flattened images, whose numbers are in another order here; output.node= names a blob before it"}
			}
			r := v.runs[0]
			for _, k := range []struct {
				kind   string
				fields spec.Value
			}{{"reshape", format.Map("target_shape", []int{r[1], r[2], r[0]})}, {"permute", format.Map("dims", []int{3, 1, 2})}, {"flatten", spec.Value{}}} {
				v.name = c.sketch.Add(k.kind, e, k.fields, []string{v.name}).Name
			}
		}
		if !slices.Contains(outs, v.name) {
			outs = append(outs, v.name)
		}
	}
	if len(outs) == 0 {
		return nil, &format.Unsupported{What: "the network", Msg: "it has no output"}
	}
	b, err := c.sketch.Blueprint(outs, c.logits...)
	if b != nil {
		b.Warnings = append(b.Warnings, c.warned...)
	}
	return b, err
}

// input adds an input of a shape that begins with the batch.
func (c *converter) input(name string, shape tensor.Shape) error {
	v := blobValue{}
	switch {
	case len(shape) == 4:
		v.image = shape[1:]
	case len(shape) == 2:
		v.runs = []tensor.Shape{{shape[1], 1, 1}}
	case len(shape) != 0:
		return &format.Unsupported{What: fmt.Sprintf("input %q", name), Msg: fmt.Sprintf("its shape is %v; want images, (N, C, H, W), or vectors, (N, n)", shape)}
	case len(c.told.Inputs) > 0:
		switch s := c.told.Inputs[min(len(c.sketch.Inputs), len(c.told.Inputs)-1)].Shape; len(s) {
		case 3:
			v.image = tensor.Shape{s[2], s[0], s[1]}
		case 2:
			v.image = tensor.Shape{1, s[0], s[1]}
		case 1:
			v.runs = []tensor.Shape{{s[0], 1, 1}}
		}
	}
	if v.image == nil && v.runs == nil {
		return &format.Choice{Key: "input", Msg: fmt.Sprintf("input %q has no fixed shape: say it with input=, such as input=227x227x3, or put the .prototxt of prediction beside the weights", name)}
	}
	for _, n := range append(v.image.Clone(), v.channels()) {
		if n < 1 {
			return fmt.Errorf("input %q has shape %v", name, shape)
		}
	}
	own := tensor.Shape{v.channels()}
	if v.image != nil {
		own = tensor.Shape{v.image[1], v.image[2], v.image[0]}
	}
	v.name = c.sketch.Input(name, own)
	c.blobs[name] = v
	return nil
}

// source is a layer that gives data: its first result is the input.
func (c *converter) source(l *layer) error {
	if len(l.top) == 0 {
		return nil
	}
	shapes := l.m.sub("input_param")["shape"]
	for i, top := range l.top {
		if i > 0 && l.kind != "Input" || c.users[top] == 0 {
			continue // labels
		}
		var shape tensor.Shape
		if len(shapes) > 0 {
			dims, err := shapes[min(i, len(shapes)-1)].tree.ints("dim")
			if err != nil {
				return err
			}
			shape = dims
		}
		t := l.m.sub("transform_param")
		if crop, err := t.int("crop_size", 0); err == nil && crop > 0 && shape == nil && len(c.told.Inputs) == 0 {
			shape = tensor.Shape{1, 3, crop, crop}
			c.warn("input %q is taken for pictures of 3 channels, cut to %dx%d", top, crop, crop)
		}
		if err := c.input(top, shape); err != nil {
			return err
		}
		scale, err := t.float("scale", 1)
		if err != nil {
			return err
		}
		if name := t.text("mean_file"); name != "" || len(t["mean_value"]) > 1 {
			if err := c.mean(l, top, t, name, scale); err != nil {
				return err
			}
			continue
		}
		mean, err := t.float("mean_value", 0)
		if err != nil {
			return err
		}
		if scale != 1 || mean != 0 {
			v := c.blobs[top]
			v.name = c.sketch.Add("rescaling", l.name, format.Map("scale", scale, "offset", -mean*scale), []string{v.name}).Name
			c.blobs[top] = v
		}
	}
	return nil
}

// mean takes a mean image, or a mean of each channel, from an input, and scales it then:
// (x − mean)·scale is a standardization whose statistics are known.
func (c *converter) mean(l *layer, top string, t message, name string, scale float64) error {
	v := c.blobs[top]
	if v.image == nil || !(scale > 0) {
		return unsupported(l, "it takes a mean from what is no image, or scales it by %v", scale)
	}
	channels, h, w := v.image[0], v.image[1], v.image[2]
	fields, shape := spec.Value{}, tensor.Shape{h, w, channels}
	var from []string
	var at func(x *tensor.Tensor, i int) float64
	if name == "" {
		var mean []float64
		for _, x := range t["mean_value"] {
			f, err := strconv.ParseFloat(x.text, 64)
			if err != nil || f-f != 0 {
				return fmt.Errorf("mean_value: want a number, found %q", x.text)
			}
			mean = append(mean, f)
		}
		if len(mean) != channels {
			return fmt.Errorf("%d mean values for %d channels", len(mean), channels)
		}
		fields, shape = format.Map("axis", -1), tensor.Shape{channels}
		at = func(_ *tensor.Tensor, i int) float64 { return mean[i] }
	} else {
		x, ok := c.tensors[meanOf(l)]
		if !ok {
			c.warn("layer %q takes the mean image %q from the input, and it does not lie beside the model: put it there, or say the mean with input.mean=", l.name, name)
			if scale != 1 {
				v.name = c.sketch.Add("rescaling", l.name, format.Map("scale", scale), []string{v.name}).Name
				c.blobs[top] = v
			}
			return nil
		}
		s := x.Shape
		if len(s) == 4 && s[0] == 1 {
			s = s[1:]
		}
		if len(s) != 3 || s[0] != channels || s[1] < h || s[2] < w {
			return fmt.Errorf("the mean image has shape %v, the input %v", x.Shape, v.image)
		}
		from = []string{x.Name}
		// Pictures are cut to their middle, and the mean with them.
		at = func(x *tensor.Tensor, i int) float64 {
			y, x0, ch := i/channels/w, i/channels%w, i%channels
			return x.Flat((ch*s[1]+(s[1]-h)/2+y)*s[2] + (s[2]-w)/2 + x0)
		}
	}
	of := func(at func(x *tensor.Tensor, i int) float64) format.Turn {
		return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
			var image *tensor.Tensor
			if len(from) > 0 {
				image = from[0]
			}
			x, err := tensor.TryNew(tensor.Float64, shape...)
			if err != nil {
				return nil, err
			}
			for i := range x.Len() {
				x.SetFlat(i, at(image, i))
			}
			return x, nil
		}
	}
	v.name = c.sketch.Add("standardize", l.name, fields, []string{v.name}, format.Part{Leaf: "mean", From: from, Make: of(at)},
		format.Part{Leaf: "variance", From: from, Make: of(func(*tensor.Tensor, int) float64 { return 1 / (scale * scale) })}).Name
	c.blobs[top] = v
	return nil
}

// layer draws one layer.
func (c *converter) layer(l *layer) error {
	var in []blobValue
	for _, b := range l.bottom {
		v, ok := c.blobs[b]
		if !ok {
			return unsupported(l, "what it takes, %q, comes from no layer before it, or from one that there is nothing for", b)
		}
		in = append(in, v)
	}
	if len(in) == 0 || len(l.top) == 0 {
		return unsupported(l, "it takes nothing, or gives nothing")
	}
	if l.kind == "Slice" {
		return c.slice(l, in)
	}
	f := layers[l.kind]
	if f == nil {
		return unsupported(l, "there is no layer of this type; output.node= names a blob before it, where that is what is wanted")
	}
	v, err := f(c, l, in)
	if err != nil {
		return err
	}
	for _, t := range l.top {
		c.blobs[t] = v
	}
	return nil
}

// layers says what each type is.
var layers map[string]func(c *converter, l *layer, in []blobValue) (blobValue, error)

func init() {
	act := func(name string) func(c *converter, l *layer, in []blobValue) (blobValue, error) {
		return func(c *converter, l *layer, in []blobValue) (blobValue, error) {
			return c.activate(l, in[0], spec.Str(name))
		}
	}
	same := func(_ *converter, _ *layer, in []blobValue) (blobValue, error) { return in[0], nil }
	layers = map[string]func(c *converter, l *layer, in []blobValue) (blobValue, error){
		"Convolution": convolve, "Deconvolution": convolve, "Pooling": pool, "InnerProduct": dense, "ReLU": rectify, "PReLU": prelu, "ELU": elu, "LRN": normalize, "Dropout": drop,
		"Sigmoid": act("sigmoid"), "TanH": act("tanh"), "BNLL": act("softplus"), "Softmax": soft, "Flatten": flatten, "Concat": join, "Eltwise": eltwiseLayer, "Power": powerLayer,
		"BatchNorm": batchNorm, "Scale": scale, "Bias": scale, "Split": same, "Padding": padding, "Reshape": reshape, "Swish": swish,
	}
}

// emit adds a layer with one input.
func (c *converter) emit(kind string, l *layer, in blobValue, fields spec.Value, parts ...format.Part) string {
	return c.sketch.Add(kind, l.name, fields, []string{in.name}, parts...).Name
}

// activate is an activation: part of the layer before it, where nobody else takes that
// one's result.
func (c *converter) activate(l *layer, in blobValue, a spec.Value) (blobValue, error) {
	before := c.sketch.Layer(in.name)
	alone := l.bottom[0] == l.top[0] || c.users[l.bottom[0]] == 1
	if before != nil && alone && !c.sketch.Used(in.name) && c.told.Output != l.bottom[0] && strings.Contains("conv2d dense conv2d_transpose", before.Kind) {
		if _, ok := before.Fields.Get("activation"); !ok {
			before.Fields = before.Fields.With("activation", a)
			return in, nil
		}
	}
	in.name = c.emit("activation", l, in, format.Map("activation", a))
	return in, nil
}

// pair reads sizes that are written once for both axes, twice, or as height and width.
func pair(m message, key, short string, without int) (h, w int, err error) {
	v, err := m.ints(key)
	if err != nil {
		return 0, 0, err
	}
	switch len(v) {
	case 0:
		h, w = without, without
	case 1:
		h, w = v[0], v[0]
	case 2:
		h, w = v[0], v[1]
	default:
		return 0, 0, fmt.Errorf("%s: want one or two numbers, found %v", key, v)
	}
	if h, err = m.int(short+"_h", h); err == nil {
		w, err = m.int(short+"_w", w)
	}
	return h, w, err
}

// A window slides over an image.
type window struct{ kernel, stride, pad, dilation [2]int }

func readWindow(m message) (w window, err error) {
	if w.kernel[0], w.kernel[1], err = pair(m, "kernel_size", "kernel", 0); err != nil {
		return w, err
	}
	if w.stride[0], w.stride[1], err = pair(m, "stride", "stride", 1); err != nil {
		return w, err
	}
	if w.pad[0], w.pad[1], err = pair(m, "pad", "pad", 0); err != nil {
		return w, err
	}
	if w.dilation[0], w.dilation[1], err = pair(m, "dilation", "dilation", 1); err != nil {
		return w, err
	}
	for i := range 2 {
		if w.kernel[i] < 1 || w.stride[i] < 1 || w.pad[i] < 0 || w.dilation[i] < 1 {
			return w, fmt.Errorf("a window of %v, stride %v, pad %v, dilation %v", w.kernel, w.stride, w.pad, w.dilation)
		}
	}
	return w, nil
}

// part is a parameter made of a blob. Blobs of older files have four axes always.
func part(leaf string, l *layer, i int, turns ...format.Turn) format.Part {
	p := format.Part{Leaf: leaf, From: []string{l.name + "/" + strconv.Itoa(i)}}
	for _, t := range turns {
		p.Make = p.Make.Then(t)
	}
	return p
}

func convolve(c *converter, l *layer, in []blobValue) (blobValue, error) {
	p := l.m.sub("convolution_param")
	w, err := readWindow(p)
	if err != nil {
		return blobValue{}, err
	}
	filters, err := p.int("num_output", 0)
	if err != nil {
		return blobValue{}, err
	}
	groups, err := p.int("group", 1)
	if err != nil {
		return blobValue{}, err
	}
	bias, err := p.flag("bias_term", true)
	if err != nil {
		return blobValue{}, err
	}
	x := in[0]
	if x.image == nil || len(in) != 1 {
		return blobValue{}, unsupported(l, "it wants one image")
	}
	if filters < 1 || groups < 1 || x.image[0]%groups != 0 || filters%groups != 0 {
		return blobValue{}, fmt.Errorf("%d filters in %d groups on %d channels", filters, groups, x.image[0])
	}
	fields := format.Map("filters", filters, "kernel_size", w.kernel[:], "strides", w.stride[:], "padding", w.pad[:])
	if w.dilation != [2]int{1, 1} {
		fields = fields.With("dilation_rate", format.List(w.dilation[:]...))
	}
	if groups > 1 {
		fields = fields.With("groups", spec.Num(float64(groups)))
	}
	out := blobValue{image: tensor.Shape{filters, 0, 0}}
	kind, axes := "conv2d", []int{filters, x.image[0] / groups, w.kernel[0], w.kernel[1]}
	if l.kind == "Deconvolution" {
		kind, axes = "conv2d_transpose", []int{x.image[0], filters / groups, w.kernel[0], w.kernel[1]}
	}
	for i := range 2 {
		reach := w.dilation[i]*(w.kernel[i]-1) + 1
		if n := x.image[1+i] + 2*w.pad[i] - reach; l.kind == "Deconvolution" {
			out.image[1+i] = (x.image[1+i]-1)*w.stride[i] + reach - 2*w.pad[i]
		} else if n >= 0 {
			out.image[1+i] = n/w.stride[i] + 1
		}
		if out.image[1+i] < 1 {
			return blobValue{}, fmt.Errorf("a window of %v does not fit into %v", w.kernel, x.image)
		}
	}
	kernel := part("kernel", l, 0)
	kernel.Move = format.Reorder(axes, 2, 3, 1, 0)
	parts := []format.Part{kernel}
	if bias {
		parts = append(parts, part("bias", l, 1, format.Reshape(filters)))
	} else {
		fields = fields.With("use_bias", spec.Flag(false))
	}
	out.name = c.emit(kind, l, x, fields, parts...)
	return out, nil
}

func pool(c *converter, l *layer, in []blobValue) (blobValue, error) {
	p := l.m.sub("pooling_param")
	x := in[0]
	if x.image == nil {
		return blobValue{}, unsupported(l, "it wants an image")
	}
	kind := map[string]string{"": "max_pooling2d", "MAX": "max_pooling2d", "AVE": "average_pooling2d"}[p.text("pool")]
	if kind == "" {
		return blobValue{}, unsupported(l, "there is no pooling of the kind %s", p.text("pool"))
	}
	global, err := p.flag("global_pooling", false)
	if err != nil {
		return blobValue{}, err
	}
	if global {
		out := blobValue{image: tensor.Shape{x.image[0], 1, 1}}
		out.name = c.emit("global_"+kind, l, x, format.Map("keepdims", true))
		return out, nil
	}
	w, err := readWindow(p)
	if err != nil {
		return blobValue{}, err
	}
	ceil := p.text("round_mode") != "FLOOR" && p.text("round_mode") != "1"
	out := blobValue{image: x.image.Clone()}
	for i := range 2 {
		if w.pad[i] >= w.kernel[i] {
			return blobValue{}, fmt.Errorf("a pad of %v is no smaller than the window of %v", w.pad, w.kernel)
		}
		n := x.image[1+i] + 2*w.pad[i] - w.kernel[i]
		if n < 0 {
			// Caffe's last window may begin where none fits: it is cut off.
			if !ceil || n <= -w.stride[i] {
				return blobValue{}, fmt.Errorf("a window of %v does not fit into %v", w.kernel, x.image)
			}
			n = 0
		}
		out.image[1+i] = n/w.stride[i] + 1
		if ceil && n%w.stride[i] != 0 && out.image[1+i]*w.stride[i] < x.image[1+i]+w.pad[i] {
			out.image[1+i]++
		}
	}
	fields := format.Map("pool_size", w.kernel[:], "strides", w.stride[:], "padding", w.pad[:])
	if ceil {
		fields = fields.With("ceil_mode", spec.Flag(true))
	}
	if kind == "average_pooling2d" && w.pad != [2]int{} {
		fields = fields.With("count_include_pad", spec.Flag(true))
	}
	out.name = c.emit(kind, l, x, fields)
	return out, nil
}

// columns is the Turn of a matrix [units, n], whose columns are numbers of images with
// channels first, into the kernel [n, units], whose rows have channels last.
func columns(units int, runs []tensor.Shape) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0]
		n := 0
		for _, r := range runs {
			n += r[0] * r[1] * r[2]
		}
		if t.Len() != n*units {
			return nil, fmt.Errorf("the matrix has %d numbers; %d units of %d inputs want %d", t.Len(), units, n, n*units)
		}
		out, err := tensor.TryNew(t.DType(), n, units)
		if err != nil {
			return nil, err
		}
		size := t.DType().Size()
		at := 0
		for _, r := range runs {
			places := r[1] * r[2]
			tensor.Gather(out.Bytes()[at*units*size:], t.Bytes()[at*size:], int64(size), tensor.Shape{places, r[0], units}, []int64{1, int64(places), int64(n)})
			at += r[0] * places
		}
		return out, nil
	}
}

// each is the Turn of a blob that has a number for each channel of an image, or for each
// of a vector's.
func (v blobValue) each() format.Turn {
	if v.image != nil || v.plain() {
		return format.Reshape(v.channels())
	}
	return columns(1, v.runs).Then(format.Reshape(v.channels()))
}

// vector is a value as a vector, flattened where it is an image.
func (c *converter) vector(name string, x blobValue) blobValue {
	if x.image == nil {
		return x
	}
	return blobValue{name: c.sketch.Add("flatten", name, spec.Value{}, []string{x.name}).Name, runs: []tensor.Shape{x.image}}
}

func dense(c *converter, l *layer, in []blobValue) (blobValue, error) {
	p := l.m.sub("inner_product_param")
	units, err := p.int("num_output", 0)
	if err != nil {
		return blobValue{}, err
	}
	bias, err := p.flag("bias_term", true)
	if err != nil {
		return blobValue{}, err
	}
	turned, err := p.flag("transpose", false)
	if err != nil {
		return blobValue{}, err
	}
	if axis, err := p.int("axis", 1); err != nil || axis != 1 {
		return blobValue{}, unsupported(l, "its axis is %d; only 1 is read", axis)
	}
	if units < 1 {
		return blobValue{}, fmt.Errorf("num_output is %d", units)
	}
	x := c.vector("flatten_"+l.name, in[0])
	n := x.channels()
	kernel := part("kernel", l, 0)
	step, column := []int{n, 1}, format.Turn(nil) // between two units of the blob, and two of its inputs
	if turned {
		step, column = []int{1, units}, format.Turn(format.Reshape(n, units)).Then(format.Transpose)
	}
	if len(x.runs) == 1 {
		places := x.runs[0][1] * x.runs[0][2]
		kernel.Move = &format.Move{Shape: tensor.Shape{places, x.runs[0][0], units}, Strides: []int64{int64(step[1]), int64(step[1] * places), int64(step[0])}}
	} else {
		kernel.Make = column.Then(columns(units, x.runs))
	}
	parts := []format.Part{kernel}
	fields := format.Map("units", units)
	if bias {
		parts = append(parts, part("bias", l, 1, format.Reshape(units)))
	} else {
		fields = fields.With("use_bias", spec.Flag(false))
	}
	return blobValue{name: c.emit("dense", l, x, fields, parts...), runs: []tensor.Shape{{units, 1, 1}}}, nil
}

func rectify(c *converter, l *layer, in []blobValue) (blobValue, error) {
	slope, err := l.m.sub("relu_param").float("negative_slope", 0)
	if err != nil {
		return blobValue{}, err
	}
	if slope == 0 {
		return c.activate(l, in[0], spec.Str("relu"))
	}
	return c.activate(l, in[0], format.Map("name", "leaky_relu", "negative_slope", slope))
}

func prelu(c *converter, l *layer, in []blobValue) (blobValue, error) {
	shared, err := l.m.sub("prelu_param").flag("channel_shared", false)
	if err != nil {
		return blobValue{}, err
	}
	x := in[0]
	var axes []int
	var turn format.Turn
	switch {
	case x.image != nil && shared:
		axes, turn = []int{1, 2, 3}, format.Reshape(1, 1, 1)
	case x.image != nil:
		axes, turn = []int{1, 2}, format.Reshape(1, 1, x.image[0])
	case shared:
		axes, turn = []int{1}, format.Reshape(1)
	default:
		turn = x.each()
	}
	a := format.Map("name", "prelu")
	if axes != nil {
		a = a.With("shared_axes", format.List(axes...))
	}
	x.name = c.emit("activation", l, x, format.Map("activation", a), part("alpha", l, 0, turn))
	return x, nil
}

func elu(c *converter, l *layer, in []blobValue) (blobValue, error) {
	alpha, err := l.m.sub("elu_param").float("alpha", 1)
	if err != nil {
		return blobValue{}, err
	}
	if alpha == 1 {
		return c.activate(l, in[0], spec.Str("elu"))
	}
	return c.activate(l, in[0], format.Map("name", "elu", "alpha", alpha))
}

func soft(c *converter, l *layer, in []blobValue) (blobValue, error) {
	if axis, err := l.m.sub("softmax_param").int("axis", 1); err != nil || axis != 1 {
		return blobValue{}, unsupported(l, "its axis is %d; only that of the channels, 1, is read", axis)
	}
	return c.activate(l, in[0], spec.Str("softmax"))
}

func normalize(c *converter, l *layer, in []blobValue) (blobValue, error) {
	p := l.m.sub("lrn_param")
	if r := p.text("norm_region"); r != "" && r != "ACROSS_CHANNELS" && r != "0" {
		return within(c, l, in[0])
	}
	size, err := p.int("local_size", 5)
	if err != nil {
		return blobValue{}, err
	}
	fields := format.Map("size", size)
	for _, k := range []struct {
		key, as string
		without float64
	}{{"alpha", "alpha", 1}, {"beta", "beta", 0.75}, {"k", "bias", 1}} {
		v, err := p.float(k.key, k.without)
		if err != nil {
			return blobValue{}, err
		}
		fields = fields.With(k.as, spec.Num(v))
	}
	x := in[0]
	if x.image == nil && !x.plain() {
		return blobValue{}, unsupported(l, "it normalizes a flattened image")
	}
	x.name = c.emit("local_response_normalization", l, x, fields)
	return x, nil
}

// within normalizes each channel by the energy around a place:
// x·(1 + α·mean(x²))^−β, the mean over a square window.
func within(c *converter, l *layer, x blobValue) (blobValue, error) {
	p := l.m.sub("lrn_param")
	size, err := p.int("local_size", 5)
	if err != nil {
		return blobValue{}, err
	}
	alpha, err := p.float("alpha", 1)
	if err != nil {
		return blobValue{}, err
	}
	beta, err := p.float("beta", 0.75)
	if err != nil {
		return blobValue{}, err
	}
	if x.image == nil || size < 1 || size%2 == 0 || size > 2*min(x.image[1], x.image[2])+1 {
		return blobValue{}, unsupported(l, "it wants an image and a window of odd size that is no larger than that, and has %d", size)
	}
	add := func(kind string, fields spec.Value, in ...string) string {
		return c.sketch.Add(kind, l.name, fields, in).Name
	}
	energy := add("multiply", spec.Value{}, x.name, x.name)
	energy = add("average_pooling2d", format.Map("pool_size", size, "strides", 1, "padding", []int{size / 2, size / 2}, "count_include_pad", true), energy)
	energy = add("rescaling", format.Map("scale", alpha, "offset", 1), energy)
	energy = add("power", format.Map("exponent", -beta), energy)
	x.name = add("multiply", spec.Value{}, x.name, energy)
	return x, nil
}

func swish(c *converter, l *layer, in []blobValue) (blobValue, error) {
	if beta, err := l.m.sub("swish_param").float("beta", 1); err != nil || beta != 1 {
		return blobValue{}, unsupported(l, "its beta is %v; only 1 is read", beta)
	}
	return c.activate(l, in[0], spec.Str("silu"))
}

func drop(c *converter, l *layer, in []blobValue) (blobValue, error) {
	rate, err := l.m.sub("dropout_param").float("dropout_ratio", 0.5)
	if err != nil {
		return blobValue{}, err
	}
	x := in[0]
	if rate > 0 && rate < 1 {
		x.name = c.emit("dropout", l, x, format.Map("rate", rate))
	}
	return x, nil
}

func flatten(c *converter, l *layer, in []blobValue) (blobValue, error) {
	p := l.m.sub("flatten_param")
	axis, err := p.int("axis", 1)
	if err != nil {
		return blobValue{}, err
	}
	end, err := p.int("end_axis", -1)
	if err != nil || axis != 1 || end != -1 && end != 3 {
		return blobValue{}, unsupported(l, "it flattens axes %d to %d; only all but the batch's is read", axis, end)
	}
	return c.vector(l.name, in[0]), nil
}

func reshape(c *converter, l *layer, in []blobValue) (blobValue, error) {
	dims, err := l.m.sub("reshape_param").sub("shape").ints("dim")
	if err != nil {
		return blobValue{}, err
	}
	if len(dims) == 2 && dims[0] == 0 && (dims[1] == -1 || dims[1] == in[0].channels()) || len(dims) == 4 && in[0].image == nil && in[0].plain() && dims[2] == 1 && dims[3] == 1 {
		return c.vector(l.name, in[0]), nil
	}
	if x := in[0]; len(dims) == 4 && dims[0] <= 0 && x.image == nil && x.plain() {
		n, free := 1, -1
		image := append(tensor.Shape{}, dims[1:]...)
		for a, d := range image {
			switch {
			case d == -1 && free < 0:
				free = a
			case d < 1:
				return blobValue{}, unsupported(l, "it gives the shape %v", dims)
			default:
				n *= d
			}
		}
		if free >= 0 {
			image[free] = x.channels() / n
			n *= image[free]
		}
		if n != x.channels() {
			return blobValue{}, fmt.Errorf("it makes %v of %d numbers", dims, x.channels())
		}
		out := blobValue{image: image}
		flat := c.sketch.Add("reshape", l.name, format.Map("target_shape", []int(image)), []string{x.name}).Name
		out.name = c.sketch.Add("permute", l.name, format.Map("dims", []int{2, 3, 1}), []string{flat}).Name
		return out, nil
	}
	return blobValue{}, unsupported(l, "it gives the shape %v; only vectors, and images of vectors, are read", dims)
}

// What joins values with themselves doubles with each layer: a vector is of at most so many
// images, and it or an image has at most so many numbers.
const maxRuns, maxJoined = 1 << 12, 1 << 28

// join puts values side by side.
func join(c *converter, l *layer, in []blobValue) (blobValue, error) {
	p := l.m.sub("concat_param")
	axis, err := p.int("concat_dim", 1)
	if err == nil {
		axis, err = p.int("axis", axis)
	}
	if err != nil {
		return blobValue{}, err
	}
	out := blobValue{}
	var names []string
	for _, x := range in {
		if (x.image == nil) != (in[0].image == nil) {
			return blobValue{}, unsupported(l, "it joins images and vectors")
		}
		names = append(names, x.name)
		for _, r := range x.runs {
			// Plain vectors side by side are one.
			if k := len(out.runs) - 1; k >= 0 && r[1]*r[2] == 1 && out.runs[k][1]*out.runs[k][2] == 1 {
				out.runs[k] = tensor.Shape{out.runs[k][0] + r[0], 1, 1}
			} else {
				out.runs = append(out.runs, r)
			}
		}
		if len(out.runs) > maxRuns {
			return blobValue{}, unsupported(l, "it joins more than %d images", maxRuns)
		}
	}
	if in[0].image != nil {
		if axis == -3 {
			axis = 1
		}
		if axis < 1 || axis > 3 {
			return blobValue{}, unsupported(l, "its axis is %d; want 1 to 3", axis)
		}
		out.image, out.runs = in[0].image.Clone(), nil
		for _, x := range in[1:] {
			for a := range 3 {
				if a == axis-1 {
					out.image[a] += x.image[a]
				} else if x.image[a] != out.image[a] {
					return blobValue{}, fmt.Errorf("it joins images of %v and %v", out.image, x.image)
				}
			}
		}
		axis = map[int]int{1: 3, 2: 1, 3: 2}[axis]
	} else if axis != 1 && axis != -1 {
		return blobValue{}, unsupported(l, "its axis is %d; want 1", axis)
	}
	n, err := out.image.Elems()
	if out.image == nil {
		n = out.channels()
	}
	if err != nil || n < 0 || n > maxJoined {
		return blobValue{}, unsupported(l, "it has more than %d numbers", maxJoined)
	}
	if len(in) == 1 {
		out.name = names[0]
		return out, nil
	}
	out.name = c.sketch.Add("concatenate", l.name, format.Map("axis", axis), names).Name
	return out, nil
}

// slice gives each of its results a part of an image or a vector, along an axis.
func (c *converter) slice(l *layer, in []blobValue) error {
	p := l.m.sub("slice_param")
	axis, err := p.int("slice_dim", 1)
	if err == nil {
		axis, err = p.int("axis", axis)
	}
	if err != nil {
		return err
	}
	points, err := p.ints("slice_point")
	if err != nil {
		return err
	}
	x := in[0]
	if len(in) != 1 || axis < 1 || axis > 3 || x.image == nil && (axis != 1 || !x.plain()) {
		return unsupported(l, "its axis is %d; images, and vectors that were never images, are cut along axes 1 to 3 and 1", axis)
	}
	n := x.channels()
	if x.image != nil {
		n = x.image[axis-1]
	}
	if len(points) == 0 && n%len(l.top) == 0 {
		for i := 1; i < len(l.top); i++ {
			points = append(points, n/len(l.top)*i)
		}
	}
	points = append(append([]int{0}, points...), n)
	if len(points) != len(l.top)+1 {
		return fmt.Errorf("it cuts %d places at %v for %d results", n, points[1:len(points)-1], len(l.top))
	}
	ours := 1
	if x.image != nil {
		ours = map[int]int{1: 3, 2: 1, 3: 2}[axis]
	}
	for i, t := range l.top {
		lo, hi := points[i], points[i+1]
		if lo < 0 || lo >= hi || hi > n {
			return fmt.Errorf("it cuts %d places at %v", n, points)
		}
		v := blobValue{runs: []tensor.Shape{{hi - lo, 1, 1}}}
		if x.image != nil {
			v = blobValue{image: x.image.Clone()}
			v.image[axis-1] = hi - lo
		}
		v.name = c.emit("slice", l, x, format.Map("axis", ours, "begin", lo, "end", hi))
		c.blobs[t] = v
	}
	return nil
}

func eltwiseLayer(c *converter, l *layer, in []blobValue) (blobValue, error) {
	p := l.m.sub("eltwise_param")
	kind := map[string]string{"": "add", "SUM": "add", "1": "add", "PROD": "multiply", "0": "multiply", "MAX": "maximum", "2": "maximum"}[p.text("operation")]
	coeff := make([]float64, len(in))
	given := p.texts("coeff")
	for i := range coeff {
		if coeff[i] = 1; i >= len(given) {
			continue
		}
		v, err := strconv.ParseFloat(given[i], 64)
		if err != nil || v-v != 0 {
			return blobValue{}, fmt.Errorf("coeff: want a number, found %q", given[i])
		}
		coeff[i] = v
	}
	if len(given) > 0 && (len(given) != len(in) || kind != "add") {
		kind = ""
	}
	if kind == "add" && len(in) == 2 && coeff[0] == 1 && coeff[1] == -1 {
		kind, coeff[1] = "subtract", 1
	}
	if kind == "" {
		return blobValue{}, unsupported(l, "there is no layer for the operation %s with coefficients %v", p.text("operation"), p.texts("coeff"))
	}
	var names []string
	for i, x := range in {
		if !slices.Equal(x.image, in[0].image) || !slices.EqualFunc(x.runs, in[0].runs, slices.Equal) {
			return blobValue{}, fmt.Errorf("its inputs have other shapes or orders than one another")
		}
		if coeff[i] != 1 {
			x.name = c.sketch.Add("rescaling", l.name, format.Map("scale", coeff[i]), []string{x.name}).Name
		}
		names = append(names, x.name)
	}
	out := in[0]
	if out.name = names[0]; len(in) > 1 {
		out.name = c.sketch.Add(kind, l.name, spec.Value{}, names).Name
	}
	return out, nil
}

func powerLayer(c *converter, l *layer, in []blobValue) (blobValue, error) {
	p := l.m.sub("power_param")
	pow, err := p.float("power", 1)
	if err != nil {
		return blobValue{}, err
	}
	scale, err := p.float("scale", 1)
	if err != nil {
		return blobValue{}, err
	}
	shift, err := p.float("shift", 0)
	if err != nil {
		return blobValue{}, err
	}
	x := in[0]
	if pow == 1 || scale != 1 || shift != 0 {
		x.name = c.emit("rescaling", l, x, format.Map("scale", scale, "offset", shift))
	}
	if pow != 1 {
		x.name = c.emit("power", l, x, format.Map("exponent", pow))
	}
	return x, nil
}

func batchNorm(c *converter, l *layer, in []blobValue) (blobValue, error) {
	eps, err := l.m.sub("batch_norm_param").float("eps", 1e-5)
	if err != nil {
		return blobValue{}, err
	}
	x := in[0]
	// What is kept are sums, and in the third blob how much they count.
	moment := func(leaf string, i int) format.Part {
		return format.Part{Leaf: leaf, From: []string{l.name + "/" + strconv.Itoa(i), l.name + "/2"}, Make: func(from []*tensor.Tensor) (*tensor.Tensor, error) {
			if from[1].Len() != 1 {
				return nil, fmt.Errorf("the factor of a batch normalization has %d numbers, want one", from[1].Len())
			}
			t, err := x.each()([]*tensor.Tensor{from[0].Clone()})
			if err != nil {
				return nil, err
			}
			if f := from[1].Flat(0); f != 0 {
				for k := range t.Len() {
					t.SetFlat(k, t.Flat(k)/f)
				}
			}
			return t, nil
		}}
	}
	x.name = c.emit("batch_normalization", l, x, format.Map("epsilon", eps, "scale", false, "center", false), moment("moving_mean", 0), moment("moving_variance", 1))
	return x, nil
}

// scale is part of the batch normalization before it, else a factor and an offset of each
// channel; or the product with another value.
func scale(c *converter, l *layer, in []blobValue) (blobValue, error) {
	p, factor := l.m.sub("scale_param"), true
	if l.kind == "Bias" {
		p, factor = l.m.sub("bias_param"), false
	}
	bias, err := p.flag("bias_term", false)
	if err != nil {
		return blobValue{}, err
	}
	axis, err := p.int("axis", 1)
	if err != nil {
		return blobValue{}, err
	}
	if len(in) == 2 && factor && !bias {
		return timesOther(c, l, axis, in)
	}
	if count, err := p.int("num_axes", 1); err != nil || axis != 1 && axis != -3 || count != 1 || len(in) != 1 {
		return blobValue{}, unsupported(l, "only a factor for each channel is read")
	}
	x := in[0]
	before := c.sketch.Layer(x.name)
	if before != nil && factor && before.Kind == "batch_normalization" && len(before.Parts) == 2 && !c.sketch.Used(x.name) && (l.bottom[0] == l.top[0] || c.users[l.bottom[0]] == 1) && c.told.Output != l.bottom[0] {
		before.Fields = before.Fields.Without("scale")
		before.Parts = append(before.Parts, part("gamma", l, 0, x.each()))
		if bias {
			before.Fields = before.Fields.Without("center")
			before.Parts = append(before.Parts, part("beta", l, 1, x.each()))
		}
		return x, nil
	}
	var fields spec.Value
	var parts []format.Part
	if factor {
		parts = append(parts, part("gamma", l, 0, x.each()))
	} else {
		fields, bias = format.Map("scale", false), true
	}
	switch {
	case bias:
		parts = append(parts, part("beta", l, len(parts), x.each()))
	default:
		fields = format.Map("center", false)
	}
	x.name = c.emit("affine", l, x, fields, parts...)
	return x, nil
}

// timesOther is the product of two values, the second of which may be a vector with a
// number for each channel of the first.
func timesOther(c *converter, l *layer, axis int, in []blobValue) (blobValue, error) {
	x, y := in[0], in[1]
	name := y.name
	switch {
	case slices.Equal(x.image, y.image) && slices.EqualFunc(x.runs, y.runs, slices.Equal):
	case axis == 0 && x.image != nil && y.image == nil && y.plain() && y.channels() == x.image[0]:
		name = c.sketch.Add("reshape", l.name, format.Map("target_shape", []int{1, 1, x.image[0]}), []string{name}).Name
	case x.image != nil && y.image.Equal(tensor.Shape{x.image[0], 1, 1}):
	default:
		return blobValue{}, unsupported(l, "it multiplies what has other shapes")
	}
	x.name = c.sketch.Add("multiply", l.name, spec.Value{}, []string{x.name, name}).Name
	return x, nil
}

func padding(c *converter, l *layer, in []blobValue) (blobValue, error) {
	n, err := l.m.sub("padding_param").int("pad", 0)
	if err != nil {
		return blobValue{}, err
	}
	x := in[0]
	if x.image == nil || n < 0 {
		return blobValue{}, unsupported(l, "it pads what is no image, or by %d", n)
	}
	x.image = tensor.Shape{x.image[0], x.image[1] + 2*n, x.image[2] + 2*n}
	x.name = c.emit("zero_padding2d", l, x, format.Map("padding", n))
	return x, nil
}
