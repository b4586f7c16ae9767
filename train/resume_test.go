package train

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/tensor"
)

// resumable are runs that a stop at any step must leave no trace in.
var resumable = []struct {
	name string
	cfg  Config
	run  Run
	stop *EarlyStopping
	rows int
	val  int
}{
	{name: "plain", run: Run{Epochs: 3}},
	{name: "validation", run: Run{Epochs: 3}, val: 13},
	{name: "accumulate", cfg: Config{Accumulate: 3}, run: Run{Epochs: 3}},
	{name: "schedule", cfg: Config{Schedule: sched.Exponential{Rate: 0.5, Length: 5}}, run: Run{Epochs: 3}},
	{name: "per epoch", cfg: Config{Schedule: sched.Exponential{Rate: 0.5, Length: 1, Staircase: true, Per: sched.PerEpoch}}, run: Run{Epochs: 4}},
	{name: "cycle", cfg: Config{Schedule: sched.OneCycle{}}, run: Run{Epochs: 3}},
	{name: "plateau", cfg: Config{Schedule: sched.Plateau{Monitor: "train/loss", Patience: 1, MinDelta: 0.3}}, run: Run{Epochs: 4}},
	{name: "smoothed plateau", cfg: Config{Schedule: sched.Plateau{Monitor: "train/loss", Patience: 1, MinDelta: 0.3, Smoothing: 0.5}}, run: Run{Epochs: 4}},
	{name: "early stopping", cfg: Config{Optim: optim.Optimizer{Rule: optim.SGD{LR: 2}}}, run: Run{Epochs: 12}, stop: &EarlyStopping{Patience: 2, RestoreBest: true}, val: 13},
	{name: "class weights", cfg: Config{ClassWeight: []float64{1, 2, 0.5}}, run: Run{Epochs: 2}},
	{name: "averages", cfg: Config{Optim: optim.Optimizer{Rule: optim.AdamW{}, EMA: true, GlobalClipNorm: 0.5}}, run: Run{Epochs: 2}},
	{name: "averages that stop early", cfg: Config{Optim: optim.Optimizer{Rule: optim.SGD{LR: 2}, SWA: true, SWAStart: 7}}, run: Run{Epochs: 12}, stop: &EarlyStopping{Patience: 2, RestoreBest: true}, val: 13},
	{name: "clipped by what was seen", cfg: Config{Optim: optim.Optimizer{GlobalClipNorm: optim.Auto}}, run: Run{Epochs: 5}},
	{name: "clipped over several batches", cfg: Config{Accumulate: 2, Optim: optim.Optimizer{GlobalClipNorm: optim.Auto}}, run: Run{Epochs: 6}},
	{name: "momentum cycled", cfg: Config{Schedule: sched.OneCycle{Max: 0.1}, Optim: optim.Optimizer{Rule: optim.SGD{Momentum: 0.9}}, Accumulate: 2}, run: Run{Epochs: 4}},
	{name: "mixed", cfg: Config{Mix: Mix{MixUp: 0.4}, Accumulate: 2}, run: Run{Epochs: 3}},
	{name: "steps", run: Run{Steps: 9}},
	{name: "one row left", run: Run{Epochs: 4, Batch: 7}, rows: 36},
	{name: "float64", cfg: Config{Float: tensor.Float64}, run: Run{Epochs: 2}},
}

// TestResume saves runs at every step they have, restores each into a new
// trainer and goes on: parameters, statistics, slots and history end in the
// same bytes as those of a run that never stopped.
func TestResume(t *testing.T) {
	t.Parallel()
	for _, r := range resumable {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if r.rows == 0 {
				r.rows = 42
			}
			if r.run.Batch == 0 {
				r.run.Batch = 8
			}
			r.run.Train = labelled(t, r.rows)
			if r.val > 0 {
				r.run.Val = labelled(t, r.val)
			}
			r.cfg.Data, r.cfg.Seed = r.run.Train.Schema(), 3
			// part trains to the end, afresh or from a checkpoint.
			part := func(from *ckpt.Checkpoint, hooks ...Hook) *Trainer {
				tr := trainer(t, small(), r.cfg)
				if r.stop != nil {
					hooks = append([]Hook{r.stop.Hook(tr, nil)}, hooks...)
				}
				if from != nil {
					if err := tr.Restore(from, false); err != nil {
						t.Fatal(err)
					}
				}
				fit(t, tr, r.run, hooks...)
				if r.stop != nil && !tr.RestoreBest() {
					t.Fatal("early stopping kept nothing")
				}
				return tr
			}
			store := ckpt.Store{Dir: t.TempDir(), Keep: -1, FS: unsynced{}}
			var saved []*ckpt.Checkpoint
			whole := part(nil, Lambda(func(s *Step) error {
				c, err := s.Trainer.Save(store)
				saved = append(saved, c)
				return err
			}))
			want := end(t, whole)
			if plain := end(t, part(nil)); plain != want {
				t.Fatalf("without saving:\n%s\nwith:\n%s", plain, want)
			}
			if n := len(whole.History()); r.stop != nil && n == r.run.Epochs {
				t.Fatal("the run did not stop early")
			}
			if len(saved) != int(whole.Taken()) || len(saved) < 3 {
				t.Fatalf("%d checkpoints of %d steps", len(saved), whole.Taken())
			}
			for k, c := range saved {
				if got := end(t, part(c)); got != want {
					t.Errorf("from step %d of %d:\n%s\nwant\n%s", k+1, whole.Taken(), got, want)
				}
			}
		})
	}
}

// unsynced is the file system without its syncs: no crash is tried here.
type unsynced struct{ ckpt.OS }

func (unsynced) SyncDir(string) error { return nil }

func (u unsynced) Create(path string) (ckpt.WritableFile, error) {
	f, err := u.OS.Create(path)
	return unsyncedFile{f}, err
}

type unsyncedFile struct{ ckpt.WritableFile }

func (unsyncedFile) Sync() error { return nil }

// end is everything that a run ends in, but for the seconds it took.
func end(t *testing.T, tr *Trainer) string {
	t.Helper()
	h := slices.Clone(tr.History())
	for i := range h {
		h[i].Seconds = 0
	}
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out := fmt.Sprintf("%d steps, %s\n", tr.Taken(), text)
	for p := range tr.Params.All() {
		out += fmt.Sprintf("%s %v %x\n", p.Name, p.Kind, sha256.Sum256(p.Value.Bytes()))
	}
	return out
}
