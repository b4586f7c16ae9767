package transfer

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/train"
)

// A Thaw sets frozen layers free.
type Thaw struct {
	// Layers is a pattern, or topN: the N uppermost of the frozen layers that have
	// a kernel, with what is frozen above them. A * is all that is still frozen.
	Layers string
	// Epoch is the first in which they are trained, counted from 1.
	Epoch int
	// LR is their rate from then on, before any schedule; 0 is a tenth of the
	// optimizer's: what was learned before is not to be forgotten at once (Howard
	// and Ruder, "Universal Language Model Fine-tuning for Text Classification",
	// ACL 2018).
	LR float64
}

// A Schedule is thaws in the order of their epochs. As text they are
// PATTERN@EPOCH or PATTERN@EPOCH:LR, with commas between.
type Schedule []Thaw

// ParseSchedule reads what String writes.
func ParseSchedule(text string) (Schedule, error) {
	var out Schedule
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for _, item := range param.SplitPatterns(text) {
		t, err := parseThaw(item)
		if err != nil {
			return nil, err
		}
		if n := len(out); n > 0 && t.Epoch < out[n-1].Epoch {
			return nil, fmt.Errorf("%q comes after epoch %d: put the epochs in their order", item, out[n-1].Epoch)
		}
		out = append(out, t)
	}
	return out, nil
}

func parseThaw(item string) (Thaw, error) {
	const form = "want PATTERN@EPOCH or PATTERN@EPOCH:LR, such as top2@5 or hidden3@4:1e-4"
	at := strings.LastIndexByte(item, '@')
	if at < 1 {
		return Thaw{}, fmt.Errorf("%q: %s", item, form)
	}
	t := Thaw{Layers: strings.TrimSpace(item[:at])}
	epoch, lr, rated := strings.Cut(item[at+1:], ":")
	var err error
	if t.Epoch, err = strconv.Atoi(epoch); err != nil || t.Epoch < 1 {
		return t, fmt.Errorf("%q: epochs are whole numbers from 1; %s", item, form)
	}
	if rated {
		if t.LR, err = strconv.ParseFloat(lr, 64); err != nil || !(t.LR > 0) || math.IsInf(t.LR, 0) {
			return t, fmt.Errorf("%q: a learning rate is a number above 0; %s", item, form)
		}
	}
	if n, ok := topOf(t.Layers); ok && n < 1 {
		return t, fmt.Errorf("%q: top wants a number of layers from 1", item)
	}
	return t, nil
}

// String is the schedule as text.
func (s Schedule) String() string {
	var items []string
	for _, t := range s {
		item := fmt.Sprintf("%s@%d", t.Layers, t.Epoch)
		if t.LR > 0 {
			item += ":" + strconv.FormatFloat(t.LR, 'g', -1, 64)
		}
		items = append(items, item)
	}
	return strings.Join(items, ",")
}

// topOf is the N of topN.
func topOf(pattern string) (int, bool) {
	rest, ok := strings.CutPrefix(pattern, "top")
	n, err := strconv.Atoi(rest)
	return n, ok && err == nil
}

// A Stage is parameters that are set free at the beginning of an epoch.
type Stage struct {
	Epoch  int
	LR     float64
	Layers []string
	Params []string
}

// Freezing is what of a net is frozen, and until when.
type Freezing struct {
	Frozen []string // parameters
	Stages []Stage
}

