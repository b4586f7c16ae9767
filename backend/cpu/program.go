package cpu

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/graph"
)

// A need is an operand from outside a group: read where it lies, or loaded into a
// tile of its own.
type need[T float] struct {
	o    *operand[T]
	load bool
}

// A builder of a program.
type programmer[T float] struct {
	*compiler[T]
	at      int
	g       *group[T]
	p       *program[T]
	lastUse map[int]int // root → step
	regOf   map[int]int
	free    []int
	loads   map[source]*operand[T]
	loadEnd map[*operand[T]]int
	needs   [][]need[T]
	joined  map[int]int // a product that a later sum computes → the sum's step
	rules   map[int]*ruleNodes
	sums    map[int]sumNodes
	cost    int
}

type source struct {
	root int
	off  int
	pat  pattern
	dims string
}

// program compiles a group. Where cols is not 0, the elements are rows of so many, of
// which a run does a part of one at a time.
func (c *compiler[T]) program(at int, g *group[T], cols int) *program[T] {
	b := &programmer[T]{compiler: c, at: at, g: g, p: &program[T]{n: g.shape.Len()}, lastUse: map[int]int{}, regOf: map[int]int{},
		loads: map[source]*operand[T]{}, loadEnd: map[*operand[T]]int{}, joined: map[int]int{}, rules: map[int]*ruleNodes{}, sums: map[int]sumNodes{}}
	if cols > 0 {
		b.p.shape(cols)
		b.p.tile = min(b.p.tile, cols)
	} else {
		b.rows()
	}
	b.join()
	b.findRules()
	b.findSums()
	for i, x := range g.nodes {
		at := i
		if sum, ok := b.joined[x.ID()]; ok {
			at = sum
		}
		for _, in := range x.Ins() {
			root := c.root[in.ID()]
			b.lastUse[root] = max(b.lastUse[root], at)
		}
	}
	b.operands()
	for i, x := range g.nodes {
		if _, ok := b.joined[x.ID()]; !ok {
			b.step(i, x)
		}
	}
	p := b.p
	p.granule, p.cost = b.granule(), b.cost
	_, p.per = cut(p.n, p.granule, p.cost)
	for i := range p.steps {
		if r := p.steps[i].reduce; r != nil && r.row == 0 {
			r.part = make([]T, p.tiles())
		}
	}
	p.each = make([]registers[T], c.threads)
	for w := range p.each {
		p.each[w].regs = alignedSlice[T](p.regs * p.tile)
	}
	return p
}

// granule is of how many elements a chunk is a multiple: whole tiles where their sums
// are added up, else whole rows, or lines of a cache.
func (b *programmer[T]) granule() int {
	p := b.p
	for i := range p.steps {
		if r := p.steps[i].reduce; r != nil && r.row == 0 {
			if p.tile < p.unit && p.unit < p.n {
				return p.unit
			}
			return p.tile
		}
	}
	if p.unit < p.n {
		return p.unit
	}
	return min(16, max(p.n, 1))
}

func (b *programmer[T]) inGroup(root int) bool { return b.compiler.at[root] == b.at }

// rows finds what rows the tiles follow: those of the operands that repeat, and
// those that are summed. Where they differ, the tiles follow none, and such
// operands are loaded.
func (b *programmer[T]) rows() {
	unit := 0
	differ := false
	for _, x := range b.g.nodes {
		if b.folded[x.ID()] {
			if row, _ := rowsOf(x); row > 0 { // rows that are summed come before all
				b.p.shape(row)
				return
			}
			continue
		}
		for _, in := range x.Ins() {
			if b.inGroup(b.root[in.ID()]) {
				continue
			}
			if pat, n, _, _ := classify(in.Shape(), b.g.shape); pat == period || pat == run {
				differ = differ || unit != 0 && unit != n
				unit = n
			}
		}
	}
	if differ {
		unit = 0
	}
	if last := len(b.g.shape) - 1; unit == 0 && last > 0 && b.p.n > 16*tile && b.addsUp() && b.g.shape[last] <= tile {
		unit = b.g.shape[last] // so that chunks of a sum of all can be whole rows
	}
	b.p.shape(unit)
}

