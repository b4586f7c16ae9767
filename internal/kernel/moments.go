package kernel

import "unsafe"

// Weighted sets dst[i] = s·a[i] + t·b[i], both products rounded before the sum.
func Weighted[T Float](dst, a, b []T, s, t T) {
	dst, b = dst[:len(a)], b[:len(a)]
	if vectorized[T]() && len(a) > 0 {
		c := [2]float32{float32(s), float32(t)}
		if weighted32(first(dst), first(a), first(b), &c, len(a)) {
			return
		}
	}
	var buf [momentBlock]T
	for i := 0; i < len(a); i += momentBlock {
		k := min(i+momentBlock, len(a))
		add := buf[:k-i]
		MulS(add, b[i:k], t)
		MulS(dst[i:k], a[i:k], s)
		Add(dst[i:k], dst[i:k], add)
	}
}

// WeightedSquare sets dst[i] = s·a[i] + t·b[i]², every product rounded before the sum.
func WeightedSquare[T Float](dst, a, b []T, s, t T) {
	dst, b = dst[:len(a)], b[:len(a)]
	if vectorized[T]() && len(a) > 0 {
		c := [2]float32{float32(s), float32(t)}
		if weightedSquare32(first(dst), first(a), first(b), &c, len(a)) {
			return
		}
	}
	var buf [momentBlock]T
	for i := 0; i < len(a); i += momentBlock {
		k := min(i+momentBlock, len(a))
		add := buf[:k-i]
		Square(add, b[i:k])
		MulS(add, add, t)
		MulS(dst[i:k], a[i:k], s)
		Add(dst[i:k], dst[i:k], add)
	}
}

// OverRoot sets dst[i] = a[i] − b[i]/(√c[i] + e), each step of it rounded.
func OverRoot[T Float](dst, a, b, c []T, e T) {
	dst, b, c = dst[:len(a)], b[:len(a)], c[:len(a)]
	if vectorized[T]() && len(a) > 0 {
		if overRoot32(first(dst), first(a), first(b), first(c), float32(e), len(a)) {
			return
		}
	}
	var buf [momentBlock]T
	for i := 0; i < len(a); i += momentBlock {
		k := min(i+momentBlock, len(a))
		step := buf[:k-i]
		Sqrt(step, c[i:k])
		AddS(step, step, e)
		Div(step, b[i:k], step)
		Sub(dst[i:k], a[i:k], step)
	}
}

// Moments are the numbers that whole rules work with, the same for all elements.
type Moments[T Float] struct {
	Mean, New             T // m ← Mean·m + New·g
	MeanSquare, NewSquare T // v ← MeanSquare·v + NewSquare·g²
	Scale                 T // of the step, or of m in it
	Ahead                 T // of g in it, for Nadam alone
	Correction            T // what v is divided by, for Nadam alone
	Epsilon               T
}

// Adam moves the running means m and v of a gradient g and of its square, and sets
// dst[i] = p[i] − Scale·m[i]/(√v[i] + Epsilon), in one pass and with the bits of
// [Weighted], [WeightedSquare], [MulS] and [OverRoot]. dst may be p.
func Adam[T Float](dst, p, g, m, v []T, c *Moments[T]) {
	dst, g, m, v = dst[:len(p)], g[:len(p)], m[:len(p)], v[:len(p)]
	if vectorized[T]() && len(p) > 0 &&
		adam32(first(dst), first(p), first(g), first(m), first(v), (*Moments[float32])(unsafe.Pointer(c)), len(p)) {
		return
	}
	Weighted(m, m, g, c.Mean, c.New)
	WeightedSquare(v, v, g, c.MeanSquare, c.NewSquare)
	var buf [momentBlock]T
	for i := 0; i < len(p); i += momentBlock {
		k := min(i+momentBlock, len(p))
		step := buf[:k-i]
		MulS(step, m[i:k], c.Scale)
		OverRoot(dst[i:k], p[i:k], step, v[i:k], c.Epsilon)
	}
}

