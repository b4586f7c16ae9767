package onnx

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

// cases reads the cases of an archive: files by folder and name.
func cases(t *testing.T, archive string) map[string]map[string][]byte {
	t.Helper()
	f, err := os.Open(shared.File(t, "models", "onnx-node-tests", archive))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		name, rest, ok := strings.Cut(path.Clean(h.Name), "/")
		if !ok || h.Typeflag != tar.TypeReg {
			continue
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if out[name] == nil {
			out[name] = map[string][]byte{}
		}
		out[name][rest] = raw
	}
}

// errWrong is the error for results that differ.
var errWrong = errors.New("wrong")

// runCase computes a case, and takes a step of training with it. Inputs from fixed on are made constants of the graph: the
// cases feed weights, too.
func runCase(files map[string][]byte, fixed int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: panic: %v", errWrong, p)
		}
	}()
	m, err := parseModel(files["model.onnx"])
	if err != nil {
		return damaged(err)
	}
	if m.opset < oldest || m.opset > newest {
		return &format.Unsupported{What: "operator set", Msg: "its version"}
	}
	f := &format.File{}
	data := map[string]*tensor.Tensor{}
	given := map[string]bool{}
	for _, p := range m.graph.tensors {
		given[p.name] = true
	}
	float, i := tensor.Float32, -1
	for _, in := range m.graph.inputs {
		if given[in.name] {
			continue
		}
		i++
		if !in.tensor {
			return &format.Unsupported{What: in.name, Msg: "it is no tensor"}
		}
		p, err := parseTensor(files[fmt.Sprintf("test_data_set_0/input_%d.pb", i)])
		if err != nil {
			return damaged(err)
		}
		if in.code == 16 && p.code == 4 { // as NumPy knows no bfloat16
			p.code = 16
		}
		if in.code == 11 {
			float = tensor.Float64
		}
		if i >= fixed {
			p.name = in.name
			m.graph.tensors = append(m.graph.tensors, p)
			continue
		}
		if data[in.name], err = p.read(); err != nil {
			return damaged(err)
		}
	}
	c, b, err := blueprint(m, f, "", format.Options{})
	if err != nil {
		return damaged(err)
	}
	f.Blueprint = func(format.Options) (*format.Blueprint, error) { return b, nil }
	net, _, err := f.Import(format.Options{Float: float})
	if err != nil {
		return err
	}
	var xs []*tensor.Tensor
	for _, in := range m.graph.inputs {
		if data[in.name] == nil {
			continue
		}
		for name, perm := range c.orders {
			if name == c.inputName[in.name] {
				x := data[in.name]
				if !c.whole {
					if x, err = format.Permute(perm...)([]*tensor.Tensor{x}); err != nil {
						return err
					}
				}
				if c.whole {
					if x, err = data[in.name].Reshape(append([]int{1}, data[in.name].Shape()...)...); err != nil {
						return err
					}
				}
				switch x.DType() {
				case tensor.Int64:
					x = x.Convert(tensor.Int32)
				case tensor.Int8, tensor.Int16, tensor.Uint16, tensor.Bool:
					x = x.Convert(tensor.Float32)
				}
				xs = append(xs, x)
			}
		}
	}
	ys, err := formattest.TryAll(net, xs...)
	if err != nil {
		return err
	}
	for i, out := range m.graph.outputs {
		p, err := parseTensor(files[fmt.Sprintf("test_data_set_0/output_%d.pb", i)])
		if err != nil {
			return err
		}
		if out.code == 16 && p.code == 4 {
			p.code = 16
		}
		want, err := p.read()
		if err != nil {
			return err
		}
		perm := c.orders["output:"+out.name]
		if c.whole {
			if want, err = want.Reshape(append([]int{1}, want.Shape()...)...); err != nil {
				return err
			}
		}
		got := ys[i]
		near := 1e-3
		if out.code == 16 { // which nothing is rounded to here; the cases cut numbers off
			near = 0x1p-7
		}
		if c.shared[out.name] != sole { // each sample has it
			rows := got.Shape()[0]
			for r := range rows {
				if err := equal(got.Rows(r, r+1), want, near); err != nil {
					return err
				}
			}
			continue
		}
		if len(perm) != len(want.Shape()) {
			return fmt.Errorf("%w: output of %d axes, want %v", errWrong, len(perm), want.Shape())
		}
		if want, err = format.Permute(perm...)([]*tensor.Tensor{want}); err != nil {
			return err
		}
		if !got.Shape().Equal(want.Shape()) {
			return fmt.Errorf("%w: shape %v, want %v", errWrong, got.Shape(), want.Shape())
		}
		if err := equal(got, want, near); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(xs, func(x *tensor.Tensor) bool { return x.DType().IsFloat() }) {
		return nil // there is nothing that gradients are of
	}
	for _, y := range ys {
		if y.Len() == 0 || slices.ContainsFunc(values(y), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
			return nil // there is no loss
		}
	}
	if err := formattest.Learn(net, xs, ys); err != nil {
		return fmt.Errorf("%w: in training: %v", errWrong, err)
	}
	return nil
}

