package onnx

import (
	"fmt"
	"math"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

func init() { ops["Resize"], ops["Upsample"] = op{resize, 1, floating}, op{resize, 1, floating} }

// resize makes images of another size. By whole factors they are made larger: each place is
// repeated, or lies between its neighbours. Anything else is a matrix along each axis.
func resize(c *converter, n *node, args []*value, _ int) (*value, error) {
	v, err := c.image(n, args[0], 3, 5)
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
		a: n.float("cubic_coeff_a", -0.75), exclude: n.int("exclude_outside", 0) != 0, smooth: n.int("antialias", 0) != 0}
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
	if r.where == "tf_crop_and_resize" {
		if r.parts, err = c.cropped(n, args, axes, rank); err != nil {
			return nil, err
		}
		r.beyond = n.float("extrapolation_value", 0)
		return c.resampled(n, v, r, axes, scales, places)
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
	a                    float64      // of cubic interpolation (Keys, 1981)
	exclude              bool         // what lies outside counts for nothing, not as the edge
	smooth               bool         // what is made smaller is smoothed before
	parts                [][2]float64 // of each axis, what is made an image of, from 0 to 1
	beyond               float64      // what stands outside of the image, where a part reaches there
}

// cropped reads what part of each axis a node makes an image of, from 0 to 1.
func (c *converter) cropped(n *node, args []*value, axes []int, rank int) ([][2]float64, error) {
	if len(args) < 2 || args[1] == nil {
		return nil, refuse(n, "it makes an image of a part that is not said")
	}
	f, _, ok, err := c.numbers(args[1])
	if err != nil {
		return nil, err
	}
	if !ok || len(f) != 2*len(axes) {
		return nil, refuse(n, "the part that it makes an image of is no constant of %d numbers", 2*len(axes))
	}
	out := make([][2]float64, rank)
	for i := range out {
		out[i] = [2]float64{0, 1}
	}
	for i, a := range axes {
		part := [2]float64{f[i], f[i+len(axes)]}
		if a = (a + rank) % rank; a < 2 && part != out[a] || math.IsNaN(part[0]-part[1]) || math.Abs(part[0])+math.Abs(part[1]) > 1<<20 {
			return nil, refuse(n, "it takes the part %v of axis %d", part, a)
		}
		out[a] = part
	}
	return out, nil
}

// maxMatrix is how many numbers a matrix that makes new places of old ones may have.
const maxMatrix = 1 << 20

// resampled makes images of another size by a matrix along each axis: all that Resize does
// is linear in the image. The matrices are weights of dense layers.
func (c *converter) resampled(n *node, v *value, r resampling, axes []int, scales []float64, places []int) (*value, error) {
	inside := make([][]bool, v.rank()) // where a part of the image lies in it
	for i, a := range axes {
		if a < 0 {
			a += v.rank()
		}
		from, to, scale := v.shape[a], places[a], scales[i]
		part := [2]float64{0, 1}
		if r.parts != nil {
			part = r.parts[a]
		}
		if a < 2 || from == to && scale == 1 && part == [2]float64{0, 1} {
			continue
		}
		if err := matrixFits(n, from, to); err != nil {
			return nil, err
		}
		if r.fractional(from, to, scale) {
			c.warn("%s: %d places become %g, of which %d are kept: corners lie where ONNX's definition has them; programs that count whole places alone, such as onnxruntime and PyTorch, put the last place of what is kept on the last one", n.what(), from, short(scale*float64(from)), to)
		}
		m, within, ok := r.matrix(from, to, scale, part)
		inside[a] = within
		if !ok {
			return nil, refuse(n, "mode %s with coordinates %s (%s) is none that is read", r.mode, r.where, r.nearest)
		}
		var err error
		if v, err = c.along(n, v, a, to, m); err != nil {
			return nil, err
		}
	}
	if r.beyond == 0 || !slices.ContainsFunc(inside, func(w []bool) bool { return slices.Contains(w, false) }) {
		return v, nil
	}
	shape := tensor.Shape(v.shape[2:])
	if shape.Len() > maxMatrix {
		return nil, refuse(n, "it puts %g around parts of images of %v places, which are too many", r.beyond, shape)
	}
	if err := c.fill(n, shape.Len()); err != nil {
		return nil, err
	}
	around := &value{k: &constant{name: nameOf(n) + ".around", code: v.code, shape: shape, read: func() (*tensor.Tensor, error) {
		t, err := tensor.TryNew(dtypeOf(v.code), shape...)
		if err != nil {
			return nil, err
		}
		for i := range t.Len() {
			for k, a := i, len(shape)-1; a >= 0; a-- {
				if w := inside[a+2]; w != nil && !w[k%shape[a]] {
					t.SetFlat(i, r.beyond)
				}
				k /= shape[a]
			}
		}
		return t, nil
	}}}
	return c.affine(&node{op: n.op, name: nameOf(n) + ".beyond"}, v, around, "beta", nil)
}

// fractional reports whether corners are aligned of a length that is no whole number: the
// last old place stands (length − 1) places behind the first new one, where no place is.
func (r resampling) fractional(from, to int, scale float64) bool {
	return r.where == "align_corners" && to > 1 && math.Abs(scale*float64(from)-float64(to)) > 1e-3
}

// matrixFits checks the size of a matrix that makes new places of old ones.
func matrixFits(n *node, from, to int) error {
	if from*to > maxMatrix || from > maxMatrix || to > maxMatrix {
		return refuse(n, "it makes %d places of %d, which is too many for a matrix", to, from)
	}
	return nil
}

// along makes new places of those of an axis by a matrix (from, to), the weights of a dense layer that
// are not learned.
func (c *converter) along(n *node, v *value, a, to int, m []float64) (*value, error) {
	from := v.shape[a]
	if err := c.fill(n, from*to); err != nil {
		return nil, err
	}
	perm := append(slices.DeleteFunc(slices.Clone(v.perm), func(p int) bool { return p == a }), a)
	v, err := c.arrange(n, v, perm)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s.axis%d", nameOf(n), a)
	k := &value{k: &constant{name: name + ".matrix", code: 1, shape: tensor.Shape{from, to}, read: func() (*tensor.Tensor, error) {
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
	out := c.emit(&node{name: name}, "dense", format.Map("units", to, "use_bias", false, "trainable", false), v, format.Part{Leaf: "kernel", From: []string{w.name}})
	out.shape = slices.Clone(v.shape)
	out.shape[a] = to
	return out, nil
}

// matrix is (from, to): column o is what new place o has of the old ones; of those that lie
// outside of what there is, nothing.
func (r resampling) matrix(from, to int, scale float64, part [2]float64) (m []float64, inside []bool, ok bool) {
	m = make([]float64, from*to)
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
			if x = 0; to > 1 {
				length := float64(to)
				if r.fractional(from, to, scale) {
					length = scale * float64(from)
				}
				x = float64(o) * float64(from-1) / (length - 1)
			}
		case "asymmetric":
			x = float64(o) / scale
		case "tf_crop_and_resize":
			if x = (part[0] + part[1]) / 2 * float64(from-1); to > 1 {
				x = part[0]*float64(from-1) + float64(o)*(part[1]-part[0])*float64(from-1)/float64(to-1)
			}
			inside = append(inside, x >= 0 && x <= float64(from-1))
			if !inside[o] {
				continue
			}
		default:
			return nil, nil, false
		}
		low := math.Floor(x)
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
				return nil, nil, false
			}
			first, weights = int(at), []float64{1}
		case "linear", "cubic":
			reach, by := 1.0, 1.0 // how far a place is seen
			if r.mode == "cubic" {
				reach = 2
			}
			if r.smooth && scale < 1 { // as far as places lie apart in what is made
				by = scale
			}
			sum := 0.0
			first = int(math.Floor(x-reach/by)) + 1
			for at := first; float64(at) < x+reach/by; at++ {
				weights = append(weights, r.kernel(math.Abs(float64(at)-x)*by))
				sum += weights[len(weights)-1]
			}
			if by < 1 {
				for i := range weights {
					weights[i] /= sum
				}
			}
		default:
			return nil, nil, false
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
	return m, inside, true
}

// kernel is what is seen of a place so far away.
func (r resampling) kernel(t float64) float64 {
	switch {
	case r.mode == "linear":
		return max(1-t, 0)
	case t <= 1:
		return (r.a+2)*t*t*t - (r.a+3)*t*t + 1
	}
	return r.a*t*t*t - 5*r.a*t*t + 8*r.a*t - 4*r.a
}
