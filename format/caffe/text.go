package caffe

import (
	"fmt"
	"strings"
)

// deepest is how far messages of a text may lie in one another.
const deepest = 32

// A textParser reads the text format of protocol buffers.
type textParser struct {
	s     string
	at    int
	depth int
}

// parseText reads a .prototxt.
func parseText(s string) (message, error) {
	p := &textParser{s: s}
	m, err := p.message("")
	if err != nil {
		line := 1 + strings.Count(s[:min(p.at, len(s))], "\n")
		return nil, fmt.Errorf("line %d: %w", line, err)
	}
	return m, nil
}

// space passes over white space and comments, and gives the next byte, 0 at the end.
func (p *textParser) space() byte {
	for p.at < len(p.s) {
		switch c := p.s[p.at]; c {
		case ' ', '\t', '\n', '\r', '\f', '\v':
			p.at++
		case '#':
			if i := strings.IndexByte(p.s[p.at:], '\n'); i >= 0 {
				p.at += i
			} else {
				p.at = len(p.s)
			}
		case 0xef:
			if p.at == 0 && strings.HasPrefix(p.s, "\ufeff") {
				p.at = 3
				continue
			}
			return c
		default:
			return c
		}
	}
	return 0
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// message reads fields up to the closing bracket, or the end of the text.
func (p *textParser) message(end string) (message, error) {
	if p.depth++; p.depth > deepest {
		return nil, fmt.Errorf("more than %d messages lie in one another", deepest)
	}
	defer func() { p.depth-- }()
	m := message{}
	for {
		c := p.space()
		if p.at >= len(p.s) {
			if end != "" {
				return nil, fmt.Errorf("the text ends where %q is missing", end)
			}
			return m, nil
		}
		if end != "" && c == end[0] {
			p.at++
			return m, nil
		}
		from := p.at
		for p.at < len(p.s) && wordByte(p.s[p.at]) {
			p.at++
		}
		name := p.s[from:p.at]
		if name == "" || name[0] >= '0' && name[0] <= '9' {
			return nil, fmt.Errorf("want the name of a field, found %q", c)
		}
		c = p.space()
		colon := c == ':'
		if colon {
			p.at++
			c = p.space()
		}
		var err error
		if c == '[' && colon {
			p.at++
			for more := p.space() != ']'; more; {
				if m[name], err = p.value(m[name], true); err != nil {
					return nil, err
				}
				if more = p.space() == ','; more {
					p.at++
				}
			}
			if p.space() != ']' {
				return nil, fmt.Errorf("field %s: want %q after a list", name, "]")
			}
			p.at++
		} else if m[name], err = p.value(m[name], colon); err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
		if c = p.space(); c == ',' || c == ';' {
			p.at++
		}
	}
}

// value reads one value and adds it to those that the field has.
func (p *textParser) value(to []value, colon bool) ([]value, error) {
	switch c := p.space(); {
	case c == '{' || c == '<':
		p.at++
		end := "}"
		if c == '<' {
			end = ">"
		}
		m, err := p.message(end)
		return append(to, value{tree: m}), err
	case !colon:
		return nil, fmt.Errorf("want %q or %q", ":", "{")
	case c == '"' || c == '\'':
		var b strings.Builder
		for c = p.space(); c == '"' || c == '\''; c = p.space() {
			if err := p.quoted(&b, c); err != nil {
				return nil, err
			}
		}
		return append(to, value{text: b.String()}), nil
	}
	from := p.at
	for p.at < len(p.s) && (wordByte(p.s[p.at]) || strings.IndexByte("+-.", p.s[p.at]) >= 0) {
		p.at++
	}
	if p.at == from {
		return nil, fmt.Errorf("want a value")
	}
	return append(to, value{text: p.s[from:p.at]}), nil
}

// quoted reads a text between quotes.
func (p *textParser) quoted(b *strings.Builder, quote byte) error {
	for p.at++; p.at < len(p.s); p.at++ {
		switch c := p.s[p.at]; c {
		case quote:
			p.at++
			return nil
		case '\n':
			return fmt.Errorf("a text does not end on its line")
		case '\\':
			if p.at++; p.at < len(p.s) {
				switch e := p.s[p.at]; e {
				case 'n':
					b.WriteByte('\n')
				case 't':
					b.WriteByte('\t')
				case '\\', '\'', '"':
					b.WriteByte(e)
				default:
					return fmt.Errorf("the escape \\%c is not known in a text", e)
				}
			}
		default:
			b.WriteByte(c)
		}
	}
	return fmt.Errorf("a text does not end")
}
