package sets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/format/tfrecord"
	"github.com/nadir-ml/nadir/tensor"
)

// isTFRecord reports whether a file is one of records: its first bytes say so, or,
// where these are damaged, its name.
func isTFRecord(path string) bool {
	switch filepath.Ext(strings.TrimSuffix(strings.ToLower(path), ".gz")) {
	case ".tfrecord", ".tfrecords", ".tfrec":
		return true
	}
	c, err := openContents(path)
	if err != nil {
		return false
	}
	defer c.Close()
	head := make([]byte, 12)
	_, err = io.ReadFull(c, head)
	return err == nil && tfrecord.Is(head)
}

// openShards reads the features that are asked for, of all files that a path stands for.
func openShards(path string, o Options) (*Set, error) {
	list, err := shards(path)
	if err != nil {
		return nil, err
	}
	var e *examples
	var sums []string
	for _, p := range list {
		sum, err := readRecords(p, o, &e)
		if err != nil && len(list) > 1 {
			return nil, wrap(p, err)
		}
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	if e == nil {
		return nil, errors.New("the file holds no records")
	}
	src, err := e.source(path)
	if err != nil {
		return nil, err
	}
	sum := sums[0]
	if len(sums) > 1 {
		sum = combine(sums)
	}
	return &Set{Name: filepath.Base(filepath.Clean(path)), Train: src, Records: true, Fingerprint: sum + strings.Join(slices.Concat(e.features, []string{e.label}), ",")}, nil
}

// readRecords adds the records of one file, which may have none, and gives its hash.
func readRecords(path string, o Options, e **examples) (string, error) {
	c, err := openContents(path)
	if err != nil {
		return "", err
	}
	defer c.Close()
	r := tfrecord.NewReader(c, c.size)
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return c.hash(), nil
		}
		if err != nil {
			return "", err
		}
		x, err := tfrecord.ParseExample(b)
		if err == nil && *e == nil {
			*e, err = newExamples(x, o)
		}
		if err == nil {
			err = (*e).add(x)
		}
		if err != nil {
			return "", fmt.Errorf("record %d at byte %d: %w", r.Record(), r.Offset(), err)
		}
	}
}

// examples are the rows of a TFRecord file as they are read.
type examples struct {
	o        Options
	features []string
	label    string // empty where there is none
	n        int
	x, y     values
	// Of a feature of encoded pictures: each as it is in the file, and what it is.
	encoded bool
	files   [][]byte
	sizes   tensor.Shape // the size of all, and the most channels
	shape   tensor.Shape // of a row of x, where that is known
}

// values is what a feature, or several, have in all rows.
type values struct {
	kind   tfrecord.Kind // of all; Floats where several are joined
	width  int           // values a row
	floats []float32
	ints   []int64
	raw    []byte
	words  []string // byte strings of a label
}

// newExamples chooses what is read, by the first record.
func newExamples(x tfrecord.Example, o Options) (*examples, error) {
	e := &examples{o: o, features: o.Features, label: o.Label}
	if len(x) == 0 {
		return nil, errors.New("the example has no features")
	}
	if e.label == "" {
		for _, f := range x {
			if isTarget(lastOf(f.Name)) && !slices.Contains(e.features, f.Name) {
				if e.label != "" {
					return nil, fmt.Errorf("both %q and %q could be the target: say which with data.label=", e.label, f.Name)
				}
				e.label = f.Name
			}
		}
	}
	if len(e.features) == 0 {
		var rest, usual []string
		for _, f := range x {
			if f.Name == e.label || f.Kind == tfrecord.None {
				continue
			}
			rest = append(rest, f.Name)
			switch lastOf(f.Name) {
			case "image", "image_raw", "encoded", "x":
				usual = append(usual, f.Name)
			}
		}
		switch {
		case len(rest) == 1:
			e.features = rest
		case len(usual) == 1:
			e.features = usual
		default:
			return nil, fmt.Errorf("say which features are the input with data.feature=, and which is the target with data.label=; there are %s", listed(x))
		}
	}
	for i, name := range e.features {
		f, ok := x.Lookup(name)
		switch {
		case !ok:
			return nil, missing(name, x)
		case name == e.label:
			return nil, fmt.Errorf("feature %q is the target: it cannot be an input as well", name)
		case slices.Contains(e.features[:i], name):
			return nil, fmt.Errorf("feature %q is named twice", name)
		case len(e.features) > 1 && f.Kind == tfrecord.Bytes:
			return nil, fmt.Errorf("feature %q holds bytes, which are no numbers to be joined with those of others: name it alone", name)
		}
	}
	first, _ := x.Lookup(e.features[0])
	if first.Kind == tfrecord.Bytes && len(first.Bytes) == 1 {
		_, err := images.Size(bytes.NewReader(first.Bytes[0]))
		e.encoded = err == nil
		if !e.encoded {
			e.shape = shapeIn(x)
		}
	}
	if len(o.Shape) > 0 {
		e.shape = o.Shape
	}
	return e, nil
}

