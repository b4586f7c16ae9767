//go:build !noasm

package kernel

const longBlock = 512 // rows of A: depth·longBlock stay in L2

// panelsOf are as wide as a tile of so many rows, so that it is followed by none beside
// it; where k is small, B is read as a whole. Few rows are multiplied as soon by a B that
// does not stay in L2 as it lies: for those there are none.
func panelsOf(m, n, k int) (width, most, unit, end int) {
	if n*k >= inL2 && m < panelRows {
		return 0, 0, 0, 0
	}
	t := &tilings[active]
	switch unit = t.lanes; {
	case m > 1 && (k <= shallow || n*k <= inL1):
		width = n + unit
	case m < len(t.width) && t.width[m] > 0:
		width = t.width[m]
	default:
		width = t.panelCols
	}
	most = width
	if width == t.panelCols {
		most = t.lastCols
	}
	return width, most, unit, 0
}

func matMulPanels32(l *Panels, c []float32, ldc int, a []float32, lda int, ta bool, b []float32, rows, i0, i1, j0, j1 int, acc bool) {
	t := &tilings[active]
	p := product{tiling: t, ldc: 4 * ldc}
	if acc {
		p.add = 1
	}
	copied := lda%256 == 0 && i1-i0 > tileRows // A
	far := l.N*l.K >= inL2 && i1-i0 >= panelRows
	var w *workspace
	if copied || far {
		w = claim()
		defer w.release()
	}
	// B is read anew for each block, A for each panel.
	most := longBlock
	switch {
	case copied && ta:
		most = blockRows
	case copied:
		most = blockRows + stripPad
	}
	block := t.block(i1-i0, most)
	if next := i1 + i1 - i0; !far && !ta && next <= rows {
		p.expect(region{&a[i1*lda], lda, i1 - i0, l.K}, i1-i0, j1-j0) // what comes next, most likely
	}
	for s := range passes(l.K) {
		from, to := pass(l.K, s, passes(l.K))
		p.k = to - from
		for i := i0; i < i1; i += block {
			m := min(block, i1-i)
			aRow, aTile := 0, 0
			if copied {
				aRow, aTile = p.readA(w, a, lda, ta, from, i, m)
			} else {
				ai, ap := strides(lda, ta)
				p.a, p.ai, p.ap = &a[i*ai+from*ap], 4*ai, 4*ap
				aRow = p.ai
			}
			at := p.a
			for j := j0; j < j1; {
				off, ld, n := l.at(j, from, to)
				n = min(n, j1-j)
				p.a, p.b, p.ldb, p.c = at, &b[off], 4*ld, &c[i*ldc+j]
				if j += n; far {
					if j < j1 {
						next, ld, n := l.at(j, from, to)
						p.expect(region{&b[next], ld, p.k, n}, m, n)
					}
					if n == t.panelCols && ld == n && m >= panelRows {
						p.packed = &w.panels[0]
						p.packRows(m, aRow, aTile)
						continue
					}
				}
				p.rows(m, n, aRow, aTile)
			}
		}
		p.add = 1
	}
}
