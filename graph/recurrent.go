package graph

import "fmt"

// A RecurrentAttr says how a recurrent op goes over its steps.
type RecurrentAttr struct {
	Steps     int
	Backwards bool // begins at the last step
	// Masked says that a mask (steps, N, 1) is the last input: where it is 0 the state stays
	// what it was.
	Masked bool
}

// with adds a mask, where there is one, to the inputs of a recurrent op.
func (a RecurrentAttr) with(mask Node, in ...Node) (RecurrentAttr, []Node) {
	if a.Masked = mask.Valid(); a.Masked {
		in = append(in, mask)
	}
	return a, in
}

// masked checks the mask behind the other inputs of a recurrent op of n rows, and that there
// are as many of these as there are to be.
func (a RecurrentAttr) masked(in []Type, inputs, n int) error {
	if !a.Masked {
		if len(in) != inputs {
			return fmt.Errorf("wants %d inputs, got %d", inputs, len(in))
		}
		return nil
	}
	if len(in) != inputs+1 {
		return fmt.Errorf("wants %d inputs and a mask, got %d", inputs, len(in))
	}
	if m := in[inputs]; m.Kind != Float || !m.Shape.Equal([]int{a.Steps, n, 1}) {
		return fmt.Errorf("wants a mask (%d, %d, 1), got %v", a.Steps, n, m)
	}
	return nil
}

// choice makes, of the inputs of a recurrent op, what takes at step t a where the step
// counts, else b.
func (a RecurrentAttr) choice(in []Node) func(t int, a, b Node) Node {
	if !a.Masked {
		return func(_ int, a, _ Node) Node { return a }
	}
	mask := in[len(in)-1]
	n := mask.Dim(1)
	return func(t int, a, b Node) Node { return mask.Slice(0, t, t+1).Reshape(n, 1).Select(a, b) }
}

// order lists the steps as they are gone through.
func (a RecurrentAttr) order() []int {
	order := make([]int, a.Steps)
	for i := range order {
		order[i] = i
		if a.Backwards {
			order[i] = a.Steps - 1 - i
		}
	}
	return order
}

// before is x (steps, N, units) a step earlier, with first (N, units) where there is
// none.
func (a RecurrentAttr) before(first, x Node) Node {
	n, u := first.Dim(0), first.Dim(1)
	all := []Node{first.Reshape(1, n, u)}
	if a.Steps > 1 {
		if a.Backwards {
			all = []Node{x.Slice(0, 1, a.Steps), all[0]}
		} else {
			all = append(all, x.Slice(0, 0, a.Steps-1))
		}
	}
	return Concat(0, all...)
}

// stateGradient is earlierᵀ·dz over all steps, for earlier (steps, N, units) states and
// dz (steps·N, gates·units): the gradient of a recurrent kernel.
func (a RecurrentAttr) stateGradient(first, x, dz Node) Node {
	n, u := first.Dim(0), first.Dim(1)
	rest := Node{}
	if a.Steps > 1 {
		lo := 0 // of the states; the gates lie a step beside them
		if a.Backwards {
			lo = 1
		}
		rest = x.Slice(0, lo, lo+a.Steps-1).Reshape((a.Steps-1)*n, u).matmul(dz.Slice(0, (1-lo)*n, (a.Steps-lo)*n), true, false)
	}
	if rest.Valid() && isZero(first) {
		return rest
	}
	at := 0
	if a.Backwards {
		at = (a.Steps - 1) * n
	}
	d := first.matmul(dz.Slice(0, at, at+n), true, false)
	if rest.Valid() {
		d = d.Add(rest)
	}
	return d
}

// recurrentSizes checks what recurrent ops have in common: xw (steps·N,
// gates·units), the recurrent kernel (units, gates·units) and the first state (N,
// units).
func recurrentSizes(a RecurrentAttr, gates int, xw, r, h Type) (n, u int, err error) {
	for _, t := range []Type{xw, r, h} {
		if t.Kind != Float || len(t.Shape) != 2 {
			return 0, 0, fmt.Errorf("wants matrices of floats, got %v, %v and %v", xw, r, h)
		}
	}
	n, u = h.Shape[0], h.Shape[1]
	if a.Steps < 1 || xw.Shape[0] != a.Steps*n || xw.Shape[1] != gates*u || r.Shape[0] != u || r.Shape[1] != gates*u {
		return 0, 0, fmt.Errorf("wants (%d·N, %d·units), (units, %d·units) and (N, units), got %v, %v and %v", a.Steps, gates, gates, xw, r, h)
	}
	return n, u, nil
}

// ofLowering is the gradient of an op that is none but that of its definition. The
// inputs are looked at apart from the graph: one may depend on another.
func ofLowering(lower func(in []Node, attr any) Node) func(y Node, in []Node, dy Node) []Node {
	return func(y Node, in []Node, dy Node) []Node {
		apart := make([]Node, len(in))
		for i, x := range in {
			apart[i] = x.dimsOp("reshape", x.Shape())
		}
		return VJP(lower(apart, y.Attr()), dy, apart)
	}
}

// isZero reports whether x is nothing but zeros that were made to be so.
func isZero(x Node) bool {
	if x.Op().Name == "broadcast" {
		x = x.In(0)
	}
	v, ok := x.Value()
	return ok && v == 0
}

// rowsOf is rows [lo, hi) of dy, the gradient of something that is looked at in slices:
// what was put together of theirs is taken apart again. It is invalid where all of these
// rows are 0.
func rowsOf(dy Node, lo, hi int) Node {
	whole := func(in Node, from int) Node {
		switch to := from + in.Dim(0); {
		case to <= lo || hi <= from || isZero(in):
			return Node{}
		case lo <= from && to <= hi:
			return in.Pad(0, from-lo, hi-to)
		default:
			d := rowsOf(in, max(lo, from)-from, min(hi, to)-from)
			if d.Valid() {
				d = d.Pad(0, max(0, from-lo), max(0, hi-to))
			}
			return d
		}
	}
	var sum Node
	add := func(d Node) {
		if sum.Valid() && d.Valid() {
			d = sum.Add(d)
		}
		if d.Valid() {
			sum = d
		}
	}
	switch a := dy.Attr(); dy.Op().Name {
	case "pad":
		if a := a.(PadAttr); a.Axis == 0 {
			return whole(dy.In(0), a.Before)
		}
	case "add":
		if dy.In(0).Shape().Equal(dy.In(1).Shape()) {
			add(rowsOf(dy.In(0), lo, hi))
			add(rowsOf(dy.In(1), lo, hi))
			return sum
		}
	case "concat":
		if a.(int) == 0 {
			from := 0
			for _, in := range dy.Ins() {
				add(whole(in, from))
				from += in.Dim(0)
			}
			return sum
		}
	}
	return dy.Slice(0, lo, hi)
}
