package tensor

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/nadir-ml/nadir/internal/kernel"
)

// An axis is one of a copy's: its elements, and the bytes between two of them in the
// source and in the copy.
type axis struct{ n, from, to int64 }

// How a copy is cut: so many elements of the axis that lies together in the copy, of the
// one that lies together in the source, and so many rows of the copy before the next of the
// former. A line of cache is then read and written whole while it is near, and so are the
// entries of the table of pages.
const (
	wide = 32
	long = 16
	rows = 512
)

// Gather copies elements of size bytes from src to dst in row-major order: the first lies at
// src's beginning, and along axis i of the shape one lies strides[i] elements behind the
// other. src holds them all.
func Gather(dst, src []byte, size int64, shape Shape, strides []int64) {
	Move(dst, src, size, shape, RowMajor(shape), strides)
}

// RowMajor are the strides, in elements, of what lies in row-major order.
func RowMajor(shape Shape) []int64 {
	strides := make([]int64, len(shape))
	step := int64(1)
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = step
		step *= int64(shape[i])
	}
	return strides
}

// Move copies elements of size bytes: the first lies at the beginning of both, and along axis
// i of the shape one lies to[i] elements behind the other in dst, from[i] in src.
func Move(dst, src []byte, size int64, shape Shape, to, from []int64) {
	if shape.Len() == 0 {
		return
	}
	// From the last axis on. Axes of one element go, and axes that lie as one axis would
	// are joined.
	var axes []axis
	for i := len(shape) - 1; i >= 0; i-- {
		a := axis{int64(shape[i]), from[i] * size, to[i] * size}
		if k := len(axes) - 1; k >= 0 && a.from == axes[k].from*axes[k].n && a.to == axes[k].to*axes[k].n {
			axes[k].n *= a.n
		} else if a.n > 1 {
			axes = append(axes, a)
		}
	}
	if len(axes) > 0 && axes[0].from == size && axes[0].to == size {
		size *= axes[0].n
		axes = axes[1:]
	}
	inner := axis{n: 1}
	if len(axes) > 0 && axes[0].to == size {
		inner, axes = axes[0], axes[1:]
	}
	if len(axes) == 0 {
		axes = []axis{{n: 1}}
	}
	// The source is read as it lies, wide rows of it beside one another.
	slices.SortStableFunc(axes, func(a, b axis) int { return cmp.Compare(a.from, b.from) })
	// Of the axes before near all is walked for each tile of the inner one, of near itself
	// some at a time.
	near, some := 0, int64(rows)
	for near < len(axes)-1 && axes[near].n <= some/2 {
		some /= axes[near].n
		near++
	}
	split := axes[near]
	each(axes[near+1:], 0, 0, func(from, to int64) {
		for k := int64(0); k < split.n; k += some {
			axes[near].n = min(some, split.n-k)
			for j := int64(0); j < inner.n; j += wide {
				in := axis{min(wide, inner.n-j), inner.from, inner.to}
				each(axes[1:near+1], from+k*split.from+j*inner.from, to+k*split.to+j*inner.to, func(from, to int64) {
					block(dst[to:], src[from:], axes[0], in, size)
				})
			}
		}
	})
}

// each calls do with every place along the axes, the first of which moves fastest.
func each(axes []axis, from, to int64, do func(from, to int64)) {
	if len(axes) == 0 {
		do(from, to)
		return
	}
	last := axes[len(axes)-1]
	for i := range last.n {
		each(axes[:len(axes)-1], from+i*last.from, to+i*last.to, do)
	}
}

// block copies pieces of size bytes along two axes, of which the inner one lies together in
// the copy.
func block(dst, src []byte, outer, inner axis, size int64) {
	k := int64(0)
	if size == 4 && outer.from == 4 {
		if inner.from > 0 && kernel.Turn(dst, src, int(outer.to), int(inner.from), int(inner.n), int(outer.n)) {
			return
		}
		for n := outer.n &^ 1; k < n; k += long {
			pairs(dst[k*outer.to:], src[4*k:], axis{min(long, n-k), 4, outer.to}, inner)
		}
		k = outer.n &^ 1
	}
	for ; k < outer.n; k++ {
		run(dst[k*outer.to:], src[k*outer.from:], inner.n, size, inner.from)
	}
}

// pairs is block for elements of 4 bytes of which an even number lies together in the
// source along the outer axis. Two of them are read at a time, and two written.
func pairs(dst, src []byte, outer, inner axis) {
	const low = 1<<32 - 1
	j := int64(0)
	for ; j+4 <= inner.n; j += 4 {
		a, b := src[j*inner.from:], src[(j+1)*inner.from:]
		c, d := src[(j+2)*inner.from:], src[(j+3)*inner.from:]
		at := j * 4
		for k := int64(0); k < 4*outer.n; k += 8 {
			w, x := binary.LittleEndian.Uint64(a[k:]), binary.LittleEndian.Uint64(b[k:])
			y, z := binary.LittleEndian.Uint64(c[k:]), binary.LittleEndian.Uint64(d[k:])
			p := dst[at : at+16 : at+16]
			binary.LittleEndian.PutUint64(p, w&low|x<<32)
			binary.LittleEndian.PutUint64(p[8:], y&low|z<<32)
			at += outer.to
			p = dst[at : at+16 : at+16]
			binary.LittleEndian.PutUint64(p, w>>32|x&^low)
			binary.LittleEndian.PutUint64(p[8:], y>>32|z&^low)
			at += outer.to
		}
	}
	for ; j < inner.n; j++ {
		a, at := src[j*inner.from:], j*4
		for k := int64(0); k < 4*outer.n; k += 4 {
			*(*[4]byte)(dst[at:]) = *(*[4]byte)(a[k:])
			at += outer.to
		}
	}
}

// run copies n pieces of size bytes that lie stride bytes apart.
func run(dst, src []byte, n, size, stride int64) {
	switch size {
	case 1:
		for i := range n {
			dst[i] = src[i*stride]
		}
	case 2:
		for i := range n {
			*(*[2]byte)(dst[2*i:]) = *(*[2]byte)(src[i*stride:])
		}
	case 4:
		for i := range n {
			*(*[4]byte)(dst[4*i:]) = *(*[4]byte)(src[i*stride:])
		}
	case 8:
		for i := range n {
			*(*[8]byte)(dst[8*i:]) = *(*[8]byte)(src[i*stride:])
		}
	default:
		for i := range n {
			copy(dst[i*size:(i+1)*size], src[i*stride:i*stride+size])
		}
	}
}
