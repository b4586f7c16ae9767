package train

import (
	"context"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
)

// Evaluate measures loss and metrics on src, as [Net.Evaluate] does, and where
// the optimizer keeps means of the weights (use_ema, use_swa) on those. The
// statistics of batch normalization are those of the weights themselves.
func (t *Trainer) Evaluate(ctx context.Context, src data.Source) (*Result, error) {
	t.swapMeans()
	defer t.swapMeans()
	return t.Net.Evaluate(ctx, src)
}

// Average ends with the means of the weights that the optimizer keeps in the
// place of the weights, and reports whether there are any. A run that is to go
// on is saved before.
func (t *Trainer) Average() bool {
	if !t.averages() {
		return false
	}
	for p := range t.Params.Of(param.Weight) {
		if mean := t.Params.Value(p.Name + "#" + optim.Average); mean != nil && p.Trainable() {
			copy(p.Value.Bytes(), mean.Bytes())
		}
	}
	t.ended = true
	return true
}

// averages reports whether there are means to take the weights' place: none
// before the first step, nor where the weights are what training ended with.
func (t *Trainer) averages() bool {
	return t.cfg.Optim.Averages() && t.state.Step > 0 && !t.ended
}

// swapMeans exchanges the weights that are trained and their means.
func (t *Trainer) swapMeans() {
	if !t.averages() {
		return
	}
	for p := range t.Params.Of(param.Weight) {
		mean := t.Params.Value(p.Name + "#" + optim.Average)
		if mean == nil || !p.Trainable() {
			continue
		}
		var room [4096]byte
		a, b := p.Value.Bytes(), mean.Bytes()
		for len(a) > 0 {
			n := copy(room[:], a)
			copy(a[:n], b[:n])
			copy(b[:n], room[:n])
			a, b = a[n:], b[n:]
		}
	}
}
