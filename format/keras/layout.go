package keras

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A layout says how a value lies here, compared with Keras. Keras can have the channels
// of samples first, (C, H, W); here they are last. A model that has them first is
// turned around as it is read: its pictures, its axes and the weights that go with them.
// Only what names axes of another kind is given what Keras would give it.
type layout struct {
	// turned is how many axes a sample has whose channels are first in Keras and last
	// here; 0 where both have it the same.
	turned int
	// flat is the path of the layer that made a vector of such a sample: it holds the
	// same numbers as in Keras in another order.
	flat string
}

// inOrder is the error for a vector that something wants in Keras' order: the network
// is drawn once more, and the layer that made it gives it so.
type inOrder struct{ flatten string }

func (e inOrder) Error() string {
	return fmt.Sprintf("what layer %q gives is wanted in its own order", e.flatten)
}

// back is the permutation that brings a turned sample into Keras' order, and forth that
// which takes it from there.
func back(axes int) []int {
	out := []int{axes}
	for a := 1; a < axes; a++ {
		out = append(out, a)
	}
	return out
}

func forth(axes int) []int {
	var out []int
	for a := 2; a <= axes; a++ {
		out = append(out, a)
	}
	return append(out, 1)
}

// lastAxis are the activations that are not element by element.
var lastAxis = map[string]bool{"softmax": true, "log_softmax": true, "glu": true}

// elementwise are layers that treat each number by itself, beside activations.
var elementwise = map[string]bool{"dropout": true, "gaussian_dropout": true, "gaussian_noise": true, "alpha_dropout": true, "rescaling": true}

// spatial is how many axes of pictures a class's name tells, 0 where it tells none.
func spatial(kind string) int {
	for _, k := range []string{"conv", "pooling", "padding", "cropping", "sampling", "spatial_dropout"} {
		if strings.Contains(kind, k) && len(kind) > 2 {
			kind = strings.TrimSuffix(kind, "_transpose")
			if d := kind[len(kind)-2:]; d == "1d" || d == "2d" || d == "3d" {
				return int(d[0] - '0')
			}
		}
	}
	return 0
}

// channelsFirst reports whether a layer's configuration says so.
func channelsFirst(config spec.Value) bool {
	f, _ := config.Get("data_format")
	return f.Text == "channels_first"
}

// scan finds what a configuration and all it holds say of the order of axes and of
// the version of Keras.
func (n *net) scan(v spec.Value) {
	class, config := classOf(v)
	if class != "" && config.Kind == spec.Map {
		if !n.v1 && n.file.Version() == "" && class != "Embedding" {
			for _, key := range []string{"output_dim", "nb_filter", "dim_ordering", "init", "inner_init", "border_mode", "W_regularizer"} {
				_, ok := config.Get(key)
				n.v1 = n.v1 || ok
			}
		}
		zero, _ := config.Get("mask_zero")
		n.masking = n.masking || class == "Masking" || zero.Text == "true"
		f, _ := config.Get("data_format")
		o, _ := config.Get("dim_ordering")
		if d := spatial(kindOf(class)); d > 0 && (f.Text == "channels_first" || o.Text == "th") {
			n.first[d+1] = true
		}
	}
	for _, x := range v.Items {
		n.scan(x)
	}
	for _, e := range v.Entries {
		n.scan(e.Value)
	}
}

// given is an input's shape as it is here, and its layout.
func (n *net) given(shape tensor.Shape) (tensor.Shape, layout) {
	if !n.first[len(shape)] {
		return shape, layout{}
	}
	n.warn("the model has channels first; here they are last, and it takes samples of shape %v", append(shape[1:].Clone(), shape[0]))
	return append(shape[1:].Clone(), shape[0]), layout{turned: len(shape)}
}

// ends is the layout in which an output is left.
func (n *net) ends(l layout) error {
	if l.flat != "" {
		return inOrder{l.flat}
	}
	if l.turned > 0 {
		n.warn("an output has channels first; here they are last")
	}
	return nil
}

// A placing is a layer among values of our layouts.
type placing struct {
	layer  spec.Value // its configuration, in our axes
	before [][]int    // for each input the permutation in front, nil for none
	after  string     // an activation behind it that wants Keras' order
	out    layout
}

