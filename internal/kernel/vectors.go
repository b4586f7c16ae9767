package kernel

import "unsafe"

// The elementwise operations that families have kernels for.
const (
	opAdd = iota
	opSub
	opMul
	opDiv
	opMax
	opMin
	opGt
	opGe
	opLt
	opLe
	opEq
	opNe
)

// The elementwise operations that families have kernels for.
const (
	opAddS = iota
	opSubS
	opRSubS
	opMulS
	opDivS
	opRDivS
	opMaxS
	opMinS
	opGtS
	opGeS
	opLtS
	opLeS
	opEqS
	opNeS
	opExpS
)

const (
	opNeg = iota
	opAbs
	opSquare
	opSqrt
	opRsqrt
	opRecip
	opFloor
	opRelu
	opExp
	opExpm1
	opLog
	opTanh
	opSigmoid
	opLog1p
	opSoftplus
	opErf
	opSign
)

// vectorized reports whether the active family has kernels for T.
func vectorized[T Float]() bool { return assembly && single[T]() && active != generic }

// binary32 runs the active family's kernel, if it has one for T.
func binary32[T Float](op int, dst, a, b []T) bool {
	if !vectorized[T]() || len(a) == 0 {
		return false
	}
	dst, b = dst[:len(a)], b[:len(a)]
	binary8(op, first(dst), first(a), first(b), len(a))
	return true
}

func scalar32[T Float](op int, dst, a []T, s T) bool {
	if !vectorized[T]() || len(a) == 0 {
		return false
	}
	dst = dst[:len(a)]
	scalar8(op, first(dst), first(a), float32(s), len(a))
	return true
}

func unary32[T Float](op int, dst, a []T) bool {
	if !vectorized[T]() || len(a) == 0 {
		return false
	}
	dst = dst[:len(a)]
	unary8(op, first(dst), first(a), len(a))
	return true
}

// first is the address of a slice of float32.
func first[T Float](x []T) *float32 { return (*float32)(unsafe.Pointer(&x[0])) }
