package keras

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/spec"
)

// layer is a layer's configuration in our words. Its kind and fields are those of
// Keras in snake case, so that what nn learns to know is read from then on; what
// it has no field for is left out where it changes nothing, and refused where it
// would.
//
// It is given values of these layouts, and has what they want around it.
func (n *net) layer(l spec.Value, prefix, place string, in []layout) (placed, error) {
	if len(n.parts) >= format.MaxLayers {
		return placed{}, format.Crowded()
	}
	name := n.name(nameOf(l))
	p := part{path: prefix + name, name: nameOf(l), tree: place}
	x, err := n.place(l, &p, in)
	n.parts = append(n.parts, p)
	if err != nil {
		return placed{}, err
	}
	kind, fields, err := n.fields(x.layer)
	if err != nil {
		return placed{}, err
	}
	out := placed{before: x.before, out: x.out, layers: []spec.Value{one(kind, fields.With("name", spec.Str(name)))}}
	if x.after != "" {
		out.layers = append(out.layers, n.permute(back(x.out.turned)), one("activation", format.Map("activation", x.after, "name", n.name(name+"_activation"))))
		out.out = layout{}
	}
	return out, nil
}

// A placed layer is what it has become.
type placed struct {
	before [][]int // for each input the permutation in front, nil for none
	layers []spec.Value
	out    layout
}

// classOf is the class of a layer and its configuration in the words of today.
func (n *net) classOf(l spec.Value) (class string, config spec.Value) {
	class, config = classOf(l)
	if n.v1 {
		config = modern(class, config)
	}
	return class, config
}

// isActivation reports whether a kind of layer is an activation.
func isActivation(kind string) bool {
	_, ok := activationKeys()[kind]
	return ok
}

// fields is the kind of a layer and its fields but for the name.
func (n *net) fields(l spec.Value) (kind string, out spec.Value, err error) {
	class, config := n.classOf(l)
	kind = kindOf(class)
	out = spec.Value{Kind: spec.Map}
	known, ok := fieldsOf(kind)
	if !ok || strings.Contains(class, ">") && !registered(class) {
		return "", out, custom(l, "")
	}
	switch class {
	case "Merge":
		mode, _ := config.Get("mode")
		switch mode.Text {
		case "sum":
			kind = "add"
		case "mul":
			kind = "multiply"
		case "ave":
			kind = "average"
		case "max":
			kind = "maximum"
		case "concat", "":
			kind = "concatenate"
		default:
			return "", out, custom(l, fmt.Sprintf("merge %q with mode %q", nameOf(l), mode.Text))
		}
		known, _ = fieldsOf(kind)
		axis, _ := config.Get("concat_axis")
		config = spec.Value{Kind: spec.Map}
		if kind == "concatenate" {
			config = format.Map("axis", axis)
		}
	case "LeakyReLU":
		if _, ok := config.Get("alpha"); !ok {
			if _, ok := config.Get("negative_slope"); !ok {
				config = config.With("negative_slope", spec.Num(0.3))
			}
		}
	case "GRU", "CuDNNGRU":
		if _, ok := config.Get("reset_after"); !ok {
			config = config.With("reset_after", format.Map("x", class != "GRU").Entries[0].Value)
		}
	}
	if kind == "standardize" { // as Keras divides
		out = out.With("floor", spec.Num(1e-7))
		// Statistics of one axis, or one for all, stand for each channel; those of several
		// for each element.
		if axis, ok := config.Get("axis"); !ok || axis.Kind == spec.Null {
			out = out.With("axis", spec.Num(-1))
		}
	}
	for _, e := range config.Entries {
		v := e.Value
		isField := slices.Contains(known, e.Key)
		switch {
		case e.Key == "name" || v.Kind == spec.Null:
			continue
		case strings.HasSuffix(e.Key, "_initializer"):
			w, ok := named3(v, initial.Registry.Describe)
			var init param.Init
			if ok = ok && isField && spec.Decode(w, &init) == nil; ok {
				out = out.With(e.Key, w)
			}
			continue
		case strings.HasSuffix(e.Key, "_regularizer"), strings.HasSuffix(e.Key, "_constraint"):
			w, ok := named3(v, regular.Regularizers.Describe)
			if strings.HasSuffix(e.Key, "_constraint") {
				w, ok = named3(v, regular.Constraints.Describe)
			}
			if !ok || !isField {
				n.warn("layer %q: its %s, which matters for training alone, is left out", nameOf(l), e.Key)
				continue
			}
			out = out.With(e.Key, w)
			continue
		case e.Key == "activation" || e.Key == "recurrent_activation":
			w, err := n.activation(v)
			if err != nil {
				return "", out, fmt.Errorf("layer %q: %w", nameOf(l), err)
			}
			if w.Text == "linear" && kind != "activation" && e.Key == "activation" && !recurrent(kind) {
				continue // without one it is linear
			}
			out = out.With(e.Key, w)
			continue
		case e.Key == "layer" || e.Key == "backward_layer":
			if !isField {
				break
			}
			k, inner, err := n.fields(v)
			if err != nil {
				return "", out, err
			}
			out = out.With(e.Key, one(k, inner))
			continue
		case kind == "standardize" && (e.Key == "mean" || e.Key == "variance"):
			continue // n.moments
		case kind == "rescaling" && v.Kind == spec.List:
			continue
		case e.Key == "axis" && kind == "standardize":
			if k, ok := single(config, "axis"); ok {
				out = out.With("axis", spec.Num(float64(k)))
			}
			continue
		case e.Key == "axis" && kind == "batch_normalization":
			if err := n.axis(l, v); err != nil {
				return "", out, err
			}
			continue
		}
		switch {
		case isField:
			out = out.With(e.Key, v)
		case !harmless(e.Key, v):
			return "", out, &format.Unsupported{What: fmt.Sprintf("layer %q (class %s)", nameOf(l), class), Msg: fmt.Sprintf("%s=%s is nothing that %s can do here", e.Key, v.JSON(), kind)}
		}
	}
	if r, ok := config.Get("trainable"); ok && r.Text == "false" && kind != "input" {
		n.warn("layer %q was frozen; freeze it again to go on training without it", nameOf(l))
	}
	return kind, n.masked(kind, out), nil
}