// place says what a layer is given and gives, and notes in its part what its weights
// want.
func (n *net) place(l spec.Value, p *part, in []layout) (placing, error) {
	class, config := n.classOf(l)
	kind := kindOf(class)
	out := placing{before: make([][]int, len(in))}
	set := func(key string, v spec.Value) { config = config.With(key, v) }
	refuse := func(text string, args ...any) (placing, error) {
		return out, &format.Unsupported{What: fmt.Sprintf("layer %q (class %s)", nameOf(l), class), Msg: fmt.Sprintf(text, args...)}
	}
	// keep gives a layer what Keras does.
	keep := func() error {
		for i, v := range in {
			if v.flat != "" {
				return inOrder{v.flat}
			}
			if v.turned > 0 {
				out.before[i] = back(v.turned)
			}
		}
		out.out = layout{}
		return nil
	}
	// alike is the one layout that all inputs have.
	alike := func() (layout, bool) {
		if len(in) == 0 {
			return layout{}, false
		}
		for _, v := range in {
			if v != in[0] {
				return layout{}, false
			}
		}
		return in[0], true
	}
	var err error
	one, same := alike()
	axis, hasAxis := single(config, "axis")
	if class == "Merge" {
		axis, hasAxis = single(config, "concat_axis")
	}
	d := spatial(kind)
	p.kind, p.first = kind, d > 0 && channelsFirst(config)
	activation, _ := config.Get("activation")
	inner := activation.Text
	if c, of := classOf(activation); activation.Kind == spec.Map {
		inner = kindOf(c)
		if of.Kind == spec.String { // a function
			inner = of.Text
		}
	}
	wrapped, _ := config.Get("layer")
	wrappedClass, wrappedConfig := n.classOf(wrapped)
	switch {
	case strings.HasSuffix(class+wrappedClass, "CuDNNLSTM"):
		p.cudnn = 4
	case strings.HasSuffix(class+wrappedClass, "CuDNNGRU"):
		p.cudnn = 3
	}
	switch {
	case len(in) == 0:
	case d > 0 && p.first:
		for i, v := range in {
			switch {
			case v.flat != "":
				return out, inOrder{v.flat}
			case v.turned == 0:
				out.before[i] = forth(d + 1)
			case v.turned != d+1:
				return refuse("it wants samples of %d axes, and is given %d", d+1, v.turned)
			}
		}
		kept, _ := config.Get("keepdims")
		if out.out.turned = d + 1; strings.HasPrefix(kind, "global_") && kept.Text != "true" {
			out.out = layout{}
		}
		if lastAxis[inner] {
			set("activation", spec.Str("linear"))
			out.after = inner
		}
		set("data_format", spec.Str("channels_last"))
	case d > 0:
		err = keep()
	case kind == "flatten":
		switch {
		case channelsFirst(config): // Keras puts channels last itself
			if one.turned == 0 && one.flat == "" {
				p.vector = true
			}
			if one.flat != "" {
				out.out = one
			}
			set("data_format", spec.Str("channels_last"))
		case one.turned > 0 && !n.kept[p.path] && !n.kept[all]:
			out.out = layout{flat: p.path}
		case one.flat != "":
			out.out = one
		default:
			err = keep()
		}
	case kind == "dense" && one.flat != "":
		p.flat = one.flat
	case kind == "batch_normalization":
		switch {
		case one.flat != "":
			p.flat, out.out = one.flat, one
			set("axis", spec.Num(-1))
		case one.turned > 0 && hasAxis && (axis == 1 || axis == -one.turned):
			out.out = one
			set("axis", spec.Num(-1))
		case one.turned > 0 && (!hasAxis || axis == -1 || axis == one.turned):
			err = keep()
			set("axis", spec.Num(-1))
		case one.turned > 0:
			return refuse("it normalizes axis %d of samples of %d axes; only the channels, or the last axis, are", axis, one.turned)
		}
	case kind == "rescaling" && listed(config, "scale", "offset"):
		// x·scale + offset, each a channel, is (x − mean)/std.
		if p.moments, err = rescaled(config); err != nil {
			return refuse("%v", err)
		}
		p.kind, class, config = "standardize", "Normalization", format.Map("axis", -1)
		err = keep()
	case kind == "standardize":
		var moments [2][]float64
		for i, key := range []string{"mean", "variance"} {
			v, _ := config.Get(key)
			if moments[i], err = numbers(v); err != nil {
				return refuse("%s: %v", key, err)
			}
		}
		if len(moments[0]) > 0 && len(moments[1]) > 0 {
			p.moments = &moments
		}
		if one.turned > 0 && axis == 1 {
			out.out = one
			set("axis", spec.Num(-1))
		} else {
			err = keep()
		}
	case (kind == "layer_normalization" || kind == "group_normalization") && one.turned > 0 && hasAxis && axis == 1:
		out.out = one
		set("axis", spec.Num(-1))
	case kind == "concatenate" && same && one.turned > 0:
		r := one.turned
		if !hasAxis {
			axis = -1
		}
		if axis < 0 {
			axis += r + 1
		}
		if axis < 1 || axis > r {
			return refuse("it joins along axis %d of samples of %d axes", axis, r)
		}
		if class == "Merge" {
			set("concat_axis", spec.Num(float64(here(axis, r))))
		} else {
			set("axis", spec.Num(float64(here(axis, r))))
		}
		out.out = one
	case kind == "permute" && one.turned > 0:
		dims, _ := config.Get("dims")
		moved := spec.Value{Kind: spec.List}
		for _, x := range dims.Items {
			k, err := strconv.Atoi(x.Text)
			if err != nil || k < 1 || k > one.turned {
				return refuse("its dims are %s for samples of %d axes", dims.JSON(), one.turned)
			}
			moved.Items = append(moved.Items, spec.Num(float64(here(k, one.turned))))
		}
		set("dims", moved)
	case kind == "prelu" && one.turned > 0:
		shared, _ := config.Get("shared_axes")
		if shared.Kind == spec.Number {
			shared = spec.Value{Kind: spec.List, Items: []spec.Value{shared}}
		}
		var moved []int
		for _, x := range shared.Items {
			k, err := strconv.Atoi(x.Text)
			if err != nil || k < 1 || k > one.turned {
				return refuse("its shared_axes are %s for samples of %d axes", shared.JSON(), one.turned)
			}
			moved = append(moved, here(k, one.turned))
		}
		slices.Sort(moved)
		if moved != nil {
			set("shared_axes", format.List(moved...))
		}
		p.turned, out.out = one.turned, one
	case kind == "softmax" && one.turned > 0 && axis == 1:
		out.out = one
		set("axis", spec.Num(-1))
	case kind == "activation" && lastAxis[inner], lastAxis[kind]:
		if one.flat != "" && inner != "glu" && kind != "glu" { // sums over all have no order
			out.out = one
		} else {
			err = keep()
		}
	case kind == "activation" || elementwise[kind] || kind != "prelu" && isActivation(kind):
		out.out = one
	case merging[kind] && same:
		out.out = one
	case kind == "time_distributed":
		p.kind = kindOf(wrappedClass)
		if spatial(p.kind) > 0 && channelsFirst(wrappedConfig) {
			return refuse("the layer that it applies to each step has channels first, which is not turned around there")
		}
		err = keep()
	default:
		err = keep()
	}
	if shape, _ := config.Get("output_shape"); kind == "conv2d_transpose" {
		if p.output, _ = sample(shape); p.first && len(p.output) > 1 {
			p.output = append(p.output[1:].Clone(), p.output[0])
		}
	}
	out.layer = format.Map("class_name", class, "config", config)
	for _, e := range l.Entries {
		if e.Key != "class_name" && e.Key != "config" {
			out.layer = out.layer.With(e.Key, e.Value)
		}
	}
	return out, err
}

