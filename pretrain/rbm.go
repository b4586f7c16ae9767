package pretrain

import (
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// An RBM is a restricted Boltzmann machine: visible units v (N, visible) and
// hidden units h (N, hidden), joined by the kernel W (visible, hidden), with a
// visible bias a and a bias b of the hidden units. A state has probability
// e^−E(v, h)/Z with
//
//	E(v, h) = −a·v − b·h − vᵀWh             binary visible units
//	E(v, h) = ½‖v − a‖² − b·h − vᵀWh        Gaussian ones, of unit variance
//
// (Smolensky 1986; Hinton, "Training Products of Experts by Minimizing
// Contrastive Divergence", Neural Computation 2002). Hidden units are binary. W
// and b are the kernel and bias of a dense layer with a sigmoid, whose output is
// then P(h = 1 | v).
type RBM struct {
	Kernel, VisibleBias, Bias graph.Node
	Gaussian                  bool
}

// input is W·v + b, what the hidden units see (N, hidden).
func (m RBM) input(v graph.Node) graph.Node { return v.MatMul(m.Kernel).Add(m.Bias) }

// Hidden is P(h = 1 | v) = σ(vW + b), shape (N, hidden).
func (m RBM) Hidden(v graph.Node) graph.Node { return m.input(v).Sigmoid() }

// Visible is the mean of v given h (N, visible): σ(hWᵀ + a), and hWᵀ + a of
// Gaussian units.
func (m RBM) Visible(h graph.Node) graph.Node {
	x := h.MatMulT(m.Kernel).Add(m.VisibleBias)
	if m.Gaussian {
		return x
	}
	return x.Sigmoid()
}

// Energy is E(v, h), shape (N).
func (m RBM) Energy(v, h graph.Node) graph.Node {
	return m.field(v).Sub(h.Mul(m.input(v)).Sum(-1))
}

// field is the part of the energy that v alone has, shape (N).
func (m RBM) field(v graph.Node) graph.Node {
	if m.Gaussian {
		return v.Sub(m.VisibleBias).Square().Sum(-1).Scale(0.5)
	}
	return v.Mul(m.VisibleBias).Sum(-1).Neg()
}

// FreeEnergy is F(v) = −log Σ_h e^−E(v, h), shape (N): −a·v, or ½‖v − a‖², less
// Σ_j log(1 + e^(b_j + vW_j)). Less of it is more likely.
func (m RBM) FreeEnergy(v graph.Node) graph.Node {
	return m.field(v).Sub(m.input(v).Softplus().Sum(-1))
}

// Step is a step of Gibbs sampling: the hidden units h given v, and the visible
// ones given those. drawH (N, hidden) is uniform random numbers. drawV
// (N, visible) is uniform ones, or normal ones of a Gaussian machine; where it
// is the zero Node the next v is the mean, as Hinton's guide has it for the
// reconstruction.
func (m RBM) Step(v, drawH, drawV graph.Node) (h, next graph.Node) {
	h = m.Hidden(v).Greater(drawH)
	next = m.Visible(h)
	switch {
	case !drawV.Valid():
	case m.Gaussian:
		next = next.Add(drawV)
	default:
		next = next.Greater(drawV)
	}
	return h, next
}

// Divergence is F(v₀) − F(v_k), shape (N), of data and the end of a chain that
// no gradient flows into. Its gradient, averaged over the batch, is that of
// contrastive divergence (Hinton 2002),
//
//	∂/∂W = −⟨v·p(h|v)⟩₀ + ⟨v·p(h|v)⟩_k
//
// so that any optimizer's step against it is a step of CD-k; with chains that
// outlive the batch it is one of persistent contrastive divergence (Tieleman,
// "Training Restricted Boltzmann Machines using Approximations to the
// Likelihood Gradient", ICML 2008).
func (m RBM) Divergence(v0, vk graph.Node) graph.Node {
	end := m.FreeEnergy(vk.StopGradient())
	if end.Dim(0) != v0.Dim(0) {
		end = end.Mean()
	}
	return m.FreeEnergy(v0).Sub(end)
}

// PseudoLikelihood is the logarithm of Π_i P(v_i | the other v), shape (N),
// estimated from one unit of each row: visible·log σ(F(v with the unit flipped)
// − F(v)). flip (N, visible) is rows of zeros with a one at the unit. v is
// binary, or a probability.
func (m RBM) PseudoLikelihood(v, flip graph.Node) graph.Node {
	// Only the flipped unit's row of W tells the two inputs of h apart.
	change := flip.Mul(v.Scale(-2).AddScalar(1)) // 1 − 2v at the unit
	x := m.input(v)
	y := x.Add(change.MatMul(m.Kernel))
	d := change.Mul(m.VisibleBias).Sum(-1).Neg().Sub(y.Softplus().Sum(-1)).Add(x.Softplus().Sum(-1))
	return d.Neg().Softplus().Scale(-float64(v.Dim(-1)))
}

// LogPartition is log Z of a machine of few hidden units, by enumeration:
// states (2^hidden, hidden) is what [States] gives. With it log P(v) = −F(v) −
// log Z is exact.
func (m RBM) LogPartition(states graph.Node) graph.Node {
	x := states.MatMulT(m.Kernel) // (2^hidden, visible)
	var each graph.Node
	if m.Gaussian {
		// ∫ e^−½‖v−a‖² + v·x dv = (2π)^(visible/2) · e^(a·x + ½‖x‖²)
		each = x.Mul(m.VisibleBias).Sum(-1).Add(x.Square().Sum(-1).Scale(0.5)).AddScalar(float64(x.Dim(-1)) / 2 * math.Log(2*math.Pi))
	} else {
		each = x.Add(m.VisibleBias).Softplus().Sum(-1)
	}
	each = each.Add(states.Mul(m.Bias).Sum(-1))
	most := each.ReduceMax()
	return each.Sub(most).Exp().Sum().Log().Add(most)
}

// mostStates is the number of units that [States] enumerates at most.
const mostStates = 20

// States is every state of n binary units, shape (2ⁿ, n). n is 20 at most; nil
// beyond.
func States(n int, float tensor.DType) *tensor.Tensor {
	if n < 0 || n > mostStates {
		return nil
	}
	t := tensor.New(float, 1<<n, n)
	for i := range 1 << n {
		for k := range n {
			t.SetFlat(i*n+k, float64(i>>k&1))
		}
	}
	return t
}
