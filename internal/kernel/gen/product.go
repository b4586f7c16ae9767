package main

import (
	"fmt"

	avo "github.com/mmcloughlin/avo/build"
	op "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel's type product.
const (
	offC, offA, offB, offMask  = 0, 8, 16, 24
	offLdc, offAi, offAp       = 32, 40, 48
	offLdb, offK, offTiles     = 56, 64, 72
	offTail, offAdd            = 80, 88
	offDown, offADown          = 96, 104
	offCDown, offPacked        = 112, 120
	offLeft                    = 128
	offAsks, offPart, offRest  = 136, 144, 152
	offAsk, offBelow           = 160, 168
	offAhead, offAheadStep     = 176, 184
	offAheadLeft               = 192
	offAheadRows, offAheadTurn = 200, 208
	offAheadStrips             = 216
	offOdd                     = 224
)

// A width is what a family's vectors are. vecs is the most of them that a tile of
// so many rows has: enough sums to hide the latency of the multiply-add, few
// enough for the registers. packs is the lowest tile that packs. unroll is how many
// of k are added a turn of the loop, 1 or 4.
type width struct {
	suffix string
	bytes  int
	vecs   []int
	packs  int
	unroll int
}

var (
	avx2   = width{"", 32, []int{1: 12, 2: 4, 3: 3, 4: 3, 5: 2, 6: 2}, 4, 4}
	avx512 = width{"Wide", 64, []int{1: 20, 2: 6, 3: 4, 4: 4, 5: 4, 6: 4, 7: 2, 8: 2, 9: 2, 10: 2, 11: 2, 12: 2, 13: 2, 14: 2}, 7, 1}
)

func (w width) vector() vec {
	if w.bytes == 64 {
		return avo.ZMM()
	}
	return avo.YMM()
}

func (w width) zero() vec {
	v := w.vector()
	if w.bytes == 64 {
		avo.VPXORD(v, v, v)
	} else {
		avo.VXORPS(v, v, v)
	}
	return v
}

// mask loads the mask to which the product's field points: lanes or bits.
func (w width) mask(p reg.Register) reg.Register {
	m := avo.GP64()
	avo.MOVQ(op.Mem{Base: p, Disp: offMask}, m)
	if w.bytes == 64 {
		k := avo.K()
		avo.KMOVW(op.Mem{Base: m}, k)
		return k
	}
	v := avo.YMM()
	avo.VMOVUPS(op.Mem{Base: m}, v)
	return v
}

func (w width) load(m op.Mem, mask reg.Register, v vec) {
	switch {
	case mask == nil:
		avo.VMOVUPS(m, v)
	case w.bytes == 64:
		avo.VMOVUPS_Z(m, mask, v)
	default:
		avo.VMASKMOVPS(m, mask, v)
	}
}

// add adds to v what lies at m.
func (w width) add(v vec, mask reg.Register, m op.Mem) {
	if mask == nil {
		avo.VADDPS(m, v, v)
		return
	}
	old := w.vector()
	w.load(m, mask, old)
	avo.VADDPS(old, v, v)
}

func (w width) store(v vec, mask reg.Register, m op.Mem) {
	switch {
	case mask == nil:
		avo.VMOVUPS(v, m)
	case w.bytes == 64:
		avo.VMOVUPS(v, mask, m)
	default:
		w.storePart(v, mask, m)
	}
}

var parts int // so far, for labels

// storePart stores the first lanes of v, of four or eight, by halves. A masked store is an
// instruction of AVX2, but one that processors of some makers take 12 to 30 cycles for.
func (w width) storePart(v vec, mask reg.Register, m op.Mem) {
	parts++
	label := func(s string) string { return fmt.Sprintf("%s%d", s, parts) }
	wide := v.Size() == 32
	bits, to, x := avo.GP32(), avo.GP64(), avo.XMM()
	avo.VMOVMSKPS(mask, bits)
	avo.CMPL(bits, op.U32(uint32(1)<<(v.Size()/4)-1))
	avo.JNE(op.LabelRef(label("part")))
	avo.VMOVUPS(v, m)
	avo.JMP(op.LabelRef(label("stored")))
	avo.Label(label("part"))
	avo.LEAQ(m, to)
	avo.VMOVAPS(v.AsX(), x)
	if wide {
		avo.TESTL(op.U32(8), bits)
		avo.JZ(op.LabelRef(label("two")))
		avo.VMOVUPS(x, op.Mem{Base: to})
		avo.VEXTRACTF128(op.Imm(1), v, x)
		avo.ADDQ(op.Imm(16), to)
		avo.SHRL(op.Imm(4), bits)
		avo.Label(label("two"))
	}
	avo.TESTL(op.U32(2), bits)
	avo.JZ(op.LabelRef(label("one")))
	avo.VMOVLPS(x, op.Mem{Base: to})
	avo.VMOVHLPS(x, x, x)
	avo.ADDQ(op.Imm(8), to)
	avo.SHRL(op.Imm(2), bits)
	avo.Label(label("one"))
	avo.TESTL(op.U32(1), bits)
	avo.JZ(op.LabelRef(label("stored")))
	avo.VMOVSS(x, op.Mem{Base: to})
	avo.Label(label("stored"))
}

// products writes product1 and so on: tiles of so many rows of C, one below the
// other, each walked along whole tiles of columns or once over a masked tail.
func (w width) products() {
	for rows := 1; rows < len(w.vecs); rows++ {
		name := fmt.Sprintf("product%d%s", rows, w.suffix)
		avo.TEXT(name, avo.NOSPLIT, "func(p *byte)")
		avo.Doc(fmt.Sprintf("%s computes tiles of %d rows.", name, rows))
		t := w.tile(rows)
		t.c, t.b = avo.GP64(), avo.GP64()
		for v := 1; v <= w.vecs[rows]; v++ {
			avo.CMPQ(op.Mem{Base: t.p, Disp: offTail}, op.I32(int32(v)))
			avo.JE(op.LabelRef(fmt.Sprintf("tail%d", v)))
		}
		avo.Label("down")
		t.field(offB, t.b)
		t.field(offC, t.c)
		left := avo.GP64()
		t.field(offTiles, left)
		avo.MOVQ(left, op.Mem{Base: t.p, Disp: offLeft})
		avo.Label("next")
		t.body("full", w.vecs[rows], false)
		avo.ADDQ(op.I32(int32(w.bytes*w.vecs[rows])), t.b)
		avo.ADDQ(op.I32(int32(w.bytes*w.vecs[rows])), t.c)
		avo.DECQ(op.Mem{Base: t.p, Disp: offLeft})
		avo.JNZ(op.LabelRef("next"))
		t.down("down")
		for v := 1; v <= w.vecs[rows]; v++ {
			avo.Label(fmt.Sprintf("tail%d", v))
			t.field(offB, t.b)
			t.field(offC, t.c)
			t.body(fmt.Sprintf("masked%d", v), v, true)
			t.down(fmt.Sprintf("tail%d", v))
		}
	}
}

// packings writes what begins a product: a first tile of whole vectors, which
// copies its columns of B to a panel by the way.
func (w width) packings() {
	for rows := w.packs; rows < len(w.vecs) && w.vecs[rows] == w.vecs[w.packs]; rows++ {
		name := fmt.Sprintf("pack%d%s", rows, w.suffix)
		avo.TEXT(name, avo.NOSPLIT, "func(p *byte)")
		avo.Doc(fmt.Sprintf("%s computes a tile of %d rows and packs its columns of B.", name, rows))
		t := w.tile(rows)
		t.b, t.packed = avo.GP64(), avo.GP64()
		t.field(offB, t.b)
		t.field(offPacked, t.packed)
		t.sum("whole", w.vecs[rows], false)
		t.c = avo.GP64()
		t.field(offC, t.c)
		t.put("whole", false)
		avo.VZEROUPPER()
		avo.RET()
	}
}

// A tile is the registers that stay over the columns of a row of tiles: there
// are not many, so that A and k are read anew for every tile.
type tile struct {
	width
	rows         int
	p            reg.Register
	c, b         reg.GPVirtual
	ai, ai3, ai5 reg.GPVirtual // A's row, times one, three and five
	ap, ldb      reg.GPVirtual
	ap3, ldb3    reg.GPVirtual // three of them
	packed, far  reg.GPVirtual // where B's rows are copied to, or nil; 32 rows of B
	sums         [][]vec
}

func (w width) tile(rows int) *tile {
	t := &tile{width: w, rows: rows, p: avo.Load(avo.Param("p"), avo.GP64()), ai: avo.GP64(), ap: avo.GP64(), ldb: avo.GP64()}
	t.field(offAi, t.ai)
	t.field(offAp, t.ap)
	t.field(offLdb, t.ldb)
	t.strides()
	if t.unroll > 1 && t.rows > 1 {
		t.ap3, t.ldb3 = avo.GP64(), avo.GP64()
		avo.LEAQ(op.Mem{Base: t.ap, Index: t.ap, Scale: 2}, t.ap3)
		avo.LEAQ(op.Mem{Base: t.ldb, Index: t.ldb, Scale: 2}, t.ldb3)
	}
	return t
}

func (t *tile) field(off int, r reg.Register) { avo.MOVQ(op.Mem{Base: t.p, Disp: off}, r) }

// down goes on with the tile below, if there is one. The fields a and c must
// never point beyond the matrices: the collector looks at them.
func (t *tile) down(label string) {
	avo.DECQ(op.Mem{Base: t.p, Disp: offDown})
	avo.JZ(op.LabelRef(label + "end"))
	step := avo.GP64()
	t.field(offADown, step)
	avo.ADDQ(step, op.Mem{Base: t.p, Disp: offA})
	t.field(offCDown, step)
	avo.ADDQ(step, op.Mem{Base: t.p, Disp: offC})
	avo.JMP(op.LabelRef(label))
	avo.Label(label + "end")
	avo.VZEROUPPER()
	avo.RET()
}

// strides makes the multiples of A's stride that its rows are told by.
func (t *tile) strides() {
	if t.rows > 3 {
		t.ai3 = avo.GP64()
		avo.LEAQ(op.Mem{Base: t.ai, Index: t.ai, Scale: 2}, t.ai3)
	}
	if t.rows > 5 {
		t.ai5 = avo.GP64()
		avo.LEAQ(op.Mem{Base: t.ai, Index: t.ai, Scale: 4}, t.ai5)
	}
}

// row is where row r of A lies, a7 being that of row 7.
func (t *tile) row(a, a7 reg.Register, r int) op.Mem {
	if r >= 7 {
		a, r = a7, r-7
	}
	switch r {
	case 0:
		return op.Mem{Base: a}
	case 3:
		return op.Mem{Base: a, Index: t.ai3, Scale: 1}
	case 5:
		return op.Mem{Base: a, Index: t.ai5, Scale: 1}
	case 6:
		return op.Mem{Base: a, Index: t.ai3, Scale: 2}
	}
	return op.Mem{Base: a, Index: t.ai, Scale: uint8(r)}
}

// body is one tile of n vectors, the last masked: the sum over k, then its store
// to C or its addition to C.
func (t *tile) body(name string, n int, masked bool) {
	u := *t
	u.b = avo.GP64()
	avo.MOVQ(t.b, u.b)
	u.sum(name, n, masked)
	u.put(name, masked)
}

// sum runs over k; it spends b.
func (t *tile) sum(name string, n int, masked bool) {
	a, k := avo.GP64(), avo.GP64()
	t.field(offA, a)
	t.field(offK, k)
	a7 := avo.GP64() // its seventh row, or what is asked for
	if t.rows > 7 {
		avo.LEAQ(op.Mem{Base: a, Index: t.ai3, Scale: 2}, a7)
		avo.ADDQ(t.ai, a7)
	}
	if t.packed != nil {
		t.far = avo.GP64()
		avo.MOVQ(t.ldb, t.far)
		avo.SHLQ(op.Imm(5), t.far)
	}
	t.sums = make([][]vec, t.rows)
	for r := range t.sums {
		for range n {
			t.sums[r] = append(t.sums[r], t.zero())
		}
	}
	at := func(r int) op.Mem { return t.row(a, a7, r) }
	var last reg.Register
	if masked && (t.bytes == 64 || t.rows*n+n+2 <= 16) {
		last = t.mask(t.p)
	}

	if t.rows == 1 {
		// Rows of B that begin within a line: each of their vectors lies in two, and they
		// come in time only if they are asked for.
		avo.TESTQ(op.I32(63), t.ldb)
		avo.JNZ(op.LabelRef(name + "askk"))
		for _, ask := range []bool{false, true} {
			loop := name
			if ask {
				loop += "ask"
			}
			avo.Label(loop + "k")
			t.dot(at(0), n, masked, last, ask)
			avo.ADDQ(t.ap, a)
			avo.ADDQ(t.ldb, t.b)
			avo.DECQ(k)
			avo.JNZ(op.LabelRef(loop + "k"))
			if !ask {
				avo.JMP(op.LabelRef(name + "sum"))
			}
		}
		avo.Label(name + "sum")
		return
	}
	one := func() {
		t.step(op.Mem{Base: t.b}, at, n, masked, last, func() { t.soon(a, n, masked) })
		avo.ADDQ(t.ap, a)
		if t.rows > 7 {
			avo.ADDQ(t.ap, a7)
		}
		avo.ADDQ(t.ldb, t.b)
		avo.DECQ(k)
	}
	loop := name + "k"
	if !t.turns() {
		t.begin(name, n, k, false)
		avo.Label(loop)
		one()
		avo.JNZ(op.LabelRef(loop))
		t.ask(name, n, k)
		return
	}
	t.field(offOdd, k)
	avo.TESTQ(k, k)
	avo.JZ(op.LabelRef(name + "even"))
	avo.Label(name + "odd")
	one()
	avo.JNZ(op.LabelRef(name + "odd"))
	avo.Label(name + "even")
	t.begin(name, n, k, !masked)
	// Four a turn: what is added to pointers, counted and asked for takes as many places
	// in a processor's queues as products do, and a core's second thread has half of them.
	avo.Label(loop)
	avo.TESTQ(k, k)
	avo.JZ(op.LabelRef(name + "part"))
	avo.CMPQ(t.ap, op.Imm(4))
	avo.JNE(op.LabelRef(name + "apart"))
	for _, apart := range []bool{false, true} {
		turn := name + "along"
		if apart {
			turn = name + "apartk"
			avo.Label(name + "apart")
			avo.LEAQ(op.Mem{Base: a, Index: t.ap, Scale: 8}, a7)
		}
		avo.Label(turn)
		for u := range t.unroll {
			t.step(times(t.b, t.ldb, t.ldb3, u), func(r int) op.Mem {
				m := at(r)
				if apart {
					m = times(a, t.ap, t.ap3, u)
					m.Disp = 4 * r
				} else {
					m.Disp = 4 * u
				}
				return m
			}, n, masked, last, func() {
				if apart {
					m := times(a7, t.ap, t.ap3, u)
					m.Disp = 4 * (t.rows - 1)
					avo.PREFETCHT0(m)
				}
			})
		}
		if apart {
			avo.LEAQ(op.Mem{Base: a, Index: t.ap, Scale: 4}, a)
			avo.LEAQ(op.Mem{Base: a7, Index: t.ap, Scale: 4}, a7)
		} else {
			avo.ADDQ(op.Imm(uint64(4*t.unroll)), a)
		}
		avo.LEAQ(op.Mem{Base: t.b, Index: t.ldb, Scale: 4}, t.b)
		avo.DECQ(k)
		avo.JNZ(op.LabelRef(turn))
		if !apart {
			avo.JMP(op.LabelRef(name + "part"))
		}
	}
	avo.Label(name + "part")
	t.ask(name, n, k)
	avo.CMPQ(op.Mem{Base: t.p, Disp: offK}, op.Imm(uint64(t.unroll)))
	avo.JL(op.LabelRef(name + "few"))
	t.lastTurn(name, a, n, masked, last)
	avo.JMP(op.LabelRef(name + "done"))
	avo.Label(name + "few")
}

// turns reports whether the sum over k goes by turns.
func (t *tile) turns() bool { return t.unroll > 1 && t.rows > 1 && t.packed == nil }

// lastTurn is the last turn of the sum and the store, row by row. On Zen 3 twelve stores of vector
// registers in a row hold up what comes after them by twenty cycles; three at a time, with twelve
// multiply-adds between them, cost nothing. Each row that is stored makes room for another of B.
func (t *tile) lastTurn(name string, a reg.Register, n int, masked bool, last reg.Register) {
	free := 16 - t.rows*n - 1
	if masked {
		free -= 2
	}
	c, ldc := avo.GP64(), avo.GP64()
	avo.MOVQ(t.c, c)
	t.field(offLdc, ldc)
	at := func(u, v int) op.Mem {
		m := times(t.b, t.ldb, t.ldb3, u)
		m.Disp = t.bytes * v
		return m
	}
	// Row by row there is time for the loads of three of k.
	t.step(at(0, 0), func(r int) op.Mem { return t.row(a, nil, r) }, n, masked, last, func() {})
	avo.ADDQ(t.ap, a)
	b := [][]vec{nil}
	load := func() {
		u, row := len(b), make([]vec, n)
		for v := range row {
			row[v] = t.vector()
			t.load(at(u, v), t.maskOf(v, n, masked, last), row[v])
		}
		b = append(b, row)
	}
	for ; free >= n && len(b) < t.unroll; free -= n {
		load()
	}
	for r := range t.sums {
		for u := 1; u < t.unroll; u++ {
			x := t.vector()
			avo.VBROADCASTSS(times(a, t.ap, t.ap3, u-1), x)
			for v, sum := range t.sums[r] {
				switch mask := t.maskOf(v, n, masked && u >= len(b), last); {
				case u < len(b):
					avo.VFMADD231PS(x, b[u][v], sum)
				case mask != nil:
					y := t.vector()
					t.load(at(u, v), mask, y)
					avo.VFMADD231PS(x, y, sum)
				default:
					avo.VFMADD231PS(at(u, v), x, sum)
				}
			}
		}
		t.putRow(fmt.Sprintf("%slast%d", name, r), c, r, masked)
		if r < t.rows-1 {
			avo.ADDQ(t.ai, a)
			avo.ADDQ(ldc, c)
			if len(b) < t.unroll {
				load()
			}
		}
	}
}

// putRow sets a row of C to its sums or adds them.
func (t *tile) putRow(name string, c reg.Register, r int, masked bool) {
	avo.CMPQ(op.Mem{Base: t.p, Disp: offAdd}, op.Imm(0))
	avo.JE(op.LabelRef(name + "store"))
	each := func(put func(s vec, mask reg.Register, m op.Mem)) {
		for v, s := range t.sums[r] {
			put(s, t.maskOf(v, len(t.sums[r]), masked, nil), op.Mem{Base: c, Disp: t.bytes * v})
		}
	}
	each(t.add)
	avo.Label(name + "store")
	each(t.store)
}

// times is where u strides behind base lie.
func times(base, stride, stride3 reg.Register, u int) op.Mem {
	switch u {
	case 0:
		return op.Mem{Base: base}
	case 3:
		return op.Mem{Base: base, Index: stride3, Scale: 1}
	}
	return op.Mem{Base: base, Index: stride, Scale: uint8(u)}
}

// maskOf is the mask of vector v of n, nil but for the last of a masked tile. If it is not
// kept it is loaded anew, so that a broadcast may have its register.
func (t *tile) maskOf(v, n int, masked bool, last reg.Register) reg.Register {
	switch {
	case !masked || v < n-1:
		return nil
	case last != nil:
		return last
	}
	return t.mask(t.p)
}

// step adds the products of a column of A and n vectors of a row of B.
func (t *tile) step(b op.Mem, at func(r int) op.Mem, n int, masked bool, last reg.Register, soon func()) {
	row := make([]vec, n)
	for v := range row {
		row[v] = t.vector()
		mask := t.maskOf(v, n, masked, last)
		m := b
		m.Disp = t.bytes * v
		t.load(m, mask, row[v])
		if t.packed != nil {
			avo.VMOVUPS(row[v], op.Mem{Base: t.packed, Disp: t.bytes * v})
		}
	}
	if t.packed != nil {
		avo.ADDQ(op.I32(int32(t.bytes*n)), t.packed)
	}
	soon()
	for r := range t.sums {
		x := t.vector()
		avo.VBROADCASTSS(at(r), x)
		for v := range row {
			avo.VFMADD231PS(x, row[v], t.sums[r][v])
		}
	}
}

// soon asks for what is read a few steps of k later. Long strides are more than a
// processor foresees.
func (t *tile) soon(a reg.Register, n int, masked bool) {
	below := func(at int) {
		avo.PREFETCHT0(op.Mem{Base: t.b, Index: t.ldb, Scale: 8, Disp: at})
	}
	switch {
	case t.packed != nil:
		for at := 0; at < t.bytes*n; at += 64 {
			avo.PREFETCHT1(op.Mem{Base: t.b, Index: t.far, Scale: 1, Disp: at})
			below(at)
		}
		below(t.bytes*n - 1)
	case masked && n == 1:
		// All of its time goes into loads.
		below(0)
		return
	case masked:
		below(t.bytes * (n - 1))
	default:
		// The last byte of the next tile of columns: its line comes while this
		// one is multiplied.
		for at := t.bytes*2*n - 1; at > t.bytes*n; at -= 64 {
			avo.PREFETCHT0(op.Mem{Base: t.b, Disp: at})
		}
	}
	if t.bytes == 64 && t.rows > 5 {
		// Where A is stored transposed, each of its columns is a line of its own.
		avo.PREFETCHT0(op.Mem{Base: a, Index: t.ap, Scale: 8, Disp: 4 * (t.rows - 1)})
	}
}

// begin cuts the sum over k into parts, and ask comes between two of them. It asks for
// a row of C that the tile will be put to, and for some of what the tiles after this
// one read, if that comes from afar. A few lines at a time: all at once they would
// occupy what the loop's own reads pass through. With soon a sum too short for that asks
// for C as it begins.
func (t *tile) begin(name string, n int, k reg.Register, soon bool) {
	x := avo.GP64()
	t.field(offPart, k)
	t.field(offAsks, x)
	avo.MOVQ(x, op.Mem{Base: t.p, Disp: offAsk})
	if t.c != nil {
		x = t.c
	} else {
		t.field(offC, x)
	}
	avo.MOVQ(x, op.Mem{Base: t.p, Disp: offBelow})
	if !soon {
		return
	}
	avo.CMPQ(op.Mem{Base: t.p, Disp: offAsk}, op.Imm(0))
	avo.JNE(op.LabelRef(name + "k"))
	y, ldc := avo.GP64(), avo.GP64()
	t.field(offLdc, ldc)
	avo.MOVQ(x, y)
	for range t.rows {
		for at := 0; at < n*t.bytes; at += 64 {
			avo.PREFETCHT0(op.Mem{Base: y, Disp: tilesAhead*n*t.bytes + at})
		}
		avo.ADDQ(ldc, y)
	}
}

const (
	tilesAhead = 4    // along C's rows, of a short sum
	bytesAhead = 1024 // along rows of B that lie one behind the other
)

func (t *tile) ask(name string, n int, k reg.Register) {
	avo.DECQ(op.Mem{Base: t.p, Disp: offAsk})
	avo.JL(op.LabelRef(name + "summed"))
	x := avo.GP64()
	t.field(offBelow, x)
	for at := 0; at < n*t.bytes; at += 64 {
		avo.PREFETCHT0(op.Mem{Base: x, Disp: at})
	}
	if n*t.bytes%64 == 0 {
		avo.PREFETCHT0(op.Mem{Base: x, Disp: n*t.bytes - 1})
	}
	t.field(offLdc, x)
	avo.ADDQ(x, op.Mem{Base: t.p, Disp: offBelow})

	avo.DECQ(op.Mem{Base: t.p, Disp: offAheadLeft})
	avo.JL(op.LabelRef(name + "asked"))
	t.field(offAhead, x)
	t.field(offAheadStep, k)
	for _, at := range []int{0, 64} {
		avo.PREFETCHT1(op.Mem{Base: x, Disp: at})
		avo.PREFETCHT1(op.Mem{Base: x, Index: k, Scale: 1, Disp: at})
	}
	avo.LEAQ(op.Mem{Base: x, Index: k, Scale: 2}, x)
	avo.JNE(op.LabelRef(name + "strip")) // of what is left
	t.field(offAheadRows, k)
	avo.ADDQ(op.Mem{Base: t.p, Disp: offAheadTurn}, x)
	avo.DECQ(op.Mem{Base: t.p, Disp: offAheadStrips})
	avo.JE(op.LabelRef(name + "strip"))
	avo.MOVQ(k, op.Mem{Base: t.p, Disp: offAheadLeft})
	avo.Label(name + "strip")
	avo.MOVQ(x, op.Mem{Base: t.p, Disp: offAhead})
	avo.Label(name + "asked")
	t.field(offPart, k)
	avo.CMPQ(op.Mem{Base: t.p, Disp: offAsk}, op.Imm(0))
	avo.JNE(op.LabelRef(name + "k"))
	t.field(offRest, k)
	avo.JMP(op.LabelRef(name + "k"))
	avo.Label(name + "summed")
}

// dot adds a number of A times a row of B: a single row of C has registers for many
// columns, so that B's rows are read as they lie. With ask it asks for the fourth row
// from there, without for what lies further on.
func (t *tile) dot(a op.Mem, n int, masked bool, last reg.Register, ask bool) {
	x := t.vector()
	avo.VBROADCASTSS(a, x)
	for v := range n {
		m := op.Mem{Base: t.b, Disp: t.bytes * v}
		if ask && t.bytes*v%64 == 0 {
			avo.PREFETCHT0(op.Mem{Base: t.b, Index: t.ldb, Scale: 4, Disp: t.bytes * v})
		}
		if !ask && t.bytes == 32 && t.bytes*v%64 == 0 {
			avo.PREFETCHT0(op.Mem{Base: t.b, Disp: bytesAhead + t.bytes*v})
		}
		if masked && v == n-1 {
			y := t.vector()
			if last == nil {
				last = t.mask(t.p)
			}
			t.load(m, last, y)
			avo.VFMADD231PS(x, y, t.sums[0][v])
			continue
		}
		avo.VFMADD231PS(m, x, t.sums[0][v])
	}
}

// put sets C to the sums or adds them.
func (t *tile) put(name string, masked bool) {
	n := len(t.sums[0])
	var last reg.Register
	if masked {
		last = t.mask(t.p)
	}
	c, ldc := avo.GP64(), avo.GP64()
	avo.MOVQ(t.c, c)
	t.field(offLdc, ldc)
	avo.CMPQ(op.Mem{Base: t.p, Disp: offAdd}, op.Imm(0))
	avo.JE(op.LabelRef(name + "store"))
	for _, add := range []bool{true, false} {
		if !add {
			avo.Label(name + "store")
			avo.MOVQ(t.c, c)
		}
		for r := range t.sums {
			for v, s := range t.sums[r] {
				m := op.Mem{Base: c, Disp: t.bytes * v}
				var mask reg.Register
				if v == n-1 {
					mask = last
				}
				if add {
					t.add(s, mask, m)
				}
				t.store(s, mask, m)
			}
			avo.ADDQ(ldc, c)
		}
		if add {
			avo.JMP(op.LabelRef(name + "done"))
		}
	}
	avo.Label(name + "done")
}
