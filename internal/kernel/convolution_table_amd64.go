//go:build !noasm

package kernel

// The loops that the generator writes, by what stays in registers.
var (
	// places by one vector of filters
	convolve1 = [...]func(*slide){nil, convolve1x1, convolve2x1, convolve3x1, convolve4x1, convolve5x1, convolve6x1, convolve7x1, convolve8x1, convolve9x1, convolve10x1, convolve11x1, convolve12x1}
	// places by two
	convolve2     = [...]func(*slide){nil, convolve1x2, convolve2x2, convolve3x2, convolve4x2, convolve5x2, convolve6x2}
	convolve1Wide = [...]func(*slide){nil, convolve1x1Wide, convolve2x1Wide, convolve3x1Wide, convolve4x1Wide, convolve5x1Wide, convolve6x1Wide, convolve7x1Wide, convolve8x1Wide, convolve9x1Wide, convolve10x1Wide, convolve11x1Wide, convolve12x1Wide, convolve13x1Wide, convolve14x1Wide}
	convolve2Wide = [...]func(*slide){nil, convolve1x2Wide, convolve2x2Wide, convolve3x2Wide, convolve4x2Wide, convolve5x2Wide, convolve6x2Wide, convolve7x2Wide, convolve8x2Wide, convolve9x2Wide, convolve10x2Wide, convolve11x2Wide, convolve12x2Wide, convolve13x2Wide, convolve14x2Wide}
	// places by the lanes that masks name
	convolveMaskedWide = [...]func(*slide){nil, convolveMasked1Wide, convolveMasked2Wide, convolveMasked3Wide, convolveMasked4Wide, convolveMasked5Wide, convolveMasked6Wide, convolveMasked7Wide, convolveMasked8Wide, convolveMasked9Wide, convolveMasked10Wide, convolveMasked11Wide, convolveMasked12Wide, convolveMasked13Wide, convolveMasked14Wide}
	// lines and taps of each, by one vector of filters
	filters1 = [...][]func(*slide){nil,
		{nil, filters1x1x1, filters1x2x1, filters1x3x1, filters1x4x1, filters1x5x1, filters1x6x1, filters1x7x1, filters1x8x1, filters1x9x1, filters1x10x1, filters1x11x1, filters1x12x1},
		{nil, filters2x1x1, filters2x2x1, filters2x3x1, filters2x4x1, filters2x5x1, filters2x6x1},
		{nil, filters3x1x1, filters3x2x1, filters3x3x1, filters3x4x1},
		{nil, filters4x1x1, filters4x2x1, filters4x3x1},
		{nil, filters5x1x1, filters5x2x1},
	}
	// by two
	filters2 = [...][]func(*slide){nil,
		{nil, filters1x1x2, filters1x2x2, filters1x3x2, filters1x4x2, filters1x5x2, filters1x6x2},
	}
	filters1Wide = [...][]func(*slide){nil,
		{nil, filters1x1x1Wide, filters1x2x1Wide, filters1x3x1Wide, filters1x4x1Wide, filters1x5x1Wide, filters1x6x1Wide, filters1x7x1Wide, filters1x8x1Wide, filters1x9x1Wide, filters1x10x1Wide, filters1x11x1Wide, filters1x12x1Wide, filters1x13x1Wide, filters1x14x1Wide, filters1x15x1Wide, filters1x16x1Wide, filters1x17x1Wide, filters1x18x1Wide, filters1x19x1Wide, filters1x20x1Wide, filters1x21x1Wide, filters1x22x1Wide, filters1x23x1Wide, filters1x24x1Wide, filters1x25x1Wide, filters1x26x1Wide, filters1x27x1Wide, filters1x28x1Wide, filters1x29x1Wide, filters1x30x1Wide},
		{nil, filters2x1x1Wide, filters2x2x1Wide, filters2x3x1Wide, filters2x4x1Wide, filters2x5x1Wide, filters2x6x1Wide, filters2x7x1Wide, filters2x8x1Wide, filters2x9x1Wide, filters2x10x1Wide, filters2x11x1Wide, filters2x12x1Wide, filters2x13x1Wide, filters2x14x1Wide, filters2x15x1Wide},
		{nil, filters3x1x1Wide, filters3x2x1Wide, filters3x3x1Wide, filters3x4x1Wide, filters3x5x1Wide, filters3x6x1Wide, filters3x7x1Wide, filters3x8x1Wide, filters3x9x1Wide, filters3x10x1Wide},
		{nil, filters4x1x1Wide, filters4x2x1Wide, filters4x3x1Wide, filters4x4x1Wide, filters4x5x1Wide, filters4x6x1Wide, filters4x7x1Wide},
		{nil, filters5x1x1Wide, filters5x2x1Wide, filters5x3x1Wide, filters5x4x1Wide, filters5x5x1Wide, filters5x6x1Wide},
	}
	filters2Wide = [...][]func(*slide){nil,
		{nil, filters1x1x2Wide, filters1x2x2Wide, filters1x3x2Wide, filters1x4x2Wide, filters1x5x2Wide, filters1x6x2Wide, filters1x7x2Wide, filters1x8x2Wide, filters1x9x2Wide, filters1x10x2Wide, filters1x11x2Wide, filters1x12x2Wide, filters1x13x2Wide, filters1x14x2Wide},
	}
)

