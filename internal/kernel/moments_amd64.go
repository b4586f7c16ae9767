//go:build !noasm

package kernel

//go:noescape
func weighted8(dst, a, b, s *float32, n int)

//go:noescape
func weighted16(dst, a, b, s *float32, n int)

//go:noescape
func weightedSquare8(dst, a, b, s *float32, n int)

//go:noescape
func weightedSquare16(dst, a, b, s *float32, n int)

//go:noescape
func overRoot8(dst, a, b, c, s *float32, n int)

//go:noescape
func overRoot16(dst, a, b, c, s *float32, n int)

//go:noescape
func adam8(dst, p, grad, m, v, s *float32, n int)

//go:noescape
func adam16(dst, p, grad, m, v, s *float32, n int)

//go:noescape
func nadam8(dst, p, grad, m, v, s *float32, n int)

//go:noescape
func nadam16(dst, p, grad, m, v, s *float32, n int)

//go:noescape
func momentum8(dst, p, grad, m, s *float32, n int)

//go:noescape
func momentum16(dst, p, grad, m, s *float32, n int)

//go:noescape
func nesterov8(dst, p, grad, m, s *float32, n int)

//go:noescape
func nesterov16(dst, p, grad, m, s *float32, n int)

//go:noescape
func rmsProp8(dst, p, grad, v, s *float32, n int)

//go:noescape
func rmsProp16(dst, p, grad, v, s *float32, n int)

//go:noescape
func rmsPropOutside8(dst, p, grad, v, s *float32, n int)

//go:noescape
func rmsPropOutside16(dst, p, grad, v, s *float32, n int)

//go:noescape
func quotient8(dst, a, s *float32, n int)

//go:noescape
func quotient16(dst, a, s *float32, n int)

//go:noescape
func clamp8(dst, a, s *float32, n int)

//go:noescape
func clamp16(dst, a, s *float32, n int)

func clamp32(dst, a *float32, s *[2]float32, n int) bool {
	if active == avx512 {
		clamp16(dst, a, &s[0], n)
	} else {
		clamp8(dst, a, &s[0], n)
	}
	return true
}

func countBeyond32(x *float32, n int, c float32) (count int, ok bool) {
	return countBeyond8(x, n, c), true
}

func quotient32(dst, a *float32, s float32, n int) bool {
	if active == avx512 {
		quotient16(dst, a, &s, n)
	} else {
		quotient8(dst, a, &s, n)
	}
	return true
}

func weighted32(dst, a, b *float32, s *[2]float32, n int) bool {
	if active == avx512 {
		weighted16(dst, a, b, &s[0], n)
	} else {
		weighted8(dst, a, b, &s[0], n)
	}
	return true
}

func weightedSquare32(dst, a, b *float32, s *[2]float32, n int) bool {
	if active == avx512 {
		weightedSquare16(dst, a, b, &s[0], n)
	} else {
		weightedSquare8(dst, a, b, &s[0], n)
	}
	return true
}

func overRoot32(dst, a, b, c *float32, e float32, n int) bool {
	if active == avx512 {
		overRoot16(dst, a, b, c, &e, n)
	} else {
		overRoot8(dst, a, b, c, &e, n)
	}
	return true
}

func adam32(dst, p, g, m, v *float32, s *Moments[float32], n int) bool {
	if active == avx512 {
		adam16(dst, p, g, m, v, &s.Mean, n)
	} else {
		adam8(dst, p, g, m, v, &s.Mean, n)
	}
	return true
}

func nadam32(dst, p, g, m, v *float32, s *Moments[float32], n int) bool {
	if active == avx512 {
		nadam16(dst, p, g, m, v, &s.Mean, n)
	} else {
		nadam8(dst, p, g, m, v, &s.Mean, n)
	}
	return true
}

func momentum32(dst, p, g, m *float32, s *Moments[float32], n int) bool {
	if active == avx512 {
		momentum16(dst, p, g, m, &s.Mean, n)
	} else {
		momentum8(dst, p, g, m, &s.Mean, n)
	}
	return true
}

func nesterov32(dst, p, g, m *float32, s *Moments[float32], n int) bool {
	if active == avx512 {
		nesterov16(dst, p, g, m, &s.Mean, n)
	} else {
		nesterov8(dst, p, g, m, &s.Mean, n)
	}
	return true
}

func rmsProp32(dst, p, g, v *float32, s *Moments[float32], n int, inside bool) bool {
	switch wide := active == avx512; {
	case inside && wide:
		rmsProp16(dst, p, g, v, &s.Mean, n)
	case inside:
		rmsProp8(dst, p, g, v, &s.Mean, n)
	case wide:
		rmsPropOutside16(dst, p, g, v, &s.Mean, n)
	default:
		rmsPropOutside8(dst, p, g, v, &s.Mean, n)
	}
	return true
}
