package kernel

// A Convolution slides filters along the lines of an image whose places lie one
// behind the other, channels last. Along a line, what a filter sees of it is Taps
// numbers that lie side by side: places times channels.
//
//	y[r, p, f] = Σ x[r·XRow + p·XStep + l·XLine + k]·w[l, k, f]
//
// over the lines l and the taps k, in this order, y's lines being YRow numbers apart.
// It is made by [NewConvolution].
type Convolution struct {
	Lines, Taps, Filters int
	XLine, XStep, XRow   int
	Places, YRow         int

	group int // places of the result that share a vector
	cols  int // of a row of weights as they are laid out: whole vectors
	taps  int // rows of weights of a line
	masks []uint16
}

// NewConvolution completes what c says of numbers of T.
func NewConvolution[T Float](c Convolution) Convolution {
	c.group, c.cols, c.taps = 1, c.Filters, c.Taps
	if vectorized[T]() {
		layout32(&c)
	}
	return c
}

// Direct reports whether the family in use has [Convolve] for numbers of T as a loop
// of its own: elsewhere a product of an unfolded input is faster.
func Direct[T Float]() bool { return slides && vectorized[T]() }

// Laid reports whether weights must be laid out first: see [LayFilters].
func (c *Convolution) Laid() bool { return c.group > 1 || c.cols != c.Filters }

// Weights is how many numbers weights have as they are laid out, and a gradient that
// [ConvolveFilters] adds to.
func (c *Convolution) Weights() int { return c.Lines * c.taps * c.cols }

// Biases is how many numbers the biases have as they are laid out.
func (c *Convolution) Biases() int { return c.cols }

// LayFilters lays weights (Lines, Taps, Filters) out for [Convolve].
func LayFilters[T Float](c *Convolution, dst, w []T) {
	clear(dst[:c.Weights()])
	for l := range c.Lines {
		for j := range c.group {
			for k := range c.Taps {
				at := (l*c.taps+k+j*c.XStep)*c.cols + j*c.Filters
				copy(dst[at:at+c.Filters], w[(l*c.Taps+k)*c.Filters:])
			}
		}
	}
}

// LayTurned lays out the weights (lines, places, channels, filters) of a convolution
// for its gradient with respect to the input, which is a convolution too: lines and
// places in reverse, filters in the place of channels. c is that of the gradient.
func LayTurned[T Float](c *Convolution, dst, w []T, filters int) {
	clear(dst[:c.Weights()])
	places := c.Taps / max(1, filters)
	for l := range c.Lines {
		for p := range places {
			from := w[((c.Lines-1-l)*places+places-1-p)*c.Filters*filters:][:c.Filters*filters]
			for j := range c.group {
				to := dst[(l*c.taps+p*filters+j*c.XStep)*c.cols+j*c.Filters:]
				for i := range c.Filters {
					for f, v := range from[i*filters : (i+1)*filters] {
						to[f*c.cols+i] = v
					}
				}
			}
		}
	}
}

// LayBias lays a number for each filter out for [Convolve].
func LayBias[T Float](c *Convolution, dst, b []T) {
	clear(dst[:c.cols])
	for j := range c.group {
		copy(dst[j*c.Filters:(j+1)*c.Filters], b)
	}
}

// Convolve computes rows lines of y from the lines [l0, l1) of taps: x begins at the
// first of them. w and bias are as they are laid out; without bias there is none.
// With rectify, what is below 0 becomes 0.
func Convolve[T Float](c *Convolution, y, x, w, bias []T, l0, l1, rows int, rectify bool) {
	if rows <= 0 || c.Places <= 0 || c.Filters == 0 {
		return
	}
	_ = y[(rows-1)*c.YRow+c.Places*c.Filters-1]
	if l0 < l1 && c.Taps > 0 {
		_, _ = x[c.reach(l1-l0, rows)-1], w[l1*c.taps*c.cols-1]
		if bias != nil {
			_ = bias[c.cols-1]
		}
		if Direct[T]() {
			convolve32(c, as32(y), as32(x), as32(w), as32(bias), l0, l1, rows, rectify)
			return
		}
	}
	for r := range rows {
		for p := range c.Places {
			to := y[r*c.YRow+p*c.Filters:][:c.Filters]
			lane := p % c.group
			clear(to)
			for l := l0; l < l1; l++ {
				for k, v := range x[r*c.XRow+p*c.XStep+(l-l0)*c.XLine:][:c.Taps] {
					row := w[(l*c.taps+k+lane*c.XStep)*c.cols+lane*c.Filters:][:c.Filters]
					for f, q := range row {
						to[f] += T(v * q)
					}
				}
			}
			for f := range to {
				if bias != nil {
					to[f] += bias[f]
				}
				if rectify {
					to[f] = max(to[f], 0)
				}
			}
		}
	}
}

// reach is how many numbers of x lines of taps and rows of results need.
func (c *Convolution) reach(lines, rows int) int {
	return (rows-1)*c.XRow + (c.Places-1)*c.XStep + (lines-1)*c.XLine + c.Taps
}

// ConvolveFilters adds to dw, laid out as weights are, what rows lines of dy give as
// the gradient of the weights. In a family with a loop of its own for it, the order of
// the sum depends on the shape alone.
func ConvolveFilters[T Float](c *Convolution, dw, x, dy []T, rows int) {
	if rows <= 0 || c.Places <= 0 || c.Weights() == 0 {
		return
	}
	_, _, _ = x[c.reach(c.Lines, rows)-1], dy[(rows-1)*c.YRow+c.Places*c.Filters-1], dw[c.Weights()-1]
	if Direct[T]() {
		filters32(c, as32(dw), as32(x), as32(dy), rows)
		return
	}
	for r := range rows {
		for p := range c.Places {
			lane := p % c.group
			by := dy[r*c.YRow+p*c.Filters:][:c.Filters]
			for l := range c.Lines {
				for k, v := range x[r*c.XRow+p*c.XStep+l*c.XLine:][:c.Taps] {
					to := dw[(l*c.taps+k+lane*c.XStep)*c.cols+lane*c.Filters:][:c.Filters]
					for f, q := range by {
						to[f] += T(v * q)
					}
				}
			}
		}
	}
}

// GatherFilters sets dst (Lines, Taps, Filters) to the sum of n gradients, one behind
// the other as [ConvolveFilters] adds them up.
func GatherFilters[T Float](c *Convolution, dst, parts []T, n int) {
	size := c.Weights()
	sum := parts[:size]
	for i := 1; i < n; i++ {
		Add(sum, sum, parts[i*size:(i+1)*size])
	}
	for l := range c.Lines {
		for k := range c.Taps {
			to := dst[(l*c.Taps+k)*c.Filters:][:c.Filters]
			copy(to, sum[(l*c.taps+k)*c.cols:])
			for j := 1; j < c.group; j++ {
				Add(to, to, sum[(l*c.taps+k+j*c.XStep)*c.cols+j*c.Filters:][:c.Filters])
			}
		}
	}
}
