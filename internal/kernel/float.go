package kernel

import "unsafe"

// Float is the set of types that kernels compute in.
type Float interface{ float32 | float64 }

// single reports whether T is float32; it folds to a constant.
func single[T Float]() bool {
	var z T
	return unsafe.Sizeof(z) == 4
}

// as32 views a []T whose T is float32 as what it is.
func as32[T Float](x []T) []float32 { return *(*[]float32)(unsafe.Pointer(&x)) }
