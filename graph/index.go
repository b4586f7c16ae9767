package graph

import (
	"fmt"

	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Register(Op{Name: "argmax", Arity: 1,
		Type: func(in []Type, _ any) (Type, error) {
			s := in[0].Shape
			if in[0].Kind != Float || len(s) == 0 || s[len(s)-1] == 0 {
				return Type{}, fmt.Errorf("wants floats with a last axis, got %v", in[0])
			}
			return Type{Int, s[:len(s)-1].Clone()}, nil
		}})
	Register(Op{Name: "one_hot", Arity: 1,
		Type: func(in []Type, attr any) (Type, error) {
			if in[0].Kind != Int || attr.(int) <= 0 {
				return Type{}, fmt.Errorf("wants ints and a positive depth, got %v and %d", in[0], attr)
			}
			return Type{Float, append(in[0].Shape.Clone(), attr.(int))}, nil
		}})
	Register(Op{Name: "gather", Arity: 2,
		Type: func(in []Type, _ any) (Type, error) {
			if in[0].Kind != Float || len(in[0].Shape) == 0 || in[1].Kind != Int {
				return Type{}, fmt.Errorf("wants a float table and ints, got %v and %v", in[0], in[1])
			}
			return Type{Float, append(in[1].Shape.Clone(), in[0].Shape[1:]...)}, nil
		},
		VJP: func(_ Node, in []Node, dy Node) []Node {
			return []Node{dy.apply("scatter_add", in[0].Dim(0), in[1]), {}}
		}})
	Register(Op{Name: "scatter_add", Arity: 2,
		Type: func(in []Type, attr any) (Type, error) {
			r := len(in[1].Shape)
			if in[0].Kind != Float || in[1].Kind != Int || len(in[0].Shape) < r || !in[0].Shape[:r].Equal(in[1].Shape) {
				return Type{}, fmt.Errorf("wants floats and an int for each row, got %v and %v", in[0], in[1])
			}
			return Type{Float, append(tensor.Shape{attr.(int)}, in[0].Shape[r:]...)}, nil
		},
		VJP: func(_ Node, in []Node, dy Node) []Node { return []Node{dy.Gather(in[1]), {}} }})
}

// ArgMax is the index of the largest element of the last axis, the first of
// equal ones.
func (x Node) ArgMax() Node { return x.apply("argmax", nil) }

// OneHot turns labels (…) into rows (…, depth) of zeros with a one. A label
// outside 0 … depth−1 gives a row of zeros.
func (x Node) OneHot(depth int) Node { return x.apply("one_hot", depth) }

// Gather picks rows of the table x (rows, …) by index (…): the result has the
// index's shape and the row's. An index outside the table gives zeros.
func (x Node) Gather(index Node) Node { return x.apply("gather", nil, index) }
