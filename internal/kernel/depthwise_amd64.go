//go:build !noasm

package kernel

// fewestChannels is how many channels the families' loops for [Depthwise] want.
const fewestChannels = 1

func depthwise32(d *Depthwise, y, x, w, bias []float32, at int, rectify bool) {
	wc := claim()
	defer wc.release()
	s := &wc.depth
	lanes := lanesInUse()
	s.set(d, rectify)
	for c := 0; c < d.Channels; {
		vecs, blocks, masked := depthBlock(d.Channels-c, lanes)
		table := depthwise1[:]
		switch {
		case lanes == 16 && vecs == 2:
			table = depthwise2Wide[:]
		case lanes == 16:
			table = depthwise1Wide[:]
		case vecs == 2 && masked:
			table = depthwise2Masked[:]
		case vecs == 2:
			table = depthwise2[:]
		case masked:
			table = depthwise1Masked[:]
		}
		most := len(table) - 1
		tiles := (d.Places + most - 1) / most
		for i := range tiles {
			p, end := i*d.Places/tiles, (i+1)*d.Places/tiles
			s.y, s.x, s.w = &y[p*d.YStep+c], &x[at+p*d.XStep+c], &w[c]
			if bias != nil {
				s.bias = &bias[c]
			}
			s.rows, s.blocks, s.tail = d.Rows, blocks, tail(min(d.Channels-c, lanes*vecs))
			table[end-p](s)
		}
		c += blocks * vecs * lanes
	}
	*s = depthCall{}
}

// depthBlock is how the first of so many channels are gone through: so many blocks of
// one or two vectors each, whole ones or a last one with a mask.
func depthBlock(channels, lanes int) (vecs, blocks int, masked bool) {
	switch whole := channels / (2 * lanes); {
	case whole > 0:
		return 2, whole, false
	case channels == lanes:
		return 1, 1, false
	}
	return (channels + lanes - 1) / lanes, 1, true
}

// filterLines is how many numbers the lines of dy have that a gradient goes over at a
// time.
const filterLines = 8 * 1024

func depthwiseFilters32(d *Depthwise, dw, x, dy []float32, at int) {
	wc := claim()
	defer wc.release()
	s := &wc.depth
	lanes := lanesInUse()
	s.xStep, s.xRow, s.yStep, s.yRow = 4*d.XStep, 4*d.XRow, 4*d.YStep, 4*d.YRow
	s.xTap, s.xLine, s.wTap, s.places = 4*d.XTap[2], 4*d.XTap[1], 4*d.WTap[2], d.Places
	const wide = 5 // lines and taps of a tile at most
	whole := depthFilters[:]
	if lanes == 16 {
		whole = depthFiltersWide[:]
	}
	table := whole
	// Blocks of channels go over so few lines that the next finds them in cache.
	per := max(4, filterLines/max(1, d.YRow))
	across := (d.Taps[2] + wide - 1) / wide
	broad := (d.Taps[2] + across - 1) / across
	deep := 1
	for deep < min(wide, d.Taps[1]) && len(table[deep+1]) > broad {
		deep++
	}
	down := (d.Taps[1] + deep - 1) / deep
	for r := 0; r < d.Rows; r += per {
		for c := 0; c < d.Channels; {
			blocks := (d.Channels - c) / lanes
			if blocks == 0 {
				blocks = 1
				if lanes == 8 {
					table = depthFiltersMasked[:]
				}
			}
			for a := range d.Taps[0] {
				for i := range down {
					b, lines := i*d.Taps[1]/down, (i+1)*d.Taps[1]/down
					lines -= b
					for j := range across {
						t, taps := j*d.Taps[2]/across, (j+1)*d.Taps[2]/across
						taps -= t
						s.w = &dw[a*d.WTap[0]+b*d.WTap[1]+t*d.WTap[2]+c]
						s.x, s.y = &x[at+r*d.XRow+a*d.XTap[0]+b*d.XTap[1]+t*d.XTap[2]+c], &dy[r*d.YRow+c]
						s.wLine = 4 * (d.WTap[1] - (taps-1)*d.WTap[2])
						s.rows, s.blocks, s.tail = min(per, d.Rows-r), blocks, tail(min(d.Channels-c, lanes))
						table[lines][taps](s)
					}
				}
			}
			c += blocks * lanes
		}
		table = whole
	}
	*s = depthCall{}
}
