package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// Mix blends each row of a training batch with the next, the last with the first;
// a batch is in random order, so that is any other row. The share λ of the row
// itself is drawn anew for each batch, and the loss is blended alike:
//
//	x ← λ·x + (1 − λ)·x′    L ← λ·L(ŷ, y) + (1 − λ)·L(ŷ, y′)
//
// which for cross-entropy is that of the label λ·y + (1 − λ)·y′. Metrics of
// training count the row's own label. Nothing is blended in evaluation.
//
// Where both are wanted, each batch has one of them, with equal chances.
type Mix struct {
	// MixUp is α of λ ~ Beta(α, α), 0 for none (Zhang, Cisse, Dauphin and
	// Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018, take 0.1
	// to 0.4). All values are blended.
	MixUp float64
	// CutMix is α of the share of a picture that is kept: a box of the other one
	// is put in, whose area is 1 − λ (Yun et al., "CutMix: Regularization Strategy
	// to Train Strong Classifiers with Localizable Features", ICCV 2019, take 1).
	CutMix float64
}

// Validate refuses an α below 0.
func (m Mix) Validate() error {
	for _, a := range []struct {
		key string
		v   float64
	}{{"mixup", m.MixUp}, {"cutmix", m.CutMix}} {
		if !(a.v >= 0 && a.v <= 1e6) {
			return spec.Field(a.key, "want a number alpha above 0, got %g", a.v)
		}
	}
	return nil
}

func (m Mix) active() bool { return m.MixUp > 0 || m.CutMix > 0 }

// checkMix refuses data that cannot be blended.
func (n *Net) checkMix() error {
	m := n.cfg.Mix
	if err := m.Validate(); err != nil || !m.active() {
		return err
	}
	for _, i := range n.in {
		f := n.cfg.Data.Inputs[i]
		switch {
		case f.DType == tensor.Int32:
			return fmt.Errorf("input %q holds whole numbers, of which there is no blend", f.Name)
		case m.CutMix > 0 && len(f.Shape) != 2 && len(f.Shape) != 3:
			return fmt.Errorf("cutmix: input %q has samples of shape %v, which are no pictures", f.Name, f.Shape)
		}
	}
	if m.CutMix > 0 && len(n.in) > 1 {
		return errors.New("cutmix: it is for models with one input, and this one has several")
	}
	return nil
}

const (
	shareInput = "mix:share"
	maskInput  = "mix:mask"
)

// rolled is x (N, …) with row i+1 in the place of row i.
func rolled(x graph.Node) graph.Node {
	if !x.Valid() || x.Dim(0) < 2 {
		return x
	}
	return graph.Concat(0, x.Slice(0, 1, x.Dim(0)), x.Slice(0, 0, 1))
}

// blend mixes an input with that of the next row. The mask is what stays of it:
// one number, or one a pixel.
func (n *Net) blend(b *graph.Builder) func(graph.Node) graph.Node {
	var mask graph.Node
	return func(x graph.Node) graph.Node {
		x = x.ToFloat()
		if !mask.Valid() {
			mask = b.Input(maskInput, graph.Float, n.maskShape()...)
		}
		m := mask.BroadcastTo(x.Shape()...)
		return x.Mul(m).Add(rolled(x).Mul(m.Neg().AddScalar(1)))
	}
}

// maskShape is (1) for all values, or (h, w, 1) or (h, w) for pictures.
func (n *Net) maskShape() tensor.Shape {
	if n.cfg.Mix.CutMix == 0 {
		return tensor.Shape{1}
	}
	s := n.cfg.Data.Inputs[n.in[0]].Shape.Clone()
	if len(s) == 3 {
		s[2] = 1
	}
	return s
}

// draw fills in what a batch is mixed with.
func (t *Trainer) draw(c *compiled, batch *data.Batch) error {
	m := t.cfg.Mix
	if !m.active() {
		return nil
	}
	t.mixing = *rng.New(t.mixKey, uint64(t.state.Batches))
	r := &t.mixing
	mask := c.feed[maskInput]
	if mask == nil {
		mask = tensor.New(t.cfg.Float, t.maskShape()...)
		c.feed[maskInput] = mask
	}
	share := 0.0
	if m.CutMix > 0 && (m.MixUp == 0 || r.Uint32()&1 == 1) {
		share = cut(mask, r, r.Beta(m.CutMix, m.CutMix))
	} else {
		share = r.Beta(m.MixUp, m.MixUp)
		for i := range mask.Len() {
			mask.SetFlat(i, share)
		}
	}
	c.set(shareInput, share)
	_, y := batch.View()
	for i, f := range t.out {
		if f < 0 {
			continue
		}
		name := t.others[i]
		from := y[f]
		to := c.rolled[name]
		if to == nil {
			to = tensor.New(from.DType(), from.Shape()...)
			c.rolled[name] = to
		}
		raw, width := from.Bytes(), len(from.Bytes())/batch.N
		copy(to.Bytes(), raw[width:])
		copy(to.Bytes()[len(raw)-width:], raw[:width])
		if err := c.give(name, to); err != nil {
			return err
		}
	}
	return nil
}

// cut sets a box of the mask (h, w, …) to 0 and all else to 1. The box has share
// 1 − λ of the area, less what lies outside, and its middle anywhere. It returns
// the share that stays.
func cut(mask *tensor.Tensor, r *rng.Stream, share float64) float64 {
	h, w := mask.Shape()[0], mask.Shape()[1]
	side := math.Sqrt(1 - share)
	box := func(n int) (lo, hi int) {
		half := side * float64(n) / 2
		middle := r.Float64() * float64(n)
		return max(0, int(math.Round(middle-half))), min(n, int(math.Round(middle+half)))
	}
	top, bottom := box(h)
	left, right := box(w)
	for y := range h {
		for x := range w {
			v := 1.0
			if y >= top && y < bottom && x >= left && x < right {
				v = 0
			}
			mask.SetFlat(y*w+x, v)
		}
	}
	return 1 - float64((bottom-top)*(right-left))/float64(h*w)
}
