package nn_test

import (
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/nn/nntest"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/tensor"
)

// TestLayers runs every layer through the conformance suite.
func TestLayers(t *testing.T) {
	t.Parallel()
	vector, image := tensor.Shape{5}, tensor.Shape{3, 4, 2}
	dense := nn.Dense{Units: 5, Act: act.Tanh{}}
	for name, tc := range map[string]struct {
		layer   nn.Layer
		samples []tensor.Shape
	}{
		"input":                     {nn.Input{Shape: vector}, []tensor.Shape{vector}},
		"flatten":                   {nn.Flatten{}, []tensor.Shape{image}},
		"flatten a vector":          {nn.Flatten{}, []tensor.Shape{vector}},
		"flatten numbers":           {nn.Flatten{}, []tensor.Shape{{}}},
		"reshape":                   {nn.Reshape{Shape: []int{4, -1}}, []tensor.Shape{image}},
		"reshape to numbers":        {nn.Reshape{Shape: []int{}}, []tensor.Shape{{1}}},
		"dense":                     {nn.Dense{Units: 3}, []tensor.Shape{vector}},
		"dense of a sequence":       {nn.Dense{Units: 3, Act: act.ELU{}}, []tensor.Shape{{2, 4}}},
		"dense with everything":     {nn.Dense{Units: 3, Act: act.PReLU{}, Init: initial.RandomNormal{Stddev: 0.2}, BiasInit: initial.Ones{}}, []tensor.Shape{vector}},
		"dense without bias":        {nn.Dense{Units: 3, Act: act.SELU{}, NoBias: true}, []tensor.Shape{vector}},
		"dense that is kept small":  {nn.Dense{Units: 3, Regularizer: regular.L2{Amount: 0.1}, BiasRegularizer: regular.L1{}, Constraint: regular.MaxNorm{Max: 1}}, []tensor.Shape{vector}},
		"batch normalization":       {nn.BatchNorm{}, []tensor.Shape{vector}},
		"batch normalization 4-D":   {nn.BatchNorm{Momentum: 0.9, Epsilon: 1e-5}, []tensor.Shape{image}},
		"without center":            {nn.BatchNorm{NoCenter: true, GammaInit: initial.Constant{Value: 2}}, []tensor.Shape{vector}},
		"without scale":             {nn.BatchNorm{NoScale: true, BetaInit: initial.Ones{}}, []tensor.Shape{vector}},
		"no memory":                 {nn.BatchNorm{Momentum: nn.Zero, Epsilon: nn.Zero}, []tensor.Shape{vector}},
		"activation":                {nn.Activation{Act: act.GELU{}}, []tensor.Shape{image}},
		"activation with a slope":   {nn.Activation{Act: act.LeakyReLU{Slope: 0.3}}, []tensor.Shape{vector}},
		"bare activation":           {act.Softplus{}, []tensor.Shape{vector}},
		"softmax":                   {act.Softmax{}, []tensor.Shape{vector}},
		"dropout":                   {nn.Dropout{Rate: 0.3}, []tensor.Shape{image}},
		"dropout of nothing":        {nn.Dropout{}, []tensor.Shape{vector}},
		"alpha dropout":             {nn.AlphaDropout{Rate: 0.3}, []tensor.Shape{image}},
		"gaussian dropout":          {nn.GaussianDropout{Rate: 0.3}, []tensor.Shape{vector}},
		"gaussian noise":            {nn.GaussianNoise{Stddev: 0.2}, []tensor.Shape{image}},
		"layer normalization":       {nn.LayerNorm{}, []tensor.Shape{vector}},
		"layer normalization 4-D":   {nn.LayerNorm{Epsilon: 1e-5, GammaInit: initial.Constant{Value: 2}, BetaInit: initial.Ones{}}, []tensor.Shape{image}},
		"layer, nothing learned":    {nn.LayerNorm{NoCenter: true, NoScale: true}, []tensor.Shape{image}},
		"rescaling":                 {nn.Rescale{Scale: 1.0 / 255, Offset: -1}, []tensor.Shape{image}},
		"standardize":               {nn.Standardize{}, []tensor.Shape{image}},
		"add":                       {nn.Add{}, []tensor.Shape{vector, vector}},
		"add one":                   {nn.Add{}, []tensor.Shape{vector}},
		"add with broadcasting":     {nn.Add{}, []tensor.Shape{{3, 4}, {4}}},
		"multiply":                  {nn.Multiply{}, []tensor.Shape{vector, vector, vector}},
		"multiply one":              {nn.Multiply{}, []tensor.Shape{vector}},
		"concatenate":               {nn.Concatenate{}, []tensor.Shape{{2, 3}, {2, 1}}},
		"concatenate one":           {nn.Concatenate{}, []tensor.Shape{vector}},
		"concatenate another axis":  {nn.Concatenate{Axis: 1}, []tensor.Shape{{2, 3}, {4, 3}}},
		"block":                     {nn.Block{Layers: nn.Sequential{dense, nn.BatchNorm{}, nn.Dropout{Rate: 0.5}, act.Sigmoid{}}}, []tensor.Shape{vector}},
		"residual":                  {nn.Residual{Layers: nn.Sequential{dense, nn.BatchNorm{}, dense}}, []tensor.Shape{vector}},
		"residual within residuals": {nn.Residual{Layers: nn.Sequential{nn.Residual{Layers: nn.Sequential{dense}}}}, []tensor.Shape{vector}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nntest.Layer(t, tc.layer, tc.samples...)
		})
	}
}
