//go:build !noasm

package kernel

// The loops over channels by themselves that the generator writes, by what stays in
// registers.
var (
	// places by one vector of channels
	depthwise1 = [...]func(*depthCall){nil, depthwise1x1, depthwise2x1, depthwise3x1, depthwise4x1, depthwise5x1, depthwise6x1, depthwise7x1, depthwise8x1, depthwise9x1, depthwise10x1, depthwise11x1, depthwise12x1}
	// places by two
	depthwise2       = [...]func(*depthCall){nil, depthwise1x2, depthwise2x2, depthwise3x2, depthwise4x2, depthwise5x2, depthwise6x2}
	depthwise1Masked = [...]func(*depthCall){nil, depthwise1x1Masked, depthwise2x1Masked, depthwise3x1Masked, depthwise4x1Masked, depthwise5x1Masked, depthwise6x1Masked, depthwise7x1Masked, depthwise8x1Masked, depthwise9x1Masked, depthwise10x1Masked, depthwise11x1Masked, depthwise12x1Masked}
	depthwise2Masked = [...]func(*depthCall){nil, depthwise1x2Masked, depthwise2x2Masked, depthwise3x2Masked, depthwise4x2Masked, depthwise5x2Masked, depthwise6x2Masked}
	depthwise1Wide   = [...]func(*depthCall){nil, depthwise1x1Wide, depthwise2x1Wide, depthwise3x1Wide, depthwise4x1Wide, depthwise5x1Wide, depthwise6x1Wide, depthwise7x1Wide, depthwise8x1Wide, depthwise9x1Wide, depthwise10x1Wide, depthwise11x1Wide, depthwise12x1Wide, depthwise13x1Wide, depthwise14x1Wide}
	depthwise2Wide   = [...]func(*depthCall){nil, depthwise1x2Wide, depthwise2x2Wide, depthwise3x2Wide, depthwise4x2Wide, depthwise5x2Wide, depthwise6x2Wide, depthwise7x2Wide, depthwise8x2Wide, depthwise9x2Wide, depthwise10x2Wide, depthwise11x2Wide, depthwise12x2Wide, depthwise13x2Wide, depthwise14x2Wide}
	// lines and taps of each
	depthFilters = [...][]func(*depthCall){nil,
		{nil, depthFilters1x1, depthFilters1x2, depthFilters1x3, depthFilters1x4, depthFilters1x5},
		{nil, depthFilters2x1, depthFilters2x2, depthFilters2x3, depthFilters2x4, depthFilters2x5},
		{nil, depthFilters3x1, depthFilters3x2, depthFilters3x3, depthFilters3x4},
		{nil, depthFilters4x1, depthFilters4x2, depthFilters4x3},
		{nil, depthFilters5x1, depthFilters5x2},
	}
	depthFiltersMasked = [...][]func(*depthCall){nil,
		{nil, depthFilters1x1Masked, depthFilters1x2Masked, depthFilters1x3Masked, depthFilters1x4Masked, depthFilters1x5Masked},
		{nil, depthFilters2x1Masked, depthFilters2x2Masked, depthFilters2x3Masked, depthFilters2x4Masked, depthFilters2x5Masked},
		{nil, depthFilters3x1Masked, depthFilters3x2Masked, depthFilters3x3Masked, depthFilters3x4Masked},
		{nil, depthFilters4x1Masked, depthFilters4x2Masked, depthFilters4x3Masked},
		{nil, depthFilters5x1Masked, depthFilters5x2Masked},
	}
	depthFiltersWide = [...][]func(*depthCall){nil,
		{nil, depthFilters1x1Wide, depthFilters1x2Wide, depthFilters1x3Wide, depthFilters1x4Wide, depthFilters1x5Wide},
		{nil, depthFilters2x1Wide, depthFilters2x2Wide, depthFilters2x3Wide, depthFilters2x4Wide, depthFilters2x5Wide},
		{nil, depthFilters3x1Wide, depthFilters3x2Wide, depthFilters3x3Wide, depthFilters3x4Wide, depthFilters3x5Wide},
		{nil, depthFilters4x1Wide, depthFilters4x2Wide, depthFilters4x3Wide, depthFilters4x4Wide, depthFilters4x5Wide},
		{nil, depthFilters5x1Wide, depthFilters5x2Wide, depthFilters5x3Wide, depthFilters5x4Wide, depthFilters5x5Wide},
	}
)