//go:noescape
func convolve1x1(p *slide)

//go:noescape
func convolve2x1(p *slide)

//go:noescape
func convolve3x1(p *slide)

//go:noescape
func convolve4x1(p *slide)

//go:noescape
func convolve5x1(p *slide)

//go:noescape
func convolve6x1(p *slide)

//go:noescape
func convolve7x1(p *slide)

//go:noescape
func convolve8x1(p *slide)

//go:noescape
func convolve9x1(p *slide)

//go:noescape
func convolve10x1(p *slide)

//go:noescape
func convolve11x1(p *slide)

//go:noescape
func convolve12x1(p *slide)

//go:noescape
func filters1x1x1(p *slide)

//go:noescape
func filters1x2x1(p *slide)

//go:noescape
func filters1x3x1(p *slide)

//go:noescape
func filters1x4x1(p *slide)

//go:noescape
func filters1x5x1(p *slide)

//go:noescape
func filters1x6x1(p *slide)

//go:noescape
func filters1x7x1(p *slide)

//go:noescape
func filters1x8x1(p *slide)

//go:noescape
func filters1x9x1(p *slide)

//go:noescape
func filters1x10x1(p *slide)

//go:noescape
func filters1x11x1(p *slide)

//go:noescape
func filters1x12x1(p *slide)

//go:noescape
func filters2x1x1(p *slide)

//go:noescape
func filters2x2x1(p *slide)

//go:noescape
func filters2x3x1(p *slide)

//go:noescape
func filters2x4x1(p *slide)

//go:noescape
func filters2x5x1(p *slide)

//go:noescape
func filters2x6x1(p *slide)

//go:noescape
func filters3x1x1(p *slide)

//go:noescape
func filters3x2x1(p *slide)

//go:noescape
func filters3x3x1(p *slide)

//go:noescape
func filters3x4x1(p *slide)

//go:noescape
func filters4x1x1(p *slide)

//go:noescape
func filters4x2x1(p *slide)

//go:noescape
func filters4x3x1(p *slide)

//go:noescape
func filters5x1x1(p *slide)

//go:noescape
func filters5x2x1(p *slide)

//go:noescape
func convolve1x2(p *slide)

//go:noescape
func convolve2x2(p *slide)

//go:noescape
func convolve3x2(p *slide)

//go:noescape
func convolve4x2(p *slide)

//go:noescape
func convolve5x2(p *slide)

//go:noescape
func convolve6x2(p *slide)

//go:noescape
func filters1x1x2(p *slide)

//go:noescape
func filters1x2x2(p *slide)

//go:noescape
func filters1x3x2(p *slide)

