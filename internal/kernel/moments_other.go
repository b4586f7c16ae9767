//go:build !amd64 || noasm

package kernel

// The families here go without: what these functions consist of is in vectors.

func clamp32(_, _ *float32, _ *[2]float32, _ int) bool             { return false }
func countBeyond32(*float32, int, float32) (int, bool)             { return 0, false }
func quotient32(_, _ *float32, _ float32, _ int) bool              { return false }
func weighted32(_, _, _ *float32, _ *[2]float32, _ int) bool       { return false }
func weightedSquare32(_, _, _ *float32, _ *[2]float32, _ int) bool { return false }
func overRoot32(_, _, _, _ *float32, _ float32, _ int) bool        { return false }

func adam32(_, _, _, _, _ *float32, _ *Moments[float32], _ int) bool  { return false }
func nadam32(_, _, _, _, _ *float32, _ *Moments[float32], _ int) bool { return false }

func momentum32(_, _, _, _ *float32, _ *Moments[float32], _ int) bool        { return false }
func nesterov32(_, _, _, _ *float32, _ *Moments[float32], _ int) bool        { return false }
func rmsProp32(_, _, _, _ *float32, _ *Moments[float32], _ int, _ bool) bool { return false }
