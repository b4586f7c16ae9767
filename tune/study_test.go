package tune

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/train"
)

// scripted is a candidate whose accuracy is known: base plus a part of the fold.
func scripted(name string, base float64, calls *[]string, mu *sync.Mutex) Candidate {
	return Candidate{Name: name, Spec: name, Train: func(_ context.Context, t Trial) (*Outcome, error) {
		mu.Lock()
		*calls = append(*calls, name)
		mu.Unlock()
		acc := base + 0.01*float64(t.Fold) + 0.001*float64(t.Seed)
		v := train.Values{{Name: "loss", Value: 1 - acc}, {Name: "accuracy", Value: acc}}
		return &Outcome{Params: 7, Seconds: 2, Epochs: []train.Epoch{{Epoch: 1, Train: v, Val: v}},
			Checks: []Check{{Epoch: 0.5, Step: 5, Seconds: 1, Val: train.Values{{Name: "accuracy", Value: 0.5}}}, {Epoch: 1, Step: 10, Seconds: 2, Val: v}}}, nil
	}}
}

// A study ranks, pairs by fold and seed, times a target, counts who diverged, goes
// on without who failed, and repeats nothing that is kept.
func TestStudy(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var calls []string
	wrong := errors.New("no such activation")
	s := Study{
		Candidates: []Candidate{
			scripted("low", 0.80, &calls, &mu),
			{Name: "never", Err: wrong},
			scripted("high", 0.90, &calls, &mu),
			{Name: "wild", Spec: "wild", Train: func(_ context.Context, t Trial) (*Outcome, error) {
				if t.Fold == 1 {
					return &Outcome{Diverged: "step 3 diverged"}, nil
				}
				return scripted("wild", 0.99, &calls, &mu).Train(context.Background(), t)
			}},
			{Name: "later", Spec: "later", Train: func(_ context.Context, t Trial) (*Outcome, error) { return nil, wrong }},
		},
		Folds: 3, Seeds: []uint64{1, 2}, Metric: "accuracy", Target: 0.9, Checks: true, Workers: 3, Store: Store{t.TempDir()},
	}
	var told []Event
	s.Tell = func(e Event) { told = append(told, e) }
	r, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, st := range r.Standings {
		names = append(names, st.Name)
	}
	if want := []string{"high", "low", "wild", "never", "later"}; !slices.Equal(names, want) {
		t.Fatalf("ranked %v, want %v", names, want)
	}
	high := r.Best()
	if high.Name != "high" || high.N != 6 || math.Abs(high.Mean-0.9115) > 1e-12 || high.Params != 7 || high.Seconds != 2 {
		t.Errorf("the best is %+v", *high)
	}
	if high.Reached != 6 || high.TargetSteps != 10 || high.TargetSeconds != 2 || high.TargetEpochs != 1 {
		t.Errorf("the target is reached %d times, by %v steps, %v s, %v epochs", high.Reached, high.TargetSteps, high.TargetSeconds, high.TargetEpochs)
	}
	if low := r.Standing("low"); low.Reached != 0 || !math.IsInf(low.TargetSeconds, 1) {
		t.Errorf("%+v", *low)
	}
	if wild := r.Standing("wild"); wild.Diverged != 2 || wild.N != 4 {
		t.Errorf("%+v", *wild)
	}
	if !errors.Is(r.Standing("never").Err, wrong) || !errors.Is(r.Standing("later").Err, wrong) {
		t.Error("who failed is not told")
	}
	p := r.Pair("high", "low")
	if p == nil || p.N != 6 || math.Abs(p.Mean-0.1) > 1e-12 || !p.Real() || len(r.Pairs) != 3 {
		t.Errorf("the pair is %+v", p)
	}
	if q := r.Pair("high", "wild"); q == nil || q.N != 4 {
		t.Errorf("pairs with one that diverged: %+v", q)
	}
	trained := len(calls)
	if trained != 16 {
		t.Errorf("%d trials were trained, want 16", trained)
	}
	if last := told[len(told)-1]; last.Of != 30 || last.Done > 30 {
		t.Errorf("the last event is %+v", last)
	}

	// Again: the outcomes are the same, and only who failed is tried once more.
	again, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(calls) != trained {
		t.Errorf("%d trials were repeated", len(calls)-trained)
	}
	if !reflect.DeepEqual(again.Standing("high").Values, high.Values) || again.Pair("high", "low").P != p.P {
		t.Error("kept outcomes report something else")
	}
	// A third candidate finds the others done; another seed does not.
	s.Candidates = append(s.Candidates, scripted("new", 0.7, &calls, &mu))
	if _, err := s.Run(t.Context()); err != nil || len(calls) != trained+6 {
		t.Errorf("%d new trials, error %v; want 6", len(calls)-trained, err)
	}
	// One that was damaged is made anew.
	files, err := filepath.Glob(filepath.Join(s.Store.Dir, "results", "*.json"))
	if err != nil || len(files) != 24 {
		t.Fatalf("%d outcomes are kept, %v", len(files), err)
	}
	for _, f := range files {
		if err := os.WriteFile(f, []byte(`{"cand`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	damaged := 0
	s.Tell = func(e Event) {
		if _, ok := errors.AsType[*ckpt.Damage](e.Err); ok && e.Outcome != nil {
			damaged++
		}
	}
	if _, err := s.Run(t.Context()); err != nil || damaged != 24 {
		t.Errorf("%d of 24 damaged outcomes are told of, error %v", damaged, err)
	}
}

func TestStudyRefused(t *testing.T) {
	t.Parallel()
	ok := Study{Candidates: []Candidate{{Name: "a"}}, Seeds: []uint64{1}, Metric: "loss"}
	for want, change := range map[string]func(*Study){
		"nothing to compare": func(s *Study) { s.Candidates = nil },
		`called "a"`:         func(s *Study) { s.Candidates = []Candidate{{Name: "a"}, {Name: "a"}} },
		"needs a seed":       func(s *Study) { s.Seeds = nil },
		"k=1: ":              func(s *Study) { s.Folds = 1 },
		"needs a metric":     func(s *Study) { s.Metric = "" },
	} {
		s := ok
		change(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
}

// A store that cannot be written to ends the study.
func TestStoreBroken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "results"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var calls []string
	s := Study{Candidates: []Candidate{scripted("a", 0.5, &calls, &mu)}, Seeds: []uint64{1}, Metric: "accuracy", Store: Store{dir}}
	if _, err := s.Run(t.Context()); err == nil {
		t.Error("nothing was said")
	}
}

// recipe is a small net for the digits.
func recipe(a act.Activation, lr float64) Recipe {
	return Recipe{
		Model:  nn.Sequential{nn.Flatten{}, nn.Dense{Units: 12, Act: a}, nn.Dense{Units: 10}},
		Config: train.Config{Optim: optim.Optimizer{Rule: optim.Adam{LR: lr}}},
		Run:    train.Run{Batch: 20, Epochs: 2},
	}
}

// A trial that is stopped anywhere and gone on with has the outcome of one that
// was not, but for the time.
func TestFitResumed(t *testing.T) {
	t.Parallel()
	src, _ := digits.New(1, 120, 10)
	trial := Trial{Fold: 1, Folds: 3, Seed: 5, Checks: true}
	want, err := recipe(act.ReLU{}, 0.01).Candidate("relu", src).Train(t.Context(), trial)
	if err != nil {
		t.Fatal(err)
	}
	if want.Rows != 80 || want.Held != 40 || len(want.Epochs) != 2 || want.Params != 784*12+12+130 {
		t.Fatalf("the outcome is %+v", want)
	}
	if len(want.Checks) != 7 { // after steps 1, 2 and 4 of 4, then after each
		t.Errorf("checks: %+v", want.Checks)
	}
	for stop := 1; stop < 8; stop++ {
		trial.Scratch = filepath.Join(t.TempDir(), "part", "x")
		ctx, cancel := context.WithCancel(t.Context())
		stopping := &stopAfter{Source: src, cancel: cancel, left: stop}
		if _, err := recipe(act.ReLU{}, 0.01).Candidate("relu", stopping).Train(ctx, trial); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped after %d reads: %v", stop, err)
		}
		got, err := recipe(act.ReLU{}, 0.01).Candidate("relu", src).Train(t.Context(), trial)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(timeless(got), timeless(want)) {
			t.Fatalf("stopped after %d reads:\n%+v\nwant\n%+v", stop, got, want)
		}
	}
}

// stopAfter ends a context after some reads of more than one row: the fingerprint
// reads one at a time.
type stopAfter struct {
	data.Source
	cancel context.CancelFunc
	left   int
	mu     sync.Mutex
}

func (s *stopAfter) Read(dst *data.Batch, idx []int32) error {
	if len(idx) > 1 {
		s.mu.Lock()
		if s.left--; s.left <= 0 {
			s.cancel()
		}
		s.mu.Unlock()
	}
	return s.Source.Read(dst, idx)
}

func timeless(o *Outcome) Outcome {
	c := *o
	c.Seconds = 0
	c.Checks, c.Epochs = slices.Clone(c.Checks), slices.Clone(c.Epochs)
	for i := range c.Checks {
		c.Checks[i].Seconds = 0
	}
	for i := range c.Epochs {
		c.Epochs[i].Seconds = 0
	}
	return c
}

// A run that leaves the numbers is an outcome without values.
func TestFitDiverged(t *testing.T) {
	t.Parallel()
	src, _ := digits.New(1, 60, 10)
	r := recipe(act.ReLU{}, 0)
	r.Config.Optim = optim.Optimizer{Rule: optim.SGD{LR: 1e30}}
	o, err := r.Candidate("wild", src).Train(t.Context(), Trial{Folds: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(o.Diverged, "diverge") || !math.IsNaN(o.Value("accuracy")) {
		t.Errorf("the outcome is %+v", o)
	}
}

// The outcome of early stopping is that of the weights it ends with.
func TestFitBest(t *testing.T) {
	t.Parallel()
	src, _ := digits.New(1, 60, 10)
	r := recipe(act.ReLU{}, 0.5)
	r.Run.Epochs = 6
	r.EarlyStopping = &train.EarlyStopping{Patience: 2, RestoreBest: true}
	o, err := r.Candidate("a", src).Train(t.Context(), Trial{Folds: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	low := o.Epochs[0]
	for _, e := range o.Epochs {
		a, _ := e.Val.Get("loss")
		if b, _ := low.Val.Get("loss"); a < b {
			low = e
		}
	}
	if v, _ := low.Val.Get("accuracy"); o.Best != low.Epoch || o.Value("accuracy") != v {
		t.Errorf("best %d with %v, want %d with %v", o.Best, o.Value("accuracy"), low.Epoch, v)
	}
}

// What a candidate depends on is in its text, and its name is not.
func TestRecipeSpec(t *testing.T) {
	t.Parallel()
	src, _ := digits.New(1, 60, 10)
	other, _ := digits.New(2, 60, 10)
	base := recipe(act.ReLU{}, 0.01)
	text := func(r Recipe, src data.Source) string {
		c := r.Candidate("x", src)
		if c.Err != nil {
			t.Fatal(c.Err)
		}
		return c.Spec
	}
	if text(base, src) != base.Candidate("y", src).Spec {
		t.Error("the name counts")
	}
	longer := base
	longer.Run.Epochs++
	stopped := base
	stopped.EarlyStopping = &train.EarlyStopping{Patience: 3}
	for name, s := range map[string]string{
		"activation": text(recipe(act.ELU{}, 0.01), src), "rate": text(recipe(act.ReLU{}, 0.02), src), "epochs": text(longer, src),
		"early stopping": text(stopped, src), "data": text(base, other),
	} {
		if s == text(base, src) {
			t.Errorf("%s does not count", name)
		}
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	src, _ := digits.New(1, 20, 10)
	net, err := train.NewNet(recipe(act.ReLU{}, 0.01).Model, nil, train.Config{Data: src.Schema(), Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	costs, err := Latency(t.Context(), src, net)
	if err != nil || len(costs) != 1 || !(costs[0].One > 0) || !(costs[0].Batch > 0) {
		t.Errorf("%v, %v", costs, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Latency(ctx, src, net); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gives %v", err)
	}
}
