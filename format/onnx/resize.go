package onnx

import (
	"fmt"
	"math"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

func init() { ops["Resize"], ops["Upsample"] = resize, resize }

// resize makes images of another size. By whole factors they are made larger: each place is
// repeated, or lies between its neighbours. Anything else is a matrix along each axis.
func resize(c *converter, n *node, args []*value, _ int) (*value, error) {
	v, err := c.image(n, args, 3, 5)
	if err != nil {
		return nil, err
	}
	rank := v.rank()
	axes := n.ints("axes")
	if axes == nil {
		axes = natural(rank)
	}
	var scales []float64
	if a := n.attrs["scales"]; a != nil {
		scales = a.floats
	}
	at := 2
	if n.op == "Upsample" || c.m.opset < 11 {
		at = 1
	}
	if len(args) > at && args[at] != nil {
		if scales, _, _, err = c.numbers(args[at]); err != nil {
			return nil, err
		}
	}
	var sizes []int
	if len(scales) == 0 && n.op == "Resize" && len(args) > 3 && args[3] != nil {
		if sizes, err = c.integers(n, args[3]); err != nil {
			return nil, err
		}
		for i, size := range sizes {
			if i >= len(axes) || axes[i] < -rank || axes[i] >= rank {
				break
			}
			was := v.shape[(axes[i]+rank)%rank]
			if was < 0 && (size == batch || c.rows > 0 && size == c.rows) {
				was = size
			}
			scales = append(scales, float64(size)/float64(was))
		}
		switch n.text("keep_aspect_ratio_policy", "stretch") {
		case "not_larger":
			scales, sizes = slices.Repeat([]float64{slices.Min(append(scales, math.Inf(1)))}, len(scales)), nil
		case "not_smaller":
			scales, sizes = slices.Repeat([]float64{slices.Max(append(scales, 0))}, len(scales)), nil
		}
	}
	if len(scales) != len(axes) {
		return nil, refuse(n, "its factors %v for axes %v are not known before it runs", scales, axes)
	}
	r := resampling{mode: n.text("mode", "nearest"), where: n.text("coordinate_transformation_mode", "half_pixel"), nearest: n.text("nearest_mode", "round_prefer_floor"),
		a: n.float("cubic_coeff_a", -0.75), exclude: n.int("exclude_outside", 0) != 0}
	if n.op == "Upsample" || c.m.opset < 11 {
		r.where, r.nearest = "asymmetric", "floor"
	}
	keeps := n.text("keep_aspect_ratio_policy", "stretch") != "stretch"
	places := slices.Clone(v.shape)
	size := slices.Repeat([]int{1}, rank-2) // where all factors are whole
	whole, most := true, 1
	for i, a := range axes {
		if a < 0 {
			a += rank
		}
		if a < 0 || a >= rank || a < 2 && scales[i] != 1 || !(scales[i] > 0) {
			return nil, refuse(n, "its factor %g of axis %d is none of an axis of places", scales[i], a)
		}
		if a < 2 {
			continue
		}
		at := float64(v.shape[a]) * scales[i]
		switch {
		case sizes != nil:
			places[a] = sizes[i]
		case keeps:
			places[a] = int(math.Floor(at + 0.5))
		default:
			places[a] = int(math.Floor(at))
		}
		if places[a] < 1 || at > maxSample {
			return nil, refuse(n, "%d places become %g", v.shape[a], at)
		}
		f := places[a] / v.shape[a]
		whole = whole && float64(f) == scales[i] && f >= 1 && f <= maxTimes && f*v.shape[a] == places[a]
		size[a-2] = f
		most = max(most, f)
	}
	if slices.Equal(places, v.shape) && whole {
		return v, nil
	}
	half := r.where == "half_pixel" || r.where == "half_pixel_symmetric" || r.where == "pytorch_half_pixel"
	fields := format.Map("size", size)
	switch {
	case whole && r.mode == "nearest" && (r.where == "asymmetric" && (r.nearest == "floor" || r.nearest == "round_prefer_floor" && most == 2) ||
		half && (r.nearest == "round_prefer_floor" || r.nearest == "round_prefer_ceil")):
	case whole && r.mode == "linear" && rank == 4 && half:
		fields = format.Map("size", size, "interpolation", "bilinear")
	default:
		return c.resampled(n, v, r, axes, scales, places)
	}
	for _, f := range size {
		if err := c.spend(n, 4*f); err != nil {
			return nil, err
		}
	}
	out := c.emit(n, noun("up_sampling", rank-2), fields, v)
	out.shape = places
	return out, nil
}

// A resampling says which places each new one lies between, and how much it has of them.
type resampling struct {
	mode, where, nearest string
	a                    float64 // of cubic interpolation (Keys, 1981)
	exclude              bool    // what lies outside counts for nothing, not as the edge
}

// maxMatrix is how many numbers a matrix that makes new places of old ones may have.
const maxMatrix = 1 << 20

// resampled makes images of another size by a matrix along each axis: all that Resize does
// is linear in the image. The matrices are weights of dense layers.
func (c *converter) resampled(n *node, v *value, r resampling, axes []int, scales []float64, places []int) (*value, error) {
	for i, a := range axes {
		if a < 0 {
			a += v.rank()
		}
		from, to, scale := v.shape[a], places[a], scales[i]
		if a < 2 || from == to && scale == 1 {
			continue
		}
		if scale < 1 && n.int("antialias", 0) != 0 || from*to > maxMatrix || from > maxMatrix || to > maxMatrix {
			return nil, refuse(n, "it makes %d places of %d, smoothed, or too many for a matrix", to, from)
		}
		m, ok := r.matrix(from, to, scale)
		if !ok {
			return nil, refuse(n, "mode %s with coordinates %s (%s) is none that is read", r.mode, r.where, r.nearest)
		}
		if c.filled += from * to; c.filled > maxFilled {
			return nil, refuse(n, "constants that are a shape and a number have more than %d elements", maxFilled)
		}
		perm := append(slices.DeleteFunc(slices.Clone(v.perm), func(p int) bool { return p == a }), a)
		var err error
		if v, err = c.arrange(n, v, perm); err != nil {
			return nil, err
		}
		name := fmt.Sprintf("%s.axis%d", nameOf(n), a)
		k := &value{k: &constant{name + ".matrix", 1, tensor.Shape{from, to}, func() (*tensor.Tensor, error) {
			t, err := tensor.TryNew(tensor.Float32, from, to)
			if err == nil {
				for i, x := range m {
					t.SetFlat(i, x)
				}
			}
			return t, err
		}}}
		w, err := c.weight(n, k)
		if err != nil {
			return nil, err
		}
		out := c.emit(&node{name: name}, "dense", format.Map("units", to, "use_bias", false), v, format.Part{Leaf: "kernel", From: []string{w.name}})
		out.shape = slices.Clone(v.shape)
		out.shape[a] = to
		v = out
	}
	return v, nil
}

// matrix is (from, to): column o is what new place o has of the old ones.
func (r resampling) matrix(from, to int, scale float64) ([]float64, bool) {
	m := make([]float64, from*to)
	for o := range to {
		x := (float64(o)+0.5)/scale - 0.5
		switch r.where {
		case "half_pixel":
		case "half_pixel_symmetric":
			x += float64(from) / 2 * (1 - float64(to)/(scale*float64(from)))
		case "pytorch_half_pixel":
			if to == 1 {
				x = 0
			}
		case "align_corners":
			if math.Abs(scale*float64(from)-float64(to)) > 1e-3 { // of which length programs differ
				return nil, false
			}
			if x = 0; to > 1 {
				x = float64(o) * float64(from-1) / float64(to-1)
			}
		case "asymmetric":
			x = float64(o) / scale
		default:
			return nil, false
		}
		low := math.Floor(x)
		d := x - low
		var first int
		var weights []float64
		switch r.mode {
		case "nearest":
			var at float64
			switch r.nearest {
			case "round_prefer_floor":
				at = math.Ceil(x - 0.5)
			case "round_prefer_ceil":
				at = math.Floor(x + 0.5)
			case "floor":
				at = low
			case "ceil":
				at = math.Ceil(x)
			default:
				return nil, false
			}
			first, weights = int(at), []float64{1}
		case "linear":
			first, weights = int(low), []float64{1 - d, d}
		case "cubic":
			first = int(low) - 1
			for _, t := range []float64{1 + d, d, 1 - d, 2 - d} {
				if t <= 1 {
					weights = append(weights, (r.a+2)*t*t*t-(r.a+3)*t*t+1)
				} else {
					weights = append(weights, r.a*t*t*t-5*r.a*t*t+8*r.a*t-4*r.a)
				}
			}
		default:
			return nil, false
		}
		sum := 0.0
		for i, w := range weights {
			at := first + i
			if r.exclude && (at < 0 || at >= from) {
				continue
			}
			sum += w
			m[min(max(at, 0), from-1)*to+o] += w
		}
		if r.exclude && sum != 0 {
			for i := range from {
				m[i*to+o] /= sum
			}
		}
	}
	return m, true
}
