package act

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

func init() { Registry.Register("selu", SELU{}, spec.Doc("λ·ELU(x): keeps mean 0 and variance 1")) }

// The fixed point of mean 0 and variance 1 under λ·ELU(x, α).
const (
	seluAlpha = 1.6732632423543772848170429916717
	seluScale = 1.0507009873554804934193349852946
)

// SELU is λx where x > 0, else λα(eˣ − 1), with λ = 1.0507 and α = 1.6733
// (Klambauer, Unterthiner, Mayr and Hochreiter, "Self-Normalizing Neural
// Networks", NIPS 2017). In a plain stack of dense layers with lecun_normal
// kernels and standardized inputs each layer's output keeps mean 0 and
// variance 1. Its derivative at 0 is λα = 1.7581.
type SELU struct{}

// KernelInit is lecun_normal.
func (SELU) KernelInit() param.Init { return initial.LeCun }

// Apply adds the op.
func (SELU) Apply(_ *param.Scope, x graph.Node) graph.Node {
	return apply("elu", ELUAttr{seluAlpha, seluScale}, x)
}
