package optim

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("lamb", LAMB{}, spec.Doc("adam whose step has the norm of the parameter, for large batches"))
}

// LAMB is Adam whose step for each tensor is scaled to the tensor's own norm,
// for batches of thousands (You et al., "Large Batch Optimization for Deep
// Learning: Training BERT in 76 minutes", ICLR 2020):
//
//	u = m̂/(√v̂ + ε)     θ ← θ − η·(‖θ‖/‖u‖)·u
//
// The ratio is 1 where one of the norms is 0.
//
// Slots: momentum and velocity.
type LAMB struct {
	LR      float64 `spec:"lr,alias=learning_rate" default:"0.001" doc:"learning rate"`
	Beta1   float64 `spec:"beta_1" default:"0.9" doc:"decay of the mean"`
	Beta2   float64 `spec:"beta_2" default:"0.999" doc:"decay of the mean square"`
	Epsilon float64 `spec:"epsilon" default:"1e-7" doc:"keeps the divisor from 0"`
}

// Validate refuses hyperparameters out of range.
func (r LAMB) Validate() error { return checkAdam(r.Rate(), r.Beta1, r.Beta2, r.Epsilon) }

// Rate is the learning rate.
func (r LAMB) Rate() float64 { return spec.Or(r.LR, 0.001) }

// Update adds one step.
func (r LAMB) Update(s *Step) graph.Node {
	b1, b2 := spec.Or(r.Beta1, 0.9), spec.Or(r.Beta2, 0.999)
	m, v := moments(s, b1, b2)
	root := v.Div(oneMinusPower(b2, s.T)).Sqrt().AddScalar(spec.Or(r.Epsilon, 1e-7))
	u := m.Div(oneMinusPower(b1, s.T)).Div(root)
	zero, one := s.Const(0), s.Const(1)
	p, n := s.P.Square().Sum().Sqrt(), u.Square().Sum().Sqrt()
	ratio := p.Greater(zero).Select(n.Greater(zero).Select(p.Div(n), one), one)
	return s.P.Sub(u.Mul(ratio.Mul(s.LR)))
}
