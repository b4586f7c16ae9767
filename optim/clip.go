package optim

import (
	"github.com/nadir-ml/nadir/graph"
)

// A Transform changes the gradients of all parameters before the rule sees
// them. params and grads are of one length.
type Transform interface {
	Apply(b *graph.Builder, params, grads []graph.Node) []graph.Node
}

// A Clipper is a Transform that cuts what is too large.
type Clipper interface {
	Transform
	// Clip is Apply, and a scalar that is 1 in a step that is cut, else 0.
	Clip(b *graph.Builder, grads []graph.Node) (out []graph.Node, cut graph.Node)
}

// ClipValue cuts every element of every gradient to [−c, c]. The direction of
// the whole may change. NaN stays NaN.
type ClipValue float64

// Apply adds the transform.
func (c ClipValue) Apply(b *graph.Builder, _, grads []graph.Node) []graph.Node {
	out, _ := c.Clip(b, grads)
	return out
}

// Clip adds the transform.
func (c ClipValue) Clip(b *graph.Builder, grads []graph.Node) (out []graph.Node, cut graph.Node) {
	beyond := b.Const(0)
	for _, g := range grads {
		out = append(out, g.Max(b.Const(-float64(c))).Min(b.Const(float64(c))))
		if g.Valid() {
			beyond = beyond.Add(g.Abs().Greater(b.Const(float64(c))).Sum())
		}
	}
	return out, beyond.Greater(b.Const(0))
}

// ClipNorm scales each gradient whose Euclidean norm is above c to norm c:
// g·c/max(‖g‖, c). The direction of each stays.
type ClipNorm float64

// Apply adds the transform.
func (c ClipNorm) Apply(b *graph.Builder, _, grads []graph.Node) []graph.Node {
	out, _ := c.Clip(b, grads)
	return out
}

// Clip adds the transform.
func (c ClipNorm) Clip(b *graph.Builder, grads []graph.Node) (out []graph.Node, cut graph.Node) {
	top := b.Const(0)
	for _, g := range grads {
		n := Norm(b, g)
		top = top.Max(n)
		out = append(out, g.Mul(shrink(n, b.Const(float64(c)))))
	}
	return out, top.Greater(b.Const(float64(c)))
}

// GlobalClipNorm scales all gradients by c/max(n, c), where n is the Euclidean
// norm of all of them together (Pascanu, Mikolov and Bengio, "On the difficulty
// of training recurrent neural networks", ICML 2013). The direction of the
// whole stays. As in Keras a NaN or an infinity anywhere makes every gradient
// NaN: no step is better than one into a direction that means nothing.
type GlobalClipNorm float64

// Apply adds the transform.
func (c GlobalClipNorm) Apply(b *graph.Builder, _, grads []graph.Node) []graph.Node {
	out, _ := c.Clip(b, grads)
	return out
}

// Clip adds the transform.
func (c GlobalClipNorm) Clip(b *graph.Builder, grads []graph.Node) (out []graph.Node, cut graph.Node) {
	return clipTogether(grads, Norm(b, grads...), b.Const(float64(c)))
}

// clipTogether scales gradients whose norm together is n down to norm c.
func clipTogether(grads []graph.Node, n, c graph.Node) (out []graph.Node, cut graph.Node) {
	// n − n is 0, or NaN where n is not finite.
	return scaleAll(grads, shrink(n, c).Add(n.Sub(n))), n.Greater(c)
}

// TorchClipNorm scales all gradients by min(1, c/(n + 1e-6)), n being their norm
// together, as PyTorch's clip_grad_norm_ does: the norm of the result is a
// little below c, and infinity anywhere makes all that is finite 0.
type TorchClipNorm float64

// Apply adds the transform.
func (c TorchClipNorm) Apply(b *graph.Builder, _, grads []graph.Node) []graph.Node {
	out, _ := c.Clip(b, grads)
	return out
}

// Clip adds the transform.
func (c TorchClipNorm) Clip(b *graph.Builder, grads []graph.Node) (out []graph.Node, cut graph.Node) {
	factor := b.Const(float64(c)).Div(Norm(b, grads...).AddScalar(1e-6))
	return scaleAll(grads, factor.Min(b.Const(1))), b.Const(1).Greater(factor)
}

func scaleAll(grads []graph.Node, factor graph.Node) []graph.Node {
	out := make([]graph.Node, len(grads))
	for i, g := range grads {
		out[i] = g.Mul(factor)
	}
	return out
}

// shrink is the factor that brings a norm down to c.
func shrink(norm, c graph.Node) graph.Node { return c.Div(norm.Max(c)) }

// Norm is the Euclidean norm of several nodes together, a scalar; 0 of none.
func Norm(b *graph.Builder, xs ...graph.Node) graph.Node {
	var squares []graph.Node // before any sum of them: backends then add all up at once
	for _, x := range xs {
		if x.Valid() {
			squares = append(squares, x.Square().Sum())
		}
	}
	total := b.Const(0)
	for _, q := range squares {
		total = total.Add(q)
	}
	return total.Sqrt()
}
