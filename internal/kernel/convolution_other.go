//go:build !amd64 || noasm

package kernel

// slides reports whether families have convolutions of their own.
const slides = false

func layout32(*Convolution)                                                {}
func convolve32(_ *Convolution, _, _, _, _ []float32, _, _, _ int, _ bool) {}
func filters32(_ *Convolution, _, _, _ []float32, _ int)                   {}

type slide struct{}

func maxPool32(*Pool, []float32, []float32, int)                                     {}
func maxPoolGradient32(*Pool, []float32, []float32, []float32, []float32, int, bool) {}

func fewestTransformed() int { return 0 }

func winograd32(_ *Tiles, _ int, _, _, _ []float32, _ bool) {}

type winogradCall struct{}
