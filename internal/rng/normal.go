package rng

import (
	"math"
	"runtime"
	"sync"
)

// Norm is a standard normal number (Box and Muller 1958, the cosine branch).
func (s *Stream) Norm() float64 {
	u := s.Float64()
	return normal(u, s.Float64())
}

// normal makes a standard normal number of two uniform ones in [0, 1).
func normal(u, v float64) float64 {

	return math.Sqrt(-2*logUnit(1-u)) * cosTurn(v)
}

// TruncNorm is a standard normal number redrawn until it lies within two
// deviations of 0. Its own deviation is 0.8796256610342398.
func (s *Stream) TruncNorm() float64 {
	for {
		if v := s.Norm(); math.Abs(v) <= 2 {
			return v
		}
	}
}

// Norms fills dst with the numbers that as many calls of Norm would give, on all cores.
func (s *Stream) Norms(dst []float64) { s.normals(dst, math.Inf(1)) }

// TruncNorms is to TruncNorm what Norms is to Norm.
func (s *Stream) TruncNorms(dst []float64) { s.normals(dst, 2) }

// share is how many numbers are worth a goroutine.
const share = 2048

// normals fills dst with numbers within ±most. A number takes one block of the
// generator, so that any part of the sequence can be drawn for itself; no round draws
// more than are missing, and the stream ends where single calls leave it.
func (s *Stream) normals(dst []float64, most float64) {
	for len(dst) > 0 {
		cores := min(runtime.GOMAXPROCS(0), (len(dst)+share-1)/share)
		per := (len(dst) + cores - 1) / cores
		parts := make([][]float64, cores)
		var wg sync.WaitGroup
		for i := range parts {
			part := dst[min(i*per, len(dst)):min((i+1)*per, len(dst))]
			at := *s
			at.skip(i * per)
			draw := func() { parts[i] = at.within(part, most) }
			if i == cores-1 {
				draw()
			} else {
				wg.Go(draw)
			}
		}
		wg.Wait()
		s.skip(len(dst))
		kept := 0
		for _, p := range parts {
			kept += copy(dst[kept:], p)
		}
		dst = dst[kept:]
	}
}

// skip passes over the blocks of n numbers.
func (s *Stream) skip(n int) {
	if s.n == 0 {
		s.ctr += uint64(n)
		return
	}
	for range 4 * n {
		s.Uint32()
	}
}

// within draws len(dst) numbers and gives those that lie within ±most, in dst.
func (s *Stream) within(dst []float64, most float64) []float64 {
	kept := 0
	if s.n == 0 { // a number takes a block
		for range dst {
			first, second := s.block()
			if v := normal(unit(first), unit(second)); math.Abs(v) <= most {
				dst[kept] = v
				kept++
			}
		}
		return dst[:kept]
	}
	for range dst {
		if v := s.Norm(); math.Abs(v) <= most {
			dst[kept] = v
			kept++
		}
	}
	return dst[:kept]
}
