package keras

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
)

// Masks go from layer to layer beside the values, here as in Keras: what nn's layers hand on is
// what a file leaves unsaid. Keras 3 writes into a functional model the operations that make a
// mask, NotEqual and Any, and with each layer that takes one which it is. That is not read as a
// second way to say it, but held against the first.

// repeatsMasked reports whether Bidirectional of the file's version leaves the output at masked
// steps as the layers have it; since TensorFlow 1.14's Keras and Keras 2.4 it is 0 there.
func (n *net) repeatsMasked() bool {
	v, tf := strings.CutSuffix(n.file.Version(), "-tf")
	switch p := strings.Split(v, "."); {
	case n.v1:
		return true
	case len(p) < 2 || p[0] != "2":
		return false
	default:
		minor, err := strconv.Atoi(p[1])
		return err == nil && (minor < 2 || minor < 4 && !tf)
	}
}

// masked adds to a layer's fields what the version of Keras does with masks.
func (n *net) masked(kind string, fields spec.Value) spec.Value {
	switch {
	case !n.masking:
	case kind == "bidirectional" && n.repeatsMasked():
		return fields.With("zero_output_for_mask", spec.Flag(false))
	case !n.keras3 && (merging[kind] || kind == "concatenate"): // Keras 3 has changed its mind
		return fields.With("masks", spec.Str("all"))
	}
	return fields
}

// makesMask reports whether a class is an operation that Keras 3 makes masks with.
func makesMask(class string) bool { return class == "NotEqual" || class == "Any" }

// compared is the text of the mask that keeps what is not a number.
func compared(of string, v spec.Value) string {
	f, _ := strconv.ParseFloat(v.Text, 64)
	return fmt.Sprintf("%s!=%g", of, f)
}

// someOf is the text of the mask that keeps steps of which a number is kept.
func someOf(mask string) string { return "any " + mask }

// inDoubt is the text of a mask that nothing is equal to.
const inDoubt = "?"

// operation makes of a NotEqual or an Any the text of the mask that it gives.
func (g *graphOf) operation(l spec.Value, prefix string, i int) (mask string, ready bool) {
	class, config := classOf(l)
	nodes, _ := l.Get("inbound_nodes")
	args, _ := nodes.Items[i].Get("args")
	var in []call
	if history(args, &in) != nil || len(in) != 1 {
		return inDoubt, true
	}
	of := call{prefix + in[0].name, in[0].node}
	switch class {
	case "NotEqual":
		x, ok := g.at[of]
		if !ok || len(args.Items) != 2 || args.Items[1].Kind != spec.Number {
			return inDoubt, ok
		}
		return compared(x, args.Items[1]), true
	default:
		m, ok := g.made[of]
		axis, _ := config.Get("axis")
		for axis.Kind == spec.List && len(axis.Items) == 1 {
			axis = axis.Items[0]
		}
		if keep, _ := config.Get("keepdims"); axis.Text != "-1" || keep.Text == "true" {
			return inDoubt, ok
		}
		return someOf(m), ok
	}
}

// calledWith is the mask that use i of a layer is given, and whether it is given one.
func calledWith(l spec.Value, prefix string, i int) (of call, given bool) {
	nodes, _ := l.Get("inbound_nodes")
	if i >= len(nodes.Items) || nodes.Items[i].Kind != spec.Map {
		return of, false
	}
	kw, _ := nodes.Items[i].Get("kwargs")
	mask, _ := kw.Get("mask")
	var in []call
	if history(mask, &in) != nil || len(in) == 0 {
		return of, false
	}
	return call{prefix + in[0].name, in[0].node}, true
}

// keepsMask reports whether a layer hands on the mask of its input, as nn's does.
func keepsMask(l spec.Value) bool {
	class, config := classOf(l)
	kind := kindOf(class)
	flag := func(v spec.Value, key string) bool { x, _ := v.Get(key); return x.Text == "true" }
	switch kind {
	case "dense", "activation", "dropout", "gaussian_dropout", "gaussian_noise", "alpha_dropout", "batch_normalization", "layer_normalization", "group_normalization", "time_distributed",
		"spatial_dropout1d", "spatial_dropout2d", "spatial_dropout3d":
		return true
	case "lstm", "gru", "simple_rnn":
		return flag(config, "return_sequences")
	case "bidirectional":
		inner, _ := config.Get("layer")
		_, inner = classOf(inner)
		return flag(inner, "return_sequences")
	case "sequential", "functional", "model":
		layers := layersOf(config)
		return kind == "sequential" && !slices.ContainsFunc(layers, func(l spec.Value) bool { c, _ := classOf(l); return c != "InputLayer" && !keepsMask(l) })
	}
	return isActivation(kind)
}

// follow finds the mask of what use i of a layer gives, our value of that name, and holds the one
// that the file says it is called with to the one that its input brings along.
func (g *graphOf) follow(l spec.Value, prefix string, i int, from []string, to string) error {
	class, config := classOf(l)
	mine := ""
	if len(from) > 0 {
		mine = g.masks[from[0]]
	}
	if of, given := calledWith(l, prefix, i); given && (g.made[of] != mine || mine == inDoubt) {
		return &format.Unsupported{What: fmt.Sprintf("layer %q", nameOf(l)), Msg: fmt.Sprintf("it is called with a mask, %q, that is not the one which its input has from the layers before it; only that is read: let Embedding or Masking make it, and leave mask= out", of.name)}
	}
	out := ""
	switch kind := kindOf(class); {
	case kind == "embedding":
		if v, _ := config.Get("mask_zero"); v.Text == "true" && len(from) > 0 {
			out = compared(from[0], spec.Num(0))
		}
	case kind == "masking":
		v, ok := config.Get("mask_value")
		if !ok {
			v = spec.Num(0)
		}
		if len(from) > 0 {
			out = someOf(compared(from[0], v))
		}
	case merging[kind] || kind == "concatenate" || kind == "merge":
		for k, f := range from {
			if m := g.masks[f]; k == 0 {
				out = m
			} else if m != out {
				out = inDoubt
			}
		}
	case kind == "functional" || kind == "model":
		return nil // was followed within
	case keepsMask(l):
		out = mine
	}
	if out != "" {
		g.masks[to] = out
	}
	return nil
}
