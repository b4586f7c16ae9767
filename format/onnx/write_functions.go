package onnx

import (
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// operationOf is the operation that is a function of nn's.
func operationOf(function string) string {
	for _, of := range []map[string]string{functions, relations, logic} {
		for op, name := range of {
			if name == function {
				return op
			}
		}
	}
	return map[string]string{"pow": "Pow", "select": "Where", "not_equal": "Equal"}[function]
}

// elementwise is an operation, between casts where it takes or gives truth values.
func (w *writer) elementwise(function string, a param.Applied, in []*sent) *sent {
	names, y := w.aligned(in)
	y.shape = a.Out.Shape()[1:]
	op := operationOf(function)
	truths := 0 // how many of the inputs are such
	if logic[op] != "" {
		truths = len(names)
	} else if op == "Where" {
		truths = 1
	}
	for i := range truths {
		names[i] = w.node("Cast", names[i]+"/truth", []string{names[i]}, []attribute{{"to", truth}})
	}
	switch {
	case function == "log1p":
		y.name = w.node("Log", a.Name, []string{w.node("Add", a.Name+"/more", []string{names[0], w.number(a.Name+"/one", 1)}, nil)}, nil)
		return y
	case function == "expm1":
		y.name = w.node("Sub", a.Name, []string{w.node("Exp", a.Name+"/exp", names, nil), w.number(a.Name+"/one", 1)}, nil)
		return y
	case logic[op] == "" && relations[op] == "":
		y.name = w.node(op, a.Name, names, nil)
		return y
	}
	is := w.node(op, a.Name+"/is", names, nil)
	if function == "not_equal" {
		is = w.node("Not", a.Name+"/is_not", []string{is}, nil)
	}
	y.name = w.node("Cast", a.Name, []string{is}, []attribute{{"to", int(codeOf(w.float))}})
	return y
}

// groupNorm is an instance normalization of images whose channels are the groups, and then a scale and
// an offset.
func (w *writer) groupNorm(l nn.GroupNorm, a param.Applied, x *sent) *sent {
	x = w.as(x, channelsFirst)
	n := x.shape[len(x.shape)-1]
	groups := l.Groups
	switch groups {
	case 0:
		groups = 32
	case -1:
		groups = n
	}
	ones, zeros := w.numbers(a.Name+"/ones", tensor.Shape{groups}, 1), w.numbers(a.Name+"/zeros", tensor.Shape{groups}, 0)
	parts := w.node("Reshape", a.Name+"/groups", []string{x.name, w.wholes(a.Name+"/groups/shape", 0, groups, -1)}, nil)
	parts = w.node("InstanceNormalization", a.Name+"/normalized", []string{parts, ones, zeros}, []attribute{{"epsilon", spec.Or(l.Epsilon, 1e-3)}})
	shape := []int{0}
	for _, p := range x.perm()[1:] {
		shape = append(shape, x.shape[p-1])
	}
	y := *x
	y.name = w.node("Reshape", a.Name+"/channels", []string{parts, w.wholes(a.Name+"/channels/shape", shape...)}, nil)
	return w.affine(nn.Affine{NoScale: l.NoScale, NoCenter: l.NoCenter}, a, &y)
}
