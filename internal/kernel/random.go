package kernel

import (
	"math"
	"unsafe"

	"github.com/nadir-ml/nadir/internal/rng"
)

// streamKey folds the stream's and the step's number into the key: each pair is
// a sequence of its own.
func streamKey(key [2]uint32, stream, step uint64) [2]uint32 {
	k := rng.Philox(key, [4]uint32{uint32(stream), uint32(stream >> 32), uint32(step), uint32(step >> 32)})
	return [2]uint32{k[0], k[1]}
}

// block is words 4·n … 4·n+3 of a sequence.
func block(key [2]uint32, n int) [4]uint32 {
	return rng.Philox(key, [4]uint32{uint32(n), uint32(uint64(n) >> 32)})
}

// Uniform sets dst[i] to number first+i of the sequence (key, stream, step),
// uniform in [0, 1) with 24 bits: the same numbers in float32 and float64. Any
// part of a sequence can be made by itself; first is not negative.
func Uniform[T Float](dst []T, key [2]uint32, stream, step uint64, first int) {
	key = streamKey(key, stream, step)
	for len(dst) > 0 {
		if len(dst) >= 16 && first%4 == 0 && vectorized[T]() {
			n := uniforms(unsafe.Slice((*float32)(unsafe.Pointer(&dst[0])), len(dst)), key, uint64(first/4))
			dst, first = dst[n:], first+n
			continue
		}
		b := block(key, first/4)
		for _, u := range b[first%4:][:min(4-first%4, len(dst))] {
			dst[0] = T(u>>8) * 0x1p-24
			dst, first = dst[1:], first+1
		}
	}
}

// Normal sets dst[i] to number first+i of a sequence of standard normal numbers
// (Box and Muller 1958, both branches), as [Uniform] does.
func Normal[T Float](dst []T, key [2]uint32, stream, step uint64, first int) {
	key = streamKey(key, stream, step)
	for len(dst) > 0 {
		b := block(key, first/4)
		var v [4]T
		for i := 0; i < 4; i += 2 {
			// (0, 1]: the logarithm stays finite.
			r := math.Sqrt(-2 * log((float64(b[i])+1)*0x1p-32))
			s, c := sincosTurn(uint64(b[i+1]) << 32)
			v[i], v[i+1] = T(r*c), T(r*s)
		}
		n := copy(dst, v[first%4:])
		dst, first = dst[n:], first+n
	}
}
