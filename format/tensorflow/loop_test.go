package tensorflow

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

const (
	loopSteps, loopIn, loopUnits = 4, 2, 3
)

// A rnnCell is a cell as TensorFlow writes it, with the same by hand.
type rnnCell struct {
	name, kind string
	states     int
	weights    map[string][]int
	// body makes nodes with add, of the step's input, the states, and what names give of
	// weights; it gives the next states, the output first.
	body func(add func(name, op string, in []string, attrs ...[]byte) string, x string, state []string) []string
	// step is a step by hand.
	step func(w map[string][]float64, x []float64, state [][]float64) [][]float64
}

func sigmoid(v float64) float64 { return 1 / (1 + math.Exp(-v)) }

// times is v·w + b for a matrix w of so many columns.
func times(v, w []float64, columns int, b []float64) []float64 {
	out := make([]float64, columns)
	for j := range out {
		if b != nil {
			out[j] = b[j]
		}
		for i := range v {
			out[j] += v[i] * w[i*columns+j]
		}
	}
	return out
}

const u = loopUnits

var rnnCells = []rnnCell{
	{"BasicRNNCell", "simple_rnn", 1, map[string][]int{"kernel": {loopIn + u, u}, "bias": {u}},
		func(add func(name, op string, in []string, attrs ...[]byte) string, x string, s []string) []string {
			z := add("BiasAdd", "BiasAdd", []string{add("MatMul", "MatMul", []string{add("concat", "ConcatV2", []string{x, s[0], "axis"}), "kernel"}), "bias"})
			return []string{add("Tanh", "Tanh", []string{z})}
		},
		func(w map[string][]float64, x []float64, s [][]float64) [][]float64 {
			z := times(slices.Concat(x, s[0]), w["kernel"], u, w["bias"])
			for i := range z {
				z[i] = math.Tanh(z[i])
			}
			return [][]float64{z}
		}},
	{"BasicLSTMCell", "lstm", 2, map[string][]int{"kernel": {loopIn + u, 4 * u}, "bias": {4 * u}},
		func(add func(name, op string, in []string, attrs ...[]byte) string, x string, s []string) []string {
			z := add("BiasAdd", "BiasAdd", []string{add("MatMul", "MatMul", []string{add("concat", "ConcatV2", []string{x, s[0], "axis"}), "kernel"}), "bias"})
			split := add("split", "Split", []string{"axis", z}, attr("num_split", number(3, 4)))
			f := add("Sigmoid", "Sigmoid", []string{add("Add", "Add", []string{split + ":2", "forget"})})
			kept := add("Mul", "Mul", []string{s[1], f})
			fresh := add("Mul_1", "Mul", []string{add("Sigmoid_1", "Sigmoid", []string{split}), add("Tanh", "Tanh", []string{split + ":1"})})
			c := add("Add_1", "Add", []string{kept, fresh})
			h := add("Mul_2", "Mul", []string{add("Tanh_1", "Tanh", []string{c}), add("Sigmoid_2", "Sigmoid", []string{split + ":3"})})
			return []string{h, c}
		},
		func(w map[string][]float64, x []float64, s [][]float64) [][]float64 {
			z := times(slices.Concat(x, s[0]), w["kernel"], 4*u, w["bias"])
			h, c := make([]float64, u), make([]float64, u)
			for i := range u {
				c[i] = s[1][i]*sigmoid(z[2*u+i]+1) + sigmoid(z[i])*math.Tanh(z[u+i])
				h[i] = math.Tanh(c[i]) * sigmoid(z[3*u+i])
			}
			return [][]float64{h, c}
		}},
	{"LSTMCell with peepholes, cut", `"lstm":{"units":3,"activation":"softsign"`, 2, map[string][]int{"kernel": {loopIn + u, 4 * u}, "bias": {4 * u}, "w_i_diag": {u}, "w_f_diag": {u}, "w_o_diagonal": {u}},
		func(add func(name, op string, in []string, attrs ...[]byte) string, x string, s []string) []string {
			z := add("BiasAdd", "BiasAdd", []string{add("MatMul", "MatMul", []string{add("concat", "ConcatV2", []string{x, s[0], "axis"}), "kernel"}), "bias"})
			split := add("split", "Split", []string{"axis", z}, attr("num_split", number(3, 4)))
			f := add("Sigmoid", "Sigmoid", []string{add("add_1", "Add", []string{add("add", "Add", []string{split + ":2", "forget"}), add("mul", "Mul", []string{"w_f_diag", s[1]})})})
			kept := add("mul_1", "Mul", []string{f, s[1]})
			i := add("Sigmoid_1", "Sigmoid", []string{add("add_2", "Add", []string{split, add("mul_2", "Mul", []string{"w_i_diag", s[1]})})})
			fresh := add("mul_3", "Mul", []string{i, add("act", "Softsign", []string{split + ":1"})})
			sum := add("add_3", "Add", []string{kept, fresh})
			c := add("clip", "Maximum", []string{add("clip/Minimum", "Minimum", []string{sum, "most"}), "least"})
			o := add("Sigmoid_2", "Sigmoid", []string{add("add_4", "Add", []string{split + ":3", add("mul_4", "Mul", []string{"w_o_diagonal", c})})})
			return []string{add("mul_5", "Mul", []string{o, add("act_1", "Softsign", []string{c})}), c}
		},
		func(w map[string][]float64, x []float64, s [][]float64) [][]float64 {
			z := times(slices.Concat(x, s[0]), w["kernel"], 4*u, w["bias"])
			soft := func(v float64) float64 { return v / (1 + math.Abs(v)) }
			h, c := make([]float64, u), make([]float64, u)
			for i := range u {
				c[i] = s[1][i]*sigmoid(z[2*u+i]+1+w["w_f_diag"][i]*s[1][i]) + sigmoid(z[i]+w["w_i_diag"][i]*s[1][i])*soft(z[u+i])
				c[i] = min(max(c[i], -0.125), 0.125)
				h[i] = soft(c[i]) * sigmoid(z[3*u+i]+w["w_o_diagonal"][i]*c[i])
			}
			return [][]float64{h, c}
		}},
	{"LSTMCell, projected", `"proj_size":3,"proj_clip":0.125`, 2, map[string][]int{"kernel": {loopIn + u, 4 * u}, "bias": {4 * u}, "projection": {u, u}},
		func(add func(name, op string, in []string, attrs ...[]byte) string, x string, s []string) []string {
			z := add("BiasAdd", "BiasAdd", []string{add("MatMul", "MatMul", []string{add("concat", "ConcatV2", []string{x, s[0], "axis"}), "kernel"}), "bias"})
			split := add("split", "Split", []string{"axis", z}, attr("num_split", number(3, 4)))
			kept := add("mul", "Mul", []string{add("Sigmoid", "Sigmoid", []string{add("add", "Add", []string{split + ":2", "forget"})}), s[1]})
			c := add("add_1", "Add", []string{kept, add("mul_1", "Mul", []string{add("Sigmoid_1", "Sigmoid", []string{split}), add("Tanh", "Tanh", []string{split + ":1"})})})
			m := add("mul_2", "Mul", []string{add("Sigmoid_2", "Sigmoid", []string{split + ":3"}), add("Tanh_1", "Tanh", []string{c})})
			h := add("projection/MatMul", "MatMul", []string{m, "projection"})
			return []string{add("clip", "Maximum", []string{add("clip/Minimum", "Minimum", []string{h, "most"}), "least"}), c}
		},
		func(w map[string][]float64, x []float64, s [][]float64) [][]float64 {
			z := times(slices.Concat(x, s[0]), w["kernel"], 4*u, w["bias"])
			m, c := make([]float64, u), make([]float64, u)
			for i := range u {
				c[i] = s[1][i]*sigmoid(z[2*u+i]+1) + sigmoid(z[i])*math.Tanh(z[u+i])
				m[i] = math.Tanh(c[i]) * sigmoid(z[3*u+i])
			}
			h := times(m, w["projection"], u, nil)
			for i := range h {
				h[i] = min(max(h[i], -0.125), 0.125)
			}
			return [][]float64{h, c}
		}},
	{"MultiRNNCell", "simple_rnn", 2, map[string][]int{"kernel": {loopIn + u, u}, "bias": {u}, "kernel_above": {2 * u, u}, "bias_above": {u}},
		func(add func(name, op string, in []string, attrs ...[]byte) string, x string, s []string) []string {
			z := add("BiasAdd", "BiasAdd", []string{add("MatMul", "MatMul", []string{add("concat", "ConcatV2", []string{x, s[1], "axis"}), "kernel"}), "bias"})
			below := add("Tanh", "Tanh", []string{z})
			z = add("BiasAdd_1", "BiasAdd", []string{add("MatMul_1", "MatMul", []string{add("concat_1", "ConcatV2", []string{below, s[0], "axis"}), "kernel_above"}), "bias_above"})
			return []string{add("Relu", "Relu", []string{z}), below}
		},
		func(w map[string][]float64, x []float64, s [][]float64) [][]float64 {
			below := times(slices.Concat(x, s[1]), w["kernel"], u, w["bias"])
			for i := range below {
				below[i] = math.Tanh(below[i])
			}
			above := times(slices.Concat(below, s[0]), w["kernel_above"], u, w["bias_above"])
			for i := range above {
				above[i] = max(above[i], 0)
			}
			return [][]float64{above, below}
		}},
	{"GRUCell", "gru", 1, map[string][]int{"gates": {loopIn + u, 2 * u}, "gates_bias": {2 * u}, "candidate": {loopIn + u, u}, "candidate_bias": {u}},
		func(add func(name, op string, in []string, attrs ...[]byte) string, x string, s []string) []string {
			z := add("BiasAdd", "BiasAdd", []string{add("MatMul", "MatMul", []string{add("concat", "ConcatV2", []string{x, s[0], "axis"}), "gates"}), "gates_bias"})
			split := add("split", "Split", []string{"axis", add("Sigmoid", "Sigmoid", []string{z})}, attr("num_split", number(3, 2)))
			reset := add("mul", "Mul", []string{split, s[0]})
			c := add("BiasAdd_1", "BiasAdd", []string{add("MatMul_1", "MatMul", []string{add("concat_1", "ConcatV2", []string{x, reset, "axis"}), "candidate"}), "candidate_bias"})
			rest := add("sub", "Sub", []string{"one", split + ":1"})
			return []string{add("add", "Add", []string{add("mul_1", "Mul", []string{split + ":1", s[0]}), add("mul_2", "Mul", []string{rest, add("Tanh", "Tanh", []string{c})})})}
		},
		func(w map[string][]float64, x []float64, s [][]float64) [][]float64 {
			g := times(slices.Concat(x, s[0]), w["gates"], 2*u, w["gates_bias"])
			r := make([]float64, u)
			for i := range r {
				r[i] = sigmoid(g[i]) * s[0][i]
			}
			c := times(slices.Concat(x, r), w["candidate"], u, w["candidate_bias"])
			h := make([]float64, u)
			for i := range h {
				z := sigmoid(g[u+i])
				h[i] = z*s[0][i] + (1-z)*math.Tanh(c[i])
			}
			return [][]float64{h}
		}},
	{"Keras' LSTM", "lstm", 2, map[string][]int{"kernel": {loopIn, 4 * u}, "recurrent": {u, 4 * u}, "bias": {4 * u}},
		func(add func(name, op string, in []string, attrs ...[]byte) string, x string, s []string) []string {
			sum := add("add", "AddV2", []string{add("MatMul", "MatMul", []string{x, "kernel"}), add("MatMul_1", "MatMul", []string{s[0], "recurrent"})})
			split := add("split", "Split", []string{"axis", add("BiasAdd", "BiasAdd", []string{sum, "bias"})}, attr("num_split", number(3, 4)))
			kept := add("mul", "Mul", []string{add("Sigmoid_1", "Sigmoid", []string{split + ":1"}), s[1]})
			fresh := add("mul_1", "Mul", []string{add("Sigmoid", "Sigmoid", []string{split}), add("Tanh", "Tanh", []string{split + ":2"})})
			c := add("add_1", "AddV2", []string{kept, fresh})
			return []string{add("mul_2", "Mul", []string{add("Sigmoid_2", "Sigmoid", []string{split + ":3"}), add("Tanh_1", "Tanh", []string{c})}), c}
		},
		func(w map[string][]float64, x []float64, s [][]float64) [][]float64 {
			z := times(x, w["kernel"], 4*u, w["bias"])
			for i, v := range times(s[0], w["recurrent"], 4*u, nil) {
				z[i] += v
			}
			h, c := make([]float64, u), make([]float64, u)
			for i := range u {
				c[i] = s[1][i]*sigmoid(z[u+i]) + sigmoid(z[i])*math.Tanh(z[2*u+i])
				h[i] = math.Tanh(c[i]) * sigmoid(z[3*u+i])
			}
			return [][]float64{h, c}
		}},
	{"Keras' GRU", "gru", 1, map[string][]int{"kernel": {loopIn, 3 * u}, "recurrent": {u, 3 * u}, "bias": {2, 3 * u}},
		func(add func(name, op string, in []string, attrs ...[]byte) string, x string, s []string) []string {
			rows := add("unstack", "Unpack", []string{"bias"}, attr("num", number(3, 2)), attr("axis", number(3, 0)))
			three := attr("num_split", number(3, 3))
			xs := add("split", "Split", []string{"axis", add("BiasAdd", "BiasAdd", []string{add("MatMul", "MatMul", []string{x, "kernel"}), rows})}, three)
			hs := add("split_1", "Split", []string{"axis", add("BiasAdd_1", "BiasAdd", []string{add("MatMul_1", "MatMul", []string{s[0], "recurrent"}), rows + ":1"})}, three)
			z := add("Sigmoid", "Sigmoid", []string{add("add", "AddV2", []string{xs, hs})})
			r := add("Sigmoid_1", "Sigmoid", []string{add("add_1", "AddV2", []string{xs + ":1", hs + ":1"})})
			c := add("Tanh", "Tanh", []string{add("add_2", "AddV2", []string{xs + ":2", add("mul", "Mul", []string{r, hs + ":2"})})})
			rest := add("sub", "Sub", []string{"one", z})
			return []string{add("add_3", "AddV2", []string{add("mul_1", "Mul", []string{z, s[0]}), add("mul_2", "Mul", []string{rest, c})})}
		},
		func(w map[string][]float64, x []float64, s [][]float64) [][]float64 {
			a, b := times(x, w["kernel"], 3*u, w["bias"][:3*u]), times(s[0], w["recurrent"], 3*u, w["bias"][3*u:])
			h := make([]float64, u)
			for i := range h {
				z, r := sigmoid(a[i]+b[i]), sigmoid(a[u+i]+b[u+i])
				h[i] = z*s[0][i] + (1-z)*math.Tanh(a[2*u+i]+r*b[2*u+i])
			}
			return [][]float64{h}
		}},
	{"Keras' SimpleRNN", "simple_rnn", 1, map[string][]int{"kernel": {loopIn, u}, "recurrent": {u, u}, "bias": {u}},
		func(add func(name, op string, in []string, attrs ...[]byte) string, x string, s []string) []string {
			a := add("BiasAdd", "BiasAdd", []string{add("MatMul", "MatMul", []string{x, "kernel"}), "bias"})
			return []string{add("Relu", "Relu", []string{add("add", "AddV2", []string{a, add("MatMul_1", "MatMul", []string{s[0], "recurrent"})})})}
		},
		func(w map[string][]float64, x []float64, s [][]float64) [][]float64 {
			z := times(x, w["kernel"], u, w["bias"])
			for i, v := range times(s[0], w["recurrent"], u, nil) {
				z[i] = max(z[i]+v, 0)
			}
			return [][]float64{z}
		}},
}

