package graph

import "github.com/nadir-ml/nadir/tensor"

// A Node is the symbolic result of an op. The zero Node is invalid, and every
// op on it is the zero Node.
type Node struct {
	b  *Builder
	id int32
}

// Valid reports whether the node exists.
func (x Node) Valid() bool { return x.b != nil }

// Builder is the graph that the node belongs to, nil of an invalid one.
func (x Node) Builder() *Builder { return x.b }

// ID is the node's number in its graph.
func (x Node) ID() int { return int(x.id) }

// Op is the operation.
func (x Node) Op() *Op { return x.b.nodes[x.id].op }

// Attr is the operation's attribute.
func (x Node) Attr() any { return x.b.nodes[x.id].attr }

// Type is kind and shape.
func (x Node) Type() Type {
	if !x.Valid() {
		return Type{}
	}
	return x.b.nodes[x.id].typ
}

// Shape is the length of each axis, the batch's first. It must not be changed.
func (x Node) Shape() tensor.Shape { return x.Type().Shape }

// Rank is the number of axes.
func (x Node) Rank() int { return len(x.Shape()) }

// Dim is the length of an axis, counted from the end where negative, and 0
// where there is no such axis.
func (x Node) Dim(axis int) int {
	s := x.Shape()
	if axis < 0 {
		axis += len(s)
	}
	if axis < 0 || axis >= len(s) {
		return 0
	}
	return s[axis]
}

// Path is the layer that made the node.
func (x Node) Path() string { return x.b.nodes[x.id].path }

// NumIn is the number of inputs.
func (x Node) NumIn() int { return len(x.b.nodes[x.id].in) }

// In is input i.
func (x Node) In(i int) Node { return Node{x.b, x.b.nodes[x.id].in[i]} }

// Ins lists the inputs.
func (x Node) Ins() []Node {
	in := make([]Node, x.NumIn())
	for i := range in {
		in[i] = x.In(i)
	}
	return in
}

// Name is the name of an input or a parameter, "" of anything else.
func (x Node) Name() string {
	a, _ := x.Attr().(leafAttr)
	return a.Name
}

// Value is the number of a const, and whether the node is one.
func (x Node) Value() (float64, bool) {
	if !x.Valid() {
		return 0, false
	}
	a, ok := x.Attr().(constAttr)
	return a.V, ok && x.Op().Name == "const"
}

// apply adds an op on x and further inputs.
func (x Node) apply(name string, attr any, more ...Node) Node {
	if !x.Valid() {
		return Node{}
	}
	return x.b.Apply(name, attr, append([]Node{x}, more...)...)
}
