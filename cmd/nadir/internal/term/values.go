package term

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
)

// A Value is a measurement and its name, such as loss or accuracy.
type Value struct {
	Name  string
	Value float64
}

// Values is measurements in the order in which they are shown. As JSON it is an
// object; a number that is not finite is null, since JSON has none.
type Values []Value

// MarshalJSON writes the object, or null for nil.
func (vs Values) MarshalJSON() ([]byte, error) {
	if vs == nil {
		return []byte("null"), nil
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range vs {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(v.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(finite(v.Value))
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// at is the value of a name, NaN where there is none.
func (vs Values) at(name string) float64 {
	for _, v := range vs {
		if v.Name == name {
			return v.Value
		}
	}
	return math.NaN()
}

// text writes the values in a row, each name after the prefix.
func (vs Values) text(prefix string) string {
	var parts []string
	for _, v := range vs {
		parts = append(parts, prefix+v.Name+" "+number(v.Value))
	}
	return strings.Join(parts, "  ")
}

// finite is a pointer to a finite number, nil for another.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