func recurrent(kind string) bool {
	return kind == "lstm" || kind == "gru" || kind == "simple_rnn"
}

// registered reports whether a user's class stands for a kind of layer that was
// registered beside Keras' own.
func registered(class string) bool {
	_, ok := fieldsOf(kindOf(class))
	return ok
}

// fieldsOf lists the keys of a kind of layer, aliases included, if there is such
// a kind. An activation is a layer, too.
func fieldsOf(kind string) ([]string, bool) {
	if keys, ok := layerKeys()[kind]; ok {
		return keys, true
	}
	keys, ok := activationKeys()[kind]
	return keys, ok
}

// layerKeys and activationKeys are the keys of each kind, by its names.
var (
	layerKeys      = sync.OnceValue(func() map[string][]string { return keysOf(nn.Layers.Describe()) })
	activationKeys = sync.OnceValue(func() map[string][]string { return keysOf(act.Registry.Describe()) })
)

func keysOf(docs []spec.NameDoc) map[string][]string {
	out := map[string][]string{}
	for _, d := range docs {
		var keys []string
		for _, f := range d.Fields {
			keys = append(append(keys, f.Key), f.Aliases...)
		}
		for _, name := range append([]string{d.Name}, d.Aliases...) {
			out[name] = keys
		}
	}
	return out
}

// idle are the keys that change nothing at these values, or at any, *, of what a
// layer computes.
var idle = map[string][]string{
	"trainable": {"*"}, "dtype": {"*"}, "batch_input_shape": {"*"}, "batch_shape": {"*"}, "input_dtype": {"*"}, "build_config": {"*"},
	"input_shape": {"*"}, "input_dim": {"*"}, "input_length": {"*"}, "batch_size": {"*"}, "sparse": {"false"}, "ragged": {"false"}, "optional": {"false"},
	"data_format": {`"channels_last"`}, "dim_ordering": {`"tf"`}, "noise_shape": {}, "seed": {"*"}, "implementation": {"*"}, "unroll": {"*"}, "consume_less": {"*"},
	"use_cudnn": {"*"}, "time_major": {"false"}, "stateful": {"false"}, "return_state": {"false"}, "go_backwards": {"false"}, "zero_output_for_mask": {"false"},
	"groups": {"1"}, "dilation_rate": {"1", "[1]", "[1,1]", "[1,1,1]"}, "output_padding": {}, "renorm": {"false"}, "synchronized": {"false"}, "fused": {"*"},
	"virtual_batch_size": {}, "adjustment": {}, "mask_zero": {"false"}, "supports_masking": {"*"}, "keepdims": {"false"}, "mode": {"0"}, "lora_rank": {},
	"lora_alpha": {}, "quantization_config": {}, "interpolation": {`"nearest"`}, "unit_forget_bias": {"*"}, "activity_regularizer": {}, "max_value": {},
	"axis": {"-1", "[-1]"}, "output_shape": {"*"}, "invert": {"false"}, "mean": {}, "variance": {}, "rms_scaling": {"false"}, "weights": {}, "cpu_merge": {"*"},
}

func harmless(key string, v spec.Value) bool {
	values, ok := idle[key]
	return ok && (len(values) > 0 && values[0] == "*" || slices.Contains(values, string(v.JSON())))
}

