package cpu

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
	"github.com/nadir-ml/nadir/tensor"
)

// tile is the most elements that an elementwise program works on at a time: its
// registers together stay in the first-level cache.
const tile = 1024

// A group is a chain of elementwise nodes of one shape that runs as one
// instruction: tile by tile, intermediate results in registers of a tile's
// length, only what others need written to memory.
type group[T float] struct {
	shape tensor.Shape
	nodes []graph.Node
}

// How an operand's elements lie along the flattened elements of the shape that
// it is stretched to.
type pattern uint8

const (
	full    pattern = iota // element i
	scalar                 // element 0
	period                 // element i mod n: a row under each row
	run                    // element i div n: a column beside each column
	strided                // anything else
)

// An operand reads a value under the shape of a program.
type operand[T float] struct {
	v       *value[T]
	pat     pattern
	n       int   // of period and run
	dims    []int // of strided: lengths and steps of the collapsed axes
	steps   []int
	reg     int  // register that a load fills, -1 where memory is read in place
	fixed   bool // the register holds for all tiles
	isConst bool
	c       T
}

// classify finds how a value of shape in lies along shape out.
func classify(in, out tensor.Shape) (pat pattern, n int, dims, steps []int) {
	if in.Len() == 1 {
		return scalar, 0, nil, nil
	}
	// Collapse neighbouring axes that are both stretched or both not.
	type axis struct {
		d   int
		own bool
	}
	var ax []axis
	off := len(out) - len(in)
	for i, d := range out {
		if d == 1 {
			continue
		}
		own := i >= off && in[i-off] != 1
		if k := len(ax); k > 0 && ax[k-1].own == own {
			ax[k-1].d *= d
		} else {
			ax = append(ax, axis{d, own})
		}
	}
	switch {
	case len(ax) == 1 && ax[0].own:
		return full, 0, nil, nil
	case len(ax) == 2 && ax[1].own:
		return period, ax[1].d, nil, nil
	case len(ax) == 2:
		return run, ax[1].d, nil, nil
	}
	dims, steps = make([]int, len(ax)), make([]int, len(ax))
	step := 1
	for i := len(ax) - 1; i >= 0; i-- {
		dims[i] = ax[i].d
		if ax[i].own {
			steps[i] = step
			step *= ax[i].d
		}
	}
	return strided, 0, dims, steps
}

// load copies elements [lo, lo+len(dst)) of the stretched operand.
func (o *operand[T]) load(dst []T, lo int) {
	switch o.pat {
	case scalar:
		kernel.Fill(dst, o.at(0))
	case full:
		o.copy(dst, lo)
	case period:
		for i := lo % o.n; len(dst) > 0; i = 0 {
			k := min(o.n-i, len(dst))
			o.copy(dst[:k], i)
			dst = dst[k:]
		}
	case run:
		for j, i := lo/o.n, lo%o.n; len(dst) > 0; j, i = j+1, 0 {
			k := min(o.n-i, len(dst))
			kernel.Fill(dst[:k], o.at(j))
			dst = dst[k:]
		}
	case strided:
		o.gather(dst, lo)
	}
}

func (o *operand[T]) gather(dst []T, lo int) {
	var idx [tensor.MaxRank]int
	at, rest := 0, lo
	for a := len(o.dims) - 1; a >= 0; a-- {
		idx[a] = rest % o.dims[a]
		rest /= o.dims[a]
		at += idx[a] * o.steps[a]
	}
	for i := range dst {
		dst[i] = o.at(at)
		for a := len(o.dims) - 1; a >= 0; a-- {
			idx[a]++
			at += o.steps[a]
			if idx[a] < o.dims[a] {
				break
			}
			at -= o.dims[a] * o.steps[a]
			idx[a] = 0
		}
	}
}

func (o *operand[T]) at(i int) T {
	switch {
	case o.isConst:
		return o.c
	case o.v.f != nil:
		return o.v.f[i]
	case o.v.b != nil:
		return T(o.v.b[i])
	default:
		return T(o.v.i[i])
	}
}

