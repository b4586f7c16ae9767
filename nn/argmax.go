package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("argmax", ArgMax{}, spec.Doc("which of the numbers along an axis is the largest, the class that a row of scores names"))
}

// ArgMax is which of the numbers along an axis of x (N, …) is the largest, from 0, as a float: y has length
// 1 in that axis. Of equal ones it is the first, or the last. No gradient flows through.
type ArgMax struct {
	Axis int    `spec:"axis" default:"-1" doc:"axis, the batch's being 0; counted from the end where negative"`
	Last bool   `spec:"last" default:"false" doc:"of equal numbers the last is taken, not the first"`
	Name string `spec:"name" doc:"name of the layer"`
}

// Apply finds the largest.
func (l ArgMax) Apply(s *Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	x = x.ToFloat()
	axis, ok := axisOf(s, l.Axis, x)
	if !ok {
		return graph.Node{}
	}
	shape := x.Shape().Clone()
	n := shape[axis]
	shape[axis] = 1
	if l.Last {
		x = Reverse{Axis: axis}.Apply(s, x)
	}
	last := make([]int, 0, len(shape)) // the axis behind the others
	for i := range shape {
		if i != axis {
			last = append(last, i)
		}
	}
	y := x.Transpose(append(last, axis)...).ArgMax().ToFloat() // (N, …) without the axis
	if l.Last {
		y = y.Neg().AddScalar(float64(n - 1))
	}
	return y.Reshape(shape...)
}
