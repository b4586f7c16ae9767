package kernel

// Tiles are what the transforms of convolutions with windows of 3×3 taps go over: Count
// tiles of the result, 2×2 places each, and in every tile Channels numbers side by side.
// In
//
//	y = Aᵀ·((G·g·Gᵀ)∘(Bᵀ·d·B))·A
//
// d are the 4×4 places of the input that a tile sees and g the taps, so that 16 products
// stand for 36 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
// 2016). Sums are rounded about twice as much as without, and an input that is not finite
// can be so for all of its tile. Rows and columns of what is read and what is written lie Line and Step numbers
// apart, tiles Tile.
type Tiles struct {
	Count, Channels           int
	SrcTile, SrcStep, SrcLine int
	DstTile, DstStep, DstLine int
}

// Transforms reports whether the family in use is faster with the transforms than with
// [Convolve], given enough tiles: transforms grow with the channels, the products that
// they save with their square.
func Transforms[T Float](channels, filters int) bool {
	return Direct[T]() && min(channels, filters) >= fewestTransformed()
}

func (t *Tiles) empty() bool { return t.Count <= 0 || t.Channels <= 0 }

// span is the first and the last number of so many rows and columns of all tiles,
// counted from the first.
func (t *Tiles) span(tile, step, line, n int) (lo, hi int) {
	lo = min(0, (n-1)*step) + min(0, (n-1)*line)
	return lo, max(0, (n-1)*step) + max(0, (n-1)*line) + (t.Count-1)*tile + t.Channels - 1
}

// WinogradInput sets dst to Bᵀ·d·B, 4×4 of the 4×4 places d of src.
func WinogradInput[T Float](t *Tiles, dst, src []T) {
	if t.empty() {
		return
	}
	_, to := t.span(t.DstTile, t.DstStep, t.DstLine, 4)
	_, from := t.span(t.SrcTile, t.SrcStep, t.SrcLine, 4)
	_, _ = dst[to], src[from]
	if Direct[T]() {
		winograd32(t, winogradInput, as32(dst), as32(src), nil, false)
		return
	}
	for i := range t.Count {
		for c := range t.Channels {
			var d [4][4]T
			for l := range d {
				var row [4]T
				for p := range row {
					row[p] = src[i*t.SrcTile+l*t.SrcLine+p*t.SrcStep+c]
				}
				d[l] = differences(row)
			}
			for p := range 4 {
				for l, v := range differences([4]T{d[0][p], d[1][p], d[2][p], d[3][p]}) {
					dst[i*t.DstTile+l*t.DstLine+p*t.DstStep+c] = v
				}
			}
		}
	}
}

func differences[T Float](d [4]T) [4]T {
	return [4]T{d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]}
}

// WinogradOutput sets dst to Aᵀ·m·A, 2×2 of the 4×4 numbers m of src. Where bias is not
// nil it is added, a number for each channel; with rectify, what is then below 0 becomes
// 0. A DstStep or DstLine of 0 leaves the first column or row alone.
func WinogradOutput[T Float](t *Tiles, dst, src, bias []T, rectify bool) {
	if t.empty() {
		return
	}
	_, to := t.span(t.DstTile, t.DstStep, t.DstLine, 2)
	_, from := t.span(t.SrcTile, t.SrcStep, t.SrcLine, 4)
	_, _ = dst[to], src[from]
	if bias != nil {
		_ = bias[t.Channels-1]
	}
	if Direct[T]() {
		winograd32(t, winogradOutput, as32(dst), as32(src), as32(bias), rectify)
		return
	}
	for i := range t.Count {
		for c := range t.Channels {
			var s [4][2]T
			for p := range s {
				var m [4]T
				for l := range m {
					m[l] = src[i*t.SrcTile+l*t.SrcLine+p*t.SrcStep+c]
				}
				s[p] = sums(m)
			}
			for l := 1; l >= 0; l-- {
				y := sums([4]T{s[0][l], s[1][l], s[2][l], s[3][l]})
				for p := 1; p >= 0; p-- {
					v := y[p]
					if bias != nil {
						v += bias[c]
					}
					if rectify {
						v = max(v, 0)
					}
					dst[i*t.DstTile+l*t.DstLine+p*t.DstStep+c] = v
				}
			}
		}
	}
}

func sums[T Float](m [4]T) [2]T { return [2]T{m[0] + m[1] + m[2], m[1] - m[2] - m[3]} }

// WinogradFilter sets dst to G·g·Gᵀ, 4×4 of the 3×3 taps g of src, the first of which
// is at at. SrcStep and SrcLine may be below 0.
func WinogradFilter[T Float](t *Tiles, dst, src []T, at int) {
	if t.empty() {
		return
	}
	_, to := t.span(t.DstTile, t.DstStep, t.DstLine, 4)
	lo, hi := t.span(t.SrcTile, t.SrcStep, t.SrcLine, 3)
	_, _, _ = dst[to], src[at+lo], src[at+hi]
	if Direct[T]() {
		winograd32(t, winogradFilter, as32(dst), as32(src[at:]), nil, false)
		return
	}
	for i := range t.Count {
		for c := range t.Channels {
			var g [3][4]T
			for l := range g {
				p := at + i*t.SrcTile + l*t.SrcLine + c
				g[l] = halfSums(src[p], src[p+t.SrcStep], src[p+2*t.SrcStep])
			}
			for p := range 4 {
				for l, v := range halfSums(g[0][p], g[1][p], g[2][p]) {
					dst[i*t.DstTile+l*t.DstLine+p*t.DstStep+c] = v
				}
			}
		}
	}
}

func halfSums[T Float](a, b, c T) [4]T { return [4]T{a, T((a+c)+b) / 2, T((a+c)-b) / 2, c} }

// The transforms, as numbers that the families choose their loops by.
const (
	winogradInput = iota
	winogradOutput
	winogradFilter
)
