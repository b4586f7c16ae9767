package torch

import (
	"fmt"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// PyTorch's recurrent modules have a matrix for the input and one for the state, each
// (gates·units, n), and a bias for each. The gates of an LSTM stand as ours do: input,
// forget, cell, output; those of a GRU are reset, update, new, where ours are update, reset,
// new. An LSTM with proj_size has a matrix weight_hr (proj_size, units). A layer that goes the other way has _reverse behind its names.

// recurrentKinds are our layers by how many gates they have.
var recurrentKinds = map[int]string{1: "simple_rnn", 3: "gru", 4: "lstm"}

// gatesOf is how many gates a matrix of the state has, 0 where it is none.
func gatesOf(hidden tensor.Shape) int {
	if len(hidden) != 2 || hidden[1] < 1 || hidden[0]%hidden[1] != 0 {
		return 0
	}
	if g := hidden[0] / hidden[1]; recurrentKinds[g] != "" {
		return g
	}
	return 0
}

// exchanged is the Turn that exchanges the first two of three gates on the last axis.
func exchanged(gates int) format.Turn {
	if gates != 3 {
		return nil
	}
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		t := from[0]
		s := t.Shape()
		width := s[len(s)-1]
		out, err := tensor.TryNew(t.DType(), s...)
		if err != nil {
			return nil, err
		}
		size := t.DType().Size() * width / 3
		for row := 0; row < len(t.Bytes()); row += 3 * size {
			src, dst := t.Bytes()[row:], out.Bytes()[row:]
			copy(dst[:size], src[size:])
			copy(dst[size:2*size], src)
			copy(dst[2*size:3*size], src[2*size:3*size])
		}
		return out, nil
	}
}

// bothBiases makes the bias of a layer of the two that PyTorch has: their sum, but for a
// GRU, which keeps both.
func bothBiases(gates int) format.Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		n := from[0].Len()
		if len(from) != 2 || from[1].Len() != n {
			return nil, fmt.Errorf("biases of %d and of other numbers", n)
		}
		if gates != 3 {
			out, err := tensor.TryNew(tensor.Float64, n)
			if err != nil {
				return nil, err
			}
			for i := range n {
				out.SetFlat(i, from[0].Flat(i)+from[1].Flat(i))
			}
			return out, nil
		}
		out, err := tensor.TryNew(from[0].DType(), 2, n)
		if err != nil {
			return nil, err
		}
		copy(out.Bytes()[copy(out.Bytes(), from[0].Bytes()):], from[1].Bytes())
		return exchanged(gates)([]*tensor.Tensor{out})
	}
}

// joined are the weights of recurrent layers as ours have them.
func joined(ts []format.Tensor) []format.Joined {
	at := map[string]format.Tensor{}
	for _, t := range ts {
		at[t.Name] = t
	}
	var out []format.Joined
	for _, t := range ts {
		i := strings.LastIndex(t.Name, ".") + 1
		module, suffix, ok := t.Name[:i], "", false
		if suffix, ok = strings.CutPrefix(t.Name[i:], "weight_ih_"); !ok {
			continue
		}
		hidden := at[module+"weight_hh_"+suffix]
		gates := gatesOf(hidden.Shape)
		projection, projected := at[module+"weight_hr_"+suffix]
		if projected {
			if gates = 4; len(hidden.Shape) != 2 || len(projection.Shape) != 2 || projection.Shape[0] != hidden.Shape[1] || hidden.Shape[0] != 4*projection.Shape[1] {
				continue
			}
		}
		if gates == 0 || len(t.Shape) != 2 || t.Shape[0] != hidden.Shape[0] {
			continue
		}
		layer := strings.TrimSuffix(module, ".")
		number, back := strings.CutSuffix(suffix, "_reverse")
		if number != "l0" {
			layer += "_" + number
		}
		if _, both := at[module+"weight_ih_"+number+"_reverse"]; both {
			way := map[bool]string{false: "forward", true: "backward"}[back]
			layer += "." + way + "_" + recurrentKinds[gates]
		}
		add := func(leaf string, shape tensor.Shape, turn format.Turn, from ...format.Tensor) {
			j := format.Joined{Tensor: from[0], Make: turn}
			j.Name, j.Shape = layer+"."+leaf, shape
			for _, x := range from {
				j.From = append(j.From, x.Name)
			}
			out = append(out, j)
		}
		turned := func(s tensor.Shape) tensor.Shape { return tensor.Shape{s[1], s[0]} }
		matrix := format.Turn(format.Transpose).Then(exchanged(gates))
		add("kernel", turned(t.Shape), matrix, t)
		add("recurrent_kernel", turned(hidden.Shape), matrix, hidden)
		if projected {
			add("projection", turned(projection.Shape), format.Transpose, projection)
		}
		a, okA := at[module+"bias_ih_"+suffix]
		b, okB := at[module+"bias_hh_"+suffix]
		if n := hidden.Shape[0]; okA && okB && a.Shape.Len() == n && b.Shape.Len() == n {
			shape := tensor.Shape{n}
			if gates == 3 {
				shape = tensor.Shape{2, n}
			}
			add("bias", shape, bothBiases(gates), a, b)
		}
	}
	return out
}