// Nadam is [Adam] with dst[i] = p[i] − (Scale·m[i] + Ahead·g[i])/(√(v[i]/Correction) + Epsilon).
func Nadam[T Float](dst, p, g, m, v []T, c *Moments[T]) {
	dst, g, m, v = dst[:len(p)], g[:len(p)], m[:len(p)], v[:len(p)]
	if vectorized[T]() && len(p) > 0 && quick(c.Correction) &&
		nadam32(first(dst), first(p), first(g), first(m), first(v), (*Moments[float32])(unsafe.Pointer(c)), len(p)) {
		return
	}
	Weighted(m, m, g, c.Mean, c.New)
	WeightedSquare(v, v, g, c.MeanSquare, c.NewSquare)
	var a, b [momentBlock]T
	for i := 0; i < len(p); i += momentBlock {
		k := min(i+momentBlock, len(p))
		step, root := a[:k-i], b[:k-i]
		Weighted(step, m[i:k], g[i:k], c.Scale, c.Ahead)
		DivS(root, v[i:k], c.Correction)
		OverRoot(dst[i:k], p[i:k], step, root, c.Epsilon)
	}
}

// Momentum moves the running mean m of a gradient g, and sets dst[i] = p[i] + Scale·m[i],
// every product rounded before its sum. dst may be p.
func Momentum[T Float](dst, p, g, m []T, c *Moments[T]) {
	dst, g, m = dst[:len(p)], g[:len(p)], m[:len(p)]
	if vectorized[T]() && len(p) > 0 &&
		momentum32(first(dst), first(p), first(g), first(m), (*Moments[float32])(unsafe.Pointer(c)), len(p)) {
		return
	}
	Weighted(m, m, g, c.Mean, c.New)
	Axpy(dst, p, c.Scale, m)
}

// Nesterov is [Momentum] with dst[i] = p[i] + Scale·(Mean·m[i] + New·g[i]).
func Nesterov[T Float](dst, p, g, m []T, c *Moments[T]) {
	dst, g, m = dst[:len(p)], g[:len(p)], m[:len(p)]
	if vectorized[T]() && len(p) > 0 &&
		nesterov32(first(dst), first(p), first(g), first(m), (*Moments[float32])(unsafe.Pointer(c)), len(p)) {
		return
	}
	Weighted(m, m, g, c.Mean, c.New)
	var buf [momentBlock]T
	for i := 0; i < len(p); i += momentBlock {
		k := min(i+momentBlock, len(p))
		step := buf[:k-i]
		Weighted(step, m[i:k], g[i:k], c.Mean, c.New)
		Axpy(dst[i:k], p[i:k], c.Scale, step)
	}
}

// RMSProp moves the running mean v of a gradient's square, and sets
// dst[i] = p[i] − Scale·(g[i]/√(v[i] + Epsilon)), each step of it rounded. dst may be p.
func RMSProp[T Float](dst, p, g, v []T, c *Moments[T]) {
	dst, g, v = dst[:len(p)], g[:len(p)], v[:len(p)]
	if vectorized[T]() && len(p) > 0 &&
		rmsProp32(first(dst), first(p), first(g), first(v), (*Moments[float32])(unsafe.Pointer(c)), len(p), true) {
		return
	}
	WeightedSquare(v, v, g, c.MeanSquare, c.NewSquare)
	var buf [momentBlock]T
	for i := 0; i < len(p); i += momentBlock {
		k := min(i+momentBlock, len(p))
		step := buf[:k-i]
		AddS(step, v[i:k], c.Epsilon)
		Sqrt(step, step)
		Div(step, g[i:k], step)
		Axpy(dst[i:k], p[i:k], -c.Scale, step)
	}
}

// RMSPropOutside is [RMSProp] with the root of v alone, dst[i] = p[i] − Scale·(g[i]/(√v[i] + Epsilon)).
func RMSPropOutside[T Float](dst, p, g, v []T, c *Moments[T]) {
	dst, g, v = dst[:len(p)], g[:len(p)], v[:len(p)]
	if vectorized[T]() && len(p) > 0 &&
		rmsProp32(first(dst), first(p), first(g), first(v), (*Moments[float32])(unsafe.Pointer(c)), len(p), false) {
		return
	}
	WeightedSquare(v, v, g, c.MeanSquare, c.NewSquare)
	var buf [momentBlock]T
	for i := 0; i < len(p); i += momentBlock {
		k := min(i+momentBlock, len(p))
		step := buf[:k-i]
		Sqrt(step, v[i:k])
		AddS(step, step, c.Epsilon)
		Div(step, g[i:k], step)
		Axpy(dst[i:k], p[i:k], -c.Scale, step)
	}
}

// momentBlock is of how many numbers the families without a loop of their own for
// these functions make one step after the other.
const momentBlock = 256

// quick reports whether families divide by s as well by way of its reciprocal.
func quick[T Float](s T) bool { return s >= 0x1p-20 && s <= 0x1p20 }
