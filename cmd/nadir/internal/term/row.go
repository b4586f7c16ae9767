package term

import "strings"

// A style is the parameter of the escape sequence that turns it on; the empty
// style is plain.
type style string

const (
	plain  style = ""
	bold   style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

// A row is one line of a drawing that never grows beyond its room.
type row struct {
	text  strings.Builder
	room  int // cells left
	color bool
}

// put adds text, cut to the room that is left.
func (r *row) put(s style, text string) *row {
	text = cut(clean(text), r.room)
	if text == "" {
		return r
	}
	r.room -= cells(text)
	if r.color && s != plain {
		text = "\x1b[" + string(s) + "m" + text + "\x1b[0m"
	}
	r.text.WriteString(text)
	return r
}

// pad adds text in a column of exactly n cells, set to the right where right
// is true.
func (r *row) pad(s style, text string, n int, right bool) *row {
	text = cut(clean(text), n)
	blank := strings.Repeat(" ", n-cells(text))
	if right {
		return r.put(plain, blank).put(s, text)
	}
	return r.put(s, text).put(plain, blank)
}
