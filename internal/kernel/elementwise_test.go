package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func oneIf[T Float](yes bool) T {
	if yes {
		return 1
	}
	return 0
}

func TestElementwise(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testElementwise[float32](t) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testElementwise[float64](t) })
}

// testElementwise compares every kernel with its formula, bit by bit, at every
// length, at unaligned starts, in place and not, and looks for writes beside it.
func testElementwise[T Float](t *testing.T) {
	type two = func(dst, a, b []T)
	by := func(f func(dst, a []T, s T), s T) two {
		return func(dst, a, _ []T) { f(dst, a, s) }
	}
	alone := func(f func(dst, a []T)) two {
		return func(dst, a, _ []T) { f(dst, a) }
	}
	const s = 0.3
	for _, k := range []struct {
		name string
		run  two
		want func(x, y T) T
	}{
		{"Add", Add[T], func(x, y T) T { return x + y }},
		{"AddS", by(AddS[T], s), func(x, _ T) T { return x + s }},
		{"Sub", Sub[T], func(x, y T) T { return x - y }},
		{"SubS", by(SubS[T], s), func(x, _ T) T { return x - s }},
		{"RSubS", by(RSubS[T], s), func(x, _ T) T { return s - x }},
		{"Mul", Mul[T], func(x, y T) T { return x * y }},
		{"MulS", by(MulS[T], s), func(x, _ T) T { return x * s }},
		{"Div", Div[T], func(x, y T) T { return x / y }},
		{"DivS", by(DivS[T], s), func(x, _ T) T { return x / s }},
		{"RDivS", by(RDivS[T], s), func(x, _ T) T { return s / x }},
		{"Max", Max[T], func(x, y T) T { return max(x, y) }},
		{"MaxS", by(MaxS[T], 0), func(x, _ T) T { return T(math.Max(float64(x), 0)) }},
		{"Min", Min[T], func(x, y T) T { return min(x, y) }},
		{"MinS", by(MinS[T], 0), func(x, _ T) T { return T(math.Min(float64(x), 0)) }},
		{"Gt", Gt[T], func(x, y T) T { return oneIf[T](x > y) }},
		{"GtS", by(GtS[T], 0.5), func(x, _ T) T { return oneIf[T](x > 0.5) }},
		{"Ge", Ge[T], func(x, y T) T { return oneIf[T](x >= y) }},
		{"GeS", by(GeS[T], 0.5), func(x, _ T) T { return oneIf[T](x >= 0.5) }},
		{"Lt", Lt[T], func(x, y T) T { return oneIf[T](x < y) }},
		{"LtS", by(LtS[T], 0.5), func(x, _ T) T { return oneIf[T](x < 0.5) }},
		{"Le", Le[T], func(x, y T) T { return oneIf[T](x <= y) }},
		{"LeS", by(LeS[T], 0.5), func(x, _ T) T { return oneIf[T](x <= 0.5) }},
		{"Eq", Eq[T], func(x, y T) T { return oneIf[T](x == y) }},
		{"EqS", by(EqS[T], 0.5), func(x, _ T) T { return oneIf[T](x == 0.5) }},
		{"Ne", Ne[T], func(x, y T) T { return oneIf[T](x != y) }},
		{"NeS", by(NeS[T], 0.5), func(x, _ T) T { return oneIf[T](x != 0.5) }},
		{"Axpy", func(dst, a, b []T) { Axpy(dst, a, s, b) }, func(x, y T) T { p := T(s * y); return x + p }},
		{"MulAdd", func(dst, a, b []T) { MulAdd(dst, a, b, a) }, func(x, y T) T { p := T(x * y); return p + x }},
		{"MulSub", func(dst, a, b []T) { MulSub(dst, a, b, a) }, func(x, y T) T { p := T(x * y); return p - x }},
		{"SubMul", func(dst, a, b []T) { SubMul(dst, a, b, a) }, func(x, y T) T { d := T(x - y); return d * x }},
		{"SubProduct", func(dst, a, b []T) { SubProduct(dst, a, b, a) }, func(x, y T) T { p := T(y * x); return x - p }},
		{"Weighted", func(dst, a, b []T) { Weighted(dst, a, b, s, 0.7) }, func(x, y T) T { p, q := T(s*x), T(0.7*y); return p + q }},
		{"WeightedSquare", func(dst, a, b []T) { WeightedSquare(dst, a, b, s, 0.7) }, func(x, y T) T {
			p, q := T(s*x), T(y*y)
			q = T(0.7 * q)
			return p + q
		}},
		{"OverRoot", func(dst, a, b []T) { OverRoot(dst, a, a, b, s) }, func(x, y T) T { d := T(math.Sqrt(float64(y))) + s; q := x / d; return x - q }},
		{"ELUGradient", ELUGradient[T], func(x, y T) T {
			if x > 0 {
				return y
			}
			return y * (x + 1)
		}},
		{"Gate", Gate[T], func(x, y T) T {
			if x > 0 {
				return y
			}
			return 0
		}},
		{"Select", func(dst, a, b []T) { Select(dst, a, b, a) }, func(x, y T) T {
			if x != 0 {
				return y
			}
			return x
		}},
		{"Neg", alone(Neg[T]), func(x, _ T) T { return -x }},
		{"Abs", alone(Abs[T]), func(x, _ T) T { return T(math.Abs(float64(x))) }},
		{"Sign", alone(Sign[T]), func(x, _ T) T {
			if x == 0 || x != x {
				return x
			}
			return T(math.Copysign(1, float64(x)))
		}},
		{"Square", alone(Square[T]), func(x, _ T) T { return x * x }},
		{"Sqrt", alone(Sqrt[T]), func(x, _ T) T { return T(math.Sqrt(float64(x))) }},
		{"Rsqrt", alone(Rsqrt[T]), func(x, _ T) T { return 1 / T(math.Sqrt(float64(x))) }},
		{"Recip", alone(Recip[T]), func(x, _ T) T { return 1 / x }},
		{"Floor", alone(Floor[T]), func(x, _ T) T { return T(math.Floor(float64(x))) }},
		{"Relu", alone(Relu[T]), func(x, _ T) T { return T(math.Max(float64(x), 0)) }},
		{"Copy", alone(Copy[T]), func(x, _ T) T { return x }},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(5, 6))
			const room = 1000 + 8
			a, b := numbers[T](r, room), numbers[T](r, room)
			out, in := make([]T, room), make([]T, room)
			for n := range 1000 {
				at := n % 5
				x, y := a[at:at+n], b[at:at+n]
				Fill(out, 77)
				k.run(out[at:at+n], x, y)
				copy(in, a)
				k.run(in[at:at+n], in[at:at+n], y)
				for i := range min(room, at+n+40) { // what is written far off, guard pages catch
					inside := at <= i && i < at+n
					want, kept := T(77), a[i]
					if inside {
						want = k.want(a[i], b[i])
						kept = want
					}
					if !same(out[i], want) || !same(in[i], kept) {
						t.Fatalf("length %d, element %d of %g and %g: %g, in place %g, want %g", n, i-at, a[i], b[i], out[i], in[i], want)
					}
				}
			}
		})
	}
}

