package darknet

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A result is what a section gives: what it is called in the sketch, and its channels,
// height and width. Flat says that it is a vector, of numbers with channels last.
type result struct {
	name  string
	shape tensor.Shape
	flat  bool
}

// A net is a network, and the tensors of its .weights in order.
type net struct {
	list     []section
	sketch   format.Sketch
	results  []result // of each section after the first
	runs     []run
	outs     []string
	warnings []string
}

func parse(text string) (*net, error) {
	list, err := sections(text)
	if err != nil {
		return nil, err
	}
	if len(list) < 2 || list[0].kind != "net" && list[0].kind != "network" {
		return nil, fmt.Errorf("it has to begin with a section [net], and to have another")
	}
	return &net{list: list}, nil
}

func unsupported(s section, i int, text string, args ...any) error {
	return &format.Unsupported{What: fmt.Sprintf("section %d, [%s], line %d", i, s.kind, s.line), Msg: fmt.Sprintf(text, args...)}
}

// draw draws all sections.
func (n *net) draw() error {
	in, err := n.list[0].read(map[string]int{"width": 0, "height": 0, "channels": 0, "inputs": 0})
	if err != nil {
		return err
	}
	x := result{shape: tensor.Shape{in["channels"], in["height"], in["width"]}}
	switch {
	case slices.Min(x.shape) > 0:
		x.name = n.sketch.Input("input", tensor.Shape{x.shape[1], x.shape[2], x.shape[0]})
	case in["inputs"] > 0:
		x.shape, x.flat = tensor.Shape{in["inputs"], 1, 1}, true
		x.name = n.sketch.Input("input", tensor.Shape{in["inputs"]})
	default:
		return fmt.Errorf("[net] has neither width, height and channels nor inputs")
	}
	for i, s := range n.list[1:] {
		f := layers[s.kind]
		if f == nil {
			return unsupported(s, i, "there is no layer of this kind")
		}
		if x, err = f(n, s, i, x); err != nil {
			return err
		}
		if e, err := x.shape.Elems(); err != nil || e < 1 || e > 1<<30 {
			return fmt.Errorf("line %d, [%s]: it gives the shape %v", s.line, s.kind, x.shape)
		}
		n.results = append(n.results, x)
	}
	if len(n.outs) == 0 || x.name != n.outs[len(n.outs)-1] && !slices.Contains(ends, n.list[len(n.list)-1].kind) {
		n.outs = append(n.outs, x.name)
	}
	return nil
}

// ends are the sections that find objects in what they are given, or measure it.
var ends = []string{"yolo", "region", "detection", "cost"}

var layers = map[string]func(n *net, s section, i int, x result) (result, error){
	"convolutional": convolutional, "conv": convolutional, "connected": connected, "conn": connected, "maxpool": maxpool, "max": maxpool, "avgpool": avgpool, "avg": avgpool,
	"route": route, "shortcut": shortcut, "upsample": upsample, "dropout": dropout, "softmax": softmax, "soft": softmax, "scale_channels": scaleChannels,
	"yolo": end, "region": end, "detection": end, "cost": end,
}

// activations are Darknet's, in our words.
var activations = map[string]spec.Value{"linear": {}, "leaky": format.Map("name", "leaky_relu", "negative_slope", 0.1), "relu": spec.Str("relu"), "relu6": spec.Str("relu6"),
	"logistic": spec.Str("sigmoid"), "tanh": spec.Str("tanh"), "mish": spec.Str("mish"), "swish": spec.Str("silu"), "elu": spec.Str("elu"), "selu": spec.Str("selu"), "hardtan": spec.Str("hard_tanh"),
	"gelu": spec.Str("gelu_tanh")}

// activation is that of a section, null for none.
func activation(s section, i int, without string) (spec.Value, error) {
	name, ok := s.values["activation"]
	if !ok {
		name = without
	}
	a, ok := activations[name]
	if !ok {
		return a, unsupported(s, i, "there is no activation %q", name)
	}
	return a, nil
}

func (n *net) add(kind string, name string, x result, fields spec.Value, parts ...format.Part) string {
	return n.sketch.Add(kind, name, fields, []string{x.name}, parts...).Name
}

// tensor adds one to the file and gives its name.
func (n *net) tensor(layer, leaf string, shape ...int) string {
	n.runs = append(n.runs, run{layer + "/" + leaf, shape})
	return layer + "/" + leaf
}

func part(leaf, from string, move *format.Move) format.Part {
	return format.Part{Leaf: leaf, From: []string{from}, Move: move}
}

