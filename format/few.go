package format

import (
	"errors"
	"fmt"
	"slices"
)

// Few are the first of what a message lists, and how many more there are.
func Few(list []string, most int) []string {
	more := len(list) - most
	if more <= 0 {
		return list
	}
	return append(slices.Clone(list[:most]), fmt.Sprintf("and %d more", more))
}

// shown is how many parameters an error names.
const shown = 8

// few joins the first of errors, and says how many more there are.
func few(errs []error) error {
	if more := len(errs) - shown; more > 0 {
		errs = append(slices.Clone(errs[:shown]), fmt.Errorf("and %d more", more))
	}
	return errors.Join(errs...)
}
