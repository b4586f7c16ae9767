//go:build !amd64 || noasm

package kernel

// depthwise reports whether families have loops of their own for [Depthwise].
const depthwise = false

func depthwise32(_ *Depthwise, _, _, _, _ []float32, _ int, _ bool) {}
func depthwiseFilters32(_ *Depthwise, _, _, _ []float32, _ int)     {}

type depthCall struct{}
