package caffe

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// A message is a tree of named fields, from a text or a binary file.
type message map[string][]value

// A value is a number, a name or a text as it is written in a .prototxt, a tree, or a blob's
// bytes.
type value struct {
	text string
	tree message
	raw  []byte
}

func (m message) text(name string) string {
	if v := m[name]; len(v) > 0 {
		return v[len(v)-1].text
	}
	return ""
}

func (m message) texts(name string) []string {
	var out []string
	for _, v := range m[name] {
		out = append(out, v.text)
	}
	return out
}

// sub is a tree of the message; where it is not there it is empty.
func (m message) sub(name string) message {
	if v := m[name]; len(v) > 0 {
		return v[len(v)-1].tree
	}
	return nil
}

func (m message) float(name string, without float64) (float64, error) {
	s := m.text(name)
	if s == "" {
		return without, nil
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "f"), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%s: want a number, found %q", name, s)
	}
	return v, nil
}

// most is the largest whole number that a size may be.
const most = 1 << 24

func (m message) ints(name string) ([]int, error) {
	var out []int
	for _, v := range m[name] {
		n, err := strconv.Atoi(v.text)
		if err != nil || n < -1 || n > most {
			return nil, fmt.Errorf("%s: want a whole number up to %d, found %q", name, most, v.text)
		}
		out = append(out, n)
	}
	return out, nil
}

func (m message) int(name string, without int) (int, error) {
	v, err := m.ints(name)
	if err != nil || len(v) == 0 {
		return without, err
	}
	return v[len(v)-1], nil
}

func (m message) flag(name string, without bool) (bool, error) {
	switch s := m.text(name); s {
	case "":
		return without, nil
	case "true", "1", "t", "True":
		return true, nil
	case "false", "0", "f", "False":
		return false, nil
	default:
		return false, fmt.Errorf("%s: want true or false, found %q", name, s)
	}
}

// parseBinary reads a message in the wire format of protocol buffers.
func parseBinary(b []byte, s schema) (message, error) {
	m := message{}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, fmt.Errorf("the tag of a field is damaged or cut off")
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return nil, fmt.Errorf("field %d is damaged or cut off", num)
		}
		raw := b[:n]
		b = b[n:]
		f, ok := s[int(num)]
		if !ok {
			continue
		}
		bad := func() error { return fmt.Errorf("field %s is written as another type", f.name) }
		body := raw
		if typ == protowire.BytesType {
			body, _ = protowire.ConsumeBytes(raw)
		}
		switch f.kind {
		case text, tree, blob:
			if typ != protowire.BytesType {
				return nil, bad()
			}
			v := value{}
			switch f.kind {
			case text:
				v.text = string(body)
			case blob:
				v.raw = body
			default:
				t, err := parseBinary(body, f.of)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", f.name, err)
				}
				v.tree = t
			}
			m[f.name] = append(m[f.name], v)
		case number:
			if typ == protowire.BytesType && f.enum == nil {
				for len(body) > 0 {
					v, n := protowire.ConsumeVarint(body)
					if n < 0 {
						return nil, bad()
					}
					m[f.name], body = append(m[f.name], value{text: strconv.FormatInt(int64(v), 10)}), body[n:]
				}
				break
			}
			if typ != protowire.VarintType {
				return nil, bad()
			}
			v, _ := protowire.ConsumeVarint(body)
			s := strconv.FormatInt(int64(v), 10)
			if v < uint64(len(f.enum)) {
				s = f.enum[v]
			}
			m[f.name] = append(m[f.name], value{text: s})
		case float:
			if typ == protowire.Fixed32Type {
				typ = protowire.BytesType // one number is a list of one
			}
			if typ != protowire.BytesType {
				return nil, bad()
			}
			for len(body) > 0 {
				v, n := protowire.ConsumeFixed32(body)
				if n < 0 {
					return nil, bad()
				}
				body = body[n:]
				m[f.name] = append(m[f.name], value{text: strconv.FormatFloat(float64(math.Float32frombits(v)), 'g', -1, 32)})
			}
		}
	}
	return m, nil
}
