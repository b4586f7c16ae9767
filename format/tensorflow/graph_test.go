package tensorflow

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// Messages are built by hand.

func field(num protowire.Number, parts ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), slices.Concat(parts...))
}

func number(num protowire.Number, v int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), uint64(int64(v)))
}

func text(num protowire.Number, s string) []byte { return field(num, []byte(s)) }

func shapeProto(dims ...int) []byte {
	var b []byte
	for _, d := range dims {
		b = append(b, field(2, number(1, d))...)
	}
	return b
}

// attr is an entry of a node's attributes.
func attr(key string, value ...[]byte) []byte { return field(5, text(1, key), field(2, value...)) }

func float(v float32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(nil, 4, protowire.Fixed32Type), math.Float32bits(v))
}

// op is a node of a GraphDef, or with field 3 of a function's body.
func op(name, kind string, in []string, attrs ...[]byte) []byte {
	return field(1, body(name, kind, in, attrs...))
}

func body(name, kind string, in []string, attrs ...[]byte) []byte {
	b := slices.Concat(text(1, name), text(2, kind))
	for _, i := range in {
		b = append(b, text(3, i)...)
	}
	return append(b, slices.Concat(attrs...)...)
}

func floats(v ...float32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// weights is a constant of numbers.
func weights(name string, dims []int, v ...float32) []byte {
	return op(name, "Const", nil, attr("value", field(8, number(1, 1), field(2, shapeProto(dims...)), field(4, floats(v...)))))
}

func scalar(name string, v float32) []byte {
	return op(name, "Const", nil, attr("value", field(8, number(1, 1), field(2), field(5, floats(v)))))
}

func whole(name string, v ...int) []byte {
	var packed []byte
	for _, x := range v {
		packed = protowire.AppendVarint(packed, uint64(int64(x)))
	}
	return op(name, "Const", nil, attr("value", field(8, number(1, 3), field(2, shapeProto(len(v))), field(7, packed))))
}

func truth(name string, v int) []byte {
	return op(name, "Const", nil, attr("value", field(8, number(1, 10), field(2), field(11, []byte{byte(v)}))))
}

func placeholder(name string, dims ...int) []byte {
	return op(name, "Placeholder", nil, attr("dtype", number(6, 1)), attr("shape", field(7, shapeProto(dims...))))
}

// load imports a graph.
func load(nodes ...[]byte) (*format.Model, *format.Report, error) {
	return loadWith(format.Options{}, nodes...)
}

func loadWith(o format.Options, nodes ...[]byte) (*format.Model, *format.Report, error) {
	f, err := fileOf(slices.Concat(nodes...))
	if err != nil {
		return nil, nil, err
	}
	return f.Import(o)
}

func fileOf(b []byte) (*format.File, error) {
	g, err := parseGraph(b)
	if err != nil {
		return nil, locate("graph.pb", err)
	}
	f := &format.File{Path: "graph.pb", Format: "tensorflow-graph"}
	return f, describe(f, &metaGraph{graph: g}, "graph.pb")
}

// layers is the network's text without its input.
func layers(t *testing.T, m *format.Model) string {
	t.Helper()
	v, err := nn.Encode(m.Net)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Items) > 0 {
		v.Items = v.Items[1:]
	}
	return string(v.JSON())
}

// dense is x·kernel + bias from 2 to 2, called h, behind which nodes may stand.
func dense() []byte {
	return slices.Concat(placeholder("x", -1, 2), weights("h/kernel", []int{2, 2}, 1, 0, 0, 1), op("h/kernel/read", "Identity", []string{"h/kernel"}), weights("h/bias", []int{2}, 1, -2),
		op("h/MatMul", "MatMul", []string{"x", "h/kernel/read"}), op("h/BiasAdd", "BiasAdd", []string{"h/MatMul", "h/bias"}))
}

