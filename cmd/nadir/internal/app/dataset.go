package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/csv"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/data/sets"
	"github.com/nadir-ml/nadir/spec"
)

// A dataset is the data of a run, cut into its parts.
type dataset struct {
	name        string
	train       data.Source
	val, test   data.Source // nil where there is none
	table       *csv.Table  // of a table
	notes       []string
	fingerprint string
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
	table  *csv.Table // rows are encoded as those of this table
	whole  bool       // no part is cut off: for evaluation
	within string     // folder that a relative path is looked for in, too
}

// openData opens what the configuration names and cuts it into parts.
func (c *command) openData(ctx context.Context, cfg *config.Config, o openOptions) (*dataset, error) {
	d, err := c.openSet(ctx, cfg, o)
	if err != nil {
		return nil, asData(err)
	}
	if err := d.cut(ctx, c, cfg, o); err != nil {
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

func (c *command) setOptions(cfg *config.Config) (o sets.Options, done func()) {
	o.URL = cfg.Data.URL
	var bar *term.Bar
	o.Progress = func(got, total int64) {
		if bar == nil && !c.quiet {
			bar = term.NewBar(c.err, "downloading "+cfg.Data.Name, total, term.Bytes)
		}
		if bar != nil {
			bar.Set(got)
		}
	}
	if s := cfg.Input.Size; len(s) > 0 {
		o.Images = images.Options{Height: s[0], Width: s[len(s)-1]}
		if len(s) > 1 {
			o.Images.Width = s[1]
		}
	}
	return o, func() {
		if bar != nil {
			bar.Close()
		}
	}
}

func (c *command) openSet(ctx context.Context, cfg *config.Config, o openOptions) (*dataset, error) {
	name := cfg.Data.Name
	var known []string
	for _, k := range sets.List(nil) {
		known = append(known, k.Name)
	}
	switch {
	case name == "digits":
		n := digits.DefaultTrain
		if cfg.Data.Limit > 0 && len(cfg.Data.Classes) == 0 {
			n = cfg.Data.Limit
		}
		tr, te := digits.New(cfg.Seed, n, digits.DefaultTest)
		return &dataset{name: name, train: tr, test: te, fingerprint: fmt.Sprintf("digits:%d:%d", cfg.Seed, n)}, nil
	case contains(known, name):
		so, done := c.setOptions(cfg)
		defer done()
		s, err := sets.Open(ctx, name, so)
		if err != nil {
			return nil, err
		}
		return &dataset{name: name, train: s.Train, test: s.Test, notes: s.Notes, fingerprint: s.Fingerprint}, nil
	}
	path := name
	if _, err := os.Stat(path); err != nil && o.within != "" && !filepath.IsAbs(path) {
		if in := filepath.Join(o.within, path); exists(in) {
			path = in
		}
	}
	if _, err := os.Stat(path); err != nil {
		if !strings.ContainsAny(name, `/\.`) {
			at, _ := cfg.Tree.Get("data")
			if n, ok := at.Get("name"); ok {
				at = n
			}
			known = append(known, "digits")
			return nil, &spec.Error{Pos: at.Pos, Path: "data", Word: name, Nearest: spec.Nearest(name, known),
				Msg: fmt.Sprintf("unknown data set %q: neither a set known by name nor a file or folder here", name)}
		}
		return nil, &data.Error{Path: name, Msg: "there is no such file or folder; name one that is there, or a set that \"nadir data list\" knows"}
	}
	base := strings.TrimSuffix(filepath.Base(filepath.Clean(path)), filepath.Ext(path))
	if isTable(path) {
		s, err := c.openTable(path, cfg, o.table)
		if err != nil {
			return nil, err
		}
		d := &dataset{name: base, train: s, table: s.Table(), fingerprint: s.Fingerprint(), close: []func() error{s.Close}}
		return d, nil
	}
	so, done := c.setOptions(cfg)
	defer done()
	s, err := sets.OpenPath(path, so)
	if err != nil {
		return nil, err
	}
	return &dataset{name: base, train: s.Train, test: s.Test, notes: s.Notes, fingerprint: s.Fingerprint}, nil
}

func (c *command) openTable(path string, cfg *config.Config, table *csv.Table) (*csv.Source, error) {
	o := csv.Options{Label: cfg.Data.Label, Ignore: cfg.Data.Ignore, Weight: cfg.SampleWeight, Table: table}
	switch cfg.Loss.Kind {
	case spec.String:
		o.Task = taskOf(cfg.Loss.Text)
	case spec.Map:
		if n, ok := cfg.Loss.Get("name"); ok {
			o.Task = taskOf(n.Text)
		}
	}
	return csv.Open(path, o)
}

// taskOf is what a loss takes a label column for.
func taskOf(loss string) csv.Task {
	switch {
	case strings.Contains(loss, "cross"):
		return csv.Classification
	case loss == "mse" || loss == "mae" || loss == "huber" || strings.HasPrefix(loss, "mean_"):
		return csv.Regression
	}
	return csv.Detect
}

// cut applies limit and classes and splits off validation and test rows.
func (d *dataset) cut(ctx context.Context, c *command, cfg *config.Config, o openOptions) error {
	if keep := cfg.Data.Classes; len(keep) > 0 {
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
	table, _ := d.train.(*csv.Source)
	random := table != nil || d.test == nil
	rows := func(n int) []int32 {
		all := make([]int32, n)
		for i := range all {
			all[i] = int32(i)
		}
		return all
	}
	// Rows are tracked by number so that a table can be fitted to what is left
	// for training.
	whole := d.train
	left := rows(whole.Len())
	if n := cfg.Data.Limit; n > 0 && n < len(left) {
		if random {
			// The first rows of a sorted file are of one class.
			a, _, err := splitRows(left, len(left)-n, data.Random, cfg.Seed)
			if err != nil {
				return err
			}
			left = a
		} else {
			left = left[:n]
		}
	}
	take := func(p config.Part, def float64, key string) (data.Source, []int32, error) {
		switch {
		case p.Size.None, p.Size == config.Size{} && def == 0:
			return nil, nil, nil
		case p.Size.File != "":
			s, err := c.openPart(ctx, cfg, p.Size.File, d)
			return s, nil, err
		}
		n := p.Size.Count
		if n == 0 {
			f := p.Size.Fraction
			if f == 0 {
				f = def
			}
			n = int(f * float64(len(left)))
		}
		from := data.End
		if random {
			from = data.Random
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
			return nil, nil, fmt.Errorf("%s: %w", key, err)
		}
		left = a
		if n == 0 {
			return nil, nil, nil
		}
		return data.Subset(whole, b), b, nil
	}
	if d.test == nil || cfg.Data.Test.Size != (config.Size{}) {
		test, _, err := take(cfg.Data.Test, 0, "data.test")
		if err != nil {
			return err
		}
		if test != nil || cfg.Data.Test.Size.None {
			d.test = test
		}
	}
	val, _, err := take(cfg.Data.Val, 0.1, "data.val")
	if err != nil {
		return err
	}
	d.val = val
	d.train = whole
	if len(left) < whole.Len() {
		d.train = data.Subset(whole, left)
	}
	if table != nil {
		if o.table == nil {
			if err := table.Fit(left); err != nil {
				return err
			}
		}
		d.notes = append(d.notes, table.Notes()...)
	}
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
func (c *command) openPart(ctx context.Context, cfg *config.Config, path string, d *dataset) (data.Source, error) {
	if d.table != nil {
		s, err := c.openTable(path, cfg, d.table)
		if err != nil {
			return nil, err
		}
		d.close = append(d.close, s.Close)
		return s, nil
	}
	s, err := sets.OpenPath(path, sets.Options{})
	if err != nil {
		return nil, err
	}
	if len(cfg.Data.Classes) > 0 {
		return data.Classes(s.Train, cfg.Data.Classes)
	}
	return s.Train, nil
}

// extra is what of the data is saved with a model.
func (d *dataset) extra() map[string]string {
	if d.table == nil {
		return nil
	}
	text, err := json.Marshal(d.table)
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
