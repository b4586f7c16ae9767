package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("dropout", Dropout{}, spec.Doc("in training, sets elements to 0 at random"))
}

// Dropout sets each element to 0 with probability rate in training and
// multiplies the others by 1/(1−rate), so that the expectation stays; at
// prediction it changes nothing (Srivastava et al., "Dropout: A Simple Way to
// Prevent Neural Networks from Overfitting", JMLR 2014).
type Dropout struct {
	Rate float64 `spec:"rate,required,scalar,plain" doc:"share of elements that are dropped, from 0 to below 1"`
	Name string  `spec:"name" doc:"name of the layer"`
}

// Validate refuses a rate outside [0, 1).
func (d Dropout) Validate() error { return fraction("rate", d.Rate) }

// Apply adds the mask in training.
func (d Dropout) Apply(s *Scope, x graph.Node) graph.Node {
	x = x.ToFloat()
	if !check(s, d.Validate()) || !x.Valid() || !s.Training() || d.Rate == 0 {
		return x
	}
	return s.KeepMask(d.masked(x, s.B.Uniform(x.Shape()...)), x)
}

// masked is the result for uniform draws in [0, 1) of x's shape.
func (d Dropout) masked(x, uniform graph.Node) graph.Node {
	keep := uniform.GreaterEqual(x.Builder().Const(d.Rate))
	return keep.Select(x.Scale(1/(1-d.Rate)), x.Builder().Const(0))
}
