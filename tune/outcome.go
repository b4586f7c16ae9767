package tune

import (
	"encoding/json"
	"math"

	"github.com/nadir-ml/nadir/train"
)

// An Outcome is what came of one trial.
type Outcome struct {
	Candidate string `json:"candidate"`
	Fold      int    `json:"fold"`
	Folds     int    `json:"folds"`
	Seed      uint64 `json:"seed"`
	Rows      int    `json:"rows"` // trained on
	Held      int    `json:"held"` // measured on
	Params    int    `json:"params"`
	Threads   int    `json:"threads"`
	// Epochs is the history of the run.
	Epochs []train.Epoch `json:"epochs"`
	// Best is the number of the epoch whose weights the run ended with; 0 is the
	// last one's.
	Best int `json:"best,omitempty"`
	// Checks are measurements on the rows held out, at the end of each epoch and
	// before.
	Checks []Check `json:"checks"`
	// Seconds is the time spent on training steps, without measuring, and on what
	// came before them, such as pretraining, which is Before.
	Seconds float64 `json:"seconds"`
	Before  float64 `json:"before,omitempty"`
	// Diverged says how the run left the finite numbers; it is empty where it
	// did not.
	Diverged string `json:"diverged,omitempty"`
}

// A Check is a measurement on the rows that were held out.
type Check struct {
	Epoch   float64 // passes over the rows, in part too
	Step    int64
	Seconds float64 // of training so far
	Val     train.Values
}

// checkText is a Check as JSON.
type checkText struct {
	Epoch   float64      `json:"epoch"`
	Step    int64        `json:"step"`
	Seconds float64      `json:"seconds"`
	Val     train.Values `json:"val"`
}

// MarshalJSON writes the check with keys in lower case.
func (c Check) MarshalJSON() ([]byte, error) { return json.Marshal(checkText(c)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Check) UnmarshalJSON(text []byte) error {
	var t checkText
	err := json.Unmarshal(text, &t)
	*c = Check(t)
	return err
}

// final is the epoch whose weights the run ended with, nil where there is none.
func (o *Outcome) final() *train.Epoch {
	if o == nil || o.Diverged != "" || len(o.Epochs) == 0 {
		return nil
	}
	for i := range o.Epochs {
		if o.Epochs[i].Epoch == o.Best {
			return &o.Epochs[i]
		}
	}
	return &o.Epochs[len(o.Epochs)-1]
}

// Value is the number of that name measured on the rows held out, with the
// weights that the run ended with: NaN where it diverged or measured no such
// thing.
func (o *Outcome) Value(metric string) float64 { return o.measured("val/" + metric) }

// measured is the number called val/NAME or train/NAME.
func (o *Outcome) measured(name string) float64 {
	if e := o.final(); e != nil {
		if v, ok := e.Get(name); ok && finite(v) {
			return v
		}
	}
	return math.NaN()
}

// Reached is the first check at which a metric was at least as good as a target.
func (o *Outcome) Reached(metric string, target float64) (Check, bool) {
	if o == nil {
		return Check{}, false
	}
	for _, c := range o.Checks {
		if v, ok := c.Val.Get(metric); ok && (HighIsGood(metric) && v >= target || !HighIsGood(metric) && v <= target) {
			return c, true
		}
	}
	return Check{}, false
}
