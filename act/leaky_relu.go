package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Registry.Register("leaky_relu", LeakyReLU{}, spec.Doc("x where x > 0, else slope·x"))
	graph.Register(unary("leaky_relu",
		func(x graph.Node, attr any) graph.Node {
			return x.Greater(zero(x)).Select(x, x.Scale(attr.(LeakyReLUAttr).Slope))
		},
		func(_, y, dy graph.Node) graph.Node {
			return y.Greater(zero(y)).Select(dy, dy.Scale(y.Attr().(LeakyReLUAttr).Slope))
		}))
}

// LeakyReLUAttr is the attribute of the op leaky_relu.
type LeakyReLUAttr struct{ Slope float64 }

// LeakyReLU is max(x, αx): x where x > 0, else αx, derivative α at 0 (Maas,
// Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic
// Models", 2013). A leak keeps units from dying; 0.2 works better than 0.01 (Xu,
// Wang, Chen and Li, "Empirical Evaluation of Rectified Activations in
// Convolution Network", 2015).
//
// The default α = 0.2 is that of Keras' function; Keras' layer has 0.3, PyTorch
// 0.01.
type LeakyReLU struct {
	rectifier
	Slope float64 `spec:"negative_slope,alias=alpha" default:"0.2" doc:"slope for x < 0"`
}

// Validate refuses slopes outside [0, 1].
func (l LeakyReLU) Validate() error { return checkSlope("negative_slope", l.slope()) }

// checkSlope holds a leak to [0, 1]: beyond 1, max(x, αx) is αx for x > 0.
func checkSlope(key string, slope float64) error {
	if !(slope >= 0 && slope <= 1) {
		return spec.Field(key, "want a slope from 0 to 1, got %g: max(x, slope·x) leaks only there", slope)
	}
	return nil
}

func (l LeakyReLU) slope() float64 { return spec.Or(l.Slope, 0.2) }

// Apply adds the op.
func (l LeakyReLU) Apply(_ *param.Scope, x graph.Node) graph.Node {
	return leaky(x, l.slope())
}

func leaky(x graph.Node, slope float64) graph.Node {
	return apply("leaky_relu", LeakyReLUAttr{slope}, x)
}
