package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("prelu", PReLU{}, spec.Doc("leaky ReLU whose slope is learned"))
}

// PReLU is a leaky ReLU whose slope α is learned (He, Zhang, Ren and Sun,
// "Delving Deep into Rectifiers", ICCV 2015). It declares the weight alpha, of
// the input's shape without the batch axis, so one slope a unit after a dense
// layer; along SharedAxes, counted with the batch as axis 0, one slope is
// shared. It starts at 0.25, the paper's value, where Keras starts at 0. Weight
// decay is not to be applied to it: it pulls α to 0, a plain ReLU.
type PReLU struct {
	rectifier
	Init       param.Init `spec:"alpha_initializer" default:"constant 0.25" doc:"initializer of the slopes"`
	SharedAxes []int      `spec:"shared_axes" default:"none" doc:"axes along which one slope is shared, from 1"`
}

// Validate refuses the batch axis as a shared one.
func (p PReLU) Validate() error {
	for _, a := range p.SharedAxes {
		if a < 1 {
			return spec.Field("shared_axes", "want axes from 1, the batch being axis 0, got %d", a)
		}
	}
	return nil
}

// Apply adds the ops and declares alpha.
func (p PReLU) Apply(s *param.Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	if x.Rank() < 1 {
		return s.B.Fail("prelu: wants a batch axis, got %v", x.Type())
	}
	shape := x.Shape()[1:].Clone()
	for _, a := range p.SharedAxes {
		if a < 1 || a > len(shape) {
			return s.B.Fail("prelu: shared axis %d is none of %v", a, x.Shape())
		}
		shape[a-1] = 1
	}
	init := p.Init
	if init == nil {
		init = initial.Constant{Value: 0.25}
	}
	alpha := s.Weight("alpha", init, shape...)
	return x.Greater(zero(x)).Select(x, x.Mul(alpha))
}
