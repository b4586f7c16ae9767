package csv

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nadir-ml/nadir/data"
)

const (
	// maxCategories bounds the categories of a column and the classes.
	maxCategories = 1000
	// maxText bounds the length of a category in bytes.
	maxText = 256
	// maxWidth bounds the inputs that all columns make together.
	maxWidth = 1 << 16
	// few is the most different numbers that a column may hold and still be
	// one of categories beside texts, or of labels by itself.
	few = 20
)

// stats is what the rows tell of one column.
type stats struct {
	name             string
	kind             Kind // Number stands for an input of either kind
	present, missing int
	fractions        bool
	texts            map[string]content // the different cells, up to the bounds
	words, numbers   int                // different cells of each kind in texts
	tooManyWords     bool
	tooManyNumbers   bool
	mostNumbers      int
	firstWord        error // at the first cell that is no number
	sample           *sample
}

// add notes a cell that is not missing.
func (s *stats) add(cell string, v float64, kind content) {
	s.present++
	if kind == number && v != math.Trunc(v) {
		s.fractions = true
	}
	if kind == number && s.tooManyNumbers {
		return
	}
	if _, known := s.texts[cell]; known {
		return
	}
	full := &s.tooManyWords
	count, most := &s.words, maxCategories
	if kind == number {
		full, count, most = &s.tooManyNumbers, &s.numbers, s.mostNumbers
	}
	if *count == most || len(cell) > maxText {
		*full = true
		return
	}
	*count++
	s.texts[strings.Clone(cell)] = kind
}

