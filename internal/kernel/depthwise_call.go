//go:build (amd64 || arm64) && !noasm

package kernel

// A depthCall is one call of a loop over lines of results. Strides are in bytes; those of
// lines and planes of taps count from the end of a line of taps and of its lines, but
// xLine of a gradient from line to line. The assembly knows the offsets of these
// fields; a call changes x, y, w, rows and blocks.
type depthCall struct {
	y, x, w, bias            *float32
	tail                     *int32 // mask of the last vector of a block
	rows, blocks             int
	planes, lines, taps      int
	xStep, xRow, yStep, yRow int
	xTap, xLine, xPlane      int
	wTap, wLine, wPlane      int
	places, rectify          int
	_                        [2]int // what the loops count by
}

// set says what is the same for all places of a result.
func (s *depthCall) set(d *Depthwise, rectify bool) {
	s.planes, s.lines, s.taps = d.Taps[0], d.Taps[1], d.Taps[2]
	s.xStep, s.xRow, s.yStep, s.yRow = 4*d.XStep, 4*d.XRow, 4*d.YStep, 4*d.YRow
	s.xTap, s.xLine, s.xPlane = behind(d.Taps, d.XTap)
	s.wTap, s.wLine, s.wPlane = behind(d.Taps, d.WTap)
	s.rectify = 0
	if rectify {
		s.rectify = 1
	}
}

// behind is how far the numbers at taps are from those before: along a line, from the
// end of one line to the next, and from the end of a plane, in bytes.
func behind(taps, step [3]int) (tap, line, plane int) {
	return 4 * step[2], 4 * (step[1] - taps[2]*step[2]), 4 * (step[0] - taps[1]*step[1])
}
