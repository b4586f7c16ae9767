package saved

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// mostGroups is in how many convolutions one of several groups may be taken apart.
const mostGroups = 1024

// A lie is how a window lies on an input, in TensorFlow's words: the padding that has a name,
// and what has to be put around the input before, where none says it.
type lie struct {
	padding                    string
	around                     [][2]int // of batch, axes and channels; nil where none
	size, strides, dilations   []int    // of the axes
	stride4, dilation4, ksize4 []int    // with those of batch and channels
}

// lay puts a window on an input. A sequence is a picture of one row.
func lay(win graph.Window, space tensor.Shape) lie {
	spans := slices.Clone(win.Spans())
	space = space.Clone()
	if len(spans) == 1 {
		spans = append([]graph.Span{{Size: 1, Stride: 1, Dilation: 1}}, spans...)
		space = append(tensor.Shape{1}, space...)
	}
	l := lie{padding: "VALID"}
	none, same := true, true
	l.around = [][2]int{{}}
	for i, s := range spans {
		l.size, l.strides, l.dilations = append(l.size, s.Size), append(l.strides, s.Stride), append(l.dilations, s.Dilation)
		none = none && s.Before == 0 && s.After == 0
		n := space[i]
		all := max((n+s.Stride-1)/s.Stride*s.Stride-s.Stride+s.Extent()-n, 0)
		same = same && s.Before == all/2 && s.After == all-all/2
		l.around = append(l.around, [2]int{s.Before, s.After})
	}
	l.around = append(l.around, [2]int{})
	if none || same {
		l.around = nil
	}
	if same && !none {
		l.padding = "SAME"
	}
	whole := func(v []int) []int { return slices.Concat([]int{1}, v, []int{1}) }
	l.ksize4, l.stride4, l.dilation4 = whole(l.size), whole(l.strides), whole(l.dilations)
	return l
}

// picture makes a sequence a picture of one row.
func (w *writer) picture(path, in string, x graph.Node) string {
	if x.Rank() != 3 {
		return in
	}
	return w.reshaped(path, in, w.float, []axis{{1, true}, {1, false}, {x.Dim(1), false}, {x.Dim(2), false}})
}

// sequence undoes picture.
func (w *writer) sequence(path, y string, x graph.Node) string {
	if x.Rank() != 3 {
		return y
	}
	return w.reshaped(path, y, w.float, []axis{{1, true}, {x.Dim(1), false}, {x.Dim(2), false}})
}

// matrix is a constant of rows of whole numbers.
func (w *writer) matrix(v []int, rows int) string {
	t := tensor.New(tensor.Int32, rows, len(v)/rows)
	for i, x := range v {
		t.SetFlat(i, float64(x))
	}
	return w.constant(typeInt32, t)
}

// pool slides a window over an input whose outside counts as v.
func (w *writer) pool(path, op, in string, from, x graph.Node, win graph.Window, v float64) string {
	l := lay(win, from.Shape()[1:from.Rank()-1])
	in = w.picture(path, in, from)
	if l.around != nil {
		in = w.padded(path, in, l.around, v)
	}
	format := "NHWC"
	if x.Rank() == 5 {
		op, format = op+"3D", "NDHWC"
	}
	y := w.op(path, op, []string{in}, intsAttr("ksize", l.ksize4...), intsAttr("strides", l.stride4...), textAttr("padding", l.padding), textAttr("data_format", format))
	return w.sequence(path, y, x)
}

