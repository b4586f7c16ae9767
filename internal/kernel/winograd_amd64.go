//go:build !noasm

package kernel

// A winogradCall is one call of a loop over tiles. Steps are in bytes. The generator
// knows the offsets of these fields; a call changes dst, src and tiles.
type winogradCall struct {
	dst, src, bias   *float32
	tail             *int32 // mask of the vectors
	tiles, blocks    int    // and the vectors of a tile
	dstTile, srcTile int
	dstStep, dstLine int
	srcStep, srcLine int
	rectify          int
	_                int // how far the tile is done
}

//go:noescape
func winogradInputs(p *winogradCall)

//go:noescape
func winogradInputsMasked(p *winogradCall)

//go:noescape
func winogradInputsWide(p *winogradCall)

//go:noescape
func winogradOutputs(p *winogradCall)

//go:noescape
func winogradOutputsMasked(p *winogradCall)

//go:noescape
func winogradOutputsWide(p *winogradCall)

//go:noescape
func winogradFilters(p *winogradCall)

//go:noescape
func winogradFiltersMasked(p *winogradCall)

//go:noescape
func winogradFiltersWide(p *winogradCall)

// A winogradLoops is a transform's loops: over whole vectors, and over one that has a
// mask.
type winogradLoops [2]func(*winogradCall)

var (
	winogradNarrow = [...]winogradLoops{
		winogradInput:  {winogradInputs, winogradInputsMasked},
		winogradOutput: {winogradOutputs, winogradOutputsMasked},
		winogradFilter: {winogradFilters, winogradFiltersMasked},
	}
	winogradWide = [...]winogradLoops{
		winogradInput:  {winogradInputsWide, winogradInputsWide},
		winogradOutput: {winogradOutputsWide, winogradOutputsWide},
		winogradFilter: {winogradFiltersWide, winogradFiltersWide},
	}
)

// fewestTransformed is how many channels transforms are worth their while for.
func fewestTransformed() int { return 3 * lanesInUse() }

func winograd32(t *Tiles, which int, dst, src, bias []float32, rectify bool) {
	wc := claim()
	defer wc.release()
	s := &wc.winograd
	lanes := lanesInUse()
	loops := &winogradNarrow[which]
	if lanes == 16 {
		loops = &winogradWide[which]
	}
	*s = winogradCall{dstTile: 4 * t.DstTile, srcTile: 4 * t.SrcTile, dstStep: 4 * t.DstStep, dstLine: 4 * t.DstLine,
		srcStep: 4 * t.SrcStep, srcLine: 4 * t.SrcLine}
	if rectify {
		s.rectify = 1
	}
	for c := 0; c < t.Channels; {
		masked, used := 0, t.Channels-c
		if s.blocks = used / lanes; s.blocks == 0 {
			masked, s.blocks = 1, 1
		} else {
			used = s.blocks * lanes
		}
		s.dst, s.src, s.tail, s.tiles = &dst[c], &src[c], tail(used), t.Count
		if bias != nil {
			s.bias = &bias[c]
		}
		loops[masked](s)
		c += used
	}
	*s = winogradCall{}
}
