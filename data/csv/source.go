package csv

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/tensor"
)

// bounds are the limits on the memory that a source takes.
type bounds struct {
	memory int64 // bytes of the largest file that is decoded as a whole
	index  int   // entries of the index of offsets
	sample int   // numbers kept for the medians, over all columns
}

func usual() bounds { return bounds{memory: 64 << 20, index: 1 << 20, sample: 4 << 20} }

// A Source is the rows of a file.
type Source struct {
	path    string
	layout  layout
	table   *Table
	fixed   bool // the table came with the options
	enc     *encoder
	width   int
	n       int
	missing []int // cells of each input
	sum     string

	// In memory: all rows, encoded.
	rows []float32

	// On disk.
	file    io.ReaderAt // nil where the rows are in memory
	close   io.Closer
	index   index
	samples []*sample // of each input; nil where it is not a number
}

// Open reads the file at path through once. What is wrong with its content is
// a *[data.Error] that names the line and column. Medians are of all rows
// until [Source.Fit] is called.
func Open(path string, o Options) (*Source, error) { return open(path, o, usual()) }

func open(path string, o Options, b bounds) (*Source, error) {
	f, err := os.Open(path)
	var cause *fs.PathError
	if errors.As(err, &cause) {
		return nil, &data.Error{Path: path, Msg: "cannot be opened", Err: cause.Err}
	} else if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &data.Error{Path: path, Msg: "is a folder; want a file of comma-separated values"}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	if size := info.Size(); info.Mode().IsRegular() && size > b.memory {
		s, err := load(path, f, size, o, b)
		if err != nil {
			_ = f.Close()
			return nil, err
		}
		s.close = f
		return s, nil
	}
	all, err := io.ReadAll(io.LimitReader(f, b.memory+1))
	_ = f.Close()
	if err != nil {
		return nil, &data.Error{Path: path, Msg: "cannot be read", Err: err}
	}
	if int64(len(all)) > b.memory {
		return nil, &data.Error{Path: path, Msg: fmt.Sprintf("gives more than %d bytes and is no regular file, so that a row could not be read again; write it to a file first", b.memory)}
	}
	return load(path, bytes.NewReader(all), int64(len(all)), o, b)
}

// load reads the size bytes of r through.
func load(path string, r io.ReaderAt, size int64, o Options, b bounds) (*Source, error) {
	l, err := sniff(path, r, size, o)
	if err != nil {
		return nil, err
	}
	s := &Source{path: path, layout: l, table: o.Table, fixed: o.Table != nil}
	s.index.most = b.index
	inMemory := size <= b.memory
	if inMemory {
		b.sample = 0
	} else {
		s.file = r
	}
	sum := sha256.New()
	rec, err := s.begin(io.TeeReader(io.NewSectionReader(r, 0, size), sum))
	if err != nil {
		return nil, err
	}
	if !s.fixed {
		var cols []stats
		if s.table, cols, err = learn(rec, l, o, b.sample, s.visit); err != nil {
			return nil, err
		}
		if s.enc, err = s.table.bind(l.header(), len(l.names)); err != nil {
			return nil, err
		}
		for _, in := range s.enc.inputs {
			s.missing = append(s.missing, in.c.Missing)
			s.samples = append(s.samples, cols[in.cell].sample)
		}
		if inMemory {
			again, err := s.begin(io.NewSectionReader(r, 0, size))
			if err != nil {
				return nil, err
			}
			s.rows = make([]float32, 0, s.n*s.enc.stride())
			if err := s.decode(again, func(int64) error { return nil }); err != nil {
				return nil, err
			}
		}
	} else {
		if s.enc, err = s.table.bind(l.header(), len(l.names)); err != nil {
			return nil, &data.Error{Path: path, Msg: err.Error()}
		}
		s.missing = make([]int, len(s.enc.inputs))
		if inMemory {
			s.rows = []float32{}
		}
		if err := s.decode(rec, s.visit); err != nil {
			return nil, err
		}
	}
	s.index.end(size)
	s.width = s.table.Width()
	s.sum = hex.EncodeToString(sum.Sum(nil))
	if !s.fixed {
		return s, s.Fit(nil)
	}
	return s, nil
}

