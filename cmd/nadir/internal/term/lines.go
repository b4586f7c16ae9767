package term

import (
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"
)

// linesEvery is the least time between two lines within an epoch.
const linesEvery = 30 * time.Second

// lines is for logs: a line at the start, one an epoch, one at the end, and
// between them one now and then.
type lines struct {
	mu     sync.Mutex
	screen Screen
	notes  io.Writer
	err    error
	closed bool
	start  Start
	stage  bool // the last step was one of pretraining
	rows   meter
	steps  meter
	last   time.Time // of the last line
}

func (l *lines) Start(s Start) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.screen.Now()
	l.start, l.rows, l.steps = s, newMeter(now), newMeter(now)
	l.print(now, s.Run+": "+s.text())
}

func (l *lines) Step(p Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.screen.Now()
	if l.stage && p.Stage == nil { // the end is foretold from training's own steps
		l.rows, l.steps = newMeter(now), newMeter(now)
	}
	l.stage = p.Stage != nil
	l.rows.add(int64(p.Rows), now)
	l.steps.add(1, now)
	if now.Sub(l.last) < linesEvery {
		return
	}
	epoch, step := l.start.at(p.Stage, p.Epoch, p.Step)
	parts := []string{epoch, step, fmt.Sprintf("%s samples/s", Count(int64(l.rows.rate(now))))}
	if left, ok := l.steps.left(l.start.Steps-p.Step, now); ok && l.start.Steps > 0 && !l.stage {
		parts = append(parts, fmt.Sprintf("left %s (ends %s)", clock(left), ends(now, left)))
	}
	l.print(now, strings.Join(append(parts, "lr "+short(p.LR), text(p.Train, "")), "  "))
}

func (l *lines) Epoch(e Epoch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	epoch, _ := l.start.at(e.Stage, e.Epoch, e.Step)
	parts := []string{epoch, "step " + Count(e.Step), seconds(e.Seconds)}
	if e.SamplesPerSec > 0 && !math.IsInf(e.SamplesPerSec, 0) {
		parts = append(parts, Count(int64(e.SamplesPerSec))+" samples/s")
	}
	parts = append(parts, "lr "+short(e.LR), text(e.Train, ""))
	if len(e.Val) > 0 {
		parts = append(parts, text(e.Val, "val_"))
	}
	if e.Best != nil && e.Best.Epoch == e.Epoch {
		parts = append(parts, "best")
	}
	l.print(l.screen.Now(), strings.Join(parts, "  "))
}

func (l *lines) Saved(string) {}

func (l *lines) Note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		fmt.Fprintln(l.notes, text)
	}
}

func (l *lines) Done(d Done) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.print(l.screen.Now(), strings.Join(d.parts(), "; "))
}

func (l *lines) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.err
}

func (l *lines) print(now time.Time, text string) {
	if l.closed || l.err != nil {
		return
	}
	l.last = now
	_, l.err = io.WriteString(l.screen.W, clean(text)+"\n")
}

// text is the run in words, without its name.
func (s Start) text() string {
	var parts []string
	add := func(ok bool, format string, args ...any) {
		if ok {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(s.Model != "" && s.Data != "", "%s on %s", s.Model, s.Data)
	add(s.Model != "" && s.Data == "", "%s", s.Model)
	add(s.Model == "" && s.Data != "", "%s", s.Data)
	add(s.Params > 0, "%s parameters", Count(s.Params))
	add(s.Train > 0 && s.Val > 0, "%s + %s rows", Count(int64(s.Train)), Count(int64(s.Val)))
	add(s.Train > 0 && s.Val <= 0, "%s rows", Count(int64(s.Train)))
	add(s.Batch > 0, "batch %d", s.Batch)
	add(s.Epochs == 1, "1 epoch")
	add(s.Epochs > 1, "%d epochs", s.Epochs)
	add(s.Threads == 1, "1 thread")
	add(s.Threads > 1, "%d threads", s.Threads)
	add(s.Kernel != "", "%s", s.Kernel)
	add(s.Step > 0, "going on from step %s", Count(s.Step))
	return strings.Join(parts, ", ")
}

// at says where a run is: the epoch and the step, of how many where that is
// known.
func (s Start) at(stage *Stage, epoch int, step int64) (string, string) {
	if stage != nil {
		return stage.epoch(epoch), "step " + Count(step)
	}
	return s.epoch(epoch), s.step(step)
}

// epoch is the number of an epoch, of how many.
func (s Start) epoch(n int) string {
	if s.Epochs > 0 {
		return fmt.Sprintf("epoch %d/%d", n, s.Epochs)
	}
	return fmt.Sprintf("epoch %d", n)
}

// step is the number of a step, of how many.
func (s Start) step(n int64) string {
	if s.Steps > 0 {
		return "step " + Count(n) + "/" + Count(s.Steps)
	}
	return "step " + Count(n)
}

// parts is the outcome in words, the path of the model last.
func (d Done) parts() []string {
	parts := []string{fmt.Sprintf("done: %s steps in %s", Count(d.Steps), seconds(d.Seconds))}
	if d.Best != nil {
		parts = append(parts, fmt.Sprintf("best: epoch %d  %s", d.Best.Epoch, text(d.Best.Val, "val_")))
	}
	if d.Test != nil {
		parts = append(parts, fmt.Sprintf("test: %s  (%s rows)", text(d.Test.Values, ""), Count(int64(d.Test.N))))
	}
	if d.Model != "" {
		parts = append(parts, "model: "+d.Model)
	}
	return parts
}