// norm is the batch normalization that a section has in it. Darknet adds 1e-5 to the variance.
func (n *net) norm(name string, x result, biases, scales, mean, variance string) string {
	return n.add("batch_normalization", name+"_norm", x, format.Map("epsilon", 1e-5), part("gamma", scales, nil), part("beta", biases, nil), part("moving_mean", mean, nil), part("moving_variance", variance, nil))
}

func convolutional(n *net, s section, i int, x result) (result, error) {
	v, err := s.read(map[string]int{"filters": 1, "size": 1, "stride": 1, "pad": 0, "padding": 0, "groups": 1, "dilation": 1, "stride_x": 0, "stride_y": 0, "batch_normalize": 0, "binary": 0, "xnor": 0, "share_index": -most})
	if err != nil {
		return x, err
	}
	a, err := activation(s, i, "logistic")
	if err != nil {
		return x, err
	}
	if v["binary"] != 0 || v["xnor"] != 0 || v["share_index"] != -most {
		return x, unsupported(s, i, "binary, xnor and share_index are not read")
	}
	filters, size, stride, groups, dilation := v["filters"], v["size"], v["stride"], v["groups"], v["dilation"]
	strides := []int{stride, stride}
	for k, key := range []string{"stride_y", "stride_x"} {
		if v[key] > 0 {
			strides[k] = v[key]
		}
	}
	pad := v["padding"]
	if v["pad"] != 0 {
		pad = size / 2 * dilation
	}
	if x.flat || filters < 1 || size < 1 || stride < 1 || groups < 1 || dilation < 1 || pad < 0 || x.shape[0]%groups != 0 || filters%groups != 0 {
		return x, fmt.Errorf("line %d, [%s]: filters %d, size %d, stride %d, groups %d and padding %d do not go with an input of shape %v", s.line, s.kind, filters, size, stride, groups, pad, x.shape)
	}
	name := "conv" + strconv.Itoa(i)
	channels := x.shape[0] / groups
	y := result{shape: tensor.Shape{filters, 0, 0}}
	for k := range 2 {
		free := x.shape[1+k] + 2*pad - dilation*(size-1) - 1
		if free < 0 {
			return x, fmt.Errorf("line %d, [%s]: a window of %d does not fit into %v", s.line, s.kind, size, x.shape)
		}
		y.shape[1+k] = free/strides[k] + 1
	}
	if int64(filters)*int64(channels)*int64(size)*int64(size) > 1<<31 {
		return x, fmt.Errorf("line %d, [%s]: the kernel is too large", s.line, s.kind)
	}
	fields := format.Map("filters", filters, "kernel_size", []int{size, size}, "strides", strides, "padding", []int{pad, pad})
	if groups > 1 {
		fields = fields.With("groups", spec.Num(float64(groups)))
	}
	if dilation > 1 {
		fields = fields.With("dilation_rate", format.List(dilation, dilation))
	}
	biases := n.tensor(name, "biases", filters)
	move := format.Reorder(tensor.Shape{filters, channels, size, size}, 2, 3, 1, 0)
	if v["batch_normalize"] == 0 {
		kernel := n.tensor(name, "weights", filters, channels, size, size)
		if a.Kind != spec.Null {
			fields = fields.With("activation", a)
		}
		y.name = n.add("conv2d", name, x, fields, part("kernel", kernel, move), part("bias", biases, nil))
		return y, nil
	}
	scales, mean, variance := n.tensor(name, "scales", filters), n.tensor(name, "rolling_mean", filters), n.tensor(name, "rolling_variance", filters)
	kernel := n.tensor(name, "weights", filters, channels, size, size)
	y.name = n.add("conv2d", name, x, fields.With("use_bias", spec.Flag(false)), part("kernel", kernel, move))
	y.name = n.norm(name, y, biases, scales, mean, variance)
	n.act(name, &y, a)
	return y, nil
}

// act adds an activation.
func (n *net) act(name string, y *result, a spec.Value) {
	if a.Kind != spec.Null {
		y.name = n.add("activation", name+"_act", *y, format.Map("activation", a))
	}
}

// vector flattens an image.
func (n *net) vector(name string, x result) result {
	if !x.flat {
		x.name = n.add("flatten", name+"_flatten", x, spec.Value{})
		x.flat = true
	}
	return x
}