// lastOf is the last part of a name such as image/encoded.
func lastOf(name string) string { return strings.ToLower(name[strings.LastIndex(name, "/")+1:]) }

func missing(name string, x tfrecord.Example) error {
	return fmt.Errorf("there is no feature %q; there are %s", name, listed(x))
}

// listed is the features with what each holds.
func listed(x tfrecord.Example) string {
	const most = 24
	var out []string
	for _, f := range x {
		if len(out) == most {
			out = append(out, fmt.Sprintf("%d more", len(x)-most))
			break
		}
		out = append(out, fmt.Sprintf("%q (%v of %d)", f.Name, f.Kind, f.Len()))
	}
	return strings.Join(out, ", ")
}

// shapeIn is the shape of raw pixels as other features of the example say it, or nil.
func shapeIn(x tfrecord.Example) tensor.Shape {
	var s tensor.Shape
	for _, names := range [][]string{{"height"}, {"width"}, {"channels", "depth"}} {
		for _, f := range x {
			if slices.Contains(names, lastOf(f.Name)) && f.Kind == tfrecord.Ints && len(f.Ints) == 1 && f.Ints[0] > 0 && f.Ints[0] <= images.MaxPixels {
				s = append(s, int(f.Ints[0]))
				break
			}
		}
	}
	if len(s) != 3 {
		return nil
	}
	return s
}

// add takes a row.
func (e *examples) add(x tfrecord.Example) error {
	width := 0
	for _, name := range e.features {
		f, ok := x.Lookup(name)
		if !ok {
			return missing(name, x)
		}
		if e.encoded {
			if err := e.picture(f); err != nil {
				return fmt.Errorf("feature %q: %w", name, err)
			}
			continue
		}
		n, err := e.x.add(f, len(e.features) > 1)
		if err != nil {
			return err
		}
		width += n
	}
	if err := e.x.row(width, e.n == 0, strings.Join(e.features, ", ")); err != nil && !e.encoded {
		return err
	}
	if e.label != "" {
		f, ok := x.Lookup(e.label)
		if !ok {
			return missing(e.label, x)
		}
		n, err := 1, error(nil)
		if f.Kind == tfrecord.Bytes {
			if e.n > 0 && e.y.kind != tfrecord.Bytes || len(f.Bytes) != 1 {
				return fmt.Errorf("label %q is a %v of %d: want one text in all records, or numbers in all", e.label, f.Kind, f.Len())
			}
			e.y.kind, e.y.words = f.Kind, append(e.y.words, string(f.Bytes[0]))
		} else if n, err = e.y.add(f, false); err != nil {
			return err
		}
		if err := e.y.row(n, e.n == 0, e.label); err != nil {
			return err
		}
	}
	e.n++
	return nil
}

// add takes a feature's values of a row, and gives how many there are.
func (v *values) add(f tfrecord.Feature, join bool) (int, error) {
	switch {
	case f.Len() == 0:
		return 0, fmt.Errorf("feature %q has no value here; rows with missing values are not read", f.Name)
	case join && f.Kind != tfrecord.Bytes:
		v.kind = tfrecord.Floats
	case v.kind == tfrecord.None:
		v.kind = f.Kind
	}
	switch {
	case f.Kind == v.kind && f.Kind == tfrecord.Ints:
		v.ints = append(v.ints, f.Ints...)
	case f.Kind == v.kind && f.Kind == tfrecord.Floats:
		v.floats = append(v.floats, f.Floats...)
	case f.Kind == v.kind && f.Kind == tfrecord.Bytes:
		n := 0
		for _, b := range f.Bytes {
			v.raw = append(v.raw, b...)
			n += len(b)
		}
		return n, nil
	case f.Kind == tfrecord.Ints && join:
		for _, i := range f.Ints {
			v.floats = append(v.floats, float32(i))
		}
	default:
		return 0, fmt.Errorf("feature %q is a %v here, and a %v before", f.Name, f.Kind, v.kind)
	}
	return f.Len(), nil
}