// Freeze finds what is frozen of the reused parameters of a set, and when it is
// set free. Patterns choose among what is reused: new layers are never frozen. No
// pattern freezes nothing, or where there is a schedule all that is reused. rate
// is the optimizer's, which the rate of what is set free goes by.
//
// Errors are a pattern that matches nothing, or only what is new, or what
// another has chosen before; and a thaw of what is not frozen.
func Freeze(set *param.Set, reused []string, pattern string, s Schedule, rate float64) (*Freezing, error) {
	f := &Freezing{}
	taken := map[string]bool{}
	for _, name := range reused {
		taken[name] = true
	}
	if pattern == "" && len(s) == 0 {
		return f, nil
	}
	frozen := map[string]bool{}
	if pattern == "" {
		frozen = taken
	} else {
		list, err := chosenFrom(set, taken, "freeze", pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range list {
			frozen[name] = true
		}
	}
	for p := range set.All() {
		if frozen[p.Name] && p.Kind != param.Slot {
			f.Frozen = append(f.Frozen, p.Name)
		}
	}
	left := slices.Clone(f.Frozen)
	for _, t := range s {
		free, err := t.chosen(set, f.Frozen, left)
		if err != nil {
			return nil, fmt.Errorf("unfreeze: %w", err)
		}
		left = slices.DeleteFunc(left, func(name string) bool { return slices.Contains(free, name) })
		if t.LR == 0 {
			t.LR = rate / 10
		}
		f.Stages = append(f.Stages, Stage{Epoch: t.Epoch, LR: t.LR, Layers: layersOf(free), Params: free})
	}
	return f, nil
}

// chosenFrom lists the parameters that a pattern chooses among those taken.
// Nothing may be chosen twice.
func chosenFrom(set *param.Set, taken map[string]bool, key, pattern string) ([]string, error) {
	by := map[string]string{} // the pattern that chose a parameter
	for _, pat := range param.SplitPatterns(pattern) {
		rest, away := strings.CutPrefix(pat, "!")
		list, err := set.Match(rest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		hit := false
		for _, p := range list {
			if !taken[p.Name] {
				continue
			}
			hit = true
			switch first := by[p.Name]; {
			case away:
				delete(by, p.Name)
			case first != "":
				return nil, fmt.Errorf("%s: %q and %q overlap: both name %s; name it once", key, first, pat, p.Name)
			default:
				by[p.Name] = pat
			}
		}
		if !hit && !away {
			return nil, fmt.Errorf("%s: %q names only layers that are new; reused are %s", key, pat, strings.Join(layersOf(inOrder(set, taken)), ", "))
		}
	}
	if len(by) == 0 {
		return nil, fmt.Errorf("%s: %q leaves nothing of %s", key, pattern, strings.Join(layersOf(inOrder(set, taken)), ", "))
	}
	chosen := map[string]bool{}
	for name := range by {
		chosen[name] = true
	}
	return inOrder(set, chosen), nil
}

// inOrder lists names in the set's order.
func inOrder(set *param.Set, names map[string]bool) []string {
	var out []string
	for p := range set.All() {
		if names[p.Name] {
			out = append(out, p.Name)
		}
	}
	return out
}

// chosen lists what a thaw sets free of what is left frozen.
func (t Thaw) chosen(set *param.Set, frozen, left []string) ([]string, error) {
	item := fmt.Sprintf("%s@%d", t.Layers, t.Epoch)
	if len(left) == 0 {
		return nil, fmt.Errorf("%s: nothing is frozen then", item)
	}
	if n, ok := topOf(t.Layers); ok {
		var kernels []string // layers with one, from below
		for _, name := range left {
			p := set.Get(name)
			if l := layerOf(name); p.Kind == param.Weight && len(p.Value.Shape()) > 1 && !slices.Contains(kernels, l) {
				kernels = append(kernels, l)
			}
		}
		if n > len(kernels) {
			return nil, fmt.Errorf("%s: %d layers with a kernel are frozen then: %s", item, len(kernels), strings.Join(kernels, ", "))
		}
		lowest := kernels[len(kernels)-n]
		at := slices.IndexFunc(left, func(name string) bool { return layerOf(name) == lowest })
		return slices.Clone(left[at:]), nil
	}
	if t.Layers == "*" {
		return slices.Clone(left), nil
	}
	list, err := set.Match(t.Layers)
	if err != nil {
		return nil, err
	}
	var out []string
	var not string
	for _, p := range list {
		switch {
		case slices.Contains(left, p.Name):
			out = append(out, p.Name)
		case slices.Contains(frozen, p.Name):
			return nil, fmt.Errorf("%s: %s was set free before; name it once", item, layerOf(p.Name))
		default:
			not = layerOf(p.Name)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: %s is not frozen; frozen are %s", item, not, strings.Join(layersOf(left), ", "))
	}
	return out, nil
}

// Groups are the rates of what is set free, for the optimizer whose rate is
// given.
func (f *Freezing) Groups(rate float64) []optim.Group {
	var out []optim.Group
	for _, s := range f.Stages {
		out = append(out, optim.Group{Params: strings.Join(s.Params, ","), LRScale: s.LR / rate})
	}
	return out
}

// Begin freezes what is frozen at first.
func (f *Freezing) Begin(t *train.Trainer) error {
	if len(f.Frozen) == 0 {
		return f.thaw(t, 1, nil)
	}
	if _, err := t.Freeze(f.Frozen...); err != nil {
		return err
	}
	return f.thaw(t, 1, nil)
}

// thaw sets free what is due at the beginning of an epoch, or was before.
func (f *Freezing) thaw(t *train.Trainer, epoch int, note func(string)) error {
	for _, s := range f.Stages {
		if s.Epoch > epoch {
			continue
		}
		frozen := slices.DeleteFunc(slices.Clone(s.Params), func(name string) bool { return !t.Params.Get(name).Frozen })
		if len(frozen) == 0 {
			continue
		}
		if _, err := t.Unfreeze(frozen...); err != nil {
			return err
		}
		if note != nil {
			note(fmt.Sprintf("from epoch %d on: %s trained, at a rate of %s", epoch, are(s.Layers), strconv.FormatFloat(s.LR, 'g', 3, 64)))
		}
	}
	return nil
}

// are is a list of names as a subject.
func are(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " are"
}

// Hook sets layers free at the end of the epoch before theirs. It is to stand
// before what saves checkpoints, so that a run that goes on from one has them
// free. note, which may be nil, is told.
func (f *Freezing) Hook(t *train.Trainer, note func(string)) train.Hook {
	return func(next train.Steps) train.Steps {
		return func(yield func(*train.Step, error) bool) {
			if err := f.thaw(t, len(t.History())+1, note); err != nil {
				yield(nil, err)
				return
			}
			train.Lambda(func(s *train.Step) error {
				if s.Done == nil || s.Epochs > 0 && s.Done.Epoch >= s.Epochs {
					return nil // the run is over: a longer one begins with them
				}
				return f.thaw(t, s.Done.Epoch+1, note)
			})(next)(yield)
		}
	}
}
