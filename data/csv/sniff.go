package csv

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/nadir-ml/nadir/data"
)

// layout is the form of a file: what stands between its cells and what its
// columns are called.
type layout struct {
	start  int64 // offset of the first row, header or not: past a byte order mark
	comma  rune
	titled bool // the first row is a header
	names  []string
}

// header is the columns' names where the file gives them.
func (l *layout) header() []string {
	if l.titled {
		return l.names
	}
	return nil
}

// sniffed is the most rows below the first that say whether it is a header.
const sniffed = 1000

// sniff finds the form of a file from its first rows.
func sniff(path string, r io.ReaderAt, size int64, o Options) (layout, error) {
	head := make([]byte, min(size, window))
	n, err := r.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return layout{}, &data.Error{Path: path, Msg: "cannot be read", Err: err}
	}
	head = head[:n]
	l := layout{comma: o.Delimiter}
	if bytes.HasPrefix(head, []byte("\ufeff")) {
		l.start = 3
	}
	if l.comma == 0 {
		l.comma = delimiter(head[l.start:])
	}
	rec := newRecords(path, io.NewSectionReader(r, l.start, size-l.start), l.start, window, l.comma)
	first, err := rec.next()
	if err == io.EOF {
		return layout{}, &data.Error{Path: path, Msg: "the file is empty"}
	} else if err != nil {
		return layout{}, err
	}
	if len(first) > maxWidth {
		return layout{}, &data.Error{Path: path, Line: 1, Msg: fmt.Sprintf("%d columns are more than %d; is this a table with one row a line?", len(first), maxWidth)}
	}
	first = slices.Clone(first)
	cols := make([]int, len(first))
	for i := range first {
		_, cols[i] = rec.r.FieldPos(i)
	}
	line, _ := rec.where()
	below := make([][]string, 0, sniffed)
	for len(below) < sniffed && rec.r.InputOffset() < maxRecord {
		row, err := rec.next()
		if err == io.EOF {
			break
		} else if err != nil {
			return layout{}, err
		}
		below = append(below, slices.Clone(row))
	}
	switch o.Header {
	case Present:
		l.titled = true
	case Guess:
		if t := o.Table; t != nil && t.Header {
			l.titled = slices.ContainsFunc(t.Columns, func(c Column) bool { return slices.Contains(first, c.Name) })
		} else {
			l.titled = isHeader(first, below)
		}
	}
	if l.titled && len(below) == 0 {
		return layout{}, &data.Error{Path: path, Line: line, Msg: "a header and no rows"}
	}
	l.names = make([]string, len(first))
	seen := map[string]int{}
	for i := range l.names {
		l.names[i] = strconv.Itoa(i)
		if l.titled && first[i] != "" {
			l.names[i] = first[i]
		}
		if !utf8.ValidString(l.names[i]) {
			return layout{}, &data.Error{Path: path, Line: line, Col: cols[i], Msg: fmt.Sprintf("column %d's name is not UTF-8; save the file in that encoding", i)}
		}
		if k, dup := seen[l.names[i]]; dup {
			return layout{}, &data.Error{Path: path, Line: line, Col: cols[i], Msg: fmt.Sprintf("columns %d and %d are both called %q; give each a name of its own", k, i, l.names[i])}
		}
		seen[l.names[i]] = i
	}
	return l, nil
}

// delimiter is the one of comma, semicolon and tab that stands most often in
// the first line, outside quotes.
func delimiter(head []byte) rune {
	var count [3]int
	quoted := false
	for _, c := range bytes.TrimLeft(head, "\r\n") {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',':
			count[0]++
		case c == ';':
			count[1]++
		case c == '\t':
			count[2]++
		}
		if c == '\n' && !quoted {
			break
		}
	}
	switch {
	case count[1] > count[0] && count[1] >= count[2]:
		return ';'
	case count[2] > count[0]:
		return '\t'
	}
	return ','
}

// isHeader reports whether the first row names the columns: it has a text in a
// column that is numeric below. Where no column is, it is a header when its
// cells are texts, all different, and none comes again in its column.
func isHeader(first []string, below [][]string) bool {
	numeric := false
	names := map[string]bool{}
	for i, name := range first {
		_, kind, err := classify(name)
		text := kind == word || err != nil
		n, words, again := 0, 0, false
		for _, row := range below {
			switch _, kind, err := classify(row[i]); {
			case kind == number || err != nil:
				n++
			case kind == word:
				words++
			}
			again = again || row[i] == name
		}
		if n > 0 && words == 0 {
			if text {
				return true
			}
			numeric = true
		}
		if text && !again {
			names[name] = true
		}
	}
	return !numeric && len(names) == len(first)
}