func (o *operand[T]) copy(dst []T, i int) {
	switch {
	case o.v.f != nil:
		copy(dst, o.v.f[i:i+len(dst)])
	case o.v.b != nil:
		kernel.BytesToFloat(dst, o.v.b[i:i+len(dst)])
	default:
		kernel.IntToFloat(dst, o.v.i[i:i+len(dst)])
	}
}

// An arg is where a step finds an operand: a register, memory, or a scalar.
type arg[T float] struct {
	reg int         // ≥ 0: a register
	mem *operand[T] // full and period: memory in place; scalar and run: one number
}

// A step is one op of a program.
type step[T float] struct {
	op     *elementwise[T]
	args   [4]arg[T]
	dst    int        // register, or -1
	out    *value[T]  // written in place where not nil and dst is -1
	store  *value[T]  // written from dst after the tile's last step
	minus  bool       // of axpy: the product is taken off
	reduce *folded[T] // a sum, in the place of an op
	rule   *rule[T]   // a whole update, in the place of one
}

// A folded is a sum over a program's elements, row by row or of all.
type folded[T float] struct {
	out  *value[T]
	row  int // elements of a row; 0: all are one sum
	of   sumOf
	part []T // of all: a tile's sum each
	left counter
}

// A program is a compiled group.
type program[T float] struct {
	n       int // elements
	per     int // elements a chunk
	granule int // what elements of a chunk are a multiple of
	cost    int // of an element, in additions
	unit    int // elements of a row: tiles are whole rows, or lie within one
	tile    int // the most elements of a tile
	loads   []*operand[T]
	fills   []*operand[T] // what a step needs as a whole tile, the same for each
	steps   []step[T]
	stores  []step[T]
	regs    int
	each    []registers[T] // for every worker
}

// The registers of a worker, and what else it has to itself while it runs a program.
type registers[T float] struct {
	regs  []T // regs·tile elements
	local []T // of the value that is local, from element base on
	base  int
}

func (p *program[T]) chunks() int { return max(1, (p.n+p.per-1)/p.per) }

// shape cuts n elements into tiles by rows of unit.
func (p *program[T]) shape(unit int) {
	p.unit = unit
	switch {
	case p.unit <= 1 || p.unit >= p.n:
		p.unit, p.tile = p.n, min(tile, max(p.n, 1))
	case p.unit <= tile:
		p.tile = tile / p.unit * p.unit
	default: // a row in parts that are nearly equal
		parts := (p.unit + tile - 1) / tile
		p.tile = ((p.unit+parts-1)/parts + 15) &^ 15
	}
}

// whole reports whether a tile holds more than one row.
func (p *program[T]) whole() bool { return p.tile >= 2*p.unit }

func (p *program[T]) chunk(worker, chunk int) {
	p.run(worker, chunk*p.per, min(p.n, (chunk+1)*p.per))
}

// run does elements [lo, hi).
func (p *program[T]) run(worker, lo, hi int) {
	s := &p.each[worker]
	first := lo
	for _, o := range p.fills {
		o.load(s.regs[o.reg*p.tile:][:min(p.tile, p.n)], 0)
	}
	for lo < hi {
		n := min(p.tile, hi-lo)
		if p.tile < p.unit {
			n = min(n, p.unit-lo%p.unit)
		}
		for _, o := range p.loads {
			o.load(s.regs[o.reg*p.tile:][:n], lo)
		}
		for i := range p.steps {
			st := &p.steps[i]
			if st.reduce != nil {
				var c T
				if st.reduce.of == ofBeyond {
					c, _ = st.number(1, lo)
				}
				st.reduce.add(p, st.slice(p, 0, s, lo, n), c, lo)
				continue
			}
			var dst []T
			if st.dst >= 0 {
				dst = s.regs[st.dst*p.tile:][:n]
			} else {
				dst = st.out.f[lo : lo+n]
			}
			if st.rule != nil {
				st.rule.exec(p, dst, s, lo, n)
				continue
			}
			st.exec(p, dst, s, lo, n)
		}
		for i := range p.stores {
			st := &p.stores[i]
			copy(st.store.f[lo:lo+n], s.regs[st.dst*p.tile:][:n])
		}
		lo += n
	}
	for i := range p.steps {
		if r := p.steps[i].reduce; r != nil && r.row == 0 && r.left.last(p.count(first, hi), p.tiles()) {
			r.out.f[0] = kernel.Sum(r.part)
		}
	}
}

