package keras

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// turn is how a weight of a part becomes the parameter of that name and shape; nil
// where it is that already, but for axes of length 1.
func (n *net) turn(p part, leaf string, have, want tensor.Shape) format.Turn {
	switch {
	case strings.HasPrefix(p.kind, "conv") && leaf == "kernel",
		strings.HasPrefix(p.kind, "separable") && (leaf == "depthwise_kernel" || leaf == "pointwise_kernel"):
		var t format.Turn
		if n.v1 {
			t = kernel1(p, have, want)
		}
		if n.theano && leaf == "kernel" {
			t = t.Then(flip(len(want) - 2))
		}
		return t
	case p.flat != "" && (leaf == "kernel" || p.kind == "batch_normalization"):
		if s := n.shapes[p.flat]; len(s) > 1 { // (…, C) here, (C, …) in Keras
			c := len(s) - 1
			return lastly(append(tensor.Shape{s[c]}, s[:c]...), want)
		}
	case p.turned > 0 && leaf == "alpha":
		return format.Permute(indices(forth(p.turned))...)
	case p.cudnn > 0:
		return cudnn(p.cudnn, leaf, want)
	case p.kind == "standardize":
		if !have.Equal(want) {
			return spread(want)
		}
	}
	return nil
}

func indices(dims []int) []int {
	out := slices.Clone(dims)
	for i := range out {
		out[i]--
	}
	return out
}

// kernel1 is the Turn of a kernel as Keras 1 has it.
func kernel1(p part, have, want tensor.Shape) format.Turn {
	switch {
	case p.kind == "conv1d" && len(have) == 4 && len(want) == 3:
		if have[1] == 1 && have[0] == want[0] && have[3] == want[2] {
			return format.Reshape(want...)
		}
		return format.Turn(format.Permute(2, 3, 1, 0)).Then(format.Reshape(want...)) // of Keras 1.0
	case p.kind == "conv2d_transpose" && len(have) == 4:
		if p.first {
			return format.Permute(2, 3, 0, 1)
		}
		return format.Permute(0, 1, 3, 2)
	case p.first && len(have) == 4:
		return format.Permute(2, 3, 1, 0)
	case p.first && len(have) == 5:
		return format.Permute(2, 3, 4, 1, 0)
	}
	return nil
}

// flip turns a kernel around along its first axes: Theano convolves, where others
// correlate.
func flip(axes int) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0]
		s := t.Shape()
		if axes < 0 || axes > len(s) {
			return nil, fmt.Errorf("a kernel of shape %v has no %d axes of places", s, axes)
		}
		out, err := tensor.TryNew(t.DType(), s...)
		if err != nil {
			return nil, err
		}
		// All axes turned around are all places in reverse.
		places := s[:axes].Len()
		src, dst := t.Bytes(), out.Bytes()
		if places == 0 {
			return out, nil
		}
		size := len(src) / places
		for i := range places {
			copy(dst[i*size:(i+1)*size], src[(places-1-i)*size:])
		}
		return out, nil
	}
}

// lastly is the Turn of a weight whose first axis counts the numbers of samples with
// channels first into that for samples that have them last.
func lastly(sample, want tensor.Shape) format.Turn {
	order := append(indices(forth(len(sample))), len(sample))
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		n := sample.Len()
		t := from[0]
		if n == 0 || t.Len()%n != 0 {
			return nil, fmt.Errorf("a weight of shape %v is for no sample of shape %v", t.Shape(), sample)
		}
		t, err := t.Reshape(append(sample.Clone(), t.Len()/n)...)
		if err != nil {
			return nil, err
		}
		if t, err = format.Permute(order...)([]*tensor.Tensor{t}); err != nil {
			return nil, err
		}
		return t.Reshape(want...)
	}
}

