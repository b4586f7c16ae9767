//go:build !noasm

package kernel

//go:noescape
func maxPool(p *slide)

//go:noescape
func maxPoolWide(p *slide)

//go:noescape
func maxPoolGradient(p *slide)

//go:noescape
func maxPoolGradientWide(p *slide)

//go:noescape
func maxPoolGradientSum(p *slide)

//go:noescape
func maxPoolGradientSumWide(p *slide)

func (w *Pool) slide(rows int) slide {
	s := slide{lines: w.Lines, k: w.Taps, xStep: 4 * w.XStep, xLine: 4 * w.XLine, wRow: 4 * w.XTap,
		yStep: 4 * w.Channels, down: rows, xDown: 4 * w.XRow, yDown: 4 * w.YRow, places: w.Places}
	const lanes = 8
	if w.Channels < lanes && 2*w.Channels >= lanes && w.XTap == w.Channels && w.XStep == w.Taps*w.XTap {
		s.over = 1 // windows lie side by side
	}
	return s
}

func maxPool32(w *Pool, y, x []float32, rows int) {
	for c := 0; c < w.Channels; c += lanesInUse() {
		s := w.slide(rows)
		s.y, s.x, s.tail = &y[c], &x[c], tail(min(lanesInUse(), w.Channels-c))
		// What only gradients have points somewhere that stays valid.
		s.w, s.bias = s.x, s.y
		if active == avx512 {
			maxPoolWide(&s)
		} else {
			maxPool(&s)
		}
	}
}

func maxPoolGradient32(w *Pool, dx, x, y, dy []float32, rows int, add bool) {
	for c := 0; c < w.Channels; c += lanesInUse() {
		s := w.slide(rows)
		s.y, s.x, s.w, s.bias, s.tail = &y[c], &x[c], &dx[c], &dy[c], tail(min(lanesInUse(), w.Channels-c))
		if add {
			s.over = 0 // what is there counts
		}
		switch {
		case active == avx512 && add:
			maxPoolGradientSumWide(&s)
		case active == avx512:
			maxPoolGradientWide(&s)
		case add:
			maxPoolGradientSum(&s)
		default:
			maxPoolGradient(&s)
		}
	}
}
