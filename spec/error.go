package spec

import (
	"fmt"
	"strconv"
	"strings"
)

// An Error says what is wrong with a document and where. Several are joined
// with [errors.Join]; [Render] prints them all.
type Error struct {
	Pos     Pos
	Path    string   // the dotted path of the value, such as model.2.units
	Msg     string   // what is wrong
	Word    string   // the word that is unknown, if one is
	Nearest []string // known names, the most similar first
}

// Error is the place and the message on one line.
func (e *Error) Error() string {
	var b strings.Builder
	if p := e.Pos.String(); p != "" {
		b.WriteString(p + ": ")
	}
	b.WriteString(e.Msg)
	switch q := quoted(e.Nearest); {
	case len(q) == 0:
	case !similar(e.Word, e.Nearest[0]):
		b.WriteString("; the nearest known are " + strings.Join(q, ", "))
	case len(q) == 1:
		b.WriteString("; did you mean " + q[0] + "?")
	default:
		b.WriteString("; did you mean " + q[0] + "? (near it: " + strings.Join(q[1:], ", ") + ")")
	}
	return b.String()
}

func quoted(names []string) []string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = strconv.Quote(n)
	}
	return q
}

// Detail is the error, the source line and a caret under the place.
func (e *Error) Detail() string {
	if e.Pos.Col < 1 || strings.TrimSpace(e.Pos.Text) == "" {
		return e.Error()
	}
	const before, after = 60, 40 // characters of a long line that are shown
	line := []rune(strings.ToValidUTF8(strings.TrimRight(e.Pos.Text, "\r\n"), "\uFFFD"))
	col := min(e.Pos.Col-1, len(line))
	lo, hi := max(0, col-before), min(len(line), col+after)
	pad := make([]rune, 0, col-lo)
	for _, r := range line[lo:col] {
		if r != '\t' { // a tab stays, so that the caret stands where the line does
			r = ' '
		}
		pad = append(pad, r)
	}
	return fmt.Sprintf("%s\n  %s\n  %s^", e.Error(), string(line[lo:hi]), string(pad))
}

// Render prints err for a person: each [Error] in it with its source line and
// caret, every other error as it is.
func Render(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := err.(*Error); ok {
		return e.Detail()
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var lines []string
		for _, e := range j.Unwrap() {
			lines = append(lines, Render(e))
		}
		return strings.Join(lines, "\n")
	}
	return err.Error()
}

// A FieldError is what a Validate method returns about one field: the decoder
// places it at that field in the document. Several may be joined.
type FieldError struct {
	Key string // as it is written in the document
	Msg string
}

// Error is the key and the message.
func (e *FieldError) Error() string { return e.Key + ": " + e.Msg }

// Field makes a [FieldError].
func Field(key, format string, args ...any) error {
	return &FieldError{key, fmt.Sprintf(format, args...)}
}