// sorted is the different cells in order.
func (s *stats) sorted() []string {
	all := make([]string, 0, len(s.texts))
	for text := range s.texts {
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// unlike reports whether nearly every cell is a text of its own, as a name or
// a number plate is, so that categories tell nothing.
func (s *stats) unlike() bool {
	return s.tooManyWords || len(s.texts) > maxCategories || len(s.texts) > few && 2*len(s.texts) > s.present
}

// find is the place of the column that ref names, or that it counts: from 0,
// or from −1 backwards.
func find(what, ref string, names []string) (int, error) {
	if i := slices.Index(names, ref); i >= 0 {
		return i, nil
	}
	if i, err := strconv.Atoi(ref); err == nil {
		if i < 0 {
			i += len(names)
		}
		if i >= 0 && i < len(names) {
			return i, nil
		}
		return 0, fmt.Errorf("%s column %s: there are %d columns, 0 to %d, or −1 to −%d from the end", what, ref, len(names), len(names)-1, len(names))
	}
	return 0, fmt.Errorf("%s column %q is not among the %d columns%s", what, ref, len(names), near(ref, names))
}

// roles gives each column what the options make of it.
func roles(names []string, o Options) ([]stats, error) {
	cols := make([]stats, len(names))
	for i, name := range names {
		cols[i] = stats{name: name, kind: Number, texts: map[string]content{}, mostNumbers: few}
	}
	assign := func(what, ref string, kind Kind) error {
		i, err := find(what, ref, names)
		if err != nil {
			return err
		}
		if was := cols[i].kind; was != Number && was != kind {
			return fmt.Errorf("column %q cannot be both %s and %s", names[i], was, kind)
		}
		cols[i].kind = kind
		return nil
	}
	for _, ref := range o.Ignore {
		if err := assign("ignored", ref, Ignored); err != nil {
			return nil, err
		}
	}
	if o.Weight != "" {
		if err := assign("weight", o.Weight, Weight); err != nil {
			return nil, err
		}
	}
	label := o.Label
	if label == "" {
		// The last column that is not spoken for.
		label = strconv.Itoa(len(names) - 1)
		for i := len(names) - 1; i >= 0; i-- {
			if cols[i].kind == Number {
				label = names[i]
				break
			}
		}
	}
	if err := assign("label", label, Label); err != nil {
		return nil, err
	}
	for i := range cols {
		if cols[i].kind == Label {
			cols[i].mostNumbers = maxCategories
		}
	}
	if !slices.ContainsFunc(cols, func(c stats) bool { return c.kind == Number }) {
		return nil, fmt.Errorf("no column is left as an input beside the label %q", label)
	}
	return cols, nil
}

// learn reads all rows and makes the table of their columns. It tells each
// where a row starts, and keeps samples of the numbers where most is above 0.
func learn(rec *records, l layout, o Options, most int, each func(start int64) error) (*Table, []stats, error) {
	fail := func(err error) error { return &data.Error{Path: rec.path, Msg: err.Error()} }
	cols, err := roles(l.names, o)
	if err != nil {
		return nil, nil, fail(err)
	}
	if most > 0 {
		for i := range cols {
			cols[i].sample = &sample{most: max(most/len(cols), 1)}
		}
	}
	words := 0
	for row := int32(0); ; row++ {
		record, err := rec.next()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, nil, err
		}
		if err := each(rec.start); err != nil {
			return nil, nil, err
		}
		var hash uint32
		if most > 0 {
			hash = hashRow(row)
		}
		for i, cell := range record {
			c := &cols[i]
			if c.kind == Ignored {
				continue
			}
			v, kind, err := classify(cell)
			switch {
			case err != nil:
			case kind == absent && c.kind == Label:
				err = errNoLabel
			case kind != number && c.kind == Weight || v < 0 && c.kind == Weight:
				err = fmt.Errorf("a row's weight is %q; want a number of 0 or more", cell)
			case kind == word && c.kind == Label && o.Task == Regression:
				err = fmt.Errorf("the label %q is not a number", cell)
			case kind == word && !utf8.ValidString(cell):
				err = fmt.Errorf("the text is not UTF-8; save the file in that encoding")
			}
			if err != nil {
				return nil, nil, rec.fail(i, "column %q: %v", c.name, err)
			}
			switch {
			case kind == absent:
				c.missing++
				continue
			case kind == word && c.firstWord == nil:
				c.firstWord = rec.fail(i, "column %q holds numbers, but here %q; leave the cell empty where the value is missing, or leave the column out with data.ignore=%s", c.name, cell, c.name)
			case kind == number && c.sample != nil && c.kind == Number:
				c.sample.add(row, hash, float32(v))
			}
			before := c.words
			c.add(cell, v, kind)
			if words += c.words - before; words > maxWidth {
				return nil, nil, rec.fail(i, "the columns hold more than %d different texts in all; leave columns out with data.ignore=", maxWidth)
			}
		}
	}
	t := &Table{Header: l.titled, Columns: make([]Column, len(cols))}
	var unlike, empty []string
	for i := range cols {
		c, to := &cols[i], &t.Columns[i]
		*to = Column{Name: c.name, Kind: c.kind, Missing: c.missing}
		switch {
		case c.kind == Label:
			if t.Classes, err = classes(c, o.Task); err != nil {
				return nil, nil, fail(err)
			}
		case c.kind != Number:
		case c.present == 0:
			empty = append(empty, c.name)
		case c.words == 0 && !c.tooManyWords:
		case c.tooManyNumbers && c.words <= few && !c.tooManyWords:
			return nil, nil, c.firstWord // numbers but for a few slips
		case c.tooManyNumbers || c.unlike():
			unlike = append(unlike, c.name)
		default:
			to.Kind, to.Categories = Category, c.sorted()
		}
	}
	if len(empty) > 0 {
		return nil, nil, fail(fmt.Errorf("no row has a value in %s; leave out with data.ignore=%s", quoted(empty), strings.Join(empty, ",")))
	}
	if len(unlike) > 0 {
		return nil, nil, fail(fmt.Errorf("nearly every row has a text of its own in %s, or there are more than %d or very long ones, from which nothing can be learned; leave out with data.ignore=%s",
			quoted(unlike), maxCategories, strings.Join(unlike, ",")))
	}
	if err := t.check(); err != nil {
		return nil, nil, fail(err)
	}
	return t, cols, nil
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = strconv.Quote(n)
	}
	return strings.Join(q, ", ")
}

// classes is the names of the classes that the label column holds, or nil
// where its numbers are to be predicted as numbers.
func classes(c *stats, task Task) ([]string, error) {
	texts := c.words > 0 || c.tooManyWords
	if task == Regression {
		return nil, nil
	}
	if !texts && task == Detect {
		if c.fractions || c.tooManyNumbers || c.numbers > few || 2*c.numbers > c.present {
			return nil, nil
		}
	}
	if c.tooManyNumbers || texts && c.unlike() {
		return nil, fmt.Errorf("the label %q has nearly as many classes as rows, or more than %d; choose another with data.label=, or loss=mse to predict a number", c.name, maxCategories)
	}
	names := c.sorted()
	if !texts {
		value := map[string]float64{}
		for _, text := range names {
			v, _, _ := classify(text)
			value[canonical(v)] = v
		}
		names = names[:0]
		for text := range value {
			names = append(names, text)
		}
		slices.SortFunc(names, func(a, b string) int { return cmp.Compare(value[a], value[b]) })
	}
	if len(names) < 2 {
		return nil, fmt.Errorf("the label %q is %s in every row; choose another with data.label=", c.name, quoted(names))
	}
	return names, nil
}
