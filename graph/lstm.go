package graph

import "fmt"

func init() {
	Register(Op{Name: "lstm", Arity: -1,
		Type: func(in []Type, attr any) (Type, error) {
			a := attr.(RecurrentAttr)
			n, u, err := lstmSizes(a, in)
			return Type{Float, []int{6 * a.Steps, n, u}}, err
		},
		Lower: lowerLSTM,
		VJP: func(y Node, in []Node, dy Node) []Node {
			a := y.Attr().(RecurrentAttr)
			steps, n, u := a.Steps, y.Dim(1), y.Dim(2)
			if rowsOf(dy, 2*steps, 6*steps).Valid() { // of the gates: the gradient of a gradient
				return ofLowering(lowerLSTM)(y, in, dy)
			}
			from := []Node{y, in[1].Transpose(1, 0), in[3], rowsOf(dy, 0, steps)}
			if !from[3].Valid() {
				from[3] = y.b.Full(0, steps, n, u)
			}
			if dc := rowsOf(dy, steps, 2*steps); dc.Valid() {
				from = append(from, dc)
			}
			if a.Masked {
				from = append(from, in[5])
			}
			d := y.b.Apply("lstm_gradient", a, from...) // (4·steps + 2, N, units)
			dz := d.Slice(0, 0, 4*steps).Reshape(steps*n, 4*u)
			first := func(k int) Node { return d.Slice(0, 4*steps+k, 4*steps+k+1).Reshape(n, u) }
			return append([]Node{dz, a.stateGradient(in[2], y.Slice(0, 0, steps), dz), first(0), first(1), dz.Sum(0)}, make([]Node, len(in)-5)...)
		}})
	Register(Op{Name: "lstm_gradient", Arity: -1,
		Type: func(in []Type, attr any) (Type, error) {
			a := attr.(RecurrentAttr)
			inputs := len(in)
			if a.Masked {
				inputs--
			}
			if inputs != 4 && inputs != 5 {
				return Type{}, fmt.Errorf("wants 4 or 5 inputs, and where it says so a mask, got %d", len(in))
			}
			y := in[0].Shape
			for _, d := range in[3:inputs] {
				if len(y) != 3 || y[0] != 6*a.Steps || !d.Shape.Equal([]int{a.Steps, y[1], y[2]}) {
					return Type{}, fmt.Errorf("wants a result of lstm and gradients (%d, N, units), got %v and %v", a.Steps, in[0], d)
				}
			}
			return Type{Float, []int{4*a.Steps + 2, y[1], y[2]}}, a.masked(in, inputs, y[1])
		},
		Lower: lowerLSTMGradient,
		VJP:   ofLowering(lowerLSTMGradient)})
}

func lstmSizes(a RecurrentAttr, in []Type) (n, u int, err error) {
	if len(in) < 5 {
		return 0, 0, fmt.Errorf("wants 5 inputs, got %d", len(in))
	}
	if n, u, err = recurrentSizes(a, 4, in[0], in[1], in[2]); err == nil && (!in[3].Shape.Equal(in[2].Shape) || in[4].Shape.Len() != 4*u || len(in[4].Shape) != 1) {
		err = fmt.Errorf("wants a cell (N, units) and a bias (4·units), got %v and %v", in[3], in[4])
	}
	if err == nil {
		err = a.masked(in, 5, n)
	}
	return n, u, err
}

// LSTM goes over the steps of long short-term memory (Hochreiter and Schmidhuber,
// Neural Computation, 1997). Of xw (steps·N, 4·units), the recurrent kernel r (units,
// 4·units), the states h and c (N, units) to begin with and a bias (4·units), with
// z = xwₜ + hₜ₋₁·r + bias and σ the logistic function, it makes
//
//	cₜ = σ(z_f)·cₜ₋₁ + σ(z_i)·tanh(z_c)    hₜ = σ(z_o)·tanh(cₜ)
//
// for the gates in the order i, f, c, o. Where a mask (steps, N, 1) is not the invalid Node,
// hₜ and cₜ stay what they were at the steps at which it is 0. The results are all hₜ and all
// cₜ, (steps, N, units) each.
func LSTM(xw, r, h, c, bias, mask Node, a RecurrentAttr) (hs, cs Node) {
	a, more := a.with(mask, r, h, c, bias)
	y := xw.apply("lstm", a, more...)
	if !y.Valid() {
		return y, y
	}
	return y.Slice(0, 0, a.Steps), y.Slice(0, a.Steps, 2*a.Steps)
}

