package graph

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
	before := b.path
	for i := y.id; i >= 0; i-- {
		if !leads[i] || !cot[i].Valid() {
			continue
		}
		x := Node{b, i}
		if x.Op().VJP == nil || x.NumIn() == 0 {
			continue
		}
		b.path = gradPath(x.Path())
		in := x.Ins()
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

const gradSuffix = " (gradient)"

func gradPath(path string) string {
	if len(path) >= len(gradSuffix) && path[len(path)-len(gradSuffix):] == gradSuffix {
		return path
	}
	return path + gradSuffix
}
