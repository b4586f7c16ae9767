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
func Resize(t *tensor.Tensor, height, width int) (*tensor.Tensor, error) {
	s := t.Shape()
	if t.DType() != tensor.Uint8 || len(s) != 3 || t.Len() == 0 {
		return nil, fmt.Errorf("%v of shape %v cannot be resized: want uint8 [height width channels]", t.DType(), s)
	}
	if height <= 0 || width <= 0 || height > MaxPixels/width {
		return nil, fmt.Errorf("a picture cannot be resized to %d×%d pixels: want 1 to %d", width, height, MaxPixels)
	}
	if s[0] == height && s[1] == width {
		return t.Clone(), nil
	}
	h, w, c := s[0], s[1], s[2]
	if w > math.MaxInt/4/height/c {
		return nil, fmt.Errorf("a picture of shape %v cannot be resized to %d×%d pixels", s, width, height)
	}
	// Columns first, into rows of the new height; then along the rows.
	tall := make([]float32, height*w*c)
	src := t.Uint8s()
	for y, f := range taps(h, height) {
		out := tall[y*w*c : (y+1)*w*c]
		for k, weight := range f.weights {
			for i, v := range src[(f.first+k)*w*c:][:w*c] {
				out[i] += float32(weight * float32(v))
			}
		}
	}
	r := tensor.New(tensor.Uint8, height, width, c)
	dst := r.Uint8s()
	across := taps(w, width)
	for y := range height {
		row := tall[y*w*c : (y+1)*w*c]
		for x, f := range across {
			for ch := range c {
				var v float32
				for k, weight := range f.weights {
					v += float32(weight * row[(f.first+k)*c+ch])
				}
				dst[(y*width+x)*c+ch] = uint8(min(max(v, 0), 255) + 0.5)
			}
		}
	}
	return r, nil
}

// filter is the weights of the source pixels from first on that make one pixel.
type filter struct {
	first   int
	weights []float32
}

// taps is the filter of each of to pixels made of from.
func taps(from, to int) []filter {
	scale := float64(from) / float64(to)
	support := max(scale, 1)
	fs := make([]filter, to)
	for i := range fs {
		center := (float64(i) + 0.5) * scale
		lo := max(int(math.Ceil(center-support-0.5)), 0)
		hi := min(int(math.Floor(center+support-0.5)), from-1)
		f := filter{first: lo, weights: make([]float32, hi-lo+1)}
		var sum float64
		for k := range f.weights {
			v := max(1-math.Abs(float64(lo+k)+0.5-center)/support, 0)
			f.weights[k] = float32(v)
			sum += v
		}
		for k := range f.weights {
			f.weights[k] = float32(float64(f.weights[k]) / sum)
		}
		fs[i] = f
	}
	return fs
}
