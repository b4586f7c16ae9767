package data

import "fmt"

// A Source is a numbered collection of rows.
type Source interface {
	// Len is the number of rows.
	Len() int
	// Schema says what a row is. It does not change.
	Schema() Schema
	// Read fills rows 0 to len(idx)−1 of dst with the rows numbered idx, and
	// sets dst's N, Index and Weight. Calls with different dst may run at the
	// same time.
	Read(dst *Batch, idx []int32) error
}

// checkRows finds a row number that the source does not have.
func checkRows(idx []int32, n int) error {
	for _, i := range idx {
		if i < 0 || int(i) >= n {
			return fmt.Errorf("row %d of a source of %d rows", i, n)
		}
	}
	return nil
}