//go:noescape
func filters1x4x2(p *slide)

//go:noescape
func filters1x5x2(p *slide)

//go:noescape
func filters1x6x2(p *slide)

//go:noescape
func convolve1x1Wide(p *slide)

//go:noescape
func convolveMasked1Wide(p *slide)

//go:noescape
func convolve2x1Wide(p *slide)

//go:noescape
func convolveMasked2Wide(p *slide)

//go:noescape
func convolve3x1Wide(p *slide)

//go:noescape
func convolveMasked3Wide(p *slide)

//go:noescape
func convolve4x1Wide(p *slide)

//go:noescape
func convolveMasked4Wide(p *slide)

//go:noescape
func convolve5x1Wide(p *slide)

//go:noescape
func convolveMasked5Wide(p *slide)

//go:noescape
func convolve6x1Wide(p *slide)

//go:noescape
func convolveMasked6Wide(p *slide)

//go:noescape
func convolve7x1Wide(p *slide)

//go:noescape
func convolveMasked7Wide(p *slide)

//go:noescape
func convolve8x1Wide(p *slide)

//go:noescape
func convolveMasked8Wide(p *slide)

//go:noescape
func convolve9x1Wide(p *slide)

//go:noescape
func convolveMasked9Wide(p *slide)

//go:noescape
func convolve10x1Wide(p *slide)

//go:noescape
func convolveMasked10Wide(p *slide)

//go:noescape
func convolve11x1Wide(p *slide)

//go:noescape
func convolveMasked11Wide(p *slide)

//go:noescape
func convolve12x1Wide(p *slide)

//go:noescape
func convolveMasked12Wide(p *slide)

//go:noescape
func convolve13x1Wide(p *slide)

//go:noescape
func convolveMasked13Wide(p *slide)

//go:noescape
func convolve14x1Wide(p *slide)

//go:noescape
func convolveMasked14Wide(p *slide)

//go:noescape
func filters1x1x1Wide(p *slide)

//go:noescape
func filters1x2x1Wide(p *slide)

//go:noescape
func filters1x3x1Wide(p *slide)

//go:noescape
func filters1x4x1Wide(p *slide)

//go:noescape
func filters1x5x1Wide(p *slide)

//go:noescape
func filters1x6x1Wide(p *slide)

//go:noescape
func filters1x7x1Wide(p *slide)

//go:noescape
func filters1x8x1Wide(p *slide)

//go:noescape
func filters1x9x1Wide(p *slide)

//go:noescape
func filters1x10x1Wide(p *slide)

//go:noescape
func filters1x11x1Wide(p *slide)

//go:noescape
func filters1x12x1Wide(p *slide)

//go:noescape
func filters1x13x1Wide(p *slide)

//go:noescape
func filters1x14x1Wide(p *slide)

//go:noescape
func filters1x15x1Wide(p *slide)

//go:noescape
func filters1x16x1Wide(p *slide)

//go:noescape
func filters1x17x1Wide(p *slide)

//go:noescape
func filters1x18x1Wide(p *slide)

//go:noescape
func filters1x19x1Wide(p *slide)

//go:noescape
func filters1x20x1Wide(p *slide)

//go:noescape
func filters1x21x1Wide(p *slide)

//go:noescape
func filters1x22x1Wide(p *slide)

//go:noescape
func filters1x23x1Wide(p *slide)

//go:noescape
func filters1x24x1Wide(p *slide)

//go:noescape
func filters1x25x1Wide(p *slide)

//go:noescape
func filters1x26x1Wide(p *slide)

//go:noescape
func filters1x27x1Wide(p *slide)

//go:noescape
func filters1x28x1Wide(p *slide)

//go:noescape
func filters1x29x1Wide(p *slide)

//go:noescape
func filters1x30x1Wide(p *slide)

//go:noescape
func filters2x1x1Wide(p *slide)

//go:noescape
func filters2x2x1Wide(p *slide)

//go:noescape
func filters2x3x1Wide(p *slide)

