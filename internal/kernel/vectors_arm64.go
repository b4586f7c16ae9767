//go:build !noasm

package kernel

import (
	"math"
	"unsafe"

	"github.com/nadir-ml/nadir/internal/rng"
)

//go:noescape
func add4(dst, a, b *float32, n int)

//go:noescape
func sub4(dst, a, b *float32, n int)

//go:noescape
func mul4(dst, a, b *float32, n int)

//go:noescape
func div4(dst, a, b *float32, n int)

//go:noescape
func max4(dst, a, b *float32, n int)

//go:noescape
func min4(dst, a, b *float32, n int)

//go:noescape
func gt4(dst, a, b *float32, n int)

//go:noescape
func ge4(dst, a, b *float32, n int)

//go:noescape
func lt4(dst, a, b *float32, n int)

//go:noescape
func le4(dst, a, b *float32, n int)

//go:noescape
func eq4(dst, a, b *float32, n int)

//go:noescape
func ne4(dst, a, b *float32, n int)

//go:noescape
func addS4(dst, a *float32, s float32, n int)

//go:noescape
func subS4(dst, a *float32, s float32, n int)

//go:noescape
func rsubS4(dst, a *float32, s float32, n int)

//go:noescape
func mulS4(dst, a *float32, s float32, n int)

//go:noescape
func divS4(dst, a *float32, s float32, n int)

//go:noescape
func rdivS4(dst, a *float32, s float32, n int)

//go:noescape
func maxS4(dst, a *float32, s float32, n int)

//go:noescape
func minS4(dst, a *float32, s float32, n int)

//go:noescape
func gtS4(dst, a *float32, s float32, n int)

//go:noescape
func geS4(dst, a *float32, s float32, n int)

//go:noescape
func ltS4(dst, a *float32, s float32, n int)

//go:noescape
func leS4(dst, a *float32, s float32, n int)

//go:noescape
func eqS4(dst, a *float32, s float32, n int)

//go:noescape
func neS4(dst, a *float32, s float32, n int)

//go:noescape
func expS4(dst, a *float32, s float32, n int)

//go:noescape
func neg4(dst, a *float32, n int)

//go:noescape
func abs4(dst, a *float32, n int)

//go:noescape
func square4(dst, a *float32, n int)

//go:noescape
func sqrt4(dst, a *float32, n int)

//go:noescape
func rsqrt4(dst, a *float32, n int)

//go:noescape
func recip4(dst, a *float32, n int)

//go:noescape
func floor4(dst, a *float32, n int)

//go:noescape
func relu4(dst, a *float32, n int)

//go:noescape
func exp4(dst, a *float32, n int)

//go:noescape
func expm14(dst, a *float32, n int)

//go:noescape
func log4(dst, a *float32, n int)

//go:noescape
func tanh4(dst, a *float32, n int)

//go:noescape
func sigmoid4(dst, a *float32, n int)

//go:noescape
func log1p4(dst, a *float32, n int)

//go:noescape
func softplus4(dst, a *float32, n int)

//go:noescape
func erf4(dst, a *float32, n int)

//go:noescape
func sign4(dst, a *float32, n int)

//go:noescape
func axpy32(dst, a, b *float32, s float32, n int)

//go:noescape
func select32(dst, a, b, c *float32, n int)

//go:noescape
func sum4(x *float32, rest *[lanes]float32, blocks int) float32

//go:noescape
func sumSquares4(x *float32, rest *[lanes]float32, blocks int) float32

//go:noescape
func rowMax8(x *float32, n int) float32

//go:noescape
func colSum4(dst, a, b *float32, stride, bStride, rows, cols, add int)

//go:noescape
func colDot4(dst, a, b *float32, stride, bStride, rows, cols, add int)

//go:noescape
func colSpread4(dst, a, b *float32, stride, bStride, rows, cols, add int)

//go:noescape
func affine32(grad, w, db, gamma, beta, dots *float32, outStride, rows, cols int)

//go:noescape
func bytes8(dst *float32, src *uint8, eights int)

//go:noescape
func ints8(dst *float32, src *int32, eights int)

