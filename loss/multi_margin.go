package loss

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("multi_margin", MultiMargin{}, spec.Doc("Σ max(0, margin − right score + wrong score)/classes"))
}

// MultiMargin is Σⱼ max(0, margin − p_y + pⱼ)/K over the K − 1 wrong classes j
// (Crammer and Singer, "On the Algorithmic Implementation of Multiclass
// Kernel-based Vector Machines", JMLR 2001, with a sum for the maximum), for
// scores p (N, …, K) and int labels y or one-hot targets.
type MultiMargin struct {
	Margin float64 `spec:"margin" default:"1" doc:"by how much the right score is to be higher"`
}

// Validate refuses a margin that is not above 0.
func (m MultiMargin) Validate() error { return checkPositive("margin", spec.Or(m.Margin, 1)) }

// Apply adds the loss.
func (m MultiMargin) Apply(pred, target graph.Node) graph.Node {
	p, t := classes("multi_margin", pred, target)
	if !t.Valid() {
		return t
	}
	miss := p.Sub(t.Mul(p).SumKeep(-1)).AddScalar(spec.Or(m.Margin, 1)).Relu()
	return perExample(miss.Mul(t.Neg().AddScalar(1)).Mean(-1))
}
