//go:build !noasm

package kernel

const slides = true

// A slide is one call of a loop over lines of results. Strides are in bytes; those of
// lines count from the end of a line. The generator knows the offsets of these fields;
// a call changes x, y and down.
type slide struct {
	y, x, w, bias *float32
	masks         *uint16
	tail          *int32 // mask of the last vector
	lines, k      int
	xStep, xLine  int
	wRow, wLine   int
	yStep, down   int
	xDown, yDown  int
	rectify       int
	places, over  int
}

func lanesInUse() int { return tilings[active].lanes }

// layout32 chooses how places and filters share a vector. Where filters leave half of
// its lanes free, two places or more go side by side: their windows together are
// longer than one, and masks keep apart what belongs to which.
func layout32(c *Convolution) {
	lanes := lanesInUse()
	c.cols = (c.Filters + lanes - 1) / lanes * lanes
	if lanes < 16 || c.Filters == 0 || c.Taps == 0 {
		return
	}
	share := func(group int) int {
		return 1000 * group * c.Filters * c.Taps / (c.Taps + (group-1)*c.XStep)
	}
	for g := 2; g <= min(lanes/c.Filters, c.Places); g++ {
		if share(g) > share(c.group)*11/10 {
			c.group = g
		}
	}
	if c.group == 1 {
		return
	}
	c.taps = c.Taps + (c.group-1)*c.XStep
	c.masks = make([]uint16, c.taps)
	for k := range c.masks {
		for j := range c.group {
			if j*c.XStep <= k && k < j*c.XStep+c.Taps {
				c.masks[k] |= uint16(tailBits[c.Filters]) << (j * c.Filters)
			}
		}
	}
}

// tail is the mask of the last of n lanes.
func tail(n int) *int32 {
	lanes := lanesInUse()
	n = (n-1)%lanes + 1
	if lanes == 16 {
		return &tailBits[n]
	}
	return &tailMask[8-n]
}

// block is how many vectors of columns there are from the j-th on, at most two, and how
// many lanes of them are used.
func (c *Convolution) block(j, lanes int) (vecs, used int) {
	vecs = min(2, (c.cols-j)/lanes)
	if c.group == 1 {
		return vecs, min(c.Filters-j, vecs*lanes)
	}
	return vecs, c.group * c.Filters
}

func convolve32(c *Convolution, y, x, w, bias []float32, l0, l1, rows int, rectify bool) {
	wc := claim()
	defer wc.release()
	s := &wc.slide
	lanes := lanesInUse()
	*s = slide{masks: nil, lines: l1 - l0, k: c.taps, xStep: 4 * c.group * c.XStep, wRow: 4 * c.cols,
		yStep: 4 * c.group * c.Filters, xDown: 4 * c.XRow, yDown: 4 * c.YRow}
	if rectify {
		s.rectify = 1
	}
	if beside := c.cols - c.Filters; c.cols <= 2*lanes && beside <= c.Filters {
		s.over = 1 // all filters are written at once
	}
	if c.group > 1 {
		s.masks = &c.masks[0]
	}
	whole := c.Places / c.group
	for j := 0; j < c.cols; j += 2 * lanes {
		vecs, filters := c.block(j, lanes)
		s.tail = tail(filters)
		if bias != nil {
			s.bias = &bias[j]
		}
		wj := &w[l0*c.taps*c.cols+j]
		s.k, s.xLine, s.wLine = c.taps, 4*(c.XLine-c.taps), 0
		height, tiles, taller := 0, 0, 0
		if whole > 0 {
			most := placesOf(lanes, vecs)
			tiles = (whole + most - 1) / most
			height, taller = whole/tiles, whole%tiles
		}
		at := 0
		for i := range tiles {
			h := height
			if i < taller {
				h++
			}
			s.y, s.x, s.w, s.down = &y[at*c.group*c.Filters+j], &x[at*c.group*c.XStep], wj, rows
			s.call(h, vecs, lanes, c.group > 1)
			at += h
		}
		if rest := c.Places - whole*c.group; rest > 0 { // places that no group is left for
			s.k = c.Taps + (rest-1)*c.XStep
			s.xLine, s.wLine = 4*(c.XLine-s.k), 4*(c.taps-s.k)*c.cols
			s.tail = tail(rest * c.Filters)
			s.y, s.x, s.w, s.down = &y[at*c.group*c.Filters], &x[at*c.group*c.XStep], wj, rows
			s.call(1, vecs, lanes, true)
		}
	}
	*s = slide{}
}

// placesOf is the most places of a tile.
func placesOf(lanes, vecs int) int {
	switch {
	case lanes == 16:
		return len(convolve1Wide) - 1
	case vecs == 2:
		return len(convolve2) - 1
	}
	return len(convolve1) - 1
}

func (s *slide) call(height, vecs, lanes int, masked bool) {
	switch {
	case masked:
		convolveMaskedWide[height](s)
	case lanes == 16 && vecs == 2:
		convolve2Wide[height](s)
	case lanes == 16:
		convolve1Wide[height](s)
	case vecs == 2:
		convolve2[height](s)
	default:
		convolve1[height](s)
	}
}

func filters32(c *Convolution, dw, x, dy []float32, rows int) {
	wc := claim()
	defer wc.release()
	s := &wc.slide
	lanes := lanesInUse()
	*s = slide{xStep: 4 * c.group * c.XStep, xLine: 4 * c.XLine, wRow: 4 * c.cols, yStep: 4 * c.group * c.Filters,
		xDown: 4 * c.XRow, yDown: 4 * c.YRow}
	whole := c.Places / c.group
	for j := 0; j < c.cols; j += 2 * lanes {
		vecs, filters := c.block(j, lanes)
		if whole > 0 {
			s.places, s.tail = whole, tail(filters)
			s.taps(c, dw, x, dy, rows, j, vecs, lanes, c.taps)
		}
		if rest := c.Places - whole*c.group; rest > 0 {
			at := whole * c.group
			s.places, s.tail = 1, tail(rest*c.Filters)
			s.taps(c, dw, x[at*c.XStep:], dy[at*c.Filters:], rows, j, vecs, lanes, c.Taps+(rest-1)*c.XStep)
		}
	}
	*s = slide{}
}

// taps goes through the lines and the first n numbers of each, in tiles.
func (s *slide) taps(c *Convolution, dw, x, dy []float32, rows, j, vecs, lanes, n int) {
	table := filters1[:]
	switch {
	case lanes == 16 && vecs == 2:
		table = filters2Wide[:]
	case lanes == 16:
		table = filters1Wide[:]
	case vecs == 2:
		table = filters2[:]
	}
	most := len(table[1]) - 1
	tiles := (n + most - 1) / most
	tall := (n + tiles - 1) / tiles // taps of a tile
	deep := 1                       // and its lines
	for deep < len(table)-1 && deep < c.Lines && len(table[deep+1]) > tall {
		deep++
	}
	deep = (c.Lines + (c.Lines+deep-1)/deep - 1) / ((c.Lines + deep - 1) / deep)
	for l := 0; l < c.Lines; l += deep {
		lines := min(deep, c.Lines-l)
		for i := range tiles {
			k0, k1 := i*n/tiles, (i+1)*n/tiles
			s.w, s.x, s.y, s.down = &dw[(l*c.taps+k0)*c.cols+j], &x[l*c.XLine+k0], &dy[j], rows
			s.wLine = 4 * c.cols * (c.taps - (k1 - k0 - 1))
			table[lines][k1-k0](s)
		}
	}
}
