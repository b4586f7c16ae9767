// Package rng is the one source of random numbers: Philox4x32-10, a
// counter-based generator (Salmon, Moraes, Dror and Shaw, "Parallel Random
// Numbers: As Easy as 1, 2, 3", SC 2011). A number is a pure function of a key
// and a counter, so that any thread may make any part of a sequence and
// nothing has to be stored to go on.
package rng

import (
	"hash/fnv"
	"math"
	"math/bits"
)

// Philox maps a 128-bit counter to 128 random bits under a 64-bit key.
func Philox(key [2]uint32, ctr [4]uint32) [4]uint32 {
	hi, lo := philox(key, uint64(ctr[0])|uint64(ctr[1])<<32, uint64(ctr[2])|uint64(ctr[3])<<32)
	return [4]uint32{uint32(hi >> 32), uint32(hi), uint32(lo >> 32), uint32(lo)}
}

// philox is Philox of a counter in two halves, and its words in pairs as Uint64 makes
// them of a stream. It has no arrays, which the compiler would keep in memory.
func philox(key [2]uint32, low, high uint64) (first, second uint64) {
	const m0, m1, w0, w1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85
	k0, k1 := key[0], key[1]
	c0, c1, c2, c3 := uint32(low), uint32(low>>32), uint32(high), uint32(high>>32)
	for range 10 {
		p, q := uint64(c0)*m0, uint64(c2)*m1
		c0, c1, c2, c3 = uint32(q>>32)^c1^k0, uint32(q), uint32(p>>32)^c3^k1, uint32(p)
		k0 += w0
		k1 += w1
	}
	return uint64(c0)<<32 | uint64(c1), uint64(c2)<<32 | uint64(c3)
}

// Key folds a seed and a name (a parameter's path, a purpose) into a stream
// number, so that a stream depends on nothing but those two.
func Key(seed uint64, name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return mix(seed) ^ h.Sum64()
}

// mix is the finalizer of SplitMix64: neighbouring seeds become far keys.
func mix(z uint64) uint64 {
	z += 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// A Stream reads one sequence in order. The zero Stream is that of key 0.
type Stream struct {
	key [2]uint32
	hi  uint64
	ctr uint64
	buf [2]uint64 // the block of the counter before ctr, its earlier words in the upper halves
	n   int       // words of it that are left
}

// New is the sequence of (key, sub): sub may be an epoch, a row, a step.
func New(key, sub uint64) *Stream {
	return &Stream{key: [2]uint32{uint32(key), uint32(key >> 32)}, hi: sub}
}

// block draws the next block.
func (s *Stream) block() (first, second uint64) {
	s.ctr++
	return philox(s.key, s.ctr-1, s.hi)
}

// Uint32 is the next 32 random bits.
func (s *Stream) Uint32() uint32 {
	if s.n == 0 {
		s.buf[0], s.buf[1] = s.block()
		s.n = 4
	}
	s.n--
	return uint32(s.buf[(3-s.n)/2] >> (32 * (s.n % 2)))
}

// Uint32s fills dst with the numbers that as many calls of Uint32 would give.
func (s *Stream) Uint32s(dst []uint32) {
	for len(dst) > 0 && s.n > 0 {
		dst[0] = s.Uint32()
		dst = dst[1:]
	}
	for len(dst) >= 4 {
		first, second := s.block()
		dst[0], dst[1], dst[2], dst[3] = uint32(first>>32), uint32(first), uint32(second>>32), uint32(second)
		dst = dst[4:]
	}
	for i := range dst {
		dst[i] = s.Uint32()
	}
}

// Uint64 is the next 64 random bits.
func (s *Stream) Uint64() uint64 {
	switch s.n {
	case 0:
		var v uint64
		v, s.buf[1] = s.block()
		s.n = 2
		return v
	case 2:
		s.n = 0
		return s.buf[1]
	}
	return uint64(s.Uint32())<<32 | uint64(s.Uint32())
}

// Float64 is uniform in [0, 1) with 53 bits.
func (s *Stream) Float64() float64 { return unit(s.Uint64()) }

// unit makes a number in [0, 1) of 64 bits.
func unit(v uint64) float64 { return float64(v>>11) * 0x1p-53 }

// IntN is uniform in [0, n), n > 0, without bias (Lemire 2019).
func (s *Stream) IntN(n int) int {
	if n <= 0 {
		panic("rng: IntN of a number below 1")
	}
	un := uint64(n)
	hi, lo := bits.Mul64(s.Uint64(), un)
	if lo < un {
		for t := -un % un; lo < t; {
			hi, lo = bits.Mul64(s.Uint64(), un)
		}
	}
	return int(hi)
}

// Perm fills p with a uniform permutation of 0 … len(p)−1 (Fisher and Yates).
func (s *Stream) Perm(p []int32) {
	for i := range p {
		j := s.IntN(i + 1)
		p[i] = p[j]
		p[j] = int32(i)
	}
}

// Gamma is a number of the gamma distribution with that shape, above 0, and scale
// 1 (Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables", ACM
// TOMS 2000).
func (s *Stream) Gamma(shape float64) float64 {
	boost := 1.0
	if shape < 1 {
		boost = math.Pow(1-s.Float64(), 1/shape)
		shape++
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := s.Norm()
		v := 1 + float64(c*x)
		if v <= 0 {
			continue
		}
		v = v * v * v
		if u := 1 - s.Float64(); math.Log(u) < float64(x*x/2)+d-float64(d*v)+float64(d*math.Log(v)) {
			return boost * d * v
		}
	}
}

// Beta is a number in [0, 1] of the beta distribution, both parameters above 0.
func (s *Stream) Beta(a, b float64) float64 {
	x, y := s.Gamma(a), s.Gamma(b)
	if x+y == 0 { // both are too small for a float64: an end, each as often as it should
		if s.Float64() < a/(a+b) {
			return 1
		}
		return 0
	}
	return x / (x + y)
}
