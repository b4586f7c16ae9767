package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deep lists and mappings may be nested in a document.
const MaxDepth = 64

// MaxValues is how many values a document of JSON may have, those within others included: two
// bytes can be one, and it takes a hundred times as much.
const MaxValues = 1 << 17

// JSON writes the value compactly, keys in their order. Equal trees give equal
// bytes.
func (v Value) JSON() []byte { return v.appendJSON(nil) }

// MarshalJSON implements the interface of encoding/json.
func (v Value) MarshalJSON() ([]byte, error) { return v.JSON(), nil }

func (v Value) appendJSON(b []byte) []byte {
	switch v.Kind {
	case Bool:
		return append(b, v.Text...)
	case Number:
		if validNumber(v.Text) {
			return append(b, v.Text...)
		}
		if f, err := strconv.ParseFloat(v.Text, 64); err == nil && f-f == 0 {
			return append(b, formatFloat(f)...)
		}
		return appendString(b, v.Text)
	case String:
		return appendString(b, v.Text)
	case List:
		b = append(b, '[')
		for i, x := range v.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = x.appendJSON(b)
		}
		return append(b, ']')
	case Map:
		b = append(b, '{')
		for i, e := range v.Entries {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, e.Key), ':')
			b = e.Value.appendJSON(b)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

// appendString quotes text as JSON does; bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r < ' ' || r == 0x7f:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// validNumber reports whether text is a number by the grammar of JSON.
func validNumber(s string) bool {
	digits := func() bool {
		n := 0
		for n < len(s) && '0' <= s[n] && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n > 0
	}
	s = strings.TrimPrefix(s, "-")
	if len(s) > 1 && s[0] == '0' && '0' <= s[1] && s[1] <= '9' {
		return false
	}
	if !digits() {
		return false
	}
	if strings.HasPrefix(s, ".") {
		if s = s[1:]; !digits() {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if !digits() {
			return false
		}
	}
	return s == ""
}

// ParseJSON reads one JSON document (RFC 8259). file names it in errors. A key
// given twice, nesting deeper than [MaxDepth], more than [MaxValues] and text after the
// document are errors.
func ParseJSON(file string, data []byte) (Value, error) {
	if !utf8.Valid(data) {
		return Value{}, &Error{Pos: Pos{File: file}, Msg: "the document is not UTF-8 text"}
	}
	p := &jsonParser{file: file, src: string(data)}
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	p.space()
	if p.off < len(p.src) {
		return Value{}, p.fail("want the end of the document, found %s", p.next())
	}
	return v, nil
}

type jsonParser struct {
	file string
	src  string
	off  int
	n    int // values so far

	at   Pos // of offset seen
	seen int
}

// pos is the place of the current offset. Offsets hardly ever go back, so the
// document is walked about once.
func (p *jsonParser) pos() Pos {
	if p.seen > p.off || p.at.Line == 0 {
		p.seen, p.at = 0, Pos{File: p.file, Line: 1, Col: 1, Text: firstLine(p.src)}
	}
	for _, r := range p.src[p.seen:p.off] {
		p.at.Col++
		p.seen += utf8.RuneLen(r)
		if r == '\n' {
			p.at.Line++
			p.at.Col = 1
			p.at.Text = firstLine(p.src[p.seen:])
		}
	}
	return p.at
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func (p *jsonParser) fail(format string, args ...any) error {
	return &Error{Pos: p.pos(), Msg: fmt.Sprintf(format, args...)}
}

// next shows the next character for an error.
func (p *jsonParser) next() string {
	if p.off >= len(p.src) {
		return "the end of the document"
	}
	r, _ := utf8.DecodeRuneInString(p.src[p.off:])
	return strconv.QuoteRune(r)
}

func (p *jsonParser) space() {
	for p.off < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.off]) >= 0 {
		p.off++
	}
}

// eat takes one character if it is next.
func (p *jsonParser) eat(c byte) bool {
	p.space()
	if p.off < len(p.src) && p.src[p.off] == c {
		p.off++
		return true
	}
	return false
}

