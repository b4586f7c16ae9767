package sets

import (
	"fmt"
	"math"
	"strconv"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/tensor"
)

// column is an array with one row a sample.
type column struct {
	name string
	t    *tensor.Tensor
}

// most is the most classes that integers are taken to number.
const most = 1 << 16

// rows is the source of the columns' rows. Inputs keep Uint8, Int32 and
// Float32; other types become the nearest of those.
func rows(inputs, targets []column, classes []string) (data.Source, error) {
	schema := data.Schema{Classes: classes}
	var x, y []*tensor.Tensor
	for _, c := range inputs {
		t, err := input(c.t)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", c.name, err)
		}
		x = append(x, t)
		schema.Inputs = append(schema.Inputs, field(c.name, t))
	}
	for _, c := range targets {
		y = append(y, c.t)
		schema.Targets = append(schema.Targets, field(c.name, c.t))
	}
	src, err := data.FromTensors(schema, x, y)
	if err == nil && src.Len() == 0 {
		err = fmt.Errorf("no rows: %q has shape %v", inputs[0].name, x[0].Shape())
	}
	return src, err
}

func field(name string, t *tensor.Tensor) data.Field {
	return data.Field{Name: name, DType: t.DType(), Shape: t.Shape()[1:].Clone()}
}

// input is t in a type that training takes, each row having an axis.
func input(t *tensor.Tensor) (*tensor.Tensor, error) {
	switch len(t.Shape()) {
	case 0:
		return nil, fmt.Errorf("a single number: want one row a sample")
	case 1:
		var err error
		if t, err = t.Reshape(t.Len(), 1); err != nil {
			return nil, err
		}
	}
	switch t.DType() {
	case tensor.Uint8, tensor.Int32, tensor.Float32:
		return t, nil
	case tensor.Bool:
		return tensor.Wrap(tensor.Uint8, t.Bytes(), t.Shape()...)
	case tensor.Int8, tensor.Int16, tensor.Uint16:
		return t.Convert(tensor.Int32), nil
	case tensor.Int64, tensor.Uint32, tensor.Uint64:
		for i := range t.Len() {
			if v := t.Flat(i); v < math.MinInt32 || v > math.MaxInt32 {
				return nil, fmt.Errorf("%.0f does not fit a 32-bit integer: save the array as float32", v)
			}
		}
		return t.Convert(tensor.Int32), nil
	}
	return t.Convert(tensor.Float32), nil
}

// classNumbers is y as a list of Int32 class numbers, checked to lie in 0 … n−1, and the
// largest of them.
func classNumbers(y *tensor.Tensor, n int) (*tensor.Tensor, int, error) {
	t := tensor.New(tensor.Int32, y.Len())
	labels, top := t.Int32s(), -1
	for i := range labels {
		v := y.Flat(i)
		if v != math.Trunc(v) || v < 0 || v >= float64(n) {
			return nil, 0, fmt.Errorf("label %v of row %d is out of range: want a class number from 0 to %d", v, i*y.Shape()[0]/y.Len(), n-1)
		}
		labels[i] = int32(v)
		top = max(top, int(v))
	}
	return t, top, nil
}

// numbered is the names of n classes that have none.
func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}
