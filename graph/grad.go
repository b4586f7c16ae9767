package graph

import (
	"cmp"
	"slices"
)

// Grad adds the gradients of a scalar loss with respect to the given nodes:
// reverse accumulation, only along paths that lead to one of them, so that
// what is frozen costs nothing. A node that the loss does not depend on has
// the invalid Node as its gradient.
func Grad(loss Node, wrt []Node) []Node {
	if !loss.Valid() {
		return make([]Node, len(wrt))
	}
	if loss.Shape().Len() != 1 || loss.Type().Kind != Float {
		loss.b.Fail("gradient of %v: only of a single float", loss.Type())
		return make([]Node, len(wrt))
	}
	return VJP(loss, loss.b.Full(1, loss.Shape()...), wrt)
}

// VJP adds the product of dy, which has y's shape, with the Jacobian of y with
// respect to each of the given nodes.
func VJP(y, dy Node, wrt []Node) []Node {
	out := make([]Node, len(wrt))
	if !y.Valid() || !dy.Valid() {
		return out
	}
	b := y.b
	if !y.Shape().Equal(dy.Shape()) {
		b.Fail("gradient: %v does not fit %v", dy.Type(), y.Type())
		return out
	}
	// leads[i]: node i depends on one of wrt.
	leads := make([]bool, y.id+1)
	for _, w := range wrt {
		if w.Valid() && w.id <= y.id {
			leads[w.id] = true
		}
	}
	for i := range leads {
		e := &b.nodes[i]
		for _, j := range e.in {
			leads[i] = leads[i] || leads[j] && e.op.VJP != nil
		}
	}
	cot := make([]Node, y.id+1)
	cot[y.id] = dy
	cut := map[int32][]piece{} // gradients of slices, by what was sliced
	before := b.path
	for i := y.id; i >= 0; i-- {
		if !leads[i] {
			continue
		}
		x := Node{b, i}
		if pieces := cut[i]; pieces != nil {
			b.path = gradPath(x.Path())
			delete(cut, i)
			cot[i] = together(cot[i], x, pieces)
		}
		if !cot[i].Valid() || x.Op().VJP == nil || x.NumIn() == 0 {
			continue
		}
		b.path = gradPath(x.Path())
		in := x.Ins()
		if a, ok := x.Attr().(SliceAttr); ok && x.Op().Name == "slice" {
			if j := in[0].id; leads[j] {
				cut[j] = append(cut[j], piece{a, cot[i]})
			}
			continue
		}
		for k, d := range x.Op().VJP(x, in, cot[i]) {
			j := in[k].id
			if !d.Valid() || !leads[j] {
				continue
			}
			if cot[j].Valid() {
				d = cot[j].Add(d)
			}
			cot[j] = d
		}
	}
	b.path = before
	for k, w := range wrt {
		if w.Valid() && w.id <= y.id && leads[w.id] {
			out[k] = cot[w.id]
		}
	}
	return out
}

// A piece is the gradient of a slice.
type piece struct {
	at SliceAttr
	dy Node
}

// together adds the gradients of slices of x to sum, which may be invalid. Slices
// that do not overlap are put side by side: a tensor that is cut into many, as a
// sequence is into its steps, gets its gradient at once, not as the sum of as many
// tensors of its own size with zeros around one slice each.
func together(sum, x Node, pieces []piece) Node {
	slices.SortStableFunc(pieces, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.at.Axis, b.at.Axis), cmp.Compare(a.at.Lo, b.at.Lo), cmp.Compare(a.at.Hi, b.at.Hi))
	})
	for len(pieces) > 0 {
		var row, rest []piece
		for _, p := range pieces {
			if n := len(row); n == 0 || row[n-1].at.Axis == p.at.Axis && row[n-1].at.Hi <= p.at.Lo {
				row = append(row, p)
			} else {
				rest = append(rest, p)
			}
		}
		pieces = rest
		d := row[0].dy.Pad(row[0].at.Axis, row[0].at.Lo, x.Dim(row[0].at.Axis)-row[0].at.Hi)
		if len(row) > 1 {
			d = sideBySide(x, row)
		}
		if sum.Valid() {
			d = sum.Add(d)
		}
		sum = d
	}
	return sum
}

// sideBySide joins pieces along their axis, with zeros where x has no piece.
func sideBySide(x Node, row []piece) Node {
	axis, end := row[0].at.Axis, 0
	var parts []Node
	gap := func(to int) {
		if to > end {
			s := x.Shape().Clone()
			s[axis] = to - end
			parts = append(parts, x.b.Full(0, s...))
		}
	}
	for _, p := range row {
		gap(p.at.Lo)
		parts = append(parts, p.dy)
		end = p.at.Hi
	}
	gap(x.Dim(axis))
	return Concat(axis, parts...)
}

const gradSuffix = " (gradient)"

func gradPath(path string) string {
	if len(path) >= len(gradSuffix) && path[len(path)-len(gradSuffix):] == gradSuffix {
		return path
	}
	return path + gradSuffix
}