// axis takes the axis of a batch normalization, which must be the last one. Where
// it is counted from the front that is seen when shapes are known.
func (n *net) axis(l, v spec.Value) error {
	for v.Kind == spec.List && len(v.Items) == 1 {
		v = v.Items[0]
	}
	if v.Text == "-1" {
		return nil
	}
	b, _ := l.Get("build_config")
	if s, _ := b.Get("input_shape"); s.Kind == spec.List && v.Text != fmt.Sprint(len(s.Items)-1) {
		return &format.Unsupported{What: fmt.Sprintf("layer %q", nameOf(l)), Msg: fmt.Sprintf("it normalizes axis %s of %s; only the last axis is, as channels stand there", v.Text, s.JSON())}
	}
	if n.axes == nil {
		n.axes = map[string]string{}
	}
	n.axes[n.parts[len(n.parts)-1].path] = v.Text
	return nil
}

// activation is an activation by name, or with its parameters.
func (n *net) activation(v spec.Value) (spec.Value, error) {
	w, ok := named3(v, act.Registry.Describe)
	if !ok {
		class, _ := classOf(v)
		if class == "" {
			class = v.Text
		}
		return w, &format.Unsupported{What: fmt.Sprintf("activation %q", class), Msg: "it is none of Keras; its code is not in the file. Register one of that name with act.Registry.Register"}
	}
	name, _ := w.Get("name")
	if !n.keras3 && (w.Text == "hard_sigmoid" || name.Text == "hard_sigmoid") {
		return spec.Str("hard_sigmoid_keras2"), nil
	}
	if name.Text == "leaky_relu" && len(w.Entries) == 1 && v.Kind == spec.Map { // the layer, as opposed to the function
		w = w.With("negative_slope", spec.Num(0.3))
	}
	return w, nil
}

// named3 is a name, or a serialized object, as a registry takes it: its name in
// snake case, and those of its parameters that the registry knows.
func named3(v spec.Value, describe func() []spec.NameDoc) (spec.Value, bool) {
	class, config := classOf(v)
	switch {
	case v.Kind == spec.String:
		class, config = v.Text, spec.Value{}
	case config.Kind == spec.String: // a function
		class, config = config.Text, spec.Value{}
	}
	name := kindOf(class)
	switch name {
	case "l1l2":
		name = "l1_l2"
	case "identity_initializer":
		name = "identity"
	}
	for _, d := range describe() {
		if d.Name != name && !slices.Contains(d.Aliases, name) {
			continue
		}
		out := format.Map("name", name)
		for _, e := range config.Entries {
			if e.Key == "from_logits" || e.Key == "name" || e.Value.Kind == spec.Null {
				continue
			}
			if slices.ContainsFunc(d.Fields, func(f spec.FieldDoc) bool { return f.Key == e.Key || slices.Contains(f.Aliases, e.Key) }) {
				out = out.With(e.Key, e.Value)
			}
		}
		if len(out.Entries) == 1 {
			return spec.Str(name), true
		}
		return out, true
	}
	return spec.Value{}, false
}

// modern turns the words of Keras 1 into those of its successors.
func modern(class string, config spec.Value) spec.Value {
	out := spec.Value{Kind: spec.Map}
	get := func(key string) spec.Value { v, _ := config.Get(key); return v }
	words := map[string]string{"output_dim": "units", "init": "kernel_initializer", "W_regularizer": "kernel_regularizer", "b_regularizer": "bias_regularizer",
		"W_constraint": "kernel_constraint", "b_constraint": "bias_constraint", "bias": "use_bias", "nb_filter": "filters", "border_mode": "padding", "subsample": "strides",
		"p": "rate", "inner_activation": "recurrent_activation", "inner_init": "recurrent_initializer", "dropout_W": "dropout", "dropout_U": "recurrent_dropout",
		"filter_length": "kernel_size", "subsample_length": "strides", "pool_length": "pool_size", "stride": "strides", "sigma": "stddev", "atrous_rate": "dilation_rate", "dim_ordering": "data_format",
		"U_regularizer": "recurrent_regularizer", "length": "size"}
	for _, e := range config.Entries {
		switch e.Key {
		case "dim_ordering":
			e.Value = spec.Str(map[string]string{"th": "channels_first", "tf": "channels_last"}[e.Value.Text])
		case "kernel_dim1":
			out = out.With("kernel_size", spec.Value{Kind: spec.List, Items: []spec.Value{e.Value, get("kernel_dim2"), get("kernel_dim3")}})
			continue
		case "kernel_dim2", "kernel_dim3":
			continue
		case "nb_row":
			out = out.With("kernel_size", spec.Value{Kind: spec.List, Items: []spec.Value{e.Value, get("nb_col")}})
			continue
		case "nb_col", "gamma_init", "beta_init", "forget_bias_init":
			continue
		}
		key := e.Key
		if w, ok := words[key]; ok {
			key = w
		}
		if class == "Embedding" && e.Key == "output_dim" {
			key = e.Key
		}
		out = out.With(key, e.Value)
	}
	return out
}
