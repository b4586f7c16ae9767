package torch_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// modules loads each file of ours into modules of PyTorch that are built alike, and saves
// what they make of an input, and weights of its own for the same net.
const modules = `
import json, sys, torch
from torch import nn
folder = sys.argv[1]

class Net(nn.Module):
    def __init__(self, parts, steps):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.steps = steps
    def forward(self, x):
        return self.steps(self, x)

def rows(shape):
    n = 1
    for d in shape:
        n *= d
    return torch.tensor([((i * 7919 + 13) % 1009) / 1008 * 2 - 1 for i in range(n)], dtype=torch.float32).reshape(shape)

nets = {
    "dense": ((3, 4), {"a": nn.Linear(4, 5), "n": nn.BatchNorm1d(5, eps=1e-3), "b": nn.Linear(5, 2)},
              lambda m, x: m.b(m.n(torch.nn.functional.elu(m.a(x))))),
    "conv": ((2, 5, 6, 3), {"c": nn.Conv2d(3, 4, 3, padding=1), "n": nn.BatchNorm2d(4, eps=1e-3), "d": nn.Conv2d(4, 8, 3, stride=2, groups=4), "o": nn.Linear(8, 2)},
             lambda m, x: m.o(m.d(torch.relu(m.n(m.c(x.permute(0, 3, 1, 2))))).mean((2, 3)))),
    "lstm": ((2, 4, 3), {"r": nn.LSTM(3, 5, batch_first=True), "o": nn.Linear(5, 2)}, lambda m, x: m.o(m.r(x)[0][:, -1])),
    "projected": ((2, 4, 3), {"r": nn.LSTM(3, 5, proj_size=2, batch_first=True), "o": nn.Linear(2, 2)}, lambda m, x: m.o(m.r(x)[0][:, -1])),
    "projected both": ((2, 4, 3), {"r": nn.LSTM(3, 5, proj_size=3, batch_first=True, bidirectional=True), "o": nn.Linear(6, 2)}, lambda m, x: m.o(m.r(x)[0].mean(1))),
    "gru": ((2, 4, 3), {"r": nn.GRU(3, 5, batch_first=True), "o": nn.Linear(5, 2)}, lambda m, x: m.o(m.r(x)[0][:, -1])),
    "rnn": ((2, 4, 3), {"r": nn.RNN(3, 5, batch_first=True), "o": nn.Linear(5, 2)}, lambda m, x: m.o(m.r(x)[0][:, -1])),
    "both": ((2, 4, 3), {"r": nn.LSTM(3, 5, batch_first=True, bidirectional=True), "o": nn.Linear(10, 2)}, lambda m, x: m.o(m.r(x)[0].mean(1))),
}
out = {}
for name, (shape, parts, steps) in nets.items():
    net = Net(parts, steps).eval()
    x = rows(shape)
    torch.manual_seed(7)
    for p in net.parameters():
        p.data.uniform_(-0.5, 0.5)
    for key, b in net.named_buffers():
        if "running" in key:
            b.uniform_(0.5, 1.5)
    theirs = net(x).flatten().tolist()
    torch.save({"epoch": 3, "state_dict": {"module." + k: v for k, v in net.state_dict().items()}}, folder + "/" + name + ".theirs.pt")
    net.load_state_dict(torch.load(folder + "/" + name + ".ours.pt"))
    out[name] = {"ours": net(x).flatten().tolist(), "theirs": theirs}
json.dump(out, sys.stdout)
`

