package diag

import "math"

// The bounds of what is healthy. A factor is that of one layer, the geometric
// mean over all. A net is accused only where the factor adds up, too: two layers
// that halve the gradient do no harm.
const (
	growing     = 1.3  // or 1/1.3: ELU with He begins at 1.09 a layer, tanh with Glorot at 0.88
	addsUp      = 1    // powers of ten over the whole net, at that rate
	addsUpSlow  = 4    // powers of ten over the whole net, at any rate
	manyFlat    = 0.3  // share of units on flat ends, over all layers
	halfFlat    = 0.5  // the same in one layer
	bothEnds    = 0.05 // share that an activation with two flat ends has at either
	almostAll   = 0.9
	slightDrift = 0.03 // of a factor; named where the net is healthy
)

// judge derives the figures of the whole net and the verdicts.
func (r *Report) judge() {
	ks := r.kernels()
	r.GradFactor, r.ForwardFactor = math.NaN(), math.NaN()
	back, forth := 0.0, 0.0 // powers of ten over the whole net
	if n := len(ks); n > 0 {
		back = math.Log10(ks[0].inNorm / ks[n-1].outNorm)
		r.GradFactor = math.Pow(10, back/float64(n))
		if n > 1 {
			forth = math.Log10(ks[n-1].flowStd / ks[0].flowStd)
			r.ForwardFactor = math.Pow(10, forth/float64(n-1))
		}
	}
	r.GradSpread = spread(ks, func(l Layer) float64 { return l.GradStd })
	r.UpdateSpread = spread(ks, func(l Layer) float64 { return l.Update })
	exploding := grows(r.GradFactor, back) || grows(r.ForwardFactor, forth)
	vanishing := grows(1/r.GradFactor, -back) || grows(1/r.ForwardFactor, -forth)
	var dead, same bool
	for i, l := range r.Layers {
		exploding = exploding || number(l.Std) == nil || number(l.Mean) == nil
		isDead := i < len(r.Layers)-1 && l.Dead >= manyDead(l.units)
		dead = dead || isDead
		same = same || l.Symmetric
	}
	r.Verdicts = nil
	add := func(v Verdict, is bool) {
		if is {
			r.Verdicts = append(r.Verdicts, v)
		}
	}
	add(Symmetric, same)
	add(DeadUnits, dead)
	if len(r.Verdicts) == 0 { // what else is seen follows from these
		add(Exploding, exploding)
		add(Vanishing, vanishing && !exploding)
		add(Saturated, r.flat() != nil)
	}
	add(Healthy, len(r.Verdicts) == 0)
}

// kernels lists the layers that have a kernel, or all where none has.
func (r *Report) kernels() []Layer {
	var ks []Layer
	for _, l := range r.Layers {
		if l.Kernel {
			ks = append(ks, l)
		}
	}
	if len(ks) == 0 {
		return r.Layers
	}
	return ks
}

// grows reports whether a factor a layer, total powers of ten over the net, is
// more than can be lived with.
func grows(factor, total float64) bool {
	return factor > growing && total > addsUp || total > addsUpSlow
}

// flat lists the layers of which so many units hand on next to no gradient that
// the net is saturated, nil where it is not.
func (r *Report) flat() []string {
	var some, much []string
	sum, n := 0.0, 0
	for _, l := range r.Layers {
		if l.Activation == "" || math.IsNaN(l.Saturated) {
			continue
		}
		n++
		// A rectifier has one flat side by design, and half its inputs there.
		both := l.Flat >= bothEnds
		if both {
			sum += l.Saturated
		}
		if both && l.Saturated >= manyFlat {
			some = append(some, l.Name)
		}
		if both && l.Saturated >= halfFlat || l.Saturated >= almostAll {
			much = append(much, l.Name)
		}
	}
	if sum >= manyFlat*float64(n) && sum > 0 {
		return some
	}
	return much
}

// manyDead is the share of dead units that a layer of so many is accused of.
// Deep down a net of ReLU all examples look alike, and every unit is on or off
// for all of them: half of the units are dead there by chance alone, and more
// than this in less than one layer of a million.
func manyDead(units int) float64 { return min(1, 0.5+2.5/math.Sqrt(float64(max(1, units)))) }

// spread is the largest by the smallest of a figure, NaN where fewer than two
// layers have it.
func spread(layers []Layer, of func(Layer) float64) float64 {
	lo, hi, n := math.Inf(1), 0.0, 0
	for _, l := range layers {
		if v := of(l); !math.IsNaN(v) {
			lo, hi = min(lo, v), max(hi, v)
			n++
		}
	}
	if n < 2 {
		return math.NaN()
	}
	return hi / lo
}
