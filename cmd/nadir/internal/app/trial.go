package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
	"github.com/nadir-ml/nadir/tune"
)

// A contender is a configuration that takes part in a comparison.
type contender struct {
	name string
	cfg  *config.Config
	err  error // what is wrong with it
}

// An arena is the rows that contenders are compared on.
type arena struct {
	*command // a quiet one
	base     *config.Config
	data     *dataset // all rows that may be trained on, and the test part
	labels   []int32
}

// rowKeys are the keys that say what rows there are.
var rowKeys = []string{"name", "url", "limit", "classes", "test", "label", "ignore"}

// rowsOf is what a configuration says of its rows, as text.
func rowsOf(cfg *config.Config) string {
	d, _ := cfg.Tree.Get("data")
	if d.Kind != spec.Map {
		d = spec.Value{Kind: spec.Map}.With("name", d)
	}
	v := spec.Value{Kind: spec.Map}
	for _, k := range rowKeys {
		if x, ok := d.Get(k); ok {
			v = v.With(k, x)
		}
	}
	if x, ok := cfg.Tree.Get("sample_weight"); ok {
		v = v.With("sample_weight", x)
	}
	if x, ok := given(cfg, "input.size"); ok {
		v = v.With("size", x)
	}
	return string(v.JSON())
}

// openArena opens the rows of a configuration, none held out for validation.
func (c *command) openArena(ctx context.Context, cfg *config.Config) (*arena, error) {
	quiet := &command{out: c.out, err: c.err, quiet: true}
	a := &arena{command: quiet, base: cfg}
	var err error
	if a.data, err = c.openData(ctx, unsplit(cfg), openOptions{}); err != nil {
		return nil, err
	}
	for _, n := range a.data.notes {
		c.note(n)
	}
	if a.data.schema().Classification() {
		if a.labels, err = data.Labels(a.data.train); err != nil {
			a.Close()
			return nil, asData(err)
		}
	}
	return a, nil
}

func (a *arena) Close() { a.data.Close() }

// unsplit is a configuration without validation rows.
func unsplit(cfg *config.Config) *config.Config {
	c := *cfg
	c.Data.Val = config.Part{Size: config.Size{None: true}}
	return &c
}

// part is the rows of a trial: those trained on and those held out. A table is
// fitted to the former.
func (a *arena) part(ctx context.Context, cfg *config.Config, t tune.Trial) (*dataset, error) {
	rows := *cfg
	rows.Seed = a.base.Seed // that digits are drawn from, and what is limited
	if t.Folds == 0 {
		return a.openData(ctx, &rows, openOptions{})
	}
	folds, err := tune.Folds(a.data.train.Len(), t.Folds, a.labels, t.Seed)
	if err != nil {
		return nil, err
	}
	held := folds[t.Fold]
	learned := tune.Rest(a.data.train.Len(), held)
	if a.data.table != nil {
		return a.openData(ctx, unsplit(&rows), openOptions{fold: func(left []int32) (kept, out []int32) {
			return picked(left, learned), picked(left, held)
		}})
	}
	d := *a.data
	d.close = nil
	d.train, d.val = data.Subset(a.data.train, learned), data.Subset(a.data.train, held)
	return &d, nil
}

// picked is the entries of a list at some places.
func picked(list, at []int32) []int32 {
	out := make([]int32, len(at))
	for i, k := range at {
		out[i] = list[k]
	}
	return out
}

// spec is all that a contender's outcomes depend on, but for fold and seed.
func (a *arena) spec(cfg *config.Config) (string, error) {
	v := cfg.Tree.Without("out", "threads", "ckpt", "seed", "signal", "preset")
	if d, ok := v.Get("data"); ok && d.Kind == spec.Map {
		v = v.With("data", d.Without("val"))
	}
	text := fmt.Sprintf("%s\n%s\nseed of the rows %d\n%s", v.JSON(), a.data.fingerprint, a.base.Seed, cpu.Kernels(productsOf(cfg.Precision)))
	for _, path := range []string{cfg.ModelFile, modelPath(cfg.Transfer.From)} {
		if path == "" {
			continue
		}
		sum, err := sumOf(path)
		if err != nil {
			return "", err
		}
		text += "\n" + sum
	}
	return text, nil
}

// modelPath is the model of a run, or a path that is no run's.
func modelPath(path string) string {
	if in := filepath.Join(path, modelFile); path != "" && exists(in) {
		return in
	}
	return path
}

// sumOf is the hash of a file.
func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// check finds what is wrong with a contender before anything is trained.
func (a *arena) check(ctx context.Context, cfg *config.Config, t tune.Trial) error {
	if err := cmp.Or(later(cfg), chosen(cfg)); err != nil {
		return err
	}
	if mine, its := rowsOf(a.base), rowsOf(cfg); mine != its {
		return usage("its rows are others, and candidates are compared on the same: %s, not %s", its, mine)
	}
	s, err := a.session(ctx, cfg, t)
	if err != nil {
		return err
	}
	s.Close()
	return nil
}

// session is what trains a trial: from its seed, on one thread.
func (a *arena) session(ctx context.Context, cfg *config.Config, t tune.Trial) (*session, error) {
	own := *cfg
	own.Seed, own.Threads = t.Seed, 1
	d, err := a.part(ctx, &own, t)
	if err != nil {
		return nil, err
	}
	s := &session{command: a.command, cfg: &own, data: d}
	if err := s.assemble(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// train runs a trial.
func (a *arena) train(ctx context.Context, cfg *config.Config, t tune.Trial) (*tune.Outcome, error) {
	s, err := a.session(ctx, cfg, t)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	rows, err := augmented(s.cfg, s.data.train)
	if err != nil {
		return nil, err
	}
	course := tune.Course{Run: train.Run{Train: rows, Val: s.data.val, Batch: s.cfg.Data.Batch, Epochs: s.cfg.Epochs.N, Steps: int64(s.cfg.Steps), MaxTime: s.cfg.MaxTime}}
	if e := s.cfg.EarlyStop; e != nil {
		course.EarlyStopping = &train.EarlyStopping{Monitor: e.Monitor, Patience: e.Patience, RestoreBest: e.RestoreBest}
	}
	s.report = term.New(term.Options{Out: s.out, Err: s.err, Quiet: true})
	defer s.report.Close()
	var done func() error
	course.Hooks, done = s.thawing(&course.Run)
	defer func() { _ = done() }()
	if s.stages != nil {
		defer s.stages.Close()
		course.Before = func(ctx context.Context) error {
			for _, err := range s.stages.Steps(ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	return tune.Fit(ctx, s.trainer, course, t)
}
