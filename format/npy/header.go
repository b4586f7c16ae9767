package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/tensor"
)

// A Header is what an array is, before its elements.
type Header struct {
	DType tensor.DType
	Shape tensor.Shape

	columns bool // column-major (Fortran) order
	big     bool // big-endian elements
	size    int  // bytes up to the first element
	objects bool // elements are pickled objects
}

const magic = "\x93NUMPY"

// longest is the most bytes a header may take. NumPy's own are below 200.
const longest = 1 << 16

// ErrObjects is the error for an array of pickled objects: see [ReadObjects].
var ErrObjects = errors.New("npy array of pickled Python objects: only dicts and lists of arrays are read of them; save numbers instead (array.astype('float32'))")

// ReadHeader reads up to the first element of an array.
func ReadHeader(r io.Reader) (Header, error) {
	h, err := readHeader(r)
	if err == nil && h.objects {
		err = ErrObjects
	}
	return h, err
}

func readHeader(r io.Reader) (Header, error) {
	var h Header
	fixed := make([]byte, 12)
	if _, err := io.ReadFull(r, fixed[:8]); err != nil {
		return h, short(err, "in the magic number")
	}
	if string(fixed[:6]) != magic {
		return h, fmt.Errorf("no npy array: it begins with % x, not with 93 4e 55 4d 50 59 (\\x93NUMPY)", fixed[:6])
	}
	var length, at int
	switch fixed[6] {
	case 1:
		at = 10
		if _, err := io.ReadFull(r, fixed[8:10]); err != nil {
			return h, short(err, "in the header")
		}
		length = int(binary.LittleEndian.Uint16(fixed[8:]))
	case 2, 3:
		at = 12
		if _, err := io.ReadFull(r, fixed[8:12]); err != nil {
			return h, short(err, "in the header")
		}
		length = int(min(binary.LittleEndian.Uint32(fixed[8:]), longest+1))
	default:
		return h, fmt.Errorf("npy version %d.%d: versions 1.0 to 3.0 are known", fixed[6], fixed[7])
	}
	if length > longest {
		return h, fmt.Errorf("npy header of more than %d bytes", longest)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, short(err, "in the header")
	}
	if err := h.parse(string(text)); err != nil {
		return h, err
	}
	h.size = at + length
	return h, nil
}

// parse reads the header's dictionary: {'descr': '<f4', 'fortran_order':
// False, 'shape': (3, 4), }.
func (h *Header) parse(text string) error {
	p := &parser{text: text}
	var seen []string
	p.want('{')
	for p.err == nil && !p.next('}') {
		key := p.str()
		p.want(':')
		if slices.Contains(seen, key) {
			p.fail("key " + strconv.Quote(key) + " twice")
		}
		seen = append(seen, key)
		switch key {
		case "descr":
			if p.err == nil && p.peek() == '[' {
				return errors.New("npy array of records: save each of its fields as an array of its own")
			}
			descr := p.str()
			if p.err == nil {
				if err := h.setType(descr); err != nil {
					return err
				}
			}
		case "fortran_order":
			h.columns = p.boolean()
		case "shape":
			h.Shape = p.tuple()
		default:
			p.fail("unknown key " + strconv.Quote(key))
		}
		if p.err == nil && p.peek() != '}' {
			p.want(',')
		}
	}
	if p.err == nil && len(seen) != 3 {
		p.fail("descr, fortran_order and shape are not all there")
	}
	if p.err == nil && strings.Trim(p.text, " \n\x00") != "" {
		p.fail("text after the dictionary")
	}
	if p.err != nil {
		return p.err
	}
	if len(h.Shape) > 64 {
		return fmt.Errorf("npy array of %d axes: NumPy itself ends at 64", len(h.Shape))
	}
	_, err := h.Shape.Elems()
	return err
}

// kinds pairs NumPy's type codes, without the byte order, with element types.
// NumPy has no bfloat16: extensions save it as two opaque bytes, V2.
var kinds = map[string]tensor.DType{
	"f2": tensor.Float16, "f4": tensor.Float32, "f8": tensor.Float64,
	"i1": tensor.Int8, "i2": tensor.Int16, "i4": tensor.Int32, "i8": tensor.Int64,
	"u1": tensor.Uint8, "u2": tensor.Uint16, "u4": tensor.Uint32, "u8": tensor.Uint64,
	"b1": tensor.Bool, "V2": tensor.BFloat16,
}

// setType reads a type code such as <f4 or |u1.
func (h *Header) setType(descr string) error {
	code := descr
	if code != "" && strings.IndexByte("<>|=", code[0]) >= 0 {
		h.big = code[0] == '>'
		code = code[1:]
	}
	if code == "?" {
		code = "b1"
	}
	dt, ok := kinds[code]
	if ok {
		h.DType = dt
		return nil
	}
	switch {
	case strings.HasPrefix(code, "O"):
		h.objects = true
		return nil
	case strings.HasPrefix(code, "U"), strings.HasPrefix(code, "S"), strings.HasPrefix(code, "a"):
		return fmt.Errorf("npy array of text (type %q): save numbers instead", descr)
	}
	return fmt.Errorf("npy array of type %q: known are f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1 and V2 (bfloat16)", descr)
}

// descr writes a type's code.
func descr(dt tensor.DType) (string, error) {
	for code, k := range kinds {
		if k == dt {
			if dt.Size() == 1 || dt == tensor.BFloat16 {
				return "|" + code, nil
			}
			return "<" + code, nil
		}
	}
	return "", fmt.Errorf("%v has no npy type", dt)
}

// parser reads the few forms of Python literals that a header has.
type parser struct {
	text string
	err  error
}

func (p *parser) fail(why string) {
	if p.err == nil {
		p.err = fmt.Errorf("npy header: %s, at %.40q", why, p.text)
	}
}

func (p *parser) peek() byte {
	p.text = strings.TrimLeft(p.text, " \t\n")
	if p.text == "" {
		return 0
	}
	return p.text[0]
}

// next consumes c where it comes next.
func (p *parser) next(c byte) bool {
	if p.peek() != c || c == 0 {
		return false
	}
	p.text = p.text[1:]
	return true
}

func (p *parser) want(c byte) {
	if !p.next(c) {
		p.fail("want " + strconv.QuoteRune(rune(c)))
	}
}

func (p *parser) str() string {
	q := p.peek()
	if q != '\'' && q != '"' {
		p.fail("want a string")
		return ""
	}
	body, rest, ok := strings.Cut(p.text[1:], string(q))
	if !ok {
		p.fail("a string without an end")
		return ""
	}
	p.text = rest
	return body
}

func (p *parser) boolean() bool {
	p.peek()
	for _, v := range []string{"True", "False"} {
		if rest, ok := strings.CutPrefix(p.text, v); ok {
			p.text = rest
			return v == "True"
		}
	}
	p.fail("want True or False")
	return false
}

func (p *parser) tuple() tensor.Shape {
	s := tensor.Shape{}
	p.want('(')
	for p.err == nil && !p.next(')') {
		p.peek()
		end := strings.IndexFunc(p.text, func(c rune) bool { return c < '0' || c > '9' })
		n, err := strconv.Atoi(p.text[:max(end, 0)])
		if err != nil {
			p.fail("want a length")
			break
		}
		s = append(s, n)
		p.text = strings.TrimPrefix(p.text[end:], "L") // Python 2 wrote long integers so
		if p.peek() != ')' {
			p.want(',')
		}
	}
	return s
}