func (p *jsonParser) value(depth int) (Value, error) {
	p.space()
	if depth > MaxDepth {
		return Value{}, p.fail("the document is nested deeper than %d levels", MaxDepth)
	}
	if p.n++; p.n > MaxValues {
		return Value{}, p.fail("the document has more than %d values", MaxValues)
	}
	v := Value{Pos: p.pos()}
	switch {
	case p.eat('{'):
		return p.mapping(v, depth)
	case p.eat('['):
		v.Kind = List
		if p.eat(']') {
			return v, nil
		}
		for {
			x, err := p.value(depth + 1)
			if err != nil {
				return v, err
			}
			if len(v.Items) == cap(v.Items) { // as append grows, five times as much would be copied
				v.Items = slices.Grow(v.Items, max(len(v.Items), 4))
			}
			v.Items = append(v.Items, x)
			if p.eat(']') {
				return v, nil
			}
			if !p.eat(',') {
				return v, p.fail("want a comma or ] in the list, found %s", p.next())
			}
		}
	case p.off < len(p.src) && p.src[p.off] == '"':
		s, err := p.str()
		v.Kind, v.Text = String, s
		return v, err
	}
	return p.word(v)
}

func (p *jsonParser) mapping(v Value, depth int) (Value, error) {
	v.Kind = Map
	if p.eat('}') {
		return v, nil
	}
	seen := map[string]bool{}
	for {
		p.space()
		e := Entry{Pos: p.pos()}
		if p.off >= len(p.src) || p.src[p.off] != '"' {
			return v, p.fail("want a key in quotes, found %s", p.next())
		}
		var err error
		if e.Key, err = p.str(); err != nil {
			return v, err
		}
		if seen[e.Key] {
			return v, &Error{Pos: e.Pos, Msg: fmt.Sprintf("key %q is given twice", e.Key)}
		}
		seen[e.Key] = true
		if !p.eat(':') {
			return v, p.fail("want a colon after the key %q, found %s", e.Key, p.next())
		}
		if e.Value, err = p.value(depth + 1); err != nil {
			return v, err
		}
		v.Entries = append(v.Entries, e)
		if p.eat('}') {
			return v, nil
		}
		if !p.eat(',') {
			return v, p.fail("want a comma or } in the mapping, found %s", p.next())
		}
	}
}

// word reads null, true, false or a number.
func (p *jsonParser) word(v Value) (Value, error) {
	n := 0
	for rest := p.src[p.off:]; n < len(rest) && strings.IndexByte(" \t\r\n,:[]{}\"", rest[n]) < 0; {
		n++
	}
	switch w := p.src[p.off : p.off+n]; {
	case w == "null":
	case w == "true" || w == "false":
		v.Kind, v.Text = Bool, w
	case validNumber(w):
		if _, err := strconv.ParseFloat(w, 64); err != nil {
			return v, p.fail("the number %s is out of range", w)
		}
		v.Kind, v.Text = Number, w
	case w == "":
		return v, p.fail("want a value, found %s", p.next())
	default:
		return v, p.fail("want a value, found %q", w[:min(len(w), 40)])
	}
	p.off += n
	return v, nil
}

// str reads a string in quotes.
func (p *jsonParser) str() (string, error) {
	begin := p.off
	p.off++
	var b strings.Builder
	for p.off < len(p.src) {
		c := p.src[p.off]
		switch {
		case c == '"':
			p.off++
			return b.String(), nil
		case c < ' ':
			return "", p.fail("a control character in a string; write it as \\u%04x", c)
		case c == '\\':
			r, n := unescape(p.src[p.off:])
			if n == 0 {
				return "", p.fail("a bad escape in a string")
			}
			b.WriteRune(r)
			p.off += n
		default:
			b.WriteByte(c)
			p.off++
		}
	}
	end := p.off
	p.off = begin
	err := p.fail("the string has no closing quote")
	p.off = end
	return "", err
}

// unescape reads one escape and says how many bytes it takes, 0 for none.
func unescape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	r, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) {
		if r2, ok := hex4(s[6:]); ok {
			if full := utf16.DecodeRune(r, r2); full != utf8.RuneError {
				return full, 12
			}
		}
		return utf8.RuneError, 6
	}
	return r, 6
}

// hex4 reads \u and four digits.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 32)
	return rune(n), err == nil
}
