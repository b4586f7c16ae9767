package tensor

import "slices"

// An axis is one of a copy's: its elements, and the bytes between two of them in the
// source and in the copy.
type axis struct{ n, from, to int64 }

// Gather copies elements of size bytes from src to dst in row-major order: the first lies at
// src's beginning, and along axis i of the shape one lies strides[i] elements behind the
// other. src holds them all.
func Gather(dst, src []byte, size int64, shape Shape, strides []int64) {
	if shape.Len() == 0 {
		return
	}
	// From the last axis on. Axes of one element go, and axes that lie as one axis would
	// are joined.
	var axes []axis
	to := size
	for i := len(shape) - 1; i >= 0; i-- {
		a := axis{int64(shape[i]), strides[i] * size, to}
		to *= a.n
		if k := len(axes) - 1; k >= 0 && a.from == axes[k].from*axes[k].n {
			axes[k].n *= a.n
		} else if a.n > 1 {
			axes = append(axes, a)
		}
	}
	if len(axes) > 0 && axes[0].from == size {
		size *= axes[0].n
		axes = axes[1:]
	}
	inner, outer := axis{n: 1}, axis{n: 1}
	if len(axes) > 0 {
		inner, axes = axes[0], axes[1:]
	}
	// The axis along which the source is closest together goes beside the inner one, so
	// that a transpose is done in blocks that stay in cache.
	near := 0
	for i := range axes {
		if axes[i].from < axes[near].from {
			near = i
		}
	}
	if len(axes) > 0 {
		outer = axes[near]
		axes = slices.Delete(axes, near, near+1)
	}
	index := make([]int64, len(axes))
	for from, to := int64(0), int64(0); ; {
		block(dst[to:], src[from:], outer, inner, size)
		i := 0
		for ; i < len(axes); i++ {
			a := axes[i]
			from, to, index[i] = from+a.from, to+a.to, index[i]+1
			if index[i] < a.n {
				break
			}
			from, to, index[i] = from-a.n*a.from, to-a.n*a.to, 0
		}
		if i == len(axes) {
			return
		}
	}
}

// block copies pieces of size bytes along two axes.
func block(dst, src []byte, outer, inner axis, size int64) {
	const side = 16 // a line of cache of 4-byte elements; more of them far apart drive each other out
	for i := int64(0); i < outer.n; i += side {
		for j := int64(0); j < inner.n; j += side {
			for k := i; k < min(i+side, outer.n); k++ {
				run(dst[k*outer.to+j*inner.to:], src[k*outer.from+j*inner.from:], min(side, inner.n-j), size, inner.from)
			}
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
	case 4:
		at := int64(0)
		for i := range n {
			*(*[4]byte)(dst[4*i:]) = *(*[4]byte)(src[at:])
			at += stride
		}
	default:
		for i := range n {
			copy(dst[i*size:(i+1)*size], src[i*stride:i*stride+size])
		}
	}
}
