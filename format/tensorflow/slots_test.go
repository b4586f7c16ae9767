package tensorflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// slotCases are optimizers, and how TensorFlow 1 calls their slots: ours with what is behind
// the variable's name.
var slotCases = []struct {
	name  string
	rule  optim.Rule
	slots map[string]string
	torch bool // TensorFlow keeps the momentum without the rate, ours with it
}{
	{"adam", optim.Adam{LR: 0.01}, map[string]string{"momentum": "Adam", "velocity": "Adam_1"}, false},
	{"momentum", optim.SGD{LR: 0.1, Momentum: 0.9}, map[string]string{"momentum": "Momentum"}, true},
	{"momentum, kept alike", optim.SGD{LR: 0.1, Momentum: 0.9, Convention: optim.PyTorch}, map[string]string{"momentum": "Momentum"}, false},
	{"rmsprop", optim.RMSProp{LR: 0.01, Momentum: 0.5}, map[string]string{"velocity": "RMSProp", "momentum": "RMSProp_1"}, false},
	{"rmsprop, centered", optim.RMSProp{LR: 0.01, Momentum: 0.5, Centered: true}, map[string]string{"velocity": "RMSProp", "average_gradient": "RMSProp_1", "momentum": "RMSProp_2"}, false},
	{"adagrad", optim.AdaGrad{LR: 0.1}, map[string]string{"accumulator": "Adagrad"}, false},
	{"adadelta", optim.AdaDelta{LR: 1}, map[string]string{"accumulated_grad": "Adadelta", "accumulated_delta_var": "Adadelta_1"}, false},
	{"adamax", optim.AdaMax{LR: 0.01}, map[string]string{"momentum": "AdaMax", "norm": "AdaMax_1"}, false},
	{"ftrl", optim.FTRL{LR: 0.1, L1: 0.001}, map[string]string{"accumulator": "Ftrl", "linear": "Ftrl_1"}, false},
}

// TestSlots holds that training from the slots of a checkpoint is as if it had never been
// stopped.
func TestSlots(t *testing.T) {
	t.Parallel()
	const rows, before, after = 16, 15, 20
	x, y := tensor.New(tensor.Float32, rows, 3), tensor.New(tensor.Float32, rows, 1)
	for i := range x.Len() {
		x.SetFlat(i, math.Sin(float64(i)))
	}
	for i := range y.Len() {
		y.SetFlat(i, x.Flat(3*i)*x.Flat(3*i+1))
	}
	schema := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{3}}}, Targets: []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{1}}}}
	source, err := data.FromTensors(schema, []*tensor.Tensor{x}, []*tensor.Tensor{y})
	if err != nil {
		t.Fatal(err)
	}
	model := nn.Sequential{nn.Dense{Units: 5, Act: act.Tanh{}, Name: "hidden"}, nn.Dense{Units: 1, Name: "out"}}
	for _, c := range slotCases {
		set := train.Config{Data: source.Schema(), Optim: optim.Optimizer{Rule: c.rule}, Seed: 3, Float: tensor.Float64}
		tr, err := train.New(model, set)
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		// All rows are one batch: the order in which they come is another, and no more.
		losses := func(tr *train.Trainer, n int64) (out []float64) {
			for step, err := range tr.Steps(context.Background(), train.Run{Train: source, Batch: rows, Steps: tr.Taken() + n, Epochs: 1 << 20}) {
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, step.Loss)
			}
			return out
		}
		losses(tr, before)
		var ts []bundle.Named
		for p := range tr.Params.All() {
			weight, slot, is := strings.Cut(p.Name, "#")
			v, name := p.Value.Clone(), "net/"+p.Name
			if is {
				name = "net/" + weight + "/" + c.slots[slot]
				if c.torch && slot == "momentum" {
					for i := range v.Len() {
						v.SetFlat(i, -v.Flat(i)/0.1)
					}
				}
			}
			ts = append(ts, bundle.Named{Name: name, Tensor: v})
		}
		for name, beta := range map[string]float64{"net/beta1_power": 0.9, "net/beta2_power": 0.999} {
			if c.name == "adam" || c.name == "adamax" && beta == 0.9 {
				ts = append(ts, bundle.Named{Name: name, Tensor: tensor.Of([]float32{float32(math.Pow(beta, before+1))})})
			}
		}
		path := checkpoint(t, ts)
		m, r, err := format.Import(path, format.Options{Net: model, Inputs: source.Schema().Inputs, Float: tensor.Float64, Memory: true})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if m.Memory == nil || len(r.Slots.Of) != 4 {
			t.Fatalf("%s: %v", c.name, r.Slots)
		}
		m = kept(t, m)
		want := losses(tr, after)
		again, err := train.From(model, m.Params, set)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if err := again.Prepare(rows); err != nil {
			t.Fatal(err)
		}
		if err := again.Recall(m.Memory); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for i, got := range losses(again, after) {
			if d := math.Abs(got-want[i]) / want[i]; !(d < 1e-10) {
				t.Errorf("%s: loss %d is %.15g, want %.15g", c.name, i, got, want[i])
				break
			}
		}
		// Without them it is another way.
		m, _, err = format.Import(path, format.Options{Net: model, Inputs: source.Schema().Inputs, Float: tensor.Float64})
		if err != nil || m.Memory != nil {
			t.Fatal(err)
		}
		fresh, err := train.From(model, m.Params, set)
		if err != nil {
			t.Fatal(err)
		}
		defer fresh.Close()
		if got := losses(fresh, after); fmt.Sprint(got[after-1]) == fmt.Sprint(want[after-1]) {
			t.Errorf("%s: fresh slots are as good", c.name)
		}
	}
}

