package caffe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// A net is a NetParameter with layers as the newest generation writes them.
type net struct {
	name   string
	inputs []string
	shapes []tensor.Shape // of the inputs, with the batch
	layers []*layer
}

// A layer is a LayerParameter.
type layer struct {
	name, kind  string
	bottom, top []string
	m           message
	blobs       []value
}

// words are the types of older layers in today's words, where they differ by more than case.
var words = map[string]string{"conv": "Convolution", "convolution": "Convolution", "pool": "Pooling", "pooling": "Pooling", "innerproduct": "InnerProduct", "inner_product": "InnerProduct",
	"relu": "ReLU", "prelu": "PReLU", "elu": "ELU", "lrn": "LRN", "dropout": "Dropout", "softmax": "Softmax", "softmax_loss": "SoftmaxWithLoss", "tanh": "TanH", "sigmoid": "Sigmoid",
	"concat": "Concat", "eltwise": "Eltwise", "power": "Power", "absval": "AbsVal", "flatten": "Flatten", "split": "Split", "accuracy": "Accuracy", "data": "Data", "images": "ImageData",
	"image_data": "ImageData", "hdf5_data": "HDF5Data", "memory_data": "MemoryData", "dummy_data": "DummyData", "window_data": "WindowData", "deconvolution": "Deconvolution",
	"silence": "Silence", "euclidean_loss": "EuclideanLoss", "hinge_loss": "HingeLoss", "sigmoid_cross_entropy_loss": "SigmoidCrossEntropyLoss", "padding": "Padding",
	"multinomial_logistic_loss": "MultinomialLogisticLoss", "infogain_loss": "InfogainLoss", "contrastive_loss": "ContrastiveLoss", "argmax": "ArgMax", "bnll": "BNLL",
	"exp": "Exp", "slice": "Slice", "mvn": "MVN", "threshold": "Threshold", "im2col": "Im2col", "hdf5_output": "HDF5Output",
	"bias": "Bias", "scale": "Scale", "batchnorm": "BatchNorm", "reshape": "Reshape"}

// newNet takes a net out of a message. Of one that is described, layers of training alone are
// left out; one that was trained holds those that were there then.
func newNet(m message, trained bool) (*net, error) {
	n := &net{name: m.text("name"), inputs: m.texts("input")}
	dims, err := m.ints("input_dim")
	if err != nil {
		return nil, err
	}
	for len(dims) >= 4 {
		n.shapes, dims = append(n.shapes, dims[:4:4]), dims[4:]
	}
	for _, s := range m["input_shape"] {
		shape, err := s.tree.ints("dim")
		if err != nil {
			return nil, fmt.Errorf("input_shape: %w", err)
		}
		n.shapes = append(n.shapes, shape)
	}
	layers := m["layer"]
	for _, v := range m["layers"] {
		layers = append(layers, value{tree: renewed(v.tree)})
	}
	if len(layers) > format.MaxLayers {
		return nil, format.Crowded()
	}
	for _, v := range layers {
		l := &layer{name: v.tree.text("name"), kind: v.tree.text("type"), bottom: v.tree.texts("bottom"), top: v.tree.texts("top"), m: v.tree, blobs: v.tree["blobs"]}
		if v.tree == nil || l.kind == "" {
			return nil, fmt.Errorf("layer %q has no type", l.name)
		}
		if !trained && !predicts(l.m) {
			continue
		}
		n.layers = append(n.layers, l)
	}
	return n, nil
}

// renewed writes a layer of the two older generations as today's.
func renewed(m message) message {
	old := m.sub("layer")
	out := message{}
	for k, v := range m {
		out[k] = v
	}
	put := func(to message, name, from string) {
		if v, ok := old[from]; ok {
			to[name] = v
		}
	}
	if old != nil {
		for _, k := range []string{"name", "type", "blobs"} {
			put(out, k, k)
		}
		p := message{}
		for _, k := range []string{"num_output", "pad", "group", "stride", "pool", "dropout_ratio", "local_size", "alpha", "beta", "k", "concat_dim", "scale"} {
			put(p, k, k)
		}
		put(p, "bias_term", "biasterm")
		put(p, "kernel_size", "kernelsize")
		put(p, "crop_size", "cropsize")
		put(p, "mean_file", "meanfile")
		for _, k := range []string{"convolution_param", "pooling_param", "inner_product_param", "dropout_param", "lrn_param", "concat_param", "padding_param", "transform_param"} {
			out[k] = []value{{tree: p}}
		}
	}
	kind := out.text("type")
	if w, ok := words[strings.ToLower(kind)]; ok {
		kind = w
	}
	out["type"] = []value{{text: kind}}
	return out
}

// predicts reports whether a layer is there at prediction.
func predicts(m message) bool {
	test := func(rule message) bool {
		p := rule.text("phase")
		return (p == "" || p == "TEST" || p == "1") && len(rule["stage"]) == 0
	}
	for _, r := range m["exclude"] {
		if test(r.tree) {
			return false
		}
	}
	return len(m["include"]) == 0 || slices.ContainsFunc(m["include"], func(r value) bool { return test(r.tree) })
}

// tensors lists the blobs of all layers, called by the layer and their number.
func (n *net) tensors(f *format.File) error {
	seen := map[string]bool{}
	for _, l := range n.layers {
		for i, v := range l.blobs {
			name := l.name + "/" + strconv.Itoa(i)
			if seen[name] {
				return fmt.Errorf("two layers are called %q", l.name)
			}
			seen[name] = true
			t, err := blobTensor(name, v.raw)
			if err != nil {
				return err
			}
			f.Tensors = append(f.Tensors, t)
		}
	}
	return nil
}

// sources are layers that give data, and only name what they give.
var sources = map[string]bool{"Input": true, "Data": true, "ImageData": true, "HDF5Data": true, "MemoryData": true, "DummyData": true, "WindowData": true}

// measured are layers that measure: a model ends before them.
func measured(kind string) bool {
	return strings.HasSuffix(kind, "Loss") || kind == "Accuracy" || kind == "Silence" || kind == "ArgMax" || kind == "HDF5Output"
}

// ends are the blobs that no layer takes but those that measure.
func (n *net) ends() []string {
	last := map[string]int{}
	for i, l := range n.layers {
		if sources[l.kind] || measured(l.kind) {
			continue
		}
		for _, t := range l.bottom {
			delete(last, t)
		}
		for _, t := range l.top {
			last[t] = i
		}
	}
	var out []string
	for i, l := range n.layers {
		for _, t := range l.top {
			if at, ok := last[t]; ok && at == i {
				out = append(out, t)
			}
		}
	}
	return out
}

// The blueprint is the network up to its ends, or up to the blob that is asked for.
func (n *net) blueprint(f *format.File, o format.Options) (*format.Blueprint, error) {
	c := &converter{net: n, file: f, tensors: map[string]format.Tensor{}, blobs: map[string]blobValue{}, users: map[string]int{}, told: o}
	for _, t := range f.Tensors {
		c.tensors[t.Name] = t
	}
	ends := n.ends()
	if o.Output != "" {
		ends = []string{o.Output}
	}
	if o.Input != "" && !slices.Contains(n.inputs, o.Input) && !slices.ContainsFunc(n.layers, func(l *layer) bool { return sources[l.kind] && slices.Contains(l.top, o.Input) }) {
		return nil, &format.Choice{Key: "input.node", Msg: fmt.Sprintf("input.node=%s: the network has no input of this name", o.Input), Have: n.inputs}
	}
	return c.convert(ends)
}