//go:noescape
func depthwise1x1(p *depthCall)

//go:noescape
func depthwise2x1(p *depthCall)

//go:noescape
func depthwise3x1(p *depthCall)

//go:noescape
func depthwise4x1(p *depthCall)

//go:noescape
func depthwise5x1(p *depthCall)

//go:noescape
func depthwise6x1(p *depthCall)

//go:noescape
func depthwise7x1(p *depthCall)

//go:noescape
func depthwise8x1(p *depthCall)

//go:noescape
func depthwise9x1(p *depthCall)

//go:noescape
func depthwise10x1(p *depthCall)

//go:noescape
func depthwise11x1(p *depthCall)

//go:noescape
func depthwise12x1(p *depthCall)

//go:noescape
func depthwise1x2(p *depthCall)

//go:noescape
func depthwise2x2(p *depthCall)

//go:noescape
func depthwise3x2(p *depthCall)

//go:noescape
func depthwise4x2(p *depthCall)

//go:noescape
func depthwise5x2(p *depthCall)

//go:noescape
func depthwise6x2(p *depthCall)

//go:noescape
func depthwise1x1Masked(p *depthCall)

//go:noescape
func depthwise2x1Masked(p *depthCall)

//go:noescape
func depthwise3x1Masked(p *depthCall)

//go:noescape
func depthwise4x1Masked(p *depthCall)

//go:noescape
func depthwise5x1Masked(p *depthCall)

//go:noescape
func depthwise6x1Masked(p *depthCall)

//go:noescape
func depthwise7x1Masked(p *depthCall)

//go:noescape
func depthwise8x1Masked(p *depthCall)

//go:noescape
func depthwise9x1Masked(p *depthCall)

//go:noescape
func depthwise10x1Masked(p *depthCall)

//go:noescape
func depthwise11x1Masked(p *depthCall)

//go:noescape
func depthwise12x1Masked(p *depthCall)

//go:noescape
func depthwise1x2Masked(p *depthCall)

//go:noescape
func depthwise2x2Masked(p *depthCall)

//go:noescape
func depthwise3x2Masked(p *depthCall)

//go:noescape
func depthwise4x2Masked(p *depthCall)

//go:noescape
func depthwise5x2Masked(p *depthCall)

//go:noescape
func depthwise6x2Masked(p *depthCall)

//go:noescape
func depthwise1x1Wide(p *depthCall)

//go:noescape
func depthwise2x1Wide(p *depthCall)

//go:noescape
func depthwise3x1Wide(p *depthCall)

//go:noescape
func depthwise4x1Wide(p *depthCall)

//go:noescape
func depthwise5x1Wide(p *depthCall)

//go:noescape
func depthwise6x1Wide(p *depthCall)

//go:noescape
func depthwise7x1Wide(p *depthCall)

//go:noescape
func depthwise8x1Wide(p *depthCall)

//go:noescape
func depthwise9x1Wide(p *depthCall)

//go:noescape
func depthwise10x1Wide(p *depthCall)

//go:noescape
func depthwise11x1Wide(p *depthCall)

//go:noescape
func depthwise12x1Wide(p *depthCall)

//go:noescape
func depthwise13x1Wide(p *depthCall)

//go:noescape
func depthwise14x1Wide(p *depthCall)

//go:noescape
func depthwise1x2Wide(p *depthCall)

//go:noescape
func depthwise2x2Wide(p *depthCall)

//go:noescape
func depthwise3x2Wide(p *depthCall)

//go:noescape
func depthwise4x2Wide(p *depthCall)

//go:noescape
func depthwise5x2Wide(p *depthCall)

//go:noescape
func depthwise6x2Wide(p *depthCall)

//go:noescape
func depthwise7x2Wide(p *depthCall)

//go:noescape
func depthwise8x2Wide(p *depthCall)

//go:noescape
func depthwise9x2Wide(p *depthCall)

//go:noescape
func depthwise10x2Wide(p *depthCall)

//go:noescape
func depthwise11x2Wide(p *depthCall)

//go:noescape
func depthwise12x2Wide(p *depthCall)

//go:noescape
func depthwise13x2Wide(p *depthCall)

//go:noescape
func depthwise14x2Wide(p *depthCall)

