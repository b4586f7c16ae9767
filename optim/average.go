package optim

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

// Average is the slot that holds a weight's mean over steps.
const Average = "average"

// Averages reports whether the means of weights are kept, in the slot
// [Average].
func (o Optimizer) Averages() bool { return o.EMA || o.SWA }

// average keeps the mean of a weight whose next value is θ.
//
// EMA is a running mean, a ← ma + (1−m)θ, beginning with the first step's θ
// (Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging",
// SIAM 1992, with the decay of later practice). SWA is the plain mean of all
// steps after SWAStart, a ← a + (θ − a)/n, to be had with a rate that stays high
// enough to wander around a wide minimum (Izmailov, Podoprikhin, Garipov, Vetrov
// and Wilson, "Averaging Weights Leads to Wider Optima and Better
// Generalization", UAI 2018).
func (o Optimizer) average(s *Step, next graph.Node) {
	switch {
	case o.EMA:
		m := spec.Or(o.EMAMomentum, 0.99)
		mean := s.Slot(Average).Scale(m).Add(next.Scale(1 - m))
		s.Save(Average, s.T.Greater(s.Const(1)).Select(mean, next))
	case o.SWA:
		n := s.T.AddScalar(-float64(o.SWAStart))
		mean := s.Slot(Average)
		mean = mean.Add(next.Sub(mean).Div(n.Max(s.Const(1))))
		s.Save(Average, n.Greater(s.Const(1)).Select(mean, next))
	}
}