// convolution is a convolution, or one that goes the other way. It says why there is none.
func (w *writer) convolution(path string, x graph.Node, in []string) (y, why string) {
	a := x.Attr().(graph.ConvAttr)
	l := lay(a.Window, a.Space())
	gapped := slices.ContainsFunc(l.dilations, func(d int) bool { return d != 1 })
	back := x.Op().Name == "conv_input"
	kernel := x.In(1)
	switch {
	case len(l.size) == 3 && (a.Groups != 1 || gapped || back):
		return "", "TensorFlow convolves volumes without groups and gaps alone"
	case back && gapped:
		return "", "TensorFlow has no transposed convolutions whose windows have gaps"
	case back && a.Groups > mostGroups:
		return "", fmt.Sprintf("a convolution of %d groups would be as many operations", a.Groups)
	}
	k := in[1]
	taps := kernel.Shape()[:a.Window.Rank()]
	shaped := func(channels, filters int) { // a row of a picture
		if k == in[1] && len(taps) > 1 && kernel.Dim(-2) == channels && kernel.Dim(-1) == filters {
			return
		}
		to := []axis{{l.size[0], false}, {l.size[1], false}, {channels, false}, {filters, false}}
		k = w.reshaped(path, in[1], w.float, to)
	}
	channels, filters := kernel.Dim(-2), kernel.Dim(-1)
	from := w.picture(path, in[0], x.In(0))
	if back {
		shaped(channels, filters)
		return w.transposed(path, x, from, k, l, a.Groups), ""
	}
	if l.around != nil {
		from = w.padded(path, from, l.around, 0)
	}
	attrs := func() []attribute {
		return []attribute{intsAttr("strides", l.stride4...), textAttr("padding", l.padding), intsAttr("dilations", l.dilation4...), textAttr("data_format", "NHWC")}
	}
	switch {
	case len(l.size) == 3:
		y = w.op(path, "Conv3D", []string{from, k}, intsAttr("strides", l.stride4...), textAttr("padding", l.padding), intsAttr("dilations", l.dilation4...), textAttr("data_format", "NDHWC"))
	case a.Groups == 1:
		shaped(channels, filters)
		y = w.op(path, "Conv2D", []string{from, k}, attrs()...)
	case channels == 1 && !gapped && l.strides[0] == l.strides[1]:
		// The kernel as the layer has it is what TensorFlow wants, too.
		own := kernel
		if kernel.Op().Name == "reshape" {
			own = kernel.In(0)
		}
		if r, ok := w.refs[own.ID()]; ok && len(taps) == 2 && own.Shape().Equal(append(taps.Clone(), a.Groups, filters/a.Groups)) {
			k = r
		} else {
			shaped(a.Groups, filters/a.Groups)
		}
		y = w.op(path, "DepthwiseConv2dNative", []string{from, k}, attrs()...)
	case a.Groups > mostGroups:
		return "", fmt.Sprintf("a convolution of %d groups would be as many operations", a.Groups)
	default:
		shaped(channels, filters)
		y = w.grouped(path, from, k, a.Groups, func(from, k string) string { return w.op(path, "Conv2D", []string{from, k}, attrs()...) })
	}
	return w.sequence(path, y, x), ""
}

// grouped convolves groups of channels by themselves.
func (w *writer) grouped(path, from, k string, groups int, one func(from, k string) string) string {
	split := func(in string) string {
		return w.add(path+"/split", "Split", []string{w.whole(3), in}, typeAttr("T", w.float), intAttr("num_split", groups))
	}
	a, b := split(from), split(k)
	var parts []string
	for i := range groups {
		parts = append(parts, one(result(a, i), result(b, i)))
	}
	return w.add(path+"/concat", "ConcatV2", append(parts, w.whole(3)), typeAttr("T", w.float), typeAttr("Tidx", typeInt32), intAttr("N", groups))
}

// result is a node's result of that number.
func result(node string, i int) string {
	if i == 0 {
		return node
	}
	return fmt.Sprintf("%s:%d", node, i)
}

// transposed is a convolution that goes the other way. Padding that has no name is cut off
// behind it.
func (w *writer) transposed(path string, x graph.Node, from, k string, l lie, groups int) string {
	space := x.Shape()[1 : x.Rank()-1]
	if len(space) == 1 {
		space = append(tensor.Shape{1}, space...)
	}
	to := []axis{{1, true}}
	for i, n := range space {
		if l.around != nil {
			n += l.around[i+1][0] + l.around[i+1][1]
		}
		to = append(to, axis{n, false})
	}
	channels := x.Dim(-1) / groups
	sizes := w.shape(path, append(to, axis{channels, false}))
	one := func(from, k string) string {
		return w.op(path, "Conv2DBackpropInput", []string{sizes, k, from}, intsAttr("strides", l.stride4...), textAttr("padding", l.padding), intsAttr("dilations", l.dilation4...), textAttr("data_format", "NHWC"))
	}
	var y string
	if groups == 1 {
		y = one(from, k)
	} else {
		// Filters of a group see its channels: both are side by side.
		y = w.grouped(path, from, k, groups, one)
	}
	if l.around != nil {
		begin, size := []int{0, l.around[1][0], l.around[2][0], 0}, []int{-1, space[0], space[1], -1}
		y = w.add(path+"/Slice", "Slice", []string{y, w.ints(begin...), w.ints(size...)}, typeAttr("T", w.float), typeAttr("Index", typeInt32))
	}
	return w.sequence(path, y, x)
}
