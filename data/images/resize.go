package images

import (
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/tensor"
)

// Resize scales a picture [h w c] of bytes to [height width c] with the
// triangle filter, widened by the scale where the picture shrinks so that
// nothing is skipped: bilinear interpolation with antialiasing, as Pillow's
// BILINEAR and Keras' resize with antialias=True.
//
// The bytes are Pillow's: rows first, then columns, weights of 22 bits after the point,
// and rounding to bytes after each of the two.
func Resize(t *tensor.Tensor, height, width int) (*tensor.Tensor, error) {
	if t.DType() != tensor.Uint8 {
		return nil, fmt.Errorf("%v of shape %v cannot be resized: want uint8 [height width channels]", t.DType(), t.Shape())
	}
	if err := resizable(t, height, width); err != nil {
		return nil, err
	}
	h, w, c := t.Shape()[0], t.Shape()[1], t.Shape()[2]
	src := t.Uint8s()
	if w != width {
		wide := make([]uint8, h*width*c)
		for x, f := range whole(w, width) {
			for y := range h {
				in, out := src[(y*w+f.first)*c:], wide[(y*width+x)*c:][:c]
				for ch := range out {
					sum := int64(half)
					for k, weight := range f.weights {
						sum += weight * int64(in[k*c+ch])
					}
					out[ch] = clip(sum)
				}
			}
		}
		src = wide
	}
	if h != height {
		row := width * c
		tall := make([]uint8, height*row)
		sums := make([]int64, row)
		for y, f := range whole(h, height) {
			for i := range sums {
				sums[i] = half
			}
			for k, weight := range f.weights {
				for i, v := range src[(f.first+k)*row:][:row] {
					sums[i] += weight * int64(v)
				}
			}
			for i, sum := range sums {
				tall[y*row+i] = clip(sum)
			}
		}
		src = tall
	}
	r := tensor.New(tensor.Uint8, height, width, c)
	copy(r.Uint8s(), src)
	return r, nil
}

// ResizeFloat is Resize of numbers, [h w c] of Float32, which are not rounded: for
// mean images.
func ResizeFloat(t *tensor.Tensor, height, width int) (*tensor.Tensor, error) {
	if t.DType() != tensor.Float32 {
		return nil, fmt.Errorf("%v of shape %v cannot be resized: want float32 [height width channels]", t.DType(), t.Shape())
	}
	if err := resizable(t, height, width); err != nil {
		return nil, err
	}
	h, w, c := t.Shape()[0], t.Shape()[1], t.Shape()[2]
	src := t.Float32s()
	wide := make([]float64, h*width*c)
	for x, f := range taps(w, width) {
		for y := range h {
			for k, weight := range f.weights {
				for ch := range c {
					wide[(y*width+x)*c+ch] += float64(weight * float64(src[(y*w+f.first+k)*c+ch]))
				}
			}
		}
	}
	r := tensor.New(tensor.Float32, height, width, c)
	row := width * c
	sums := make([]float64, row)
	for y, f := range taps(h, height) {
		clear(sums)
		for k, weight := range f.weights {
			for i, v := range wide[(f.first+k)*row:][:row] {
				sums[i] += float64(weight * v)
			}
		}
		for i, sum := range sums {
			r.Float32s()[y*row+i] = float32(sum)
		}
	}
	return r, nil
}

// resizable checks sizes before memory is taken.
func resizable(t *tensor.Tensor, height, width int) error {
	s := t.Shape()
	if len(s) != 3 || t.Len() == 0 {
		return fmt.Errorf("%v of shape %v cannot be resized: want [height width channels]", t.DType(), s)
	}
	if height <= 0 || width <= 0 || height > MaxPixels/width {
		return fmt.Errorf("a picture cannot be resized to %d×%d pixels: want 1 to %d", width, height, MaxPixels)
	}
	if most := math.MaxInt / 8 / s[2]; s[0] > most/width || height > most/width {
		return fmt.Errorf("a picture of shape %v cannot be resized to %d×%d pixels", s, width, height)
	}
	return nil
}

// Weights have so many bits after the point.
const (
	bits = 22
	half = 1 << (bits - 1)
)

// clip is a sum of weighted bytes as a byte.
func clip(sum int64) uint8 { return uint8(min(max(sum>>bits, 0), 255)) }

// A filter is the weights of the source pixels from first on that make one pixel.
type filter[T int64 | float64] struct {
	first   int
	weights []T
}

// taps is the filter of each of to pixels made of from.
func taps(from, to int) []filter[float64] {
	scale := float64(from) / float64(to)
	support := max(scale, 1)
	fs := make([]filter[float64], to)
	for i := range fs {
		center := (float64(i) + 0.5) * scale
		lo := max(int(center-support+0.5), 0)
		hi := min(int(center+support+0.5), from)
		f := filter[float64]{lo, make([]float64, hi-lo)}
		var sum float64
		for k := range f.weights {
			f.weights[k] = max(1-math.Abs((float64(k+lo)-center+0.5)*(1/support)), 0)
			sum += f.weights[k]
		}
		for k := range f.weights {
			f.weights[k] /= sum
		}
		fs[i] = f
	}
	return fs
}

// whole is taps with weights as whole numbers.
func whole(from, to int) []filter[int64] {
	fs := make([]filter[int64], to)
	for i, f := range taps(from, to) {
		fs[i] = filter[int64]{f.first, make([]int64, len(f.weights))}
		for k, v := range f.weights {
			fs[i].weights[k] = int64(v*(1<<bits) + 0.5)
		}
	}
	return fs
}

// Gray is a colored picture [h w 3] of bytes as shades [h w 1], by the luma of ITU-R
// BT.601 as Pillow's convert("L") rounds it. One that is gray comes back as it is.
func Gray(t *tensor.Tensor) (*tensor.Tensor, error) {
	s := t.Shape()
	if t.DType() != tensor.Uint8 || len(s) != 3 || s[2] != 1 && s[2] != 3 {
		return nil, fmt.Errorf("%v of shape %v is no picture: want uint8 [height width 1 or 3]", t.DType(), s)
	}
	if s[2] == 1 {
		return t, nil
	}
	r := tensor.New(tensor.Uint8, s[0], s[1], 1)
	src := t.Uint8s()
	for i := range r.Uint8s() {
		p := src[3*i:]
		r.Uint8s()[i] = uint8((19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 1<<15) >> 16)
	}
	return r, nil
}
