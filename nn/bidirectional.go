package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("bidirectional", Bidirectional{}, spec.Doc("a recurrent layer both ways along sequences"))
}

// A Recurrent is a layer that goes along sequences (N, steps, …) and can go the
// other way.
type Recurrent interface {
	Layer
	Reversed() Layer
	ReturnsSequences() bool
}

// Bidirectional is a recurrent layer and the same, with weights of its own, that
// goes the other way (Schuster and Paliwal, "Bidirectional Recurrent Neural
// Networks", IEEE Transactions on Signal Processing, 1997). Where the layer gives
// whole sequences, those of the second are turned around, so that steps meet. Both
// results are joined: side by side, (N, …, 2·units), or as their sum, product or
// mean. The two are called forward_ and backward_ and the layer's name or kind. Of inputs
// behind the sequences, the first half are the states that the layer begins with, the others
// those of the one that goes the other way.
type Bidirectional struct {
	Layer    Layer  `spec:"layer,required,scalar" doc:"the recurrent layer"`
	Backward Layer  `spec:"backward_layer" doc:"the layer that goes the other way, the same without"`
	Merge    string `spec:"merge_mode" default:"concat" doc:"how the results are joined: concat, sum, mul or ave"`
	Repeat   bool   `spec:"zero_output_for_mask,not" doc:"whole sequences are 0 at steps that a mask leaves out, as in Keras since TensorFlow 2; else what the layers make of them"`
	Name     string `spec:"name" doc:"name of the layer"`
}

// Validate refuses layers that are not recurrent and merges that are none.
func (l Bidirectional) Validate() error {
	a, ok := l.Layer.(Recurrent)
	if !ok {
		return spec.Field("layer", "want a recurrent layer: simple_rnn, lstm or gru")
	}
	if l.Backward != nil {
		b, ok := l.Backward.(Recurrent)
		if !ok || a.ReturnsSequences() != b.ReturnsSequences() {
			return spec.Field("backward_layer", "want a recurrent layer that returns what the other does")
		}
	}
	switch l.Merge {
	case "", "concat", "sum", "mul", "ave":
		return nil
	}
	return spec.Field("merge_mode", "want concat, sum, mul or ave, got %q", l.Merge)
}

// Apply applies both and joins their results.
func (l Bidirectional) Apply(s *Scope, x graph.Node) graph.Node {
	return l.Join(s, []graph.Node{x})
}

// Join is as Apply, from the states that follow the sequences.
func (l Bidirectional) Join(s *Scope, xs []graph.Node) graph.Node {
	if !check(s, l.Validate()) || len(xs) == 0 || !xs[0].Valid() {
		return graph.Node{}
	}
	if len(xs)%2 == 0 {
		return s.B.Fail("takes sequences, or these and as many states for each way, got %d inputs", len(xs))
	}
	half := (len(xs) + 1) / 2
	forward := l.Layer.(Recurrent) // was checked
	back := l.Backward
	if back == nil {
		back = forward.Reversed()
	}
	if z, ok := forward.(zeroing); ok && forward.ReturnsSequences() && !l.Repeat {
		forward = z.zeroed().(Recurrent)
	}
	if z, ok := back.(zeroing); ok && forward.ReturnsSequences() && !l.Repeat {
		back = z.zeroed()
	}
	name := func(l Layer) string {
		if n := NameOf(l); n != "" {
			return n
		}
		return KindOf(l)
	}
	way := func(prefix string, l Layer, states []graph.Node) graph.Node {
		in := append([]graph.Node{xs[0]}, states...)
		return s.SubFunc(prefix+name(l), l, in, func(c *Scope) graph.Node {
			if j, ok := l.(Joiner); ok {
				return j.Join(c, in)
			} else if len(in) == 1 {
				return l.Apply(c, in[0])
			}
			return c.B.Fail("%s takes no state to begin with", KindOf(l))
		})
	}
	a := way("forward_", forward, xs[1:half])
	b := way("backward_", back, xs[half:])
	if !a.Valid() || !b.Valid() {
		return graph.Node{}
	}
	if forward.ReturnsSequences() {
		b = turned(b)
	}
	var y graph.Node
	switch l.Merge {
	case "sum":
		y = a.Add(b)
	case "mul":
		y = a.Mul(b)
	case "ave":
		y = a.Add(b).Scale(0.5)
	default:
		y = graph.Concat(-1, a, b)
	}
	if forward.ReturnsSequences() {
		s.KeepMask(y, xs[0])
	}
	return y
}

// zeroing is a recurrent layer whose output can be 0 at steps that a mask leaves out.
type zeroing interface{ zeroed() Layer }

// turned is a sequence (N, steps, …) from its end to its beginning.
func turned(x graph.Node) graph.Node {
	var steps []graph.Node
	for t := x.Dim(1); t > 0; t-- {
		steps = append(steps, x.Slice(1, t-1, t))
	}
	return graph.Concat(1, steps...)
}
