package formattest

import (
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A Failer is what a test and a property test have in common.
type Failer interface {
	Helper()
	Fatal(args ...any)
}

// Filled is a model whose parameters are numbers between −½ and ½ that differ from one
// another, variances such as are above 1. Its inputs are floats of the shapes that its
// ports have, or of those that are given; each output has the loss.
func Filled(t Failer, l loss.Loss, prep nn.Sequential, net nn.Model, shapes ...tensor.Shape) *format.Model {
	t.Helper()
	m := &format.Model{Net: net, Preprocess: prep, Params: param.NewSet(tensor.Float32)}
	ins, outs := net.Ports()
	for i, p := range ins {
		shape := p.Shape
		if i < len(shapes) {
			shape = shapes[i]
		}
		m.Data.Inputs = append(m.Data.Inputs, data.Field{Name: p.Name, DType: tensor.Float32, Shape: shape})
	}
	for _, p := range outs {
		m.Losses = append(m.Losses, format.Output{Name: p.Name, Loss: l, Weight: 1})
	}
	names, declared, err := format.Declared(m)
	if err != nil {
		t.Fatal(err)
	}
	k := 0
	for _, n := range names {
		p, err := m.Params.Add(n, param.Weight, declared[n])
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Value.Len() {
			k++
			v := (float64(k*7919%997)/997 - 0.5) * 0.9
			if strings.HasSuffix(n, "variance") {
				v = 1 + float64(k%7)/10
			}
			p.Value.SetFlat(i, v)
		}
	}
	return m
}
