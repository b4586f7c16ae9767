//go:build !noasm

package kernel

//go:noescape
func add8(dst, a, b *float32, n int)

//go:noescape
func sub8(dst, a, b *float32, n int)

//go:noescape
func mul8(dst, a, b *float32, n int)

//go:noescape
func div8(dst, a, b *float32, n int)

//go:noescape
func max8(dst, a, b *float32, n int)

//go:noescape
func min8(dst, a, b *float32, n int)

//go:noescape
func gt8(dst, a, b *float32, n int)

//go:noescape
func ge8(dst, a, b *float32, n int)

//go:noescape
func lt8(dst, a, b *float32, n int)

//go:noescape
func le8(dst, a, b *float32, n int)

//go:noescape
func eq8(dst, a, b *float32, n int)

//go:noescape
func ne8(dst, a, b *float32, n int)

//go:noescape
func addS8(dst, a *float32, s float32, n int)

//go:noescape
func subS8(dst, a *float32, s float32, n int)

//go:noescape
func rsubS8(dst, a *float32, s float32, n int)

//go:noescape
func mulS8(dst, a *float32, s float32, n int)

//go:noescape
func divS8(dst, a *float32, s float32, n int)

//go:noescape
func rdivS8(dst, a *float32, s float32, n int)

//go:noescape
func maxS8(dst, a *float32, s float32, n int)

//go:noescape
func minS8(dst, a *float32, s float32, n int)

//go:noescape
func gtS8(dst, a *float32, s float32, n int)

//go:noescape
func geS8(dst, a *float32, s float32, n int)

//go:noescape
func ltS8(dst, a *float32, s float32, n int)

//go:noescape
func leS8(dst, a *float32, s float32, n int)

//go:noescape
func eqS8(dst, a *float32, s float32, n int)

//go:noescape
func neS8(dst, a *float32, s float32, n int)

//go:noescape
func expS8(dst, a *float32, s float32, n int)

//go:noescape
func neg8(dst, a *float32, n int)

//go:noescape
func abs8(dst, a *float32, n int)

//go:noescape
func square8(dst, a *float32, n int)

//go:noescape
func sqrt8(dst, a *float32, n int)

//go:noescape
func rsqrt8(dst, a *float32, n int)

//go:noescape
func recip8(dst, a *float32, n int)

//go:noescape
func floor8(dst, a *float32, n int)

//go:noescape
func relu8(dst, a *float32, n int)

//go:noescape
func exp8(dst, a *float32, n int)

//go:noescape
func expm18(dst, a *float32, n int)

//go:noescape
func log8(dst, a *float32, n int)

//go:noescape
func tanh8(dst, a *float32, n int)

//go:noescape
func sigmoid8(dst, a *float32, n int)

//go:noescape
func log1p8(dst, a *float32, n int)

//go:noescape
func softplus8(dst, a *float32, n int)

//go:noescape
func erf8(dst, a *float32, n int)

//go:noescape
func sign8(dst, a *float32, n int)

//go:noescape
func axpy8(dst, a, b *float32, s float32, n int)

//go:noescape
func select8(dst, a, b, c *float32, n int)

//go:noescape
func sum8(x *float32, n int) float32

//go:noescape
func countBeyond8(x *float32, n int, c float32) int

//go:noescape
func rowMax8(x *float32, n int) float32

//go:noescape
func colSum8(dst, x *float32, stride, rows, cols, add int)

//go:noescape
func bytes8(dst *float32, src *uint8, eights int)

//go:noescape
func ints8(dst *float32, src *int32, eights int)

//go:noescape
func uniform16(dst *float32, k0, k1 uint32, block uint64, fours int)

// uniforms sets n numbers from block on, at most len of dst, and gives n, of 16 at
// least.
func uniforms(dst []float32, key [2]uint32, block uint64) int {
	if n := len(dst) / 32; n > 0 && active == avx512 {
		uniform32(&dst[0], key[0], key[1], block, n)
		return 32 * n
	}
	uniform16(&dst[0], key[0], key[1], block, len(dst)/16)
	return len(dst) &^ 15
}

func binary8(op int, dst, a, b *float32, n int) {
	if active == avx512 {
		binary16(op, dst, a, b, n)
		return
	}
	switch op {
	case opAdd:
		add8(dst, a, b, n)
	case opSub:
		sub8(dst, a, b, n)
	case opMul:
		mul8(dst, a, b, n)
	case opDiv:
		div8(dst, a, b, n)
	case opMax:
		max8(dst, a, b, n)
	case opMin:
		min8(dst, a, b, n)
	case opGt:
		gt8(dst, a, b, n)
	case opGe:
		ge8(dst, a, b, n)
	case opLt:
		lt8(dst, a, b, n)
	case opLe:
		le8(dst, a, b, n)
	case opEq:
		eq8(dst, a, b, n)
	case opNe:
		ne8(dst, a, b, n)
	}
}

func scalar8(op int, dst, a *float32, s float32, n int) {
	if active == avx512 {
		scalar16(op, dst, a, s, n)
		return
	}
	switch op {
	case opAddS:
		addS8(dst, a, s, n)
	case opSubS:
		subS8(dst, a, s, n)
	case opRSubS:
		rsubS8(dst, a, s, n)
	case opMulS:
		mulS8(dst, a, s, n)
	case opDivS:
		divS8(dst, a, s, n)
	case opRDivS:
		rdivS8(dst, a, s, n)
	case opMaxS:
		maxS8(dst, a, s, n)
	case opMinS:
		minS8(dst, a, s, n)
	case opGtS:
		gtS8(dst, a, s, n)
	case opGeS:
		geS8(dst, a, s, n)
	case opLtS:
		ltS8(dst, a, s, n)
	case opLeS:
		leS8(dst, a, s, n)
	case opEqS:
		eqS8(dst, a, s, n)
	case opNeS:
		neS8(dst, a, s, n)
	case opExpS:
		expS8(dst, a, s, n)
	}
}

func unary8(op int, dst, a *float32, n int) {
	if active == avx512 {
		unary16(op, dst, a, n)
		return
	}
	switch op {
	case opNeg:
		neg8(dst, a, n)
	case opAbs:
		abs8(dst, a, n)
	case opSquare:
		square8(dst, a, n)
	case opSqrt:
		sqrt8(dst, a, n)
	case opRsqrt:
		rsqrt8(dst, a, n)
	case opRecip:
		recip8(dst, a, n)
	case opFloor:
		floor8(dst, a, n)
	case opRelu:
		relu8(dst, a, n)
	case opExp:
		exp8(dst, a, n)
	case opExpm1:
		expm18(dst, a, n)
	case opLog:
		log8(dst, a, n)
	case opTanh:
		tanh8(dst, a, n)
	case opSigmoid:
		sigmoid8(dst, a, n)
	case opLog1p:
		log1p8(dst, a, n)
	case opSoftplus:
		softplus8(dst, a, n)
	case opErf:
		erf8(dst, a, n)
	case opSign:
		sign8(dst, a, n)
	}
}

func axpy32(dst, a, b *float32, s float32, n int) {
	if active == avx512 {
		axpy16(dst, a, b, s, n)
	} else {
		axpy8(dst, a, b, s, n)
	}
}

func select32(dst, a, b, c *float32, n int) {
	if active == avx512 {
		select16(dst, a, b, c, n)
	} else {
		select8(dst, a, b, c, n)
	}
}
