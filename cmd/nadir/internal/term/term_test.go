package term

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A desk is a terminal, a clock and a Reporter that writes to the one by the
// other.
type desk struct {
	*emulator
	now time.Time
	Reporter
}

func newDesk(columns, height int) *desk {
	d := &desk{emulator: &emulator{columns: columns, height: height},
		now: time.Date(2026, 3, 1, 14, 3, 0, 0, time.UTC)}
	d.Reporter = New(Options{Out: d.screen()})
	return d
}

func (d *desk) screen() Screen {
	return Screen{W: d.emulator, TTY: true, Color: true,
		Now:  func() time.Time { return d.now },
		Size: func() (int, int) { return d.columns, d.height }}
}

var digits = Start{Run: "runs/digits-1", Model: "chapter", Data: "digits", Params: 271346, Train: 18000, Val: 2000,
	Epochs: 5, Steps: 2815, EpochSteps: 563, Batch: 32, Threads: 2, Kernel: "avx2", Configuration: json.RawMessage(`{"seed":42}`)}

var finished = Done{Run: "runs/digits-1", Model: "runs/digits-1/model.safetensors", Steps: 2815, Seconds: 31.25,
	Best: &Best{5, Values{{Name: "loss", Value: 0.0833}, {Name: "accuracy", Value: 0.975}}}, Test: &Test{Values{{Name: "loss", Value: 0.0721}, {Name: "accuracy", Value: 0.9812}}, 5000}}

// play takes n steps of a run of 563 steps an epoch.
func play(r Reporter, n int, wait func(time.Duration)) {
	for i := 1; i <= n; i++ {
		wait(11 * time.Millisecond)
		l := 2.3*math.Exp(-float64(i)/300) + 0.05
		values := Values{{Name: "loss", Value: l}, {Name: "accuracy", Value: 1 - l/2.5}}
		r.Step(Progress{Epoch: (i-1)/563 + 1, Step: int64(i), Rows: 32, LR: 0.001, GradNorm: 0.512, Train: values})
		if i%563 == 0 {
			val := Values{{Name: "loss", Value: l * 1.1}, {Name: "accuracy", Value: 1 - l/2.4}}
			r.Epoch(Epoch{Epoch: i / 563, Step: int64(i), Seconds: 6.2, SamplesPerSec: 2903, LR: 0.001, Train: values, Val: val, Best: &Best{i / 563, val}})
			r.Saved(fmt.Sprintf("ckpt/step-%d", i))
		}
	}
}

func (d *desk) wait(t time.Duration) { d.now = d.now.Add(t) }

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s\nwant:\n%s", name, got, want)
	}
}

func TestBlockGolden(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{40, 80, 400} {
		d := newDesk(columns, 30)
		d.Start(digits)
		play(d, 2000, d.wait)
		if err := d.Close(); err != nil || d.err != nil {
			t.Fatal(err, d.err)
		}
		if d.wrapped {
			t.Errorf("%d columns: a row was wrapped", columns)
		}
		golden(t, fmt.Sprintf("block%d.txt", columns), d.text()+"\n")
		if most := int(2000 * 11 / 100); d.writes > most+3 {
			t.Errorf("%d drawings in %d tenths of a second", d.writes, most)
		}
	}
}