// outside are the nodes before a loop: the input, its steps, weights, and states.
func outside(c rnnCell, backwards bool) (nodes [][]byte, values map[string][]float64, steps string) {
	values = map[string][]float64{}
	nodes = append(nodes, placeholder("x", -1, loopSteps, loopIn), whole("ten", 1, 0), whole("range", 2), scalarInt("axis", 1), scalarInt("first", 0), scalarInt("step", 1), scalarInt("size", loopSteps), scalar("forget", 1), scalar("one", 1), scalar("most", 0.125), scalar("least", -0.125),
		scalar("zero", 0), whole("shape", 1, loopUnits), op("perm", "ConcatV2", []string{"ten", "range", "first"}), op("turned", "Transpose", []string{"x", "perm"}),
		op("zeros", "Fill", []string{"shape", "zero"}), whole("indices", 0, 1, 2, 3), whole("back", 0))
	for name, dims := range c.weights {
		w := formattest.Rows(1, -0.4+float64(len(name))/40, dims...)
		var v []float64
		for i := range w.Len() {
			v = append(v, w.Flat(i))
		}
		values[name] = v
		nodes = append(nodes, weights(name, dims, w.Float32s()...))
	}
	steps = "turned"
	if backwards {
		nodes = append(nodes, op("reversed", "ReverseV2", []string{"turned", "back"}))
		steps = "reversed"
	}
	return nodes, values, steps
}

