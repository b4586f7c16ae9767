//go:build !noasm

package kernel

const longBlock = 512 // rows of A: depth·longBlock stay in L2

// panelsOf are as wide as a tile of so many rows, so that it is followed by none beside
// it; what has few rows, or few of k, is read as a whole.
func panelsOf(m, n, k int) (width, unit, end int) {
	t := &tilings[active]
	switch unit = t.lanes; {
	case m > 1 && (k <= shallow || n*k <= inL1):
		width = n + unit
	case m < len(t.width) && t.width[m] > 0:
		width = t.width[m]
	default:
		width = t.panelCols
	}
	return width, unit, 0
}

func matMulPanels32(l *Panels, c []float32, ldc int, a []float32, lda int, ta bool, b []float32, i0, i1, j0, j1 int, acc bool) {
	t := &tilings[active]
	p := product{tiling: t, ldc: 4 * ldc}
	if acc {
		p.add = 1
	}
	var w *workspace
	if lda%256 == 0 && i1-i0 > tileRows {
		w = claim()
		defer w.release()
	}
	// B is read anew for each block, A for each panel.
	most := longBlock
	switch {
	case w != nil && ta:
		most = blockRows
	case w != nil:
		most = blockRows + stripPad
	}
	block := t.block(i1-i0, most)
	for s := range passes(l.K) {
		from, to := pass(l.K, s, passes(l.K))
		p.k = to - from
		for i := i0; i < i1; i += block {
			m := min(block, i1-i)
			aRow, aTile := 0, 0
			if w != nil {
				aRow, aTile = p.readA(w, a, lda, ta, from, i, m)
			} else {
				ai, ap := strides(lda, ta)
				p.a, p.ai, p.ap = &a[i*ai+from*ap], 4*ai, 4*ap
				aRow = p.ai
			}
			rows := p.a
			for j := j0; j < j1; {
				off, ld, n := l.at(j, from, to)
				n = min(n, j1-j)
				p.a, p.b, p.ldb, p.c = rows, &b[off], 4*ld, &c[i*ldc+j]
				p.rows(m, n, aRow, aTile)
				j += n
			}
		}
		p.add = 1
	}
}
