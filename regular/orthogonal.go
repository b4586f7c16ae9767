package regular

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Regularizers.Register("orthogonal", Orthogonal{}, spec.Alias("orthogonal_regularizer"), spec.Doc("mean |cosine| between rows, or columns: turns them apart"))
}

// Orthogonal is the penalty λ times the mean of |cos(u, v)| over all pairs of
// rows of a matrix, or of its columns (as Keras' OrthogonalRegularizer).
type Orthogonal struct {
	Factor float64 `spec:"factor" default:"0.01" doc:"factor λ of the mean"`
	Mode   string  `spec:"mode" default:"rows" doc:"rows or columns"`
}

// Validate refuses a negative factor and other modes.
func (o Orthogonal) Validate() error {
	switch o.Mode {
	case "", "rows", "columns":
		return checkAmount("factor", o.Factor)
	}
	return spec.Field("mode", "want rows or columns, got %q", o.Mode)
}

// Penalty fails for what is not a matrix of at least two rows, or columns.
func (o Orthogonal) Penalty(w graph.Node) graph.Node {
	if !w.Valid() {
		return w
	}
	if w.Rank() != 2 {
		return w.Builder().Fail("orthogonal: wants a matrix, got %v", w.Type())
	}
	if o.Mode == "columns" {
		w = w.Transpose(1, 0)
	}
	n := w.Dim(0)
	if n < 2 {
		return w.Builder().Fail("orthogonal: there is one vector and none to be orthogonal to; leave the regularizer out")
	}
	unit := w.Mul(w.Square().SumKeep(1).Max(w.Builder().Const(1e-12)).Rsqrt())
	// Each pair counts twice in the matrix of cosines; its diagonal is what each
	// vector makes with itself.
	pairs := unit.MatMulT(unit).Abs().Sum().Sub(unit.Square().Sum())
	return pairs.Scale(amount(o.Factor) / float64(n*(n-1)))
}
