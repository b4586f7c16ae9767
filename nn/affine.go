package nn

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("affine", Affine{}, spec.Doc("a learned scale and offset, one for each element of the axes that are named"))
}

// Affine scales and shifts:
//
//	y = γ·x + β
//
// γ and β have a number for each element of the axes that are named, which is
// shared along all others: that of the features (N, …, features) where Axes is nil. Where
// Axes is there and empty they are one number each, for all. It is
// batch normalization without the normalization; other frameworks' graphs have it
// as a product and a sum with weights. Those that are constants of such a graph are Fixed.
type Affine struct {
	Axes      []int      `spec:"axes" default:"-1" doc:"axes with numbers of their own, the batch's being 0; counted from the end where negative; [] for one number for all"`
	NoCenter  bool       `spec:"center,not" doc:"learn an offset beta"`
	NoScale   bool       `spec:"scale,not" doc:"learn a scale gamma"`
	Fixed     bool       `spec:"trainable,not" doc:"learn them; else they stay as they are"`
	BetaInit  param.Init `spec:"beta_initializer" doc:"initializer of beta, zeros without"`
	GammaInit param.Init `spec:"gamma_initializer" doc:"initializer of gamma, ones without"`
	Name      string     `spec:"name" doc:"name of the layer"`
}

// Validate refuses the batch's axis, and axes that are named twice.
func (l Affine) Validate() error {
	for i, a := range l.Axes {
		if a == 0 {
			return spec.Field("axes", "axis 0 is the batch's, along which nothing is learned")
		}
		if slices.Contains(l.Axes[:i], a) {
			return spec.Field("axes", "axis %d is named twice", a)
		}
	}
	return nil
}

// Apply declares gamma and beta.
func (l Affine) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	x = x.ToFloat()
	if x.Rank() < 2 {
		return s.B.Fail("wants samples with features, (N, …, features), got %v", x.Type())
	}
	axes := l.Axes
	if axes == nil {
		axes = []int{-1}
	}
	var shape tensor.Shape // of the weights
	wide := make(tensor.Shape, x.Rank()-1)
	for i := range wide {
		wide[i] = 1
	}
	last := 0
	for _, a := range axes {
		if a < 0 {
			a += x.Rank()
		}
		if a <= last || a >= x.Rank() {
			return s.B.Fail("axes %v are not in order, or none of %v", axes, x.Type())
		}
		last = a
		shape, wide[a-1] = append(shape, x.Dim(a)), x.Dim(a)
	}
	weight := func(leaf string, init, def param.Init) graph.Node {
		if init == nil {
			init = def
		}
		if l.Fixed {
			return s.Stat(leaf, init, shape...).Reshape(wide...)
		}
		return s.Weight(leaf, init, shape...).Reshape(wide...)
	}
	y := x
	if !l.NoScale {
		y = y.Mul(weight("gamma", l.GammaInit, initial.Ones{}))
	}
	if !l.NoCenter {
		y = y.Add(weight("beta", l.BetaInit, initial.Zeros{}))
	}
	return s.KeepMask(y, x)
}
