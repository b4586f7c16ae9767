package kernel

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// logistic is 1/(1 + e⁻ˣ).
func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// Gates of rows drawn at random, and their gradients, against the formulas in float64.
func TestGates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		testGates[float64](rt, 1e-12)
		testGates[float32](rt, 2e-6)
	})
}

func testGates[T Float](rt *rapid.T, tol float64) {
	u := rapid.OneOf(rapid.IntRange(0, 40), rapid.SampledFrom([]int{gateBlock - 1, gateBlock, gateBlock + 1, 2*gateBlock + 3})).Draw(rt, "units")
	seed := rapid.IntRange(0, 1000).Draw(rt, "seed")
	row := func(n, k int) []T {
		x := make([]T, n)
		for i := range x {
			x[i] = T(2 * math.Sin(float64(seed+17*k+3*i*i)))
		}
		return x
	}
	near := func(what string, i int, got T, want float64) {
		if d := math.Abs(float64(got) - want); !(d <= tol*(1+math.Abs(want))) {
			rt.Fatalf("%s of unit %d of %d is %g, want %g", what, i, u, got, want)
		}
	}
	clone := func(x []T) []T { return append([]T(nil), x...) }

	z, cp, dh, dc := row(4*u, 1), row(u, 2), row(u, 3), row(u, 4)
	h, c, gates := make([]T, u), make([]T, u), clone(z)
	LSTM(h, c, gates, cp)
	dz, back := make([]T, 4*u), clone(dc)
	LSTMGradient(dz, back, gates, c, cp, dh)
	for k := range u {
		i, f, g, o := logistic(float64(z[k])), logistic(float64(z[u+k])), math.Tanh(float64(z[2*u+k])), logistic(float64(z[3*u+k]))
		cell := f*float64(cp[k]) + i*g
		near("cell", k, c[k], cell)
		near("state", k, h[k], o*math.Tanh(cell))
		tanh := math.Tanh(cell)
		d := float64(dc[k]) + float64(dh[k])*o*(1-tanh*tanh)
		for j, want := range []float64{d * g * i * (1 - i), d * float64(cp[k]) * f * (1 - f), d * i * (1 - g*g), float64(dh[k]) * tanh * o * (1 - o)} {
			near("gradient", k, dz[j*u+k], want)
		}
		near("gradient of the cell before", k, back[k], d*f)
	}

	z, x, hp := row(4*u, 5), row(3*u, 6), row(u, 7)
	gates = clone(z)
	GRU(h, gates, x, hp)
	dx, dp, back := make([]T, 3*u), make([]T, 3*u), clone(dh)
	GRUGradient(dx, dp, back, gates, hp)
	for k := range u {
		gate, reset, p := logistic(float64(x[k])+float64(z[k])), logistic(float64(x[u+k])+float64(z[u+k])), float64(z[2*u+k])
		candidate := math.Tanh(float64(x[2*u+k]) + reset*p)
		near("state of gru", k, h[k], gate*float64(hp[k])+(1-gate)*candidate)
		d := float64(dh[k]) * (1 - gate) * (1 - candidate*candidate)
		dg, dr := float64(dh[k])*(float64(hp[k])-candidate)*gate*(1-gate), d*p*reset*(1-reset)
		for j, want := range []float64{dg, dr, d} {
			near("gradient of x", k, dx[j*u+k], want)
		}
		for j, want := range []float64{dg, dr, d * reset} {
			near("gradient of p", k, dp[j*u+k], want)
		}
		near("gradient of the state before", k, back[k], float64(dh[k])*gate)
	}
}
