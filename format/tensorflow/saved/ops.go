package saved

import (
	"fmt"
	"math"
	"slices"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
)

// plain are the operations that TensorFlow has under another name.
var plain = map[string]string{
	"neg": "Neg", "abs": "Abs", "sign": "Sign", "floor": "Floor", "exp": "Exp", "expm1": "Expm1", "log": "Log", "log1p": "Log1p", "sqrt": "Sqrt", "sin": "Sin",
	"cos": "Cos", "erf": "Erf", "tanh": "Tanh", "square": "Square", "rsqrt": "Rsqrt", "relu": "Relu", "sigmoid": "Sigmoid", "softplus": "Softplus",
	"softmax": "Softmax", "log_softmax": "LogSoftmax",
	"add": "AddV2", "sub": "Sub", "mul": "Mul", "div": "RealDiv", "max": "Maximum", "min": "Minimum", "pow": "Pow",
	"greater": "Greater", "greater_equal": "GreaterEqual", "equal": "Equal",
}

// The constants of SELU (Klambauer et al., 2017).
const (
	seluAlpha = 1.6732632423543772848170429916717
	seluScale = 1.0507009873554804934193349852946
)

// node adds what a node of ours is in TensorFlow. What it is computed of is there.
func (w *writer) node(x graph.Node) (string, error) {
	op, path := x.Op(), x.Path()
	if path == "" {
		path = "model"
	}
	refuse := func(why string) (string, error) {
		return "", &format.Unsupported{What: fmt.Sprintf("layer %q (%s)", path, op.Name), Msg: why + "; .npz, .pt and .safetensors take it"}
	}
	switch op.Name {
	case "input":
		return refuse("its input is none of the model's")
	case "param":
		return w.parameter(x.Name())
	case "const":
		v, _ := x.Value()
		return w.number(v), nil
	case "select":
		return w.choose(path, x)
	}
	in, err := w.in(x)
	if err != nil {
		return "", err
	}
	to, err := w.axes(x)
	if err != nil {
		return "", err
	}
	if name := plain[op.Name]; name != "" {
		switch op.Name {
		case "add":
			// As layers have it: a vector for each unit.
			if before := x.In(0).Op().Name; (before == "matmul" || before == "conv" || before == "conv_input") && x.In(1).Op().Name == "param" && x.In(1).Rank() == 1 && x.In(0).Rank() < 5 {
				return w.op(path, "BiasAdd", in, textAttr("data_format", "NHWC")), nil
			}
		case "greater", "greater_equal", "equal":
			w.bools[x.ID()] = true
			return w.add(path+"/"+name, name, in, typeAttr("T", w.code(x.In(0)))), nil
		case "min":
			if v, ok := x.In(0).Value(); ok && v == 6 && x.In(1).Op().Name == "relu" {
				before, err := w.ref(x.In(1).In(0))
				if err != nil {
					return "", err
				}
				return w.op(path, "Relu6", []string{before}), nil
			}
		case "softmax", "log_softmax":
			if x.Rank() == 0 {
				return refuse("TensorFlow wants an axis to sum over")
			}
		}
		return w.op(path, name, in), nil
	}
	t := typeAttr("T", w.code(x))
	switch op.Name {
	case "stop_gradient":
		return in[0], nil
	case "to_float":
		if x.In(0).Type().Kind == graph.Byte {
			return in[0], nil
		}
		return w.add(path+"/Cast", "Cast", in, typeAttr("SrcT", typeInt32), typeAttr("DstT", w.float)), nil
	case "to_int":
		return w.add(path+"/Cast", "Cast", in, typeAttr("SrcT", w.float), typeAttr("DstT", typeInt32)), nil
	case "elu":
		a := x.Attr().(act.ELUAttr)
		switch {
		case a == act.ELUAttr{Alpha: 1, Scale: 1}:
			return w.op(path, "Elu", in), nil
		case a == act.ELUAttr{Alpha: seluAlpha, Scale: seluScale}:
			return w.op(path, "Selu", in), nil
		}
		y := w.op(path, "Mul", []string{w.number(a.Alpha), w.op(path, "Elu", in)})
		positive := w.op(path, "Greater", []string{in[0], w.number(0)})
		y = w.op(path, "SelectV2", []string{positive, in[0], y})
		if a.Scale != 1 {
			y = w.op(path, "Mul", []string{w.number(a.Scale), y})
		}
		return y, nil
	case "leaky_relu":
		return w.op(path, "LeakyRelu", in, floatAttr("alpha", x.Attr().(act.LeakyReLUAttr).Slope)), nil
	case "sum", "reduce_max":
		a := x.Attr().(graph.ReduceAttr)
		var over []int
		for i := range x.In(0).Rank() {
			if a.Has(i) {
				over = append(over, i)
			}
		}
		name := map[string]string{"sum": "Sum", "reduce_max": "Max"}[op.Name]
		return w.add(path+"/"+name, name, []string{in[0], w.ints(over...)}, t, typeAttr("Tidx", typeInt32), boolAttr("keep_dims", a.Keep)), nil
	case "reshape":
		return w.reshaped(path, in[0], w.code(x), to), nil
	case "broadcast":
		if x.In(0).Op().Name == "const" {
			return w.add(path+"/Fill", "Fill", []string{w.shape(path, to), in[0]}, t, typeAttr("index_type", typeInt32)), nil
		}
		return w.add(path+"/BroadcastTo", "BroadcastTo", []string{in[0], w.shape(path, to)}, t, typeAttr("Tidx", typeInt32)), nil
	case "transpose":
		return w.add(path+"/Transpose", "Transpose", []string{in[0], w.ints(x.Axes()...)}, t, typeAttr("Tperm", typeInt32)), nil
	case "slice":
		return w.slice(path, in[0], x)
	case "pad":
		a := x.Attr().(graph.PadAttr)
		sides := make([][2]int, x.Rank())
		sides[a.Axis] = [2]int{a.Before, a.After}
		return w.padded(path, in[0], sides, 0), nil
	case "concat":
		return w.add(path+"/concat", "ConcatV2", append(in, w.whole(x.Attr().(int))), t, typeAttr("Tidx", typeInt32), intAttr("N", len(in))), nil
	case "matmul":
		a := x.Attr().(graph.MatMulAttr)
		return w.op(path, "MatMul", in, boolAttr("transpose_a", a.TransA), boolAttr("transpose_b", a.TransB)), nil
	case "gather":
		return w.add(path+"/GatherV2", "GatherV2", []string{in[0], in[1], w.whole(0)}, typeAttr("Tparams", w.float), typeAttr("Tindices", typeInt32), typeAttr("Taxis", typeInt32), intAttr("batch_dims", 0)), nil
	case "conv", "conv_input":
		y, why := w.convolution(path, x, in)
		if why != "" {
			return refuse(why)
		}
		return y, nil
	case "max_pool":
		a := x.Attr().(graph.PoolAttr)
		if slices.ContainsFunc(a.Window.Spans(), func(s graph.Span) bool { return s.Dilation != 1 }) {
			return refuse("TensorFlow has no pools whose windows have gaps")
		}
		return w.pool(path, "MaxPool", in[0], x.In(0), x, a.Window, math.Inf(-1)), nil
	}
	if op.Lower != nil {
		// Both graphs grow alike.
		other := w.three.Node(x.ID())
		y := op.Lower(x.Ins(), x.Attr())
		op.Lower(other.Ins(), other.Attr())
		if !y.Valid() {
			return "", w.two.Err()
		}
		return w.ref(y)
	}
	return refuse("TensorFlow has no operation for it that this version writes")
}

