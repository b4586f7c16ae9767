package train

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

func deep() nn.Sequential {
	return nn.Sequential{
		nn.BatchNorm{}, nn.Dense{Units: 8, Act: act.ELU{}, Name: "hidden1"}, nn.BatchNorm{},
		nn.Dense{Units: 7, Act: act.ELU{}, Name: "hidden2"}, nn.BatchNorm{}, nn.Dense{Units: classed, Name: "top"},
	}
}

// TestFreeze trains with the lower layers frozen: none of their bytes changes,
// neither weights nor statistics nor slots, by an optimizer that decays all
// weights and keeps averages; and nothing is computed for them backwards.
func TestFreeze(t *testing.T) {
	t.Parallel()
	src := labelled(t, 64)
	for _, accumulate := range []int{1, 2} {
		cfg := Config{Data: src.Schema(), Accumulate: accumulate,
			Optim: optim.Optimizer{Rule: optim.Adam{}, WeightDecay: 0.1, NoDecay: "none", EMA: true}}
		tr := trainer(t, deep(), cfg)
		run := Run{Train: src, Batch: 16, Epochs: 1}
		fit(t, tr, run)
		nodes := liveNodes(t, tr)
		const frozen = "batch_normalization,hidden1,batch_normalization_1"
		if n, err := tr.Freeze(frozen); n != 4+2+4 || err != nil {
			t.Fatalf("froze %d, %v", n, err)
		}
		pruned := liveNodes(t, tr)
		if !(pruned < nodes*2/3) {
			t.Errorf("%d of %d nodes are left", pruned, nodes)
		}
		before := tr.Params.Clone()
		run.Epochs = 4
		fit(t, tr, run)
		for p := range tr.Params.All() {
			layer, _, _ := strings.Cut(p.Name, "/")
			same := string(p.Value.Bytes()) == string(before.Value(p.Name).Bytes())
			if is := slices.Contains(strings.Split(frozen, ","), layer); is != same {
				t.Errorf("%s: frozen %t, unchanged %t", p.Name, is, same)
			}
		}
		if _, err := tr.Unfreeze("hidden1/kernel"); err != nil {
			t.Fatal(err)
		}
		between := liveNodes(t, tr)
		if !(pruned < between && between < nodes) {
			t.Errorf("%d nodes with one kernel free, %d without, %d in all", between, pruned, nodes)
		}
		run.Epochs = 5
		fit(t, tr, run)
		for _, name := range []string{"hidden1/kernel", "hidden1/kernel#momentum", "hidden1/bias", "batch_normalization/gamma"} {
			same := string(tr.Params.Value(name).Bytes()) == string(before.Value(name).Bytes())
			if same != !strings.HasPrefix(name, "hidden1/kernel") {
				t.Errorf("%s: unchanged %t", name, same)
			}
		}
	}
}

// liveNodes is the number of nodes that a training step computes.
func liveNodes(t *testing.T, tr *Trainer) int {
	t.Helper()
	b, _, err := tr.build(training, 16, false)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, live := range b.Live() {
		if live {
			n++
		}
	}
	return n
}

func TestNothingToTrain(t *testing.T) {
	t.Parallel()
	src := labelled(t, 8)
	tr := trainer(t, deep(), Config{Data: src.Schema()})
	if _, err := tr.Freeze("*"); err != nil {
		t.Fatal(err)
	}
	err := Fit(tr.Steps(context.Background(), Run{Train: src, Epochs: 1}))
	if err == nil || !strings.Contains(err.Error(), "nothing to train") {
		t.Errorf("error %v", err)
	}
	if _, err := tr.Freeze("hiden1"); err == nil || !strings.Contains(err.Error(), "hidden1") {
		t.Errorf("error %v does not list the layers", err)
	}
}

