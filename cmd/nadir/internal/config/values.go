package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// wrong collects what a Validate method finds.
type wrong []error

func (w *wrong) add(key, format string, args ...any) {
	*w = append(*w, spec.Field(key, format, args...))
}

func (w *wrong) atLeast(key string, n, least int) {
	if n < least {
		w.add(key, "want %d or more, found %d", least, n)
	}
}

// oneOf refuses a word that is none of the known ones; none is fine.
func (w *wrong) oneOf(key, word string, known ...string) {
	if word != "" && !slices.Contains(known, word) {
		w.add(key, "want %s, found %q", strings.Join(known, " or "), word)
	}
}

func (w wrong) err() error { return errors.Join(w...) }

// want is the error of a value with a grammar of its own.
func want(v spec.Value, what string) error {
	found := strconv.Quote(v.Text)
	if v.Kind == spec.Null || v.Kind == spec.List || v.Kind == spec.Map {
		found = v.Kind.String()
	}
	return fmt.Errorf("want %s, found %s", what, found)
}

// A Shape is a tensor shape as the command reads it.
type Shape tensor.Shape

// UnmarshalSpec reads 28x28x1 or a list.
func (s *Shape) UnmarshalSpec(v spec.Value) error {
	var t tensor.Shape
	if err := spec.Decode(v, &t); err != nil {
		return err
	}
	for _, d := range t {
		if d < 1 {
			return want(v, "numbers above 0")
		}
	}
	*s = Shape(t)
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (s Shape) MarshalSpec() (spec.Value, error) {
	if len(s) == 0 {
		return spec.Value{}, nil
	}
	return spec.Str(tensor.Shape(s).Times()), nil
}

// Words is a list of words, or one text with commas between them.
type Words []string

// UnmarshalSpec reads a list or a text.
func (w *Words) UnmarshalSpec(v spec.Value) error {
	if v.Kind != spec.String {
		return spec.Decode(v, (*[]string)(w))
	}
	*w = nil
	for f := range strings.SplitSeq(v.Text, ",") {
		f = strings.TrimSpace(f)
		if f == "" {
			return want(v, "words with commas between them")
		}
		*w = append(*w, f)
	}
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (w Words) MarshalSpec() (spec.Value, error) { return spec.Encode([]string(w)) }

// Named are values of the library, each a name or a mapping with a name among
// its fields, or one text with commas between names.
type Named []spec.Value

// UnmarshalSpec reads a list, a mapping or a text.
func (n *Named) UnmarshalSpec(v spec.Value) error {
	*n = nil
	switch v.Kind {
	case spec.List:
		*n = v.Items
	case spec.Map:
		*n = Named{v}
	default:
		var words Words
		if err := words.UnmarshalSpec(v); err != nil {
			return err
		}
		for _, w := range words {
			*n = append(*n, spec.Value{Kind: spec.String, Pos: v.Pos, Text: w})
		}
	}
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (n Named) MarshalSpec() (spec.Value, error) {
	if len(n) == 0 {
		return spec.Value{}, nil
	}
	return spec.Value{Kind: spec.List, Items: n}, nil
}

// Epochs is a number of epochs, or how many are added to a finished run's.
type Epochs struct {
	N   int
	Add bool
}

// UnmarshalSpec reads 20 or +20.
func (e *Epochs) UnmarshalSpec(v spec.Value) error {
	var n int
	if err := spec.Decode(v, &n); err != nil || n < 1 {
		return want(v, "a whole number above 0, or +10 to go on for 10 more")
	}
	*e = Epochs{n, strings.HasPrefix(v.Text, "+")}
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (e Epochs) MarshalSpec() (spec.Value, error) {
	v := spec.Num(float64(e.N))
	if e.Add {
		v.Text = "+" + v.Text
	}
	return v, nil
}

// An Interval is a number of steps or a length of time. The zero Interval says
// neither.
type Interval struct {
	Steps int
	Time  time.Duration
}

// UnmarshalSpec reads 500 or 30s.
func (i *Interval) UnmarshalSpec(v spec.Value) error {
	var steps int
	if v.Kind == spec.Number && spec.Decode(v, &steps) == nil && steps > 0 {
		*i = Interval{Steps: steps}
		return nil
	}
	d, err := time.ParseDuration(v.Text)
	if v.Kind != spec.String || err != nil || d <= 0 {
		return want(v, "a number of steps such as 500, or a time such as 30s")
	}
	*i = Interval{Time: d}
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (i Interval) MarshalSpec() (spec.Value, error) {
	switch {
	case i.Steps > 0:
		return spec.Num(float64(i.Steps)), nil
	case i.Time > 0:
		return spec.Encode(i.Time)
	}
	return spec.Value{}, nil
}

// A Size is how much of the data a part takes: a fraction, a count or a file.
// The zero Size was not given; None is a written 0.
type Size struct {
	Fraction float64
	Count    int
	File     string
	None     bool
}

// UnmarshalSpec reads 0.1, 5000, a path or 0.
func (s *Size) UnmarshalSpec(v spec.Value) error {
	var f float64
	switch err := spec.Decode(v, &f); {
	case v.Kind == spec.String && v.Text != "":
		*s = Size{File: v.Text}
		return nil
	case v.Kind != spec.Number || err != nil:
		return want(v, "a fraction such as 0.1, a count, a file, or 0 for none")
	}
	switch f = spec.Or(f, 0); {
	case f == 0:
		*s = Size{None: true}
	case f > 0 && f < 1:
		*s = Size{Fraction: f}
	case f >= 1 && f == math.Trunc(f) && f < 1<<53:
		*s = Size{Count: int(f)}
	default:
		return want(v, "a fraction below 1 or a whole number of rows")
	}
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (s Size) MarshalSpec() (spec.Value, error) {
	switch {
	case s.File != "":
		return spec.Str(s.File), nil
	case s.None:
		return spec.Num(0), nil
	case s != Size{}:
		return spec.Num(s.Fraction + float64(s.Count)), nil
	}
	return spec.Value{}, nil
}

// maxClass is the largest class number that a list may name.
const maxClass = 1 << 20

// Classes are the classes to keep, ascending.
type Classes []int

// UnmarshalSpec reads 0-4,7-9, one number or a list.
func (c *Classes) UnmarshalSpec(v spec.Value) error {
	var list []int
	switch v.Kind {
	case spec.List:
		if err := spec.Decode(v, &list); err != nil {
			return err
		}
	case spec.String, spec.Number:
		for f := range strings.SplitSeq(v.Text, ",") {
			lo, hi, ranged := strings.Cut(strings.TrimSpace(f), "-")
			a, err := strconv.Atoi(lo)
			b := a
			if ranged && err == nil {
				b, err = strconv.Atoi(hi)
			}
			if err != nil || a > b || b > maxClass {
				return want(v, "classes such as 0-4,7-9")
			}
			for n := a; n <= b; n++ {
				list = append(list, n)
			}
			if len(list) > maxClass {
				return want(v, "fewer classes")
			}
		}
	default:
		return want(v, "classes such as 0-4,7-9")
	}
	slices.Sort(list)
	for i, n := range list {
		if n < 0 || n > maxClass {
			return want(v, "class numbers from 0")
		}
		if i > 0 && list[i-1] == n {
			return fmt.Errorf("class %d is given twice", n)
		}
	}
	if len(list) < 2 {
		return want(v, "two classes or more")
	}
	*c = list
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (c Classes) MarshalSpec() (spec.Value, error) {
	var parts []string
	for i := 0; i < len(c); {
		j := i
		for j+1 < len(c) && c[j+1] == c[j]+1 {
			j++
		}
		p := strconv.Itoa(c[i])
		if j > i {
			p += "-" + strconv.Itoa(c[j])
		}
		parts = append(parts, p)
		i = j + 1
	}
	if len(parts) == 0 {
		return spec.Value{}, nil
	}
	return spec.Str(strings.Join(parts, ",")), nil
}

// ClassWeight says how much a class counts. The zero ClassWeight: all alike.
type ClassWeight struct {
	Balanced bool // n / (classes · n_class)
	Of       map[string]float64
}

// UnmarshalSpec reads balanced, 0:1,1:5 or a mapping from class to weight. A
// class is a number or a label.
func (c *ClassWeight) UnmarshalSpec(v spec.Value) error {
	const form = "balanced, or weights such as 0:1,1:5"
	out := map[string]float64{}
	switch v.Kind {
	case spec.Map:
		if err := spec.Decode(v, &out); err != nil {
			return err
		}
	case spec.String:
		if v.Text == "balanced" {
			*c = ClassWeight{Balanced: true}
			return nil
		}
		for f := range strings.SplitSeq(v.Text, ",") {
			f = strings.TrimSpace(f)
			at := strings.LastIndexByte(f, ':')
			if at < 1 {
				return want(v, form)
			}
			key := strings.TrimSpace(f[:at])
			w, err := strconv.ParseFloat(strings.TrimSpace(f[at+1:]), 64)
			if err != nil {
				return want(v, form)
			}
			if _, twice := out[key]; twice {
				return fmt.Errorf("class %s is given twice", key)
			}
			out[key] = w
		}
	default:
		return want(v, form)
	}
	for k, w := range out {
		if !(w >= 0) || math.IsInf(w, 0) {
			return fmt.Errorf("class %s: want a weight of 0 or more, found %v", k, w)
		}
	}
	*c = ClassWeight{Of: out}
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (c ClassWeight) MarshalSpec() (spec.Value, error) {
	if c.Balanced {
		return spec.Str("balanced"), nil
	}
	v, err := spec.Encode(c.Of)
	slices.SortStableFunc(v.Entries, func(a, b spec.Entry) int { return cmp.Compare(index(a.Key), index(b.Key)) })
	return v, err
}

// Units is the width of a layer. The zero Units was not given.
type Units int

// UnmarshalSpec reads a number above 0.
func (u *Units) UnmarshalSpec(v spec.Value) error {
	var n int
	if err := spec.Decode(v, &n); err != nil || n < 1 || n > 1<<30 {
		return want(v, "a number of units, 1 or more")
	}
	*u = Units(n)
	return nil
}

// MarshalSpec writes what UnmarshalSpec reads.
func (u Units) MarshalSpec() (spec.Value, error) {
	if u == 0 {
		return spec.Value{}, nil
	}
	return spec.Num(float64(u)), nil
}