// begin is the rows of the whole file r, past the header.
func (s *Source) begin(r io.Reader) (*records, error) {
	if _, err := io.CopyN(io.Discard, r, s.layout.start); err != nil {
		return nil, &data.Error{Path: s.path, Msg: "cannot be read", Err: err}
	}
	rec := newRecords(s.path, r, s.layout.start, window, s.layout.comma)
	if s.layout.titled {
		if _, err := rec.next(); err != nil {
			return nil, err
		}
	}
	return rec, nil
}

// visit counts a row that starts at an offset.
func (s *Source) visit(start int64) error {
	if s.n == math.MaxInt32 {
		return &data.Error{Path: s.path, Msg: fmt.Sprintf("more than %d rows", math.MaxInt32)}
	}
	if s.file != nil {
		s.index.add(s.n, start)
	}
	s.n++
	return nil
}

// decode encodes all rows, and keeps them where they are to be in memory.
func (s *Source) decode(rec *records, each func(start int64) error) error {
	row := make([]float32, s.enc.stride())
	for {
		record, err := rec.next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := each(rec.start); err != nil {
			return err
		}
		if cell, err := s.enc.encode(record, row); err != nil {
			return rec.fail(cell, "%v", err)
		}
		if s.fixed {
			for i := range s.missing {
				if row[i] != row[i] {
					s.missing[i]++
				}
			}
		}
		if s.rows != nil {
			s.rows = append(s.rows, row...)
		}
	}
}

// Len is the number of rows.
func (s *Source) Len() int { return s.n }

// Table is how the rows are encoded. It must not be changed.
func (s *Source) Table() *Table { return s.table }

// Fingerprint is the SHA-256 of the file in hexadecimal.
func (s *Source) Fingerprint() string { return s.sum }

// Close gives back the file, where rows are read from it.
func (s *Source) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close.Close()
}

// Schema has one input, x, and one target, y; none where the file lacks the
// label of the table that it was opened with.
func (s *Source) Schema() data.Schema {
	sc := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{s.width}}}}
	switch {
	case s.enc.label < 0:
	case s.table.Classes != nil:
		sc.Targets = []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}}
		sc.Classes = s.table.Classes
	default:
		sc.Targets = []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{1}}}
	}
	return sc
}

// Read fills dst with the rows numbered idx.
func (s *Source) Read(dst *data.Batch, idx []int32) error {
	for _, i := range idx {
		if i < 0 || int(i) >= s.n {
			return fmt.Errorf("csv: row %d of a source of %d rows", i, s.n)
		}
	}
	if err := dst.Start(idx); err != nil {
		return err
	}
	if s.enc.weight >= 0 {
		dst.Weigh()
	}
	if s.file != nil {
		return s.fetch(dst, idx)
	}
	w := s.enc.stride()
	for k, i := range idx {
		s.put(dst, k, s.rows[int(i)*w:int(i+1)*w])
	}
	return nil
}

// put writes an encoded row to row k of dst.
func (s *Source) put(dst *data.Batch, k int, row []float32) {
	n := len(s.enc.inputs)
	s.table.expand(row[:n], dst.X[0].Float32s()[k*s.width:(k+1)*s.width])
	switch {
	case s.enc.label < 0:
	case s.table.Classes != nil:
		dst.Y[0].Int32s()[k] = int32(row[n])
	default:
		dst.Y[0].Float32s()[k] = row[n]
	}
	if s.enc.weight >= 0 {
		dst.Weight[k] = row[n+1]
	}
}

// fetch reads rows from the file, those of one entry of the index together.
func (s *Source) fetch(dst *data.Batch, idx []int32) error {
	order := make([]int, len(idx))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(idx[a], idx[b]) })
	row := make([]float32, s.enc.stride())
	var rec *records
	at, limit := 0, 0 // the next row of rec; the first beyond it
	for _, k := range order {
		i := int(idx[k])
		if i >= limit {
			var from, to int64
			at, limit, from, to = s.index.find(i)
			rec = newRecords(s.path, io.NewSectionReader(s.file, from, to-from), from, int(min(to-from, window)), s.layout.comma)
		}
		for at <= i {
			record, err := rec.next()
			if err == nil && len(record) != len(s.layout.names) {
				err = fmt.Errorf("%d cells", len(record))
			}
			if err == nil && at == i {
				_, err = s.enc.encode(record, row)
			}
			if err != nil {
				return &data.Error{Path: s.path, Msg: fmt.Sprintf("row %d cannot be read again; has the file changed since it was opened?", i), Err: err}
			}
			at++
		}
		s.put(dst, k, row)
	}
	return nil
}

