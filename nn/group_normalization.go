package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("group_normalization", GroupNorm{}, spec.Alias("group_norm"), spec.Doc("zero mean and unit variance over the places and a group of channels of each sample, then a learned scale and offset"))
}

// GroupNorm normalizes the channels of each sample of x (N, …, C) in groups of C/groups that stand side
// by side, over these and all places, then scales and shifts each channel (Wu and He, "Group
// Normalization", ECCV 2018):
//
//	x̂ = (x − μ)/√(σ² + ε)    y = γ·x̂ + β
//
// μ and σ² are mean and biased variance of a group of a sample. −1 group a channel is instance
// normalization (Ulyanov, Vedaldi and Lempitsky, 2016). Samples do not depend on each other: training
// and prediction are the same.
type GroupNorm struct {
	Groups    int        `spec:"groups" default:"32" doc:"number of groups; -1 for as many as there are channels"`
	Epsilon   float64    `spec:"epsilon" default:"0.001" doc:"added to the variance"`
	NoCenter  bool       `spec:"center,not" doc:"learn an offset beta"`
	NoScale   bool       `spec:"scale,not" doc:"learn a scale gamma"`
	BetaInit  param.Init `spec:"beta_initializer" doc:"initializer of beta, zeros without"`
	GammaInit param.Init `spec:"gamma_initializer" doc:"initializer of gamma, ones without"`
	Name      string     `spec:"name" doc:"name of the layer"`
}

// Validate refuses numbers of groups below 1, but for −1, and a negative epsilon.
func (l GroupNorm) Validate() error {
	if l.Groups < -1 {
		return spec.Field("groups", "want a number above 0, or -1, got %d", l.Groups)
	}
	return LayerNorm{Epsilon: l.Epsilon}.Validate()
}

// Apply declares gamma and beta.
func (l GroupNorm) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) {
		return graph.Node{}
	}
	from := x
	x, ok := features(s, x)
	if !ok {
		return graph.Node{}
	}
	c, groups := x.Dim(-1), l.Groups
	switch groups {
	case 0:
		groups = 32
	case -1:
		groups = c
	}
	if c%groups != 0 {
		return s.B.Misfit("%d channels do not divide into %d groups", c, groups)
	}
	v := x.Reshape(x.Dim(0), -1, groups, c/groups) // (N, places, groups, C/groups)
	share := 1 / float64(v.Dim(1)*v.Dim(3))
	d := v.Sub(v.SumKeep(1, 3).Scale(share))
	variance := d.Square().SumKeep(1, 3).Scale(share)
	y := d.Mul(variance.AddScalar(spec.Or(l.Epsilon, 1e-3)).Rsqrt()).Reshape(x.Shape()...)
	var gamma, beta graph.Node
	if !l.NoScale {
		gamma = s.Weight("gamma", orInit(l.GammaInit, initial.Ones{}), c)
	}
	if !l.NoCenter {
		beta = s.Weight("beta", orInit(l.BetaInit, initial.Zeros{}), c)
	}
	return s.KeepMask(affine(y, beta, gamma), from)
}
