//go:build !noasm

package kernel

//go:noescape
func mulAdd8(dst, a, b, c *float32, n int)

//go:noescape
func mulSub8(dst, a, b, c *float32, n int)

//go:noescape
func subMul8(dst, a, b, c *float32, n int)

//go:noescape
func subProduct8(dst, a, b, c *float32, n int)

//go:noescape
func elu8(dst, a *float32, n int)

//go:noescape
func addELU8(dst, a, b *float32, n int)

//go:noescape
func eluGradient8(dst, a, b *float32, n int)

//go:noescape
func gate8(dst, a, b *float32, n int)

//go:noescape
func mulAdd16(dst, a, b, c *float32, n int)

//go:noescape
func mulSub16(dst, a, b, c *float32, n int)

//go:noescape
func subMul16(dst, a, b, c *float32, n int)

//go:noescape
func subProduct16(dst, a, b, c *float32, n int)

//go:noescape
func elu16(dst, a *float32, n int)

//go:noescape
func addELU16(dst, a, b *float32, n int)

//go:noescape
func eluGradient16(dst, a, b *float32, n int)

//go:noescape
func gate16(dst, a, b *float32, n int)

func joined32(op int, dst, a, b, c *float32, n int) bool {
	wide := active == avx512
	switch op {
	case opMulAdd:
		if wide {
			mulAdd16(dst, a, b, c, n)
		} else {
			mulAdd8(dst, a, b, c, n)
		}
	case opMulSub:
		if wide {
			mulSub16(dst, a, b, c, n)
		} else {
			mulSub8(dst, a, b, c, n)
		}
	case opSubMul:
		if wide {
			subMul16(dst, a, b, c, n)
		} else {
			subMul8(dst, a, b, c, n)
		}
	case opSubProduct:
		if wide {
			subProduct16(dst, a, b, c, n)
		} else {
			subProduct8(dst, a, b, c, n)
		}
	case opELU:
		if wide {
			elu16(dst, a, n)
		} else {
			elu8(dst, a, n)
		}
	case opAddELU:
		if wide {
			addELU16(dst, a, b, n)
		} else {
			addELU8(dst, a, b, n)
		}
	case opELUGradient:
		if wide {
			eluGradient16(dst, a, b, n)
		} else {
			eluGradient8(dst, a, b, n)
		}
	case opGate:
		if wide {
			gate16(dst, a, b, n)
		} else {
			gate8(dst, a, b, n)
		}
	}
	return true
}