// TestBlockAny: whatever is told in whatever window, the block keeps to 12 rows
// and to the width, and leaves what stood above it alone.
func TestBlockAny(t *testing.T) {
	t.Parallel()
	name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"loss", "正確さ正確さ正確さ正確さ", "e\u0301\u0301", "a\x1b[2J\r\n\tb", "❤️🏳️‍🌈", "\xff\xfe"}))
	value := rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(math.Inf(-1)))
	rapid.Check(t, func(t *rapid.T) {
		d := newDesk(rapid.IntRange(40, 400).Draw(t, "columns"), rapid.IntRange(2, 40).Draw(t, "height"))
		values := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Value { return Value{Name: name.Draw(t, "name"), Value: value.Draw(t, "value")} }), 0, 8)
		io.WriteString(d.emulator, "$ nadir train\r\n")
		s := digits
		s.Run, s.Model, s.Data = name.Draw(t, "run"), name.Draw(t, "model"), name.Draw(t, "data")
		s.Steps, s.EpochSteps = rapid.Int64Range(-1, 1000).Draw(t, "steps"), rapid.Int64Range(0, 100).Draw(t, "epoch steps")
		d.Start(s)
		notes := 0
		for range rapid.IntRange(0, 20).Draw(t, "events") {
			d.wait(time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "wait")))
			switch rapid.IntRange(0, 3).Draw(t, "event") {
			case 0:
				d.Step(Progress{Epoch: rapid.Int().Draw(t, "epoch"), Step: rapid.Int64().Draw(t, "step"), Rows: 32,
					LR: value.Draw(t, "lr"), GradNorm: value.Draw(t, "norm"), Train: values.Draw(t, "train")})
			case 1:
				d.Epoch(Epoch{LR: value.Draw(t, "lr"), Train: values.Draw(t, "train"), Val: values.Draw(t, "val"), Best: &Best{1, values.Draw(t, "best")}})
			case 2:
				d.Saved(name.Draw(t, "saved"))
			case 3:
				d.Note("note")
				notes++
			}
		}
		d.Close()
		if d.err != nil {
			t.Fatal(d.err)
		}
		if d.wrapped {
			t.Fatalf("a row of more than %d columns", d.columns)
		}
		text := strings.TrimPrefix(d.text(), "$ nadir train\n")
		if text == d.text() || !strings.HasPrefix(text, strings.Repeat("note\n", notes)) {
			t.Fatalf("what stood above is gone:\n%s", d.text())
		}
		if n := len(d.rows) - 1 - notes; n > min(blockRows, d.height-1) {
			t.Fatalf("%d rows in a window of %d:\n%s", n, d.height, d.text())
		}
	})
}

func TestBlockResize(t *testing.T) {
	t.Parallel()
	d := newDesk(120, 30)
	io.WriteString(d.emulator, "above\r\n")
	d.Start(digits)
	play(d, 600, d.wait)
	for _, columns := range []int{50, 200, 40} {
		d.resize(columns)
		d.wait(time.Second)
		d.Step(Progress{Epoch: 2, Step: 601, Rows: 32, LR: 0.001, Train: Values{{Name: "loss", Value: 0.5}, {Name: "accuracy", Value: 0.9}}})
	}
	d.Close()
	text := d.text()
	if d.err != nil || !strings.HasPrefix(text, "above\nruns/digits-1") || strings.Count(text, "epoch 2/5") != 1 || strings.Count(text, "\n") > blockRows {
		t.Errorf("after resizing (%v):\n%s", d.err, text)
	}
}

// TestBlockLow: a low window loses the least useful rows first.
func TestBlockLow(t *testing.T) {
	t.Parallel()
	for height, want := range map[int]string{
		2: "epoch",
		3: "epoch 2,909",
		5: "epoch 2,909 loss accuracy",
		6: "runs/digits-1 epoch 2,909 loss accuracy",
	} {
		d := newDesk(80, height)
		d.Start(digits)
		play(d, 2000, d.wait)
		d.Close()
		var got []string
		for _, line := range strings.Split(d.text(), "\n") {
			got = append(got, strings.Fields(line)[0])
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%d rows show %q, want %q", height, s, want)
		}
	}
}

func TestBlockDone(t *testing.T) {
	t.Parallel()
	d := newDesk(80, 30)
	d.Note("warning: a\nsecond line")
	d.Start(digits)
	play(d, 563, d.wait)
	d.Note("median put in 3 places")
	d.Done(finished)
	d.Note("kept: runs/digits-1")
	before := d.writes
	if err := d.Close(); err != nil || d.err != nil {
		t.Fatal(err, d.err)
	}
	d.Step(Progress{})
	d.Note("late")
	if d.writes != before {
		t.Error("something was written after the end")
	}
	golden(t, "done80.txt", d.text()+"\n")
}

