package torch

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	format.RegisterExporter(format.Exporter{Name: "torch", Ending: ".pt", Write: export, Check: check})
}

// exported are what PyTorch's modules call the parameters of layers.
var exported = map[string]string{
	"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var",
	"embeddings": "weight", "depthwise_kernel": "depthwise.weight", "pointwise_kernel": "pointwise.weight",
}

// stateDict is the model's parameters as PyTorch's modules hold them: kernels with
// the output first, batch normalization with its count of batches.
func stateDict(m *format.Model) ([]Named, *format.Report, error) {
	names, values, err := format.Parameters(m)
	if err != nil {
		return nil, nil, err
	}
	flat, err := format.Flattened(m)
	if err != nil {
		return nil, nil, err
	}
	r := &format.Report{Format: "torch", Warnings: format.BareWarnings(m)}
	layers, err := format.Layers(m)
	if err != nil {
		return nil, nil, err
	}
	var out []Named
	for i, name := range names {
		at := strings.LastIndex(name, "/")
		layer, leaf := name[:max(at, 0)], name[at+1:]
		t := values[i]
		if slices.Contains(names, layer+"/recurrent_kernel") {
			more, err := recurrent(layers, layer, leaf, t, r)
			if err != nil {
				return nil, nil, err
			}
			for _, x := range more {
				out = append(out, x)
				r.Tensors = append(r.Tensors, format.Link{From: name, To: x.Name})
			}
			continue
		}
		as, ok := exported[leaf]
		turn := format.Turn(nil)
		switch leaf {
		case "kernel", "pointwise_kernel":
			turn = outputFirst(len(t.Shape()))
			if s := flat[name]; s != nil { // PyTorch flattens channel by channel
				turn = format.ChannelsFirst(s).Then(turn)
			}
		case "depthwise_kernel": // (…, channels, multiplier) is (channels·multiplier, 1, …)
			s := t.Shape()
			n := len(s)
			order := []int{n - 2, n - 1}
			shape := []int{s[n-2] * s[n-1], 1}
			for a := range n - 2 {
				order, shape = append(order, a), append(shape, s[a])
			}
			turn = format.Permute(order...).Then(format.Reshape(shape...))
			if !slices.Contains(names, layer+"/pointwise_kernel") {
				as = "weight"
			}
		case "alpha":
			as, ok = "alpha", true
			if !slices.Contains(names, layer+"/kernel") && !slices.Contains(names, layer+"/depthwise_kernel") {
				as = "weight"
			}
		}
		if !ok {
			as = leaf
		}
		if turn != nil {
			if t, err = turn([]*tensor.Tensor{t}); err != nil {
				return nil, nil, fmt.Errorf("parameter %q: %w", name, err)
			}
		}
		as = strings.TrimPrefix(strings.ReplaceAll(layer, "/", ".")+"."+as, ".")
		out = append(out, Named{Name: as, Tensor: t})
		r.Tensors = append(r.Tensors, format.Link{From: name, To: as})
		if leaf == "moving_variance" {
			out = append(out, Named{Name: strings.TrimSuffix(as, "running_var") + "num_batches_tracked", Tensor: tensor.New(tensor.Int64)})
		}
	}
	return out, r, nil
}

// outputFirst turns a kernel with its inputs and outputs last.
func outputFirst(rank int) format.Turn {
	if rank < 2 {
		return nil
	}
	order := []int{rank - 1, rank - 2}
	for a := range rank - 2 {
		order = append(order, a)
	}
	return format.Permute(order...)
}

func export(w io.Writer, m *format.Model) (*format.Report, error) {
	dict, r, err := stateDict(m)
	if err != nil {
		return nil, err
	}
	return r, Write(w, dict)
}

func check(path string, m *format.Model) (int, error) {
	dict, _, err := stateDict(m)
	if err != nil {
		return 0, err
	}
	var names []string
	var values []*tensor.Tensor
	for _, d := range dict {
		names, values = append(names, d.Name), append(values, d.Tensor)
	}
	return format.SameTensors(path, names, values)
}