func connected(n *net, s section, i int, x result) (result, error) {
	v, err := s.read(map[string]int{"output": 1, "batch_normalize": 0})
	if err != nil {
		return x, err
	}
	a, err := activation(s, i, "logistic")
	if err != nil {
		return x, err
	}
	units, in := v["output"], x.shape.Clone()
	inputs := in[0] * in[1] * in[2]
	if units < 1 || int64(units)*int64(inputs) > 1<<31 {
		return x, fmt.Errorf("line %d, [%s]: %d units of %d inputs", s.line, s.kind, units, inputs)
	}
	name := "connected" + strconv.Itoa(i)
	x = n.vector(name, x)
	biases, kernel := n.tensor(name, "biases", units), n.tensor(name, "weights", units, inputs)
	move := format.Reorder(tensor.Shape{units, in[0], in[1], in[2]}, 2, 3, 1, 0)
	y := result{shape: tensor.Shape{units, 1, 1}, flat: true}
	fields := format.Map("units", units)
	if v["batch_normalize"] == 0 {
		if a.Kind != spec.Null {
			fields = fields.With("activation", a)
		}
		y.name = n.add("dense", name, x, fields, part("kernel", kernel, move), part("bias", biases, nil))
		return y, nil
	}
	scales, mean, variance := n.tensor(name, "scales", units), n.tensor(name, "rolling_mean", units), n.tensor(name, "rolling_variance", units)
	y.name = n.add("dense", name, x, fields.With("use_bias", spec.Flag(false)), part("kernel", kernel, move))
	y.name = n.norm(name, y, biases, scales, mean, variance)
	n.act(name, &y, a)
	return y, nil
}

func maxpool(n *net, s section, i int, x result) (result, error) {
	stride, err := s.int("stride", 1)
	if err != nil {
		return x, err
	}
	size, err := s.int("size", stride)
	if err != nil {
		return x, err
	}
	pad, err := s.int("padding", size-1)
	if err != nil {
		return x, err
	}
	if x.flat || size < 1 || stride < 1 || pad < 0 || pad/2 >= size || pad-pad/2 >= size {
		return x, fmt.Errorf("line %d, [%s]: size %d, stride %d and padding %d do not go with an input of shape %v", s.line, s.kind, size, stride, pad, x.shape)
	}
	y := result{shape: x.shape.Clone()}
	for k := range 2 {
		free := x.shape[1+k] + pad - size
		if free < 0 {
			return x, fmt.Errorf("line %d, [%s]: a window of %d does not fit into %v", s.line, s.kind, size, x.shape)
		}
		y.shape[1+k] = free/stride + 1
	}
	side := format.List(pad/2, pad-pad/2)
	y.name = n.add("max_pooling2d", "maxpool"+strconv.Itoa(i), x, format.Map("pool_size", []int{size, size}, "strides", []int{stride, stride}, "padding", spec.Value{Kind: spec.List, Items: []spec.Value{side, side}}))
	return y, nil
}

func avgpool(n *net, s section, i int, x result) (result, error) {
	if x.flat {
		return x, unsupported(s, i, "it wants an image")
	}
	return result{name: n.add("global_average_pooling2d", "avgpool"+strconv.Itoa(i), x, format.Map("keepdims", true)), shape: tensor.Shape{x.shape[0], 1, 1}}, nil
}

// at is the section that a number names: from the beginning, or back from here.
func (n *net) at(s section, i, number int) (result, error) {
	if number < 0 {
		number += i
	}
	if number < 0 || number >= i {
		return result{}, fmt.Errorf("line %d, [%s]: it names section %d, which does not lie before it", s.line, s.kind, number)
	}
	if k := n.list[1+number].kind; slices.Contains(ends, k) {
		return result{}, unsupported(s, i, "it takes what [%s] finds", k)
	}
	return n.results[number], nil
}

func route(n *net, s section, i int, _ result) (result, error) {
	from, err := s.ints("layers")
	if err != nil {
		return result{}, err
	}
	groups, err := s.int("groups", 1)
	if err != nil {
		return result{}, err
	}
	group, err := s.int("group_id", 0)
	if err != nil {
		return result{}, err
	}
	var names []string
	var y result
	for k, number := range from {
		x, err := n.at(s, i, number)
		if err != nil {
			return y, err
		}
		if groups != 1 { // one group of the channels
			c := x.shape[0] / max(groups, 1)
			if groups < 1 || group < 0 || group >= groups || x.flat || x.shape[0]%groups != 0 {
				return y, fmt.Errorf("line %d, [%s]: group %d of %d of the shape %v", s.line, s.kind, group, groups, x.shape)
			}
			x.name = n.add("slice", "route"+strconv.Itoa(i)+"_group", x, format.Map("begin", group*c, "end", (group+1)*c))
			x.shape = tensor.Shape{c, x.shape[1], x.shape[2]}
		}
		names = append(names, x.name)
		if k == 0 {
			y = result{shape: x.shape.Clone(), flat: x.flat}
			continue
		}
		if x.flat != y.flat || x.shape[1] != y.shape[1] || x.shape[2] != y.shape[2] || x.flat && x.shape[1]*x.shape[2] != 1 {
			return y, fmt.Errorf("line %d, [%s]: it joins the shapes %v and %v", s.line, s.kind, y.shape, x.shape)
		}
		y.shape[0] += x.shape[0]
	}
	if y.name = names[0]; len(names) > 1 {
		y.name = n.sketch.Add("concatenate", "route"+strconv.Itoa(i), format.Map("axis", -1), names).Name
	}
	return y, nil
}

