package darknet

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A section is one of a .cfg: a layer, but for the first.
type section struct {
	kind   string
	line   int
	values map[string]string
}

// most bounds sizes and numbers of layers, maxSections the latter.
const (
	most        = 1 << 20
	maxSections = 1 << 12
)

// sections reads a .cfg.
func sections(text string) ([]section, error) {
	var out []section
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", "\ufeff", "").Replace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			end := strings.IndexByte(line, ']')
			if end < 2 || end != len(line)-1 && line[end+1] != '#' {
				return nil, fmt.Errorf("line %d: %q is no head of a section, such as [convolutional]", n, line)
			}
			if len(out) > maxSections {
				return nil, fmt.Errorf("line %d: there are more than %d sections", n, maxSections)
			}
			out = append(out, section{kind: line[1:end], line: n, values: map[string]string{}})
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok || len(out) == 0 {
				return nil, fmt.Errorf("line %d: %q is no key=value of a section", n, line)
			}
			if v, _, ok := strings.Cut(value, "#"); ok {
				value = v
			}
			out[len(out)-1].values[key] = value
		}
	}
	return out, nil
}

func (s section) int(key string, without int) (int, error) {
	text, ok := s.values[key]
	if !ok {
		return without, nil
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < -most || v > most {
		return 0, fmt.Errorf("line %d, [%s]: %s: want a whole number up to %d, found %q", s.line, s.kind, key, most, text)
	}
	return v, nil
}

func (s section) float(key string, without float64) (float64, error) {
	text, ok := s.values[key]
	if !ok {
		return without, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("line %d, [%s]: %s: want a number, found %q", s.line, s.kind, key, text)
	}
	return v, nil
}

func (s section) ints(key string) ([]int, error) {
	var out []int
	for _, text := range strings.Split(s.values[key], ",") {
		v, err := strconv.Atoi(text)
		if err != nil || v < -most || v > most {
			return nil, fmt.Errorf("line %d, [%s]: %s: want whole numbers, found %q", s.line, s.kind, key, s.values[key])
		}
		out = append(out, v)
	}
	return out, nil
}

// read reads several whole numbers.
func (s section) read(without map[string]int) (map[string]int, error) {
	out := map[string]int{}
	for key, w := range without {
		v, err := s.int(key, w)
		if err != nil {
			return nil, err
		}
		out[key] = v
	}
	return out, nil
}
