package nn

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// Sides is a number of places before and after each axis of a sample but the
// channels'. One pair stands for all axes. As text it is one number for all sides,
// or a list with a number, or a pair of them, for each axis.
type Sides [][2]int

// Even is the same number of places before and after each axis; one number
// stands for all axes.
func Even(n ...int) Sides {
	s := make(Sides, len(n))
	for i, v := range n {
		s[i] = [2]int{v, v}
	}
	return s
}

// UnmarshalSpec reads sides.
func (s *Sides) UnmarshalSpec(v spec.Value) error {
	*s = nil
	items := []spec.Value{v}
	if v.Kind == spec.List {
		items = v.Items
	} else if v.Kind == spec.Null {
		return nil
	}
	for _, item := range items {
		var side [2]int
		ends := []spec.Value{item, item}
		if item.Kind == spec.List {
			ends = item.Items
		}
		if len(ends) != 2 {
			return errors.New("want one number for both sides, or a pair")
		}
		for i, e := range ends {
			n, err := strconv.Atoi(e.Text)
			if e.Kind != spec.Number || err != nil || n < 0 {
				return errors.New("want whole numbers, 0 or more: one for all sides, or for each axis one or a pair")
			}
			side[i] = n
		}
		*s = append(*s, side)
	}
	return nil
}

// MarshalSpec writes sides.
func (s Sides) MarshalSpec() (spec.Value, error) {
	if len(s) == 1 && s[0][0] == s[0][1] {
		return spec.Num(float64(s[0][0])), nil
	}
	out := spec.Value{Kind: spec.List}
	for _, side := range s {
		v := spec.Num(float64(side[0]))
		if side[0] != side[1] {
			v = spec.Value{Kind: spec.List, Items: []spec.Value{v, spec.Num(float64(side[1]))}}
		}
		out.Items = append(out.Items, v)
	}
	return out, nil
}

// on gives each of so many axes its sides. Two numbers for one axis are its pair.
func (s Sides) on(key string, axes int) (Sides, error) {
	if axes == 1 && len(s) == 2 && s[0][0] == s[0][1] && s[1][0] == s[1][1] {
		s = Sides{{s[0][0], s[1][0]}}
	}
	out := make(Sides, axes)
	for i := range out {
		switch {
		case len(s) == 1:
			out[i] = s[0]
		case len(s) == axes:
			out[i] = s[i]
		case len(s) > 0:
			return nil, spec.Field(key, "has %d entries for %d axes; want one, or one for each", len(s), axes)
		}
		if out[i][0] < 0 || out[i][1] < 0 {
			return nil, spec.Field(key, "want numbers not below 0, got %v", out[i])
		}
	}
	return out, nil
}

// Padding says how much is put around an input before a window slides over it.
// The zero Padding is [Valid].
type Padding struct {
	mode  string
	sides Sides
}

// The paddings that have names. Valid is none. Same is as much as gives
// ⌈n/stride⌉ results of n places, half of it on each side and the odd one behind.
// Causal is all of it in front, so that no result sees what comes after it.
var (
	Valid  = Padding{}
	Same   = Padding{mode: "same"}
	Causal = Padding{mode: "causal"}
)

// Pad is padding of so many places.
func Pad(sides Sides) Padding { return Padding{sides: sides} }

// String is the padding's name, or its numbers.
func (p Padding) String() string {
	switch {
	case p.mode != "":
		return p.mode
	case len(p.sides) == 0:
		return "valid"
	}
	v, _ := p.sides.MarshalSpec() // never fails
	return string(v.JSON())
}