//go:noescape
func lines32(dst, src *float32, dstStep, srcStep, n, rows int)

//go:noescape
func sumRows32(dst, src *float32, dstStep, srcStep, n, rows int)

//go:noescape
func largest32(dst, src *float32, dstStep, srcStep, n, rows int)

//go:noescape
func larger32(dst *float32, index *int32, src *float32, dstStep, srcStep, n, rows, from, step int)

func binary8(op int, dst, a, b *float32, n int) {
	switch op {
	case opAdd:
		add4(dst, a, b, n)
	case opSub:
		sub4(dst, a, b, n)
	case opMul:
		mul4(dst, a, b, n)
	case opDiv:
		div4(dst, a, b, n)
	case opMax:
		max4(dst, a, b, n)
	case opMin:
		min4(dst, a, b, n)
	case opGt:
		gt4(dst, a, b, n)
	case opGe:
		ge4(dst, a, b, n)
	case opLt:
		lt4(dst, a, b, n)
	case opLe:
		le4(dst, a, b, n)
	case opEq:
		eq4(dst, a, b, n)
	case opNe:
		ne4(dst, a, b, n)
	}
}

func scalar8(op int, dst, a *float32, s float32, n int) {
	switch op {
	case opAddS:
		addS4(dst, a, s, n)
	case opSubS:
		subS4(dst, a, s, n)
	case opRSubS:
		rsubS4(dst, a, s, n)
	case opMulS:
		mulS4(dst, a, s, n)
	case opDivS:
		divS4(dst, a, s, n)
	case opRDivS:
		rdivS4(dst, a, s, n)
	case opMaxS:
		maxS4(dst, a, s, n)
	case opMinS:
		minS4(dst, a, s, n)
	case opGtS:
		gtS4(dst, a, s, n)
	case opGeS:
		geS4(dst, a, s, n)
	case opLtS:
		ltS4(dst, a, s, n)
	case opLeS:
		leS4(dst, a, s, n)
	case opEqS:
		eqS4(dst, a, s, n)
	case opNeS:
		neS4(dst, a, s, n)
	case opExpS:
		expS4(dst, a, s, n)
	}
}

func unary8(op int, dst, a *float32, n int) {
	switch op {
	case opNeg:
		neg4(dst, a, n)
	case opAbs:
		abs4(dst, a, n)
	case opSquare:
		square4(dst, a, n)
	case opSqrt:
		sqrt4(dst, a, n)
	case opRsqrt:
		rsqrt4(dst, a, n)
	case opRecip:
		recip4(dst, a, n)
	case opFloor:
		floor4(dst, a, n)
	case opRelu:
		relu4(dst, a, n)
	case opExp:
		exp4(dst, a, n)
	case opExpm1:
		expm14(dst, a, n)
	case opLog:
		log4(dst, a, n)
	case opTanh:
		tanh4(dst, a, n)
	case opSigmoid:
		sigmoid4(dst, a, n)
	case opLog1p:
		log1p4(dst, a, n)
	case opSoftplus:
		softplus4(dst, a, n)
	case opErf:
		erf4(dst, a, n)
	case opSign:
		sign4(dst, a, n)
	}
}

// sum8 and sumSquares8 fill a last block up with zeros, which change no sum: none is −0.
func sum8(x *float32, n int) float32 {
	var rest [lanes]float32
	copy(rest[:], unsafe.Slice(x, n)[n/lanes*lanes:])
	return sum4(x, &rest, n/lanes)
}

func sumSquares8(x *float32, n int) float32 {
	var rest [lanes]float32
	copy(rest[:], unsafe.Slice(x, n)[n/lanes*lanes:])
	return sumSquares4(x, &rest, n/lanes)
}

func colSum8(dst, x *float32, stride, rows, cols, add int) {
	colSum4(dst, x, x, stride, stride, rows, cols, add)
}

func colDot32(dst, a, b *float32, stride, rows, cols, add int) {
	colDot4(dst, a, b, stride, stride, rows, cols, add)
}

func colSpread32(dst, a, b *float32, stride, rows, cols, add int) {
	colSpread4(dst, a, b, stride, 0, rows, cols, add)
}

