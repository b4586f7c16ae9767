package pickle

import (
	"bufio"
	"bytes"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// shortLine reads a line of at most maxLine bytes, without its end. It is valid until
// the next read.
func (d *Decoder) shortLine() ([]byte, error) {
	b, err := d.r.ReadSlice('\n')
	d.at += int64(len(b))
	switch {
	case len(b) > maxLine:
		return nil, d.errorf("a line is longer than %d bytes; this is no pickle, or a damaged one", maxLine)
	case err != nil:
		return nil, d.readError(err)
	}
	return b[:len(b)-1], nil
}

// longLine reads a line of any length that the budget allows.
func (d *Decoder) longLine() ([]byte, error) {
	var line []byte
	for {
		b, err := d.r.ReadSlice('\n')
		d.at += int64(len(b))
		// Growing takes four times the line, the characters made of it twice.
		if err := d.charge(6 * int64(len(b))); err != nil {
			return nil, err
		}
		if err == nil && line == nil {
			return b[:len(b)-1], nil
		}
		if cap(line)-len(line) < len(b) {
			line = append(make([]byte, 0, 2*(len(line)+len(b))), line...)
		}
		line = append(line, b...)
		if err == nil {
			return line[:len(line)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, d.readError(err)
		}
	}
}

// integerText reads the decimal digits of opcodes INT and LONG.
func (d *Decoder) integerText(op byte) error {
	line, err := d.shortLine()
	if err != nil {
		return err
	}
	text := string(line)
	if op == 'I' && (text == "00" || text == "01") {
		return d.push(text == "01")
	}
	if op == 'L' {
		text = strings.TrimSuffix(text, "L")
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return d.errorf("%s is no int", Quote(text))
	}
	return d.pushInteger(n)
}

func (d *Decoder) floatText() error {
	line, err := d.shortLine()
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(string(line), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return d.errorf("%s is no float", Quote(string(line)))
	}
	return d.pushCost(f, boxCost)
}

// index reads the decimal digits of opcodes PUT and GET.
func (d *Decoder) index() (uint64, error) {
	line, err := d.shortLine()
	if err != nil {
		return 0, err
	}
	i, err := strconv.ParseUint(string(line), 10, 32)
	if err != nil {
		return 0, d.errorf("%s is no number of a value", Quote(string(line)))
	}
	return i, nil
}

// line reads protocol 0's texts: a Python literal or escaped Unicode.
func (d *Decoder) line(op byte) error {
	b, err := d.longLine()
	if err != nil {
		return err
	}
	var s string
	var ok bool
	if op == 'S' {
		s, ok = unquote(b)
	} else {
		s, ok = unescapeUnicode(b)
	}
	if !ok {
		return d.errorf("a str is not written as Python writes it")
	}
	return d.pushCost(s, boxCost)
}

// unquote reads a literal of Python 2's str.
func unquote(b []byte) (string, bool) {
	b = bytes.TrimRight(b, " \t\r")
	if len(b) < 2 || b[0] != b[len(b)-1] || b[0] != '\'' && b[0] != '"' {
		return "", false
	}
	b = b[1 : len(b)-1]
	var out strings.Builder
	out.Grow(len(b))
	for len(b) > 0 {
		if b[0] != '\\' {
			out.WriteByte(b[0])
			b = b[1:]
			continue
		}
		if len(b) < 2 {
			return "", false
		}
		c := b[1]
		b = b[2:]
		if i := strings.IndexByte(`\'"abfnrtv`, c); i >= 0 {
			out.WriteByte("\\'\"\a\b\f\n\r\t\v"[i])
			continue
		}
		switch {
		case c == 'x':
			if len(b) < 2 {
				return "", false
			}
			n, err := strconv.ParseUint(string(b[:2]), 16, 8)
			if err != nil {
				return "", false
			}
			out.WriteByte(byte(n))
			b = b[2:]
		case c >= '0' && c <= '7':
			n := int(c - '0')
			for i := 0; i < 2 && len(b) > 0 && b[0] >= '0' && b[0] <= '7'; i++ {
				n = n<<3 | int(b[0]-'0')
				b = b[1:]
			}
			out.WriteByte(byte(n))
		default: // what is no escape stands for itself
			out.WriteByte('\\')
			out.WriteByte(c)
		}
	}
	return out.String(), true
}

// unescapeUnicode reads Python's raw-unicode-escape: \uXXXX and \UXXXXXXXX after an odd
// number of backslashes, every other byte a character of Latin-1.
func unescapeUnicode(b []byte) (string, bool) {
	var out strings.Builder
	out.Grow(len(b))
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			out.WriteRune(rune(b[i]))
			i++
			continue
		}
		run := i
		for i < len(b) && b[i] == '\\' {
			i++
		}
		n := i - run
		digits := 0
		if n%2 == 1 && i < len(b) {
			switch b[i] {
			case 'u':
				digits = 4
			case 'U':
				digits = 8
			}
		}
		if digits == 0 {
			out.Write(b[run:i])
			continue
		}
		out.Write(b[run : i-1])
		i++
		if len(b)-i < digits {
			return "", false
		}
		r, err := strconv.ParseUint(string(b[i:i+digits]), 16, 32)
		if err != nil || r > utf8.MaxRune || !utf8.ValidRune(rune(r)) {
			return "", false
		}
		out.WriteRune(rune(r))
		i += digits
	}
	return out.String(), true
}
