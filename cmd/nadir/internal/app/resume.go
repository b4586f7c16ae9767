package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/spec"
)

func resumeVerb(c *command) *cobra.Command {
	return &cobra.Command{
		Use:   "resume RUN [key=value …]",
		Short: "Go on with a run where it stopped",
		Long: `Go on with a run where its last whole checkpoint was saved. It ends in the same
bytes as if it had never been stopped. epochs=+10 extends it; other keys change
it, and those after which it is no longer the same run are named.`,
		Example: `  nadir resume runs/mnist
  nadir resume runs/mnist epochs=+10
  nadir resume runs/mnist optim.lr=1e-4`,
		RunE: func(cmd *cobra.Command, args []string) error {
			run, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			if run == "" {
				return usage("resume wants the directory of a run, such as: nadir resume runs/digits")
			}
			return c.resume(cmd.Context(), run, keys)
		},
	}
}

// steering are the keys that change no byte of the result.
var steering = []string{"threads", "out", "ckpt", "max_time", "epochs", "metrics", "signal"}

func (c *command) resume(ctx context.Context, path string, keys []string) error {
	path = strings.TrimRight(path, "/")
	dir, err := openRun(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	s := &session{command: c, dir: dir}
	latest, err := s.latest()
	if err != nil {
		return err
	}
	info, err := dir.info()
	if err != nil {
		return err
	}
	before, err := config.Load(config.Sources{File: dir.file(configFile)})
	if err != nil {
		return err
	}
	if s.cfg, err = c.load(dir.file(configFile), nil, extend(keys, before)); err != nil {
		return err
	}
	if err := later(s.cfg); err != nil {
		return err
	}
	if s.only = info.Pretrain; s.only && s.cfg.Epochs != before.Epochs {
		return usage("%s is a run of stages alone, whose epochs are theirs: in a new run such as pretrain.0.epochs=20; to train from what they learned: nadir train model=%s", path, dir.file(modelFile))
	}
	changed := changes(before, s.cfg, latest.Step)
	if len(changed) == 0 && s.cfg.Epochs == before.Epochs {
		if printed, err := s.finished(latest.Step); printed || err != nil {
			return err
		}
	}
	if s.data, err = c.openData(ctx, s.cfg, openOptions{within: info.Dir}); err != nil {
		return err
	}
	defer s.data.Close()
	rows, err := s.stageRows(ctx, info.Dir)
	if err != nil {
		return err
	}
	if s.data.fingerprint != info.Data && !changedIn(changed, "data") && !changedIn(changed, "seed") {
		return &data.Error{Path: s.cfg.Data.Name, Msg: "the data is no longer what the run began with; put it back, or say data=… to go on with other data"}
	}
	if s.cfg.Transfer.From != "" {
		if info.Inputs == nil || info.preprocess == nil {
			return &ckpt.Damage{Path: dir.file(runFile), Msg: "it says nothing of the model whose layers are reused"}
		}
		if err := s.data.fitTo(c, s.cfg, info.Inputs); err != nil {
			return err
		}
	}
	b, err := c.newTrainer(s.cfg, s.data, info.preprocess)
	if err != nil {
		return err
	}
	s.trainer, s.reuse = b.trainer, b.reuse
	defer s.trainer.Close()
	if err := s.prepare(); err != nil {
		return err
	}
	if err := s.plan(rows); err != nil {
		return err
	}
	if e := s.cfg.EarlyStop; e != nil {
		s.trainer.Keep("early_stop", &s.best)
	}
	if err := s.restore(latest, changed); err != nil {
		return err
	}
	if s.stages != nil {
		if err := s.restoreStages(ctx, latest, changed); err != nil {
			return err
		}
		if changedIn(changed, "pretrain") && !s.pretraining() {
			return usage("%s: its stages are over; what is said of them can be changed in a new run", path)
		}
	}
	if k := cpu.Kernels(productsOf(s.cfg.Precision)); info.Kernel != k {
		changed = append(changed, fmt.Sprintf("kernel family (%s, was %s)", k, info.Kernel))
	}
	if len(changed) > 0 {
		c.note(fmt.Sprintf("changed: %s; from here on the run is no longer the one that was begun, bit by bit", strings.Join(changed, ", ")))
	}
	c.orderly.Store(true)
	if s.data.fingerprint != info.Data {
		info.Data = s.data.fingerprint
		if err := dir.writeInfo(info); err != nil {
			return err
		}
	}
	if len(keys) > 0 {
		if err := dir.write(configFile, config.YAML(s.cfg.Tree)); err != nil {
			return err
		}
	}
	if err := s.catchUp(); err != nil {
		return err
	}
	return s.run(ctx)
}

// openRun locks the directory of a run.
func openRun(path string) (*runDir, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return nil, usage("%s is not the directory of a run%s", path, nearFiles(path))
	}
	if exists(filepath.Join(path, lockFile)) || exists(filepath.Join(path, runFile)) {
		return lockRun(path)
	}
	if list, err := os.ReadDir(path); err == nil && len(list) == 0 {
		return nil, usage("%s: nothing was saved; start again with nadir train", path)
	}
	return nil, usage("%s is not the directory of a run: it has no %s", path, runFile)
}

// latest is the newest checkpoint that is whole.
func (s *session) latest() (*ckpt.Checkpoint, error) {
	latest, damaged, err := s.dir.store(0).Latest()
	switch {
	case errors.Is(err, ckpt.ErrNone):
		return nil, usage("%s: nothing was saved; start again with %s", s.dir.path, startAgain(s.dir))
	case err != nil:
		return nil, fmt.Errorf("%w; nothing can be gone on from: start again with %s", err, startAgain(s.dir))
	}
	for _, d := range damaged {
		s.note(fmt.Sprintf("%v; %s is used", d, latest.Dir))
	}
	return latest, nil
}

