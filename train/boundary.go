package train

import (
	"slices"

	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A boundary is the end of a step: what a step over several batches that fails
// in the middle of them goes back to.
type boundary struct {
	state state
	stats []*tensor.Tensor // the statistics, in order
}

// begin starts a step over several batches.
func (t *Trainer) begin() {
	for p := range t.grads.All() {
		clear(p.Value.Bytes())
	}
	b := &t.before
	sums, parts := b.state.Epoch.Sums, b.state.Epoch.Parts
	b.state = t.state
	b.state.Epoch.Sums = append(sums[:0], t.state.Epoch.Sums...)
	b.state.Epoch.Parts = append(parts[:0], t.state.Epoch.Parts...)
	i := 0
	for p := range t.Params.Of(param.Stat) {
		if i == len(b.stats) {
			b.stats = append(b.stats, p.Value.Clone())
		} else {
			copy(b.stats[i].Bytes(), p.Value.Bytes())
		}
		i++
	}
}

// rewind goes back to the end of the last step.
func (t *Trainer) rewind() {
	if t.state.pending == 0 {
		return
	}
	t.state = t.before.state
	t.state.Epoch.Sums = slices.Clone(t.state.Epoch.Sums)
	t.state.Epoch.Parts = slices.Clone(t.state.Epoch.Parts)
	i := 0
	for p := range t.Params.Of(param.Stat) {
		copy(p.Value.Bytes(), t.before.stats[i].Bytes())
		i++
	}
}