//go:noescape
func depthFilters1x1(p *depthCall)

//go:noescape
func depthFilters1x2(p *depthCall)

//go:noescape
func depthFilters1x3(p *depthCall)

//go:noescape
func depthFilters1x4(p *depthCall)

//go:noescape
func depthFilters1x5(p *depthCall)

//go:noescape
func depthFilters2x1(p *depthCall)

//go:noescape
func depthFilters2x2(p *depthCall)

//go:noescape
func depthFilters2x3(p *depthCall)

//go:noescape
func depthFilters2x4(p *depthCall)

//go:noescape
func depthFilters2x5(p *depthCall)

//go:noescape
func depthFilters3x1(p *depthCall)

//go:noescape
func depthFilters3x2(p *depthCall)

//go:noescape
func depthFilters3x3(p *depthCall)

//go:noescape
func depthFilters3x4(p *depthCall)

//go:noescape
func depthFilters4x1(p *depthCall)

//go:noescape
func depthFilters4x2(p *depthCall)

//go:noescape
func depthFilters4x3(p *depthCall)

//go:noescape
func depthFilters5x1(p *depthCall)

//go:noescape
func depthFilters5x2(p *depthCall)

//go:noescape
func depthFilters1x1Masked(p *depthCall)

//go:noescape
func depthFilters1x2Masked(p *depthCall)

//go:noescape
func depthFilters1x3Masked(p *depthCall)

//go:noescape
func depthFilters1x4Masked(p *depthCall)

//go:noescape
func depthFilters1x5Masked(p *depthCall)

//go:noescape
func depthFilters2x1Masked(p *depthCall)

//go:noescape
func depthFilters2x2Masked(p *depthCall)

//go:noescape
func depthFilters2x3Masked(p *depthCall)

//go:noescape
func depthFilters2x4Masked(p *depthCall)

//go:noescape
func depthFilters2x5Masked(p *depthCall)

//go:noescape
func depthFilters3x1Masked(p *depthCall)

//go:noescape
func depthFilters3x2Masked(p *depthCall)

//go:noescape
func depthFilters3x3Masked(p *depthCall)

//go:noescape
func depthFilters3x4Masked(p *depthCall)

//go:noescape
func depthFilters4x1Masked(p *depthCall)

//go:noescape
func depthFilters4x2Masked(p *depthCall)

//go:noescape
func depthFilters4x3Masked(p *depthCall)

//go:noescape
func depthFilters5x1Masked(p *depthCall)

//go:noescape
func depthFilters5x2Masked(p *depthCall)

//go:noescape
func depthFilters1x1Wide(p *depthCall)

//go:noescape
func depthFilters1x2Wide(p *depthCall)

//go:noescape
func depthFilters1x3Wide(p *depthCall)

//go:noescape
func depthFilters1x4Wide(p *depthCall)

//go:noescape
func depthFilters1x5Wide(p *depthCall)

//go:noescape
func depthFilters2x1Wide(p *depthCall)

//go:noescape
func depthFilters2x2Wide(p *depthCall)

//go:noescape
func depthFilters2x3Wide(p *depthCall)

//go:noescape
func depthFilters2x4Wide(p *depthCall)

//go:noescape
func depthFilters2x5Wide(p *depthCall)

//go:noescape
func depthFilters3x1Wide(p *depthCall)

//go:noescape
func depthFilters3x2Wide(p *depthCall)

//go:noescape
func depthFilters3x3Wide(p *depthCall)

//go:noescape
func depthFilters3x4Wide(p *depthCall)

//go:noescape
func depthFilters3x5Wide(p *depthCall)

//go:noescape
func depthFilters4x1Wide(p *depthCall)

//go:noescape
func depthFilters4x2Wide(p *depthCall)

//go:noescape
func depthFilters4x3Wide(p *depthCall)

//go:noescape
func depthFilters4x4Wide(p *depthCall)

//go:noescape
func depthFilters4x5Wide(p *depthCall)

//go:noescape
func depthFilters5x1Wide(p *depthCall)

//go:noescape
func depthFilters5x2Wide(p *depthCall)

//go:noescape
func depthFilters5x3Wide(p *depthCall)

//go:noescape
func depthFilters5x4Wide(p *depthCall)

//go:noescape
func depthFilters5x5Wide(p *depthCall)