// TestResumeAfterUnfreezing goes on from checkpoints before and after layers
// were freed, with a trainer that begins with them frozen.
func TestResumeAfterUnfreezing(t *testing.T) {
	t.Parallel()
	src := labelled(t, 40)
	make := func() *Trainer {
		first := trainer(t, deep(), Config{Data: src.Schema()})
		set := param.NewSet(tensor.Float32)
		for p := range first.Params.All() {
			if p.Kind != param.Slot {
				q, err := set.Add(p.Name, p.Kind, p.Value.Shape())
				if err != nil {
					t.Fatal(err)
				}
				q.Frozen = strings.HasPrefix(p.Name, "hidden")
				copy(q.Value.Bytes(), p.Value.Bytes())
			}
		}
		tr, err := From(deep(), set, Config{Data: src.Schema()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tr.Close() })
		return tr
	}
	thaw := Lambda(func(s *Step) error {
		if s.Step != 7 {
			return nil
		}
		_, err := s.Trainer.Unfreeze("hidden2")
		return err
	})
	store := ckpt.Store{Dir: t.TempDir(), Keep: -1, FS: unsynced{}}
	run := Run{Train: src, Batch: 8, Epochs: 3}
	whole := make()
	if whole.Params.Get("hidden2/kernel#momentum") != nil {
		t.Fatal("a frozen weight has a slot")
	}
	fit(t, whole, run, thaw, Checkpoints(store, Every{Steps: 1}, nil))
	want := sorted(end(t, whole))
	for k := int64(1); k <= 15; k++ {
		c, err := store.Open(k)
		if err != nil {
			t.Fatal(err)
		}
		tr := make()
		if err := tr.Restore(c, false); err != nil {
			t.Fatal(err)
		}
		fit(t, tr, run, thaw)
		if got := sorted(end(t, tr)); got != want {
			t.Errorf("from step %d:\n%s\nwant\n%s", k, got, want)
		}
	}
}

// sorted leaves out the order in which slots were made.
func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestAdaptAxis fits one mean and variance to each place on an axis.
func TestAdaptAxis(t *testing.T) {
	t.Parallel()
	src := labelled(t, 600)
	all := read(t, src)
	for axis, place := range map[int]func(j int) int{1: func(j int) int { return j / (features / 2) }, -1: func(j int) int { return j % (features / 2) }} {
		m := nn.Sequential{nn.Reshape{Shape: []int{2, features / 2}}, nn.Standardize{Axis: axis}, nn.Flatten{}, nn.Dense{Units: classed}}
		tr := trainer(t, m, Config{Data: src.Schema(), Float: tensor.Float64})
		if err := tr.Adapt(context.Background(), src); err != nil {
			t.Fatal(err)
		}
		mean, variance := tr.Params.Value("standardize/mean"), tr.Params.Value("standardize/variance")
		for p := range mean.Len() {
			sum, squares, n := 0.0, 0.0, 0.0
			for i := range 600 {
				for j := range features {
					if place(j) == p {
						sum, squares, n = sum+all.At(i, j), squares+all.At(i, j)*all.At(i, j), n+1
					}
				}
			}
			if m, v := sum/n, squares/n-sum/n*sum/n; math.Abs(mean.Flat(p)-m) > 1e-8 || math.Abs(variance.Flat(p)-v) > 1e-8 {
				t.Errorf("axis %d, place %d: mean %v and variance %v, want %v and %v", axis, p, mean.Flat(p), variance.Flat(p), m, v)
			}
		}
	}
}

// TestAdapt fits standardization to data of more rows than are read at once.
func TestAdapt(t *testing.T) {
	t.Parallel()
	src := labelled(t, 600)
	x := features
	m := nn.Sequential{nn.Rescale{Scale: 3, Offset: 1}, nn.Standardize{}, nn.Dense{Units: classed}}
	tr := trainer(t, m, Config{Data: src.Schema(), Preprocess: nn.Sequential{nn.Standardize{Name: "first"}}, Float: tensor.Float64})
	if err := tr.Adapt(context.Background(), src); err != nil {
		t.Fatal(err)
	}
	mean, variance := make([]float64, x), make([]float64, x)
	all := read(t, src)
	for pass := range 2 {
		for i := range 600 {
			for j := range x {
				v := all.At(i, j)
				if pass == 0 {
					mean[j] += v / 600
				} else {
					variance[j] += (v - mean[j]) * (v - mean[j]) / 600
				}
			}
		}
	}
	for j := range x {
		for _, c := range []struct {
			name string
			want float64
		}{
			{"preprocess/first/mean", mean[j]}, {"preprocess/first/variance", variance[j]},
			// The second one sees rows that are standardized, times 3 plus 1.
			{"standardize/mean", 1}, {"standardize/variance", 9},
		} {
			if got := tr.Params.Value(c.name).Flat(j); math.Abs(got-c.want) > 1e-8 {
				t.Errorf("%s[%d] is %v, want %v", c.name, j, got, c.want)
			}
		}
	}
	before := tr.Params.Clone()
	if _, err := tr.Freeze("first"); err != nil {
		t.Fatal(err)
	}
	other := numbered(t, 30)
	if err := tr.Adapt(context.Background(), other); err != nil {
		t.Fatal(err)
	}
	for name, same := range map[string]bool{"preprocess/first/mean": true, "standardize/mean": false} {
		if is := string(tr.Params.Value(name).Bytes()) == string(before.Value(name).Bytes()); is != same {
			t.Errorf("%s: unchanged %t", name, is)
		}
	}
}
