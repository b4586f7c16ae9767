package csv

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/spec"
)

// A Kind says what a column is used for.
type Kind string

// The kinds of column.
const (
	Number   Kind = "number"   // one input, as it is
	Category Kind = "category" // one input a category, one-hot
	Label    Kind = "label"    // the target
	Weight   Kind = "weight"   // the rows' weights in the loss
	Ignored  Kind = "ignored"  // not read
)

// A Column is what is known of one column.
type Column struct {
	Name       string   `json:"name"` // its number from 0 where the file names none
	Kind       Kind     `json:"kind"`
	Missing    int      `json:"missing,omitempty"`    // cells without a value when the table was made
	Median     float32  `json:"median,omitempty"`     // of a Number: what stands for a missing one
	Categories []string `json:"categories,omitempty"` // of a Category, in the order of the one-hot code
}

// width is the number of inputs that a column makes. A category that was
// missing somewhere has a place after the others for that.
func (c *Column) width() int {
	switch c.Kind {
	case Number:
		return 1
	case Category:
		if c.Missing > 0 {
			return len(c.Categories) + 1
		}
		return len(c.Categories)
	}
	return 0
}

// A Table says how rows of text become numbers. It is plain data: its JSON
// form reads back as an equal Table, and holds all that a model needs to
// encode rows as its training did.
type Table struct {
	Header  bool     `json:"header"` // the file named its columns; else columns go by their place
	Columns []Column `json:"columns"`
	Classes []string `json:"classes,omitempty"` // the labels' texts; nil in regression
}

// Width is the number of inputs of a row.
func (t *Table) Width() int {
	n := 0
	for i := range t.Columns {
		n += t.Columns[i].width()
	}
	return n
}

// UnmarshalJSON reads a table and fails where it could not have been made by
// [Open].
func (t *Table) UnmarshalJSON(text []byte) error {
	type plain Table
	var p plain
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	n := (*Table)(&p)
	if err := n.check(); err != nil {
		return fmt.Errorf("table of columns: %w", err)
	}
	*t = *n
	return nil
}

func (t *Table) check() error {
	count := map[Kind]int{}
	names := map[string]bool{}
	for i := range t.Columns {
		c := &t.Columns[i]
		switch c.Kind {
		case Number, Category, Label, Weight, Ignored:
		default:
			return fmt.Errorf("column %q is of unknown kind %q", c.Name, c.Kind)
		}
		if names[c.Name] {
			return fmt.Errorf("column %q comes twice", c.Name)
		}
		names[c.Name] = true
		count[c.Kind]++
		if !ascending(c.Categories) || (c.Kind == Category) != (len(c.Categories) > 0) {
			return fmt.Errorf("column %q: categories are missing, repeated, out of order or too many", c.Name)
		}
	}
	switch {
	case count[Label] > 1 || count[Weight] > 1:
		return fmt.Errorf("%d labels and %d weights a row: want at most one of each", count[Label], count[Weight])
	case count[Number]+count[Category] == 0:
		return fmt.Errorf("no column is an input")
	case t.Width() > maxWidth:
		return fmt.Errorf("%d inputs are more than %d", t.Width(), maxWidth)
	case t.Classes != nil && (len(t.Classes) < 2 || len(t.Classes) > maxCategories):
		return fmt.Errorf("%d classes: want 2 to %d, or none in regression", len(t.Classes), maxCategories)
	}
	seen := map[string]bool{}
	for _, c := range t.Classes {
		if seen[c] {
			return fmt.Errorf("class %q comes twice", c)
		}
		seen[c] = true
	}
	return nil
}

// ascending reports whether texts are in order, all different and few enough.
func ascending(texts []string) bool {
	return len(texts) <= maxCategories && slices.IsSorted(texts) &&
		len(slices.Compact(slices.Clone(texts))) == len(texts)
}

// Encode writes the inputs of one record to dst, [Table.Width] numbers.
//
// Header names the record's columns, in any order; nil stands for the order of
// the table's own file. Columns of the label, of weights and those that were
// ignored may be absent. A category that the table does not know is an error,
// and so is a text in a column of numbers.
func (t *Table) Encode(header, record []string, dst []float32) error {
	if len(dst) != t.Width() {
		return fmt.Errorf("csv: %d places for %d inputs", len(dst), t.Width())
	}
	e, err := t.bind(header, len(record))
	if err != nil {
		return &data.Error{Msg: err.Error()}
	}
	trimmed := make([]string, len(record))
	for i, cell := range record {
		trimmed[i] = strings.TrimSpace(cell)
	}
	row := make([]float32, len(e.inputs))
	if at, err := e.features(trimmed, row); err != nil {
		return &data.Error{Msg: fmt.Sprintf("cell %d: %v", at+1, err)}
	}
	t.expand(row, dst)
	return nil
}

// bind finds the table's columns in records of width cells that header names,
// or that have none.
func (t *Table) bind(header []string, width int) (*encoder, error) {
	e := &encoder{t: t, label: -1, weight: -1}
	var place func(i int) int
	switch {
	case header != nil && len(header) != width:
		return nil, fmt.Errorf("the row has %d cells, but the header %d", width, len(header))
	case header != nil && t.Header:
		at := make(map[string]int, width)
		for i, name := range header {
			at[strings.TrimSpace(name)] = i
		}
		place = func(i int) int {
			if k, ok := at[t.Columns[i].Name]; ok {
				return k
			}
			return -1
		}
	case width == len(t.Columns):
		place = func(i int) int { return i }
	default:
		// Without names there is one more form that is not ambiguous: all
		// columns but the label.
		l := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Kind == Label })
		if l < 0 || width != len(t.Columns)-1 {
			return nil, fmt.Errorf("the row has %d cells, want the %d of the data that the model was trained on, with or without its label", width, len(t.Columns))
		}
		place = func(i int) int {
			switch {
			case i < l:
				return i
			case i > l:
				return i - 1
			}
			return -1
		}
	}
	for i := range t.Columns {
		c, k := &t.Columns[i], place(i)
		switch c.Kind {
		case Label:
			e.label = k
			e.classes = numbered(t.Classes)
		case Weight:
			e.weight = k
		case Number, Category:
			if k < 0 {
				return nil, fmt.Errorf("column %q, an input of the model, is not in the header%s", c.Name, near(c.Name, header))
			}
			e.inputs = append(e.inputs, input{c, k, numbered(c.Categories)})
		}
	}
	return e, nil
}

func numbered(texts []string) map[string]int {
	m := make(map[string]int, len(texts))
	for i, s := range texts {
		m[s] = i
	}
	return m
}

// near is the end of a message: what a misspelt word may have meant.
func near(word string, names []string) string {
	n := spec.Nearest(word, names)
	if len(n) == 0 {
		return ""
	}
	for i := range n {
		n[i] = strconv.Quote(n[i])
	}
	return "; did you mean " + strings.Join(n, " or ") + "?"
}