// UnmarshalSpec reads a name, or numbers as of [Sides].
func (p *Padding) UnmarshalSpec(v spec.Value) error {
	*p = Padding{}
	if v.Kind != spec.String {
		return p.sides.UnmarshalSpec(v)
	}
	switch v.Text {
	case "valid":
	case "same", "causal":
		p.mode = v.Text
	default:
		return &spec.Error{Pos: v.Pos, Msg: fmt.Sprintf("unknown padding %q; want valid, same, causal, or how much on each side", v.Text), Word: v.Text, Nearest: spec.Nearest(v.Text, []string{"valid", "same", "causal"})}
	}
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (p Padding) MarshalSpec() (spec.Value, error) {
	if len(p.sides) > 0 {
		return p.sides.MarshalSpec()
	}
	return spec.Str(p.String()), nil
}

// each gives every axis its number; one number stands for all, and none for
// otherwise.
func each(key string, v tensor.Shape, axes, otherwise int) (tensor.Shape, error) {
	out := make(tensor.Shape, axes)
	for i := range out {
		switch len(v) {
		case 0:
			out[i] = otherwise
		case 1:
			out[i] = v[0]
		case axes:
			out[i] = v[i]
		default:
			return nil, spec.Field(key, "has %d entries for %d axes; want one, or one for each", len(v), axes)
		}
		if err := positive(key, out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sliding is a window as layers have it.
type sliding struct {
	sizeKey                 string
	size, strides, dilation tensor.Shape
	padding                 Padding
	ceil                    bool // a last window that is cut off counts
}

// spans resolves a window over so many axes of unknown length; padding that
// depends on the length comes later.
func (l sliding) spans(axes int) ([]graph.Span, error) {
	size, err := each(l.sizeKey, l.size, axes, 0)
	if err != nil {
		return nil, err
	}
	strides, err := each("strides", l.strides, axes, 1)
	if err != nil {
		return nil, err
	}
	dilation, err := each("dilation_rate", l.dilation, axes, 1)
	if err != nil {
		return nil, err
	}
	sides, err := l.padding.sides.on("padding", axes)
	if err != nil {
		return nil, err
	}
	if l.padding.mode == "causal" && axes > 1 {
		return nil, spec.Field("padding", "causal is for sequences; want valid, same, or how much on each side")
	}
	out := make([]graph.Span, axes)
	for i := range out {
		out[i] = graph.Span{Size: size[i], Stride: strides[i], Dilation: dilation[i], Before: sides[i][0], After: sides[i][1]}
		if s := out[i]; s.Size > 1<<20 || s.Dilation > 1<<20 || s.Stride > 1<<20 || s.Before > 1<<20 || s.After > 1<<20 {
			return nil, spec.Field(l.sizeKey, "window %+v is too large", s)
		}
	}
	return out, nil
}

// window is the window over an input of the given spatial shape. extra is what
// was put behind each axis for a last window that is cut off.
func (l sliding) window(space tensor.Shape) (w graph.Window, extra []int, err error) {
	spans, err := l.spans(len(space))
	if err != nil {
		return w, nil, err
	}
	extra = make([]int, len(space))
	for i := range spans {
		s, n := &spans[i], space[i]
		switch l.padding.mode {
		case "same":
			all := max((n+s.Stride-1)/s.Stride*s.Stride-s.Stride+s.Extent()-n, 0)
			s.Before, s.After = all/2, all-all/2
		case "causal":
			s.Before, s.After = s.Extent()-1, 0
		}
		if room := n + s.Before + s.After - s.Extent(); l.ceil && room >= 0 && room%s.Stride != 0 {
			// One window more, if it begins within the input or what is in front.
			if (room/s.Stride+1)*s.Stride < n+s.Before {
				extra[i] = s.Stride - room%s.Stride
				s.After += extra[i]
			}
		}
	}
	return graph.Slide(spans...), extra, nil
}

// axesNames are what misfits call the axes of an input.
var axesNames = [...]string{1: "sequences (N, steps, channels)", 2: "images (N, rows, columns, channels)", 3: "volumes (N, planes, rows, columns, channels)"}

// space checks that x has a batch, so many axes, and channels.
func space(s *Scope, x graph.Node, axes int) (graph.Node, bool) {
	if !x.Valid() {
		return x, false
	}
	x = x.ToFloat()
	if x.Rank() == axes+1 && x.Rank() > 0 {
		s.B.Misfit("wants %s, got %v; where there is one channel, put reshape: {target_shape: [%s]} in front", axesNames[axes], x.Type(), strings.ReplaceAll(append(x.Shape()[1:].Clone(), 1).Times(), "x", ", "))
		return x, false
	}
	if x.Rank() != axes+2 {
		s.B.Misfit("wants %s, got %v", axesNames[axes], x.Type())
		return x, false
	}
	return x, true
}
