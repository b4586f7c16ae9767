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
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
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

// stageError is what is wrong with stages as a file has them.
func stageError(t testing.TB, json string) error {
	t.Helper()
	v, err := spec.ParseJSON("stages", []byte(json))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Decode(v)
	return err
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
		name, rises := strings.CutPrefix(tc.better, "+")
		first, _ := h[0].Val.Get(name)
		for _, e := range h {
			last, ok := e.Val.Get(name)
			if e.Layers == h[0].Layers && e.Epoch.Epoch == p.parts[0].common.epochs() && (!ok || rises != (last > first)) {
				t.Errorf("%s: %s goes from %g to %g", tc.stages, name, first, last)
			}
		}
		if string(before.Value("hidden1/kernel").Bytes()) == string(n.Params.Value("hidden1/kernel").Bytes()) {
			t.Errorf("%s: hidden1 is as it was", tc.stages)
		}
		if string(before.Value("logits/kernel").Bytes()) != string(n.Params.Value("logits/kernel").Bytes()) {
			t.Errorf("%s: the head has changed", tc.stages)
		}
	}
}

// TestResume stops a pretraining after every step, within a stage and between two,
// and goes on from the checkpoint on another number of threads: the parameters and
// the history are those of one that was never stopped.
func TestResume(t *testing.T) {
	t.Parallel()
	tr, val := digits.New(1, 60, 30)
	const stages = `[{"kind":"rbm","method":"pcd","chains":5,"epochs":2,"batch":20,"optim":{"name":"sgd","momentum":0.9}},
		{"kind":"denoising","epochs":2,"noise":"salt_pepper"},{"kind":"autoencoder","greedy":false,"tied":false,"epochs":1,"noise_level":0}]`
	list := strings.Replace(stages, `,"noise_level":0`, "", 1)
	model := nn.Sequential{nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 12, Act: act.Sigmoid{}, Name: "hidden1"}, nn.BatchNorm{},
		nn.Activation{Act: act.Sigmoid{}}, nn.Dense{Units: 8, Act: act.Sigmoid{}, Name: "hidden2"}, nn.Dense{Units: 10}}
	list = strings.Replace(list, `"kind":"rbm"`, `"kind":"rbm","visible":"gaussian"`, 1)
	cfg := Config{Train: tr, Val: val, Seed: 3, Threads: 1}
	n := netOf(t, model, tr)
	whole := run(t, n, list, cfg)
	want, history := text(n.Params), fmt.Sprint(stripped(whole.History()))
	cfg.Threads = 2
	m := netOf(t, model, tr)
	if run(t, m, list, cfg); text(m.Params) != want {
		t.Error("two threads make other bytes")
	}
	for stop := range int(whole.Taken()) + 1 {
		store := ckpt.Store{Dir: filepath.Join(t.TempDir(), "ckpt")}
		a, err := New(netOf(t, model, tr), stagesOf(t, list), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if stop > 0 {
			for s, err := range a.Steps(context.Background()) {
				if err != nil {
					t.Fatal(err)
				}
				if s.Taken == int64(stop) {
					break
				}
			}
		}
		c, err := a.Save(store)
		if err != nil {
			t.Fatal(err)
		}
		a.Close()
		n := netOf(t, model, tr)
		b, err := New(n, stagesOf(t, list), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Restore(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		if b.Taken() != int64(stop) {
			t.Errorf("restored at step %d, want %d", b.Taken(), stop)
		}
		for _, err := range b.Steps(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !b.Over() || text(n.Params) != want {
			t.Errorf("stopped after step %d it ends in other bytes", stop)
		}
		if got := fmt.Sprint(stripped(b.History())); got != history {
			t.Errorf("stopped after step %d the history is\n%s, want\n%s", stop, got, history)
		}
		b.Close()
	}
}

// stripped is a history without times.
func stripped(h []Epoch) []Epoch {
	for i := range h {
		h[i].Seconds = 0
	}
	return h
}

// TestGreedy holds the scheme to its word: each part changes its own layer and
// nothing else, neither those below it nor those above.
func TestGreedy(t *testing.T) {
	t.Parallel()
	tr, _ := digits.New(1, 100, 10)
	for _, kind := range []string{"rbm", "autoencoder", "denoising"} {
		n := netOf(t, logistic(12, 10, 8), tr)
		p, err := New(n, stagesOf(t, `[{"kind":"`+kind+`","epochs":2}]`), Config{Train: tr})
		if err != nil {
			t.Fatal(err)
		}
		was, layer := n.Params.Clone(), ""
		check := func() {
			for q := range was.All() {
				same := string(q.Value.Bytes()) == string(n.Params.Value(q.Name).Bytes())
				if mine := strings.HasPrefix(q.Name, layer+"/"); same == mine {
					t.Errorf("%s of %s: %s has changed: %t", kind, layer, q.Name, !same)
				}
			}
			was = n.Params.Clone()
		}
		for s, err := range p.Steps(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if layer != "" && s.Layers != layer {
				check()
			}
			layer = s.Layers
		}
		if check(); layer != "hidden3" {
			t.Errorf("%s ends with %s", kind, layer)
		}
		p.Close()
	}
}

// TestStreamed ends in the same bytes where what lower layers give is computed
// batch by batch as where it is kept.
func TestStreamed(t *testing.T) {
	t.Parallel()
	tr, val := digits.New(1, 60, 30)
	const stages = `[{"kind":"rbm","epochs":2,"batch":20},{"kind":"autoencoder","epochs":1,"batch":25}]`
	var texts, notes []string
	for _, most := range []int64{0, 1 << 15} {
		n := netOf(t, logistic(12, 8), tr)
		p := run(t, n, stages, Config{Train: tr, Val: val, Seed: 3, MaxMemory: most, Note: func(s string) { notes = append(notes, s) }})
		texts = append(texts, text(n.Params)+fmt.Sprint(stripped(p.History())))
	}
	if texts[0] != texts[1] {
		t.Error("other bytes")
	}
	if len(notes) != 4 || !strings.Contains(notes[0], "hidden1: what reaches it for 60 rows takes more than") {
		t.Errorf("notes %q", notes)
	}
}
