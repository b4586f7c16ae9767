package term

import (
	"encoding/json"
	"fmt"
	"io"
)

// A Reporter is told what a run does, in this order: Start; Step after every
// step, Epoch after every epoch and its validation; Done where the run came to
// its end; Close always. Saved and Note may come at any time. All methods may
// be called from several goroutines.
type Reporter interface {
	Start(Start)
	Step(Progress)
	Epoch(Epoch)
	Saved(checkpoint string)
	// Note tells the user something in words, on lines of its own.
	Note(text string)
	Done(Done)
	// Close leaves the terminal ready for other output, and returns the first
	// error of a write. What comes after it is ignored.
	Close() error
}

// Start describes a run that begins or goes on.
type Start struct {
	Run           string
	Model, Data   string
	Step          int64 // the step it goes on from
	Params        int64
	Train, Val    int   // rows
	Epochs        int   // planned; 0 where the steps are planned
	Steps         int64 // planned in all, counted from the run's first; 0 where unknown
	EpochSteps    int64 // steps an epoch; 0 where unknown
	Batch         int
	Threads       int
	Kernel        string
	Configuration json.RawMessage // the resolved configuration
}

// Progress is the state after a step.
type Progress struct {
	Epoch    int   // counted from 1
	Step     int64 // steps done, counted from the run's first
	Rows     int   // rows of this step's batch
	Train    Values
	LR       float64
	GradNorm float64 // 0 where it is not measured
	Stage    *Stage  // nil in training itself
}

// A Stage is a part of pretraining: its epochs are counted by themselves, and
// its steps with those of the stages before it.
type Stage struct {
	Number int    // from 1
	Kind   string // such as autoencoder
	Task   string // of an auxiliary one
	Layers string // that are trained
	Epochs int    // planned
}

// epoch is the number of an epoch, of how many, with what is trained.
func (s *Stage) epoch(n int) string {
	kind := s.Kind
	if s.Task != "" {
		kind += " " + s.Task
	}
	return fmt.Sprintf("stage %d %s %s  epoch %d/%d", s.Number, kind, s.Layers, n, s.Epochs)
}

// Epoch is the outcome of an epoch. Val is nil where nothing is validated, Best
// where nothing is compared.
type Epoch struct {
	Epoch         int
	Step          int64
	Seconds       float64
	SamplesPerSec float64
	LR            float64
	Train, Val    Values
	Best          *Best
	Stage         *Stage // nil in training itself
}

// Best is the best epoch so far.
type Best struct {
	Epoch int    `json:"epoch"`
	Val   Values `json:"val"`
}

// Done is the outcome of a run. Best and Test are nil where there is none.
type Done struct {
	Run, Model string
	Steps      int64
	Seconds    float64
	Best       *Best
	Test       *Test
	Sparsity   *float64 // share of the kernels' weights that are 0; nil where nobody asked
}

// Test is the outcome on the test part of N rows.
type Test struct {
	Values Values
	N      int
}

// Options says how a run is shown.
type Options struct {
	// Out gets what the run shows, Err the notes where Out is not for people
	// or not a terminal.
	Out, Err    Screen
	JSON, Quiet bool
}

// New chooses the Reporter: JSON objects where they are asked for, nothing
// where quiet is, a block on a terminal, otherwise lines.
func New(o Options) Reporter {
	notes := o.Err.W
	if o.Quiet {
		notes = io.Discard
	}
	switch {
	case o.JSON:
		return &objects{out: o.Out.W, notes: notes}
	case o.Quiet:
		return silent{}
	case o.Out.TTY:
		return &block{screen: o.Out}
	}
	return &lines{screen: o.Out, notes: notes}
}

// silent shows nothing.
type silent struct{}

func (silent) Start(Start)   {}
func (silent) Step(Progress) {}
func (silent) Epoch(Epoch)   {}
func (silent) Saved(string)  {}
func (silent) Note(string)   {}
func (silent) Done(Done)     {}
func (silent) Close() error  { return nil }