func scalarInt(name string, v int) []byte {
	return op(name, "Const", nil, attr("value", field(8, number(1, 3), field(2), field(7, number64(v)))))
}

// number64 is a packed number.
func number64(v int) []byte { return number(1, v)[1:] }

// dynamicRNN is tf.nn.dynamic_rnn of TensorFlow 1. Its results are last, the last output,
// and all, all of them.
func dynamicRNN(c rnnCell, backwards bool) ([][]byte, map[string][]float64) {
	return dynamicRNNOf(c, backwards, false)
}

// dynamicRNNOf is dynamicRNN, or with lengths of the sequences, an input: then what goes
// backwards is turned around by these, as bidirectional_dynamic_rnn does it, and so is around.
func dynamicRNNOf(c rnnCell, backwards, ends bool) ([][]byte, map[string][]float64) {
	nodes, values, steps := outside(c, backwards && !ends)
	add := func(name, kind string, in []string, attrs ...[]byte) string {
		nodes = append(nodes, op(name, kind, in, attrs...))
		return name
	}
	seq := []([]byte){attr("seq_dim", number(3, 1)), attr("batch_dim", number(3, 0))}
	if ends {
		nodes = append(nodes, op("lengths", "Placeholder", nil, attr("dtype", number(6, 3)), attr("shape", field(7, field(2, number(1, -1))))))
		if steps = "turned"; backwards {
			nodes = append(nodes, op("rounded", "ReverseSequence", []string{"x", "lengths"}, seq...), op("turned_around", "Transpose", []string{"rounded", "perm"}))
			steps = "turned_around"
		}
	}
	frame := attr("frame_name", text(2, "rnn/while/while_context"))
	enter := func(name, of string) string { return add(name, "Enter", []string{of}, frame) }
	add("ta", "TensorArrayV3", []string{"size"})
	add("ta_1", "TensorArrayV3", []string{"size"})
	add("unstack", "TensorArrayScatterV3", []string{"ta_1", "indices", steps, "ta_1:1"})
	vars := []string{"first", "first", "ta:1"}
	for range c.states {
		vars = append(vars, "zeros")
	}
	var holds []string
	for i, first := range vars {
		enter(fmt.Sprint("while/Enter_", i), first)
		add(fmt.Sprint("while/Merge_", i), "Merge", []string{fmt.Sprint("while/Enter_", i), fmt.Sprint("while/NextIteration_", i)})
		add(fmt.Sprint("while/Switch_", i), "Switch", []string{fmt.Sprint("while/Merge_", i), "while/LoopCond"})
		holds = append(holds, add(fmt.Sprint("while/Identity_", i), "Identity", []string{fmt.Sprintf("while/Switch_%d:1", i)}))
		add(fmt.Sprint("while/Exit_", i), "Exit", []string{fmt.Sprint("while/Switch_", i)})
	}
	add("while/LoopCond", "LoopCond", []string{add("while/Less", "Less", []string{"while/Merge_0", enter("while/Less/Enter", "size")})})
	x := add("while/read", "TensorArrayReadV3", []string{enter("while/read/Enter", "ta_1"), holds[1], enter("while/read/Enter_1", "unstack")})
	inner := func(name, kind string, in []string, attrs ...[]byte) string {
		name = "while/rnn/cell/" + name
		var list []string
		for i, r := range in {
			if _, ok := c.weights[r]; ok {
				r = enter(fmt.Sprint(name, "/Enter_", i), r)
			}
			list = append(list, r)
		}
		return add(name, kind, list, attrs...)
	}
	next := c.body(inner, x, holds[3:])
	shown := next[0]
	if ends {
		over := add("while/over", "GreaterEqual", []string{holds[1], enter("while/lengths", "lengths")})
		shown = add("while/shown", "Select", []string{over, enter("while/zeros", "zeros"), next[0]})
		for i := range next {
			next[i] = add(fmt.Sprint("while/kept", i), "Select", []string{over, holds[3+i], next[i]})
		}
	}
	out := add("while/write", "TensorArrayWriteV3", []string{enter("while/write/Enter", "ta"), holds[1], shown, holds[2]})
	for i, r := range append([]string{add("while/add", "Add", []string{holds[0], "step"}), add("while/add_1", "Add", []string{holds[1], "step"}), out}, next...) {
		add(fmt.Sprint("while/NextIteration_", i), "NextIteration", []string{r})
	}
	add("last", "Identity", []string{"while/Exit_3"})
	add("stack", "TensorArrayGatherV3", []string{"ta", "indices", "while/Exit_2"})
	add("all", "Transpose", []string{"stack", "perm"})
	nodes = append(nodes, whole("begin", -1), whole("end", 0), whole("stride", 1), op("cut", "StridedSlice", []string{"stack", "begin", "end", "stride"}, attr("shrink_axis_mask", number(3, 1))))
	if ends && backwards {
		nodes = append(nodes, op("around", "ReverseSequence", []string{"all", "lengths"}, seq...))
	}
	return nodes, values
}

