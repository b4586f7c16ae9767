package csv

import (
	"bufio"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nadir-ml/nadir/data"
)

const (
	// maxRecord bounds the memory that one row can take: a quote that is never
	// closed would swallow the rest of the file.
	maxRecord = 1 << 20
	window    = 64 << 10 // bytes read at once
)

// records reads rows of equal width, their cells freed of blanks.
type records struct {
	path  string
	r     *stdcsv.Reader
	left  *limited
	base  int64 // offset in the file of the reader's first byte
	start int64 // offset of the last row
	width int   // cells a row; 0 before the first
}

// newRecords reads the rows of r, which begins base bytes into the file, buf
// bytes at once.
func newRecords(path string, r io.Reader, base int64, buf int, comma rune) *records {
	left := &limited{r: r}
	c := stdcsv.NewReader(bufio.NewReaderSize(left, buf))
	c.Comma = comma
	c.ReuseRecord = true
	c.FieldsPerRecord = -1
	return &records{path: path, r: c, left: left, base: base}
}

// next is the next row, valid until the call after, or io.EOF.
func (r *records) next() ([]string, error) {
	r.left.n = maxRecord + window
	line, _ := r.where()
	r.start = r.base + r.r.InputOffset()
	rec, err := r.r.Read()
	var syntax *stdcsv.ParseError
	switch {
	case err == io.EOF:
		return nil, err
	case errors.Is(err, errLong):
		return nil, &data.Error{Path: r.path, Line: line, Msg: fmt.Sprintf("a row is longer than %d bytes: is a quote left open here or on the next line?", maxRecord)}
	case errors.As(err, &syntax):
		msg := "a quoted cell is never closed, or text follows its closing quote; write a quote within quotes twice"
		if errors.Is(err, stdcsv.ErrBareQuote) {
			msg = "a quote stands within a cell that does not begin with one; put the cell in quotes and write this quote twice"
		}
		return nil, &data.Error{Path: r.path, Line: syntax.Line, Col: syntax.Column, Msg: msg}
	case err != nil:
		return nil, &data.Error{Path: r.path, Msg: "cannot be read", Err: err}
	}
	if r.width == 0 {
		r.width = len(rec)
	}
	if len(rec) != r.width {
		return nil, r.fail(min(len(rec)-1, r.width), "the row has %d cells, the rows before it %d", len(rec), r.width)
	}
	for i, cell := range rec {
		rec[i] = strings.TrimSpace(cell)
	}
	return rec, nil
}

// where is the line and column of the last row's first cell.
func (r *records) where() (line, col int) {
	if r.width == 0 {
		return 1, 1
	}
	return r.r.FieldPos(0)
}

// fail is an error at a cell of the last row.
func (r *records) fail(cell int, format string, args ...any) error {
	line, col := r.r.FieldPos(cell)
	return &data.Error{Path: r.path, Line: line, Col: col, Msg: fmt.Sprintf(format, args...)}
}

var errLong = errors.New("record too long")

// limited reads n bytes of r and then fails.
type limited struct {
	r io.Reader
	n int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.n <= 0 {
		return 0, errLong
	}
	n, err := l.r.Read(p[:min(len(p), l.n)])
	l.n -= n
	return n, err
}