// add takes in a tile that begins at element lo.
func (r *folded[T]) add(p *program[T], x []T, c T, lo int) {
	if r.row == 0 {
		r.part[p.index(lo)] = r.sum(x, c)
		return
	}
	if r.of == ofSquares {
		for i := range len(x) / r.row {
			r.out.f[lo/r.row+i] = kernel.SumSquares(x[i*r.row : (i+1)*r.row])
		}
		return
	}
	kernel.RowSum(r.out.f[lo/r.row:], x, len(x)/r.row, r.row, 0, len(x)/r.row)
}

// index is the number of the tile that begins at element lo.
func (p *program[T]) index(lo int) int {
	if p.tile >= p.unit {
		return lo / p.tile
	}
	parts := (p.unit + p.tile - 1) / p.tile
	return lo/p.unit*parts + lo%p.unit/p.tile
}

// tiles is how many there are.
func (p *program[T]) tiles() int { return p.count(0, p.n) }

// count is how many tiles elements [lo, hi) have, of which the first begins there.
func (p *program[T]) count(lo, hi int) int {
	if lo == hi {
		return 0
	}
	return p.index(hi-1) + 1 - p.index(lo)
}

func (st *step[T]) slice(p *program[T], i int, s *registers[T], lo, n int) []T {
	return st.args[i].slice(p, s, lo, n)
}

func (a *arg[T]) slice(p *program[T], s *registers[T], lo, n int) []T {
	switch {
	case a.reg >= 0:
		return s.regs[a.reg*p.tile:][:n]
	case a.mem.v.local:
		return s.local[lo-s.base:][:n]
	case a.mem.pat == period:
		lo %= a.mem.n
	}
	return a.mem.v.f[lo : lo+n]
}

// number is the operand's only element under a tile at lo, where it has one.
func (st *step[T]) number(i, lo int) (T, bool) { return st.args[i].number(lo) }

func (a *arg[T]) number(lo int) (T, bool) {
	switch {
	case a.reg >= 0:
		return 0, false
	case a.mem.pat == scalar:
		return a.mem.at(0), true
	case a.mem.pat == run:
		return a.mem.at(lo / a.mem.n), true
	}
	return 0, false
}

func (st *step[T]) exec(p *program[T], dst []T, s *registers[T], lo, n int) {
	op := st.op
	switch {
	case op.unary != nil:
		op.unary(dst, st.slice(p, 0, s, lo, n))
		return
	case op.ternary != nil:
		op.ternary(dst, st.slice(p, 0, s, lo, n), st.slice(p, 1, s, lo, n), st.slice(p, 2, s, lo, n))
		return
	case op.averaged != nil:
		c, _ := st.number(2, lo)
		d, _ := st.number(3, lo)
		op.averaged(dst, st.slice(p, 0, s, lo, n), st.slice(p, 1, s, lo, n), c, d)
		return
	case op.clamped != nil:
		c, _ := st.number(1, lo)
		d, _ := st.number(2, lo)
		op.clamped(dst, st.slice(p, 0, s, lo, n), c, d)
		return
	case op.rooted != nil:
		c, _ := st.number(3, lo)
		op.rooted(dst, st.slice(p, 0, s, lo, n), st.slice(p, 1, s, lo, n), st.slice(p, 2, s, lo, n), c)
		return
	case op.scaled != nil:
		c, _ := st.number(2, lo)
		if st.minus {
			c = -c
		}
		op.scaled(dst, st.slice(p, 0, s, lo, n), c, st.slice(p, 1, s, lo, n))
		return
	}
	if c, ok := st.number(1, lo); ok {
		op.right(dst, st.slice(p, 0, s, lo, n), c)
	} else if c, ok := st.number(0, lo); ok {
		op.left(dst, st.slice(p, 1, s, lo, n), c)
	} else {
		op.binary(dst, st.slice(p, 0, s, lo, n), st.slice(p, 1, s, lo, n))
	}
}
