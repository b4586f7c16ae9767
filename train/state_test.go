package train

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/tensor"
)

// TestRestoreRefuses tries checkpoints that are not this trainer's: each is
// called damaged, and the trainer stays as it was.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	src := labelled(t, 20)
	snapshot := func(m nn.Sequential, o optim.Rule) []ckpt.File {
		tr := trainer(t, m, Config{Data: src.Schema(), Optim: optim.Optimizer{Rule: o}})
		fit(t, tr, Run{Train: src, Val: src, Epochs: 1}, EarlyStopping{RestoreBest: true}.Hook(tr, nil))
		files, err := tr.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	// with is a good snapshot with one file replaced, or left out where text
	// is empty.
	with := func(name, text string) []ckpt.File {
		var out []ckpt.File
		for _, f := range snapshot(small(), optim.Adam{}) {
			if f.Name == name {
				if text == "" {
					continue
				}
				f.Write = func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
			}
			out = append(out, f)
		}
		return out
	}
	wider := append(nn.Sequential{nn.Dense{Units: 9, Act: act.ELU{}}}, small()[1:]...)
	deeper := append(small(), nn.Dense{Units: classed})
	for name, tc := range map[string]struct {
		files []ckpt.File
		want  string
	}{
		"another optimizer":     {snapshot(small(), optim.SGD{Momentum: 0.9}), "the slots are those of another optimizer"},
		"an optimizer of more":  {snapshot(small(), optim.Nadam{}), "the slots are those of another optimizer"},
		"other shapes":          {snapshot(wider, optim.Adam{}), `"dense/kernel" has shape [6 9], want [6 8]`},
		"more layers":           {snapshot(deeper, optim.Adam{}), `"dense_2/kernel#momentum" belongs to no weight`},
		"fewer layers":          {snapshot(small()[3:], optim.Adam{}), `"dense/kernel" has shape [6 3], want [6 8]`},
		"another version":       {with(stateFile, `{"version":7}`), "of version 7, this program reads 1"},
		"counts":                {with(stateFile, `{"version":1,"state":{"batch":-1}}`), "a count is below 0"},
		"no JSON":               {with(stateFile, "{"), "state.json is not what a run writes"},
		"state of hooks":        {with(stateFile, `{"version":1,"kept":{"early_stop":[]}}`), "state of early_stop cannot be read"},
		"sums":                  {with(stateFile, `{"version":1,"state":{"epoch":{"sums":["x"]}}}`), "state.json is not what a run writes"},
		"parameters cut short":  {with(paramsFile, "\x08\x00"), "params.safetensors cannot be read"},
		"best ones cut short":   {with(bestFile, "\x08\x00"), "best.safetensors cannot be read"},
		"no parameters at all":  {with(paramsFile, ""), ""},
		"best of another model": {with(bestFile, emptySafetensors), "best.safetensors is not of this model"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := ckpt.Store{Dir: t.TempDir(), FS: unsynced{}}
			c, err := store.Save(1, tc.files...)
			if err != nil {
				t.Fatal(err)
			}
			tr := trainer(t, small(), Config{Data: src.Schema(), Optim: optim.Optimizer{Rule: optim.Adam{}}})
			var best Best
			tr.Keep("early_stop", &best)
			before := end(t, tr)
			err = tr.Restore(c, false)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want one with %q", err, tc.want)
			}
			var damage *ckpt.Damage
			if tc.want != "" && !errors.As(err, &damage) {
				t.Errorf("error %v is no damage", err)
			}
			if after := end(t, tr); after != before {
				t.Errorf("after:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

// emptySafetensors is a file with no tensors.
const emptySafetensors = "\x08\x00\x00\x00\x00\x00\x00\x00{}      "

// TestOtherMetrics goes on with other metrics from every step of an epoch.
func TestOtherMetrics(t *testing.T) {
	t.Parallel()
	src := labelled(t, 20)
	store := ckpt.Store{Dir: t.TempDir(), Keep: -1, FS: unsynced{}}
	run := Run{Train: src, Batch: 4, Epochs: 2}
	old := trainer(t, small(), Config{Data: src.Schema()})
	fit(t, old, run, Checkpoints(store, Every{Steps: 1}, nil))
	for k := int64(1); k <= 10; k++ {
		c, err := store.Open(k)
		if err != nil {
			t.Fatal(err)
		}
		tr := trainer(t, small(), Config{Data: src.Schema(), Metrics: []Metric{TopK{K: 2}, Accuracy{}}})
		if err := tr.Restore(c, false); err != nil {
			t.Fatal(err)
		}
		left := (10 - int(k)) % 5
		fit(t, tr, run)
		if e := tr.History()[min(int(k)/5, 1)]; k < 10 && k != 5 && (e.Samples != 4*left || len(e.Train) != 3) {
			t.Errorf("from step %d: %+v, want %d rows", k, e, 4*left)
		}
		if parameters(tr) != parameters(old) {
			t.Errorf("from step %d the weights differ", k)
		}
	}
}

// FuzzState reads any text as the state of a run and trains on from there.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"seed":3,"state":{"step":3,"batches":3,"done":0,"batch":3,"lr":0.1,"epoch":{"n":12,"loss":9,"sums":["4"]},"history":null,"schedule":{}}}`))
	f.Add([]byte(`{"version":1,"state":{"step":9e15,"batches":-1,"batch":5,"epoch":{"sums":["NaN","1"]},"history":[{"train":{"loss":null},"val":null}]}}`))
	src := labelled(f, 20)
	tr := trainer(f, small(), Config{Data: src.Schema()})
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseState(text)
		if err != nil {
			return
		}
		tr.resume(s.State)
		steps := 0
		for _, err := range tr.Steps(t.Context(), Run{Train: src, Batch: 4, Epochs: tr.state.Done + 1}) {
			if steps++; err != nil || steps > 6 {
				t.Fatalf("step %d: %v", steps, err)
			}
		}
		if _, err := tr.Snapshot(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFreshSlots restores weights under another optimizer.
func TestFreshSlots(t *testing.T) {
	t.Parallel()
	src := labelled(t, 20)
	old := trainer(t, small(), Config{Data: src.Schema()})
	fit(t, old, Run{Train: src, Epochs: 2})
	c, err := old.Save(ckpt.Store{Dir: t.TempDir(), FS: unsynced{}})
	if err != nil {
		t.Fatal(err)
	}
	tr := trainer(t, small(), Config{Data: src.Schema(), Optim: optim.Optimizer{Rule: optim.SGD{Momentum: 0.9}}})
	if err := tr.Restore(c, true); err != nil {
		t.Fatal(err)
	}
	if parameters(tr) != parameters(old) || tr.Taken() != 2 {
		t.Error("the weights were not restored")
	}
	fit(t, tr, Run{Train: src, Epochs: 3})
}

// TestSumsThatOverflow saves a run whose metrics left the numbers that JSON has
// while its loss did not.
func TestSumsThatOverflow(t *testing.T) {
	t.Parallel()
	x, y := tensor.New(tensor.Float32, 8, 1), tensor.New(tensor.Float32, 8, 1)
	for i := range 8 {
		x.SetFlat(i, float64(i))
		y.SetFlat(i, 1e30)
	}
	schema := data.Schema{
		Inputs:  []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{1}}},
		Targets: []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{1}}},
	}
	src := source(t, schema, []*tensor.Tensor{x}, []*tensor.Tensor{y})
	cfg := Config{Data: schema, Loss: loss.MAE{}}
	m := nn.Sequential{nn.Dense{Units: 1}}
	whole, tr := trainer(t, m, cfg), trainer(t, m, cfg)
	run := Run{Train: src, Batch: 2, Epochs: 1}
	fit(t, whole, run)
	var c *ckpt.Checkpoint
	fit(t, whole, run)
	first := trainer(t, m, cfg)
	for s, err := range first.Steps(t.Context(), run) {
		if err != nil || s.Step != 1 {
			t.Fatal(s, err)
		}
		if c, err = first.Save(ckpt.Store{Dir: t.TempDir(), FS: unsynced{}}); err != nil {
			t.Fatal(err)
		}
		break
	}
	if err := tr.Restore(c, false); err != nil {
		t.Fatal(err)
	}
	fit(t, tr, run)
	if got, want := end(t, tr), end(t, whole); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if v, _ := tr.History()[0].Train.Get("rmse"); !math.IsInf(v, 1) {
		t.Errorf("rmse is %v, want +Inf", v)
	}
}