func TestLinesGolden(t *testing.T) {
	t.Parallel()
	var out, notes bytes.Buffer
	now := time.Date(2026, 3, 1, 23, 59, 50, 0, time.UTC)
	r := New(Options{Out: Screen{W: &out, Now: func() time.Time { return now }}, Err: Screen{W: &notes}})
	r.Start(digits)
	r.Note("3 values were missing")
	play(r, 1200, func(d time.Duration) { now = now.Add(10 * d) })
	r.Done(finished)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	golden(t, "lines.txt", out.String())
	if notes.String() != "3 values were missing\n" {
		t.Errorf("notes: %q", notes.String())
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	var out, notes bytes.Buffer
	r := New(Options{JSON: true, Out: Screen{W: &out}, Err: Screen{W: &notes}})
	r.Start(digits)
	r.Note("a note")
	r.Step(Progress{Step: 1})
	r.Saved("ckpt/step-1")
	r.Epoch(Epoch{Epoch: 1, Step: 563, Seconds: 6.25, SamplesPerSec: 2880, LR: 0.001, Train: Values{{Name: "loss", Value: 0.5}, {Name: "accuracy", Value: 0.9}}, Val: Values{{Name: "loss", Value: math.NaN()}, {Name: "a<b\n", Value: 1}}})
	r.Epoch(Epoch{Epoch: 2, Step: 1126, Seconds: 6.25, SamplesPerSec: math.Inf(1), LR: 0.001, Train: Values{{Name: "loss", Value: math.Inf(1)}}})
	r.Done(finished)
	r.Done(Done{Run: "r", Model: "m", Steps: 1, Seconds: 2})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"event":"start","run":"runs/digits-1","step":0,"params":271346,"config":{"seed":42}}
{"event":"epoch","epoch":1,"step":563,"seconds":6.25,"samples_per_s":2880,"lr":0.001,"train":{"loss":0.5,"accuracy":0.9},"val":{"loss":null,"a\u003cb\n":1}}
{"event":"epoch","epoch":2,"step":1126,"seconds":6.25,"samples_per_s":null,"lr":0.001,"train":{"loss":null},"val":null}
{"event":"done","run":"runs/digits-1","model":"runs/digits-1/model.safetensors","steps":2815,"seconds":31.25,"best":{"epoch":5,"val":{"loss":0.0833,"accuracy":0.975}},"test":{"loss":0.0721,"accuracy":0.9812,"n":5000}}
{"event":"done","run":"r","model":"m","steps":1,"seconds":2,"best":null,"test":null}
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if notes.String() != "a note\n" {
		t.Errorf("notes: %q", notes.String())
	}
}

// TestObjectsAny: every line is JSON, whatever the names and numbers.
func TestObjectsAny(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var out bytes.Buffer
		values := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Value {
			return Value{Name: rapid.String().Draw(t, "name"), Value: rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(math.Inf(1))).Draw(t, "value")}
		}))
		r := New(Options{JSON: true, Out: Screen{W: &out}, Err: Screen{W: io.Discard}})
		r.Start(Start{Run: rapid.String().Draw(t, "run")})
		r.Epoch(Epoch{Seconds: math.NaN(), LR: math.Inf(-1), Train: values.Draw(t, "train"), Val: values.Draw(t, "val")})
		r.Done(Done{Test: &Test{Values: values.Draw(t, "test")}})
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines", len(lines))
		}
		for _, line := range lines {
			if !json.Valid([]byte(line)) {
				t.Fatalf("no JSON: %s", line)
			}
		}
	})
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := Screen{W: &out, TTY: true, Now: time.Now, Size: func() (int, int) { return 80, 24 }}
	r := New(Options{Quiet: true, Out: s, Err: s})
	r.Start(digits)
	r.Note("note")
	play(r, 600, func(time.Duration) {})
	r.Done(finished)
	if err := r.Close(); err != nil || out.Len() != 0 {
		t.Errorf("%v, wrote %q", err, out.String())
	}
}