// restore puts the trainer where the checkpoint is, as far as what was changed
// lets it.
func (s *session) restore(c *ckpt.Checkpoint, changed []string) error {
	optim := changedIn(changed, "optim")
	err := s.trainer.Restore(c, contains(changed, "optim.name"))
	if err != nil && optim && s.trainer.Restore(c, true) == nil {
		s.note("the optimizer begins with fresh slots: those that were saved are another's")
		return nil
	}
	if err != nil && changedIn(changed, "model") {
		return usage("the parameters of the run are not those of the changed model; to go on from its weights in a new run: nadir train model=%s", s.dir.file(modelFile))
	}
	return err
}

// catchUp writes down the epochs that a killed process did not get to.
func (s *session) catchUp() error {
	written, err := s.dir.lines(metricsFile)
	if err != nil {
		return err
	}
	for _, line := range written {
		var e struct{ Epoch, Stage int }
		switch {
		case json.Unmarshal(line, &e) != nil:
		case e.Stage > 0:
			s.toldStages++
		default:
			s.told = max(s.told, e.Epoch)
		}
	}
	if s.stages != nil {
		if err := s.recordStages(); err != nil {
			return err
		}
	}
	for _, e := range s.trainer.History() {
		if err := s.record(e); err != nil {
			return err
		}
	}
	return nil
}

// extend turns epochs=+10 into the number in all.
func extend(keys []string, before *config.Config) []string {
	var out []string
	for _, k := range keys {
		if text, ok := strings.CutPrefix(k, "epochs=+"); ok {
			if n, err := strconv.Atoi(text); err == nil && n > 0 {
				k = fmt.Sprintf("epochs=%d", before.Epochs.N+n)
			}
		}
		out = append(out, k)
	}
	return out
}

// changes names the keys after which a run that is at a step is another one.
func changes(before, after *config.Config, step int64) []string {
	full := func(path string) string { // optim=sgd is optim.name=sgd
		if contains([]string{"data", "loss", "optim", "schedule"}, path) {
			path += ".name"
		}
		return path
	}
	old := map[string]string{}
	for path, v := range config.Leaves(before.Tree) {
		old[full(path)] = v.Kind.String() + " " + v.Text
	}
	var out []string
	differs := func(path string) {
		parts := strings.Split(path, ".")
		if contains(steering, parts[0]) || path == "steps" || path == "transfer.cache" {
			return
		}
		if parts[0] == "model" && len(parts) > 2 { // as it is written: model.2.units, whatever the layer's kind
			if parts = slices.Delete(parts, 2, 3); len(parts) == 2 && contains(out, strings.Join(parts, ".")) {
				return
			}
		}
		out = append(out, strings.Join(parts, "."))
	}
	for path, v := range config.Leaves(after.Tree) {
		path = full(path)
		if was, ok := old[path]; !ok || was != v.Kind.String()+" "+v.Text {
			differs(path)
		}
		delete(old, path)
	}
	for _, path := range slices.Sorted(maps.Keys(old)) {
		differs(path)
	}
	if before.Steps > 0 && before.Steps != after.Steps && step >= int64(before.Steps) {
		out = append(out, "steps") // the last epoch ended short
	}
	if before.Epochs != after.Epochs && planned(after) {
		out = append(out, "epochs")
	}
	return out
}

// changedIn reports whether a key or one below it was changed.
func changedIn(changed []string, key string) bool {
	return slices.ContainsFunc(changed, func(c string) bool { return c == key || strings.HasPrefix(c, key+".") })
}

// planned reports whether the learning rate depends on how long the run is to
// be.
func planned(cfg *config.Config) bool {
	var s sched.Schedule
	if cfg.Schedule.Kind == spec.Null || spec.Decode(cfg.Schedule, &s) != nil {
		return false
	}
	for i := range 100 {
		p := sched.Point{Step: i, StepsPerEpoch: 10, Epochs: 10, LR: 1}
		q := p
		q.Epochs = 20
		if s.At(p) != s.At(q) {
			return true
		}
	}
	return false
}

// finished prints the end of a run that is done, and reports whether it is.
func (s *session) finished(step int64) (bool, error) {
	events, err := s.dir.lines(eventsFile)
	if err != nil || len(events) == 0 {
		return false, err
	}
	var e struct {
		Event string
		doneRecord
	}
	if json.Unmarshal(events[len(events)-1], &e) != nil || e.Event != doneEvent || !exists(s.dir.file(modelFile)) {
		return false, nil
	}
	if e.Steps != step && !s.only { // stages have checkpoints of their own
		return false, nil
	}
	done := e.done()
	done.Run, done.Model = s.dir.path, s.dir.file(modelFile)
	r := term.New(term.Options{Out: s.out, Err: s.err, JSON: s.json, Quiet: s.quiet})
	r.Done(done)
	return true, r.Close()
}

// startAgain is the command that a run was begun with.
func startAgain(dir *runDir) string {
	info, err := dir.info()
	if err != nil || len(info.Argv) < 2 {
		return "nadir train"
	}
	var words []string
	again := ""
	for _, w := range info.Argv[1:] {
		words = append(words, shellWord(w))
		if strings.HasPrefix(w, "out=") {
			again = fmt.Sprintf(" when %s is removed", dir.path)
		}
	}
	return "nadir " + strings.Join(words, " ") + again
}
