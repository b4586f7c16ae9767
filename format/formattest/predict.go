package formattest

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/idx"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// Import opens a model, which the test fails without.
func Import(t testing.TB, path string, o format.Options) (*format.Model, *format.Report) {
	t.Helper()
	m, r, err := format.Import(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return m, r
}

// Predict is what the first output of a model predicts for rows of its input,
// which are brought to its shape.
func Predict(t testing.TB, m *format.Model, x *tensor.Tensor) *tensor.Tensor {
	t.Helper()
	y, err := Try(m, x)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// Try is Predict with an error.
func Try(m *format.Model, x *tensor.Tensor) (*tensor.Tensor, error) {
	x, err := x.Reshape(append([]int{x.Shape()[0]}, m.Data.Inputs[0].Shape...)...)
	if err != nil {
		return nil, err
	}
	out, err := TryAll(m, x)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// TryAll is what all outputs of a model predict for rows of each input.
func TryAll(m *format.Model, xs ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	set := train.Config{Data: m.Data, Preprocess: m.Preprocess, Float: m.Params.Float(), Threads: 1, Losses: map[string]train.OutputLoss{}}
	for _, o := range m.Losses {
		set.Losses[o.Name] = train.OutputLoss{Loss: o.Loss, Weight: o.Weight}
	}
	n, err := train.NewNet(m.Net, m.Params, set)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	out, err := n.Predict(context(), xs...)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i] = out[i].Clone()
	}
	return out, nil
}

// Learn takes a step of training on rows of each input, of which the model gives ys, towards
// what is somewhat more than these. A factor of inputs and outputs is learned, too, so that
// gradients go through all of the model.
func Learn(m *format.Model, xs, ys []*tensor.Tensor) error {
	ins, outs := m.Net.Ports()
	net := nn.Func{In: ins, Out: outs, Build: func(s *nn.Scope, in []graph.Node) []graph.Node {
		one := s.Weight("one", initial.Ones{}) // for outputs that no gradient flows to
		for i, x := range in {
			if x.Type().Kind == graph.Float {
				in[i] = x.Mul(one)
			}
		}
		out := m.Net.Trace(s, in)
		for i, y := range out {
			out[i] = y.Mul(one)
		}
		return out
	}}
	set := train.Config{Data: m.Data, Preprocess: nn.Sequential{}, Float: m.Params.Float(), Threads: 1, Losses: map[string]train.OutputLoss{}}
	set.Data.Targets, set.Data.Classes = nil, nil
	batch := &data.Batch{N: ys[0].Shape()[0], X: xs}
	for i, y := range ys {
		want := tensor.New(m.Params.Float(), y.Shape()...)
		for k := range want.Len() {
			want.SetFlat(k, y.Flat(k)+0.5)
		}
		set.Data.Targets = append(set.Data.Targets, data.Field{Name: outs[i].Name, DType: want.DType(), Shape: y.Shape()[1:].Clone()})
		set.Losses[outs[i].Name] = train.OutputLoss{Loss: loss.MSE{}, Weight: 1}
		batch.Y = append(batch.Y, want)
	}
	tr, err := train.From(net, m.Params, set)
	if err != nil {
		return err
	}
	defer tr.Close()
	if _, err := tr.Learn(context(), batch); err != nil {
		return err
	}
	return nil
}

// Rows are the test inputs that are recorded as lcg: n numbers of
// ((i·7919 + 13) mod 1009)/1008·scale + offset.
func Rows(scale, offset float64, shape ...int) *tensor.Tensor {
	x := tensor.New(tensor.Float32, shape...)
	for i := range x.Len() {
		x.SetFlat(i, float64((i*7919+13)%1009)/1008*scale+offset)
	}
	return x
}

// Images are the pictures of a part of a set, t10k or train, as numbers from 0 to 1, and
// their labels, not to be changed.
func Images(t testing.TB, set, part string) (x *tensor.Tensor, labels []uint8) {
	t.Helper()
	once.Lock()
	defer once.Unlock()
	key := set + "/" + part
	if p, ok := pictures[key]; ok {
		return p.x, p.labels
	}
	raw := read(t, set, part+"-images-idx3-ubyte.gz")
	x = tensor.New(tensor.Float32, raw.Shape()...)
	for i, b := range raw.Uint8s() {
		x.Float32s()[i] = float32(b) * (1.0 / 255)
	}
	p := loaded{x, read(t, set, part+"-labels-idx1-ubyte.gz").Uint8s()}
	pictures[key] = p
	return p.x, p.labels
}

// Sets that were read stay, as many tests of a package ask for the same.
var (
	once     sync.Mutex
	pictures = map[string]loaded{}
)

type loaded struct {
	x      *tensor.Tensor
	labels []uint8
}

func read(t testing.TB, set, name string) *tensor.Tensor {
	t.Helper()
	file, err := os.Open(shared.File(t, "data", set, name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	x, err := idx.Read(bytesOf(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Accuracy is the share of rows whose class the model finds. Of the classes, keep
// are taken, renumbered from 0; all without.
func Accuracy(t testing.TB, m *format.Model, x *tensor.Tensor, labels []uint8, keep ...uint8) float64 {
	t.Helper()
	const batch = 500
	right, rows := 0, 0
	set := tensor.New(tensor.Float32, append([]int{batch}, x.Shape()[1:]...)...)
	var want []int
	flush := func() {
		if len(want) == 0 {
			return
		}
		y := Predict(t, m, set.Rows(0, len(want)))
		k := y.Len() / len(want)
		for i, w := range want {
			best := 0
			for c := range k {
				if y.Flat(i*k+c) > y.Flat(i*k+best) {
					best = c
				}
			}
			if best == w {
				right++
			}
			rows++
		}
		want = want[:0]
	}
	for i, l := range labels {
		w := int(l)
		if len(keep) > 0 {
			if w = slices.Index(keep, l); w < 0 {
				continue
			}
		}
		if err := set.Rows(len(want), len(want)+1).CopyFrom(x.Rows(i, i+1)); err != nil {
			t.Fatal(err)
		}
		if want = append(want, w); len(want) == batch {
			flush()
		}
	}
	flush()
	return float64(right) / float64(rows)
}

// Expected reads the recorded results beside a fixture into a struct.
func Expected(t testing.TB, dir string, into any) {
	t.Helper()
	raw, err := os.ReadFile(shared.File(t, "models", dir, "expected.json"))
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Near holds a tensor against recorded numbers, within 1e-4 + 1e-3·|want|.
func Near(t testing.TB, got *tensor.Tensor, want ...float64) {
	t.Helper()
	if got.Len() != len(want) {
		t.Fatalf("%d numbers of shape %v, want %d", got.Len(), got.Shape(), len(want))
	}
	for i, w := range want {
		if g := got.Flat(i); !(math.Abs(g-w) <= 1e-4+1e-3*math.Abs(w)) {
			t.Errorf("element %d: %g, want %g", i, g, w)
			return
		}
	}
}