// addsUp reports whether one of the nodes is the sum of all elements of another.
func (b *programmer[T]) addsUp() bool {
	for _, x := range b.g.nodes {
		if b.folded[x.ID()] {
			return true // rows that are summed have been looked for
		}
	}
	return false
}

// join finds sums and differences whose second operand is a product with a scalar
// that nothing else needs.
func (b *programmer[T]) join() {
	uses := map[int]int{}
	for _, x := range b.g.nodes {
		for _, in := range x.Ins() {
			uses[b.root[in.ID()]]++
		}
	}
	for i, x := range b.g.nodes {
		if name := x.Op().Name; name != "add" && name != "sub" || b.folded[x.ID()] {
			continue
		}
		for _, k := range []int{1, 0} {
			y := x.In(k)
			if k == 0 && x.Op().Name == "sub" || y.Op().Name != "mul" || !b.inGroup(y.ID()) || uses[y.ID()] != 1 || b.value[y.ID()] != nil {
				continue
			}
			s := b.factor(y)
			if s < 0 || x.In(1-k).Shape().Len() != b.g.shape.Len() && !b.inGroup(b.root[x.In(1-k).ID()]) {
				continue
			}
			if y.In(1-s).Shape().Len() != b.g.shape.Len() || b.isConst(x.In(1-k)) {
				continue
			}
			b.joined[y.ID()] = i
			break
		}
	}
}

func (b *programmer[T]) isConst(x graph.Node) bool {
	_, ok := b.compiler.g.Node(b.root[x.ID()]).Value()
	return ok
}

// factor is which operand of a product is one number from outside the group, or
// -1.
func (b *programmer[T]) factor(y graph.Node) int {
	for _, k := range []int{1, 0} {
		in := y.In(k)
		if in.Shape().Len() == 1 && b.g.shape.Len() > 1 && !b.inGroup(b.root[in.ID()]) {
			return k
		}
	}
	return -1
}

func (b *programmer[T]) alloc() int {
	if k := len(b.free); k > 0 {
		r := b.free[k-1]
		b.free = b.free[:k-1]
		return r
	}
	b.p.regs++
	return b.p.regs - 1
}

// operands finds how every operand from outside is read.
func (b *programmer[T]) operands() {
	p := b.p
	b.needs = make([][]need[T], len(b.g.nodes))
	for i, x := range b.g.nodes {
		op := b.table[x.Op().Name]
		ins := x.Ins()
		sum, joined := b.joined[x.ID()]
		for k, in := range ins {
			root := b.root[in.ID()]
			if b.inGroup(root) {
				b.needs[i] = append(b.needs[i], need[T]{})
				continue
			}
			o := &operand[T]{reg: -1}
			if num, ok := b.compiler.g.Node(root).Value(); ok {
				o.isConst, o.c, o.pat = true, T(num), scalar
			} else {
				o.v = b.of(in)
				o.pat, o.n, o.dims, o.steps = classify(in.Shape(), b.g.shape)
				if o.pat == scalar && p.n == 1 {
					o.pat = full
				}
			}
			isFloat := o.v == nil || o.v.typ.Kind == graph.Float
			aligned := o.n == p.unit
			inPlace := isFloat && (o.pat == full || o.pat == period && aligned && !p.whole())
			if oneNumber := o.pat == scalar || o.pat == run && aligned && !p.whole() && isFloat; oneNumber && op != nil && op.binary != nil {
				// One number is an immediate; the other side must be a slice.
				inPlace = k == 1 || !b.oneNumber(ins[1-k])
				if joined {
					inPlace = true
				}
			}
			if op.numbered(k) && (o.pat == scalar || p.n == 1) {
				o.pat, inPlace = scalar, true
			}
			if !inPlace {
				s := source{root, b.off[in.ID()], o.pat, fmt.Sprint(o.n, o.dims, o.steps)}
				if old := b.loads[s]; old != nil {
					o = old
				} else {
					b.loads[s] = o
					o.reg = b.alloc()
					o.fixed = o.pat == scalar || o.pat == period && aligned && p.whole()
					if o.fixed {
						p.fills = append(p.fills, o)
					} else {
						p.loads = append(p.loads, o)
						b.cost += 2
					}
				}
				if !o.fixed {
					b.loadEnd[o] = i
					if joined {
						b.loadEnd[o] = sum
					}
				}
			}
			b.needs[i] = append(b.needs[i], need[T]{o, !inPlace})
		}
	}
}

