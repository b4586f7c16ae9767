package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "lab: stopped; what is done is kept, and the same words go on")
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "lab: "+err.Error())
		os.Exit(1)
	}
}

// run is the command.
func run(ctx context.Context, args []string, out, notes io.Writer) error {
	set := flag.NewFlagSet("lab", flag.ContinueOnError)
	set.SetOutput(notes)
	set.Usage = func() {
		fmt.Fprintln(notes, "go run ./lab [-list | -report] [-workers N] [ID …]\n\nRuns the experiments, all of them or those named, and writes lab/RESULTS.md.")
		set.PrintDefaults()
	}
	list := set.Bool("list", false, "list the experiments and what is done of them")
	report := set.Bool("report", false, "report what is done, run nothing")
	workers := set.Int("workers", runtime.NumCPU(), "runs side by side, one thread each")
	nadir := set.String("nadir", "", "the `command` that trains; by default it is built")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *workers < 1 {
		return fmt.Errorf("-workers %d: want a number above 0", *workers)
	}
	all, err := load(files)
	if err != nil {
		return err
	}
	some, err := chosen(all, set.Args())
	if err != nil {
		return err
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	l := &lab{all: all, nadir: *nadir, runs: filepath.Join(root, "lab", "runs"), records: store{filepath.Join(root, "lab", "results")}, workers: *workers,
		say: func(format string, args ...any) { fmt.Fprintf(notes, format+"\n", args...) }}
	jobs, err := l.jobs(some)
	if err != nil {
		return err
	}
	if *list {
		for _, e := range some {
			done := 0
			for seed := range e.Seeds {
				for i := range e.Runs {
					r, err := l.records.load(place{e, &e.Runs[i]}.hash(all, firstSeed+seed))
					if err != nil {
						return err
					}
					if r != nil {
						done++
					}
				}
			}
			fmt.Fprintf(out, "%-7s %2d of %2d runs are done  %s\n", e.ID, done, e.Seeds*len(e.Runs), e.Title)
		}
		return nil
	}
	var failed error
	if !*report && len(jobs) > 0 {
		if l.nadir == "" {
			dir, err := os.MkdirTemp("", "lab")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			if l.nadir, err = build(ctx, root, dir); err != nil {
				return err
			}
		}
		began := time.Now()
		failed = l.run(ctx, jobs)
		l.say("%d runs in %v", len(jobs), time.Since(began).Round(time.Second))
	}
	fs, err := findings(all, l.records)
	if err != nil {
		return errors.Join(failed, err)
	}
	var text bytes.Buffer
	markdown(&text, fs)
	if err := replace(filepath.Join(root, "lab", "RESULTS.md"), text.Bytes()); err != nil {
		return errors.Join(failed, err)
	}
	var shown []finding
	for _, f := range fs {
		for _, e := range some {
			if f.Experiment == e {
				shown = append(shown, f)
			}
		}
	}
	table(out, shown)
	fmt.Fprintln(out, counted(shown))
	return failed
}

// moduleRoot is the folder of go.mod.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	path := strings.TrimSpace(string(out))
	if path == "" || path == os.DevNull {
		return "", errors.New("run it within the module: go run ./lab")
	}
	return filepath.Dir(path), nil
}

// build builds the command.
func build(ctx context.Context, root, dir string) (string, error) {
	path := filepath.Join(dir, "nadir")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	c := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/nadir")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/nadir: %w\n%s", err, out)
	}
	return path, nil
}