// brokenWriter fails like a full disk.
type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWriteError(t *testing.T) {
	t.Parallel()
	want := errors.New("no space left on device")
	s := Screen{W: brokenWriter{want}, Now: time.Now, Size: func() (int, int) { return 80, 24 }}
	tty := s
	tty.TTY = true
	for name, o := range map[string]Options{"lines": {Out: s, Err: s}, "block": {Out: tty}, "json": {Out: s, Err: s, JSON: true}} {
		r := New(o)
		r.Start(digits)
		if err := r.Close(); !errors.Is(err, want) {
			t.Errorf("%s: Close returns %v", name, err)
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := Open(f, func(string) string { return "xterm" })
	if columns, rows := s.size(); s.TTY || s.Color || columns != usualColumns || rows != usualRows {
		t.Errorf("a file is a terminal: %+v, %d x %d", s, columns, rows)
	}
}

func TestCapable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, system string
		want         bool
	}{{"xterm-256color", "linux", true}, {"dumb", "linux", false}, {"", "linux", false}, {"", "windows", true}, {"dumb", "windows", false}} {
		if got := capable(c.name, c.system); got != c.want {
			t.Errorf("TERM=%q on %s redraws: %v", c.name, c.system, got)
		}
	}
}

// TestNoColor: without colour a drawing moves the cursor and nothing else.
func TestNoColor(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newDesk(80, 24).screen()
	s.W, s.Color = &out, false
	r := New(Options{Out: s})
	r.Start(digits)
	play(r, 600, func(time.Duration) {})
	r.Close()
	if strings.Contains(out.String(), "\x1b[0m") {
		t.Errorf("colours in %q", out.String())
	}
	if !strings.Contains(out.String(), "\x1b[K") {
		t.Error("nothing was drawn")
	}
}

func TestBar(t *testing.T) {
	t.Parallel()
	d := newDesk(70, 10)
	b := NewBar(d.screen(), "train-images-idx3-ubyte.gz", 9912422, Bytes)
	for range 100 {
		d.wait(20 * time.Millisecond)
		b.Write(make([]byte, 50000))
	}
	if d.writes > 21 {
		t.Errorf("%d drawings in 2 s", d.writes)
	}
	d.resize(45)
	d.wait(time.Second)
	b.Add(4912422)
	b.Close()
	b.Close()
	if got, want := d.text(), "train-images-…  9.5 MiB of 9.5 MiB, 3.2 MiB…"; got != want || d.err != nil {
		t.Errorf("got %q, want %q (%v)", got, want, d.err)
	}
	wide := newDesk(80, 10)
	b = NewBar(wide.screen(), "rows", 2000, Count)
	wide.wait(time.Second)
	b.Add(500)
	if got, want := wide.text(), "rows  ━━━━━━━───────────────────────  500 of 2,000, 500/s, left 0:03"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestBarResumes holds what was there before to counting as had, but not as fast.
func TestBarResumes(t *testing.T) {
	t.Parallel()
	d := newDesk(80, 10)
	b := NewBar(d.screen(), "rows", 2000, Count)
	b.Resume(1000)
	d.wait(time.Second)
	b.Set(1500)
	if got, want := d.text(), "rows  ━━━━━━━━━━━━━━━━━━━━━━────────  1,500 of 2,000, 500/s, left 0:01"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBarLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	b := NewBar(Screen{W: &out, Now: func() time.Time { return now }}, "reading", 0, Count)
	for range 70 {
		now = now.Add(time.Second)
		b.Add(1000)
	}
	b.Close()
	want := "reading: 30,000, 1,000/s\nreading: 60,000, 1,000/s\nreading: 70,000, 1,000/s\n"
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text, n := clean(rapid.String().Draw(t, "text")), rapid.IntRange(0, 30).Draw(t, "cells")
		got := cut(text, n)
		if cells(got) > n || cells(text) <= n && got != text || !strings.HasPrefix(text, strings.TrimSuffix(got, "…")) && got != "" {
			t.Fatalf("cut(%q, %d) = %q", text, n, got)
		}
	})
	for text, want := range map[string]int{"abc": 3, "日本": 4, "e\u0301": 1, "가": 2, "…": 1, "🙂": 2, "━": 1, "▁": 1, "é": 1} {
		if got := cells(text); got != want {
			t.Errorf("%q takes %d cells, want %d", text, got, want)
		}
	}
}

