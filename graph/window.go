package graph

import (
	"fmt"

	"github.com/nadir-ml/nadir/tensor"
)

// MaxSpatial is the largest number of axes that a window slides along.
const MaxSpatial = 3

// A Span is how a window lies along one axis: Size taps, Dilation apart, moved
// by Stride from one result to the next, over an input with Before and After
// places more at its ends than it has. In a convolution those hold zeros, in a
// pool nothing.
type Span struct{ Size, Stride, Dilation, Before, After int }

// Extent is the number of places from the first tap to the last.
func (s Span) Extent() int { return (s.Size-1)*s.Dilation + 1 }

// Out is the number of results along an input of n places, 0 where the window
// is larger than what there is.
func (s Span) Out(n int) int {
	room := n + s.Before + s.After - s.Extent()
	if room < 0 {
		return 0
	}
	return room/s.Stride + 1
}

// A Window slides along the axes between the first of an input (N, …, C) and the
// last, one span an axis. It is made by [Slide] and is comparable.
type Window struct {
	n     int8
	spans [MaxSpatial]Span
}

// Slide is a window of the given spans, from the outermost axis. A stride or a
// dilation of 0 stands for 1. More than MaxSpatial spans make a window that no op
// accepts.
func Slide(spans ...Span) Window {
	w := Window{n: int8(min(len(spans), MaxSpatial+1))}
	for i, s := range spans[:min(len(spans), MaxSpatial)] {
		if s.Stride == 0 {
			s.Stride = 1
		}
		if s.Dilation == 0 {
			s.Dilation = 1
		}
		w.spans[i] = s
	}
	return w
}

// Spans lists the spans.
func (w Window) Spans() []Span { return w.spans[:min(w.n, MaxSpatial)] }

// Rank is the number of axes.
func (w Window) Rank() int { return int(w.n) }

// Taps is the number of places that the window looks at.
func (w Window) Taps() int {
	n := 1
	for _, s := range w.Spans() {
		n *= s.Size
	}
	return n
}

// Volume is the window over an input of spatial shape in as one along MaxSpatial
// axes, with the number of places of the input and of the result along each: what
// loops go by. Axes that are missing are put in front and have one place.
func (w Window) Volume(in [MaxSpatial]int) (spans [MaxSpatial]Span, from, to [MaxSpatial]int) {
	lead := MaxSpatial - w.Rank()
	for i := range spans {
		spans[i], from[i], to[i] = Span{Size: 1, Stride: 1, Dilation: 1}, 1, 1
		if k := i - lead; k >= 0 {
			spans[i], from[i], to[i] = w.spans[k], in[k], w.spans[k].Out(in[k])
		}
	}
	return spans, from, to
}

// String writes the window as [3/2d1+1+1 …]: size, stride, dilation, what is
// added before and after.
func (w Window) String() string {
	var out []string
	for _, s := range w.Spans() {
		out = append(out, fmt.Sprintf("%d/%dd%d+%d+%d", s.Size, s.Stride, s.Dilation, s.Before, s.After))
	}
	return fmt.Sprint(out)
}

// check refuses a window that is none. Inputs and kernels far larger than memory
// are refused by their shapes; here nothing overflows.
func (w Window) check() error {
	const most = 1 << 30
	if w.n < 1 || w.n > MaxSpatial {
		return fmt.Errorf("a window slides along 1 to %d axes, not %d", MaxSpatial, w.n)
	}
	for i, s := range w.Spans() {
		switch {
		case s.Size < 1:
			return fmt.Errorf("axis %d of the window has size %d; want 1 or more", i, s.Size)
		case s.Stride < 1:
			return fmt.Errorf("axis %d of the window has stride %d; want 1 or more", i, s.Stride)
		case s.Dilation < 1:
			return fmt.Errorf("axis %d of the window has dilation %d; want 1 or more", i, s.Dilation)
		case s.Before < 0 || s.After < 0:
			return fmt.Errorf("axis %d of the input has padding %d and %d; want 0 or more", i, s.Before, s.After)
		case s.Size > most || s.Dilation > most || s.Size*s.Dilation > most || s.Before > most || s.After > most || s.Stride > most:
			return fmt.Errorf("axis %d of the window, %v, is too large", i, w)
		}
	}
	return nil
}

// slide is the spatial shape that the window gives of one.
func (w Window) slide(in tensor.Shape) (tensor.Shape, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	if len(in) != w.Rank() {
		return nil, fmt.Errorf("the window has %d axes, the input %d between batch and channels", w.Rank(), len(in))
	}
	out := make(tensor.Shape, len(in))
	for i, s := range w.Spans() {
		if out[i] = s.Out(in[i]); out[i] == 0 {
			return nil, fmt.Errorf("the window spans %d places of axis %d, the input has %d, with padding %d; want a smaller window, or more padding", s.Extent(), i+1, in[i], in[i]+s.Before+s.After)
		}
	}
	return out, nil
}

// spatial is the axes between the first and the last.
func spatial(s tensor.Shape) tensor.Shape {
	if len(s) < 2 {
		return nil
	}
	return s[1 : len(s)-1]
}

// windowed is the type (N, …, C) of x with other spatial axes.
func windowed(x Type, space tensor.Shape) Type {
	s := append(tensor.Shape{x.Shape[0]}, space...)
	return Type{x.Kind, append(s, x.Shape[len(x.Shape)-1])}
}
