package diag

import (
	"encoding/json"
	"math"
)

// A Report is what was measured of a net: its layers in order, and what follows.
type Report struct {
	Layers []Layer
	// Rows is the number of examples it was measured on.
	Rows int
	// GradFactor is (‖∂L/∂a₀‖/‖∂L/∂a_L‖)^(1/L), where a₀ is the input of the first
	// of the L layers that have a kernel and a_L the output of the last: what one
	// layer multiplies the gradient by on its way back, as a geometric mean.
	GradFactor float64
	// ForwardFactor is (σ(a_L)/σ(a₁))^(1/(L−1)), the same of the signal on its
	// way forward; NaN of a single layer. Where the last layer ends in a softmax,
	// a_L is what goes into that, here and for GradFactor.
	ForwardFactor float64
	// GradSpread is the largest by the smallest standard deviation of a layer's
	// gradient: at how different speeds layers learn.
	GradSpread float64
	// UpdateSpread is the largest by the smallest share that the first step
	// changes a kernel by, NaN where no step was measured.
	UpdateSpread float64
	// Verdicts is never empty; the first weighs most.
	Verdicts []Verdict
	// Cure says in a sentence or two what to change.
	Cure string

	probes []*probe
}

// A Layer is what was measured of one layer that has weights, together with the
// layers that are its activation. What could not be measured is NaN.
type Layer struct {
	Name       string
	Kind       string // as files name it
	Activation string // "" of a linear layer
	Init       string // initializer of the kernel, "" where the values were loaded
	Kernel     bool   // it has a kernel, not only factors and offsets

	Mean float64 // of all its outputs together
	Std  float64 // standard deviation of all outputs about that mean
	// GradStd is the standard deviation of the gradient with respect to the
	// outputs.
	GradStd float64
	// ForwardFactor is the standard deviation of the output by that of the input.
	ForwardFactor float64
	// GradFactor is the norm of the gradient with respect to the input by that
	// with respect to the output.
	GradFactor float64
	// Saturated is the share of units and examples whose activation has a slope
	// below 0.01, in magnitude. Half a layer of ReLU has.
	Saturated float64
	// Flat is the part of Saturated at inputs above 0, which only activations with
	// a flat end on either side have.
	Flat float64
	// Dead is the share of units that are 0 for every example.
	Dead float64
	// Update is ‖Δθ‖/‖θ‖ of the kernel in the measured step.
	Update float64
	// Jacobian is the spectrum of ∂a_l/∂a_(l−1); nil where it was not measured.
	Jacobian *Spectrum
	// Unit is where the inputs of the first unit's activation lie, over the
	// examples: what moves as training goes on, and much less with batch
	// normalization (Ioffe and Szegedy, ICML 2015, figure 1). It is nil where they
	// are not finite.
	Unit *Percentiles
	// Symmetric says that all units of the layer began equal and the step left
	// them so.
	Symmetric bool

	units           int
	flowStd         float64 // Std, but before a softmax
	inNorm, outNorm float64 // of the gradient with respect to input and output
}

// Percentiles are the 15th, the 50th and the 85th.
type Percentiles struct {
	P15 float64 `json:"p15"`
	P50 float64 `json:"p50"`
	P85 float64 `json:"p85"`
}

// A Verdict is what a report comes to.
type Verdict string

// The verdicts.
const (
	Healthy   Verdict = "healthy"   // variance is kept in both directions
	Vanishing Verdict = "vanishing" // gradient or signal shrinks layer by layer
	Exploding Verdict = "exploding" // gradient or signal grows layer by layer
	Saturated Verdict = "saturated" // units sit on the flat ends of their activation
	Mismatch  Verdict = "mismatch"  // an initializer was made for another activation
	Symmetric Verdict = "symmetric" // all units of a layer are, and stay, one
	DeadUnits Verdict = "dead"      // units are 0 for every example
)

// Verdict is the verdict that weighs most.
func (r *Report) Verdict() Verdict { return r.Verdicts[0] }

// reportText is how a Report is written.
type reportText struct {
	Layers        []Layer   `json:"layers"`
	Rows          int       `json:"rows"`
	GradFactor    *float64  `json:"grad_factor"`
	ForwardFactor *float64  `json:"forward_factor"`
	GradSpread    *float64  `json:"grad_spread"`
	UpdateSpread  *float64  `json:"update_spread"`
	Verdict       Verdict   `json:"verdict"`
	Verdicts      []Verdict `json:"verdicts"`
	Cure          string    `json:"cure,omitempty"`
}

func (r *Report) text() reportText {
	return reportText{r.Layers, r.Rows, number(r.GradFactor), number(r.ForwardFactor), number(r.GradSpread), number(r.UpdateSpread), r.Verdict(), r.Verdicts, r.Cure}
}

// MarshalJSON writes what was not measured, or is not finite, as null.
func (r *Report) MarshalJSON() ([]byte, error) { return json.Marshal(r.text()) }

// MarshalJSON writes what was not measured, or is not finite, as null.
func (l Layer) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name          string       `json:"name"`
		Kind          string       `json:"kind"`
		Activation    string       `json:"activation,omitempty"`
		Init          string       `json:"init,omitempty"`
		Mean          *float64     `json:"mean"`
		Std           *float64     `json:"std"`
		GradStd       *float64     `json:"grad_std"`
		ForwardFactor *float64     `json:"forward_factor"`
		GradFactor    *float64     `json:"grad_factor"`
		Saturated     *float64     `json:"saturated"`
		Dead          *float64     `json:"dead"`
		Update        *float64     `json:"update_ratio"`
		Jacobian      *Spectrum    `json:"jacobian,omitempty"`
		Unit          *Percentiles `json:"unit,omitempty"`
	}{l.Name, l.Kind, l.Activation, l.Init, number(l.Mean), number(l.Std), number(l.GradStd), number(l.ForwardFactor), number(l.GradFactor),
		number(l.Saturated), number(l.Dead), number(l.Update), l.Jacobian, l.Unit})
}

// number is v, or nil where it is not finite.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