func TestTrend(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var tr trend
		values := rapid.SliceOfN(rapid.Float64Range(-5, 5), 1, 2000).Draw(t, "values")
		for _, v := range values {
			tr.add(v)
		}
		kept := tr.points[:len(tr.points):len(tr.points)]
		sum := tr.sum
		for _, p := range kept {
			sum += p * float64(tr.each)
		}
		want := 0.0
		for _, v := range values {
			want += v
		}
		if math.Abs(sum-want) > 1e-9*float64(len(values)) {
			t.Fatalf("the points sum to %g, the values to %g", sum, want)
		}
		n := rapid.IntRange(0, 200).Draw(t, "cells")
		if got := cells(tr.spark(n)); got != min(n, len(kept)) {
			t.Fatalf("%d cells of %d", got, n)
		}
	})
	var tr trend
	for _, v := range []float64{1, 2, math.NaN(), 3, 4, 5, 6, 7, 8} {
		tr.add(v)
	}
	if got := tr.spark(8); got != "▁▂▃▄▅▆▇█" {
		t.Errorf("a rising line is %s", got)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{number(0.08123), "0.0812"}, {number(2.302585), "2.3026"}, {number(12345.678), "12346"}, {number(1e-7), "1.00e-07"},
		{number(math.NaN()), "nan"}, {number(math.Inf(-1)), "-inf"}, {number(0), "0.0000"},
		{Count(-1234567), "-1,234,567"}, {Count(-123), "-123"}, {Count(999), "999"},
		{Bytes(1023), "1023 B"}, {Bytes(9912422), "9.5 MiB"}, {Bytes(1 << 40), "1024.0 GiB"},
		{clock(42 * time.Second), "0:42"}, {clock(3723 * time.Second), "1:02:03"}, {clock(50 * time.Hour), "2d 2:00:00"}, {clock(-time.Hour), "0:00"},
		{seconds(6.25), "6.2s"}, {seconds(125), "2:05"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func ExampleReporter() {
	clock := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	out := Screen{W: os.Stdout, Now: func() time.Time { return clock }}
	r := New(Options{Out: out, Err: out})
	r.Start(Start{Run: "runs/first", Model: "mlp", Data: "digits", Epochs: 1})
	r.Epoch(Epoch{Epoch: 1, Step: 563, Seconds: 6, LR: 0.001, Train: Values{{Name: "loss", Value: 0.31}}, Val: Values{{Name: "loss", Value: 0.35}}})
	r.Done(Done{Run: "runs/first", Model: "runs/first/model.safetensors", Steps: 563, Seconds: 6})
	r.Close()
	// Output:
	// runs/first: mlp on digits, 1 epoch
	// epoch 1/1  step 563  6.0s  lr 0.001  loss 0.3100  val_loss 0.3500
	// done: 563 steps in 6.0s; model: runs/first/model.safetensors
}

func ExampleNewBar() {
	s := Screen{W: os.Stdout, Now: func() time.Time { return time.Time{} }}
	b := NewBar(s, "digits.gz", 2048, Bytes)
	io.Copy(b, strings.NewReader(strings.Repeat("x", 2048)))
	b.Close()
	// Output: digits.gz: 2.0 KiB of 2.0 KiB, 0 B/s
}

// BenchmarkStep is a step at which nothing is drawn: most of them.
func BenchmarkStep(b *testing.B) {
	for _, tty := range []bool{true, false} {
		start := time.Now()
		s := Screen{W: io.Discard, TTY: tty, Now: func() time.Time { return start.Add(time.Since(start) / 1e6) }, Size: func() (int, int) { return 80, 24 }}
		r := New(Options{Out: s, Err: s})
		r.Start(digits)
		p := Progress{Epoch: 1, Step: 1, Rows: 32, LR: 0.001, Train: Values{{Name: "loss", Value: 0.5}, {Name: "accuracy", Value: 0.9}, {Name: "top5", Value: 0.99}}}
		b.Run(fmt.Sprintf("tty=%v", tty), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Step(p)
			}
		})
	}
}

func TestPenaltyShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		penalty, loss float64
		want          string
	}{{0.2, 0.8, " (25.0 % of the loss)"}, {0, 1, " (0.0 % of the loss)"}, {1, 0.5, ""}, {0.1, 0, ""}, {math.NaN(), 1, ""}, {0.1, -1, ""}} {
		if got := PenaltyShare(c.penalty, c.loss); got != c.want {
			t.Errorf("%v of %v: %q, want %q", c.penalty, c.loss, got, c.want)
		}
	}
}