// row holds the values of a row against those of the first.
func (v *values) row(width int, first bool, name string) error {
	if first {
		v.width = width
	}
	if width != v.width {
		return fmt.Errorf("feature %q has %d values here, and %d in the records before: want as many in all", name, width, v.width)
	}
	return nil
}

// picture takes an encoded picture, whose header alone is read.
func (e *examples) picture(f tfrecord.Feature) error {
	if f.Kind != tfrecord.Bytes || len(f.Bytes) != 1 {
		return fmt.Errorf("a %v of %d where a picture is wanted", f.Kind, f.Len())
	}
	s, err := images.Size(bytes.NewReader(f.Bytes[0]))
	if err != nil {
		return err
	}
	channels := s[2]
	if e.sizes != nil {
		channels = max(channels, e.sizes[2])
	}
	if h, w := e.o.Images.Height, e.o.Images.Width; h > 0 && w > 0 {
		s = tensor.Shape{h, w, channels}
	} else if e.sizes != nil && (s[0] != e.sizes[0] || s[1] != e.sizes[1]) {
		return fmt.Errorf("a picture of %d×%d pixels, but the first has %d×%d: bring all to one size with input.size=", s[1], s[0], e.sizes[1], e.sizes[0])
	}
	e.sizes = tensor.Shape{s[0], s[1], channels}
	e.files = append(e.files, bytes.Clone(f.Bytes[0]))
	return nil
}

// tensor is the values of n rows.
func (v *values) tensor(n int) (*tensor.Tensor, error) {
	switch v.kind {
	case tfrecord.Floats:
		return tensor.Of(v.floats, n, v.width), nil
	case tfrecord.Ints:
		return tensor.Of(v.ints, n, v.width), nil
	}
	return tensor.Of(v.raw, n, v.width), nil
}

// source is the rows that were read.
func (e *examples) source(path string) (data.Source, error) {
	var p part
	var classes []string
	if e.label != "" {
		var err error
		if classes, err = e.target(&p); err != nil {
			return nil, err
		}
	}
	name := strings.Join(e.features, ",")
	if e.encoded {
		return newPictures(path, name, e, p.targets, classes), nil
	}
	x, err := e.x.tensor(e.n)
	if err != nil {
		return nil, err
	}
	if e.shape != nil {
		if e.shape.Len() != e.x.width {
			return nil, fmt.Errorf("a row of feature %q has %d values, which are not of shape %v; say it with input=", name, e.x.width, e.shape)
		}
		if x, err = x.Reshape(append([]int{e.n}, e.shape...)...); err != nil {
			return nil, err
		}
	}
	return rows([]column{{name, x}}, p.targets, classes)
}

// target is the label as a column: the number of a class, or numbers.
func (e *examples) target(p *part) (classes []string, err error) {
	if e.y.kind == tfrecord.Bytes {
		if e.o.Numbers {
			return nil, fmt.Errorf("label %q is text: want numbers to predict", e.label)
		}
		set := map[string]int32{}
		for _, w := range e.y.words {
			set[w] = 0
		}
		if len(set) > most {
			return nil, fmt.Errorf("label %q has %d different values: want at most %d classes", e.label, len(set), most)
		}
		classes = slices.Sorted(maps.Keys(set))
		for i, c := range classes {
			set[c] = int32(i)
		}
		t := tensor.New(tensor.Int32, e.n)
		for i, w := range e.y.words {
			t.Int32s()[i] = set[w]
		}
		p.targets = []column{{e.label, t}}
		return classes, nil
	}
	t, err := e.y.tensor(e.n)
	if err != nil {
		return nil, err
	}
	if e.o.Numbers || e.y.width > 1 {
		t = t.Convert(tensor.Float32)
	}
	p.targets = []column{{e.label, t}}
	return label(nil, p)
}