// TestModules gives our nets' weights to PyTorch's modules and theirs to our nets: both
// compute the same, to 1e-5.
func TestModules(t *testing.T) {
	t.Parallel()
	const interpreter = "/usr/bin/python3"
	if err := exec.Command(interpreter, "-c", "import torch").Run(); err != nil {
		t.Skip("PyTorch is not installed: apt-get install python3-torch")
	}
	conv := func(name string, filters, groups int, strides tensor.Shape, pad nn.Padding) nn.Layer {
		return nn.Conv2D{Name: name, Filters: filters, Kernel: tensor.Shape{3}, Groups: groups, Strides: strides, Padding: pad}
	}
	head := nn.Dense{Units: 2, Name: "o"}
	nets := map[string]struct {
		net   nn.Sequential
		shape []int
	}{
		"dense": {nn.Sequential{nn.Dense{Units: 5, Act: act.ELU{}, Name: "a"}, nn.BatchNorm{Name: "n"}, nn.Dense{Units: 2, Name: "b"}}, []int{3, 4}},
		"conv": {nn.Sequential{conv("c", 4, 1, nil, nn.Same), nn.BatchNorm{Name: "n"}, nn.Activation{Act: act.ReLU{}}, conv("d", 8, 4, tensor.Shape{2}, nn.Padding{}),
			nn.GlobalAveragePooling2D{}, head}, []int{2, 5, 6, 3}},
		"lstm":           {nn.Sequential{nn.LSTM{Units: 5, Name: "r"}, head}, []int{2, 4, 3}},
		"projected":      {nn.Sequential{nn.LSTM{Units: 5, Projection: 2, Name: "r"}, head}, []int{2, 4, 3}},
		"projected both": {nn.Sequential{nn.Bidirectional{Layer: nn.LSTM{Units: 5, Projection: 3, Sequences: true}, Name: "r"}, nn.GlobalAveragePooling1D{}, head}, []int{2, 4, 3}},
		"gru":            {nn.Sequential{nn.GRU{Units: 5, Name: "r"}, head}, []int{2, 4, 3}},
		"rnn":            {nn.Sequential{nn.SimpleRNN{Units: 5, Name: "r"}, head}, []int{2, 4, 3}},
		"both":           {nn.Sequential{nn.Bidirectional{Layer: nn.LSTM{Units: 5, Sequences: true}, Name: "r"}, nn.GlobalAveragePooling1D{}, head}, []int{2, 4, 3}},
	}
	dir := t.TempDir()
	want := map[string]*tensor.Tensor{}
	inputs := func(shape []int) []data.Field {
		return []data.Field{{Name: "x", DType: tensor.Float32, Shape: shape[1:]}}
	}
	exporter, ok := format.ExporterFor("torch", "")
	if !ok {
		t.Fatal("nothing writes .pt")
	}
	for name, n := range nets {
		m := &format.Model{Net: n.net, Params: param.NewSet(tensor.Float32)}
		m.Data.Inputs = inputs(n.shape)
		names, shapes, err := format.Declared(m)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range names {
			v, err := m.Params.Add(p, param.Weight, shapes[p])
			if err != nil {
				t.Fatal(err)
			}
			for k, x := range formattest.Numbers(i, v.Value.Len()) {
				if v.Value.SetFlat(k, x/2); i > 0 && len(names) > 4 && shapes[p].Len() < 6 {
					v.Value.SetFlat(k, 0.75+x/4) // variances are above 0
				}
			}
		}
		var b bytes.Buffer
		if _, err := exporter.Write(&b, m); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".ours.pt"), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		want[name] = formattest.Predict(t, m, formattest.Rows(2, -1, n.shape...))
	}
	cmd := exec.Command(interpreter, "-c", modules, dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var got map[string]struct{ Ours, Theirs []float64 }
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	near := func(t *testing.T, what string, a *tensor.Tensor, b []float64) {
		t.Helper()
		if a.Len() != len(b) {
			t.Fatalf("%s: %d numbers, want %d", what, a.Len(), len(b))
		}
		for i, v := range b {
			if d := math.Abs(a.Flat(i) - v); !(d <= 1e-5) {
				t.Errorf("%s: element %d is %v here, %v in PyTorch", what, i, a.Flat(i), v)
			}
		}
	}
	for name, n := range nets {
		near(t, name+", our weights", want[name], got[name].Ours)
		m, _ := formattest.Import(t, filepath.Join(dir, name+".theirs.pt"), format.Options{Net: n.net, Inputs: inputs(n.shape)})
		near(t, name+", their weights", formattest.Predict(t, m, formattest.Rows(2, -1, n.shape...)), got[name].Theirs)
	}
}
