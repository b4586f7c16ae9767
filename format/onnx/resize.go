package onnx

import (
	"math"
	"slices"

	"github.com/nadir-ml/nadir/format"
)

func init() { ops["Resize"], ops["Upsample"] = resize, resize }

// resize makes images larger by whole factors. Each place is repeated, or lies between its
// neighbours.
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
	if len(scales) == 0 && n.op == "Resize" && len(args) > 3 && args[3] != nil {
		sizes, err := c.integers(n, args[3])
		if err != nil {
			return nil, err
		}
		for i, s := range sizes {
			if i >= len(axes) || axes[i] < -rank || axes[i] >= rank {
				break
			}
			was := v.shape[(axes[i]+rank)%rank]
			if was < 0 && (s == batch || c.rows > 0 && s == c.rows) {
				was = s
			}
			scales = append(scales, float64(s)/float64(was))
		}
	}
	if len(scales) != len(axes) || n.text("keep_aspect_ratio_policy", "stretch") != "stretch" {
		return nil, refuse(n, "its factors %v for axes %v are not known before it runs, or keep the ratio of the sides", scales, axes)
	}
	mode, where, nearest := n.text("mode", "nearest"), n.text("coordinate_transformation_mode", "half_pixel"), n.text("nearest_mode", "round_prefer_floor")
	if n.op == "Upsample" || c.m.opset < 11 {
		where, nearest = "asymmetric", "floor"
	}
	size := slices.Repeat([]int{1}, rank-2)
	shape := slices.Clone(v.shape)
	most := 1
	for i, a := range axes {
		if a < 0 {
			a += rank
		}
		f := int(math.Round(scales[i]))
		if a < 0 || a >= rank || float64(f) != scales[i] || f < 1 || f > maxTimes || a < 2 && f != 1 {
			return nil, refuse(n, "its factor %g of axis %d is no whole number from 1 to %d of an axis of places", scales[i], a, maxTimes)
		}
		if a > 1 {
			size[a-2] = f
			shape[a] *= f
			most = max(most, f)
		}
	}
	fields := format.Map("size", size)
	switch {
	case most == 1:
		return v, nil
	case mode == "nearest" && (where == "asymmetric" && (nearest == "floor" || nearest == "round_prefer_floor" && most == 2) ||
		(where == "half_pixel" || where == "half_pixel_symmetric" || where == "pytorch_half_pixel") && (nearest == "round_prefer_floor" || nearest == "round_prefer_ceil")):
	case mode == "linear" && rank == 4 && (where == "half_pixel" || where == "half_pixel_symmetric" || where == "pytorch_half_pixel") && n.int("antialias", 0) == 0:
		fields = format.Map("size", size, "interpolation", "bilinear")
	default:
		return nil, refuse(n, "mode %s with coordinates %s (%s): there is a layer for repeated places, and for images between them, with half_pixel", mode, where, nearest)
	}
	for _, f := range size {
		if err := c.spend(n, 4*f); err != nil {
			return nil, err
		}
	}
	out := c.emit(n, noun("up_sampling", rank-2), fields, v)
	out.shape = shape
	return out, nil
}
