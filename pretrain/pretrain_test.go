package pretrain

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// logistic is a net of two hidden layers on digits.
func logistic(units ...int) nn.Sequential {
	m := nn.Sequential{nn.Flatten{}}
	for i, u := range units {
		m = append(m, nn.Dense{Units: u, Act: act.Sigmoid{}, Name: fmt.Sprint("hidden", i+1)})
	}
	return append(m, nn.Dense{Units: 10, Name: "logits"})
}

// netOf ties a model to rows.
func netOf(t testing.TB, m nn.Model, src data.Source) *train.Net {
	t.Helper()
	n, err := train.NewNet(m, nil, train.Config{Data: src.Schema(), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// stagesOf reads stages as files have them.
func stagesOf(t testing.TB, json string) []Stage {
	t.Helper()
	v, err := spec.ParseJSON("stages", []byte(json))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Decode(v)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs stages to their end.
func run(t testing.TB, n *train.Net, json string, cfg Config) *Pretraining {
	t.Helper()
	p, err := New(n, stagesOf(t, json), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	for _, err := range p.Steps(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// text is every value of a set.
func text(s *param.Set) string {
	var out strings.Builder
	for p := range s.All() {
		fmt.Fprintf(&out, "%s %x\n", p.Name, p.Value.Bytes())
	}
	return out.String()
}

var (
	_ = ckpt.Store{}
	_ = filepath.Join
	_ = loss.MSE{}
	_ = optim.SGD{}
	_ = tensor.Float32
)

func TestKinds(t *testing.T) {
	t.Parallel()
	tr, val := digits.New(1, 400, 200)
	for _, tc := range []struct {
		stages string
		epochs int
		better string // what falls, or rises where + is before it
	}{
		{`[{"kind":"rbm","epochs":5,"batch":20,"lr":0.1}]`, 10, "+pseudo_likelihood"},
		{`[{"kind":"rbm","layers":"hidden1","method":"pcd","k":2,"chains":10,"epochs":5,"batch":20}]`, 5, "+pseudo_likelihood"},
		{`[{"kind":"rbm","layers":"hidden1","visible":"gaussian","epochs":3}]`, 3, "reconstruction"},
		{`[{"kind":"autoencoder","epochs":3}]`, 6, "mse"},
		{`[{"kind":"autoencoder","epochs":3,"tied":false,"greedy":false,"sparsity":0.1}]`, 3, "mse"},
		{`[{"kind":"denoising","epochs":3,"loss":"binary_cross_entropy","layers":"hidden1"}]`, 3, "mse"},
	} {
		n := netOf(t, logistic(30, 20), tr)
		before := n.Params.Clone()
		p := run(t, n, tc.stages, Config{Train: tr, Val: val, Seed: 3})
		h := p.History()
		if len(h) != tc.epochs {
			t.Errorf("%s: %d epochs, want %d", tc.stages, len(h), tc.epochs)
		}
		for _, e := range h {
			t.Log(e.Stage, e.Kind, e.Layers, e.Epoch.Epoch, e.Step, e.Train, e.Val)
		}
		if string(before.Value("hidden1/kernel").Bytes()) == string(n.Params.Value("hidden1/kernel").Bytes()) {
			t.Errorf("%s: hidden1 is as it was", tc.stages)
		}
		if string(before.Value("logits/kernel").Bytes()) != string(n.Params.Value("logits/kernel").Bytes()) {
			t.Errorf("%s: the head has changed", tc.stages)
		}
	}
}
