package act_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// trained is every parameter of a net after three steps on rows of numbers, by
// name.
func trained(t *testing.T, m nn.Model, cfg train.Config) map[string][]byte {
	t.Helper()
	const n, in, out = 12, 5, 4
	r := rng.New(9, 0)
	x, y := tensor.New(tensor.Float32, n, in), tensor.New(tensor.Float32, n, out)
	for i := range x.Len() {
		x.SetFlat(i, r.Norm())
	}
	for i := range y.Len() {
		y.SetFlat(i, r.Norm())
	}
	field := func(name string, w int) []data.Field {
		return []data.Field{{Name: name, DType: tensor.Float32, Shape: tensor.Shape{w}}}
	}
	src, err := data.FromTensors(data.Schema{Inputs: field("x", in), Targets: field("y", out)}, []*tensor.Tensor{x}, []*tensor.Tensor{y})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Data, cfg.Loss, cfg.Threads = src.Schema(), loss.MSE{}, 1
	tr, err := train.New(m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := train.Fit(tr.Steps(context.Background(), train.Run{Train: src, Batch: 4, Epochs: 1})); err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for p := range tr.Params.All() {
		all[p.Name] = p.Value.Bytes()
	}
	return all
}

// An activation as a name, as a value with its parameters, and as a layer of its
// own makes nets of the same bits, for every activation that there is. One that
// learns keeps its slopes under its own name where it is a layer, and what one draws
// at random goes by the name of the layer that it is in, so that the nets of RReLU
// begin equal and go apart.
func TestThreeForms(t *testing.T) {
	t.Parallel()
	for _, name := range act.Registry.Names() {
		a, err := act.Registry.New(name)
		if err != nil {
			t.Fatal(err)
		}
		units := 6
		full := fmt.Sprintf(`{"name": %q}`, name)
		if v, err := spec.Encode(a); err == nil && v.Kind == spec.Map {
			full = string(v.JSON())
		}
		init, err := spec.Encode(act.DefaultInit(a))
		if err != nil {
			t.Fatal(err)
		}
		forms := []string{
			fmt.Sprintf(`[{"dense": {"units": %d, "activation": %q}}, {"dense": {"units": 4}}]`, units, name),
			fmt.Sprintf(`[{"dense": {"units": %d, "activation": %s}}, {"dense": {"units": 4}}]`, units, full),
			fmt.Sprintf(`[{"dense": {"units": %d, "kernel_initializer": %s}}, %q, {"dense": {"units": 4}}]`, units, init.JSON(), name),
			fmt.Sprintf(`[{"dense": {"units": %d, "kernel_initializer": %s}}, {"activation": {"activation": %s}}, {"dense": {"units": 4}}]`, units, init.JSON(), full),
		}
		nets := []nn.Model{nn.Sequential{nn.Dense{Units: units, Act: a}, nn.Dense{Units: 4}}}
		for _, text := range forms {
			v, err := spec.ParseJSON("net.json", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			m, err := nn.Decode(v)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			nets = append(nets, m)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := train.Config{Optim: optim.Optimizer{Rule: optim.SGD{LR: 0.01}}, Seed: 3}
			want := trained(t, nets[0], cfg)
			for i, m := range nets[1:] {
				cfg := cfg
				if _, draws := a.(act.RReLU); draws && i >= 2 {
					cfg.Optim.Groups = []optim.Group{{Params: "*", LRScale: 0}}
					want = trained(t, nets[0], cfg)
				}
				got := trained(t, m, cfg)
				for name, v := range want {
					if w, ok := got[name]; ok && !reflect.DeepEqual(v, w) {
						t.Errorf("%s of %s is not that of the value in Go", name, forms[i])
					}
				}
				if len(got) != len(want) {
					t.Errorf("%s has %d parameters, want %d", forms[i], len(got), len(want))
				}
			}
		})
	}
}

// The slopes of PReLU do not decay: neither by weight decay of any kind nor by a
// penalty on the kernel.
func TestSlopesNeverDecay(t *testing.T) {
	t.Parallel()
	// The output does not depend on the layer, so that decay alone moves it.
	m := nn.Sequential{nn.Dense{Units: 6, Act: act.PReLU{}, Regularizer: regular.L2{Amount: 0.1}, Name: "still"}, nn.Dense{Units: 4, Init: zeros{}, Name: "head"}}
	for _, o := range []optim.Optimizer{
		{Rule: optim.SGD{LR: 0.1}, WeightDecay: 0.5}, {Rule: optim.SGD{LR: 0.1}, CoupledDecay: 0.5}, {Rule: optim.AdamW{Adam: optim.Adam{LR: 0.1}, Decay: 0.5}},
		{Rule: optim.SGD{LR: 0.1}},
	} {
		o.Groups = []optim.Group{{Params: "head", LRScale: 0}}
		after := trained(t, m, train.Config{Optim: o, Seed: 3})
		set := param.NewSet(tensor.Float32)
		alpha, err := set.Add("alpha", param.Weight, tensor.Shape{6})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			alpha.Value.SetFlat(i, 0.25)
		}
		if !reflect.DeepEqual(after["still/alpha"], alpha.Value.Bytes()) {
			t.Errorf("%+v moved the slopes: %v", o, after["still/alpha"])
		}
		fresh, err := train.NewNet(m, nil, train.Config{Seed: 3, Data: data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{5}}}}})
		if err != nil {
			t.Fatal(err)
		}
		if reflect.DeepEqual(after["still/kernel"], fresh.Params.Value("still/kernel").Bytes()) {
			t.Errorf("%+v left the kernel alone", o)
		}
	}
}

// zeros is a kernel of zeros.
type zeros struct{}

func (zeros) Fill(dst *tensor.Tensor, _ param.Rand) { clear(dst.Bytes()) }
