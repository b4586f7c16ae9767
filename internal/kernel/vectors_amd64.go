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
func rowMax8(x *float32, n int) float32

//go:noescape
func colSum8(dst, x *float32, stride, rows, cols, add int)

//go:noescape
func bytes8(dst *float32, src *uint8, eights int)

//go:noescape
func ints8(dst *float32, src *int32, eights int)

//go:noescape
func uniform16(dst *float32, k0, k1 uint32, block uint64, fours int)

var vectorsAVX2 = vectors{
	binary: [...]func(dst, a, b *float32, n int){
		opAdd: add8,
		opSub: sub8,
		opMul: mul8,
		opDiv: div8,
		opMax: max8,
		opMin: min8,
		opGt:  gt8,
		opGe:  ge8,
		opLt:  lt8,
		opLe:  le8,
		opEq:  eq8,
		opNe:  ne8,
	},
	scalar: [...]func(dst, a *float32, s float32, n int){
		opAddS:  addS8,
		opSubS:  subS8,
		opRSubS: rsubS8,
		opMulS:  mulS8,
		opDivS:  divS8,
		opRDivS: rdivS8,
		opMaxS:  maxS8,
		opMinS:  minS8,
		opGtS:   gtS8,
		opGeS:   geS8,
		opLtS:   ltS8,
		opLeS:   leS8,
		opEqS:   eqS8,
		opNeS:   neS8,
	},
	unary: [...]func(dst, a *float32, n int){
		opNeg:      neg8,
		opAbs:      abs8,
		opSquare:   square8,
		opSqrt:     sqrt8,
		opRsqrt:    rsqrt8,
		opRecip:    recip8,
		opFloor:    floor8,
		opRelu:     relu8,
		opExp:      exp8,
		opExpm1:    expm18,
		opLog:      log8,
		opTanh:     tanh8,
		opSigmoid:  sigmoid8,
		opLog1p:    log1p8,
		opSoftplus: softplus8,
		opErf:      erf8,
		opSign:     sign8,
	},
	axpy:    axpy8,
	choose:  select8,
	rowMax:  rowMax8,
	colSum:  colSum8,
	bytes:   bytes8,
	ints:    ints8,
	uniform: uniform16,
}
