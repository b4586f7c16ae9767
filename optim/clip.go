package optim

import (
	"github.com/nadir-ml/nadir/graph"
)

// A Transform changes the gradients of all parameters before the rule sees
// them. params and grads are of one length.
type Transform interface {
	Apply(b *graph.Builder, params, grads []graph.Node) []graph.Node
}

// ClipValue cuts every element of every gradient to [−c, c]. The direction of
// the whole may change. NaN stays NaN.
type ClipValue float64

// Apply adds the transform.
func (c ClipValue) Apply(b *graph.Builder, _, grads []graph.Node) []graph.Node {
	out := make([]graph.Node, len(grads))
	for i, g := range grads {
		out[i] = g.Max(b.Const(-float64(c))).Min(b.Const(float64(c)))
	}
	return out
}

// ClipNorm scales each gradient whose Euclidean norm is above c to norm c:
// g·c/max(‖g‖, c). The direction of each stays.
type ClipNorm float64

// Apply adds the transform.
func (c ClipNorm) Apply(b *graph.Builder, _, grads []graph.Node) []graph.Node {
	out := make([]graph.Node, len(grads))
	for i, g := range grads {
		out[i] = g.Mul(shrink(b, Norm(b, g), float64(c)))
	}
	return out
}

// GlobalClipNorm scales all gradients by c/max(n, c), where n is the Euclidean
// norm of all of them together (Pascanu, Mikolov and Bengio, "On the difficulty
// of training recurrent neural networks", ICML 2013). The direction of the
// whole stays. As in Keras a NaN or an infinity anywhere makes every gradient
// NaN: no step is better than one into a direction that means nothing.
type GlobalClipNorm float64

// Apply adds the transform.
func (c GlobalClipNorm) Apply(b *graph.Builder, _, grads []graph.Node) []graph.Node {
	n := Norm(b, grads...)
	// n − n is 0, or NaN where n is not finite.
	return scaleAll(grads, shrink(b, n, float64(c)).Add(n.Sub(n)))
}

// TorchClipNorm scales all gradients by min(1, c/(n + 1e-6)), n being their norm
// together, as PyTorch's clip_grad_norm_ does: the norm of the result is a
// little below c, and infinity anywhere makes all that is finite 0.
type TorchClipNorm float64

// Apply adds the transform.
func (c TorchClipNorm) Apply(b *graph.Builder, _, grads []graph.Node) []graph.Node {
	return scaleAll(grads, b.Const(float64(c)).Div(Norm(b, grads...).AddScalar(1e-6)).Min(b.Const(1)))
}

func scaleAll(grads []graph.Node, factor graph.Node) []graph.Node {
	out := make([]graph.Node, len(grads))
	for i, g := range grads {
		out[i] = g.Mul(factor)
	}
	return out
}

func shrink(b *graph.Builder, norm graph.Node, c float64) graph.Node {
	return b.Const(c).Div(norm.Max(b.Const(c)))
}

// Norm is the Euclidean norm of several nodes together, a scalar; 0 of none.
func Norm(b *graph.Builder, xs ...graph.Node) graph.Node {
	total := b.Const(0)
	for _, x := range xs {
		if x.Valid() {
			total = total.Add(x.Square().Sum())
		}
	}
	return total.Sqrt()
}
