package data

import (
	"fmt"
	"slices"
)

// Classes keeps the rows of src whose class is in keep and renumbers them: the
// class keep[0] becomes 0, keep[1] becomes 1, and the names follow. It fails
// where src has no class labels, where keep is empty, repeats a class or names
// one that src does not have, and where no row is left.
func Classes(src Source, keep []int) (Source, error) {
	schema := src.Schema()
	if !schema.Classification() {
		return nil, &Error{Msg: "classes cannot be chosen: the target is not one class number a row"}
	}
	if len(keep) == 0 {
		return nil, &Error{Msg: "no class to keep"}
	}
	renumber := make([]int32, len(schema.Classes))
	for i := range renumber {
		renumber[i] = -1
	}
	names := make([]string, len(keep))
	for to, c := range keep {
		if c < 0 || c >= len(renumber) {
			return nil, &Error{Msg: fmt.Sprintf("class %d does not exist: the classes are 0 to %d", c, len(renumber)-1)}
		}
		if renumber[c] >= 0 {
			return nil, &Error{Msg: fmt.Sprintf("class %d is to be kept twice", c)}
		}
		renumber[c] = int32(to)
		names[to] = schema.Classes[c]
	}
	labels, err := Labels(src)
	if err != nil {
		return nil, err
	}
	var rows []int32
	for i, c := range labels {
		if c >= 0 && int(c) < len(renumber) && renumber[c] >= 0 {
			rows = append(rows, int32(i))
		}
	}
	if len(rows) == 0 {
		return nil, &Error{Msg: fmt.Sprintf("no row is of class %v", names)}
	}
	schema.Classes = names
	return &renumbered{Subset(src, rows), schema, renumber}, nil
}

// renumbered is a source under other class numbers.
type renumbered struct {
	Source
	schema   Schema
	renumber []int32
}

func (s *renumbered) Schema() Schema { return s.schema }

func (s *renumbered) Read(dst *Batch, idx []int32) error {
	return s.relabel(dst, s.Source.Read(dst, idx))
}

func (s *renumbered) readOrder(dst *Batch, idx []int32, o Order) error {
	return s.relabel(dst, readRows(s.Source, dst, idx, o))
}

func (s *renumbered) relabel(b *Batch, err error) error {
	if err != nil {
		return err
	}
	y := b.Y[0].Int32s()[:b.N]
	for i, c := range y {
		y[i] = s.renumber[c]
	}
	return nil
}

func (s *renumbered) Labels() ([]int32, error) {
	all, err := Labels(s.Source)
	if err != nil {
		return nil, err
	}
	all = slices.Clone(all)
	for i, c := range all {
		all[i] = s.renumber[c]
	}
	return all, nil
}
