package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("sequence_mask", SequenceMask{}, spec.Doc("sequences end after as many steps as a second input says"))
}

// SequenceMask ends sequences x (N, steps, …) after as many steps as its second input says,
// (N) or (N, 1): y is x, and 0 behind the end. Layers behind it that go along steps leave the
// steps behind the end out, too, as with [Masking], unless Bare.
type SequenceMask struct {
	Bare bool   `spec:"mask,not" doc:"layers behind it leave the steps out, too"`
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply fails: it takes the lengths beside the sequences.
func (l SequenceMask) Apply(s *Scope, x graph.Node) graph.Node {
	return l.Join(s, []graph.Node{x})
}

// Join compares the number of each step with the lengths.
func (l SequenceMask) Join(s *Scope, xs []graph.Node) graph.Node {
	if len(xs) != 2 {
		return s.B.Fail("takes sequences and how many steps each has, got %d inputs", len(xs))
	}
	x, lengths := xs[0].ToFloat(), xs[1].ToFloat()
	if !x.Valid() || !lengths.Valid() {
		return graph.Node{}
	}
	if x.Rank() < 2 {
		return s.B.Misfit("wants sequences, (N, steps, …), got %v", x.Type())
	}
	n, steps := x.Dim(0), x.Dim(1)
	if steps < 1 || steps > mostSteps {
		return s.B.Misfit("wants sequences of 1 to %d steps, got %d; cut longer ones", mostSteps, steps)
	}
	if lengths.Shape().Len() != n || lengths.Rank() == 0 || lengths.Dim(0) != n {
		return s.B.Misfit("wants a length for each of %d sequences, got %v", n, lengths.Type())
	}
	number := make([]graph.Node, steps)
	for t := range number {
		number[t] = s.B.Full(float64(t), 1, 1)
	}
	mask := lengths.Reshape(n, 1).Greater(graph.Concat(1, number...)) // (N, steps)
	if s.IsMasked(xs[0]) && !l.Bare {
		before := s.Mask(xs[0])
		if !before.Valid() {
			return before
		}
		mask = mask.Min(before)
	}
	wide := mask.Shape().Clone()
	for range x.Rank() - 2 {
		wide = append(wide, 1)
	}
	y := mask.Reshape(wide...).Select(x, s.B.Const(0))
	if l.Bare {
		return y
	}
	return s.SetMask(y, mask)
}
