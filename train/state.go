package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/param"
)

// state is where a run is, beside its parameters.
type state struct {
	Step    int64   `json:"step"`             // of the optimizer
	Before  int64   `json:"before,omitempty"` // steps that it had taken when the run began
	Batches int64   `json:"batches"`          // learned from in all: the key of random numbers
	Done    int     `json:"done"`             // whole epochs
	Batch   int     `json:"batch"`            // batches of the current epoch
	LR      float64 `json:"lr"`               // of the last step
	Epoch   tally   `json:"epoch"`            // what the current epoch has measured
	History []Epoch `json:"history"`
	// Schedule is what an adaptive one remembers.
	Schedule sched.State `json:"schedule"`

	pending int     // rows in accumulated gradients: 0 at every step's end
	seconds float64 // of the current epoch
}

// Keep makes a hook's own state part of the trainer's: it is saved as JSON with
// every checkpoint and restored into what v points to.
func (t *Trainer) Keep(name string, v any) { t.kept[name] = v }

type savedState struct {
	Version int                        `json:"version"`
	Seed    uint64                     `json:"seed"`
	State   state                      `json:"state"`
	Frozen  []string                   `json:"frozen,omitempty"`
	Kept    map[string]json.RawMessage `json:"kept,omitempty"`
}

const (
	stateVersion = 1
	stateFile    = "state.json"
	paramsFile   = "params.safetensors"
	bestFile     = "best.safetensors"
)

// Snapshot lists the files that hold the trainer's whole state at the end of a
// step: parameters, statistics, slots, the place in the data and in the random
// numbers, history, and what hooks keep.
func (t *Trainer) Snapshot() ([]ckpt.File, error) {
	s := savedState{Version: stateVersion, Seed: t.cfg.Seed, State: t.state, Kept: map[string]json.RawMessage{}}
	for p := range t.Params.All() {
		if p.Frozen {
			s.Frozen = append(s.Frozen, p.Name)
		}
	}
	for name, v := range t.kept {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("state of %s: %w", name, err)
		}
		s.Kept[name] = text
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	files := []ckpt.File{
		{Name: stateFile, Write: func(w io.Writer) error { _, err := w.Write(text); return err }},
		{Name: paramsFile, Write: func(w io.Writer) error { return writeSet(w, t.Params) }},
	}
	if t.best != nil {
		files = append(files, ckpt.File{Name: bestFile, Write: func(w io.Writer) error { return writeSet(w, t.best) }})
	}
	return files, nil
}

// Restore puts the trainer into the state that a checkpoint holds. The model
// must be the one that it was saved with, and the optimizer, too, unless
// freshSlots says that its slots begin anew. Where it fails nothing has changed.
func (t *Trainer) Restore(c *ckpt.Checkpoint, freshSlots bool) error {
	damage := func(err error, format string, args ...any) error {
		return &ckpt.Damage{Path: c.Dir, Msg: fmt.Sprintf(format, args...), Err: err}
	}
	text, err := c.ReadFile(stateFile)
	if err != nil {
		return err
	}
	s, err := parseState(text)
	if err != nil {
		return damage(err, "%s %v", stateFile, err)
	}
	kept := map[string]reflect.Value{}
	for name, raw := range s.Kept {
		if v := t.kept[name]; v != nil {
			kept[name] = reflect.New(reflect.TypeOf(v).Elem())
			if err := json.Unmarshal(raw, kept[name].Interface()); err != nil {
				return damage(err, "the state of %s cannot be read", name)
			}
		}
	}
	saved, err := readSet(c, paramsFile, t.Params)
	if err != nil {
		return err
	}
	take := func(set *param.Set) error {
		if freshSlots {
			return set.CopyFrom(saved, param.Slot)
		}
		if err := adopt(set, saved); err != nil {
			return err
		}
		return set.CopyFrom(saved)
	}
	if err := take(t.Params.Clone()); err != nil {
		return damage(err, "its parameters are not this trainer's: %v", err)
	}
	var best *param.Set
	if slices.Contains(c.Names(), bestFile) {
		if best, err = readSet(c, bestFile, t.Params); err != nil {
			return err
		}
		if err := t.weights().CopyFrom(best); err != nil {
			return damage(err, "%s is not of this model: %v", bestFile, err)
		}
	}
	if err := take(t.Params); err != nil {
		return err
	}
	for p := range t.Params.All() {
		p.Frozen = slices.Contains(s.Frozen, p.Name)
	}
	for name, v := range kept {
		reflect.ValueOf(t.kept[name]).Elem().Set(v.Elem())
	}
	t.resume(s.State)
	t.ended = false
	t.best = best
	return t.Changed()
}

