package augment

import (
	"errors"
	"math"

	"github.com/nadir-ml/nadir/internal/kernel"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Transforms.Register("random_elastic", Elastic{}, spec.Alias("elastic"), spec.Doc("bends the picture, as handwriting varies"))
}

// Elastic moves each pixel by a field of random displacements, uniform in
// [−1, 1], smoothed by a Gaussian of deviation sigma and multiplied by alpha
// (Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural
// Networks Applied to Visual Document Analysis", ICDAR 2003). Both are in
// pixels; the paper takes 34 and 4 for digits of 29×29.
type Elastic struct {
	Alpha float64 `spec:"alpha,scalar" default:"34" doc:"how strong, in pixels before smoothing"`
	Sigma float64 `spec:"sigma" default:"4" doc:"deviation of the smoothing, in pixels"`
	Fill  `spec:",inline"`
}

// Validate refuses a sigma outside (0, 64] and an alpha outside [0, 1e4].
func (t Elastic) Validate() error {
	var errs []error
	if s := spec.Or(t.Sigma, 4); !(s > 0 && s <= 64) {
		errs = append(errs, spec.Field("sigma", "want a number above 0, at most 64, got %g", s))
	}
	if a := spec.Or(t.Alpha, 34); !(a >= 0 && a <= 1e4) {
		errs = append(errs, spec.Field("alpha", "want a number from 0 to 10000, got %g", a))
	}
	return errors.Join(append(errs, t.check())...)
}

func (t Elastic) stage() stage {
	sigma, alpha := spec.Or(t.Sigma, 4), spec.Or(t.Alpha, 34)
	window := make([]float32, 2*int(math.Ceil(3*sigma))+1)
	sum := float32(0)
	for i := range window {
		d := (float64(i) - float64(len(window)/2)) / sigma
		window[i] = float32(math.Exp(-d * d / 2))
		sum += window[i]
	}
	for i := range window {
		window[i] /= sum
	}
	return stage{values: func(p *picture, r *rng.Stream) {
		n := p.h * p.w
		dx, dy := p.more[:n], p.more[n:2*n]
		for _, field := range [][]float32{dx, dy} {
			kernel.Uniform(field, [2]uint32{r.Uint32(), r.Uint32()}, 0, 0, 0)
			for i, u := range field {
				field[i] = float32(2*u-1) * float32(alpha)
			}
			smooth(field, p.room[:n], p.h, p.w, window)
		}
		for y := range p.h {
			for x := range p.w {
				i := y*p.w + x
				p.sample(p.room[i*p.c:][:p.c], float64(x)+float64(dx[i]), float64(y)+float64(dy[i]), t.Fill)
			}
		}
		p.x, p.room = p.room, p.x
	}}
}

// smooth convolves a field with a window along both axes. Outside lies 0.
func smooth(field, room []float32, h, w int, window []float32) {
	half := len(window) / 2
	clear(room)
	for y := range h {
		from, to := field[y*w:][:w], room[y*w:][:w]
		for k, f := range window {
			d := k - half
			add(to[min(w, max(0, -d)):], from[min(w, max(0, d)):], f)
		}
	}
	clear(field)
	for y := range h {
		for k, f := range window {
			if j := y + k - half; j >= 0 && j < h {
				add(field[y*w:][:w], room[j*w:][:w], f)
			}
		}
	}
}

// add adds f times x to y, as far as both go.
func add(y, x []float32, f float32) {
	x = x[:min(len(x), len(y))]
	for i, v := range x {
		y[i] += float32(f * v)
	}
}