// checkpoint writes a checkpoint of these tensors.
func checkpoint(t *testing.T, ts []bundle.Named) string {
	t.Helper()
	return checkpointIn(t, t.TempDir(), ts)
}

// checkpointIn is checkpoint in a folder.
func checkpointIn(t *testing.T, dir string, ts []bundle.Named) string {
	t.Helper()
	path := filepath.Join(dir, "model.ckpt")
	var index, shard bytes.Buffer
	if err := bundle.Write(&index, &shard, ts); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{".index": index.Bytes(), ".data-00000-of-00001": shard.Bytes()} {
		if err := os.WriteFile(path+name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// kept is a model after it was saved as one of ours, with what its optimizer remembers.
func kept(t *testing.T, m *format.Model) *format.Model {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.safetensors")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(format.Write(file, m), file.Close()); err != nil {
		t.Fatal(err)
	}
	again, _, err := format.Import(path, format.Options{Float: m.Params.Float(), Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	a, b := m.Memory, again.Memory
	if a.Rule != b.Rule || a.Torch != b.Torch || a.Step != b.Step || len(a.Slots) != len(b.Slots) {
		t.Errorf("%s after %d steps has become %s after %d", a.Rule, a.Step, b.Rule, b.Step)
	}
	for name, v := range a.Slots {
		if w := b.Slots[name]; w == nil || !bytes.Equal(v.Bytes(), w.Bytes()) {
			t.Errorf("slot %s is another one", name)
		}
	}
	without, _, err := format.Import(path, format.Options{})
	if err != nil || without.Memory != nil {
		t.Errorf("read without slots: %v, %v", without, err)
	}
	return again
}

// TestObjectSlots holds that the graph of objects of a checkpoint of TensorFlow 2 links
// weights and slots, and that the optimizer's count of steps is read.
func TestObjectSlots(t *testing.T) {
	t.Parallel()
	const end = "/.ATTRIBUTES/VARIABLE_VALUE"
	object := func(key, name string) []byte {
		return field(1, field(2, text(1, "VARIABLE_VALUE"), text(2, name), text(3, key)))
	}
	link := func(variable, slot int, name string) []byte {
		return field(3, number(1, variable), text(2, name), number(3, slot))
	}
	x := tensor.Of([]float64{1, 2, 3}, 3)
	names := []string{"layer/bias" + end, "layer/bias/.OPTIMIZER_SLOT/optimizer/m" + end, "layer/bias/.OPTIMIZER_SLOT/optimizer/v" + end}
	graph := slices.Concat(object(names[0], "out/bias"), object(names[1], "out/bias/m"), object(names[2], "out/bias/v"), field(1, link(0, 1, "m"), link(0, 2, "v")))
	ts := []bundle.Named{{Name: objectKey, Text: string(graph)}, {Name: "optimizer/iter" + end, Tensor: tensor.Of([]int64{7}, 1)}}
	for _, n := range names {
		ts = append(ts, bundle.Named{Name: n, Tensor: x})
	}
	path := checkpoint(t, ts)
	f, err := format.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Slots == nil || f.Slots.Rule != "adam" {
		t.Fatalf("slots %v", f.Slots)
	}
	if n, err := f.Slots.Step(); n != 7 || err != nil {
		t.Error(n, err)
	}
	if of := f.Slots.Of[names[0]]; of["momentum"] != names[1] || of["velocity"] != names[2] {
		t.Errorf("slots %v", of)
	}
	for _, held := range f.Tensors {
		if held.Slot != (held.Name != names[0] && held.Name != objectKey) {
			t.Errorf("%s: slot %t", held.Name, held.Slot)
		}
	}
}

// TestBERTSlots holds that the means of BERT's optimizer, which have names of their own, are
// Adam's, with nothing left to correct for their beginning.
func TestBERTSlots(t *testing.T) {
	t.Parallel()
	of := func(v float64) *tensor.Tensor { return tensor.Of([]float64{v, v}, 2) }
	path := checkpoint(t, []bundle.Named{{Name: "bert/out/bias", Tensor: of(1)}, {Name: "bert/out/bias/adam_m", Tensor: of(2)}, {Name: "bert/out/bias/adam_v", Tensor: of(3)}, {Name: "global_step", Tensor: tensor.Of([]int64{12})}})
	m, r, err := format.Import(path, format.Options{Net: nn.Sequential{nn.Affine{NoScale: true, Name: "out"}}, Inputs: samples(2), Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	if m.Memory == nil || m.Memory.Rule != "adam" || m.Memory.Step != manySteps || m.Memory.Slots["out/beta#momentum"].Flat(0) != 2 || m.Memory.Slots["out/beta#velocity"].Flat(1) != 3 {
		t.Errorf("%+v, %v", m.Memory, r.Tensors)
	}
}

// TestNamedSlots holds that the optimizers of Keras since 2.11, which no object links with the
// weights, are told by the names of what they keep, and older ones whose slots are called alike.
func TestNamedSlots(t *testing.T) {
	t.Parallel()
	const end = "/.ATTRIBUTES/VARIABLE_VALUE"
	object := func(key, name string) []byte {
		return field(1, field(2, text(1, "VARIABLE_VALUE"), text(2, name), text(3, key)))
	}
	for rule, c := range map[string]struct {
		names  []string // of the variables of the optimizer
		linked bool
		want   []string
	}{
		"nadam":   {[]string{"Nadam/m/out/bias", "Nadam/v/out/bias"}, false, []string{"momentum", "velocity"}},
		"adamax":  {[]string{"Adamax/out/bias/m", "Adamax/out/bias/v"}, true, []string{"momentum", "norm"}},
		"amsgrad": {[]string{"Adam/m/out/bias", "Adam/v/out/bias", "Adam/vhat/out/bias"}, false, []string{"momentum", "velocity", "velocity_hat"}},
		"ftrl":    {[]string{"Ftrl_1/accumulator/out/bias", "Ftrl_1/linear/out/bias"}, false, []string{"accumulator", "linear"}},
		"sgd":     {[]string{"SGD/m/out/bias"}, false, []string{"momentum"}},
		"rmsprop": {[]string{"training/RMSprop/out/bias/rms", "training/RMSprop/out/bias/momentum"}, true, []string{"velocity", "momentum"}},
		"lion":    {[]string{"Lion/m/out/bias"}, false, []string{"momentum"}},
	} {
		graph, links := object("layer/bias"+end, "out/bias"), []byte(nil)
		ts := []bundle.Named{{Name: "optimizer/_iterations" + end, Tensor: tensor.Of([]int64{9}, 1)}, {Name: "layer/bias" + end, Tensor: tensor.Of([]float64{1, 2}, 2)}}
		for i, name := range c.names {
			key := fmt.Sprintf("optimizer/_variables/%d%s", i+1, end)
			graph = append(graph, object(key, name)...)
			ts = append(ts, bundle.Named{Name: key, Tensor: tensor.Of([]float64{3, float64(i)}, 2)})
			if parts := strings.Split(name, "/"); c.linked {
				links = append(links, field(3, number(1, 0), text(2, parts[len(parts)-1]), number(3, i+1))...)
			}
		}
		graph = append(graph, field(1, links)...)
		ts = append(ts, bundle.Named{Name: objectKey, Text: string(graph)})
		slices.SortFunc(ts, func(a, b bundle.Named) int { return strings.Compare(a.Name, b.Name) })
		path := checkpoint(t, ts)
		f, err := format.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Slots == nil || f.Slots.Rule != rule {
			t.Errorf("%s: slots %v", rule, f.Slots)
			continue
		}
		if n, err := f.Slots.Step(); n != 9 || err != nil {
			t.Errorf("%s: %d, %v", rule, n, err)
		}
		for i, slot := range c.want {
			if got := f.Slots.Of["layer/bias"+end][slot]; got != fmt.Sprintf("optimizer/_variables/%d%s", i+1, end) {
				t.Errorf("%s: %s is %q", rule, slot, got)
			}
		}
	}
}

// TestRecall holds that rules whose slots TensorFlow 1 has no names for go on from what Keras
// keeps of them as if they had never been stopped: of Nadam the product of its momenta may lack,
// which Keras 3 does not save, and follows from the steps.
func TestRecall(t *testing.T) {
	t.Parallel()
	const rows, before, after = 8, 7, 9
	x, y := tensor.New(tensor.Float32, rows, 2), tensor.New(tensor.Float32, rows, 1)
	for i := range rows {
		x.SetFlat(2*i, math.Sin(float64(i)))
		x.SetFlat(2*i+1, math.Cos(float64(3*i)))
		y.SetFlat(i, x.Flat(2*i)*x.Flat(2*i+1))
	}
	schema := data.Schema{Inputs: samples(2), Targets: []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{1}}}}
	source, err := data.FromTensors(schema, []*tensor.Tensor{x}, []*tensor.Tensor{y})
	if err != nil {
		t.Fatal(err)
	}
	model := nn.Sequential{nn.Dense{Units: 3, Act: act.Tanh{}, Name: "hidden"}, nn.Dense{Units: 1, Name: "out"}}
	for name, c := range map[string]struct {
		rule optim.Rule
		as   string
	}{
		"nadam":          {optim.Nadam{LR: 0.01, Beta1: 0.8}, "nadam"},
		"nadam, Keras 2": {optim.Nadam{LR: 0.01, Convention: optim.Keras2}, "nadam"},
		"amsgrad":        {optim.Adam{LR: 0.01, AMSGrad: true}, "amsgrad"},
		"lamb":           {optim.LAMB{LR: 0.01}, "lamb"},
		"lion":           {optim.Lion{LR: 0.001}, "lion"},
	} {
		set := train.Config{Data: schema, Optim: optim.Optimizer{Rule: c.rule}, Seed: 3, Float: tensor.Float64}
		tr, err := train.New(model, set)
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		losses := func(tr *train.Trainer, n int64) (out []float64) {
			for step, err := range tr.Steps(context.Background(), train.Run{Train: source, Batch: rows, Steps: tr.Taken() + n, Epochs: 1 << 20}) {
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, step.Loss)
			}
			return out
		}
		losses(tr, before)
		m := &format.Memory{Rule: c.as, Step: before, Slots: map[string]*tensor.Tensor{}}
		params := param.NewSet(tensor.Float64)
		for p := range tr.Params.All() {
			switch {
			case !strings.Contains(p.Name, "#"):
				if _, err := params.Put(p.Name, p.Kind, p.Value.Clone()); err != nil {
					t.Fatal(err)
				}
			case !strings.HasPrefix(p.Name, "#"):
				m.Slots[p.Name] = p.Value.Clone()
			}
		}
		want := losses(tr, after)
		again, err := train.From(model, params, set)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if err := again.Prepare(rows); err != nil {
			t.Fatal(err)
		}
		if err := again.Recall(m); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, got := range losses(again, after) {
			if d := math.Abs(got-want[i]) / want[i]; !(d < 1e-10) {
				t.Errorf("%s: loss %d is %.15g, want %.15g", name, i, got, want[i])
				break
			}
		}
	}
}
