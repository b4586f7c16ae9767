package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// TestMain lets the test binary stand for the command.
func TestMain(m *testing.M) {
	if os.Getenv("LAB_STANDS_FOR_NADIR") != "" {
		os.Exit(standIn(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// standIn does as "nadir train" and "nadir resume" do to the lab: it makes a run
// with two epochs, whose accuracy depends on the seed and the rate. A rate of 9
// diverges, one of 8 fails, and one of 7 stops after an epoch the first time.
func standIn(args []string) int {
	dir, seed, rate := "", 0, 0.0
	if args[0] == "resume" {
		dir = args[1]
		text, _ := os.ReadFile(filepath.Join(dir, "argv"))
		args = strings.Fields(string(text))
	}
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "out":
			dir = v
		case "seed":
			seed, _ = strconv.Atoi(v)
		case "optim.lr":
			rate, _ = strconv.ParseFloat(v, 64)
		case "transfer.from":
			from, _ := strconv.Unquote(v)
			if _, err := os.Stat(filepath.Join(from, "model.safetensors")); err != nil {
				fmt.Fprintln(os.Stderr, "nadir: there is no model "+from)
				return 2
			}
		}
	}
	if rate == 8 {
		fmt.Fprintln(os.Stderr, "nadir: a rate of 8 is wrong")
		return 2
	}
	_ = os.Mkdir(dir, 0o755)
	write := func(name, text string) { _ = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644) }
	write("run.json", `{"kernel":"generic"}`)
	resumed := true
	if _, err := os.Stat(filepath.Join(dir, "argv")); err != nil {
		resumed = false
		write("argv", strings.Join(args, " "))
	}
	line := func(epoch int) string {
		acc := 0.9 + 0.001*float64(seed) + rate/1000 + 0.01*float64(epoch)
		return fmt.Sprintf(`{"event":"epoch","epoch":%d,"seconds":1.5,"train":{"loss":0.1,"accuracy":%v},"val":{"loss":0.2,"accuracy":%v}}`+"\n", epoch, acc+0.01, acc)
	}
	if rate == 7 && !resumed {
		write("metrics.jsonl", line(1))
		fmt.Fprintln(os.Stderr, "nadir: stopped by somebody")
		return 130
	}
	write("metrics.jsonl", line(1)+`{"event":"epoch","stage":1,"epoch":1,"seconds":1,"train":{},"val":{"accuracy":0.5}}`+"\n"+line(2)+`{"ev`)
	if rate == 9 {
		fmt.Fprintln(os.Stderr, "nadir: step 3 diverged: hidden1\nlower the rate")
		return 4
	}
	write("model.safetensors", "")
	fmt.Printf(`{"event":"start","params":77}` + "\n")
	fmt.Printf(`{"event":"done","test":{"accuracy":0.5,"n":10}}` + "\n")
	return 0
}

const header = `id: R2
title: t
source: s
seeds: 2
runs:
  - {name: a, keys: [optim.lr=1], recorded: [{of: val/accuracy, epoch: 2, value: 0.963, reach: true}, {of: val/accuracy, epoch: 1, value: 0.9}, {of: test/accuracy, value: 0.6, reach: true}]}
  - {name: b, keys: [optim.lr=2], from: a, recorded: [{of: stage/val/accuracy, value: 0.5}]}
  - {name: c, keys: [optim.lr=9]}
claims:
  - {text: b beats a, better: b, than: a}
  - {text: a beats b, better: a, than: b}
  - {text: b beats a by much, better: b, than: a, by: 0.1}
  - {text: both are close, spread: [a, b], at_most: 0.01}
  - {text: both are far, spread: [a, b], at_least: 0.01}
  - {text: both are the same, same: [a, b]}
  - {text: a gets there, reaches: a, at_least: 0.9}
  - {text: a stays, stays: a, at_most: 0.9}
  - {text: c stays, stays: c, at_most: 0.1}
  - {text: the gap is smaller, better: b, than: a, gap: true}
  - {text: rates, rates: {b: 10}, against: {a: 2, c: 9}, works: 0.9, times: 5}
  - {text: in order, order: [a, b]}
  - {text: out of order, order: [b, a]}
---
data: digits
`

func bench(t *testing.T, specs map[string]string) *lab {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range specs {
		fsys["experiments/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	all, err := load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return &lab{all: all, nadir: self, runs: filepath.Join(dir, "runs"), records: store{filepath.Join(dir, "results")}, workers: 2, say: t.Logf}
}

// Everything is run once, what builds on another run after it; the verdicts are
// those of the numbers; the report names what was not run.
func TestLab(t *testing.T) {
	t.Setenv("LAB_STANDS_FOR_NADIR", "1")
	l := bench(t, map[string]string{"R2.yaml": header, "R10.yaml": strings.Replace(header, "id: R2", "id: R10", 1) + "epochs: 3\n"})
	two := l.all[:1]
	jobs, err := l.jobs(two)
	if err != nil || len(jobs) != 6 {
		t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	if err := l.run(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	if jobs, err := l.jobs(two); err != nil || len(jobs) != 0 {
		t.Fatalf("%d jobs are left, %v", len(jobs), err)
	}
	fs, err := findings(l.all, l.records)
	if err != nil {
		t.Fatal(err)
	}
	f := fs[0]
	r := f.records["a"][0]
	if r.Params != 77 || r.Seconds != 4 || r.Kernel != "generic" || len(r.Epochs) != 2 || len(r.Stages) != 1 || r.Test["accuracy"] != 0.5 {
		t.Errorf("the record is %+v", r)
	}
	if c := f.records["c"][0]; c.Diverged != "step 3 diverged: hidden1" || !math.IsNaN(c.value("val/accuracy", 0)) {
		t.Errorf("one that diverged is %+v", c)
	}
	for i, want := range []verdict{holds, not, not, holds, not, not, holds, not, holds, not, holds, holds, not} {
		if got, why := f.test(f.Claims[i]); got != want {
			t.Errorf("%s: %s (%s), want %s", f.Claims[i].Text, got, why, want)
		}
	}
	for i, want := range []verdict{reached, "", short} {
		if got := f.judge("a", f.Runs[0].Recorded[i]); got != want {
			t.Errorf("figure %d: %q, want %q", i, got, want)
		}
	}
	var text bytes.Buffer
	markdown(&text, fs)
	for _, want := range []string{
		"4 of 8 recorded figures are measured; of 2 that are to be reached 1 are. 13 of 26 claims are tested, 6 hold.",
		"## R2: t\n", "## R10: t\n",
		"| a | val/accuracy, epoch 2 | 0.9630 | 0.9635 | 0.9630 – 0.9640 | +0.0005 | reached |",
		"| a | test/accuracy | 0.6000 | 0.5000 | 0.5000 – 0.5000 | −0.1000 | falls short |",
		"| b | stage/val/accuracy, last | 0.5000 | 0.5000 |",
		"| c | diverged |", "| a | val/accuracy, epoch 2 | 0.9630 | not run |", "| c | not run |",
		"- b beats a: **holds** (in 2 of 2 seeds; medians 0.9645 and 0.9635)", "- b beats a: **not run**\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &text)
		}
	}
	var short bytes.Buffer
	table(&short, fs)
	if !strings.Contains(short.String(), "not run") || !strings.Contains(short.String(), "b beats a: holds") {
		t.Errorf("the table is\n%s", &short)
	}
}

// A run that was stopped is gone on with; one that fails is named, and the others
// go on.
func TestLabStopped(t *testing.T) {
	t.Setenv("LAB_STANDS_FOR_NADIR", "1")
	spec := "id: R3\ntitle: t\nsource: s\nseeds: 1\nruns: [{name: a, keys: [optim.lr=7]}, {name: b, keys: [optim.lr=8]}, {name: c, keys: [optim.lr=1]}]\n---\n"
	l := bench(t, map[string]string{"R3.yaml": spec})
	jobs, err := l.jobs(l.all)
	if err != nil {
		t.Fatal(err)
	}
	err = l.run(t.Context(), jobs)
	if err == nil || !strings.Contains(err.Error(), "R3/a seed 42: nadir train ") || !strings.Contains(err.Error(), "stopped by somebody") || !strings.Contains(err.Error(), "a rate of 8 is wrong") {
		t.Fatalf("the error is %v", err)
	}
	jobs, err = l.jobs(l.all)
	if err != nil || len(jobs) != 2 {
		t.Fatalf("%d jobs are left, %v", len(jobs), err)
	}
	if err := l.run(t.Context(), jobs[:1]); err != nil {
		t.Fatal(err)
	}
	r, err := l.records.load(jobs[0].hash)
	if err != nil || r == nil || len(r.Epochs) != 2 {
		t.Errorf("what was gone on with is %+v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.run(ctx, jobs[1:]); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gives %v", err)
	}
	if err := os.WriteFile(l.records.file(jobs[0].hash), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := l.jobs(l.all); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("a damaged record gives %v", err)
	}
}

// The experiments that are there: every one that was recorded, each readable.
func TestExperiments(t *testing.T) {
	t.Parallel()
	all, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range all {
		ids = append(ids, e.ID)
	}
	for _, id := range strings.Fields("R1 R10 R13 R18 R19 R20 R21 R22 R25 R26 R27 R29 R34 R36 R37 R41 R42 R43 R46 R47 D5 D6 D7 D8 C16") {
		if !slices.Contains(ids, id) {
			t.Errorf("there is no %s", id)
		}
	}
	some, err := chosen(all, []string{"r34", "R13", "R13"})
	if err != nil || len(some) != 2 || some[0].ID != "R13" || some[1].ID != "R34" {
		t.Errorf("chosen: %v, %v", some, err)
	}
	if _, err := chosen(all, []string{"R99"}); err == nil || !strings.Contains(err.Error(), `"R99"`) {
		t.Errorf("an experiment that there is not: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	ok := "id: R1\ntitle: t\nsource: s\nruns: [{name: a}]\n---\n"
	if _, err := parse([]byte(ok)); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"id: R1\n":                                                               "no line ---",
		strings.Replace(ok, "title", "titel", 1):                                 "titel",
		strings.Replace(ok, "title: t", "title: ''", 1):                          "id, title and source",
		strings.Replace(ok, "{name: a}", "", 1):                                  "no runs",
		strings.Replace(ok, "{name: a}", "{name: a}, {name: a}", 1):              "no name of its own",
		strings.Replace(ok, "{name: a}", "{name: a, verb: eval}", 1):             `verb "eval"`,
		strings.Replace(ok, "{name: a}", "{name: a, recorded: [{of: loss}]}", 1): "nothing that is recorded",
		strings.Replace(ok, "\n---", "\nseeds: -1\n---", 1):                      "needs a seed",
		strings.Replace(ok, "\n---", "\nclaims: [{better: a, than: a}]\n---", 1): "without a text",
		strings.Replace(ok, "\n---", "\nclaims: [{text: x, better: z}]\n---", 1): `no run is called "z"`,
		strings.Replace(ok, "\n---", "\nclaims: [{text: x}]\n---", 1):            "about no run",
	} {
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for name, text := range map[string]string{"R2.yaml": ok, "R1.yaml": strings.Replace(ok, "{name: a}", "{name: a, from: R7/x}", 1)} {
		if _, err := load(fstest.MapFS{"experiments/" + name: &fstest.MapFile{Data: []byte(text)}}); err == nil {
			t.Errorf("%s: %q is taken", name, text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(header))
	f.Add([]byte("id: R1\n---\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if e, err := parse(text); err == nil && (e.ID == "" || len(e.Runs) == 0) {
			t.Errorf("%q is taken", text)
		}
	})
}

// A hash depends on configuration, keys, seed and what the run builds on, and on
// nothing else; the median lies between the least and the greatest.
func TestHash(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z]{1,4}`)
		e := &Experiment{ID: "R1", Title: word.Draw(t, "title"), config: []byte(word.Draw(t, "config")), Runs: []Run{{Name: "a", Keys: rapid.SliceOf(word).Draw(t, "keys")}, {Name: "b", From: "a"}}}
		all := []*Experiment{e}
		a, b := place{e, &e.Runs[0]}, place{e, &e.Runs[1]}
		ha, hb := a.hash(all, 1), b.hash(all, 1)
		e.Title += "x"
		if a.hash(all, 1) != ha || ha == hb || a.hash(all, 2) == ha {
			t.Fatal("title counts, or seed and run do not")
		}
		e.Runs[0].Keys = append(e.Runs[0].Keys, "x")
		if a.hash(all, 1) == ha || b.hash(all, 1) == hb {
			t.Fatal("keys do not count")
		}
		v := rapid.SliceOfN(rapid.Float64Range(-1, 1), 1, 9).Draw(t, "values")
		if m := median(append(v, math.NaN())); m < slices.Min(v) || m > slices.Max(v) {
			t.Fatalf("the median of %v is %v", v, m)
		}
	})
}
