package initial

import (
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	for _, dist := range []struct {
		suffix string
		dist   Dist
	}{{"", TruncatedNormal}, {"_uniform", Uniform}} {
		for _, a := range []string{"tanh", "relu"} {
			Registry.Register("glorot_"+a+dist.suffix, FirstEdition(a, dist.dist), spec.Doc("glorot times the factor that an older table has for "+a))
		}
	}
}

// FirstEdition is the initializer that the table of an older textbook gives for
// an activation: Glorot's deviation √(2/(in + out)) times 1 for the logistic
// function, 4 for tanh, √2 for ReLU and its variants. Later tables have Glorot
// for tanh, and for ReLU He, who divides by the connections in alone. Four times
// Glorot saturates tanh: in a net 100 wide each layer multiplies the gradient by
// 1.5, and 40 % of the tenth layer's units saturate.
func FirstEdition(activation string, dist Dist) VarianceScaling {
	scale := 1.0
	switch activation {
	case "tanh":
		scale = 16
	case "relu", "leaky_relu", "elu":
		scale = 2
	}
	return VarianceScaling{scale, FanAvg, dist}
}