// uniforms is plain Go: scalar registers multiply to 64 bits, vectors only to 32.
func uniforms(dst []float32, key [2]uint32, block uint64) int {
	d := dst[:len(dst)&^15]
	for i := 0; i < len(d); i += 4 {
		for q, u := range rng.Philox(key, [4]uint32{uint32(block), uint32(block >> 32)}) {
			d[i+q] = float32(u>>8) * 0x1p-24
		}
		block++
	}
	return len(d)
}

// The constants of the transcendental functions in the order that they are used, which
// is that of the other families: equal arguments give equal bits in all.
const (
	neonWhole = 3 << 22 // adding it leaves a whole number in the low bits
	neonLn2Hi = 0.693359375
	neonLn2Lo = math.Ln2 - neonLn2Hi
)

var (
	neonInf = float32(math.Inf(1))

	neonExp = [...]float32{89, -105,
		neonWhole, math.Log2E, neonWhole, neonLn2Hi, neonLn2Lo, 0.001392632562, 0.008363292753, 0.04166655376, 0.1666657631, 0.5,
		neonWhole}
	neonExpm1 = [...]float32{89, -20,
		neonWhole, math.Log2E, neonWhole, neonLn2Hi, neonLn2Lo, 0.001392632562, 0.008363292753, 0.04166655376, 0.1666657631, 0.5,
		0.5, 0x1p-25}
	neonSigmoid = [...]float32{89, -105,
		neonWhole, math.Log2E, neonWhole, neonLn2Hi, neonLn2Lo, 0.001392632562, 0.008363292753, 0.04166655376, 0.1666657631, 0.5,
		neonWhole, 0.75}
	neonTanh = [...]float32{20,
		neonWhole, math.Log2E, neonWhole, neonLn2Hi, neonLn2Lo, 0.001392632562, 0.008363292753, 0.04166655376, 0.1666657631, 0.5,
		0.002277154837, -0.008330076704, 0.02176464921, -0.05395873069, 0.1333330131, -0.3333333316,
		0.625}
	neonLog = [...]float32{0x1p-126, 0x1p23, -23, neonRootHalf,
		0.06971611471, -0.1147973385, 0.1168541992, -0.1242568733, 0.1424905765,
		-0.1666780232, 0.2000071575, -0.2499999696, 0.3333333118, -0.5,
		neonLn2Lo, neonLn2Hi, -neonInf, neonInf}
	neonLog1p = [...]float32{neonRootHalf,
		0.06971611471, -0.1147973385, 0.1168541992, -0.1242568733, 0.1424905765,
		-0.1666780232, 0.2000071575, -0.2499999696, 0.3333333118, -0.5,
		neonLn2Lo, neonLn2Hi, -neonInf, neonInf}
	neonSoftplus = [...]float32{89, -105,
		neonWhole, math.Log2E, neonWhole, neonLn2Hi, neonLn2Lo, 0.001392632562, 0.008363292753, 0.04166655376, 0.1666657631, 0.5,
		neonWhole,
		0.002801641993, -0.01718426698, 0.04930997343, -0.09139413774, 0.1303336424,
		-0.1636515287, 0.1995670795, -0.2499675991, 0.3333323735, -0.4999999952,
		-2.40973456e-5, 0.0003464453836, -0.005208246632, 0.1249999985,
		math.Ln2, 0.5, 0.5625}
	neonErf = [...]float32{4, 2.5, 2. / 3,
		0.0002580060988, 9.497238351e-5, -0.002032798774, 0.001542911075, 0.004667028807,
		-0.01041184524, 0.006637864139, 0.009579305634, -0.03186845073, 0.04638958373, -0.04365147857,
		0.02818740627, -0.01225283041, 0.003267270355, 0.999593048,
		-1.021674806e-5, 0.0001145173688, -0.0008508545287, 0.005222611128,
		-0.02686594531, 0.1128379027, -0.3761263889, 2/math.SqrtPi - 1}
)

const neonRootHalf = 0x1.6a09e6p-1 // √½, bits 0x3F3504F3
