package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("pad", PadAxes{}, spec.Doc("zeros, another number or what lies inside, around any axis of a sample"))
}

// PadAxes puts zeros before and after each axis of a sample, the channels' among
// them: sides 0, 0, (8, 8) give images (N, rows, columns, C) eight channels more
// on either side. Where a value is said, that stands in place of the zeros. The
// other modes repeat what is there, as NumPy's pad does. Around 1 2 3,
//
//	edge       1 1 [1 2 3] 3 3
//	reflect    3 2 [1 2 3] 2 1
//	symmetric  2 1 [1 2 3] 3 2
//	wrap       2 3 [1 2 3] 1 2
type PadAxes struct {
	Padding Sides   `spec:"padding,required" doc:"places for each axis of a sample, a number or a pair"`
	Mode    string  `spec:"mode" default:"constant" doc:"what is put around: constant, edge, reflect, symmetric or wrap"`
	Value   float64 `spec:"value,plain" default:"0" doc:"what is put around in place of zeros"`
	Name    string  `spec:"name" doc:"name of the layer"`
}

// around says for each mode which of n places stands at place i, below 0 or from n on.
var around = map[string]func(i, n int) int{
	"edge": func(i, n int) int { return min(max(i, 0), n-1) },
	"reflect": func(i, n int) int {
		if n == 1 {
			return 0
		}
		i = modulo(i, 2*(n-1))
		return min(i, 2*(n-1)-i)
	},
	"symmetric": func(i, n int) int { i = modulo(i, 2*n); return min(i, 2*n-1-i) },
	"wrap":      modulo,
}

// modulo is the remainder that is not below 0.
func modulo(i, n int) int { return (i%n + n) % n }

// Validate refuses modes that are none, and a value where none is put.
func (l PadAxes) Validate() error {
	if l.Mode == "" || l.Mode == "constant" {
		return nil
	}
	if around[l.Mode] == nil {
		return spec.Field("mode", "want constant, edge, reflect, symmetric or wrap, got %q", l.Mode)
	}
	if l.Value != 0 {
		return spec.Field("value", "mode %s puts no number around", l.Mode)
	}
	return nil
}

// Apply adds what is put around.
func (l PadAxes) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	x = unpacked(x)
	if len(l.Padding) != x.Rank()-1 {
		return s.B.Misfit("padding has %d entries for samples of %d axes, %v; want one for each", len(l.Padding), max(0, x.Rank()-1), x.Type())
	}
	sides, err := l.Padding.on("padding", len(l.Padding))
	if !check(s, err) {
		return graph.Node{}
	}
	if at := around[l.Mode]; at != nil {
		for i, p := range sides {
			n := x.Dim(i + 1)
			if p == [2]int{} {
				continue
			}
			if n < 1 || p[0]+p[1] > mostSteps {
				return s.B.Misfit("axis %d of %v gets %d and %d places by mode %s: want at least one place, and to add at most %d", i+1, x.Type(), p[0], p[1], l.Mode, mostSteps)
			}
			x = repeated(x, i+1, p[0], p[1], at)
		}
		return x
	}
	if l.Value != 0 {
		x = x.ToFloat()
	}
	inner := s.B.Full(1, append(tensor.Shape{1}, x.Shape()[1:]...)...) // (1, …) 1 where x is
	for i, p := range sides {
		x = x.Pad(i+1, p[0], p[1])
		inner = inner.Pad(i+1, p[0], p[1])
	}
	if l.Value == 0 || !x.Valid() {
		return x
	}
	return x.Add(inner.Neg().AddScalar(1).Scale(l.Value))
}

// repeated puts places of an axis around it; at says which, and of those within that they
// are themselves. Such as follow one another are cut out together.
func repeated(x graph.Node, axis, before, after int, at func(i, n int) int) graph.Node {
	n := x.Dim(axis)
	var parts []graph.Node
	for i := -before; i < n+after; {
		lo := at(i, n)
		hi := lo + 1
		for i++; i < n+after && at(i, n) == hi; i++ {
			hi++
		}
		parts = append(parts, x.Slice(axis, lo, hi))
	}
	return graph.Concat(axis, parts...)
}
