//go:build (!amd64 && !arm64) || noasm

package kernel

import "math"

// fewestChannels is how many channels the families' loops for [Depthwise] want: here
// there are none.
const fewestChannels = math.MaxInt

func depthwise32(_ *Depthwise, _, _, _, _ []float32, _ int, _ bool) {}
func depthwiseFilters32(_ *Depthwise, _, _, _ []float32, _ int)     {}
