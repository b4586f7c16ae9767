package tensor

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Shape is the length of each axis, outermost first. The empty shape is a
// scalar's. In a sample's shape there is no batch axis.
type Shape []int

// MaxRank is the largest number of axes that graphs accept.
const MaxRank = 8

// Elems is the number of elements, or an error where an axis is negative or
// the product overflows an int.
func (s Shape) Elems() (int, error) {
	n := 1
	for _, d := range s {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative axis", s)
		}
		if d == 0 {
			n = 0
			continue
		}
		if n > math.MaxInt/d {
			return 0, fmt.Errorf("shape %v has more elements than an int can count", s)
		}
		n *= d
	}
	return n, nil
}

// Len is the number of elements of a shape known to be valid.
func (s Shape) Len() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Equal reports whether both shapes have the same axes.
func (s Shape) Equal(t Shape) bool { return slices.Equal(s, t) }

// Clone is a copy that shares nothing.
func (s Shape) Clone() Shape { return slices.Clone(s) }

// String writes the shape as [28 28 1].
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range s {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.Itoa(d))
	}
	b.WriteByte(']')
	return b.String()
}

// Times writes the shape as 28x28x1, the form the command reads.
func (s Shape) Times() string {
	p := make([]string, len(s))
	for i, d := range s {
		p[i] = strconv.Itoa(d)
	}
	return strings.Join(p, "x")
}

// ParseShape reads a shape written as 28x28x1 or as a single number.
func ParseShape(text string) (Shape, error) {
	var s Shape
	for _, f := range strings.Split(text, "x") {
		d, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || d <= 0 {
			return nil, fmt.Errorf("shape %q: want positive numbers with x between them, such as 28x28x1", text)
		}
		s = append(s, d)
	}
	if _, err := s.Elems(); err != nil {
		return nil, err
	}
	return s, nil
}
