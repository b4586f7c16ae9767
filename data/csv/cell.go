package csv

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// content is what a cell's text is.
type content uint8

const (
	absent content = iota // missing
	number                // a finite float32
	word                  // any other text
)

// classify reads a cell without the blanks around it. It fails where the text
// is an infinity, not a number, or beyond float32.
func classify(cell string) (float64, content, error) {
	if cell == "" || cell == "?" || cell == "NA" {
		return 0, absent, nil
	}
	if !numeral(cell) {
		switch strings.ToLower(strings.TrimLeft(cell, "+-")) {
		case "nan", "inf", "infinity":
			return 0, word, fmt.Errorf("%q is not a finite number; leave the cell empty where the value is missing", cell)
		}
		return 0, word, nil
	}
	v, err := strconv.ParseFloat(cell, 64)
	switch {
	case math.Abs(v) > math.MaxFloat32:
		return 0, number, fmt.Errorf("%s is beyond the range of float32 (±3.4e38)", cell)
	case err != nil:
		return 0, word, nil // such as "-", "1-2" or "e"
	}
	return v, number, nil
}

// numeral reports whether text has no other characters than decimal numbers
// have: Go's own reader would also take hexadecimal ones, and names of others.
func numeral(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return false
		}
	}
	return true
}
