package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/csv"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/data/sets"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// A dataset is the data of a run, cut into its parts.
type dataset struct {
	name        string
	train       data.Source
	val, test   data.Source // nil where there is none
	table       *csv.Source // where it is one
	fixed       bool        // the rows stand in a published order
	notes       []string
	fingerprint string
	labels      func(inputs []data.Field, target data.Field) bool // see openOptions
	close       []func() error
}

func (d *dataset) schema() data.Schema { return d.train.Schema() }

func (d *dataset) Close() {
	for _, f := range d.close {
		_ = f()
	}
}

// openOptions say how data is opened beside what the configuration says.
type openOptions struct {
	table  *csv.Table                                        // rows are encoded as those of this table
	labels func(inputs []data.Field, target data.Field) bool // see classified; nil: as the configuration says
	whole  bool                                              // no part is cut off: for evaluation
	within string                                            // folder that a relative path is looked for in, too
	// fold parts the rows left for training into those trained on and those held
	// out for validation; nil leaves that to data.val.
	fold func(left []int32) (kept, held []int32)
}

// openData opens what the configuration names and cuts it into parts.
func (c *command) openData(ctx context.Context, cfg *config.Config, o openOptions) (*dataset, error) {
	d, err := c.openSet(ctx, cfg, o)
	if err != nil {
		return nil, asData(err)
	}
	d.labels = o.labels
	if err := d.cut(c, cfg, o); err != nil {
		d.Close()
		return nil, asData(err)
	}
	return d, nil
}

// asData makes the failure to open data one of the data.
func asData(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		if !is[*data.Error](err) && !is[*spec.Error](err) {
			return &data.Error{Msg: err.Error()}
		}
	}
	return err
}

// isTable reports whether a path is read as a table.
func isTable(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv", ".tsv", ".txt", ".data":
		return true
	}
	return false
}

func (c *command) setOptions(cfg *config.Config, labels func(inputs []data.Field, target data.Field) bool) (o sets.Options, done func()) {
	o.URL = cfg.Data.URL
	shown := c.download(cfg.Data.Name)
	o.Progress, o.Resumed = shown.progress, shown.resumed
	one, each, unread := lossesOf(cfg.Loss)
	o.Labels = labels
	if m, err := nn.Decode(cfg.Model); err == nil { // else it is said when the model is built
		_, outs := m.Ports()
		for _, p := range outs {
			o.Targets = append(o.Targets, p.Name)
		}
		if labels == nil && unread == nil {
			o.Labels = classified(m, func(output string) loss.Loss {
				if each != nil {
					return each[output].Loss
				}
				return one
			})
			if from := cfg.Transfer.From; from != "" {
				o.Labels = reusing(o.Labels, from, one)
			}
		}
	}
	o.Features, o.Label = cfg.Data.Feature, cfg.Data.Label
	if one != nil {
		o.Numbers = !train.Classifies(one)
	}
	if shape, _, ok := shapeGiven(cfg); ok {
		o.Shape = shape
	}
	if s := cfg.Input.Size; len(s) > 0 {
		o.Images = images.Options{Height: s[0], Width: s[len(s)-1]}
		if len(s) > 1 {
			o.Images.Width = s[1]
		}
	}
	return o, shown.close
}

// setNames lists the sets known by name.
func setNames() []string {
	names := []string{"digits"}
	for _, k := range sets.List([]string{}) {
		names = append(names, k.Name)
	}
	return names
}

func (c *command) openSet(ctx context.Context, cfg *config.Config, o openOptions) (*dataset, error) {
	name := cfg.Data.Name
	switch {
	case name == "digits":
		n := digits.DefaultTrain
		if cfg.Data.Limit > 0 && len(cfg.Data.Classes) == 0 {
			n = cfg.Data.Limit
		}
		tr, te := digits.New(cfg.Seed, n, digits.DefaultTest)
		d := &dataset{name: name, train: tr, test: te, fixed: true, fingerprint: fmt.Sprintf("digits:%d:%d", cfg.Seed, n)}
		return d, d.only(cfg, "")
	case contains(setNames(), name):
		so, done := c.setOptions(cfg, o.labels)
		defer done()
		c.orderly.Store(true) // a download is ended in good order
		s, err := sets.Open(ctx, name, so)
		c.orderly.Store(false)
		if err != nil {
			return nil, err
		}
		d := setOf(name, s)
		return d, d.only(cfg, "data.url")
	}
	path, err := find(cfg, o.within)
	if err != nil {
		return nil, err
	}
	if isTable(path) {
		s, err := c.openTable(path, cfg, o.table)
		if err != nil {
			return nil, err
		}
		d := &dataset{name: baseOf(path), train: s, table: s, fingerprint: s.Fingerprint(), close: []func() error{s.Close}}
		return d, d.only(cfg, "data.label", "data.ignore", "sample_weight")
	}
	so, done := c.setOptions(cfg, o.labels)
	defer done()
	s, err := sets.OpenPath(path, so)
	if err != nil {
		return nil, err
	}
	d := setOf(baseOf(path), s)
	if info, err := os.Stat(path); err == nil && info.IsDir() && !d.fixed {
		return d, d.only(cfg, "input.size")
	}
	if s.Records {
		return d, d.only(cfg, "data.feature", "data.label", "input.size")
	}
	return d, d.only(cfg, "")
}