// oneNumber reports whether an operand is the same number for a whole tile.
func (b *programmer[T]) oneNumber(x graph.Node) bool {
	if b.inGroup(b.root[x.ID()]) {
		return false
	}
	if b.isConst(x) {
		return true
	}
	pat, n, _, _ := classify(x.Shape(), b.g.shape)
	return pat == scalar && b.p.n > 1 || pat == run && n == b.p.unit && !b.p.whole() && x.Type().Kind == graph.Float
}

// arg is operand k of node i, and notes registers that are free after step at.
func (b *programmer[T]) arg(i, k, at int, done *[]int) arg[T] {
	x := b.g.nodes[i]
	root := b.root[x.In(k).ID()]
	release := func(r int) {
		if !slices.Contains(*done, r) {
			*done = append(*done, r)
		}
	}
	nd := b.needs[i][k]
	switch {
	case nd.load:
		if end, ok := b.loadEnd[nd.o]; ok && end == at {
			release(nd.o.reg)
		}
		return arg[T]{reg: nd.o.reg}
	case nd.o != nil:
		return arg[T]{reg: -1, mem: nd.o}
	}
	if r, ok := b.regOf[root]; ok {
		if b.lastUse[root] == at && !b.inplace[root] {
			release(r)
		}
		return arg[T]{reg: r}
	}
	return arg[T]{reg: -1, mem: &operand[T]{v: b.value[root], reg: -1}}
}

// step adds node i.
func (b *programmer[T]) step(i int, x graph.Node) {
	p := b.p
	st := step[T]{op: b.table[x.Op().Name], dst: -1}
	id := x.ID()
	var done []int
	product := -1
	for k := range x.NumIn() {
		if sum, ok := b.joined[x.In(k).ID()]; ok && sum == i {
			product = k
		}
	}
	sum, within := b.sums[id]
	switch rule := b.rules[id]; {
	case within:
		st.args[0] = b.arg(sum.first, 0, i, &done)
		if sum.of == ofBeyond {
			st.args[1] = b.arg(sum.last, 1, i, &done)
		}
	case rule != nil:
		st.rule = b.rule(i, rule, &done)
	case product >= 0:
		y := x.In(product)
		at := slices.IndexFunc(b.g.nodes, func(z graph.Node) bool { return z.ID() == y.ID() })
		f := b.factor(y)
		st.op, st.minus = axpy[T](), x.Op().Name == "sub"
		st.args = [4]arg[T]{b.arg(i, 1-product, i, &done), b.arg(at, 1-f, i, &done), b.arg(at, f, i, &done)}
	default:
		for k := range x.NumIn() {
			st.args[k] = b.arg(i, k, i, &done)
		}
	}
	b.free = append(b.free, done...)
	switch v := b.value[id]; {
	case b.folded[id]:
		row, _ := rowsOf(x)
		st.reduce = &folded[T]{out: v, row: row, of: sum.of}
		b.cost++
		p.steps = append(p.steps, st)
		return
	case v != nil && (!b.inplace[id] || b.lastUse[b.target[id]] <= i):
		st.out = v // of a parameter, nothing later in the tile wants the old value
	default:
		st.dst = b.alloc()
		b.regOf[id] = st.dst
		if v != nil {
			p.stores = append(p.stores, step[T]{dst: st.dst, store: v})
			b.cost++
		} else if _, used := b.lastUse[id]; !used {
			b.free = append(b.free, st.dst)
		}
	}
	if st.rule != nil {
		b.cost += st.rule.kind.cost()
	} else {
		b.cost += st.op.cost
	}
	p.steps = append(p.steps, st)
}
