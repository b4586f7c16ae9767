package rewrite

import "github.com/nadir-ml/nadir/graph"

// ConvBias is the attribute of "conv_bias": a convolution to which a number for each
// filter is added, and what is then below 0 taken away with Rectify.
type ConvBias struct {
	graph.ConvAttr
	Rectify bool
}

// Biased joins to a convolution the bias that is added to it, and the relu behind
// that, where nothing else reads what is between; can says which convolutions a
// backend does so for. Every result keeps its bits.
//
//	conv(x, w) + b        = conv_bias(x, w, b)
//	relu(conv(x, w) + b)  = conv_bias(x, w, b), rectified
func Biased(g *graph.Builder, can func(conv graph.Node) bool) *graph.Builder {
	if !has(g, "conv") {
		return g
	}
	r := read(g)
	alone := func(x graph.Node) bool { return len(r.by[x.ID()]) == 1 && !r.kept[x.ID()] }
	return graph.Rewrite(g, func(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
		switch x.Op().Name {
		case "add":
			for k, y := range in {
				b := in[1-k]
				if y.Op().Name == "conv" && alone(x.In(k)) && b.Rank() == 1 && b.Dim(0) == y.Dim(-1) && can(y) {
					return dst.Apply("conv_bias", ConvBias{ConvAttr: y.Attr().(graph.ConvAttr)}, y.In(0), y.In(1), b)
				}
			}
		case "relu":
			if y := in[0]; y.Op().Name == "conv_bias" && alone(x.In(0)) {
				a := y.Attr().(ConvBias)
				a.Rectify = true
				return dst.Apply("conv_bias", a, y.In(0), y.In(1), y.In(2))
			}
		}
		return graph.Node{}
	})
}