// TestActivations finds activations however they are written.
func TestActivations(t *testing.T) {
	t.Parallel()
	z := "h/BiasAdd"
	greater := slices.Concat(scalar("zero", 0), op("cond", "GreaterEqual", []string{z, "zero"}))
	for name, tc := range map[string]struct {
		nodes []byte
		want  string
		y     [2]float64 // of x = (1, 1), that is z = (2, −1)
	}{
		"none":    {nil, `{"dense":{"units":2,"name":"h"}}`, [2]float64{2, -1}},
		"relu":    {op("y", "Relu", []string{z}), `{"dense":{"units":2,"activation":"relu","name":"h"}}`, [2]float64{2, 0}},
		"elu":     {op("y", "Elu", []string{z}), `{"dense":{"units":2,"activation":"elu","name":"h"}}`, [2]float64{2, math.Expm1(-1)}},
		"softmax": {op("y", "Softmax", []string{z}), `{"dense":{"units":2,"activation":"softmax","name":"h"}}`, [2]float64{1 / (1 + math.Exp(-3)), 1 / (1 + math.Exp(3))}},
		"leaky":   {op("y", "LeakyRelu", []string{z}, attr("alpha", float(0.25))), `{"dense":{"units":2,"activation":{"name":"leaky_relu","negative_slope":0.25},"name":"h"}}`, [2]float64{2, -0.25}},
		"maximum": {slices.Concat(scalar("a", 0.125), op("m", "Mul", []string{"a", z}), op("y", "Maximum", []string{"m", z})),
			`{"dense":{"units":2,"activation":{"name":"leaky_relu","negative_slope":0.125},"name":"h"}}`, [2]float64{2, -0.125}},
		"maximum of 0": {slices.Concat(scalar("a", 0), op("y", "Maximum", []string{z, "a"})), `{"dense":{"units":2,"activation":"relu","name":"h"}}`, [2]float64{2, 0}},
		"leaky by cases": {slices.Concat(greater, scalar("a", 0.5), op("m", "Mul", []string{z, "a"}), op("y", "Select", []string{"cond", z, "m"})),
			`{"dense":{"units":2,"activation":{"name":"leaky_relu","negative_slope":0.5},"name":"h"}}`, [2]float64{2, -0.5}},
		"elu by cases": {slices.Concat(greater, scalar("a", 2), op("e", "Elu", []string{z}), op("m", "Mul", []string{"a", "e"}), op("y", "SelectV2", []string{"cond", z, "m"})),
			`{"dense":{"units":2,"activation":{"name":"elu","alpha":2},"name":"h"}}`, [2]float64{2, 2 * math.Expm1(-1)}},
		"elu by exp": {slices.Concat(greater, scalar("one", 1), op("e", "Exp", []string{z}), op("m", "Sub", []string{"e", "one"}), op("y", "Select", []string{"cond", z, "m"})),
			`{"dense":{"units":2,"activation":{"name":"elu","alpha":1},"name":"h"}}`, [2]float64{2, math.Expm1(-1)}},
		"selu": {slices.Concat(greater, scalar("a", 1.6732632), scalar("s", 1.050701), op("e", "Elu", []string{z}), op("m", "Mul", []string{"a", "e"}), op("c", "Select", []string{"cond", z, "m"}), op("y", "Mul", []string{"s", "c"})),
			`{"dense":{"units":2,"activation":"selu","name":"h"}}`, [2]float64{2 * seluScale, seluScale * seluAlpha * math.Expm1(-1)}},
		"silu":     {slices.Concat(op("s", "Sigmoid", []string{z}), op("y", "Mul", []string{"s", z})), `{"dense":{"units":2,"activation":"silu","name":"h"}}`, [2]float64{2 / (1 + math.Exp(-2)), -1 / (1 + math.Exp(1))}},
		"constant": {slices.Concat(scalar("a", 3), op("y", "Mul", []string{z, "a"})), `{"dense":{"units":2,"name":"h"}},{"rescaling":{"scale":"3","name":"y"}}`, [2]float64{6, -3}},
		"branches": {slices.Concat(op("r", "Relu", []string{z}), op("y", "Add", []string{z, "r"})), "", [2]float64{4, -1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, r, err := load(dense(), tc.nodes)
			if err != nil {
				t.Fatal(err)
			}
			if got := layers(t, m); tc.want != "" && got != "["+tc.want+"]" {
				t.Errorf("got  %s\nwant [%s]", got, tc.want)
			}
			if len(r.Tensors) != 2 || r.Tensors[0] != (format.Link{From: "h/kernel", To: "h/kernel"}) {
				t.Errorf("tensors: %v", r.Tensors)
			}
			formattest.Near(t, formattest.Predict(t, m, tensor.Of([]float32{1, 1}, 1, 2)), tc.y[:]...)
		})
	}
}