// parseState reads the file that Snapshot calls state.json.
func parseState(text []byte) (savedState, error) {
	var s savedState
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("is not what a run writes: %w", err)
	}
	if s.Version != stateVersion {
		return s, fmt.Errorf("is of version %d, this program reads %d", s.Version, stateVersion)
	}
	if st := s.State; st.Step < 0 || st.Before < 0 || st.Batches < 0 || st.Done < 0 || st.Batch < 0 || st.Epoch.N < 0 {
		return s, errors.New("is not what a run writes: a count is below 0")
	}
	return s, nil
}

// resume goes on from a state. Where other metrics were measured in its epoch,
// the measurement begins anew.
func (t *Trainer) resume(s state) {
	t.state = s
	parts, sums := 0, 0
	for _, c := range t.columns() {
		sums += c.sums
		if c.metric == nil {
			parts++
		}
	}
	if len(s.Epoch.Parts) != parts || len(s.Epoch.Sums) != sums {
		t.state.Epoch = tally{}
	}
}

// adopt makes the slots of a trainer's parameters those that were saved. Where
// weights were frozen or freed after the trainer was made, they are others.
func adopt(set, saved *param.Set) error {
	own, theirs := slotNames(set), slotNames(saved)
	if !maps.Equal(own, theirs) {
		return fmt.Errorf("the slots are those of another optimizer: %q in place of %q", slices.Sorted(maps.Keys(theirs)), slices.Sorted(maps.Keys(own)))
	}
	for _, p := range slices.Collect(set.Of(param.Slot)) {
		if saved.Get(p.Name) == nil {
			set.Remove(p.Name)
		}
	}
	for q := range saved.Of(param.Slot) {
		if set.Get(q.Name) != nil {
			continue
		}
		if weight, _, _ := strings.Cut(q.Name, "#"); set.Get(weight) == nil {
			return fmt.Errorf("slot %q belongs to no weight", q.Name)
		}
		if _, err := set.Add(q.Name, param.Slot, q.Value.Shape()); err != nil {
			return err
		}
	}
	return nil
}

// slotNames is the set of slots that weights have, without the weights' names.
func slotNames(s *param.Set) map[string]bool {
	out := map[string]bool{}
	for p := range s.Of(param.Slot) {
		_, name, _ := strings.Cut(p.Name, "#")
		out[name] = true
	}
	return out
}

func writeSet(w io.Writer, s *param.Set) error {
	var ts []safetensors.Named
	for p := range s.All() {
		ts = append(ts, safetensors.Named{Name: p.Name, Tensor: p.Value})
	}
	return safetensors.Write(w, ts, nil)
}

// readSet reads a set whose parameters are of the kinds that like has.
func readSet(c *ckpt.Checkpoint, name string, like *param.Set) (*param.Set, error) {
	f, size, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := safetensors.Read(f, size)
	if err != nil {
		return nil, &ckpt.Damage{Path: c.Dir, Msg: name + " cannot be read", Err: err}
	}
	all, err := st.All()
	if err != nil {
		return nil, &ckpt.Damage{Path: c.Dir, Msg: name + " cannot be read", Err: err}
	}
	out := param.NewSet(like.Float())
	for _, n := range all {
		kind := param.Weight
		if p := like.Get(n.Name); p != nil {
			kind = p.Kind
		} else if strings.Contains(n.Name, "#") {
			kind = param.Slot
		}
		p, err := out.Add(n.Name, kind, n.Tensor.Shape())
		if err == nil {
			err = p.Value.CopyFrom(n.Tensor)
		}
		if err != nil {
			return nil, &ckpt.Damage{Path: c.Dir, Msg: name + " cannot be used", Err: err}
		}
	}
	return out, nil
}

// weights is a copy of what RestoreBest puts back: what was validated.
func (t *Trainer) weights() *param.Set {
	t.swapMeans()
	defer t.swapMeans()
	c := t.Params.Clone()
	var slots []string
	for p := range c.Of(param.Slot) {
		slots = append(slots, p.Name)
	}
	for _, n := range slots {
		c.Remove(n)
	}
	return c
}
