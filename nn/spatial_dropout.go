package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("spatial_dropout", SpatialDropout{}, spec.Alias("spatial_dropout1d", "spatial_dropout2d", "spatial_dropout3d"),
		spec.Doc("in training, sets whole channels to 0 at random"))
}

// SpatialDropout is [Dropout] of whole channels: one draw for each sample and
// channel, for all places alike. Neighbouring places of a picture say much the
// same, so that dropping them one by one takes little away (Tompson, Goroshin,
// Jain, LeCun and Bregler, "Efficient Object Localization Using Convolutional
// Networks", CVPR 2015). x is (N, …, channels).
type SpatialDropout struct {
	Rate float64 `spec:"rate,required,scalar,plain" doc:"share of channels that are dropped, from 0 to below 1"`
	Name string  `spec:"name" doc:"name of the layer"`
}

// Validate refuses a rate outside [0, 1).
func (d SpatialDropout) Validate() error { return fraction("rate", d.Rate) }

// Apply adds the mask in training.
func (d SpatialDropout) Apply(s *Scope, x graph.Node) graph.Node {
	x = x.ToFloat()
	if !check(s, d.Validate()) || !x.Valid() {
		return x
	}
	if x.Rank() < 3 {
		return s.B.Misfit("wants places with channels, (N, …, channels), got %v; dropout is for features", x.Type())
	}
	if !s.Training() || d.Rate == 0 {
		return x
	}
	mask := make(tensor.Shape, x.Rank()) // (N, 1, …, channels)
	for i := range mask {
		mask[i] = 1
	}
	mask[0], mask[len(mask)-1] = x.Dim(0), x.Dim(-1)
	keep := s.B.Uniform(mask...).GreaterEqual(s.B.Const(d.Rate)).Scale(1 / (1 - d.Rate))
	return s.KeepMask(x.Mul(keep), x)
}