// cond is a conditional on a flag, as TensorFlow 1 writes it: f where it is false.
func cond(flag, f, t string) []byte {
	return slices.Concat(op("c/Switch_f", "Switch", []string{f, flag}), op("c/Switch_t", "Switch", []string{t, flag}),
		op("c/f", "Identity", []string{"c/Switch_f"}), op("c/t", "Identity", []string{"c/Switch_t:1"}), op("c/Merge", "Merge", []string{"c/f", "c/t"}))
}

// TestPruning leaves out what only training needs.
func TestPruning(t *testing.T) {
	t.Parallel()
	z := "h/BiasAdd"
	random := slices.Concat(op("shape", "Shape", []string{z}), op("u", "RandomUniform", []string{"shape"}))
	flag := op("training", "Placeholder", nil, attr("dtype", number(6, 10)))
	for name, tc := range map[string]struct {
		nodes []byte
		want  string
	}{
		"dropout by division": {slices.Concat(random, scalar("keep", 0.75), op("sum", "Add", []string{"keep", "u"}), op("floor", "Floor", []string{"sum"}), op("div", "RealDiv", []string{z, "keep"}), op("drop/mul", "Mul", []string{"div", "floor"})),
			`{"dense":{"units":2,"name":"h"}},{"dropout":{"rate":0.25,"name":"drop"}}`},
		"dropout by a factor": {slices.Concat(random, scalar("rate", 0.5), scalar("factor", 2), op("ge", "GreaterEqual", []string{"u", "rate"}), op("mask", "Cast", []string{"ge"}), op("m", "Mul", []string{z, "factor"}), op("drop/mul", "Mul", []string{"m", "mask"})),
			`{"dense":{"units":2,"name":"h"}},{"dropout":{"rate":0.5,"name":"drop"}}`},
		"dropout that is fed": {slices.Concat(random, op("keep", "Placeholder", nil), op("sum", "Add", []string{"keep", "u"}), op("floor", "Floor", []string{"sum"}), op("div", "RealDiv", []string{z, "keep"}), op("drop", "Mul", []string{"div", "floor"}), op("y", "Relu", []string{"drop"})),
			`{"dense":{"units":2,"activation":"relu","name":"h"}}`},
		"a flag that is fed":     {slices.Concat(flag, op("r", "Relu", []string{z}), op("t", "Tanh", []string{z}), cond("training", "r", "t")), `{"dense":{"units":2,"activation":"relu","name":"h"}}`},
		"a flag with a default":  {slices.Concat(truth("no", 0), op("flag", "PlaceholderWithDefault", []string{"no"}), op("r", "Relu", []string{z}), op("t", "Tanh", []string{z}), cond("flag", "r", "t")), `{"dense":{"units":2,"activation":"relu","name":"h"}}`},
		"a flag turned around":   {slices.Concat(truth("no", 0), op("flag", "LogicalNot", []string{"no"}), op("r", "Relu", []string{z}), op("t", "Tanh", []string{z}), cond("flag", "r", "t")), `{"dense":{"units":2,"activation":"tanh","name":"h"}}`},
		"gradients are no layer": {slices.Concat(op("y", "Relu", []string{z}), op("gradients/g", "ReluGrad", []string{"y", z}), op("stop", "StopGradient", []string{"y"})), `{"dense":{"units":2,"activation":"relu","name":"h"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, _, err := load(dense(), tc.nodes)
			if err != nil {
				t.Fatal(err)
			}
			if got := layers(t, m); got != "["+tc.want+"]" {
				t.Errorf("got  %s\nwant [%s]", got, tc.want)
			}
		})
	}
}

// TestNormalization reads batch normalization, fused and written out, with the moving
// statistics behind a conditional.
func TestNormalization(t *testing.T) {
	t.Parallel()
	parts := slices.Concat(weights("bn/gamma", []int{2}, 2, 1), weights("bn/beta", []int{2}, 0, 5), weights("bn/moving_mean", []int{2}, 1, 0), weights("bn/moving_variance", []int{2}, 3.75, 0.75))
	batch := slices.Concat(op("flag", "Placeholder", nil), op("batch", "Mean", []string{"h/BiasAdd", "axes"}), whole("axes", 0), cond("flag", "bn/moving_mean", "batch"))
	out := slices.Concat(scalar("eps", 0.25), op("v", "Add", []string{"bn/moving_variance", "eps"}), op("rsqrt", "Rsqrt", []string{"v"}), op("m", "Mul", []string{"rsqrt", "bn/gamma"}),
		op("a", "Mul", []string{"h/BiasAdd", "m"}), op("mm", "Mul", []string{"c/Merge", "m"}), op("s", "Sub", []string{"bn/beta", "mm"}), op("bn/add", "AddV2", []string{"a", "s"}))
	fused := op("bn/FusedBatchNormV3", "FusedBatchNormV3", []string{"h/BiasAdd", "bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"}, attr("epsilon", float(0.25)))
	for name, nodes := range map[string][]byte{"written out": slices.Concat(batch, out), "fused": fused} {
		m, _, err := load(dense(), parts, nodes)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := layers(t, m); got != `[{"dense":{"units":2,"name":"h"}},{"batch_normalization":{"epsilon":0.25,"name":"bn"}}]` {
			t.Errorf("%s: %s", name, got)
		}
		// z = (2, −1): (2−1)/2·2 + 0 and −1/1·1 + 5
		formattest.Near(t, formattest.Predict(t, m, tensor.Of([]float32{1, 1}, 1, 2)), 1, 4)
	}
}

// TestPictures reads convolutions and what goes with them.
func TestPictures(t *testing.T) {
	t.Parallel()
	ints := func(v ...int) []byte {
		var b []byte
		for _, x := range v {
			b = protowire.AppendVarint(b, uint64(x))
		}
		return field(1, field(3, b))
	}
	kernel := make([]float32, 2*2*1*3)
	for i := range kernel {
		kernel[i] = float32(i)
	}
	window := []byte(nil)
	window = slices.Concat(attr("strides", ints(1, 2, 2, 1)), attr("padding", text(2, "VALID")))
	m, _, err := load(placeholder("x", -1, 16), whole("to", -1, 4, 4, 1), op("r/Reshape", "Reshape", []string{"x", "to"}), weights("c/kernel", []int{2, 2, 1, 3}, kernel...),
		op("c/Conv2D", "Conv2D", []string{"r/Reshape", "c/kernel"}, window), weights("c/bias", []int{3}, 1, 2, 3), op("c/BiasAdd", "BiasAdd", []string{"c/Conv2D", "c/bias"}), op("c/Relu", "Relu", []string{"c/BiasAdd"}),
		op("p/MaxPool", "MaxPool", []string{"c/Relu"}, attr("ksize", ints(1, 2, 2, 1)), attr("strides", ints(1, 1, 1, 1)), attr("padding", text(2, "SAME"))),
		whole("axes", 1, 2), op("g/Mean", "Mean", []string{"p/MaxPool", "axes"}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"reshape":{"target_shape":[4,4,1],"name":"r"}},{"conv2d":{"filters":3,"kernel_size":"2x2","strides":"2x2","activation":"relu","name":"c"}},` +
		`{"max_pooling2d":{"pool_size":"2x2","strides":"1x1","padding":"same","name":"p"}},{"global_average_pooling2d":{"name":"g"}}]`
	if got := layers(t, m); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	x := tensor.New(tensor.Float32, 1, 16)
	for i := range 16 {
		x.SetFlat(i, 1)
	}
	// Of ones: the kernel's sum for each filter, 0+3+6+9, 1+4+7+10, 2+5+8+11, and the bias.
	formattest.Near(t, formattest.Predict(t, m, x), 19, 24, 29)

	_, _, err = load(placeholder("x", -1, 1, 4, 4), weights("c/kernel", []int{2, 2, 1, 3}, kernel...), op("c", "Conv2D", []string{"x", "c/kernel"}, window, attr("data_format", text(2, "NCHW"))))
	if u := (*format.Unsupported)(nil); !errors.As(err, &u) || !strings.Contains(err.Error(), "NCHW") {
		t.Errorf("got %v", err)
	}
}

// funcDef is a FunctionDef.
func funcDef(name string, args []string, ret string, nodes ...[]byte) []byte {
	sig := text(1, name)
	for _, a := range args {
		sig = append(sig, field(2, text(1, a))...)
	}
	sig = append(sig, field(3, text(1, "out"))...)
	return field(1, field(1, sig), slices.Concat(nodes...), field(4, text(1, "out"), text(2, ret)))
}

// call calls a function.
func call(name, fn string, in ...string) []byte {
	return op(name, "StatefulPartitionedCall", in, attr("f", field(10, text(1, fn))))
}

// TestFunctions replaces calls by bodies, also within functions, and stops where they
// call one another.
func TestFunctions(t *testing.T) {
	t.Parallel()
	inner := funcDef("inner", []string{"x", "k"}, "y:product:0", field(3, body("y", "MatMul", []string{"x", "k"})))
	outer := funcDef("outer", []string{"x", "k"}, "r:activations:0", field(3, body("in", "PartitionedCall", []string{"x", "k"}, attr("f", field(10, text(1, "inner"))))),
		field(3, body("r", "Relu", []string{"in:output:0"})))
	m, _, err := load(placeholder("x", -1, 2), weights("d/kernel", []int{2, 1}, 1, 1), call("y", "outer", "x", "d/kernel"), field(2, inner, outer))
	if err != nil {
		t.Fatal(err)
	}
	if got := layers(t, m); got != `[{"dense":{"units":1,"activation":"relu","use_bias":false,"name":"d"}}]` {
		t.Errorf("got %s", got)
	}
	again := funcDef("again", []string{"x"}, "r:output:0", field(3, body("r", "PartitionedCall", []string{"x"}, attr("f", field(10, text(1, "again"))))))
	if _, _, err := load(placeholder("x", -1, 2), call("y", "again", "x"), field(2, again)); err == nil || !strings.Contains(err.Error(), "too deep") {
		t.Errorf("got %v", err)
	}
	// Each calls the one before twice: 2^20 calls.
	var bomb []byte
	for i := range 20 {
		name := string(rune('a' + i))
		before := string(rune('a' + i - 1))
		if i == 0 {
			bomb = append(bomb, funcDef(name, []string{"x"}, "r:y:0", field(3, body("r", "Relu", []string{"x"})))...)
			continue
		}
		bomb = append(bomb, funcDef(name, []string{"x"}, "s:output:0", field(3, body("r", "PartitionedCall", []string{"x"}, attr("f", field(10, text(1, before))))),
			field(3, body("s", "PartitionedCall", []string{"r:output:0"}, attr("f", field(10, text(1, before))))))...)
	}
	if _, _, err := load(placeholder("x", -1, 2), call("y", "t", "x"), field(2, bomb)); err == nil || !strings.Contains(err.Error(), "too often") {
		t.Errorf("got %v", err)
	}
}

// TestChoices asks where a graph has several ends, and takes the one that is said.
func TestChoices(t *testing.T) {
	t.Parallel()
	two := slices.Concat(dense(), op("a", "Relu", []string{"h/BiasAdd"}), op("b", "Tanh", []string{"h/BiasAdd"}))
	var c *format.Choice
	if _, _, err := load(two); !errors.As(err, &c) || c.Key != "output.node" || !slices.Equal(c.Have, []string{"a", "b"}) {
		t.Errorf("got %v", err)
	}
	m, _, err := loadWith(format.Options{Output: "b:0"}, two)
	if err != nil || layers(t, m) != `[{"dense":{"units":2,"activation":"tanh","name":"h"}}]` {
		t.Errorf("got %v, %v", m, err)
	}
	if _, _, err = loadWith(format.Options{Output: "z"}, two); !errors.As(err, &c) || !strings.Contains(err.Error(), "there are a, b") {
		t.Errorf("got %v", err)
	}
	// From the middle on.
	m, _, err = loadWith(format.Options{Input: "h/BiasAdd", Output: "a", Inputs: nil}, slices.Concat(two, op("c", "Elu", []string{"a"})))
	if err == nil || !errors.As(err, &c) || c.Key != "input" {
		t.Errorf("got %v, %v", m, err)
	}
	// Logits are known by what training makes of them.
	m, _, err = load(two, op("labels", "Placeholder", nil), op("loss", "SparseSoftmaxCrossEntropyWithLogits", []string{"b", "labels"}))
	if err != nil || len(m.Losses) != 1 || layers(t, m) != `[{"dense":{"units":2,"activation":"tanh","name":"h"}}]` {
		t.Errorf("got %v, %v", m, err)
	}
}

// TestRefuses names the node that there is nothing for, and what cannot be.
func TestRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		nodes []byte
		want  string
	}{
		"an operation":    {op("y", "Fft", []string{"h/BiasAdd"}), ""},
		"no input":        {slices.Concat(weights("a", []int{1}, 1), op("y", "Relu", []string{"a"})), ""},
		"a cycle":         {slices.Concat(op("a", "Relu", []string{"b"}), op("b", "Add", []string{"a", "h/BiasAdd"})), ""},
		"missing":         {op("y", "Add", []string{"h/BiasAdd", "nowhere"}), ""},
		"twice":           {slices.Concat(op("y", "Relu", []string{"h/BiasAdd"}), op("y", "Relu", []string{"h/BiasAdd"})), `two nodes of the graph are called "y"`},
		"no name":         {op("", "Relu", nil), "no name"},
		"cut short":       {[]byte{0x0a, 0xff}, "damaged or truncated"},
		"kernel computed": {slices.Concat(op("k", "Sqrt", []string{"h/kernel"}), op("y", "MatMul", []string{"x", "k"})), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, node := range []string{"", "y"} {
				_, _, err := loadWith(format.Options{Output: node}, dense(), tc.nodes)
				if err == nil {
					if node == "y" {
						t.Errorf("it was read")
					}
					continue
				}
				if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "graph") {
					t.Errorf("got %v, want %s", err, tc.want)
				}
				formattest.Told(t, err)
			}
		})
	}
	if _, _, err := loadWith(format.Options{Output: "y"}, dense(), op("y", "Fft", []string{"h/BiasAdd"})); err == nil || !strings.Contains(err.Error(), `node "y" (Fft): there is no layer for this operation`) {
		t.Errorf("got %v", err)
	}
	// A constant that claims more than there is.
	huge := op("k", "Const", nil, attr("value", field(8, number(1, 1), field(2, shapeProto(1<<20, 1<<20)), field(5, floats(1)))))
	grown := formattest.Memory(func() {
		if _, _, err := load(placeholder("x", -1, 1<<20), huge, op("y", "MatMul", []string{"x", "k"})); err == nil {
			t.Error("2^40 numbers were taken for granted")
		}
	})
	if grown > 64<<20 {
		t.Errorf("it took %d bytes", grown)
	}
}