// scaleChannels multiplies each channel of an image by a number of what is before it.
func scaleChannels(n *net, s section, i int, x result) (result, error) {
	number, err := s.int("from", -1)
	if err != nil {
		return x, err
	}
	a, err := activation(s, i, "linear")
	if err != nil {
		return x, err
	}
	y, err := n.at(s, i, number)
	if err != nil {
		return x, err
	}
	if w, _ := s.int("scale_wh", 0); w != 0 || x.flat || y.flat || !x.shape.Equal(tensor.Shape{y.shape[0], 1, 1}) {
		return x, unsupported(s, i, "it scales the shape %v by %v; only one number a channel is read", y.shape, x.shape)
	}
	name := "scale" + strconv.Itoa(i)
	y.name = n.sketch.Add("multiply", name, spec.Value{}, []string{y.name, x.name}).Name
	n.act(name, &y, a)
	return y, nil
}

func shortcut(n *net, s section, i int, x result) (result, error) {
	from, err := s.ints("from")
	if err != nil {
		return x, err
	}
	a, err := activation(s, i, "linear")
	if err != nil {
		return x, err
	}
	if w := s.values["weights_type"]; w != "" && w != "none" {
		return x, unsupported(s, i, "its weights are not read")
	}
	names := []string{x.name}
	for _, number := range from {
		y, err := n.at(s, i, number)
		if err != nil {
			return x, err
		}
		if !y.shape.Equal(x.shape) || y.flat != x.flat {
			return x, unsupported(s, i, "it adds the shapes %v and %v; only equal ones are", x.shape, y.shape)
		}
		names = append(names, y.name)
	}
	name := "shortcut" + strconv.Itoa(i)
	x.name = n.sketch.Add("add", name, spec.Value{}, names).Name
	n.act(name, &x, a)
	return x, nil
}

func upsample(n *net, s section, i int, x result) (result, error) {
	stride, err := s.int("stride", 2)
	if err != nil {
		return x, err
	}
	scale, err := s.float("scale", 1)
	if err != nil {
		return x, err
	}
	if x.flat || stride < 1 || scale != 1 {
		return x, unsupported(s, i, "only images, made larger by a whole factor, are read")
	}
	y := result{shape: tensor.Shape{x.shape[0], x.shape[1] * stride, x.shape[2] * stride}}
	y.name = n.add("up_sampling2d", "upsample"+strconv.Itoa(i), x, format.Map("size", []int{stride, stride}))
	return y, nil
}

func dropout(n *net, s section, i int, x result) (result, error) {
	rate, err := s.float("probability", 0.5)
	if err != nil {
		return x, err
	}
	if rate > 0 && rate < 1 {
		x.name = n.add("dropout", "dropout"+strconv.Itoa(i), x, format.Map("rate", rate))
	}
	return x, nil
}

func softmax(n *net, s section, i int, x result) (result, error) {
	if g, err := s.int("groups", 1); err != nil || g != 1 || s.values["tree"] != "" || s.values["spatial"] != "" {
		return x, unsupported(s, i, "only one softmax over all numbers is read")
	}
	if t, err := s.float("temperature", 1); err != nil || t != 1 {
		return x, unsupported(s, i, "its temperature is not 1")
	}
	name := "softmax" + strconv.Itoa(i)
	x = n.vector(name, x)
	n.act(name, &x, spec.Str("softmax"))
	return x, nil
}

// end is an output: what finds objects in it is no layer.
func end(n *net, s section, _ int, x result) (result, error) {
	if s.kind != "cost" {
		n.warnings = append(n.warnings, fmt.Sprintf("[%s], line %d: what it is given is an output; boxes are not made of it", s.kind, s.line))
	}
	if !slices.Contains(n.outs, x.name) {
		n.outs = append(n.outs, x.name)
	}
	return x, nil
}