func setOf(name string, s *sets.Set) *dataset {
	return &dataset{name: name, train: s.Train, test: s.Test, fixed: s.FixedOrder, notes: s.Notes, fingerprint: s.Fingerprint}
}

// only refuses the keys that mean nothing for this kind of data: all but those
// that are listed.
func (d *dataset) only(cfg *config.Config, keys ...string) error {
	for _, k := range []struct{ key, of string }{
		{"data.feature", "TFRecord files"},
		{"data.label", "tables and TFRecord files"},
		{"data.ignore", "tables"},
		{"sample_weight", "tables"},
		{"data.url", "sets that are downloaded"},
		{"input.size", "folders and TFRecord files of pictures"},
	} {
		if v, ok := given(cfg, k.key); ok && !contains(keys, k.key) {
			d.Close()
			return &spec.Error{Pos: v.Pos, Path: k.key, Msg: fmt.Sprintf("%s is for %s, which %s is not", k.key, k.of, cfg.Data.Name)}
		}
	}
	shape := d.schema().Inputs[0].Shape
	if want, v, ok := shapeGiven(cfg); ok && !want.Equal(shape) {
		d.Close()
		return &spec.Error{Pos: v.Pos, Path: "input", Msg: fmt.Sprintf("input: the rows of %s have shape %s; leave the key out, it is for models without data", cfg.Data.Name, shape.Times())}
	}
	return nil
}

// shapeGiven is the shape of a sample that was asked for, and where.
func shapeGiven(cfg *config.Config) (shape tensor.Shape, v spec.Value, ok bool) {
	v, ok = given(cfg, "input.shape")
	if x, scalar := given(cfg, "input"); scalar && x.Kind != spec.Map {
		v, ok = x, true
	}
	return tensor.Shape(cfg.Input.Shape), v, ok
}

// find is the path that data= names, looked for in a second folder, too.
func find(cfg *config.Config, within string) (string, error) {
	name := cfg.Data.Name
	path := resolve(name, within)
	if exists(path) || sets.Sharded(path) {
		return path, nil
	}
	if strings.ContainsAny(name, `/\.`) {
		return "", &data.Error{Path: name, Msg: "there is no such file or folder; name one that is there, or a set that \"nadir data list\" knows"}
	}
	at, _ := cfg.Tree.Get("data")
	if n, ok := at.Get("name"); ok {
		at = n
	}
	return "", &spec.Error{Pos: at.Pos, Path: "data", Word: name, Nearest: spec.Nearest(name, setNames()),
		Msg: fmt.Sprintf("unknown data set %q: neither a set known by name nor a file or folder here", name)}
}

// resolve is the path itself where it is there, else the one in another folder.
func resolve(path, within string) string {
	if in := filepath.Join(within, path); within != "" && !filepath.IsAbs(path) && !exists(path) && exists(in) {
		return in
	}
	return path
}

// baseOf is what a run on a file or folder is called.
func baseOf(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	base := filepath.Base(path)
	if name := strings.TrimSuffix(base, filepath.Ext(base)); name != "" {
		return name
	}
	return base
}

// openTable opens a table, whose label is taken for what the loss is about.
func (c *command) openTable(path string, cfg *config.Config, table *csv.Table) (*csv.Source, error) {
	o := csv.Options{Label: cfg.Data.Label, Ignore: cfg.Data.Ignore, Weight: cfg.SampleWeight, Table: table}
	l, _, err := lossesOf(cfg.Loss)
	switch {
	case err != nil:
		return nil, err
	case l != nil && train.Classifies(l):
		o.Task = csv.Classification
	case l != nil:
		o.Task = csv.Regression
	}
	return csv.Open(path, o)
}