// TestEffort gives up on graphs that are made to take long.
func TestEffort(t *testing.T) {
	t.Parallel()
	const n = 3000
	nodes := placeholder("x", -1, 2)
	at := "x"
	name := func(kind string, i int) string { return kind + strconv.Itoa(i) }
	for i := range n {
		nodes = append(nodes, op(name("r", i), "Relu", []string{at})...)
		at = name("r", i)
	}
	for i := range n { // ends that are used by what there is no layer for, and conditionals without a condition
		nodes = append(nodes, op(name("e", i), "Tanh", []string{at})...)
		nodes = append(nodes, op(name("u", i), "Fft", []string{name("e", i)})...)
		nodes = append(nodes, op(name("m", i), "Merge", []string{at, at})...)
	}
	if _, _, err := load(nodes); err == nil {
		t.Error("it was read")
	}
}

// TestChains reads any sequence of layers as what it is.
func TestChains(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := placeholder("x", -1, 3)
		at, in := "x", 3
		var want []string
		acts := map[string]string{"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "Elu": "elu"}
		for i := range rapid.IntRange(1, 6).Draw(t, "layers") {
			name := "l" + string(rune('0'+i))
			out := rapid.IntRange(1, 4).Draw(t, "units")
			b = append(b, weights(name+"/kernel", []int{in, out}, make([]float32, in*out)...)...)
			b = append(b, op(name+"/MatMul", "MatMul", []string{at, name + "/kernel"})...)
			at, in = name+"/MatMul", out
			if rapid.Bool().Draw(t, "bias") {
				b = append(b, weights(name+"/bias", []int{out}, make([]float32, out)...)...)
				b = append(b, op(name+"/BiasAdd", "BiasAdd", []string{at, name + "/bias"})...)
				at = name + "/BiasAdd"
			}
			a := rapid.SampledFrom([]string{"", "Relu", "Tanh", "Sigmoid", "Elu"}).Draw(t, "activation")
			if a != "" {
				b = append(b, op(name+"/"+a, a, []string{at})...)
				at = name + "/" + a
			}
			if rapid.Bool().Draw(t, "identity") {
				b = append(b, op(name+"/Identity", "Identity", []string{at})...)
				at = name + "/Identity"
			}
			want = append(want, acts[a])
		}
		m, _, err := loadWith(format.Options{Output: at}, b)
		if err != nil {
			t.Fatal(err)
		}
		net := m.Net.(nn.Sequential)
		if len(net) != 1+len(want) {
			t.Fatalf("%d layers, want %d", len(net)-1, len(want))
		}
	})
}

