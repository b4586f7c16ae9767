//go:build !noasm

package kernel

// fewestChannels is how many channels the families' loops for [Depthwise] want.
const fewestChannels = 4

// depthwise4x16 and its like are so many places of so many channels.

//go:noescape
func depthwise4x16(p *depthCall)

//go:noescape
func depthwise1x16(p *depthCall)

//go:noescape
func depthwise4x4(p *depthCall)

//go:noescape
func depthwise1x4(p *depthCall)

// depthFilters3x16 and its like add to so many taps of so many channels.

//go:noescape
func depthFilters3x16(p *depthCall)

//go:noescape
func depthFilters1x16(p *depthCall)

//go:noescape
func depthFilters1x4(p *depthCall)

// depthwise32 goes over blocks of 16 channels and of 4. Where fewer are left, the last
// block does some of the one before once more.
func depthwise32(d *Depthwise, y, x, w, bias []float32, at int, rectify bool) {
	var s depthCall
	s.set(d, rectify)
	for c := 0; c < d.Channels; {
		wide := d.Channels-c >= 16
		c = min(c, d.Channels-4)
		for p := 0; p < d.Places; {
			s.y, s.x, s.w, s.rows = &y[p*d.YStep+c], &x[at+p*d.XStep+c], &w[c], d.Rows
			if bias != nil {
				s.bias = &bias[c]
			}
			four := d.Places-p >= 4
			switch {
			case wide && four:
				depthwise4x16(&s)
			case wide:
				depthwise1x16(&s)
			case four:
				depthwise4x4(&s)
			default:
				depthwise1x4(&s)
			}
			if p++; four {
				p += 3
			}
		}
		if c += 4; wide {
			c += 12
		}
	}
}

func depthwiseFilters32(d *Depthwise, dw, x, dy []float32, at int) {
	s := depthCall{xStep: 4 * d.XStep, xRow: 4 * d.XRow, yStep: 4 * d.YStep, yRow: 4 * d.YRow, xTap: 4 * d.XTap[2], wTap: 4 * d.WTap[2],
		places: d.Places, rows: d.Rows}
	c := 0
	for c+4 <= d.Channels {
		wide := d.Channels-c >= 16
		for a := range d.Taps[0] {
			for b := range d.Taps[1] {
				for t := 0; t < d.Taps[2]; {
					s.w = &dw[a*d.WTap[0]+b*d.WTap[1]+t*d.WTap[2]+c]
					s.x, s.y = &x[at+a*d.XTap[0]+b*d.XTap[1]+t*d.XTap[2]+c], &dy[c]
					switch {
					case wide && d.Taps[2]-t >= 3:
						depthFilters3x16(&s)
						t += 3
						continue
					case wide:
						depthFilters1x16(&s)
					default:
						depthFilters1x4(&s)
					}
					t++
				}
			}
		}
		if c += 4; wide {
			c += 12
		}
	}
	if c < d.Channels {
		rest := *d
		rest.Channels -= c
		depthwiseFilters(&rest, dw[c:], x[c:], dy[c:], at)
	}
}
