package optim

import (
	"fmt"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A Threshold is the norm that gradients are cut to: a number above 0, or
// [Auto]. As text it is the number or auto.
type Threshold float64

// Auto sets the threshold to the 90th percentile of the norms of the last 100
// steps, so that about a tenth of the steps is cut (Seetharaman, Wichern, Pardo
// and Le Roux, "AutoClip: Adaptive Gradient Clipping for Source Separation
// Networks", MLSP 2020). The norms are those before clipping; the first ten
// steps only watch. They are kept in the slot clip_norms, of no weight, and so
// saved with checkpoints.
const Auto Threshold = -0x1p1023

// UnmarshalSpec reads a number or auto.
func (c *Threshold) UnmarshalSpec(v spec.Value) error {
	if v.Kind == spec.String && v.Text == "auto" {
		*c = Auto
		return nil
	}
	if v.Kind == spec.String {
		return fmt.Errorf("want a number above 0, or auto, found %q", v.Text)
	}
	var f float64
	if err := spec.Decode(v, &f); err != nil {
		return err
	}
	if *c = Threshold(f); *c == Auto {
		return checkPositive("threshold", f)
	}
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (c Threshold) MarshalSpec() (spec.Value, error) {
	if c == Auto {
		return spec.Str("auto"), nil
	}
	return spec.Encode(float64(c))
}

// The memory of Auto.
const (
	watched    = 100 // steps it looks back on
	percentile = 0.9
	fewest     = 10 // steps before it cuts
)

// huge is a norm above all that are met, and finite in float32.
const huge = 3e38

// autoClip cuts to what the norms of the steps before say. The percentile is
// the smallest of them that so many are not above: the rank of each is counted
// against all others, as an order needs no sorting.
func (c *build) autoClip(grads []graph.Node) (out []graph.Node, cut graph.Node) {
	const slot = "#clip_norms"
	seen := c.slot(slot, tensor.Shape{watched}, func(v *tensor.Tensor) {
		for i := range v.Len() {
			v.SetFlat(i, -1) // no norm yet
		}
	})
	if !seen.Valid() {
		return grads, graph.Node{}
	}
	n := Norm(c.b, grads...)
	c.save(slot, graph.Concat(0, seen.Slice(0, 1, watched), n.Reshape(1)))
	zero := c.b.Const(0)
	is := seen.GreaterEqual(zero)
	count := is.Sum()
	// Those that are none lie below all, so that they count in every rank.
	rank := seen.Reshape(watched, 1).GreaterEqual(seen.Reshape(1, watched)).Sum(1).Sub(count.Neg().AddScalar(watched))
	high := rank.GreaterEqual(count.Scale(percentile).AddScalar(-1e-3)).Mul(is)
	limit := high.Select(seen, c.b.Const(huge)).Neg().ReduceMax().Neg()
	limit = count.GreaterEqual(c.b.Const(fewest)).Select(limit, c.b.Const(huge)).Max(c.b.Const(1e-30))
	return clipTogether(grads, n, limit)
}
