package term

import (
	"fmt"
	"strconv"
	"strings"
)

// emulator is a terminal that knows the escape sequences in use and no others:
// a screen with a history above it, which wraps a line that is too long and
// fails on what it does not know.
type emulator struct {
	columns, height int
	rows            [][]rune // the whole history; a cell of 0 is the right half of a wide letter
	x, y            int      // y counts from the first row of the history
	err             error
	writes          int
	wrapped         bool
}

func (e *emulator) Write(p []byte) (int, error) {
	e.writes++
	text := string(p)
	for text != "" && e.err == nil {
		if strings.HasPrefix(text, "\x1b[") {
			end := strings.IndexFunc(text[2:], func(r rune) bool { return r >= '@' && r <= '~' })
			if end < 0 {
				e.err = fmt.Errorf("an escape sequence without end: %q", text)
				break
			}
			e.escape(text[2:2+end], text[2+end])
			text = text[2+end+1:]
			continue
		}
		r := []rune(text)[0]
		text = strings.TrimPrefix(text, string(r))
		switch {
		case r == '\r':
			e.x = 0
		case r == '\n':
			e.y++
		case r < ' ' || r == 0x7f:
			e.err = fmt.Errorf("control character %q", r)
		default:
			e.put(r)
		}
	}
	return len(p), nil
}

func (e *emulator) escape(parameter string, final byte) {
	n, _ := strconv.Atoi(parameter)
	switch final {
	case 'A':
		e.y = max(e.y-max(n, 1), max(0, len(e.rows)-e.height))
	case 'K':
		e.cut(e.y, e.x)
	case 'J':
		e.cut(e.y, e.x)
		for y := e.y + 1; y < len(e.rows); y++ {
			e.rows[y] = nil
		}
	case 'm':
	default:
		e.err = fmt.Errorf("escape sequence %q%c is not known", parameter, final)
	}
}

func (e *emulator) cut(y, x int) {
	if y < len(e.rows) && x < len(e.rows[y]) {
		e.rows[y] = e.rows[y][:x]
	}
}

func (e *emulator) put(r rune) {
	w := cellsOf(r)
	if e.x+w > e.columns {
		e.x, e.wrapped = 0, true
		e.y++
	}
	for len(e.rows) <= e.y {
		e.rows = append(e.rows, nil)
	}
	for len(e.rows[e.y]) < e.x+w {
		e.rows[e.y] = append(e.rows[e.y], ' ')
	}
	for i := range w {
		e.rows[e.y][e.x+i] = 0
	}
	if w > 0 {
		e.rows[e.y][e.x] = r
	}
	e.x += w
}

// resize wraps what is too long for the new width, as most terminals do.
func (e *emulator) resize(columns int) {
	var rows [][]rune
	at := 0
	for y, row := range e.rows {
		if y == e.y {
			at = len(rows)
		}
		for len(row) > columns {
			rows = append(rows, row[:columns])
			row = row[columns:]
		}
		rows = append(rows, row)
	}
	if e.y >= len(e.rows) {
		at = len(rows) + e.y - len(e.rows)
	}
	e.rows, e.y, e.columns = rows, at, columns
}

// text is the history, without blanks at the ends of rows and empty rows at its
// end.
func (e *emulator) text() string {
	var b strings.Builder
	for _, row := range e.rows {
		b.WriteString(strings.TrimRight(strings.ReplaceAll(string(row), "\x00", ""), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