//go:noescape
func filters2x4x1Wide(p *slide)

//go:noescape
func filters2x5x1Wide(p *slide)

//go:noescape
func filters2x6x1Wide(p *slide)

//go:noescape
func filters2x7x1Wide(p *slide)

//go:noescape
func filters2x8x1Wide(p *slide)

//go:noescape
func filters2x9x1Wide(p *slide)

//go:noescape
func filters2x10x1Wide(p *slide)

//go:noescape
func filters2x11x1Wide(p *slide)

//go:noescape
func filters2x12x1Wide(p *slide)

//go:noescape
func filters2x13x1Wide(p *slide)

//go:noescape
func filters2x14x1Wide(p *slide)

//go:noescape
func filters2x15x1Wide(p *slide)

//go:noescape
func filters3x1x1Wide(p *slide)

//go:noescape
func filters3x2x1Wide(p *slide)

//go:noescape
func filters3x3x1Wide(p *slide)

//go:noescape
func filters3x4x1Wide(p *slide)

//go:noescape
func filters3x5x1Wide(p *slide)

//go:noescape
func filters3x6x1Wide(p *slide)

//go:noescape
func filters3x7x1Wide(p *slide)

//go:noescape
func filters3x8x1Wide(p *slide)

//go:noescape
func filters3x9x1Wide(p *slide)

//go:noescape
func filters3x10x1Wide(p *slide)

//go:noescape
func filters4x1x1Wide(p *slide)

//go:noescape
func filters4x2x1Wide(p *slide)

//go:noescape
func filters4x3x1Wide(p *slide)

//go:noescape
func filters4x4x1Wide(p *slide)

//go:noescape
func filters4x5x1Wide(p *slide)

//go:noescape
func filters4x6x1Wide(p *slide)

//go:noescape
func filters4x7x1Wide(p *slide)

//go:noescape
func filters5x1x1Wide(p *slide)

//go:noescape
func filters5x2x1Wide(p *slide)

//go:noescape
func filters5x3x1Wide(p *slide)

//go:noescape
func filters5x4x1Wide(p *slide)

//go:noescape
func filters5x5x1Wide(p *slide)

//go:noescape
func filters5x6x1Wide(p *slide)

//go:noescape
func convolve1x2Wide(p *slide)

//go:noescape
func convolve2x2Wide(p *slide)

//go:noescape
func convolve3x2Wide(p *slide)

//go:noescape
func convolve4x2Wide(p *slide)

//go:noescape
func convolve5x2Wide(p *slide)

//go:noescape
func convolve6x2Wide(p *slide)

//go:noescape
func convolve7x2Wide(p *slide)

//go:noescape
func convolve8x2Wide(p *slide)

//go:noescape
func convolve9x2Wide(p *slide)

//go:noescape
func convolve10x2Wide(p *slide)

//go:noescape
func convolve11x2Wide(p *slide)

//go:noescape
func convolve12x2Wide(p *slide)

//go:noescape
func convolve13x2Wide(p *slide)

//go:noescape
func convolve14x2Wide(p *slide)

//go:noescape
func filters1x1x2Wide(p *slide)

//go:noescape
func filters1x2x2Wide(p *slide)

//go:noescape
func filters1x3x2Wide(p *slide)

//go:noescape
func filters1x4x2Wide(p *slide)

//go:noescape
func filters1x5x2Wide(p *slide)

//go:noescape
func filters1x6x2Wide(p *slide)

//go:noescape
func filters1x7x2Wide(p *slide)

//go:noescape
func filters1x8x2Wide(p *slide)

//go:noescape
func filters1x9x2Wide(p *slide)

//go:noescape
func filters1x10x2Wide(p *slide)

//go:noescape
func filters1x11x2Wide(p *slide)

//go:noescape
func filters1x12x2Wide(p *slide)

//go:noescape
func filters1x13x2Wide(p *slide)

//go:noescape
func filters1x14x2Wide(p *slide)
