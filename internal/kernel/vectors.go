package kernel

import "unsafe"

// vectors are the elementwise float32 kernels of a family, by operation. A slot
// that is nil, and a family that has none, fall back to plain Go. The pointers
// are those of slices of n ≥ 1 elements.
type vectors struct {
	binary  [binaries]func(dst, a, b *float32, n int)
	scalar  [scalars]func(dst, a *float32, s float32, n int)
	unary   [unaries]func(dst, a *float32, n int)
	axpy    func(dst, a, b *float32, s float32, n int)
	choose  func(dst, cond, a, b *float32, n int)
	rowMax  func(x *float32, n int) float32
	colSum  func(dst, x *float32, stride, rows, cols, add int)
	bytes   func(dst *float32, src *uint8, eights int)
	ints    func(dst *float32, src *int32, eights int)
	uniform func(dst *float32, k0, k1 uint32, block uint64, fours int)
}

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
	binaries
)

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
	scalars
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
	unaries
)

// binary32 runs the active family's kernel, if it has one for T.
func binary32[T Float](op int, dst, a, b []T) bool {
	if !single[T]() || vector == nil || vector.binary[op] == nil || len(a) == 0 {
		return false
	}
	dst, b = dst[:len(a)], b[:len(a)]
	vector.binary[op](first(dst), first(a), first(b), len(a))
	return true
}

func scalar32[T Float](op int, dst, a []T, s T) bool {
	if !single[T]() || vector == nil || vector.scalar[op] == nil || len(a) == 0 {
		return false
	}
	dst = dst[:len(a)]
	vector.scalar[op](first(dst), first(a), float32(s), len(a))
	return true
}

func unary32[T Float](op int, dst, a []T) bool {
	if !single[T]() || vector == nil || vector.unary[op] == nil || len(a) == 0 {
		return false
	}
	dst = dst[:len(a)]
	vector.unary[op](first(dst), first(a), len(a))
	return true
}

// first is the address of a slice of float32.
func first[T Float](x []T) *float32 { return (*float32)(unsafe.Pointer(&x[0])) }
