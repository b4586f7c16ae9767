package data

import "github.com/nadir-ml/nadir/tensor"

// A Field describes one column of samples: its name, the type of its elements
// and the shape of one sample, without the batch axis.
type Field struct {
	Name  string
	DType tensor.DType
	Shape tensor.Shape
}

// A Schema says what a Source yields. The target of classification is an Int32
// field of shape [] that holds the number of the class; Classes then names the
// classes. Classes is nil for regression.
type Schema struct {
	Inputs, Targets []Field
	Classes         []string
}

// Classification reports whether the schema has exactly one target, a class
// number, and names for its classes.
func (s Schema) Classification() bool {
	return len(s.Classes) > 0 && len(s.Targets) == 1 &&
		s.Targets[0].DType == tensor.Int32 && len(s.Targets[0].Shape) == 0
}
