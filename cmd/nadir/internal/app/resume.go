package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/data"
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
var steering = []string{"threads", "out", "ckpt", "max_time"}

func (c *command) resume(ctx context.Context, path string, keys []string) error {
	path = strings.TrimRight(path, "/")
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return usage("%s is not the directory of a run", path)
	}
	if !exists(path + "/" + lockFile) {
		return usage("%s is not the directory of a run: it has no %s", path, lockFile)
	}
	dir, err := lockRun(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	s := &session{command: c, dir: dir, started: time.Now()}
	latest, damaged, err := dir.store(0).Latest()
	for _, d := range damaged {
		c.note(fmt.Sprintf("%v; the one before it is used", d))
	}
	if errors.Is(err, ckpt.ErrNone) && len(damaged) == 0 {
		return usage("%s: nothing was saved; start again with %s", path, startAgain(dir))
	}
	if err != nil {
		return err
	}
	info, err := dir.info()
	if err != nil {
		return err
	}
	keys, err = s.extend(keys)
	if err != nil {
		return err
	}
	if s.cfg, err = c.load(dir.file(configFile), nil, keys); err != nil {
		return err
	}
	if len(keys) == 0 {
		if printed, err := s.finished(latest.Step); printed || err != nil {
			return err
		}
	}
	if s.data, err = c.openData(ctx, s.cfg, openOptions{within: info.Dir}); err != nil {
		return err
	}
	defer s.data.Close()
	changed := changes(keys)
	if s.data.fingerprint != info.Data && !contains(changed, "data") {
		return &data.Error{Path: s.cfg.Data.Name, Msg: "the data is no longer what the run began with; put it back, or say data=… to go on with other data"}
	}
	if len(changed) > 0 {
		c.note(fmt.Sprintf("changed: %s; from here on the run is no longer the one that was begun, bit by bit", strings.Join(changed, ", ")))
	}
	if s.trainer, err = c.newTrainer(ctx, s.cfg, s.data); err != nil {
		return err
	}
	defer s.trainer.Close()
	if err := s.prepare(); err != nil {
		return err
	}
	if e := s.cfg.EarlyStop; e != nil {
		s.trainer.Keep("early_stop", &s.best)
	}
	if err := s.trainer.Restore(latest, contains(changed, "optim") || contains(changed, "optim.name")); err != nil {
		return err
	}
	s.lastCkpt = latest.Dir
	if len(keys) > 0 {
		if err := dir.write(configFile, config.YAML(s.cfg.Tree)); err != nil {
			return err
		}
	}
	// What a killed process did not get to write down.
	written, err := dir.lines(metricsFile)
	if err != nil {
		return err
	}
	for _, line := range written {
		var e struct{ Epoch int }
		if json.Unmarshal(line, &e) == nil {
			s.told = max(s.told, e.Epoch)
		}
	}
	for _, e := range s.trainer.History() {
		if e.Epoch > s.told {
			if err := s.record(e); err != nil {
				return err
			}
		}
	}
	return s.run(ctx)
}

// extend turns epochs=+10 into the number in all.
func (s *session) extend(keys []string) (out []string, err error) {
	for _, k := range keys {
		name, text, _ := strings.Cut(k, "=")
		if name != "epochs" || !strings.HasPrefix(text, "+") {
			out = append(out, k)
			continue
		}
		old, err := s.load(s.dir.file(configFile), nil, nil)
		if err != nil {
			return nil, err
		}
		var more config.Epochs
		if err := spec.Decode(spec.Value{Kind: spec.Number, Text: text}, &more); err != nil {
			return nil, usage("%s: want a whole number above 0 after +", k)
		}
		out = append(out, fmt.Sprintf("epochs=%d", old.Epochs.N+more.N))
	}
	return out, nil
}

// changes names the keys after which a run is another one.
func changes(keys []string) []string {
	var out []string
	for _, k := range keys {
		name, _, _ := strings.Cut(k, "=")
		top, _, _ := strings.Cut(name, ".")
		if contains(steering, top) || name == "epochs" {
			continue
		}
		if top == "data" {
			name = "data"
		}
		if !contains(out, name) {
			out = append(out, name)
		}
	}
	return out
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
	if json.Unmarshal(events[len(events)-1], &e) != nil || e.Event != "done" || !exists(s.dir.file(modelFile)) {
		return false, nil
	}
	if e.Steps != step {
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
	if errors.Is(err, fs.ErrNotExist) || len(info.Argv) < 2 {
		return "nadir train"
	}
	var words []string
	for _, w := range info.Argv[1:] {
		words = append(words, shellWord(w))
	}
	return "nadir " + strings.Join(words, " ")
}
