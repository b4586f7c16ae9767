package kernel

// A Depthwise slides a window along places whose channels lie side by side, each
// channel by itself. With taps t of three axes, the outermost first,
//
//	y[r·YRow + p·YStep + c] = Σ x[at + r·XRow + p·XStep + Σ t·XTap + c]·w[Σ t·WTap + c]
//
// XTap may be below 0, as it is where gradients go the other way.
type Depthwise struct {
	Channels, Places, Rows   int
	Taps, XTap, WTap         [3]int
	XStep, XRow, YStep, YRow int
}

func (d *Depthwise) taps() int { return d.Taps[0] * d.Taps[1] * d.Taps[2] }

// check panics where x, from at on, y or w are too short.
func check[T Float](d *Depthwise, y, x, w []T, at int) {
	lo, hi := at, at+(d.Rows-1)*d.XRow+(d.Places-1)*d.XStep
	last := d.Channels - 1
	for i, n := range d.Taps {
		lo += min(0, (n-1)*d.XTap[i])
		hi += max(0, (n-1)*d.XTap[i])
		last += (n - 1) * d.WTap[i]
	}
	_, _, _ = x[lo], x[hi+d.Channels-1], w[last]
	_ = y[(d.Rows-1)*d.YRow+(d.Places-1)*d.YStep+d.Channels-1]
}

func (d *Depthwise) empty() bool { return d.Channels <= 0 || d.Places <= 0 || d.Rows <= 0 }

// ConvolveDepthwise computes y. Where bias is not nil it is added, a number for each
// channel; with rectify, what is then below 0 becomes 0. Without taps the sum is 0.
func ConvolveDepthwise[T Float](d *Depthwise, y, x, w, bias []T, at int, rectify bool) {
	if d.empty() {
		return
	}
	taps := d.taps() > 0
	if taps {
		check(d, y, x, w, at)
		if bias != nil {
			_ = bias[d.Channels-1]
		}
		if d.Channels >= fewestChannels && vectorized[T]() {
			depthwise32(d, as32(y), as32(x), as32(w), as32(bias), at, rectify)
			return
		}
	}
	for r := range d.Rows {
		for p := range d.Places {
			to := y[r*d.YRow+p*d.YStep:][:d.Channels]
			clear(to)
			if taps {
				from := at + r*d.XRow + p*d.XStep
				for a := range d.Taps[0] {
					for b := range d.Taps[1] {
						for c := range d.Taps[2] {
							k := w[a*d.WTap[0]+b*d.WTap[1]+c*d.WTap[2]:][:len(to)]
							for i, v := range x[from+a*d.XTap[0]+b*d.XTap[1]+c*d.XTap[2]:][:len(to)] {
								to[i] += T(v * k[i])
							}
						}
					}
				}
			}
			for i := range to {
				if bias != nil {
					to[i] += bias[i]
				}
				if rectify {
					to[i] = max(to[i], 0)
				}
			}
		}
	}
}

// DepthwiseFilters adds to dw, which lies as the weights do, their gradient, given dy,
// which lies as y does.
func DepthwiseFilters[T Float](d *Depthwise, dw, x, dy []T, at int) {
	if d.empty() || d.taps() == 0 {
		return
	}
	check(d, dy, x, dw, at)
	if d.Channels >= fewestChannels && vectorized[T]() {
		depthwiseFilters32(d, as32(dw), as32(x), as32(dy), at)
		return
	}
	depthwiseFilters(d, dw, x, dy, at)
}

func depthwiseFilters[T Float](d *Depthwise, dw, x, dy []T, at int) {
	for r := range d.Rows {
		for p := range d.Places {
			by := dy[r*d.YRow+p*d.YStep:][:d.Channels]
			from := at + r*d.XRow + p*d.XStep
			for a := range d.Taps[0] {
				for b := range d.Taps[1] {
					for c := range d.Taps[2] {
						to := dw[a*d.WTap[0]+b*d.WTap[1]+c*d.WTap[2]:][:len(by)]
						for i, v := range x[from+a*d.XTap[0]+b*d.XTap[1]+c*d.XTap[2]:][:len(by)] {
							to[i] += T(v * by[i])
						}
					}
				}
			}
		}
	}
}