// cudnn is the Turn of a weight as cuDNN has it: the matrix of each gate with its
// outputs first, and two biases.
func cudnn(gates int, leaf string, want tensor.Shape) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0]
		if leaf == "bias" {
			if len(want) == 2 { // of the input, and of the state
				return t.Reshape(want...)
			}
			n := want.Len()
			if t.Len() != 2*n {
				return nil, fmt.Errorf("biases of shape %v, want two of %d", t.Shape(), n)
			}
			out, err := tensor.TryNew(t.DType(), n)
			if err != nil {
				return nil, err
			}
			for i := range n {
				out.SetFlat(i, t.Flat(i)+t.Flat(n+i))
			}
			return out, nil
		}
		if len(want) != 2 || !want.Equal(t.Shape()) || want[1]%gates != 0 {
			return nil, fmt.Errorf("a weight of shape %v for %d gates, want %v", t.Shape(), gates, want)
		}
		out, err := tensor.TryNew(t.DType(), want...)
		if err != nil {
			return nil, err
		}
		rows, units := want[0], want[1]/gates
		for g := range gates {
			for i := range rows {
				for j := range units {
					// Of the numbers of a gate, row by row, each run of rows is a column.
					k := i + j*rows
					out.SetFlat(i*want[1]+g*units+j, t.Flat(k/units*want[1]+g*units+k%units))
				}
			}
		}
		return out, nil
	}
}

// spread is the Turn of statistics, one or one a channel, into the shape wanted.
func spread(want tensor.Shape) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0]
		n := t.Len()
		if want.Equal(t.Shape()) {
			return t, nil
		}
		if n == 0 || want.Len()%n != 0 || n != 1 && !slices.Equal(without1(t.Shape()), without1(want)) {
			return nil, fmt.Errorf("statistics of shape %v are none for %v", t.Shape(), want)
		}
		out, err := tensor.TryNew(t.DType(), want...)
		if err != nil {
			return nil, err
		}
		for i := range out.Len() {
			out.SetFlat(i, t.Flat(i%n))
		}
		return out, nil
	}
}

// join is the Turn of tensors into one, side by side along the last axis.
func join(from []*tensor.Tensor) (*tensor.Tensor, error) {
	first := from[0].Shape()
	if len(first) == 0 {
		return nil, fmt.Errorf("gates have no axis to be joined along")
	}
	rows, width := first[:len(first)-1], 0
	for _, t := range from {
		s := t.Shape()
		if len(s) != len(first) || !rows.Equal(s[:len(s)-1]) || t.DType() != from[0].DType() {
			return nil, fmt.Errorf("gates have the shapes %v and %v", first, s)
		}
		width += s[len(s)-1]
	}
	out, err := tensor.TryNew(from[0].DType(), append(rows.Clone(), width)...)
	if err != nil {
		return nil, err
	}
	dst := out.Bytes()
	for r := range rows.Len() {
		for _, t := range from {
			size := len(t.Bytes()) / rows.Len()
			dst = dst[copy(dst, t.Bytes()[r*size:(r+1)*size]):]
		}
	}
	return out, nil
}

// gates puts together what Keras 1 keeps apart: a kernel, a recurrent kernel and a bias
// for each gate. name takes a weight's name apart; join makes one weight of three or four.
func gates[T any](have []T, name func(T) string, made func(base, leaf string, of []T) T) []T {
	type key struct{ base, leaf, gate string }
	parse := func(w T) (key, bool) {
		s := strings.TrimSuffix(strings.TrimSuffix(name(w), ":0"), "_1")
		if len(s) < 4 {
			return key{}, false
		}
		k := key{s[:len(s)-3], s[len(s)-3 : len(s)-2], s[len(s)-1:]}
		if s[len(s)-2] != '_' || !strings.Contains("WUb", k.leaf) || !strings.Contains("ifcozrh", k.gate) {
			return key{}, false
		}
		k.base = strings.TrimSuffix(k.base, "_")
		return k, true
	}
	at := map[key]T{}
	for _, w := range have {
		if k, ok := parse(w); ok {
			at[k] = w
		}
	}
	var out []T
	for _, w := range have {
		k, ok := parse(w)
		if !ok {
			out = append(out, w)
			continue
		}
		order := "zrh"
		if strings.Contains("ifco", k.gate) {
			order = "ifco"
		}
		if k.gate != order[:1] {
			continue // goes with the first gate
		}
		var of []T
		for _, g := range order {
			if x, ok := at[key{k.base, k.leaf, string(g)}]; ok {
				of = append(of, x)
			}
		}
		if len(of) < len(order) {
			return have // something else is called so
		}
		out = append(out, made(k.base, map[string]string{"W": "kernel", "U": "recurrent_kernel", "b": "bias"}[k.leaf], of))
	}
	return out
}
