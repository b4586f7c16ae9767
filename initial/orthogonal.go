package initial

import (
	"math"

	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Registry.Register("orthogonal", Orthogonal{}, spec.Doc("orthonormal rows or columns: lengths stay as they are"))
}

// Orthogonal makes a kernel (…, in, out), seen as a matrix of out columns, whose
// shorter side is orthonormal times the gain, uniformly among all such matrices
// (Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of
// learning in deep linear neural networks", ICLR 2014): a signal keeps its
// length through it. It is Q of the QR decomposition of a normal matrix, with
// the signs of R's diagonal.
type Orthogonal struct {
	Gain float64 `spec:"gain" default:"1" doc:"factor of all elements"`
}

// Validate refuses a gain that is not above 0.
func (o Orthogonal) Validate() error {
	if g := spec.Or(o.Gain, 1); !(g > 0) || math.IsInf(g, 1) {
		return spec.Field("gain", "want a number above 0, got %g", g)
	}
	return nil
}

// Deviation is gain/√max(rows, columns).
func (o Orthogonal) Deviation(shape tensor.Shape) float64 {
	rows, cols := matrix(shape)
	return spec.Or(o.Gain, 1) / math.Sqrt(float64(max(1, rows, cols)))
}

// matrix is the shape as rows and columns, the last axis being the columns.
func matrix(shape tensor.Shape) (rows, cols int) {
	if len(shape) == 0 {
		return 1, 1
	}
	cols = shape[len(shape)-1]
	return shape[:len(shape)-1].Len(), cols
}

// Fill draws the matrix.
func (o Orthogonal) Fill(dst *tensor.Tensor, r param.Rand) {
	gauss := make([]float64, dst.Len())
	for i := range gauss {
		gauss[i] = r.Norm()
	}
	o.from(dst, gauss)
}

// from fills dst from normal numbers, rows of the tall matrix one after another.
func (o Orthogonal) from(dst *tensor.Tensor, gauss []float64) {
	rows, cols := matrix(dst.Shape())
	m, n := max(rows, cols), min(rows, cols)
	// Column j of the matrix is v[j]: Householder's reflections work on columns.
	v := make([][]float64, n)
	for j := range v {
		v[j] = make([]float64, m)
		for i := range v[j] {
			v[j][i] = gauss[i*n+j]
		}
	}
	q := orthonormal(v)
	for i := range m {
		for j := range n {
			at := i*n + j
			if rows < cols {
				at = j*m + i
			}
			dst.SetFlat(at, spec.Or(o.Gain, 1)*q[j][i])
		}
	}
}

// orthonormal is the columns of Q in V = QR with a positive diagonal of R, by
// Householder's reflections ("Unitary Triangularization of a Nonsymmetric
// Matrix", 1958): they keep Q orthonormal to the last digit whatever V is. V is
// overwritten.
func orthonormal(v [][]float64) [][]float64 {
	n := len(v)
	sign := make([]float64, n)
	for k := range n {
		x := v[k][k:]
		norm := math.Sqrt(dot(x, x))
		sign[k] = 1
		if x[0] > 0 {
			norm = -norm // away from x: nothing cancels
			sign[k] = -1
		}
		// x − norm·e₁ is the mirror's normal; what was x becomes norm·e₁.
		x[0] -= norm
		if size := dot(x, x); size > 0 {
			scale := math.Sqrt(2 / size)
			for i := range x {
				x[i] *= scale
			}
		}
		for j := k + 1; j < n; j++ {
			mirror(v[j][k:], x)
		}
	}
	q := make([][]float64, n)
	for j := range q {
		q[j] = make([]float64, len(v[j]))
		q[j][j] = sign[j]
		for k := n - 1; k >= 0; k-- {
			mirror(q[j][k:], v[k][k:])
		}
	}
	return q
}

// mirror reflects y: y − u·(u·y), where u has length √2.
func mirror(y, u []float64) {
	d := dot(y, u)
	for i := range y {
		y[i] -= d * u[i]
	}
}

func dot(x, y []float64) float64 {
	sum := 0.0
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}
