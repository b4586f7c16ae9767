package formattest

import (
	"math"

	"github.com/nadir-ml/nadir/tensor"
)

// A Picture is one sample with its channels first, (C, H, W), in float64, and what other
// frameworks' definitions say of it, in plain loops: tests hold imported models to them.
type Picture struct {
	C, H, W int
	V       []float64
}

// NewPicture is a picture of n numbers that follow from a seed, within ±1.
func NewPicture(seed, c, h, w int) Picture {
	return Picture{c, h, w, Numbers(seed, c*h*w)}
}

// Numbers are n numbers that follow from a seed, within ±1.
func Numbers(seed, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = float64((i*7919+seed*104729+13)%2003)/1001 - 1
	}
	return v
}

// Floats are numbers as a tensor of float32.
func Floats(v []float64, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range v {
		t.SetFlat(i, v[i])
	}
	return t
}

// At is a number, 0 outside.
func (p Picture) At(c, y, x int) float64 {
	if y < 0 || x < 0 || y >= p.H || x >= p.W {
		return 0
	}
	return p.V[(c*p.H+y)*p.W+x]
}

// Last is the picture as a batch of one with its channels last, (1, H, W, C).
func (p Picture) Last() *tensor.Tensor {
	t := tensor.New(tensor.Float32, 1, p.H, p.W, p.C)
	for c := range p.C {
		for y := range p.H {
			for x := range p.W {
				t.SetFlat((y*p.W+x)*p.C+c, p.At(c, y, x))
			}
		}
	}
	return t
}

// LastFlat are its numbers with channels last.
func (p Picture) LastFlat() []float64 {
	t := p.Last()
	v := make([]float64, t.Len())
	for i := range v {
		v[i] = t.Flat(i)
	}
	return v
}

func (p Picture) made(c, h, w int, at func(c, y, x int) float64) Picture {
	q := Picture{c, h, w, make([]float64, 0, c*h*w)}
	for c := range c {
		for y := range h {
			for x := range w {
				q.V = append(q.V, at(c, y, x))
			}
		}
	}
	return q
}

// Each replaces each number by what f makes of it, c being its channel.
func (p Picture) Each(f func(c int, v float64) float64) Picture {
	return p.made(p.C, p.H, p.W, func(c, y, x int) float64 { return f(c, p.At(c, y, x)) })
}

// A Slide is how a window goes over a picture, the same along both axes.
type Slide struct {
	Kernel, Stride, Pad, Dilation, Groups int
	Ceil, CountPad                        bool
}

// Conv correlates with kernels (out, in/groups, k, k) and adds a bias, nil for none.
func (p Picture) Conv(kernel, bias []float64, out int, s Slide) Picture {
	s.Dilation, s.Groups, s.Stride = max(s.Dilation, 1), max(s.Groups, 1), max(s.Stride, 1)
	size := func(n int) int { return (n+2*s.Pad-s.Dilation*(s.Kernel-1)-1)/s.Stride + 1 }
	in := p.C / s.Groups
	return p.made(out, size(p.H), size(p.W), func(o, y, x int) float64 {
		sum := 0.0
		if bias != nil {
			sum = bias[o]
		}
		for i := range in {
			for ky := range s.Kernel {
				for kx := range s.Kernel {
					sum += kernel[((o*in+i)*s.Kernel+ky)*s.Kernel+kx] * p.At(o/(out/s.Groups)*in+i, y*s.Stride-s.Pad+ky*s.Dilation, x*s.Stride-s.Pad+kx*s.Dilation)
				}
			}
		}
		return sum
	})
}

// Deconv is the transposed convolution with kernels (in, out/groups, k, k).
func (p Picture) Deconv(kernel, bias []float64, out int, s Slide) Picture {
	s.Dilation, s.Groups, s.Stride = max(s.Dilation, 1), max(s.Groups, 1), max(s.Stride, 1)
	size := func(n int) int { return (n-1)*s.Stride + s.Dilation*(s.Kernel-1) + 1 - 2*s.Pad }
	q := p.made(out, size(p.H), size(p.W), func(o, _, _ int) float64 {
		if bias == nil {
			return 0
		}
		return bias[o]
	})
	per, in := out/s.Groups, p.C/s.Groups
	for c := range p.C {
		for y := range p.H {
			for x := range p.W {
				for o := range per {
					for ky := range s.Kernel {
						for kx := range s.Kernel {
							ty, tx := y*s.Stride-s.Pad+ky*s.Dilation, x*s.Stride-s.Pad+kx*s.Dilation
							if ty >= 0 && tx >= 0 && ty < q.H && tx < q.W {
								q.V[((c/in*per+o)*q.H+ty)*q.W+tx] += p.At(c, y, x) * kernel[((c*per+o)*s.Kernel+ky)*s.Kernel+kx]
							}
						}
					}
				}
			}
		}
	}
	return q
}

// Pool takes the largest of each window, or its mean. The last window may be cut off
// with Ceil; it begins inside the picture or its pad in front. The mean divides by the places in the
// picture, or with CountPad by those in the picture and its pad.
func (p Picture) Pool(largest bool, s Slide) Picture {
	s.Stride = max(s.Stride, 1)
	size := func(n int) int {
		m := n + 2*s.Pad - s.Kernel
		k := m/s.Stride + 1
		if s.Ceil {
			k = int(math.Ceil(float64(m)/float64(s.Stride))) + 1
			if (k-1)*s.Stride >= n+s.Pad {
				k--
			}
		}
		return k
	}
	return p.made(p.C, size(p.H), size(p.W), func(c, y, x int) float64 {
		best, sum, n := math.Inf(-1), 0.0, 0
		for ky := range s.Kernel {
			for kx := range s.Kernel {
				iy, ix := y*s.Stride-s.Pad+ky, x*s.Stride-s.Pad+kx
				inside := iy >= 0 && ix >= 0 && iy < p.H && ix < p.W
				if inside {
					best = max(best, p.At(c, iy, ix))
					sum += p.At(c, iy, ix)
				}
				if inside || s.CountPad && iy < p.H+s.Pad && ix < p.W+s.Pad {
					n++
				}
			}
		}
		if largest {
			return best
		}
		return sum / float64(n)
	})
}

// Dense multiplies a vector by a matrix (out, in) and adds a bias, nil for none.
func Dense(x, matrix, bias []float64, out int) []float64 {
	y := make([]float64, out)
	for o := range y {
		if bias != nil {
			y[o] = bias[o]
		}
		for i, v := range x {
			y[o] += matrix[o*len(x)+i] * v
		}
	}
	return y
}
