package graph

import (
	"fmt"

	"github.com/nadir-ml/nadir/tensor"
)

// A Kind is what a node's elements are. Float stands for the precision that a
// plan is compiled for, so that one graph serves work in float32 and checks in
// float64.
type Kind uint8

// The kinds.
const (
	Float Kind = iota + 1 // the plan's floating-point type
	Int                   // int32: labels, indices
	Byte                  // uint8: images
)

// String is the kind's name.
func (k Kind) String() string {
	switch k {
	case Float:
		return "float"
	case Int:
		return "int"
	case Byte:
		return "byte"
	}
	return "invalid"
}

// DType is the element type that holds the kind when Float is float.
func (k Kind) DType(float tensor.DType) tensor.DType {
	switch k {
	case Float:
		return float
	case Int:
		return tensor.Int32
	case Byte:
		return tensor.Uint8
	}
	return tensor.Invalid
}

// KindOf is the kind that elements of dt are read as, or 0 where a graph
// cannot read them.
func KindOf(dt tensor.DType) Kind {
	switch dt {
	case tensor.Float32, tensor.Float64:
		return Float
	case tensor.Int32:
		return Int
	case tensor.Uint8:
		return Byte
	}
	return 0
}

// A Type is what is known of a node before anything runs.
type Type struct {
	Kind  Kind
	Shape tensor.Shape
}

// String writes the type as float[50 784].
func (t Type) String() string { return fmt.Sprintf("%v%v", t.Kind, t.Shape) }

// Broadcast is the shape of an elementwise result: shapes are aligned at their
// last axis, and an axis of length 1 or a missing one stretches (NumPy's rule).
func Broadcast(a, b tensor.Shape) (tensor.Shape, bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := a.Clone()
	off := len(a) - len(b)
	for i, d := range b {
		switch {
		case out[off+i] == d || d == 1:
		case out[off+i] == 1:
			out[off+i] = d
		default:
			return nil, false
		}
	}
	return out, true
}
