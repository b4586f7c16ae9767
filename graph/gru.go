package graph

import "fmt"

func init() {
	Register(Op{Name: "gru", Arity: -1,
		Type: func(in []Type, attr any) (Type, error) {
			a := attr.(RecurrentAttr)
			if len(in) < 4 {
				return Type{}, fmt.Errorf("wants 4 inputs, got %d", len(in))
			}
			n, u, err := recurrentSizes(a, 3, in[0], in[1], in[2])
			if err == nil && !in[3].Shape.Equal([]int{2, 3 * u}) {
				err = fmt.Errorf("wants a bias (2, 3·units), got %v", in[3])
			}
			if err == nil {
				err = a.masked(in, 4, n)
			}
			return Type{Float, []int{5 * a.Steps, n, u}}, err
		},
		Lower: lowerGRU,
		VJP: func(y Node, in []Node, dy Node) []Node {
			a := y.Attr().(RecurrentAttr)
			steps, n, u := a.Steps, y.Dim(1), y.Dim(2)
			if rowsOf(dy, steps, 5*steps).Valid() { // of the gates: the gradient of a gradient
				return ofLowering(lowerGRU)(y, in, dy)
			}
			dhs := rowsOf(dy, 0, steps)
			if !dhs.Valid() {
				return make([]Node, len(in))
			}
			from := append([]Node{y, in[1].Transpose(1, 0), in[2], dhs}, in[4:]...)
			d := y.b.Apply("gru_gradient", a, from...) // (6·steps + 1, N, units)
			dx := d.Slice(0, 0, 3*steps).Reshape(steps*n, 3*u)
			dp := d.Slice(0, 3*steps, 6*steps).Reshape(steps*n, 3*u)
			dh := d.Slice(0, 6*steps, 6*steps+1).Reshape(n, u)
			return append([]Node{dx, a.stateGradient(in[2], y.Slice(0, 0, steps), dp), dh, Concat(0, dx.SumKeep(0), dp.SumKeep(0))}, make([]Node, len(in)-4)...)
		}})
	Register(Op{Name: "gru_gradient", Arity: -1,
		Type: func(in []Type, attr any) (Type, error) {
			a := attr.(RecurrentAttr)
			if len(in) < 4 {
				return Type{}, fmt.Errorf("wants 4 inputs, got %d", len(in))
			}
			y := in[0].Shape
			if len(y) != 3 || y[0] != 5*a.Steps || len(in[3].Shape) != 3 || in[3].Shape[0] != a.Steps {
				return Type{}, fmt.Errorf("wants a result of gru and its gradient, got %v and %v", in[0], in[3])
			}
			return Type{Float, []int{6*a.Steps + 1, y[1], y[2]}}, a.masked(in, 4, y[1])
		},
		Lower: lowerGRUGradient,
		VJP:   ofLowering(lowerGRUGradient)})
}

// GRU goes over the steps of the gated recurrent unit (Cho et al., EMNLP 2014), its
// reset gate acting on the product. Of xw (steps·N, 3·units), the recurrent kernel r
// (units, 3·units), the state h (N, units) to begin with and a bias (2, 3·units), with
// x = xwₜ + bias₀ and p = hₜ₋₁·r + bias₁ and σ the logistic function, it makes
//
//	z = σ(x_z + p_z)    r = σ(x_r + p_r)    ĥ = tanh(x_h + r·p_h)
//	hₜ = z·hₜ₋₁ + (1 − z)·ĥ
//
// for the gates in the order z, r, h. Where a mask (steps, N, 1) is not the invalid Node, hₜ
// stays what it was at the steps at which it is 0. The result is all hₜ, (steps, N, units).
func GRU(xw, r, h, bias, mask Node, a RecurrentAttr) Node {
	a, more := a.with(mask, r, h, bias)
	y := xw.apply("gru", a, more...)
	if !y.Valid() {
		return y
	}
	return y.Slice(0, 0, a.Steps)
}

// lowerGRU gives the states of all steps and, behind them, rows of z, r, p_h and ĥ
// (steps·N, 4·units), which the gradient needs: (5·steps, N, units).
func lowerGRU(in []Node, attr any) Node {
	xw, r, h, bias, a := in[0], in[1], in[2], in[3], attr.(RecurrentAttr)
	n, u := h.Dim(0), h.Dim(1)
	hs, gates := make([]Node, a.Steps), make([]Node, a.Steps)
	xw, choose := xw.Add(bias.Slice(0, 0, 1)), a.choice(in)
	for _, t := range a.order() {
		x, p := xw.Slice(0, t*n, (t+1)*n), h.MatMul(r).Add(bias.Slice(0, 1, 2))
		part := func(x Node, k int) Node { return x.Slice(1, k*u, (k+1)*u) }
		z, reset := part(x, 0).Add(part(p, 0)).Sigmoid(), part(x, 1).Add(part(p, 1)).Sigmoid()
		candidate := part(x, 2).Add(reset.Mul(part(p, 2))).Tanh()
		h = choose(t, z.Mul(h).Add(z.Neg().AddScalar(1).Mul(candidate)), h)
		hs[t] = h.Reshape(1, n, u)
		gates[t] = choose(t, Concat(1, z, reset, part(p, 2), candidate), h.b.Const(0)).Reshape(4, n, u)
	}
	return Concat(0, append(hs, gates...)...)
}

// lowerGRUGradient gives the gradients of x (steps·N, 3·units), of p and of h, one
// behind the other. Its inputs are the result of gru, rᵀ, h, and the gradients of all
// hₜ; and the mask.
func lowerGRUGradient(in []Node, attr any) Node {
	y, rt, h, dy, a := in[0], in[1], in[2], in[3], attr.(RecurrentAttr)
	steps, n, u := a.Steps, y.Dim(1), y.Dim(2)
	at := func(x Node, k int) Node { return x.Slice(0, k, k+1).Reshape(n, u) }
	one := func(x Node) Node { return x.Neg().AddScalar(1) }
	gates, earlier := y.Slice(0, steps, 5*steps).Reshape(steps*n, 4*u), a.before(h, y.Slice(0, 0, steps))
	dh, zero := y.b.Full(0, n, u), y.b.Const(0)
	dxs, dps := make([]Node, steps), make([]Node, steps)
	order, choose := a.order(), a.choice(in)
	for k := range order {
		t := order[steps-1-k]
		part := func(k int) Node { return gates.Slice(0, t*n, (t+1)*n).Slice(1, k*u, (k+1)*u) }
		z, reset, p, candidate := part(0), part(1), part(2), part(3)
		dh = at(dy, t).Add(dh)
		dcandidate := dh.Mul(one(z)).Mul(one(candidate.Square()))
		dz := dh.Mul(at(earlier, t).Sub(candidate)).Mul(z).Mul(one(z))
		dreset := dcandidate.Mul(p).Mul(reset).Mul(one(reset))
		dp := choose(t, Concat(1, dz, dreset, dcandidate.Mul(reset)), zero)
		dxs[t], dps[t] = choose(t, Concat(1, dz, dreset, dcandidate), zero).Reshape(3, n, u), dp.Reshape(3, n, u)
		dh = choose(t, dh.Mul(z).Add(dp.MatMul(rt)), dh)
	}
	return Concat(0, append(append(dxs, dps...), dh.Reshape(1, n, u))...)
}
