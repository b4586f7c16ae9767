package cpu

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// A bundle is the gradient of a parameter, a product Aᵀ·B, with what alone reads it: the sum
// of its squares, and the update. It goes block by block: what of the gradient it has made it
// uses up while that is in a near cache, and the gradient as a whole is never in memory. Its
// parts are instructions of one lane.
type bundle[T float] struct {
	product graph.Node
	square  graph.Node   // square_sum of it, or invalid
	update  []graph.Node // elementwise, of the gradient's shape

	instrs  []*instr[T] // one behind the other
	m, n, k int
	block   int // rows of a block
	cols    int // and columns: the sum of squares depends on both
	run     func(worker, lo, hi int)
}

// A gradient that stays in the third-level cache is as soon written and read again; over a
// large k the product takes so much longer that it makes no difference. Blocks of few of k
// are so narrow that they stay in the second-level cache, with their columns of B; of others
// rows are rather whole, so that the update reads parameters as they lie.
const (
	leastBundle = 1 << 20 // numbers of a gradient
	mostBundled = 256     // of k
	fewBundled  = 64      // of k, so many that blocks are narrow
	bundleRows  = 64      // of a block, about
	narrowCols  = 576     // of a narrow one at most
	wideCols    = 4096    // of another
	bundleUnit  = 96      // whose columns are whole panels of all families
)

// worthBundling reports whether it is worth while to make a product late.
func worthBundling[T float](x graph.Node) bool {
	m, n, k := x.Dim(0), x.Dim(1), x.In(0).Dim(0)
	return m*n >= leastBundle && 0 < k && k <= mostBundled && m >= bundleRows && !kernel.Splits[T](m, n, k, true, false)
}

// findBundles lists those of products that nothing early needs.
func (c *compiler[T]) findBundles(live, early []bool) (list []*bundle[T]) {
	if !c.fuse || c.half {
		return nil
	}
	ends := make([]bool, c.g.Len()) // what must be there after the run
	for _, o := range c.g.Outputs() {
		ends[o.Node.ID()] = true
	}
	for _, x := range append(slices.Clip(c.g.Guards()), c.g.Bounds()...) {
		ends[x.ID()] = true
	}
	next := make([]bool, c.g.Len())
	for _, u := range c.g.Updates() {
		next[u.Next.ID()] = true
	}
	for x := range c.g.Nodes() {
		a, ok := x.Attr().(graph.MatMulAttr)
		if !ok || x.Op().Name != "matmul" || a != (graph.MatMulAttr{TransA: true}) || !live[x.ID()] || early[x.ID()] || ends[x.ID()] || next[x.ID()] || !worthBundling[T](x) {
			continue
		}
		if b := newBundle[T](x); b.find(c, early, ends, next) {
			list = append(list, b)
		}
	}
	return list
}

// newBundle chooses the blocks of a product, by its shape alone.
func newBundle[T float](x graph.Node) *bundle[T] {
	b := &bundle[T]{product: x, m: x.Dim(0), n: x.Dim(1), k: x.In(0).Dim(0)}
	blocks := even(b.m/bundleRows, b.m)
	most := wideCols
	if b.k <= fewBundled {
		most = narrowCols
	}
	parts := (b.n + most - 1) / most
	b.block = (b.m + blocks - 1) / blocks
	b.cols = min(b.n, ((b.n+parts-1)/parts+bundleUnit-1)/bundleUnit*bundleUnit)
	return b
}

// find looks for what reads the product, and reports whether nothing else does.
func (b *bundle[T]) find(c *compiler[T], early, ends, next []bool) bool {
	whole, within := b.product.Shape(), map[int]bool{b.product.ID(): true}
	// What is elementwise behind it, to the parameters.
	for queue := []graph.Node{b.product}; len(queue) > 0; queue = queue[1:] {
		x := queue[0]
		if len(c.readers[x.ID()]) == 0 && !next[x.ID()] {
			return false
		}
		for _, y := range c.readers[x.ID()] {
			switch {
			case within[y.ID()]:
				continue
			case x == b.product && y.Op().Name == "square_sum":
				b.square = y
			case !ends[y.ID()] && c.isElementwise(y) && y.Shape().Equal(whole):
				b.update = append(b.update, y)
				queue = append(queue, y)
			default:
				return false
			}
			within[y.ID()] = true
		}
	}
	// And what is made for these alone.
	for i := 0; i < len(b.update); i++ {
		for _, y := range b.update[i].Ins() {
			id := y.ID()
			if !within[id] && !early[id] && !ends[id] && !next[id] && c.isElementwise(y) && y.Shape().Equal(whole) &&
				!slices.ContainsFunc(c.readers[id], func(z graph.Node) bool { return !within[z.ID()] }) {
				within[id] = true
				b.update = append(b.update, y)
			}
		}
	}
	slices.SortFunc(b.update, func(x, y graph.Node) int { return x.ID() - y.ID() })
	return len(b.update) > 0 && b.apart(c, within)
}

// apart reports whether nothing that the bundle waits for is behind its product.
func (b *bundle[T]) apart(c *compiler[T], within map[int]bool) bool {
	behind := make([]bool, c.g.Len())
	behind[b.product.ID()] = true
	for i := b.product.ID() + 1; i < c.g.Len(); i++ {
		for _, in := range c.g.Node(i).Ins() {
			behind[i] = behind[i] || behind[in.ID()]
		}
	}
	for _, x := range b.parts() {
		for _, in := range x.Ins() {
			if behind[in.ID()] && !within[in.ID()] {
				return false
			}
		}
	}
	return true
}