func FuzzGraph(f *testing.F) {
	f.Add(dense())
	f.Add(slices.Concat(dense(), op("y", "Softmax", []string{"h/BiasAdd"})))
	f.Add(slices.Concat(dense(), scalar("a", 0.125), op("m", "Mul", []string{"a", "h/BiasAdd"}), op("y", "Maximum", []string{"m", "h/BiasAdd"})))
	f.Add(slices.Concat(dense(), op("flag", "Placeholder", nil), op("r", "Relu", []string{"h/BiasAdd"}), cond("flag", "r", "h/BiasAdd")))
	f.Add(slices.Concat(placeholder("x", -1, 2), call("y", "f", "x"), field(2, funcDef("f", []string{"x"}, "r:y:0", field(3, body("r", "Relu", []string{"x"}))))))
	for _, c := range rnnCells {
		for _, build := range []func(rnnCell, bool) ([][]byte, map[string][]float64){dynamicRNN, functional} {
			nodes, _ := build(c, false)
			f.Add(slices.Concat(nodes...))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := fileOf(b)
		if err != nil {
			formattest.Told(t, err)
			return
		}
		for _, ts := range file.Tensors {
			if ts.Read != nil {
				_, _ = ts.Read()
			}
		}
		m, _, err := file.Import(format.Options{})
		if err != nil {
			formattest.Told(t, err)
			return
		}
		if len(m.Data.Inputs) == 1 && m.Data.Inputs[0].Shape.Len() < 1<<12 && m.Data.Inputs[0].Shape.Len() > 0 && m.Data.Inputs[0].DType == tensor.Float32 {
			_, _ = formattest.Try(m, formattest.Rows(1, 0, append([]int{2}, m.Data.Inputs[0].Shape...)...))
		}
	})
}

// TestDamage cuts a graph, a graph with its checkpoint and a SavedModel short, and turns
// bits.
func TestDamage(t *testing.T) {
	t.Parallel()
	dir := formattest.NewFolder(t)
	graph := slices.Concat(dense(), op("y", "Relu", []string{"h/BiasAdd"}))
	use := func(name string) func([]byte) error {
		return func(b []byte) error { return formattest.Use(dir.Write(name, b), format.Options{}) }
	}
	formattest.Turned(t, graph, 1, use("graph.pb"))
	saved := slices.Concat(number(1, 1), field(2, field(1, text(4, "serve")), field(2, graph)))
	formattest.Turned(t, saved, 1, use("saved/saved_model.pb"))
}
