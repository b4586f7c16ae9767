package train

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/nadir-ml/nadir/ckpt"
)

// Lambda calls f after every step. An error ends the run.
func Lambda(f func(*Step) error) Hook {
	return func(next Steps) Steps {
		return func(yield func(*Step, error) bool) {
			for s, err := range next {
				if err == nil {
					err = f(s)
				}
				if !yield(s, err) || err != nil {
					return
				}
			}
		}
	}
}

// OnEpoch calls f at the end of every epoch. An error ends the run.
func OnEpoch(f func(*Epoch) error) Hook {
	return Lambda(func(s *Step) error {
		if s.Done == nil {
			return nil
		}
		return f(s.Done)
	})
}

// TerminateOnNaN ends a run with [Diverged] when a measured number is no
// longer one. Training steps are watched by the trainer itself; this watches
// validation.
func TerminateOnNaN() Hook {
	return Lambda(func(s *Step) error {
		if s.Done == nil {
			return nil
		}
		for _, v := range s.Done.Val {
			if v.Name == "loss" && !finite(v.Value) {
				return s.Trainer.divergedOn(s.val, v.Value)
			}
		}
		return nil
	})
}

// CSVLog writes a line an epoch: epoch, step, lr and every measured number.
// header is false where the lines go on from an earlier run.
func CSVLog(w io.Writer, header bool) Hook {
	c := csv.NewWriter(w)
	return OnEpoch(func(e *Epoch) error {
		num := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
		names := []string{"epoch", "step", "lr"}
		row := []string{strconv.Itoa(e.Epoch), strconv.FormatInt(e.Step, 10), num(e.LR)}
		for _, v := range e.Train {
			names, row = append(names, v.Name), append(row, num(v.Value))
		}
		for _, v := range e.Val {
			names, row = append(names, "val_"+v.Name), append(row, num(v.Value))
		}
		if header {
			header = false
			if err := c.Write(names); err != nil {
				return err
			}
		}
		if err := c.Write(row); err != nil {
			return err
		}
		c.Flush()
		return c.Error()
	})
}

// Every says when checkpoints are saved, beside the end of every epoch: after
// so many steps, or so much time.
type Every struct {
	Steps int64
	Time  time.Duration
}

// Checkpoints saves the trainer's state at the end of every epoch and as every
// says; saved, which may be nil, is told of each.
func Checkpoints(store ckpt.Store, every Every, saved func(*ckpt.Checkpoint)) Hook {
	last := time.Now()
	return Lambda(func(s *Step) error {
		due := s.Done != nil ||
			every.Steps > 0 && s.Step%every.Steps == 0 ||
			every.Time > 0 && time.Since(last) >= every.Time
		if !due {
			return nil
		}
		c, err := s.Trainer.Save(store)
		if err != nil {
			return err
		}
		last = time.Now()
		if saved != nil {
			saved(c)
		}
		return nil
	})
}

// Save writes a checkpoint of the trainer's state.
func (t *Trainer) Save(store ckpt.Store) (*ckpt.Checkpoint, error) {
	files, err := t.Snapshot()
	if err != nil {
		return nil, err
	}
	return store.Save(t.state.Step, files...)
}

// EarlyStopping ends a run when what it monitors has not improved for Patience
// epochs, and keeps the best parameters.
type EarlyStopping struct {
	Monitor     string  `spec:"monitor" default:"val/loss" doc:"what is watched: val/NAME or train/NAME"`
	Patience    int     `spec:"patience" default:"0" doc:"epochs without an improvement before the run ends"`
	MinDelta    float64 `spec:"min_delta,plain" default:"0" doc:"a smaller change is no improvement"`
	RestoreBest bool    `spec:"restore_best" default:"true" doc:"end with the best parameters, not the last"`
}

// Best is the state of early stopping: it is kept with every checkpoint.
type Best struct {
	Epoch int     `json:"epoch"` // 0: none yet
	Value float64 `json:"value"`
	Wait  int     `json:"wait"` // epochs since
}

// Hook makes the hook for a trainer. best, which may be nil, receives the
// state.
func (e EarlyStopping) Hook(t *Trainer, best *Best) Hook {
	if best == nil {
		best = &Best{}
	}
	monitor := e.Monitor
	if monitor == "" {
		monitor = "val/loss"
	}
	t.Keep("early_stop", best)
	return func(next Steps) Steps {
		return func(yield func(*Step, error) bool) {
			if e.over(best) {
				return
			}
			for s, err := range next {
				if err != nil {
					yield(s, err)
					return
				}
				if s.Done != nil {
					v, ok := s.Done.Get(monitor)
					if !ok {
						yield(s, fmt.Errorf("early_stop.monitor: %q is not measured; there are %s", monitor, measured(s.Done)))
						return
					}
					d := best.Value - v
					if !LowIsGood(monitor) {
						d = -d
					}
					if finite(v) && (best.Epoch == 0 || d > e.MinDelta) {
						*best = Best{Epoch: s.Done.Epoch, Value: v}
						if e.RestoreBest {
							t.best = t.weights()
						}
					} else {
						best.Wait++
					}
				}
				if !yield(s, nil) || s.Done != nil && e.over(best) {
					return
				}
			}
		}
	}
}

func (e EarlyStopping) over(b *Best) bool { return b.Wait > 0 && b.Wait >= max(1, e.Patience) }

// RestoreBest puts back the best weights and statistics that early stopping
// kept, and reports whether there are any.
func (t *Trainer) RestoreBest() bool {
	if t.best == nil {
		return false
	}
	for p := range t.best.All() {
		_ = t.Params.Get(p.Name).Value.CopyFrom(p.Value)
	}
	t.ended = true
	return true
}

func measured(e *Epoch) string {
	out := ""
	for _, v := range e.Train {
		out += "train/" + v.Name + " "
	}
	for _, v := range e.Val {
		out += "val/" + v.Name + " "
	}
	return out
}