// parts are the nodes of the bundle's instructions.
func (b *bundle[T]) parts() []graph.Node {
	list := []graph.Node{b.product}
	if b.square.Valid() {
		list = append(list, b.square)
	}
	return append(list, b.update...)
}

// add makes the bundle's parts instructions, all that they wait for being there.
func (b *bundle[T]) add(c *compiler[T]) {
	put := func(in *instr[T], nodes ...graph.Node) {
		in.bundle, in.path = b, nodes[0].Path()
		for _, x := range nodes {
			c.at[x.ID()] = len(c.instrs)
		}
		b.instrs, c.instrs = append(b.instrs, in), append(c.instrs, in)
	}
	c.value[b.product.ID()] = &value[T]{typ: b.product.Type(), local: true}
	put(&instr[T]{op: b.product.Op().Name, node: b.product}, b.product)
	if b.square.Valid() {
		put(&instr[T]{op: b.square.Op().Name, node: b.square}, b.square)
	}
	put(&instr[T]{op: "tile", group: &group[T]{shape: b.product.Shape(), nodes: b.update}}, b.update...)
}

// head is the first of the bundle's instructions, which stands for all.
func (in *instr[T]) head() bool { return in.bundle == nil || in.bundle.instrs[0] == in }

// compile makes the loop over rows. at is where the update is among the instructions.
func (b *bundle[T]) compile(c *compiler[T], at int) {
	update := c.bundled(at, b)
	multiply := b.multiplier(c)
	square := b.squares(c)
	c.work.need(b.block*b.cols, 0)
	b.run = func(worker, lo, hi int) {
		for i := lo; i < hi; i += b.block {
			rows := min(b.block, hi-i)
			for j := 0; j < b.n; j += b.cols {
				cols := min(b.cols, b.n-j)
				part := c.work.worker[worker][:rows*cols]
				multiply(part, i, rows, j, cols)
				if square != nil {
					square(part, i/b.block, j/b.cols)
				}
				if c.held {
					continue
				}
				s := &update.each[worker]
				s.local = part
				if cols == b.n {
					s.base = i * b.n
					update.run(worker, i*b.n, (i+rows)*b.n)
					continue
				}
				for r := range rows {
					at := (i+r)*b.n + j
					s.base = at - r*cols
					update.run(worker, at, at+cols)
				}
			}
		}
	}
	in := b.instrs[0]
	in.flops = 2 * float64(b.m) * float64(b.n) * float64(b.k)
	elements := float64(b.m * b.n)
	in.cost = in.flops/2*multiplyTime + elements*float64(update.cost)*additionTime
	in.chunks = (b.m + b.block - 1) / b.block
	in.job.run = func(worker, chunk int) { b.run(worker, chunk*b.block, min(b.m, (chunk+1)*b.block)) }
	in.before, c.before = c.before, nil
}

// bundled is the program of an update.
func (c *compiler[T]) bundled(at int, b *bundle[T]) *program[T] {
	if b.cols == b.n {
		return c.program(at, c.instrs[at].group, 0)
	}
	return c.program(at, c.instrs[at].group, b.n)
}

// multiplier is the loop that makes a part of the product, from row i and column j on.
func (b *bundle[T]) multiplier(c *compiler[T]) func(part []T, i, rows, j, cols int) {
	left, right := c.of(b.product.In(0)), c.of(b.product.In(1))
	if _, ok := kernel.NewPanels[T](b.block, b.cols, b.k); !ok {
		return func(part []T, i, rows, j, cols int) {
			kernel.MatMul(part, cols, left.f[i:], b.m, true, right.f[j:], b.n, false, rows, cols, b.k, 0, rows, 0, cols, false)
		}
	}
	type laid struct {
		kernel.Panels
		of []T
	}
	var parts []laid
	for j := 0; j < b.n; j += b.cols {
		p, _ := kernel.NewPanels[T](b.block, min(b.cols, b.n-j), b.k)
		parts = append(parts, laid{p, alignedSlice[T](p.Len())})
	}
	chunks, per := cut(b.k, 1, 2*b.n)
	c.before = &job{chunks: chunks, run: func(_, chunk int) {
		for q := range parts {
			p := &parts[q]
			kernel.LayPanelRows(&p.Panels, p.of, right.f[q*b.cols:], b.n, chunk*per, min(b.k, (chunk+1)*per))
		}
	}}
	return func(part []T, i, rows, j, cols int) {
		p := &parts[j/b.cols]
		kernel.MatMulPanels(&p.Panels, part, cols, left.f[i:], b.m, true, p.of, rows, 0, rows, 0, cols, false)
	}
}

// squares is what adds up squares, a block at a time.
func (b *bundle[T]) squares(c *compiler[T]) func(part []T, down, across int) {
	if !b.square.Valid() {
		return nil
	}
	y := c.of(b.square)
	across := (b.n + b.cols - 1) / b.cols
	sums, left := make([]T, (b.m+b.block-1)/b.block*across), new(counter)
	return func(part []T, i, j int) {
		sums[i*across+j] = kernel.SumSquares(part)
		if left.last(1, len(sums)) {
			y.f[0] = kernel.Sum(sums)
		}
	}
}
