// Package gradcheck compares the gradients that a graph derives with
// differences of its values: one line of a test proves an op, an activation, a
// loss or a layer.
package gradcheck

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// tolerance is how far a gradient may lie from the differences, relative to the
// larger of both; floor is the same relative to the function's own value, below
// which differences say nothing.
const (
	tolerance = 1e-6
	floor     = 1e-9
)

// Check builds a function of inputs that hold the given tensors and compares
// its gradient with respect to every float among them with central differences,
// in float64 and within 1e-6 relative.
//
// The result may have any shape: it is the product with fixed random weights
// that is differentiated. The function must be smooth within 1e-3, relative for
// numbers above 1, of the given values: kinks are to be kept away from.
func Check(t testing.TB, build func(b *graph.Builder, x []graph.Node) graph.Node, xs ...*tensor.Tensor) {
	t.Helper()
	b := graph.New()
	var in, wrt []graph.Node
	values := map[string]*tensor.Tensor{}
	for i, x := range xs {
		name := fmt.Sprintf("x%d", i)
		n := b.Input(name, graph.KindOf(x.DType()), x.Shape()...)
		in, values[name] = append(in, n), x
		if n.Type().Kind == graph.Float {
			wrt = append(wrt, n)
		}
	}
	Graph(t, build(b, in), values, wrt...)
}

// Graph is Check of a graph that stands: the gradient of y with respect to the
// given inputs and parameters, at the given values of all its inputs and
// parameters by name. Updates in the graph are without effect, and random
// numbers are the same for every value.
func Graph(t testing.TB, y graph.Node, values map[string]*tensor.Tensor, wrt ...graph.Node) {
	t.Helper()
	if err := check(y, values, wrt); err != nil {
		t.Error(err)
	}
}

func check(y graph.Node, values map[string]*tensor.Tensor, wrt []graph.Node) error {
	b := y.Builder()
	if b == nil {
		return fmt.Errorf("gradcheck: the function is an invalid node")
	}
	before := b.SetPath("gradcheck")
	loss := y.Mul(b.Uniform(y.Shape()...).AddScalar(0.5)).Sum()
	grads := graph.Grad(loss, wrt)
	b.Output("gradcheck.loss", loss)
	value, err := newFunction(b, values)
	if err != nil {
		return err
	}
	for i, d := range grads {
		b.Output(fmt.Sprintf("gradcheck.%d", i), d)
	}
	b.SetPath(before)
	gradient, err := newFunction(b, values)
	if err != nil {
		return err
	}
	at, err := gradient.loss()
	if err != nil {
		return err
	}
	for i, w := range wrt {
		x := value.at[w.Name()]
		if x == nil {
			return fmt.Errorf("gradcheck: %q is given no value", w.Name())
		}
		for j := range x.Len() {
			got := 0.0
			if d := gradient.plan.Output(fmt.Sprintf("gradcheck.%d", i)); d != nil {
				got = d.Flat(j)
			}
			want, err := value.slope(x, j, at)
			if err != nil {
				return err
			}
			if !(math.Abs(got-want) <= allowed(got, want, at)) {
				return fmt.Errorf("gradcheck: gradient of element %d of %q %v is %.12g, differences give %.12g", j, w.Name(), x.Shape(), got, want)
			}
		}
	}
	return nil
}

func allowed(got, want, at float64) float64 {
	return tolerance*max(math.Abs(got), math.Abs(want)) + floor*max(1, math.Abs(at))
}

// function is a plan with the values it is evaluated at.
type function struct {
	plan  backend.Plan
	at    map[string]*tensor.Tensor // in float64
	state map[string]*tensor.Tensor // what updates overwrite
}

func newFunction(b *graph.Builder, values map[string]*tensor.Tensor) (*function, error) {
	f := &function{at: map[string]*tensor.Tensor{}, state: map[string]*tensor.Tensor{}}
	for name, v := range values {
		if v.DType().IsFloat() {
			f.at[name], f.state[name] = v.Convert(tensor.Float64), v.Convert(tensor.Float64)
		} else {
			f.at[name] = v
		}
	}
	var err error
	f.plan, err = ref.Backend{}.Compile(b, backend.Options{
		Float: tensor.Float64,
		State: func(name string) *tensor.Tensor { return f.state[name] },
	})
	return f, err
}

func (f *function) loss() (float64, error) {
	for name, s := range f.state {
		if err := s.CopyFrom(f.at[name]); err != nil {
			return 0, err
		}
	}
	if err := f.plan.Run(context.Background(), backend.Inputs{Values: f.at}); err != nil {
		return 0, err
	}
	return f.plan.Output("gradcheck.loss").Flat(0), nil
}

// slope is the derivative with respect to element j of x by central differences
// of shrinking steps, extrapolated to step 0 (Ridders, "Accurate computation of
// F′(x) and F′(x)F″(x)", 1982).
func (f *function) slope(x *tensor.Tensor, j int, at float64) (float64, error) {
	data := x.Float64s()
	x0 := data[j]
	defer func() { data[j] = x0 }()
	step := 1e-3 * max(1, math.Abs(x0))
	best, bestErr := math.NaN(), math.Inf(1)
	var last []float64 // the row of the step before: orders 2, 4, 6 …
	for range 12 {
		lo, hi := x0-step, x0+step
		data[j] = hi
		up, err := f.loss()
		if err != nil {
			return 0, err
		}
		data[j] = lo
		down, err := f.loss()
		if err != nil {
			return 0, err
		}
		row := []float64{(up - down) / (hi - lo)}
		step /= 2
		if math.IsNaN(row[0]) || math.IsInf(row[0], 0) {
			last = nil // left the domain: start again, nearer
			continue
		}
		for k, power := 0, 4.0; k < len(last); k, power = k+1, power*4 {
			d := (row[k]*power - last[k]) / (power - 1)
			if e := max(math.Abs(d-row[k]), math.Abs(d-last[k])); e < bestErr {
				best, bestErr = d, e
			}
			row = append(row, d)
		}
		if bestErr <= allowed(best, best, at)/10 {
			break
		}
		last = row
	}
	return best, nil
}
