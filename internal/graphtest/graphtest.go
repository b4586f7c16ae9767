// Package graphtest runs small graphs on the reference interpreter: what the
// tests of values that build graphs have in common.
package graphtest

import (
	"context"
	"fmt"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// DType is the floating-point type of 32 or 64 bits.
func DType(precision int) tensor.DType {
	if precision == 32 {
		return tensor.Float32
	}
	return tensor.Float64
}

// A Run is a compiled graph with the values that it is run on.
type Run struct {
	plan   backend.Plan
	float  tensor.DType
	inputs map[string]*tensor.Tensor
	step   uint64
}

// Compile compiles a graph whose parameters are in set; set may be nil where
// there are none, and then the precision is float64.
func Compile(b *graph.Builder, set *param.Set) (*Run, error) {
	return CompileOn(ref.Backend{}, b, set)
}

// CompileOn is Compile for a backend of choice, on one thread.
func CompileOn(on backend.Backend, b *graph.Builder, set *param.Set) (*Run, error) {
	if set == nil {
		set = param.NewSet(tensor.Float64)
	}
	r := &Run{float: set.Float(), inputs: map[string]*tensor.Tensor{}}
	for _, x := range b.Inputs() {
		r.inputs[x.Name()] = tensor.New(x.Type().Kind.DType(r.float), x.Shape()...)
	}
	var err error
	r.plan, err = on.Compile(b, backend.Options{Float: r.float, State: set.Value, Threads: 1})
	return r, err
}

// Set gives an input its values, in row-major order.
func (r *Run) Set(input string, values ...float64) {
	x := r.inputs[input]
	if x == nil || x.Len() != len(values) {
		panic(fmt.Sprintf("graphtest: %d values for input %q, which is %v", len(values), input, x))
	}
	for i, v := range values {
		x.SetFlat(i, v)
	}
}

// Step runs the graph once. Each step draws other random numbers.
func (r *Run) Step() error {
	r.step++
	return r.plan.Run(context.Background(), backend.Inputs{Values: r.inputs, Seed: 1, Step: r.step})
}

// Output is a result of the last step, in row-major order.
func (r *Run) Output(name string) []float64 { return Floats(r.plan.Output(name)) }

// Close lets go of the plan.
func (r *Run) Close() error { return r.plan.Close() }

// Floats is a tensor's elements in row-major order.
func Floats(t *tensor.Tensor) []float64 {
	out := make([]float64, t.Len())
	for i := range out {
		out[i] = t.Flat(i)
	}
	return out
}

// Eval is the value of a node that depends on constants and random numbers
// alone, in float64.
func Eval(x graph.Node) ([]float64, error) {
	if !x.Valid() {
		return nil, fmt.Errorf("graphtest: the node is invalid")
	}
	b := x.Builder()
	b.Output("graphtest", x)
	r, err := Compile(b, nil)
	if err != nil {
		return nil, err
	}
	if err := r.Step(); err != nil {
		return nil, err
	}
	return r.Output("graphtest"), nil
}