// recurrent is what PyTorch calls a parameter of a recurrent layer, and the tensors that
// it is there.
func recurrent(layers map[string]nn.Layer, layer, leaf string, t *tensor.Tensor, r *format.Report) ([]Named, error) {
	refuse := func(text string) error {
		return &format.Unsupported{What: fmt.Sprintf("layer %q", layer), Msg: text + ", which PyTorch's module does not do; .npz and .safetensors take it"}
	}
	var activation, gate act.Activation
	var back bool
	gates, clip := 1, 0.0
	switch l := layers[layer].(type) {
	case nn.LSTM:
		if activation, gate, back, gates = l.Act, l.RecurrentAct, l.Backwards, 4; l.CellClip > 0 {
			return nil, refuse("its state is cut at each step")
		} else if l.Peephole {
			return nil, refuse("its gates see the cell's state")
		} else if l.ProjectionClip > 0 {
			return nil, refuse("its projected output is cut")
		}
		clip = l.GateClip
	case nn.GRU:
		clip = l.GateClip
		if activation, gate, back, gates = l.Act, l.RecurrentAct, l.Backwards, 3; l.ResetBefore {
			return nil, refuse("its reset gate acts on the state and not on the product (reset_after: false)")
		}
	case nn.SimpleRNN:
		activation, back, clip = l.Act, l.Backwards, l.GateClip
	default:
		return nil, refuse("it is of a kind of its own")
	}
	switch activation.(type) {
	case nil, act.Tanh:
	case act.ReLU:
		if gates != 1 {
			return nil, refuse("its activation is no tanh")
		}
	default:
		return nil, refuse("its activation is no tanh")
	}
	switch gate.(type) {
	case nil, act.Sigmoid:
	default:
		return nil, refuse("the activation of its gates is no sigmoid")
	}
	if clip > 0 {
		return nil, refuse("what goes into its gates is cut")
	}
	if leaf == "initial_state" {
		return nil, refuse("it has learned the state that it begins with")
	}
	module, suffix := layer, "l0"
	if i := strings.LastIndex(layer, "/"); i >= 0 {
		if _, ok := layers[layer[:i]].(nn.Bidirectional); ok {
			if module = layer[:i]; strings.HasPrefix(layer[i+1:], "backward_") {
				suffix = "l0_reverse"
			}
			back = false
		}
	}
	if back && leaf == "kernel" {
		r.Warnings = append(r.Warnings, fmt.Sprintf("layer %q begins at the last step; in PyTorch put x.flip(1) before it", layer))
	}
	name := func(of string) string { return strings.ReplaceAll(module, "/", ".") + "." + of + "_" + suffix }
	do := func(turn format.Turn) (*tensor.Tensor, error) {
		if turn == nil {
			return t, nil
		}
		return turn([]*tensor.Tensor{t})
	}
	if leaf != "bias" {
		x, err := do(exchanged(gates).Then(format.Transpose))
		return []Named{{name(map[string]string{"kernel": "weight_ih", "recurrent_kernel": "weight_hh", "projection": "weight_hr"}[leaf]), x}}, err
	}
	x, err := do(exchanged(gates))
	if err != nil {
		return nil, err
	}
	if gates != 3 {
		return []Named{{name("bias_ih"), x}, {name("bias_hh"), tensor.New(x.DType(), x.Len())}}, nil
	}
	rows := make([]*tensor.Tensor, 2)
	for i := range rows {
		if rows[i], err = x.Rows(i, i+1).Clone().Reshape(x.Len() / 2); err != nil {
			return nil, err
		}
	}
	return []Named{{name("bias_ih"), rows[0]}, {name("bias_hh"), rows[1]}}, nil
}
