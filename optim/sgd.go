package optim

import (
	"errors"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("sgd", SGD{}, spec.Alias("gradient_descent"), spec.Doc("θ ← θ − ηg, with momentum if asked for"))
	Registry.Register("momentum", SGD{Momentum: 0.9}, spec.Doc("sgd with momentum 0.9"))
	Registry.Register("nesterov", SGD{Momentum: 0.9, Nesterov: true}, spec.Alias("nag"), spec.Doc("sgd with Nesterov momentum 0.9"))
}

// SGD is stochastic gradient descent θ ← θ − ηg, and with momentum μ
//
//	m ← μm − ηg     θ ← θ + m
//
// (Polyak, "Some methods of speeding up the convergence of iteration methods",
// 1964). Against a constant gradient the step grows to ηg/(1−μ). Nesterov's
// variant measures the gradient further down the way (Nesterov 1983), in the
// form of Sutskever, Martens, Dahl and Hinton, "On the importance of
// initialization and momentum in deep learning" (ICML 2013), where θ stands for
// the look-ahead point:
//
//	m ← μm − ηg     θ ← θ + μm − ηg
//
// The torch convention keeps m without the rate, b ← μb + (1−d)g with b = g at
// first and θ ← θ − ηb: a new rate then scales the whole of b, where in Keras
// old steps keep theirs. With a constant rate both are one.
//
// Slot: momentum.
type SGD struct {
	LR         float64    `spec:"lr,alias=learning_rate" default:"0.01" doc:"learning rate"`
	Momentum   float64    `spec:"momentum" default:"0" doc:"share of the last step that goes on"`
	Nesterov   bool       `spec:"nesterov" default:"false" doc:"look ahead"`
	Dampening  float64    `spec:"dampening" default:"0" doc:"torch: share of the gradient kept out of the momentum"`
	Convention Convention `spec:"convention" default:"keras" doc:"keras or torch"`
}

// Validate refuses hyperparameters out of range.
func (r SGD) Validate() error {
	errs := []error{
		checkNotNegative("lr", r.Rate()),
		checkRange("momentum", spec.Or(r.Momentum, 0), 0, 1),
		r.Convention.check(PyTorch),
	}
	if spec.Or(r.Momentum, 0) == 0 && r.Nesterov {
		errs = append(errs, spec.Field("nesterov", "needs a momentum above 0"))
	}
	if d := spec.Or(r.Dampening, 0); d != 0 {
		errs = append(errs, checkRange("dampening", d, 0, 1))
		if r.Convention != PyTorch || r.Nesterov {
			errs = append(errs, spec.Field("dampening", "needs convention torch and no nesterov"))
		}
	}
	return errors.Join(errs...)
}

// Rate is the learning rate.
func (r SGD) Rate() float64 { return spec.Or(r.LR, 0.01) }

// Cycles reports whether there is a momentum.
func (r SGD) Cycles() bool { return spec.Or(r.Momentum, 0) > 0 }

// Update adds one step.
func (r SGD) Update(s *Step) graph.Node {
	mu := spec.Or(r.Momentum, 0)
	if mu == 0 {
		return s.P.Sub(s.G.Mul(s.LR))
	}
	if r.Convention == PyTorch {
		return r.torch(s, mu)
	}
	step, beta := s.G.Mul(s.LR), s.momentum(mu)
	m := s.Slot("momentum").Mul(beta).Sub(step)
	s.Save("momentum", m)
	if r.Nesterov {
		m = m.Mul(beta).Sub(step)
	}
	return s.P.Add(m)
}

func (r SGD) torch(s *Step, mu float64) graph.Node {
	g, beta := s.G, s.momentum(mu)
	if d := spec.Or(r.Dampening, 0); d != 0 {
		first := s.T.Equal(s.Const(1))
		g = g.Mul(first.Select(s.Const(1), s.Const(1-d)))
	}
	m := s.Slot("momentum").Mul(beta).Add(g)
	s.Save("momentum", m)
	if r.Nesterov {
		m = s.G.Add(m.Mul(beta))
	}
	return s.P.Sub(m.Mul(s.LR))
}