// cut applies limit and classes and splits off validation and test rows.
func (d *dataset) cut(c *command, cfg *config.Config, o openOptions) error {
	var chosen []int32 // rows of the table that are of the classes kept
	if keep := cfg.Data.Classes; len(keep) > 0 {
		if d.table != nil {
			labels, err := data.Labels(d.train)
			if err != nil {
				return err
			}
			for i, l := range labels {
				if slices.Contains(keep, int(l)) {
					chosen = append(chosen, int32(i))
				}
			}
		}
		var err error
		if d.train, err = data.Classes(d.train, keep); err != nil {
			return err
		}
		if d.test != nil {
			if d.test, err = data.Classes(d.test, keep); err != nil {
				return err
			}
		}
	}
	if o.whole {
		return nil
	}
	// Rows are tracked by number so that a table can be fitted to what is left
	// for training.
	whole := d.train
	left := make([]int32, whole.Len())
	for i := range left {
		left[i] = int32(i)
	}
	if n := cfg.Data.Limit; n > 0 && n < len(left) {
		if !d.fixed {
			// The first rows of a sorted file are of one class.
			var err error
			if left, _, err = splitRows(left, len(left)-n, data.Random, cfg.Seed); err != nil {
				return err
			}
		} else {
			left = left[:n]
		}
	}
	take := func(p config.Part, def float64, key string) (data.Source, error) {
		switch {
		case p.Size.None, p.Size == config.Size{} && def == 0:
			return nil, nil
		case p.Size.File != "":
			return c.openPart(cfg, key, resolve(p.Size.File, o.within), d)
		}
		n := p.Size.Count
		if n == 0 {
			f := p.Size.Fraction
			if f == 0 {
				f = def
			}
			n = int(f * float64(len(left)))
		}
		from := data.Random
		if d.fixed {
			from = data.End
		}
		switch p.From {
		case "end":
			from = data.End
		case "start":
			from = data.Start
		case "random":
			from = data.Random
		}
		a, b, err := splitRows(left, n, from, cfg.Seed)
		if err != nil {
			return nil, usage("%s: %v", key, err)
		}
		left = a
		if n == 0 {
			return nil, nil
		}
		return data.Subset(whole, b), nil
	}
	var err error
	if d.test == nil || cfg.Data.Test.Size != (config.Size{}) {
		if d.test, err = take(cfg.Data.Test, 0, "data.test"); err != nil {
			return err
		}
	}
	if o.fold != nil {
		var held []int32
		left, held = o.fold(left)
		d.val = data.Subset(whole, held)
	} else if d.val, err = take(cfg.Data.Val, 0.1, "data.val"); err != nil {
		return err
	}
	if len(left) < whole.Len() {
		d.train = data.Subset(whole, left)
	}
	if d.table == nil {
		return nil
	}
	if o.table == nil {
		rows := left
		if chosen != nil {
			rows = make([]int32, len(left))
			for i, r := range left {
				rows[i] = chosen[r]
			}
		}
		if err := d.table.Fit(rows); err != nil {
			return err
		}
	}
	d.notes = append(d.notes, d.table.Notes()...)
	return nil
}

// splitRows is data.Split of row numbers.
func splitRows(rows []int32, n int, from data.From, seed uint64) (kept, held []int32, err error) {
	kept, held, err = data.SplitRows(len(rows), n, from, seed)
	if err != nil {
		return nil, nil, err
	}
	for _, part := range [][]int32{kept, held} {
		for i, r := range part {
			part[i] = rows[r]
		}
	}
	return kept, held, nil
}

// openPart opens a validation or test file, encoded as the training file is.
func (c *command) openPart(cfg *config.Config, key, path string, d *dataset) (data.Source, error) {
	var src data.Source
	if d.table != nil {
		s, err := c.openTable(path, cfg, d.table.Table())
		if err != nil {
			return nil, err
		}
		d.close = append(d.close, s.Close)
		d.fingerprint += ":" + s.Fingerprint()
		src = s
	} else {
		o, _ := c.setOptions(cfg, d.labels)
		s, err := sets.OpenPath(path, o)
		if err != nil {
			return nil, err
		}
		d.fingerprint += ":" + s.Fingerprint
		src = s.Train
	}
	if len(cfg.Data.Classes) > 0 {
		var err error
		if src, err = data.Classes(src, cfg.Data.Classes); err != nil {
			return nil, err
		}
	}
	return src, alike(key, path, src.Schema(), d.schema())
}

// alike refuses a part whose rows are others than the training rows.
func alike(key, path string, part, train data.Schema) error {
	fault := func(format string, args ...any) error {
		return &data.Error{Path: path, Msg: key + ": " + fmt.Sprintf(format, args...)}
	}
	for _, f := range []struct {
		what        string
		part, train []data.Field
	}{{"inputs", part.Inputs, train.Inputs}, {"targets", part.Targets, train.Targets}} {
		if len(f.part) != len(f.train) {
			return fault("it has %d %s, the training rows have %d", len(f.part), f.what, len(f.train))
		}
		for i, x := range f.part {
			if y := f.train[i]; x.DType != y.DType || !x.Shape.Equal(y.Shape) {
				return fault("its %s are %v%v, those of the training rows %v%v", f.what, x.DType, x.Shape, y.DType, y.Shape)
			}
		}
	}
	if n := len(part.Classes); n > len(train.Classes) || !slices.Equal(part.Classes, train.Classes[:n]) {
		return fault("its classes are %q, those of the training rows %q", part.Classes, train.Classes)
	}
	return nil
}

// extra is what of the data is saved with a model.
func (d *dataset) extra() map[string]string {
	if d.table == nil {
		return nil
	}
	text, err := json.Marshal(d.table.Table())
	if err != nil {
		return nil
	}
	return map[string]string{"table": string(text)}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}
