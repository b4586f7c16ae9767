package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/train"
)

// watchSignal is the hook that signal.every asks for, none where it does not.
// It measures on rows of the size of a batch, the same throughout the run, and
// writes to the run.
func (s *session) watchSignal() ([]train.Hook, error) {
	if s.cfg.Signal.Every == 0 {
		return nil, nil
	}
	batch, err := diag.Sampled(s.data.train, max(2, s.cfg.Data.Batch), s.cfg.Seed)
	if err != nil {
		return nil, asData(err)
	}
	told, err := s.lastSignal()
	if err != nil {
		return nil, err
	}
	was := diag.Healthy
	w := diag.Watch{Every: s.cfg.Signal.Every, Batch: batch, Threads: s.cfg.Threads, Tell: func(m *diag.Sample) error {
		if now := m.Verdict(); now != was {
			was = now
			s.report.Note(alarm(m))
		}
		if m.Step <= told { // written before the run went back to an older checkpoint
			return nil
		}
		return s.dir.appendLine(signalFile, m)
	}}
	return []train.Hook{w.Hook(s.trainer)}, nil
}

// alarm says what has become of the signal, which was something else before.
func alarm(m *diag.Sample) string {
	if m.Verdict() == diag.Healthy {
		return fmt.Sprintf("signal at step %d: healthy again", m.Step)
	}
	worst := ""
	for _, l := range m.Layers {
		switch {
		case m.Verdict() == diag.DeadUnits && l.Dead > 0:
			worst += fmt.Sprintf(", %s %s dead", l.Name, percent(l.Dead))
		case m.Verdict() == diag.Saturated && l.Saturated > 0:
			worst += fmt.Sprintf(", %s %s saturated", l.Name, percent(l.Saturated))
		}
	}
	if worst == "" {
		worst = fmt.Sprintf(", a layer multiplies the gradient by %s and the signal by %s", figure(m.GradFactor), figure(m.ForwardFactor))
	}
	return fmt.Sprintf("signal at step %d: %s%s; nadir signal says what helps", m.Step, verdictsText(m.Report), worst)
}

// lastSignal is the step of the last whole line of the measurements, 0 where
// there is none.
func (s *session) lastSignal() (int64, error) {
	text, err := os.ReadFile(s.dir.file(signalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	var last struct{ Step int64 }
	for line := range bytes.Lines(text) {
		var at struct{ Step int64 }
		if json.Unmarshal(line, &at) == nil {
			last = at
		}
	}
	return last.Step, err
}
