package data

import (
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/tensor"
)

// memory is the Source of rows that lie in tensors.
type memory struct {
	schema Schema
	n      int
	x, y   []*tensor.Tensor
}

// FromTensors is the source whose row i is row i of every tensor. X and Y
// follow the schema's Inputs and Targets: tensor k has the field's type and
// the shape [rows, field's shape…]. The tensors are shared, not copied.
//
// It fails where types, shapes or numbers of rows do not agree, and where the
// schema is one of classification and a label is out of range.
func FromTensors(schema Schema, x, y []*tensor.Tensor) (Source, error) {
	m := &memory{schema: schema, n: -1, x: x, y: y}
	if len(x) != len(schema.Inputs) || len(y) != len(schema.Targets) {
		return nil, &Error{Msg: fmt.Sprintf("%d inputs and %d targets for a schema of %d and %d",
			len(x), len(y), len(schema.Inputs), len(schema.Targets))}
	}
	if len(x) == 0 {
		return nil, &Error{Msg: "a source needs at least one input"}
	}
	first := schema.Inputs[0].Name
	check := func(f Field, t *tensor.Tensor) error {
		s := t.Shape()
		if t.DType() != f.DType || len(s) == 0 || !s[1:].Equal(f.Shape) {
			return &Error{Msg: fmt.Sprintf("%q is %v of shape %v; its field wants %v of shape [rows]+%v", f.Name, t.DType(), s, f.DType, f.Shape)}
		}
		switch {
		case m.n < 0:
			m.n = s[0]
		case m.n != s[0]:
			return &Error{Msg: fmt.Sprintf("%q has %d rows, but %q has %d: every array needs one row a sample", f.Name, s[0], first, m.n)}
		}
		return nil
	}
	for i, t := range x {
		if err := check(schema.Inputs[i], t); err != nil {
			return nil, err
		}
	}
	for i, t := range y {
		if err := check(schema.Targets[i], t); err != nil {
			return nil, err
		}
	}
	if m.n > math.MaxInt32 {
		return nil, &Error{Msg: fmt.Sprintf("%d rows are more than a source can number (2³¹−1)", m.n)}
	}
	if schema.Classification() {
		for i, c := range y[0].Int32s() {
			if c < 0 || int(c) >= len(schema.Classes) {
				return nil, &Error{Msg: fmt.Sprintf("label %d of row %d is out of range: there are %d classes, numbered from 0", c, i, len(schema.Classes))}
			}
		}
	}
	return m, nil
}

func (m *memory) Len() int       { return m.n }
func (m *memory) Schema() Schema { return m.schema }

func (m *memory) Read(dst *Batch, idx []int32) error {
	if err := checkRows(idx, m.n); err != nil {
		return err
	}
	if err := dst.Start(idx); err != nil {
		return err
	}
	for k, t := range m.x {
		gather(dst.X[k].Bytes(), t, idx)
	}
	for k, t := range m.y {
		gather(dst.Y[k].Bytes(), t, idx)
	}
	return nil
}

// Labels shares the labels' storage.
func (m *memory) Labels() ([]int32, error) {
	if !m.schema.Classification() {
		return nil, errNoLabels
	}
	return m.y[0].Int32s(), nil
}

func gather(dst []byte, src *tensor.Tensor, idx []int32) {
	w := src.DType().Size() * src.Shape()[1:].Len()
	raw := src.Bytes()
	for k, i := range idx {
		copy(dst[k*w:(k+1)*w], raw[int(i)*w:])
	}
}