// equal compares numbers in their order.
func equal(got, want *tensor.Tensor, near float64) error {
	if got.Len() != want.Len() {
		return fmt.Errorf("%w: %v numbers, want %v", errWrong, got.Shape(), want.Shape())
	}
	for k := range want.Len() {
		g, w := got.Flat(k), want.Flat(k)
		if !(math.Abs(g-w) <= 1e-4+near*math.Abs(w)) && !(math.IsNaN(g) && math.IsNaN(w)) && g != w {
			return fmt.Errorf("%w: element %d is %g, want %g", errWrong, k, g, w)
		}
	}
	return nil
}

// named are the operations of the layers that are promised: all their cases pass but for those
// of excused.
var named = map[string]bool{"Conv": true, "ConvTranspose": true, "MaxPool": true, "AveragePool": true, "GlobalMaxPool": true, "GlobalAveragePool": true, "Pad": true, "Resize": true,
	"Upsample": true, "Concat": true, "Add": true, "Mul": true, "Reshape": true, "Transpose": true, "Flatten": true, "Squeeze": true, "Unsqueeze": true, "Gather": true, "LSTM": true, "GRU": true, "RNN": true,
	"BatchNormalization": true, "LRN": true, "PRelu": true, "Relu": true, "LeakyRelu": true, "Elu": true, "Selu": true, "Celu": true, "Sigmoid": true, "HardSigmoid": true, "HardSwish": true,
	"Tanh": true, "Softplus": true, "Softsign": true, "Gelu": true, "Mish": true, "ThresholdedRelu": true, "Shrink": true, "Clip": true, "Exp": true, "Softmax": true, "LogSoftmax": true, "Gemm": true,
	"MatMul": true, "Identity": true, "Dropout": true, "LayerNormalization": true, "InstanceNormalization": true, "MeanVarianceNormalization": true, "DepthToSpace": true, "SpaceToDepth": true,
	"ReduceMean": true, "ArgMax": true, "ArgMin": true, "Greater": true, "GreaterOrEqual": true, "Less": true, "LessOrEqual": true, "And": true, "Or": true, "Xor": true, "Sub": true, "Neg": true,
	"Abs": true, "Log": true, "Sqrt": true, "Reciprocal": true, "Sin": true, "Cos": true, "Tan": true, "Floor": true, "Ceil": true, "CumSum": true, "Tile": true, "Sum": true, "Mean": true}

// opOf is the operation of a graph of one node, or what stands for several.
func opOf(file []byte) string {
	m, err := parseModel(file)
	if err != nil || len(m.graph.nodes) == 0 {
		return "none that is read"
	}
	if len(m.graph.nodes) > 1 {
		return "several"
	}
	return m.graph.nodes[0].op
}

// TestNodes computes the cases of ONNX's own tests. They pass, or are refused for a
// reason; none gives other numbers.
func TestNodes(t *testing.T) {
	t.Parallel()
	counts := map[string][2]int{} // by operation: cases that pass, and that are refused
	for archive, want := range map[string]int{"node-v1.17.0": 345, "pytorch-converted": 40, "pytorch-operator": 18, "simple": 4} {
		all := cases(t, archive+".tar.gz")
		passed, refused, failed := []string{}, []string{}, []string{}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			err := runCase(all[name], 1)
			if err != nil && !errors.Is(err, errWrong) {
				if again := runCase(all[name], 1<<20); again == nil || errors.Is(again, errWrong) {
					err = again
				}
			}
			var u *format.Unsupported
			var bad *format.Corrupt
			var choice *format.Choice
			op := opOf(all[name]["model.onnx"])
			n := counts[op]
			if err == nil {
				n[0]++
			} else {
				n[1]++
			}
			counts[op] = n
			if named[op] && (err == nil) == (excused[name] != "") {
				t.Errorf("%s (%s): %v", name, op, err)
			}
			switch {
			case err == nil:
				passed = append(passed, name)
			case errors.As(err, &u), errors.As(err, &choice):
				refused = append(refused, name)
				t.Logf("%s: refused: %v", name, err)
			case errors.As(err, &bad):
				refused = append(refused, name)
				t.Logf("%s: refused as damaged: %v", name, err)
			default:
				failed = append(failed, name)
				t.Errorf("%s/%s: %v", archive, name, err)
			}
		}
		if len(passed) < want {
			t.Errorf("%s: %d cases pass, want %d: %v", archive, len(passed), want, passed)
		}
		t.Logf("%s: %d pass, %d fail, %d refused", archive, len(passed), len(failed), len(refused))
	}
	var b strings.Builder
	for _, op := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, "\n%-28s %4d pass %4d refused", op, counts[op][0], counts[op][1])
	}
	t.Log(b.String())
}

// excused are cases of operations that are named that are refused, and why. The random numbers
// are those of NumPy's Mersenne Twister with seed 0, drawn once for the whole batch: ONNX leaves the
// generator open.
var excused = map[string]string{
	"test_identity_sequence":        "a sequence of tensors, where a model here has tensors of fixed shapes",
	"test_training_dropout_default": "dropout at prediction, by random numbers of another generator",
	"test_training_dropout_mask":    "dropout at prediction, by random numbers of another generator",
}