// choose is a choice by a truth value.
func (w *writer) choose(path string, x graph.Node) (string, error) {
	cond, err := w.raw(x.In(0))
	if err != nil {
		return "", err
	}
	in, err := w.in(x)
	if err != nil {
		return "", err
	}
	if !w.bools[x.In(0).ID()] {
		cond = w.op(path, "NotEqual", []string{cond, w.number(0)})
	}
	return w.op(path, "SelectV2", []string{cond, in[1], in[2]}), nil
}

// slice is a part of one axis. Where that is one of samples times steps, the samples are set
// apart.
func (w *writer) slice(path, in string, x graph.Node) (string, error) {
	a, b := x.Attr().(graph.SliceAttr), w.three.Node(x.ID()).Attr().(graph.SliceAttr)
	from, err := w.axes(x.In(0))
	if err != nil {
		return "", err
	}
	t := typeAttr("T", w.code(x))
	cut := func(in string, rank, axis, lo, hi int) string {
		begin, size := make([]int, rank), slices.Repeat([]int{-1}, rank)
		begin[axis], size[axis] = lo, hi-lo
		return w.add(path+"/Slice", "Slice", []string{in, w.ints(begin...), w.ints(size...)}, t, typeAttr("Index", typeInt32))
	}
	if a == b {
		return cut(in, len(from), a.Axis, a.Lo, a.Hi), nil
	}
	lo, hi := b.Lo-a.Lo, b.Hi-a.Hi
	if !from[a.Axis].batch || a.Lo != 2*lo || a.Hi != 2*hi {
		return "", &format.Unsupported{What: fmt.Sprintf("layer %q", path), Msg: "it takes samples apart in a way that depends on how many there are"}
	}
	n := from[a.Axis].n
	apart := slices.Concat(from[:a.Axis], []axis{{n, false}, {1, true}}, from[a.Axis+1:])
	key := "apart " + in
	if _, ok := w.consts[key]; !ok {
		w.consts[key] = w.reshaped(path, in, w.code(x), apart)
	}
	to, err := w.axes(x)
	if err != nil {
		return "", err
	}
	return w.reshaped(path, cut(w.consts[key], len(apart), a.Axis, lo, hi), w.code(x), to), nil
}

// padded puts so many numbers around a tensor.
func (w *writer) padded(path, in string, sides [][2]int, v float64) string {
	var flat []int
	for _, s := range sides {
		flat = append(flat, s[0], s[1])
	}
	list := w.matrix(flat, len(sides))
	if v == 0 {
		return w.op(path, "Pad", []string{in, list}, typeAttr("Tpaddings", typeInt32))
	}
	return w.op(path, "PadV2", []string{in, list, w.number(v)}, typeAttr("Tpaddings", typeInt32))
}
