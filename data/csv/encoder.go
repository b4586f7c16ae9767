package csv

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// An encoder turns the records of one file into rows of numbers: a number a
// cell, NaN where it is missing, and of a category its place.
type encoder struct {
	t             *Table
	inputs        []input
	label, weight int // cells of a record; −1: none
	classes       map[string]int
}

// input is a column that makes inputs.
type input struct {
	c     *Column
	cell  int
	place map[string]int // of a category
}

// stride is the length of a row: the inputs, the target and the weight.
func (e *encoder) stride() int { return len(e.inputs) + 2 }

// encode writes a record to row, [encoder.stride] numbers. An error comes with
// the cell that it is about.
func (e *encoder) encode(record []string, row []float32) (int, error) {
	n := len(e.inputs)
	row[n], row[n+1] = 0, 1
	if e.label >= 0 {
		v, err := e.target(record[e.label])
		if err != nil {
			return e.label, err
		}
		row[n] = v
	}
	if e.weight >= 0 {
		v, kind, err := classify(record[e.weight])
		if err == nil && (kind != number || v < 0) {
			err = fmt.Errorf("a row's weight is %q; want a number of 0 or more", record[e.weight])
		}
		if err != nil {
			return e.weight, err
		}
		row[n+1] = float32(v)
	}
	return e.features(record, row[:n])
}

func (e *encoder) target(cell string) (float32, error) {
	v, kind, err := classify(cell)
	switch {
	case err != nil:
		return 0, err
	case kind == absent:
		return 0, errNoLabel
	case e.t.Classes == nil && kind != number:
		return 0, fmt.Errorf("the label %q is not a number", cell)
	case e.t.Classes == nil:
		return float32(v), nil
	}
	k, ok := e.classes[cell]
	if !ok && kind == number {
		k, ok = e.classes[canonical(v)]
	}
	if !ok {
		return 0, fmt.Errorf("the label %q is none of the classes%s", cell, near(cell, e.t.Classes))
	}
	return float32(k), nil
}

var errNoLabel = errors.New("the label is missing; leave the row out or choose another label")

// canonical writes a number that is a label, so that 1 and 1.0 are one class.
func canonical(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// features writes the cells of the inputs to row.
func (e *encoder) features(record []string, row []float32) (int, error) {
	for i := range e.inputs {
		in := &e.inputs[i]
		cell := record[in.cell]
		v, kind, err := classify(cell)
		switch {
		case err != nil:
			return in.cell, fmt.Errorf("column %q: %w", in.c.Name, err)
		case kind == absent:
			row[i] = float32(math.NaN())
		case in.c.Kind == Category:
			k, ok := in.place[cell]
			if !ok {
				return in.cell, fmt.Errorf("column %q has no category %q%s", in.c.Name, cell, near(cell, in.c.Categories))
			}
			row[i] = float32(k)
		case kind == number:
			row[i] = float32(v)
		default:
			return in.cell, fmt.Errorf("column %q holds numbers, not %q; leave the cell empty where the value is missing", in.c.Name, cell)
		}
	}
	return 0, nil
}

// expand writes the inputs of an encoded row to dst, [Table.Width] numbers.
func (t *Table) expand(row, dst []float32) {
	at, i := 0, 0
	for k := range t.Columns {
		c := &t.Columns[k]
		w := c.width()
		if w == 0 {
			continue
		}
		v := row[i]
		i++
		missing := v != v
		code := dst[at : at+w]
		at += w
		switch {
		case c.Kind == Number && missing:
			code[0] = c.Median
		case c.Kind == Number:
			code[0] = v
		default:
			clear(code)
			if !missing {
				code[int(v)] = 1
			} else if c.Missing > 0 {
				code[w-1] = 1
			}
		}
	}
}
