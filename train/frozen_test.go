package train

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// A net that is said to be frozen predicts and measures the same bytes, sees a change that
// it is told of, and is not trained.
func TestFrozenNet(t *testing.T) {
	t.Parallel()
	m := nn.Sequential{
		nn.Reshape{Shape: []int{28, 28, 1}}, nn.Conv2D{Filters: 4, Kernel: tensor.Shape{3, 3}, Act: act.ReLU{}}, nn.Flatten{},
		nn.BatchNorm{}, nn.Dense{Units: 300, Act: act.ELU{}}, nn.Dense{Units: 10},
	}
	rows, _ := digits.New(3, 300, 1)
	cfg := Config{Data: rows.Schema(), Seed: 7}
	free, err := NewNet(m, nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	cfg.Frozen = true
	frozen, err := NewNet(m, free.Params, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	ctx := context.Background()
	x := read(t, data.Limit(rows, 64))
	predict := func(n *Net) []byte {
		out, err := n.Predict(ctx, x)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Clone(out[0].Bytes())
	}
	alike := func() []byte {
		t.Helper()
		p := predict(free)
		if !bytes.Equal(p, predict(frozen)) {
			t.Error("a frozen net predicts other bytes")
		}
		a, err := free.Evaluate(ctx, rows)
		if err != nil {
			t.Fatal(err)
		}
		b, err := frozen.Evaluate(ctx, rows)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range a.Values {
			if b.Values[i] != v {
				t.Errorf("a frozen net measures %v, another %v", b.Values[i], v)
			}
		}
		return p
	}
	before := alike()
	if frozen.kept.Bytes() == 0 {
		t.Error("nothing is laid out once")
	}
	for p := range free.Params.All() {
		for i := range p.Value.Len() {
			p.Value.SetFlat(i, p.Value.Flat(i)/2)
		}
	}
	if err := frozen.Changed(); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(before, alike()) {
		t.Error("the change of all parameters changes nothing")
	}
	if _, err := New(m, cfg); err == nil || !strings.Contains(err.Error(), "frozen") {
		t.Errorf("a trainer of what is frozen: %v", err)
	}
}