// Fit sets the medians that stand for missing numbers to those of the given
// rows, the training part; nil stands for all rows. The median of an even count
// is the mean of the two in the middle. It is exact for a file in memory and
// while the numbers of a larger file are at most 4 Mi over all columns; beyond,
// it is that of a uniform sample of at least half as many.
//
// It fails where a column has no number in those rows, and where the table came
// with the options. It must not run at the same time as Read.
func (s *Source) Fit(rows []int32) error {
	if s.fixed {
		return fmt.Errorf("csv: the medians of %s are those of the data that its table was made from", s.path)
	}
	var in []uint64 // a set of rows
	if rows != nil {
		in = make([]uint64, (s.n+63)/64)
		for _, i := range rows {
			if i < 0 || int(i) >= s.n {
				return fmt.Errorf("csv: row %d of a source of %d rows", i, s.n)
			}
			in[i/64] |= 1 << (i % 64)
		}
	}
	medians := make([]float32, len(s.enc.inputs))
	var values []float32
	for k, input := range s.enc.inputs {
		if input.c.Kind != Number {
			continue
		}
		values = values[:0]
		s.numbers(k, func(row int, v float32) {
			if in == nil || in[row/64]>>(row%64)&1 == 1 {
				values = append(values, v)
			}
		})
		if len(values) == 0 {
			return &data.Error{Path: s.path, Msg: fmt.Sprintf("column %q has no number in the training rows; leave it out with data.ignore=%s", input.c.Name, input.c.Name)}
		}
		medians[k] = median(values)
	}
	for k, input := range s.enc.inputs {
		input.c.Median = medians[k]
	}
	return nil
}

// numbers calls yield with the numbers of input k that are at hand, and their
// rows.
func (s *Source) numbers(k int, yield func(row int, v float32)) {
	if s.file != nil {
		for i, row := range s.samples[k].rows {
			yield(int(row), s.samples[k].values[i])
		}
		return
	}
	w := s.enc.stride()
	for i := range s.n {
		if v := s.rows[i*w+k]; v == v {
			yield(i, v)
		}
	}
}

// Notes says what a user should know of how the file was read: which column is
// the label, what was missing and what was passed over.
func (s *Source) Notes() []string {
	var notes []string
	if !s.fixed {
		if !s.table.Header {
			notes = append(notes, "no header: columns go by number, from 0")
		}
		for _, c := range s.table.Columns {
			switch {
			case c.Kind != Label:
			case s.table.Classes == nil:
				notes = append(notes, fmt.Sprintf("label %q: numbers (regression)", c.Name))
			default:
				notes = append(notes, fmt.Sprintf("label %q: %d classes", c.Name, len(s.table.Classes)))
			}
		}
	} else if s.table.Header {
		for _, name := range s.layout.header() {
			if !slices.ContainsFunc(s.table.Columns, func(c Column) bool { return c.Name == name }) {
				notes = append(notes, fmt.Sprintf("column %q is unknown to the model and was not read", name))
			}
		}
	}
	for k, in := range s.enc.inputs {
		switch n := s.missing[k]; {
		case n == 0:
		case in.c.Kind == Number:
			notes = append(notes, fmt.Sprintf("column %q: %d missing, taken for the training median %v", in.c.Name, n, in.c.Median))
		case in.c.Missing > 0:
			notes = append(notes, fmt.Sprintf("column %q: %d missing, taken for a category of their own", in.c.Name, n))
		default:
			notes = append(notes, fmt.Sprintf("column %q: %d missing, in none of the categories: none was missing in training", in.c.Name, n))
		}
	}
	return notes
}
