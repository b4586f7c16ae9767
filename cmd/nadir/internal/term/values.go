package term

import (
	"fmt"
	"math"
	"strings"

	"github.com/nadir-ml/nadir/train"
)

// A Value is a measurement and its name, such as loss or accuracy.
type Value = train.Value

// Values is measurements in the order in which they are shown. As JSON it is an
// object; a number that is not finite is null, since JSON has none.
type Values = train.Values

// at is the value of a name, NaN where there is none.
func at(vs Values, name string) float64 {
	for _, v := range vs {
		if v.Name == name {
			return v.Value
		}
	}
	return math.NaN()
}

// text writes the values in a row, each name after the prefix. Beside what the
// layers' penalties add to the loss stands its share.
func text(vs Values, prefix string) string {
	var parts []string
	for _, v := range vs {
		part := prefix + v.Name + " " + number(v.Value)
		if v.Name == "penalty" {
			part += PenaltyShare(v.Value, at(vs, "loss"))
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "  ")
}

// PenaltyShare says how much of a loss is penalty, in brackets; nothing where
// that makes no sense.
func PenaltyShare(penalty, loss float64) string {
	share := penalty / loss
	if !(share >= 0 && share <= 1) {
		return ""
	}
	return fmt.Sprintf(" (%.1f %% of the loss)", 100*share)
}

// finite is a pointer to a finite number, nil for another.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
