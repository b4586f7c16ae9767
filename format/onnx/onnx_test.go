package onnx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	kinds "github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// Messages are written by hand, as no package that writes them is needed otherwise.

func bytesField(num protowire.Number, parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), all)
}

func textField(num protowire.Number, s string) []byte { return bytesField(num, []byte(s)) }

func intField(num protowire.Number, v int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), uint64(v))
}

func bytesOf(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// raw is a TensorProto of floats.
func raw(name string, v []float32, shape ...int) []byte {
	var b, data []byte
	for _, d := range shape {
		b = append(b, intField(1, d)...)
	}
	for _, x := range v {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return bytesOf(b, intField(2, 1), textField(8, name), bytesField(9, data))
}

func int64s(name string, v ...int) []byte {
	b := bytesOf(intField(1, len(v)), intField(2, 7), textField(8, name))
	for _, x := range v {
		b = append(b, intField(7, x)...)
	}
	return b
}

// info is a ValueInfoProto of floats. A length of 0 is a symbol.
func info(name string, shape ...int) []byte {
	var dims []byte
	for _, d := range shape {
		if d == 0 {
			dims = append(dims, bytesField(1, textField(2, "N"))...)
		} else {
			dims = append(dims, bytesField(1, intField(1, d))...)
		}
	}
	return bytesOf(textField(1, name), bytesField(2, bytesField(1, intField(1, 1), bytesField(2, dims))))
}

func aNode(op, in, out string, attrs ...[]byte) []byte {
	var b []byte
	for _, s := range strings.Fields(in) {
		b = append(b, textField(1, s)...)
	}
	for _, s := range strings.Fields(out) {
		b = append(b, textField(2, s)...)
	}
	b = append(b, textField(4, op)...)
	for _, a := range attrs {
		b = append(b, bytesField(5, a)...)
	}
	return bytesField(1, b)
}

func intsAttr(name string, v ...int) []byte {
	b := textField(1, name)
	for _, x := range v {
		b = append(b, intField(8, x)...)
	}
	return append(b, intField(20, 7)...)
}

func aModel(opset int, graph ...[]byte) []byte {
	return bytesOf(intField(1, 8), textField(2, "test"), bytesField(7, graph...), bytesField(8, intField(2, opset)))
}

func ramp(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32((i*7919+13)%101)/50 - 1
	}
	return v
}

// small is a convolution, a pooling, and a matrix behind a Flatten.
func small() []byte {
	return aModel(17,
		aNode("Conv", "x w b", "c", intsAttr("pads", 1, 1, 1, 1)), aNode("Relu", "c", "r"), aNode("MaxPool", "r", "p", intsAttr("kernel_shape", 2, 2), intsAttr("strides", 2, 2)),
		aNode("Flatten", "p", "f"), aNode("Gemm", "f m", "y"),
		bytesField(5, raw("w", ramp(2*3*3*3), 2, 3, 3, 3)), bytesField(5, raw("b", ramp(2), 2)), bytesField(5, raw("m", ramp(8*3), 8, 3)),
		bytesField(11, info("x", 0, 3, 4, 4)), bytesField(12, info("y", 0, 3)))
}

// TestGather looks up rows, those below 0 from the end.
func TestGather(t *testing.T) {
	t.Parallel()
	table := ramp(4 * 3)
	f, err := parse(aModel(17,
		aNode("Cast", "x", "i", bytesOf(textField(1, "to"), intField(3, 7), intField(20, 2))), aNode("Gather", "w i", "y"),
		bytesField(5, raw("w", table, 4, 3)), bytesField(11, info("x", 0, 2)), bytesField(12, info("y", 0, 2, 3))), "nowhere")
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := f.Import(format.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := formattest.Try(m, tensor.Of([]float32{-1, 0, 3, -4}, 2, 2))
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range []int{3, 0, 3, 0} {
		for k := range 3 {
			if got, want := out.Flat(i*3+k), float64(table[row*3+k]); got != want {
				t.Errorf("place %d, column %d: %g, want %g", i, k, got, want)
			}
		}
	}
}

// use imports a model and predicts with it.
func use(file []byte) error {
	f, err := parse(file, "nowhere")
	if err != nil {
		return err
	}
	for _, t := range f.Tensors {
		if t.Read == nil {
			continue
		}
		if _, err := t.Read(); err != nil {
			return err
		}
	}
	m, _, err := f.Import(format.Options{})
	if err != nil {
		return err
	}
	if len(m.Data.Inputs) != 1 || m.Data.Inputs[0].Shape.Len() > 1<<16 || m.Data.Inputs[0].DType != tensor.Float32 {
		return nil
	}
	// Nets that are large by padding are right, but take too long here.
	if s, err := nn.Summarize(m.Net, []kinds.Type{{Kind: kinds.Float, Shape: m.Data.Inputs[0].Shape}}, nil); err != nil {
		return err
	} else if slices.ContainsFunc(s.Rows, func(r nn.Row) bool { return r.Output.Len() > 1<<20 || r.Output.Len()*max(1, r.Params) > 1<<28 }) {
		return nil
	}
	_, err = formattest.Try(m, formattest.Rows(1, 0, append([]int{2}, m.Data.Inputs[0].Shape...)...))
	return err
}

// TestDamage turns bits and cuts the file at every byte.
func TestDamage(t *testing.T) {
	t.Parallel()
	formattest.Damage(t, small(), 1, use)
}

// TestHostile are files whose parts do not belong together.
func TestHostile(t *testing.T) {
	t.Parallel()
	x, y := bytesField(11, info("x", 0, 4)), bytesField(12, info("y", 0, 4))
	huge := 1 << 40
	chain, crowd := []byte{}, []byte{}
	const deep = 30000
	talk := textField(6, strings.Repeat("x", 100)) // without it there are more nodes than the bytes of a file have
	name := func(i int) string { return "v" + itoa(i) }
	for i := range deep {
		in := "x"
		if i > 0 {
			in = name(i - 1)
		}
		chain = append(chain, bytesField(1, textField(1, in), textField(2, name(i)), textField(4, "Relu"), talk)...)
		crowd = append(crowd, aNode("Relu", in, name(i))...)
	}
	for what, tc := range map[string]struct {
		file []byte
		says string
	}{
		"cycle":        {aModel(17, aNode("Relu", "a", "b"), aNode("Relu", "b", "a"), x, bytesField(12, info("a", 0, 4))), "leads back"},
		"self":         {aModel(17, aNode("Add", "x y", "y"), x, y), "leads back"},
		"unknown op":   {aModel(17, aNode("Frobnicate", "x", "y"), x, y), `node "y" (Frobnicate)`},
		"domain":       {aModel(17, bytesField(1, textField(1, "x"), textField(2, "y"), textField(4, "Gelu"), textField(7, "com.microsoft")), x, y), "com.microsoft"},
		"missing":      {aModel(17, aNode("Relu", "z", "y"), x, y), `"z"`},
		"no output":    {aModel(17, aNode("Relu", "x", "y"), x), "no outputs"},
		"twice":        {aModel(17, aNode("Relu", "x", "y"), aNode("Tanh", "x", "y"), x, y), "two nodes"},
		"old":          {aModel(3, aNode("Relu", "x", "y"), x, y), "operator set 3"},
		"new":          {aModel(99, aNode("Relu", "x", "y"), x, y), "operator set 99"},
		"overflow":     {aModel(17, aNode("MatMul", "x w", "y"), bytesField(5, bytesOf(intField(1, huge), intField(1, huge), intField(2, 1), textField(8, "w"))), x, y), `"w"`},
		"large":        {aModel(17, aNode("MatMul", "x w", "y"), bytesField(5, raw("w", nil, 4, 1<<30)), x, y), `"w"`},
		"negative":     {aModel(17, aNode("MatMul", "x w", "y"), bytesField(5, raw("w", nil, 4, -4)), x, y), `"w"`},
		"short":        {aModel(17, aNode("MatMul", "x w", "y"), bytesField(5, raw("w", ramp(3), 4, 4)), x, y), "12 bytes, want 64"},
		"filled":       {aModel(17, aNode("ConstantOfShape", "s", "w"), aNode("MatMul", "x w", "y"), bytesField(5, int64s("s", 4, 1<<30)), x, y), "too large"},
		"misfit":       {aModel(17, aNode("MatMul", "x w", "y"), bytesField(5, raw("w", ramp(12), 3, 4)), x, y), "[3 4]"},
		"wide input":   {aModel(17, aNode("Relu", "x", "y"), bytesField(11, info("x", 0, 1<<31-1, 1<<31-1, 1<<31-1)), y), ""},
		"padding":      {aModel(17, aNode("Conv", "x w", "y", intsAttr("pads", 1<<20, 1<<20, 1<<20, 1<<20)), bytesField(5, raw("w", ramp(1), 1, 1, 1, 1)), bytesField(11, info("x", 0, 1, 4, 4)), y), "too large"},
		"deep":         {aModel(17, chain, x, bytesField(12, info(name(deep-1), 0, 4))), "20000"},
		"crowded":      {aModel(17, crowd, x, bytesField(12, info(name(deep-1), 0, 4))), "nodes"},
		"mixes sample": {aModel(17, aNode("Reshape", "x s", "y"), bytesField(5, int64s("s", -1, 2)), x, y), "samples"},
		"batch axis":   {aModel(17, aNode("Softmax", "x", "y", bytesOf(textField(1, "axis"), intField(3, 0))), x, y), "batch"},
		"external":     {aModel(17, aNode("MatMul", "x w", "y"), bytesField(5, outside("../secret", 0)), x, y), "folder"},
		"condition":    {aModel(17, aNode("Greater", "x t", "c"), aNode("Reshape", "x c", "y"), bytesField(5, raw("t", ramp(1), 1)), x, y), "depend on an input"},
		"more inputs":  {aModel(17, bytesField(1, textField(1, "s"), textField(1, "s"), textField(1, ""), textField(2, "c"), textField(4, "Equal")), aNode("Reshape", "x c", "y"), bytesField(5, int64s("s", -1, 2)), x, y), ""},
		"a third":      {aModel(17, aNode("Greater", "t t x", "c"), aNode("Cast", "c", "y", bytesOf(textField(1, "to"), intField(3, 1), intField(20, 2))), bytesField(5, raw("t", ramp(4), 4)), x, y), "more inputs"},
		"no numbers":   {aModel(17, aNode("Equal", "s none", "c"), aNode("Where", "c s none", "d"), aNode("Reshape", "x d", "y"), bytesField(5, int64s("s", 4)), bytesField(5, bytesOf(intField(1, 0), intField(2, 7), textField(8, "none"))), x, y), ""},
		"products":     {aModel(17, aNode("MatMul", "a b", "c"), aNode("Mul", "x c", "y"), bytesField(5, raw("a", nil, 1<<40, 0)), bytesField(5, raw("b", nil, 0, 1<<40)), x, y), ""},
		"states":       {aModel(17, aNode("Unsqueeze", "x zero", "s"), aNode("GRU", "s w r b l h", "o p"), aNode("Reshape", "p two", "y"), bytesField(5, int64s("zero", 0)), bytesField(5, int64s("two", -1, 2)), bytesField(5, raw("w", ramp(24), 1, 6, 4)), bytesField(5, raw("r", ramp(12), 1, 6, 2)), bytesField(5, raw("b", ramp(12), 1, 12)), bytesField(5, int64s("l", 1)), bytesField(5, raw("h", ramp(0), 1, 0, 2)), x, y), ""},
		"empty":        {nil, "graph"},
	} {
		err := use(tc.file)
		if err == nil {
			t.Errorf("%s: it is taken", what)
			continue
		}
		formattest.Told(t, err)
		if !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v; want it to say %q", what, err, tc.says)
		}
		var u *format.Unsupported
		var c *format.Corrupt
		var k *format.Choice
		if !errors.As(err, &u) && !errors.As(err, &c) && !errors.As(err, &k) {
			t.Errorf("%s: %v is a %T", what, err, err)
		}
	}
}

// TestMany are graphs whose parts are cheap to write and must not be dear to read: names that
// are all the same, and operations that a few numbers make many.
func TestMany(t *testing.T) {
	t.Parallel()
	const many = 4000
	var same, sum []byte
	for i := range many {
		same = append(same, bytesField(1, textField(1, "x"), textField(2, "v"+itoa(i)), textField(3, "a"), textField(4, "Relu"))...)
		sum = append(sum, textField(1, "v"+itoa(i))...)
	}
	x := bytesField(11, info("x", 0, 4))
	if err := use(aModel(17, same, bytesField(1, sum, textField(2, "y"), textField(4, "Sum")), x, bytesField(12, info("y", 0, 4)))); err != nil {
		t.Error(err)
	}
	flips := []byte{}
	for i := range 200 {
		in := "v" + itoa(i-1)
		if i == 0 {
			in = "x"
		}
		flips = append(flips, aNode("Slice", in+" s e a b", "u"+itoa(i))...)
		flips = append(flips, aNode("Relu", "u"+itoa(i), "v"+itoa(i))...)
	}
	for what, file := range map[string][]byte{
		"turned around": aModel(17, flips, bytesField(5, int64s("s", -1)), bytesField(5, int64s("e", -1<<31)), bytesField(5, int64s("a", 1)), bytesField(5, int64s("b", -1)),
			bytesField(11, info("x", 0, 4000)), bytesField(12, info("v199", 0, 4000))),
		"repeated":  aModel(17, aNode("Expand", "x s", "y"), bytesField(5, int64s("s", 1, 1<<26, 1)), bytesField(11, info("x", 0, 1, 2)), bytesField(12, info("y", 0, 1<<26, 2))),
		"put aside": aModel(17, aNode("Tile", "x s", "y"), bytesField(5, int64s("s", 1, 1<<19, 1<<4)), bytesField(11, info("x", 0, 1, 2)), bytesField(12, info("y", 0, 1<<19, 32))),
		"enlarged":  aModel(17, aNode("Upsample", "x s", "y"), bytesField(5, raw("s", []float32{1, 1, 256, 256}, 4)), bytesField(11, info("x", 0, 4, 64, 64)), bytesField(12, info("y", 0, 4, 1<<14, 1<<14))),
	} {
		err := use(file)
		var u *format.Unsupported
		if !errors.As(err, &u) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func itoa(i int) string { return strconv.Itoa(i) }

// outside is a tensor [4, 4] in another file.
func outside(location string, offset int) []byte {
	entry := func(k, v string) []byte { return bytesField(13, textField(1, k), textField(2, v)) }
	return bytesOf(intField(1, 4), intField(1, 4), intField(2, 1), textField(8, "w"), entry("location", location), entry("offset", itoa(offset)), entry("length", "64"), intField(14, 1))
}

// TestExternal reads data beside the model, and none elsewhere.
func TestExternal(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "model")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 72)
	for i, v := range ramp(16) {
		binary.LittleEndian.PutUint32(data[8+4*i:], math.Float32bits(v))
	}
	for _, name := range []string{filepath.Join(dir, "w.bin"), filepath.Join(top, "secret")} {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	write := func(location string, offset int) string {
		path := filepath.Join(dir, "m.onnx")
		b := aModel(17, aNode("MatMul", "x w", "y"), bytesField(5, outside(location, offset)), bytesField(11, info("x", 0, 4)), bytesField(12, info("y", 0, 4)))
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	m, err := format.Open(write("w.bin", 8), tensor.Float32)
	if err != nil {
		t.Fatal(err)
	}
	got := formattest.Predict(t, m, tensor.Of([]float32{1, 0, 0, 0}, 1, 4))
	for i, v := range ramp(4) {
		if got.Flat(i) != float64(v) {
			t.Errorf("element %d is %g, want %g", i, got.Flat(i), v)
		}
	}
	for _, location := range []string{"../secret", filepath.Join(top, "secret"), "link", "absent", ".", ""} {
		if _, err := format.Open(write(location, 8), tensor.Float32); err == nil {
			t.Errorf("%q is read", location)
		} else if c := (*format.Corrupt)(nil); !errors.As(err, &c) {
			t.Errorf("%q: %v is no error of the file", location, err)
		}
	}
	if _, err := format.Open(write("w.bin", 16), tensor.Float32); err == nil {
		t.Error("data behind the end of its file is read")
	}
}

// TestTypes writes the same numbers in every type, in both ways.
func TestTypes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.SampledFrom([]int64{1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 10, 16}).Draw(t, "type")
		n := rapid.IntRange(0, 5).Draw(t, "n")
		dt := dtypeOf(code)
		want := tensor.New(dt, n)
		for i := range n {
			v := float64(rapid.IntRange(0, 1).Draw(t, "v"))
			if dt != tensor.Bool {
				v *= 100
			}
			want.SetFlat(i, v)
		}
		num, width := field(dt)
		typed := []byte{}
		w := dt.Size()
		for i := range n {
			var b [8]byte
			copy(b[:], want.Bytes()[i*w:(i+1)*w])
			v := binary.LittleEndian.Uint64(b[:])
			switch width {
			case 4:
				typed = protowire.AppendFixed32(typed, uint32(v))
			case 8:
				typed = protowire.AppendFixed64(typed, v)
			default:
				typed = protowire.AppendVarint(typed, v)
			}
		}
		for _, body := range [][]byte{bytesField(9, want.Bytes()), bytesField(protowire.Number(num), typed)} {
			p, err := parseTensor(bytesOf(intField(1, n), intField(2, int(code)), body))
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.read()
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Bytes()) != string(want.Bytes()) {
				t.Fatalf("%s: %v, want %v", typeName(code), got, want)
			}
		}
	})
}

