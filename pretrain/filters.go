package pretrain

import (
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// A Filter is a dense layer that looks at pictures: each of its units has a
// weight for each pixel, which stand as a picture again.
type Filter struct {
	Layer           string
	Height, Width   int
	Channels, Units int
}

// Filters lists the layers of a net that are reached by pictures with nothing
// between but what keeps every pixel one by itself, each with the given number of
// units at most.
func Filters(n *train.Net, units int) []Filter {
	fields := n.Data().Inputs
	o, err := sketch(n)
	if err != nil || len(fields) != 1 {
		return nil
	}
	s := fields[0].Shape
	f := Filter{Channels: 1}
	switch {
	case len(s) == 2:
	case len(s) == 3 && (s[2] == 1 || s[2] == 3 || s[2] == 4):
		f.Channels = s[2]
	default:
		return nil
	}
	f.Height, f.Width = s[0], s[1]
	pixels := map[graph.Node]bool{}
	for x := range o.b.Nodes() {
		if x.Op().Name == "input" {
			pixels[x] = true
		}
	}
	var out []Filter
	for _, a := range o.layers {
		if len(a.In) != 1 || !pixels[a.In[0]] {
			continue
		}
		if keeps(a) {
			pixels[a.Out] = true
			continue
		}
		if d, ok := a.Layer.(nn.Dense); ok && !a.Shared && a.In[0].Rank() == 2 && a.In[0].Dim(-1) == s.Len() {
			f.Layer, f.Units = a.Path, min(d.Units, units)
			out = append(out, f)
		}
	}
	return out
}

// keeps reports whether a layer leaves every element one by itself, where it is.
func keeps(a param.Applied) bool {
	if a.In[0].Shape().Len() != a.Out.Shape().Len() {
		return false
	}
	switch l := a.Layer.(type) {
	case nn.Flatten, nn.Reshape, nn.Rescale, nn.Standardize, nn.BatchNorm, nn.Dropout, nn.GaussianNoise, nn.Input:
		return true
	case nn.Block:
		for _, x := range l.Layers {
			if !keeps(param.Applied{Layer: x, In: a.In, Out: a.Out}) {
				return false
			}
		}
		return true
	}
	return false
}

// Sheet is the weights of each unit as a picture (units, height, width, channels):
// 0 is gray, the strongest weight of a unit black or white.
func (f Filter) Sheet(kernel *tensor.Tensor) (*tensor.Tensor, error) {
	s := kernel.Shape()
	pixels := f.Height * f.Width * f.Channels
	if len(s) != 2 || s[0] != pixels || s[1] < f.Units {
		return nil, fmt.Errorf("%s: a kernel of shape %v is none of pictures of %d×%d×%d", f.Layer, s, f.Height, f.Width, f.Channels)
	}
	shape := []int{f.Units, f.Height, f.Width}
	if f.Channels > 1 {
		shape = append(shape, f.Channels)
	}
	out := tensor.New(tensor.Float32, shape...)
	for u := range f.Units {
		most := 0.0
		for i := range pixels {
			most = max(most, math.Abs(kernel.Flat(i*s[1]+u)))
		}
		for i := range pixels {
			v := 0.5
			if most > 0 {
				v += kernel.Flat(i*s[1]+u) / (2 * most)
			}
			out.SetFlat(u*pixels+i, min(max(v, 0), 1))
		}
	}
	return out, nil
}

// Value is a parameter of the net, of the part that is trained, or of one that is
// over and has it beside the net, such as a decoder's; nil where none is called
// so.
func (p *Pretraining) Value(name string) *tensor.Tensor {
	if p.now != nil {
		if v := p.now.trainer.Params.Value(name); v != nil {
			return v
		}
	}
	if v := p.net.Params.Value(name); v != nil {
		return v
	}
	return p.extras.Value(name)
}