// TestTranscendentalCut tells that a number depends on its argument alone, not on
// the place or the length it is computed in.
func TestTranscendentalCut(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(dst, a []float32){
		"exp": Exp[float32], "expm1": Expm1[float32], "log": Log[float32], "log1p": Log1p[float32], "tanh": Tanh[float32],
		"sigmoid": Sigmoid[float32], "softplus": Softplus[float32], "erf": Erf[float32], "sin": Sin[float32], "cos": Cos[float32],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := numbers[float32](rand.New(rand.NewPCG(7, 8)), 1000)
			whole, part := make([]float32, 1000), make([]float32, 1000)
			f(whole, x)
			for n := range 1000 {
				Fill(part, 77)
				at := n % 7
				end := min(at+n, 1000)
				f(part[at:end], x[at:end])
				for i, v := range part {
					want := whole[i]
					if i < at || i >= end {
						want = 77
					}
					if !same(v, want) {
						t.Fatalf("elements %d to %d: element %d of %g is %g, want %g", at, end, i, x[i], v, want)
					}
				}
			}
			copy(part, x)
			f(part, part)
			for i := range part {
				if !same(part[i], whole[i]) {
					t.Fatalf("in place: element %d of %g is %g, want %g", i, x[i], part[i], whole[i])
				}
			}
		})
	}
}

func TestTranscendental64(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		name string
		run  func(dst, a []float64)
		want func(float64) float64
	}{
		{"exp", Exp[float64], math.Exp}, {"expm1", Expm1[float64], math.Expm1}, {"log", Log[float64], math.Log},
		{"log1p", Log1p[float64], math.Log1p}, {"tanh", Tanh[float64], math.Tanh}, {"erf", Erf[float64], math.Erf},
		{"sin", Sin[float64], math.Sin}, {"cos", Cos[float64], math.Cos},
		{"sigmoid", Sigmoid[float64], func(x float64) float64 { return 0.5 + 0.5*math.Tanh(x/2) }},
		{"softplus", Softplus[float64], func(x float64) float64 {
			if x > 40 {
				return x
			}
			return math.Log1p(math.Exp(x))
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			x := numbers[float64](rand.New(rand.NewPCG(9, 1)), 500)
			y := make([]float64, 500)
			f.run(y, x)
			for i, v := range x {
				if w := f.want(v); !same(y[i], w) && !(math.Abs(y[i]-w) <= 1e-15+1e-14*math.Abs(w)) {
					t.Errorf("of %g: %g, want %g", v, y[i], w)
				}
			}
		})
	}
}

func TestPow(t *testing.T) {
	t.Parallel()
	s := specials[float32]()
	for _, x := range s {
		for _, y := range s {
			var got [3]float32
			Pow(got[:1], []float32{x}, []float32{y})
			PowS(got[1:2], []float32{x}, y)
			RPowS(got[2:], []float32{y}, x)
			want := math.Pow(float64(x), float64(y))
			if ulps(got[0], want) > 1 || want == 0 && !same(got[0], float32(want)) || !same(got[0], got[1]) || !same(got[0], got[2]) {
				t.Errorf("%g to the power %g is %g, want %g", x, y, got, want)
			}
		}
	}
	var got [1]float64
	if PowS(got[:], []float64{2}, 0.5); got[0] != math.Sqrt2 {
		t.Errorf("√2 as a power is %v", got[0])
	}
}