// FuzzOpen opens what may be a model, and predicts with it.
func FuzzOpen(f *testing.F) {
	f.Add(small())
	f.Add(aModel(9, aNode("Shape", "x", "s"), aNode("Reshape", "x s", "y"), bytesField(11, info("x", 2, 3)), bytesField(12, info("y", 2, 3))))
	f.Add(aModel(13, aNode("ConstantOfShape", "s", "w"), aNode("MatMul", "x w", "y"), bytesField(5, int64s("s", 4, 4)), bytesField(11, info("x", 0, 4)), bytesField(12, info("y", 0, 4))))
	f.Add(aModel(13, aNode("Transpose", "x", "t", intsAttr("perm", 0, 2, 1)), aNode("Softmax", "t", "y"), bytesField(11, info("x", 0, 3, 4)), bytesField(12, info("y", 0, 4, 3))))
	f.Add(overTime{op: "LSTM", direction: "bidirectional", lengths: true, begins: true, clip: 0.5}.file())
	f.Add(overTime{op: "GRU", direction: "reverse", lengths: true, reset: 1}.file())
	text := func(name, v string) []byte { return bytesOf(textField(1, name), textField(4, v), intField(20, 3)) }
	number := func(name string, v int) []byte { return bytesOf(textField(1, name), intField(3, v), intField(20, 2)) }
	cube, three := bytesField(11, info("x", 0, 4, 4)), bytesField(12, info("y", 0, 4, 4))
	f.Add(aModel(17, aNode("Einsum", "x w", "a", text("equation", "bij,jk->bik")), aNode("Einsum", "x a", "y", text("equation", "bij,bkj->bki")), bytesField(5, raw("w", ramp(16), 4, 4)), cube, three))
	f.Add(aModel(17, aNode("CumSum", "x i", "a", number("exclusive", 1)), aNode("Trilu", "a", "y"), bytesField(5, int64s("i", 2)), cube, three))
	f.Add(aModel(17, aNode("Range", "a b c", "r"), aNode("Greater", "x r", "g"), aNode("Not", "g", "n"), aNode("Where", "n x r", "y"), bytesField(5, raw("a", []float32{0})), bytesField(5, raw("b", []float32{4})), bytesField(5, raw("c", []float32{1})), cube, three))
	f.Add(aModel(17, aNode("ReduceLogSumExp", "x", "a", intsAttr("axes", 2)), aNode("ReduceMean", "a", "m", intsAttr("axes", 0, 1)), aNode("Sub", "a m", "y"), cube, three))
	f.Add(aModel(15, aNode("DepthToSpace", "x", "a", number("blocksize", 2)), aNode("InstanceNormalization", "a s s", "b"), aNode("SpaceToDepth", "b", "c", number("blocksize", 2)), aNode("ArgMax", "c", "y", number("axis", 1)), bytesField(5, raw("s", ramp(1), 1)), bytesField(11, info("x", 0, 4, 2, 2)), bytesField(12, info("y", 0, 1, 2, 2))))
	f.Add(aModel(15, aNode("BatchNormalization", "x s s s s", "y m v", number("training_mode", 1)), bytesField(5, raw("s", ramp(4), 4)), cube, three, bytesField(12, info("m", 4)), bytesField(12, info("v", 4))))
	f.Add(aModel(17, aNode("Reshape", "x s", "y", number("allowzero", 1)), bytesField(5, int64s("s", 3, 0)), bytesField(11, textField(1, "x"), bytesField(2, bytesField(1, intField(1, 1), bytesField(2, bytesField(1, intField(1, 0)), bytesField(1, intField(1, 3)))))), bytesField(12, info("y", 3, 4))))
	all := zoo(f)
	for _, name := range []string{"branches", "both ways", "both ways, other merges", "backwards", "words", "prepared", "affine", "transposed", "upsampling", "shapes", "parts and powers",
		"act gelu", "act relu with all", "act threshold", "pools counting", "compared", "functions", "groups of channels", "of the batch", "variance of the batch", "places of the largest", "largest"} {
		var b bytes.Buffer
		if _, err := Write(&b, all[name]); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<16 {
			return
		}
		if err := use(file); err != nil && err.Error() == "" {
			t.Error("an error that says nothing")
		}
	})
}