// merging are the layers that join inputs element by element.
var merging = map[string]bool{"add": true, "multiply": true, "subtract": true, "average": true, "maximum": true, "minimum": true}

// here is our axis for Keras' axis k of a turned sample, both counted from 1.
func here(k, axes int) int {
	if k == 1 {
		return axes
	}
	return k - 1
}

// single is a number, or the only one of a list.
func single(config spec.Value, key string) (int, bool) {
	v, _ := config.Get(key)
	for v.Kind == spec.List && len(v.Items) == 1 {
		v = v.Items[0]
	}
	k, err := strconv.Atoi(v.Text)
	return k, err == nil && v.Kind == spec.Number
}

func listed(config spec.Value, keys ...string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { v, _ := config.Get(k); return v.Kind == spec.List })
}

// numbers reads a number or a list of them, in lists where the batch's axes stand around
// it; nil where there is none.
func numbers(v spec.Value) ([]float64, error) {
	switch v.Kind {
	case spec.Null:
		return nil, nil
	case spec.List:
		var out []float64
		for _, x := range v.Items {
			more, err := numbers(x)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		}
		return out, nil
	}
	f, err := strconv.ParseFloat(v.Text, 64)
	if err != nil {
		return nil, fmt.Errorf("want numbers, found %s", v.JSON())
	}
	return []float64{f}, nil
}

// rescaled is the mean and variance that stand for a scale and an offset.
func rescaled(config spec.Value) (*[2][]float64, error) {
	var of [2][]float64
	n := 1
	for i, key := range []string{"scale", "offset"} {
		v, _ := config.Get(key)
		var err error
		if of[i], err = numbers(v); err != nil {
			return nil, err
		}
		if of[i] == nil {
			of[i] = []float64{float64(1 - i)}
		}
		n = max(n, len(of[i]))
	}
	out := &[2][]float64{make([]float64, n), make([]float64, n)}
	for i := range n {
		if len(of[0]) == 0 || len(of[1]) == 0 || n%len(of[0]) != 0 || n%len(of[1]) != 0 {
			return nil, fmt.Errorf("it has %d scales and %d offsets", len(of[0]), len(of[1]))
		}
		scale, offset := of[0][i%len(of[0])], of[1][i%len(of[1])]
		if !(scale > 0) {
			return nil, fmt.Errorf("its scale is %g; only scales above 0 are read", scale)
		}
		out[0][i], out[1][i] = -offset/scale, 1/(scale*scale)
	}
	return out, nil
}
