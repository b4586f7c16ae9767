package train

import (
	"context"
	"testing"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/tensor"
)

// keeper is a cache of everything, in memory.
type keeper struct{ made int }

func (k *keeper) Features(ctx context.Context, p *Prefix, src data.Source) (data.Source, error) {
	k.made++
	schema := src.Schema()
	schema.Inputs = p.Fields
	x := tensor.New(p.Fields[0].DType, append([]int{src.Len()}, p.Fields[0].Shape...)...)
	y := tensor.New(schema.Targets[0].DType, append([]int{src.Len()}, schema.Targets[0].Shape...)...)
	at := 0
	for b, err := range p.Run(ctx, src) {
		if err != nil {
			return nil, err
		}
		copy(x.Rows(at, at+b.N).Bytes(), b.X[0].Bytes())
		copy(y.Rows(at, at+b.N).Bytes(), b.Y[0].Bytes())
		at += b.N
	}
	return data.FromTensors(schema, []*tensor.Tensor{x}, []*tensor.Tensor{y})
}

// TestStepBehindPrefix takes no memory, and the plans are gone when the run is
// left.
func TestStepBehindPrefix(t *testing.T) {
	src := labelled(t, 64)
	tr := trainer(t, deep(), Config{Data: src.Schema()})
	if _, err := tr.Freeze("batch_normalization,hidden1,batch_normalization_1,hidden2"); err != nil {
		t.Fatal(err)
	}
	k := &keeper{}
	run := Run{Train: src, Val: src, Batch: 16, Epochs: 2, Cache: k}
	for s, err := range tr.Steps(t.Context(), run) {
		if err != nil {
			t.Fatal(err)
		}
		if tr.prefix == nil || k.made != 2 {
			t.Fatalf("step %d: prefix %v, %d sources were made", s.Step, tr.prefix, k.made)
		}
		if s.Step != 2 {
			continue
		}
		rows, err := k.Features(t.Context(), tr.prefix, src)
		if err != nil {
			t.Fatal(err)
		}
		k.made--
		b := data.NewBatch(rows.Schema(), 16)
		if err := rows.Read(b, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(20, func() {
			if _, err := tr.learn(t.Context(), b, sched.Point{}, false); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("a step takes memory %g times", n)
		}
		break
	}
	for key := range tr.plans {
		if key.mode&behindPrefix != 0 {
			t.Errorf("plan %v is still there", key)
		}
	}
	if tr.prefix != nil {
		t.Error("the prefix is still there")
	}
}

// TestPrefixUntil names layers that are there.
func TestPrefixUntil(t *testing.T) {
	t.Parallel()
	src := labelled(t, 8)
	tr := trainer(t, deep(), Config{Data: src.Schema()})
	p, err := tr.Until("hidden1", "hidden2")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for b, err := range p.Run(t.Context(), src) {
		if err != nil {
			t.Fatal(err)
		}
		n += b.N
		if len(b.X) != 2 || !b.X[0].Shape().Equal(tensor.Shape{8, 8}) || !b.X[1].Shape().Equal(tensor.Shape{8, 7}) {
			t.Errorf("results of shapes %v and %v", b.X[0].Shape(), b.X[1].Shape())
		}
	}
	if n != 8 || len(p.Schema().Inputs) != 2 || p.Schema().Inputs[1].Name != "hidden2" {
		t.Errorf("%d rows of %v", n, p.Schema().Inputs)
	}
	if _, err := tr.Until("hidden3"); err == nil {
		t.Error("there is no hidden3")
	}
}

// TestPrefixOfBatches ends before layers whose results depend on the rows beside: these are
// others in every step.
func TestPrefixOfBatches(t *testing.T) {
	t.Parallel()
	src := labelled(t, 8)
	tr := trainer(t, nn.Sequential{nn.Flatten{}, nn.Dense{Units: 6, Name: "below"}, nn.Block{Layers: nn.Sequential{nn.BatchStandardize{}}, Name: "mixed"}, nn.Dense{Units: 6, Name: "above"}, nn.Dense{Units: 10, Name: "head"}}, Config{Data: src.Schema()})
	if _, err := tr.Freeze("below,above"); err != nil {
		t.Fatal(err)
	}
	p, err := tr.Prefix()
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Layers[len(p.Layers)-1]; got != "below" {
		t.Errorf("the prefix is %v, want it to end with below", p.Layers)
	}
	for name, ok := range map[string]bool{"below": true, "mixed": false, "above": false} {
		if _, err := tr.Until(name); (err == nil) != ok {
			t.Errorf("until %s: %v", name, err)
		}
	}
}
