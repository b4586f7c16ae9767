//go:build !noasm

package kernel

// The kernels of family avx512: those of avx2 with vectors twice as long.

//go:noescape
func add16(dst, a, b *float32, n int)

//go:noescape
func sub16(dst, a, b *float32, n int)

//go:noescape
func mul16(dst, a, b *float32, n int)

//go:noescape
func div16(dst, a, b *float32, n int)

//go:noescape
func max16(dst, a, b *float32, n int)

//go:noescape
func min16(dst, a, b *float32, n int)

//go:noescape
func gt16(dst, a, b *float32, n int)

//go:noescape
func ge16(dst, a, b *float32, n int)

//go:noescape
func lt16(dst, a, b *float32, n int)

//go:noescape
func le16(dst, a, b *float32, n int)

//go:noescape
func eq16(dst, a, b *float32, n int)

//go:noescape
func ne16(dst, a, b *float32, n int)

//go:noescape
func addS16(dst, a *float32, s float32, n int)

//go:noescape
func subS16(dst, a *float32, s float32, n int)

//go:noescape
func rsubS16(dst, a *float32, s float32, n int)

//go:noescape
func mulS16(dst, a *float32, s float32, n int)

//go:noescape
func divS16(dst, a *float32, s float32, n int)

//go:noescape
func rdivS16(dst, a *float32, s float32, n int)

//go:noescape
func maxS16(dst, a *float32, s float32, n int)

//go:noescape
func minS16(dst, a *float32, s float32, n int)

//go:noescape
func gtS16(dst, a *float32, s float32, n int)

//go:noescape
func geS16(dst, a *float32, s float32, n int)

//go:noescape
func ltS16(dst, a *float32, s float32, n int)

//go:noescape
func leS16(dst, a *float32, s float32, n int)

//go:noescape
func eqS16(dst, a *float32, s float32, n int)

//go:noescape
func neS16(dst, a *float32, s float32, n int)

//go:noescape
func expS16(dst, a *float32, s float32, n int)

//go:noescape
func neg16(dst, a *float32, n int)

//go:noescape
func abs16(dst, a *float32, n int)

//go:noescape
func square16(dst, a *float32, n int)

//go:noescape
func sqrt16(dst, a *float32, n int)

//go:noescape
func rsqrt16(dst, a *float32, n int)

//go:noescape
func recip16(dst, a *float32, n int)

//go:noescape
func floor16(dst, a *float32, n int)

//go:noescape
func relu16(dst, a *float32, n int)

//go:noescape
func exp16(dst, a *float32, n int)

//go:noescape
func expm116(dst, a *float32, n int)

//go:noescape
func log16(dst, a *float32, n int)

//go:noescape
func tanh16(dst, a *float32, n int)

//go:noescape
func sigmoid16(dst, a *float32, n int)

//go:noescape
func log1p16(dst, a *float32, n int)

//go:noescape
func softplus16(dst, a *float32, n int)

//go:noescape
func erf16(dst, a *float32, n int)

//go:noescape
func sign16(dst, a *float32, n int)

//go:noescape
func axpy16(dst, a, b *float32, s float32, n int)

//go:noescape
func select16(dst, a, b, c *float32, n int)

//go:noescape
func uniform32(dst *float32, k0, k1 uint32, block uint64, eights int)

func binary16(op int, dst, a, b *float32, n int) {
	switch op {
	case opAdd:
		add16(dst, a, b, n)
	case opSub:
		sub16(dst, a, b, n)
	case opMul:
		mul16(dst, a, b, n)
	case opDiv:
		div16(dst, a, b, n)
	case opMax:
		max16(dst, a, b, n)
	case opMin:
		min16(dst, a, b, n)
	case opGt:
		gt16(dst, a, b, n)
	case opGe:
		ge16(dst, a, b, n)
	case opLt:
		lt16(dst, a, b, n)
	case opLe:
		le16(dst, a, b, n)
	case opEq:
		eq16(dst, a, b, n)
	case opNe:
		ne16(dst, a, b, n)
	}
}

func scalar16(op int, dst, a *float32, s float32, n int) {
	switch op {
	case opAddS:
		addS16(dst, a, s, n)
	case opSubS:
		subS16(dst, a, s, n)
	case opRSubS:
		rsubS16(dst, a, s, n)
	case opMulS:
		mulS16(dst, a, s, n)
	case opDivS:
		divS16(dst, a, s, n)
	case opRDivS:
		rdivS16(dst, a, s, n)
	case opMaxS:
		maxS16(dst, a, s, n)
	case opMinS:
		minS16(dst, a, s, n)
	case opGtS:
		gtS16(dst, a, s, n)
	case opGeS:
		geS16(dst, a, s, n)
	case opLtS:
		ltS16(dst, a, s, n)
	case opLeS:
		leS16(dst, a, s, n)
	case opEqS:
		eqS16(dst, a, s, n)
	case opNeS:
		neS16(dst, a, s, n)
	case opExpS:
		expS16(dst, a, s, n)
	}
}

func unary16(op int, dst, a *float32, n int) {
	switch op {
	case opNeg:
		neg16(dst, a, n)
	case opAbs:
		abs16(dst, a, n)
	case opSquare:
		square16(dst, a, n)
	case opSqrt:
		sqrt16(dst, a, n)
	case opRsqrt:
		rsqrt16(dst, a, n)
	case opRecip:
		recip16(dst, a, n)
	case opFloor:
		floor16(dst, a, n)
	case opRelu:
		relu16(dst, a, n)
	case opExp:
		exp16(dst, a, n)
	case opExpm1:
		expm116(dst, a, n)
	case opLog:
		log16(dst, a, n)
	case opTanh:
		tanh16(dst, a, n)
	case opSigmoid:
		sigmoid16(dst, a, n)
	case opLog1p:
		log1p16(dst, a, n)
	case opSoftplus:
		softplus16(dst, a, n)
	case opErf:
		erf16(dst, a, n)
	case opSign:
		sign16(dst, a, n)
	}
}