// lowerLSTM gives h, c and the gates of all steps, one behind the other: (6·steps, N,
// units). The gates (steps·N, 4·units) are what the gradient needs.
func lowerLSTM(in []Node, attr any) Node {
	xw, r, h, c, bias, a := in[0], in[1], in[2], in[3], in[4], attr.(RecurrentAttr)
	n, u := h.Dim(0), h.Dim(1)
	hs, cs, gates := make([]Node, a.Steps), make([]Node, a.Steps), make([]Node, a.Steps)
	xw, choose := xw.Add(bias), a.choice(in)
	for _, t := range a.order() {
		z := xw.Slice(0, t*n, (t+1)*n).Add(h.MatMul(r))
		part := func(k int) Node { return z.Slice(1, k*u, (k+1)*u) }
		i, f, g, o := part(0).Sigmoid(), part(1).Sigmoid(), part(2).Tanh(), part(3).Sigmoid()
		next := f.Mul(c).Add(i.Mul(g))
		h, c = choose(t, o.Mul(next.Tanh()), h), choose(t, next, c)
		hs[t], cs[t] = h.Reshape(1, n, u), c.Reshape(1, n, u)
		gates[t] = choose(t, Concat(1, i, f, g, o), h.b.Const(0)).Reshape(4, n, u)
	}
	return Concat(0, append(append(hs, cs...), gates...)...)
}

// lowerLSTMGradient gives the gradients of z (steps·N, 4·units), h and c, one behind
// the other. Its inputs are the result of lstm, rᵀ, c, and the gradients of all hₜ and,
// where they have any, of all cₜ; and the mask.
func lowerLSTMGradient(in []Node, attr any) Node {
	y, rt, c, dhs, a := in[0], in[1], in[2], in[3], attr.(RecurrentAttr)
	steps, n, u := a.Steps, y.Dim(1), y.Dim(2)
	at := func(x Node, k int) Node { return x.Slice(0, k, k+1).Reshape(n, u) }
	one := func(x Node) Node { return x.Neg().AddScalar(1) }
	gates, earlier := y.Slice(0, 2*steps, 6*steps).Reshape(steps*n, 4*u), a.before(c, y.Slice(0, steps, 2*steps))
	dh, dc, zero := y.b.Full(0, n, u), y.b.Full(0, n, u), y.b.Const(0)
	dzs := make([]Node, steps)
	order, choose := a.order(), a.choice(in)
	cells := len(in) > 5 || len(in) > 4 && !a.Masked
	for k := range order {
		t := order[steps-1-k]
		part := func(k int) Node { return gates.Slice(0, t*n, (t+1)*n).Slice(1, k*u, (k+1)*u) }
		i, f, g, o := part(0), part(1), part(2), part(3)
		tc := at(y, steps+t).Tanh()
		dh = at(dhs, t).Add(dh)
		if cells {
			dc = at(in[4], t).Add(dc)
		}
		heldH, heldC := dh, dc
		dc = dc.Add(dh.Mul(o).Mul(one(tc.Square())))
		dz := Concat(1,
			dc.Mul(g).Mul(i).Mul(one(i)),
			dc.Mul(at(earlier, t)).Mul(f).Mul(one(f)),
			dc.Mul(i).Mul(one(g.Square())),
			dh.Mul(tc).Mul(o).Mul(one(o)))
		dz = choose(t, dz, zero)
		dzs[t] = dz.Reshape(4, n, u)
		dh, dc = choose(t, dz.MatMul(rt), heldH), choose(t, dc.Mul(f), heldC)
	}
	return Concat(0, append(dzs, dh.Reshape(1, n, u), dc.Reshape(1, n, u))...)
}