// TestLoopLengths reads loops over sequences that have lengths of their own: behind the ends
// outputs are 0, and states those at the ends.
func TestLoopLengths(t *testing.T) {
	t.Parallel()
	lengths := []int{4, 1, 2, 3}
	for _, c := range rnnCells {
		for _, backwards := range []bool{false, true} {
			nodes, w := dynamicRNNOf(c, backwards, true)
			for _, output := range []string{"last", "all", "cut", "around"} {
				if backwards && (output == "all" || output == "cut") || !backwards && output == "around" {
					continue
				}
				name := fmt.Sprint(c.name, ", ", output, " ", backwards)
				m, _, err := loadWith(format.Options{Output: output}, nodes...)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				x, n := formattest.Rows(2, -1, len(lengths), loopSteps, loopIn), tensor.New(tensor.Int32, len(lengths), 1)
				for i, l := range lengths {
					n.SetFlat(i, float64(l))
				}
				given := []*tensor.Tensor{x, n}
				if m.Data.Inputs[0].Name != "x" {
					slices.Reverse(given)
				}
				ys, err := formattest.TryAll(m, given...)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				var want []float64
				for row, l := range lengths {
					state := make([][]float64, c.states)
					for i := range state {
						state[i] = make([]float64, loopUnits)
					}
					outs := make([][]float64, loopSteps)
					for s := range outs {
						outs[s] = make([]float64, loopUnits)
					}
					last := outs[loopSteps-1]
					for k := range l {
						s := k
						if backwards {
							s = l - 1 - k
						}
						state = c.step(w, []float64{x.At(row, s, 0), x.At(row, s, 1)}, state)
						if outs[s] = state[0]; k == loopSteps-1 {
							last = state[0]
						}
					}
					switch output {
					case "last":
						want = append(want, state[0]...)
					case "cut":
						want = append(want, last...)
					default:
						want = append(want, slices.Concat(outs...)...)
					}
				}
				if ys[0].Len() != len(want) {
					t.Errorf("%s: shape %v", name, ys[0].Shape())
					continue
				}
				for i, v := range want {
					if d := math.Abs(ys[0].Flat(i) - v); !(d < 1e-6) {
						t.Errorf("%s: number %d is %g, want %g\n%s", name, i, ys[0].Flat(i), v, layers(t, m))
						break
					}
				}
			}
		}
	}
	nodes, _ := dynamicRNNOf(rnnCells[0], true, true)
	for output, want := range map[string]string{"all": "ReverseSequence", "cut": "take the state"} {
		if _, _, err := loadWith(format.Options{Output: output}, nodes...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s from the ends: %v, want %q", output, err, want)
		}
	}
}

