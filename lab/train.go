package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A lab is where experiments are run: with what command and in which folders.
type lab struct {
	all     []*Experiment
	nadir   string // the command
	runs    string // run directories, which can be thrown away
	records store
	workers int
	say     func(format string, args ...any)
}

// A job is a run from one seed.
type job struct {
	place
	seed int
	hash string
}

func (j job) String() string { return fmt.Sprintf("%s/%s seed %d", j.e.ID, j.r.Name, j.seed) }

// jobs lists what experiments need that is not done, what others build on first.
func (l *lab) jobs(chosen []*Experiment) ([]job, error) {
	var out []job
	listed := map[string]bool{}
	var add func(p place, seed int, model bool) error
	add = func(p place, seed int, model bool) error {
		j := job{p, seed, p.hash(l.all, seed)}
		done, err := l.records.load(j.hash)
		if err != nil || listed[j.hash] || done != nil && (!model || l.hasModel(j)) {
			return err
		}
		if p.r.From != "" {
			if err := add(*find(l.all, p.e, p.r.From), seed, true); err != nil {
				return err
			}
		}
		listed[j.hash] = true
		out = append(out, j)
		return nil
	}
	for _, e := range chosen {
		for seed := range e.Seeds {
			for i := range e.Runs {
				if err := add(place{e, &e.Runs[i]}, firstSeed+seed, false); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

// firstSeed is that of the first of several runs.
const firstSeed = 42

func (l *lab) folder(j job) string { return filepath.Join(l.runs, j.hash) }

func (l *lab) hasModel(j job) bool {
	_, err := os.Stat(filepath.Join(l.folder(j), "model.safetensors"))
	return err == nil
}

// run trains the jobs, several side by side; one that builds on another waits for
// it.
func (l *lab) run(ctx context.Context, jobs []job) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu     sync.Mutex
		errs   []error
		number int
	)
	over := map[string]chan struct{}{}
	for _, j := range jobs {
		over[j.hash] = make(chan struct{})
	}
	next := make(chan job)
	go func() {
		defer close(next)
		for _, j := range jobs {
			select {
			case next <- j:
			case <-ctx.Done():
				return
			}
		}
	}()
	var wg sync.WaitGroup
	for range l.workers {
		wg.Go(func() {
			for j := range next {
				if j.r.From != "" {
					if ch := over[find(l.all, j.e, j.r.From).hash(l.all, j.seed)]; ch != nil {
						select {
						case <-ch:
						case <-ctx.Done():
						}
					}
				}
				began := time.Now()
				r, err := l.train(ctx, j)
				mu.Lock()
				number++
				switch {
				case ctx.Err() != nil:
				case err != nil:
					errs = append(errs, fmt.Errorf("%v: %w", j, err))
					l.say("%d/%d  %v: %v", number, len(jobs), j, err)
				default:
					l.say("%d/%d  %v: %s, %.0f s", number, len(jobs), j, r.outcome(), time.Since(began).Seconds())
				}
				close(over[j.hash])
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// outcome is a record in a few words.
func (r *Record) outcome() string {
	if r.Diverged != "" {
		return r.Diverged
	}
	text := fmt.Sprintf("%d epochs", len(r.Stages)+len(r.Epochs))
	for _, of := range []string{"stage/val/accuracy", "val/accuracy", "test/accuracy"} {
		if v := r.value(of, 0); !math.IsNaN(v) {
			text += fmt.Sprintf(", %s %.4f", of, v)
		}
	}
	return text
}

// train runs the command for a job, from its beginning or from where it was
// stopped, and keeps the record.
func (l *lab) train(ctx context.Context, j job) (*Record, error) {
	dir := l.folder(j)
	words := []string{"resume", dir}
	if _, err := os.Stat(filepath.Join(dir, "run.json")); err != nil {
		if err := os.RemoveAll(dir); err != nil { // begun, and nothing was saved
			return nil, err
		}
		if err := os.MkdirAll(l.runs, 0o755); err != nil {
			return nil, err
		}
		file := dir + ".yaml"
		if err := os.WriteFile(file, j.e.config, 0o644); err != nil {
			return nil, err
		}
		words = append([]string{cmp.Or(j.r.Verb, "train"), file}, j.r.Keys...)
		if j.r.From != "" {
			from := find(l.all, j.e, j.r.From)
			words = append(words, "transfer.from="+strconv.Quote(l.folder(job{*from, j.seed, from.hash(l.all, j.seed)})))
		}
		words = append(words, fmt.Sprintf("seed=%d", j.seed), "threads=1", "ckpt.keep=1", "out="+dir)
	}
	c := exec.CommandContext(ctx, l.nadir, append(words, "--json", "--quiet")...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) } // it saves where it is
	c.WaitDelay = time.Minute
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	err := c.Run()
	exit, ended := errors.AsType[*exec.ExitError](err)
	diverged := ended && exit.ExitCode() == 4
	if err != nil && !diverged {
		if ended {
			err = fmt.Errorf("nadir %s: %s", strings.Join(words, " "), strings.TrimSpace(said.String()))
		}
		return nil, err
	}
	r := &Record{Experiment: j.e.ID, Run: j.r.Name, Seed: j.seed}
	if diverged {
		r.Diverged, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(said.String()), "nadir: "), "\n")
	}
	if err := r.read(dir, out.Bytes()); err != nil {
		return nil, err
	}
	return r, l.records.save(j.hash, r)
}

// read takes the record out of a run's directory and the command's last words.
func (r *Record) read(dir string, out []byte) error {
	text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Epoch
			Seconds float64 `json:"seconds"`
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // cut off by a kill
		}
		r.Seconds += e.Seconds
		if e.Stage > 0 {
			r.Stages = append(r.Stages, e.Epoch)
		} else {
			r.Epochs = append(r.Epochs, e.Epoch)
		}
	}
	for line := range bytes.Lines(out) {
		var e struct {
			Event  string             `json:"event"`
			Params int                `json:"params"`
			Test   map[string]float64 `json:"test"`
		}
		if json.Unmarshal(line, &e) == nil {
			r.Params = max(r.Params, e.Params)
			if e.Event == "done" {
				r.Test = e.Test
			}
		}
	}
	info, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		return err
	}
	var run struct {
		Kernel string `json:"kernel"`
	}
	err = json.Unmarshal(info, &run)
	r.Kernel = run.Kernel
	return err
}
