package kernel

// A Pool slides a window along the lines of an image whose places lie one behind the
// other, channels last: what it sees of channel c at place p of line r of the result is
//
//	x[r·XRow + p·XStep + l·XLine + t·XTap + c]
//
// over lines l and taps t. Results lie at r·YRow + p·Channels + c.
type Pool struct {
	Lines, Taps, Channels    int
	XLine, XTap, XStep, XRow int
	Places, YRow             int
}

// reach is how many numbers of x rows lines of results need.
func (w *Pool) reach(rows int) int {
	return (rows-1)*w.XRow + (w.Places-1)*w.XStep + (w.Lines-1)*w.XLine + (w.Taps-1)*w.XTap + w.Channels
}

func (w *Pool) empty(rows int) bool {
	return rows <= 0 || w.Places <= 0 || w.Channels <= 0 || w.Lines <= 0 || w.Taps <= 0
}

// MaxPool sets rows lines of y to the largest that the window sees, as [Max] has it.
func MaxPool[T Float](w *Pool, y, x []T, rows int) {
	if w.empty(rows) {
		return
	}
	_, _ = y[(rows-1)*w.YRow+w.Places*w.Channels-1], x[w.reach(rows)-1]
	if Direct[T]() {
		maxPool32(w, as32(y), as32(x), rows)
		return
	}
	for r := range rows {
		to, from := y[r*w.YRow:], x[r*w.XRow:]
		CopyRows(to, from, w.Channels, w.XStep, w.Channels, w.Places)
		for l := range w.Lines {
			for t := range w.Taps {
				if l+t > 0 {
					MaxRows(to, from[l*w.XLine+t*w.XTap:], w.Channels, w.XStep, w.Channels, w.Places)
				}
			}
		}
	}
}

// MaxPoolGradient hands each dy to the first number of x under its window, line by
// line, that is NaN or equal to y, which [MaxPool] has set. dx lies as x does. With
// add, it is added to; without, what the window sees is set, and windows must not
// overlap.
func MaxPoolGradient[T Float](w *Pool, dx, x, y, dy []T, rows int, add bool) {
	if w.empty(rows) {
		return
	}
	last, reach := (rows-1)*w.YRow+w.Places*w.Channels-1, w.reach(rows)-1
	_, _, _, _ = y[last], dy[last], x[reach], dx[reach]
	if Direct[T]() {
		maxPoolGradient32(w, as32(dx), as32(x), as32(y), as32(dy), rows, add)
		return
	}
	for r := range rows {
		for p := range w.Places {
			for c := range w.Channels {
				at := r*w.YRow + p*w.Channels + c
				rest := dy[at]
				for l := range w.Lines {
					for t := range w.Taps {
						i := r*w.XRow + p*w.XStep + l*w.XLine + t*w.XTap + c
						var d T
						if v := x[i]; v == y[at] || v != v {
							d, rest = rest, 0
						}
						if add {
							d += dx[i]
						}
						dx[i] = d
					}
				}
			}
		}
	}
}
