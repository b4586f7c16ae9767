package data

import "errors"

// A Labeler is a Source that gives all its labels at once, without reading its
// inputs.
type Labeler interface {
	// Labels is the class number of every row. It must not be changed.
	Labels() ([]int32, error)
}

var errNoLabels = errors.New("the source has no class labels: its target is not one class number a row")

// Labels is the class number of every row of src, without reading its inputs
// where src is a [Labeler]. The result must not be changed.
func Labels(src Source) ([]int32, error) {
	if l, ok := src.(Labeler); ok {
		return l.Labels()
	}
	if !src.Schema().Classification() {
		return nil, errNoLabels
	}
	all := make([]int32, 0, src.Len())
	for b, err := range Batches(src, 256, Order{}) {
		if err != nil {
			return nil, err
		}
		all = append(all, b.Y[0].Int32s()[:b.N]...)
	}
	return all, nil
}