// TestProjection reads a cell whose output is narrower than its state.
func TestProjection(t *testing.T) {
	t.Parallel()
	const width = 2
	var c rnnCell
	for _, k := range rnnCells {
		if strings.Contains(k.name, "projected") {
			c = k
		}
	}
	c.weights = map[string][]int{"kernel": {loopIn + width, 4 * u}, "bias": {4 * u}, "projection": {u, width}}
	nodes, w := dynamicRNN(c, false)
	m, _, err := loadWith(format.Options{Output: "all"}, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	x := formattest.Rows(2, -1, 1, loopSteps, loopIn)
	got := formattest.Predict(t, m, x)
	if !got.Shape().Equal(tensor.Shape{1, loopSteps, width}) {
		t.Fatalf("shape %v", got.Shape())
	}
	h, cell := make([]float64, width), make([]float64, u)
	for s := range loopSteps {
		z := times(slices.Concat([]float64{x.At(0, s, 0), x.At(0, s, 1)}, h), w["kernel"], 4*u, w["bias"])
		wide := make([]float64, u)
		for i := range u {
			cell[i] = cell[i]*sigmoid(z[2*u+i]+1) + sigmoid(z[i])*math.Tanh(z[u+i])
			wide[i] = math.Tanh(cell[i]) * sigmoid(z[3*u+i])
		}
		h = times(wide, w["projection"], width, nil)
		for i := range h {
			h[i] = min(max(h[i], -0.125), 0.125)
			if d := math.Abs(got.At(0, s, i) - h[i]); !(d < 1e-6) {
				t.Errorf("step %d, number %d is %g, want %g", s, i, got.At(0, s, i), h[i])
			}
		}
	}
}

// functional is the loop of TensorFlow 2, as Keras has it. Its results are those of
// dynamicRNN.
func functional(c rnnCell, backwards bool) ([][]byte, map[string][]float64) {
	nodes, values, steps := outside(c, backwards)
	var inner [][]byte
	kinds := map[string]string{"MatMul": "product", "BiasAdd": "output", "Add": "z", "AddV2": "z", "Sub": "z", "Mul": "z", "Sigmoid": "y", "Tanh": "y", "Relu": "activations", "Softsign": "activations", "Minimum": "z", "Maximum": "z", "ConcatV2": "output", "Split": "output", "Unpack": "output",
		"TensorListGetItem": "item", "TensorListSetItem": "output_handle", "Const": "output", "Identity": "output"}
	outs := map[string]string{}
	inBody := func(r string) string {
		name, out, _ := strings.Cut(r, ":")
		if kind, ok := outs[name]; ok {
			if out == "" {
				out = "0"
			}
			return name + ":" + kind + ":" + out
		}
		return r // an argument
	}
	add := func(name, kind string, in []string, attrs ...[]byte) string {
		var list []string
		for _, r := range in {
			list = append(list, inBody(r))
		}
		outs[name] = kinds[kind]
		inner = append(inner, body(name, kind, list, attrs...))
		return name
	}
	args := []string{"counter", "time", "list"}
	given := []string{"first", "first", "reserved"}
	var state []string
	for i := range c.states {
		args, given = append(args, fmt.Sprint("state_", i)), append(given, "zeros")
		state = append(state, fmt.Sprint("state_", i))
	}
	args, given = append(args, "items"), append(given, "unstacked")
	var names []string
	for name := range c.weights {
		names = append(names, name)
	}
	slices.Sort(names)
	args, given = append(args, names...), append(given, names...)
	for _, k := range []struct {
		name string
		node []byte
	}{{"axis", scalarInt("axis", 1)}, {"step", scalarInt("step", 1)}, {"one", scalar("one", 1)}, {"forget", scalar("forget", 1)}, {"most", scalar("most", 0.125)}, {"least", scalar("least", -0.125)}} {
		outs[k.name] = "output"
		_, n, _ := cutField(k.node)
		inner = append(inner, n)
	}
	x := add("item", "TensorListGetItem", []string{"items", "time"})
	next := c.body(add, x, state)
	list := add("set", "TensorListSetItem", []string{"list", "time", next[0]})
	results := append([]string{add("count", "AddV2", []string{"counter", "step"}), add("tick", "AddV2", []string{"time", "step"}), list}, next...)
	results = append(append(results, "items"), names...)
	var b []byte
	var sig []byte
	sig = append(sig, text(1, "while_body")...)
	for _, a := range args {
		sig = append(sig, field(2, text(1, a))...)
	}
	for i := range results {
		sig = append(sig, field(3, text(1, fmt.Sprint("result_", i)))...)
	}
	b = append(b, field(1, sig)...)
	for _, n := range inner {
		b = append(b, field(3, n)...)
	}
	for i, r := range results {
		b = append(b, field(4, text(1, fmt.Sprint("result_", i)), text(2, inBody(r)))...)
	}
	nodes = append(nodes, field(2, field(1, b)), op("unstacked", "TensorListFromTensor", []string{steps, "shape"}), op("reserved", "TensorListReserve", []string{"shape", "size"}),
		op("while", "StatelessWhile", given, attr("body", field(10, text(1, "while_body")))),
		op("last", "Identity", []string{"while:3"}), op("stacked", "TensorListStack", []string{"while:2", "shape"}), op("all", "Transpose", []string{"stacked", "perm"}),
		whole("begin", -1), whole("end", 0), whole("stride", 1), op("cut", "StridedSlice", []string{"stacked", "begin", "end", "stride"}, attr("shrink_axis_mask", number(3, 1))))
	return nodes, values
}

// cutField is the contents of a message that is a field of another.
func cutField(b []byte) (num int, contents []byte, rest []byte) {
	n := 1
	size := 0
	for shift := 0; ; shift += 7 {
		size |= int(b[n]&0x7f) << shift
		n++
		if b[n-1] < 0x80 {
			break
		}
	}
	return int(b[0] >> 3), b[n : n+size], b[n+size:]
}

// TestLoops holds that recurrent layers that are loops are read as such, and compute what
// their cells do.
func TestLoops(t *testing.T) {
	t.Parallel()
	for _, c := range rnnCells {
		for form, build := range map[string]func(rnnCell, bool) ([][]byte, map[string][]float64){"loop": dynamicRNN, "function": functional} {
			for _, backwards := range []bool{false, true} {
				nodes, w := build(c, backwards)
				for _, output := range []string{"last", "all", "cut"} {
					name := fmt.Sprint(c.name, ", ", form, ", ", output, " ", backwards)
					m, _, err := loadWith(format.Options{Output: output}, nodes...)
					if err != nil {
						t.Errorf("%s: %v", name, err)
						continue
					}
					x := formattest.Rows(2, -1, 2, loopSteps, loopIn)
					got := formattest.Predict(t, m, x)
					var want []float64
					for row := range 2 {
						state := make([][]float64, c.states)
						for i := range state {
							state[i] = make([]float64, loopUnits)
						}
						for s := range loopSteps {
							if backwards {
								s = loopSteps - 1 - s
							}
							var in []float64
							for i := range loopIn {
								in = append(in, x.Flat((row*loopSteps+s)*loopIn+i))
							}
							state = c.step(w, in, state)
							if output == "all" {
								want = append(want, state[0]...)
							}
						}
						if output != "all" {
							want = append(want, state[0]...)
						}
					}
					shape := tensor.Shape{2, loopUnits}
					if output == "all" {
						shape = tensor.Shape{2, loopSteps, loopUnits}
					}
					if !got.Shape().Equal(shape) {
						t.Errorf("%s: shape %v", name, got.Shape())
						continue
					}
					for i, v := range want {
						if d := math.Abs(got.Flat(i) - v); !(d < 1e-6) {
							t.Errorf("%s: number %d is %g, want %g", name, i, got.Flat(i), v)
							break
						}
					}
					if !strings.Contains(layers(t, m), c.kind) {
						t.Errorf("%s: %s", name, layers(t, m))
					}
				}
			}
		}
	}
}

// unrolled is tf.nn.static_rnn of TensorFlow 1: a cell written out for each step. Its results
// are those of dynamicRNN.
func unrolled(c rnnCell) ([][]byte, map[string][]float64) {
	nodes, values, _ := outside(c, false)
	add := func(name, kind string, in []string, attrs ...[]byte) string {
		nodes = append(nodes, op(name, kind, in, attrs...))
		return name
	}
	add("unstack", "Unpack", []string{"x"}, attr("num", number(3, loopSteps)), attr("axis", number(3, 1)))
	state := slices.Repeat([]string{"zeros"}, c.states)
	var outs []string
	for t := range loopSteps {
		x := "unstack"
		if t > 0 {
			x = fmt.Sprint("unstack:", t)
		}
		state = c.body(func(name, kind string, in []string, attrs ...[]byte) string {
			return add(fmt.Sprintf("rnn/step%d/%s", t, name), kind, in, attrs...)
		}, x, state)
		outs = append(outs, state[0])
	}
	add("last", "Identity", []string{state[0]})
	add("all", "Pack", outs, attr("axis", number(3, 1)))
	return nodes, values
}

// TestUnrolled holds cells that are written out, step by step, to the same by hand. Their
// weights are the same at all steps, and there once.
func TestUnrolled(t *testing.T) {
	t.Parallel()
	for _, c := range rnnCells {
		nodes, w := unrolled(c)
		if c.name == "Keras' GRU" { // whose first step adds a bias to nothing
			if _, _, err := loadWith(format.Options{Output: "last"}, nodes...); err == nil {
				t.Errorf("%s is read after all", c.name)
			}
			continue
		}
		for _, output := range []string{"last", "all"} {
			name := fmt.Sprint(c.name, ", ", output)
			m, _, err := loadWith(format.Options{Output: output}, nodes...)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			x := formattest.Rows(2, -1, 2, loopSteps, loopIn)
			got := formattest.Predict(t, m, x)
			var want []float64
			for row := range 2 {
				state := make([][]float64, c.states)
				for i := range state {
					state[i] = make([]float64, loopUnits)
				}
				for s := range loopSteps {
					var in []float64
					for i := range loopIn {
						in = append(in, x.Flat((row*loopSteps+s)*loopIn+i))
					}
					if state = c.step(w, in, state); output == "all" {
						want = append(want, state[0]...)
					}
				}
				if output == "last" {
					want = append(want, state[0]...)
				}
			}
			if got.Len() != len(want) {
				t.Errorf("%s: shape %v", name, got.Shape())
				continue
			}
			for i, v := range want {
				if d := math.Abs(got.Flat(i) - v); !(d < 1e-6) {
					t.Errorf("%s: number %d is %g, want %g", name, i, got.Flat(i), v)
					break
				}
			}
			size, learned := 0, 0
			for _, v := range w {
				size += len(v)
			}
			if learned, _ = m.Params.Count(); learned != size && c.name != "Keras' LSTM" { // whose first step lacks a product
				t.Errorf("%s: %d parameters of %d weights", name, learned, size)
			}
		}
	}
}

// TestBegin holds that the states of recurrent layers may be inputs, and that what else they
// begin with, steps that are left out and sequences that are turned around by hand are read
// right or refused.
func TestBegin(t *testing.T) {
	t.Parallel()
	swap := func(nodes [][]byte, old, with []byte) [][]byte {
		var out [][]byte
		for _, n := range nodes {
			if slices.Equal(n, old) {
				n = with
			}
			out = append(out, n)
		}
		return out
	}
	zeros := op("zeros", "Fill", []string{"shape", "zero"})
	for _, c := range rnnCells {
		for form, build := range map[string]func(rnnCell, bool) ([][]byte, map[string][]float64){"loop": dynamicRNN, "function": functional} {
			nodes, w := build(c, false)
			m, _, err := loadWith(format.Options{Output: "last"}, swap(nodes, zeros, placeholder("zeros", -1, loopUnits))...)
			if err != nil {
				t.Errorf("%s, %s: %v", c.name, form, err)
				continue
			}
			x, h := formattest.Rows(2, -1, 2, loopSteps, loopIn), formattest.Rows(0.2, -0.1, 2, loopUnits)
			if len(m.Data.Inputs) != 2 || m.Data.Inputs[0].Name != "x" {
				t.Fatalf("%s: inputs %v", c.name, m.Data.Inputs)
			}
			ys, err := formattest.TryAll(m, x, h)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			for row := range 2 {
				state := make([][]float64, c.states)
				for i := range state {
					for k := range loopUnits {
						state[i] = append(state[i], h.At(row, k))
					}
				}
				for s := range loopSteps {
					state = c.step(w, []float64{x.At(row, s, 0), x.At(row, s, 1)}, state)
				}
				for k, v := range state[0] {
					if d := math.Abs(ys[0].At(row, k) - v); !(d < 1e-6) {
						t.Errorf("%s, %s: row %d, unit %d is %g, want %g", c.name, form, row, k, ys[0].At(row, k), v)
					}
				}
			}
			_, _, err = loadWith(format.Options{Output: "last"}, swap(nodes, zeros, weights("zeros", []int{1, loopUnits}, 1, 2, 3))...)
			if err == nil || !strings.Contains(err.Error(), "begins with constants") {
				t.Errorf("%s, %s: states that are constants: %v", c.name, form, err)
			}
		}
	}
	// A step that is left out behind a sequence's end.
	plain := rnnCells[0]
	step := plain.body
	plain.body = func(add func(name, op string, in []string, attrs ...[]byte) string, x string, s []string) []string {
		next := step(add, x, s)
		return []string{add("Select", "Select", []string{"ends", s[0], next[0]})}
	}
	nodes, _ := dynamicRNN(plain, false)
	nodes = append(nodes, op("ends", "Placeholder", nil, attr("dtype", number(6, 10))))
	if _, _, err := loadWith(format.Options{Output: "last"}, nodes...); err == nil || !strings.Contains(err.Error(), "sequence_length") {
		t.Errorf("sequences of several lengths: %v", err)
	}
	// bidirectional_dynamic_rnn turns sequences around before it puts the steps first.
	nodes, w := dynamicRNN(rnnCells[0], false)
	nodes = swap(nodes, op("turned", "Transpose", []string{"x", "perm"}), op("turned", "Transpose", []string{"around", "perm"}))
	nodes = append(nodes, whole("steps", 1), op("around", "ReverseV2", []string{"x", "steps"}), op("y", "ReverseV2", []string{"all", "steps"}))
	m, _, err := loadWith(format.Options{Output: "y"}, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	x := formattest.Rows(2, -1, 1, loopSteps, loopIn)
	got := formattest.Predict(t, m, x)
	state := [][]float64{make([]float64, loopUnits)}
	for s := loopSteps - 1; s >= 0; s-- {
		state = rnnCells[0].step(w, []float64{x.At(0, s, 0), x.At(0, s, 1)}, state)
		for k, v := range state[0] {
			if d := math.Abs(got.At(0, s, k) - v); !(d < 1e-6) {
				t.Errorf("step %d, unit %d is %g, want %g", s, k, got.At(0, s, k), v)
			}
		}
	}
}

// TestSavedLoop holds that an LSTM of Keras in a SavedModel is read from its graph alone as
// from Keras' description.
func TestSavedLoop(t *testing.T) {
	t.Parallel()
	path := shared.File(t, "models", "tf-savedmodel", "lstm_from_sequential", "saved_model.pb")
	described, _ := formattest.Import(t, path, format.Options{})
	read, _ := formattest.Import(t, path, format.Options{Output: "StatefulPartitionedCall"})
	x := formattest.Rows(2, -1, 4, 5, 3)
	want, got := formattest.Predict(t, described, x), formattest.Predict(t, read, x)
	if !got.Shape().Equal(want.Shape()) {
		t.Fatalf("shape %v, want %v", got.Shape(), want.Shape())
	}
	for i := range want.Len() {
		if d := math.Abs(got.Flat(i) - want.Flat(i)); !(d <= 1e-6) {
			t.Errorf("number %d is %g, want %g", i, got.Flat(i), want.Flat(i))
		}
	}
}

// TestConditional holds that of a conditional with functions the branch of prediction is
// taken.
func TestConditional(t *testing.T) {
	t.Parallel()
	lib := field(2, funcDef("train", []string{"x"}, "r:y:0", field(3, body("r", "Tanh", []string{"x"}))), funcDef("predict", []string{"x"}, "r:activations:0", field(3, body("r", "Relu", []string{"x"}))))
	flag := op("flag", "Placeholder", nil, attr("dtype", number(6, 10)))
	branches := func(cond string) []byte {
		return op("y", "StatelessIf", []string{cond, "x"}, attr("then_branch", field(10, text(1, "train"))), attr("else_branch", field(10, text(1, "predict"))))
	}
	for name, c := range map[string]struct {
		nodes [][]byte
		want  string
	}{
		"a placeholder": {[][]byte{flag, branches("flag")}, "relu"},
		"false":         {[][]byte{truth("no", 0), branches("no")}, "relu"},
		"true":          {[][]byte{truth("yes", 1), branches("yes")}, "tanh"},
		"not fed":       {[][]byte{flag, op("not", "LogicalNot", []string{"flag"}), branches("not")}, "tanh"},
	} {
		m, _, err := load(append([][]byte{placeholder("x", -1, 2), lib}, c.nodes...)...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := layers(t, m); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
