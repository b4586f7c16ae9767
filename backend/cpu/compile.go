package cpu

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/graph/rewrite"
	"github.com/nadir-ml/nadir/tensor"
)

// An instr is one step of a plan: a tile program or the loop of one op.
type instr[T float] struct {
	job
	before *job   // what has to be done first, or nil
	jobs   []*job // both
	op     string // "tile" for a program
	path   string
	group  *group[T]
	node   graph.Node // of a single op
	flops  float64    // of a matrix product
	ways   []*way[T]
	stage  int
	bundle *bundle[T] // that it is part of, or nil
	shares bool       // its chunks have memory together
	own    bool       // alone it has its own chunks, not those of a way
	cost   float64    // ns on one core, roughly

	reads, writes []touch[T]
}

// A compiler turns a lowered graph into instructions. Node numbers index its
// tables.
type compiler[T float] struct {
	g       *graph.Builder
	float   tensor.DType
	threads int
	fuse    bool
	half    bool            // products round their operands
	kept    *backend.Frozen // what is made of parameters that do not change, or nil
	table   map[string]*elementwise[T]
	singles map[string]single[T]
	key     *runKey
	work    workspace[T]
	before  *job   // of the instruction that is compiled
	first   func() // the same, where it is nothing to share
	ways    []*way[T]
	flops   float64 // of a matrix product
	own     bool    // the instruction that is compiled has its own chunks where it is alone
	weights int     // numbers of all parameters

	root    []int // the node whose memory a node shares: itself but for reshapes and slices in one piece
	off     []int // elements from that memory's start
	views   []*view[T]
	at      []int // the instruction that makes it; -1 of leaves
	uses    []int // the last instruction that reads it
	readers [][]graph.Node
	apart   []bool       // something but its own group reads it: it needs memory
	folded  []bool       // a sum that its operand's group takes
	value   []*value[T]  // its memory, by root
	inplace map[int]bool // roots written into the parameter they update
	target  map[int]int  // and that parameter's node
	early   map[int]bool // roots whose memory an operand has before them

	bounds  []graph.Node // what has to be finite for updates to begin
	start   int          // of the instructions that are scheduled, the first that runs in no other phase
	instrs  []*instr[T]
	staged  []stage[T]
	late    int  // the first instruction that needs all bounds, or to be held
	updates int  // the first that runs only when the guards hold
	held    bool // bundles leave parameters as they are
	params  map[string]*value[T]
	inputs  map[string]*value[T]
	copies  []finalCopy[T]
}

// A view is a stretch of another value.
type view[T float] struct {
	*value[T]
	of  *value[T]
	off int // elements
}

// A finalCopy moves an update to its parameter after everything else has run.
type finalCopy[T float] struct{ from, to *value[T] }

// lower replaces the ops that there is no loop for by their definition.
func lower[T float](g *graph.Builder, table map[string]*elementwise[T], singles map[string]single[T]) (*graph.Builder, error) {
	for {
		var missing []error
		changed := false
		next := graph.Rewrite(g, func(_ *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
			name := x.Op().Name
			if (table[name] != nil || singles[name] != nil && !unable[T](x)) || leaf(name) || name == "reshape" {
				return graph.Node{}
			}
			if x.Op().Lower == nil {
				missing = append(missing, fmt.Errorf("cpu: op %q has neither a loop nor a definition in simpler ops", name))
				return graph.Node{}
			}
			changed = true
			return x.Op().Lower(in, x.Attr())
		})
		if err := errors.Join(append(missing, next.Err())...); err != nil {
			return nil, err
		}
		g = next
		if !changed {
			g.CopyLeaves()
			return g, nil
		}
	}
}

// unable reports whether an op's loop is not for this use of it.
func unable[T float](x graph.Node) bool {
	a, ok := x.Attr().(rewrite.ConvBias)
	if !ok {
		return false
	}
	g := geometryOf(a.ConvAttr, x.Dim(0), x.In(0).Dim(-1), x.Dim(-1))
	return !takesBias[T](&g)
}

func leaf(op string) bool { return op == "input" || op == "param" || op == "const" }

func compile[T float](g *graph.Builder, o backend.Options, threads int, fuse bool) (*compiler[T], error) {
	if err := g.Err(); err != nil {
		return nil, err
	}
	if u := g.Updates(); o.Frozen != nil && len(u) > 0 {
		return nil, fmt.Errorf("cpu: parameter %q is frozen, and the graph updates it; compile without Frozen what learns", u[0].Param.Name())
	}
	if fuse {
		g = rewrite.Apply(g)
	}
	table, singles := elementwiseOps[T](), singleOps[T]()
	if o.Products == tensor.BFloat16 {
		singles["matmul"] = halfProduct[T]
	} else {
		maps.Copy(singles, recurrentOps[T]())
	}
	g, err := lower(g, table, singles)
	if err != nil {
		return nil, err
	}
	if fuse {
		g = rewrite.MaxPools(rewrite.Joined(rewrite.ColumnSums(g)))
		g = rewrite.Biased(g, func(conv graph.Node) bool {
			shape := convGeometry(conv)
			return takesBias[T](&shape)
		})
		if o.Products != tensor.BFloat16 {
			g = rewrite.Foreseen(g, worthBundling[T])
		}
		g.CopyLeaves()
	}
	n := g.Len()
	c := &compiler[T]{
		g: g, threads: threads, fuse: fuse, half: o.Products == tensor.BFloat16, kept: o.Frozen, table: table, singles: singles, key: &runKey{}, float: tensor.TypeOf[T](),
		root: make([]int, n), off: make([]int, n), at: make([]int, n), uses: make([]int, n), apart: make([]bool, n), folded: make([]bool, n), value: make([]*value[T], n),
		inplace: map[int]bool{}, target: map[int]int{}, early: map[int]bool{}, params: map[string]*value[T]{}, inputs: map[string]*value[T]{},
	}
	if err := c.leaves(o); err != nil {
		return nil, err
	}
	c.schedule()
	c.place()
	for i, in := range c.instrs {
		if in.bundle != nil {
			if in.head() {
				in.bundle.compile(c, i+len(in.bundle.instrs)-1)
			}
		} else if in.group != nil {
			p := c.program(i, in.group, 0)
			in.chunks, in.run = p.chunks(), p.chunk
			in.ways = c.groupWays(i, in.group, p)
			in.cost = float64(p.n*p.cost) * additionTime
		} else {
			shared := c.work.all
			c.work.all = 0
			in.chunks, in.run = c.singles[in.op](c, in.node)
			in.shares = c.work.all > 0
			c.work.all = max(c.work.all, shared)
			in.ways, c.ways = c.ways, nil
			in.flops, c.flops = c.flops, 0
			in.own, c.own = c.own || in.flops > 0, false
			in.cost = c.cost(in)
			in.before, c.before = c.before, nil
			if first := c.first; first != nil {
				in.before, c.first = &job{chunks: 1, run: func(int, int) { first() }}, nil
			}
		}
		in.chunks = max(in.chunks, 1)
		if in.chunks > maxChunks {
			return nil, fmt.Errorf("cpu: %s: %s needs %d chunks, more than %d", in.path, in.op, in.chunks, maxChunks)
		}
		if in.before != nil {
			in.jobs = append(in.jobs, in.before)
		}
		if in.head() {
			in.jobs = append(in.jobs, &in.job)
		}
	}
	if fuse {
		c.stages()
	} else {
		for i, in := range c.instrs {
			in.stage = i
			in.reads, in.writes = c.touches(i, in)
		}
	}
	c.lifetimes()
	c.work.allocate(threads)
	return c, nil
}

// leaves binds parameters to their storage and notes the inputs.
func (c *compiler[T]) leaves(o backend.Options) error {
	var errs []error
	live := c.g.Live()
	for x := range c.g.Nodes() {
		id := x.ID()
		c.root[id], c.at[id], c.uses[id] = id, -1, -1
		if !live[id] {
			continue
		}
		switch x.Op().Name {
		case "reshape", "slice":
			in := x.In(0)
			if c.alias(x) {
				c.root[id] = c.root[in.ID()]
				c.off[id] = c.off[in.ID()]
			}
			if a, ok := x.Attr().(graph.SliceAttr); ok && c.alias(x) {
				c.off[id] += a.Lo * in.Shape()[a.Axis+1:].Len()
			}
		case "param":
			v := &value[T]{typ: x.Type(), param: true}
			var t *tensor.Tensor
			if o.State != nil {
				t = o.State(x.Name())
			}
			switch {
			case t == nil:
				errs = append(errs, fmt.Errorf("cpu: parameter %q has no storage", x.Name()))
			case t.DType() != c.float || !t.Shape().Equal(x.Shape()):
				errs = append(errs, fmt.Errorf("cpu: parameter %q is %v%v, the graph wants %v%v", x.Name(), t.DType(), t.Shape(), c.float, x.Shape()))
			default:
				v.bind(t)
			}
			c.value[id] = v
			c.params[x.Name()] = v
			c.weights += x.Shape().Len()
		case "input":
			v := &value[T]{typ: x.Type()}
			c.value[id] = v
			c.inputs[x.Name()] = v
		}
	}
	return errors.Join(errs...)
}

// schedule orders the live nodes into instructions: first what says whether parameters may
// change, then what else outputs and guards need, with the bundles, at last what only
// updates need.
func (c *compiler[T]) schedule() {
	live := c.g.Live()
	c.readers = make([][]graph.Node, c.g.Len())
	for x := range c.g.Nodes() {
		for _, in := range x.Ins() {
			if live[x.ID()] {
				c.readers[in.ID()] = append(c.readers[in.ID()], x)
			}
		}
	}
	ends := slices.Clone(c.g.Guards())
	for _, o := range c.g.Outputs() {
		ends = append(ends, o.Node)
	}
	c.bounds = c.g.Bounds()
	early := slices.Clone(c.bounds)
	if len(c.bounds) == 0 || !c.fuse {
		c.bounds, early = c.g.Guards(), slices.Clone(ends)
	}
	bundles := c.findBundles(live, c.g.Needed(early...))
	late := make([]bool, c.g.Len())
	for _, b := range bundles {
		late[b.product.ID()] = true
	}
	for x := range c.g.Nodes() {
		for _, in := range x.Ins() {
			late[x.ID()] = late[x.ID()] || late[in.ID()]
		}
	}
	for _, x := range ends {
		if !late[x.ID()] {
			early = append(early, x)
		}
	}
	for _, b := range bundles {
		ends = append(ends, b.parts()...)
	}
	first, second := c.g.Needed(early...), c.g.Needed(ends...)
	phase := func(x graph.Node) int {
		switch {
		case first[x.ID()]:
			return 0
		case second[x.ID()]:
			return 1
		}
		return 2
	}
	for now := range 3 {
		c.start = len(c.instrs)
		switch now {
		case 1:
			c.late = c.start
		case 2:
			c.updates = c.start
		}
		groups := map[string][]int{} // by shape: instructions that are groups, ascending
		todo := func(x graph.Node) bool {
			return live[x.ID()] && phase(x) == now && !leaf(x.Op().Name) && !c.alias(x) && c.at[x.ID()] < 0
		}
		// Elementwise nodes come when they are needed, not when they could be, so
		// that a chain is one group and what is between needs no memory.
		var need func(x graph.Node)
		need = func(x graph.Node) {
			chain := c.chain(x, todo)
			within := make(map[int]bool, len(chain))
			for _, y := range chain {
				within[y.ID()] = true
			}
			for _, y := range chain { // first what the whole chain waits for
				for _, in := range y.Ins() {
					if root := c.g.Node(c.root[in.ID()]); todo(root) && !within[root.ID()] {
						need(root)
					}
				}
			}
			chain = slices.DeleteFunc(chain, func(y graph.Node) bool { return !todo(y) })
			switch {
			case len(chain) == 0:
			case c.folds(x):
				c.fold(x)
			case c.isElementwise(x):
				c.join(chain, groups)
			default:
				c.at[x.ID()] = len(c.instrs)
				c.instrs = append(c.instrs, &instr[T]{op: x.Op().Name, path: x.Path(), node: x})
			}
		}
		for _, b := range bundles {
			if now != 1 {
				break
			}
			for _, x := range b.parts() {
				for _, in := range x.Ins() {
					if root := c.g.Node(c.root[in.ID()]); todo(root) && !slices.Contains(b.parts(), root) {
						need(root)
					}
				}
			}
			b.add(c)
		}
		for x := range c.g.Nodes() {
			if todo(x) && !(c.fuse && c.isElementwise(x)) {
				need(x)
			}
		}
		for _, x := range c.numbers(todo) {
			need(x)
		}
		for _, x := range c.ends() {
			if root := c.g.Node(c.root[x.ID()]); todo(root) {
				need(root)
			}
		}
	}
}

// numbers lists the single numbers that are made of such alone and that something
// larger waits for. They come first: what waits for them need not be in two parts.
func (c *compiler[T]) numbers(todo func(graph.Node) bool) (list []graph.Node) {
	if !c.fuse {
		return nil
	}
	is := make([]bool, c.g.Len())
	listed := map[int]bool{}
	for x := range c.g.Nodes() {
		if !todo(x) {
			continue
		}
		is[x.ID()] = c.isElementwise(x) && x.Shape().Len() == 1
		for _, in := range x.Ins() {
			if root := c.g.Node(c.root[in.ID()]); todo(root) {
				is[x.ID()] = is[x.ID()] && is[root.ID()]
			}
		}
		for _, in := range x.Ins() {
			if root := c.root[in.ID()]; is[root] && !is[x.ID()] && !listed[root] {
				listed[root] = true
				list = append(list, c.g.Node(root))
			}
		}
	}
	return list
}

// ends lists what a run is for: outputs, guards and updates.
func (c *compiler[T]) ends() (ends []graph.Node) {
	for _, o := range c.g.Outputs() {
		ends = append(ends, o.Node)
	}
	ends = append(append(ends, c.g.Guards()...), c.bounds...)
	for _, u := range c.g.Updates() {
		ends = append(ends, u.Next)
	}
	return ends
}

// chain lists x and, where it is elementwise, the nodes of its shape behind it that
// are elementwise too and are yet to be done, in order.
func (c *compiler[T]) chain(x graph.Node, todo func(graph.Node) bool) []graph.Node {
	chain := []graph.Node{x}
	if !c.fuse || !c.isElementwise(x) {
		return chain
	}
	seen := map[int]bool{x.ID(): true}
	for i := 0; i < len(chain); i++ {
		for _, in := range chain[i].Ins() {
			y := c.g.Node(c.root[in.ID()])
			if !seen[y.ID()] && todo(y) && c.isElementwise(y) && y.Shape().Equal(x.Shape()) {
				seen[y.ID()] = true
				chain = append(chain, y)
			}
		}
	}
	slices.SortFunc(chain, func(a, b graph.Node) int { return a.ID() - b.ID() })
	return chain
}

// fold makes a sum part of the group that computes its operand.
func (c *compiler[T]) fold(x graph.Node) {
	id := x.ID()
	c.at[id] = c.at[x.In(0).ID()]
	c.folded[id] = true
	g := c.instrs[c.at[id]].group
	g.nodes = append(g.nodes, x)
}

// join makes a chain part of a group that computes or reads what it reads, where
// all its operands are there by the time that group runs, or else a group of its
// own.
func (c *compiler[T]) join(chain []graph.Node, groups map[string][]int) {
	x := chain[len(chain)-1]
	last := c.start - 1
	roots := map[int]bool{}
	for _, y := range chain {
		for _, in := range y.Ins() {
			root := c.root[in.ID()]
			roots[root] = true
			at := c.at[root]
			if c.folded[root] { // a sum is there when its group has run
				at++
			}
			last = max(last, at)
		}
	}
	key := x.Shape().String()
	list := groups[key]
	into := -1
	for k := len(list) - 1; k >= 0 && into < 0 && c.fuse && !c.summed(x) && list[k] >= max(last, c.start); k-- {
		for _, y := range c.instrs[list[k]].group.nodes {
			for _, in := range append(y.Ins(), y) {
				if roots[c.root[in.ID()]] {
					into = list[k]
				}
			}
		}
	}
	if into < 0 {
		into = len(c.instrs)
		groups[key] = append(list, into)
		c.instrs = append(c.instrs, &instr[T]{op: "tile", path: chain[0].Path(), group: &group[T]{shape: x.Shape()}})
	}
	g := c.instrs[into].group
	g.nodes = append(g.nodes, chain...)
	for _, y := range chain {
		c.at[y.ID()] = into
	}
}

// summed reports whether a node of few elements is made for the sum of all of them
// alone. A group that made it with other things could not be cut.
func (c *compiler[T]) summed(x graph.Node) bool {
	if x.Shape().Len() > tile {
		return false
	}
	for _, by := range c.readers[x.ID()] {
		if by.Op().Name != "sum" || by.Shape().Len() != 1 {
			return false
		}
	}
	return len(c.readers[x.ID()]) > 0
}

// folds reports whether a sum can be taken while its operand is computed: where
// that is an elementwise group of this phase, and the sum is over all or over rows
// that fit a tile.
func (c *compiler[T]) folds(x graph.Node) bool {
	if !c.fuse || x.Op().Name != "sum" {
		return false
	}
	in := x.In(0)
	id := in.ID()
	if c.root[id] != id || c.at[id] < c.start || c.folded[id] || c.instrs[c.at[id]].group == nil || in.Shape().Len() < 2 {
		return false
	}
	_, ok := rowsOf(x)
	return ok
}

// rowsOf is the length of the rows that a sum is over, 0 where it is over all, and
// whether it is of this kind: over the last axes, or all, with rows that fit a
// tile.
func rowsOf(x graph.Node) (row int, ok bool) {
	attr, shape := x.Attr().(graph.ReduceAttr), x.In(0).Shape()
	if x.Shape().Len() == 1 {
		return 0, true
	}
	row = 1
	kept := false
	for i := len(shape) - 1; i >= 0; i-- {
		switch {
		case shape[i] == 1:
		case !attr.Has(i):
			kept = true
		case kept:
			return 0, false
		default:
			row *= shape[i]
		}
	}
	return row, row > 1 && row <= tile
}

// isElementwise reports whether the node can be part of a tile program. Ints
// are compared as ints.
func (c *compiler[T]) isElementwise(x graph.Node) bool {
	return c.table[x.Op().Name] != nil && !(x.Op().Name == "equal" && x.In(0).Type().Kind == graph.Int)
}

// place decides which results need memory, for how long, and which updates are
// written straight into their parameter.
func (c *compiler[T]) place() {
	live := c.g.Live()
	end := len(c.instrs)
	readers := map[int]map[int]bool{} // root → instructions
	read := func(root, by int) {
		c.uses[root] = max(c.uses[root], by)
		if by == end || c.at[root] != by {
			c.apart[root] = true
		}
		if readers[root] == nil {
			readers[root] = map[int]bool{}
		}
		readers[root][by] = true
	}
	for x := range c.g.Nodes() {
		if !live[x.ID()] || c.alias(x) {
			continue
		}
		for _, in := range x.Ins() {
			read(c.root[in.ID()], c.at[x.ID()])
		}
	}
	for _, o := range c.g.Outputs() {
		read(c.root[o.Node.ID()], end)
	}
	for _, x := range append(slices.Clip(c.g.Guards()), c.bounds...) {
		read(c.root[x.ID()], end)
	}
	for _, u := range c.g.Updates() {
		p, x := u.Param.ID(), c.root[u.Next.ID()]
		w := c.at[x]
		ok := c.fuse && (w >= c.updates || w >= 0 && c.instrs[w].bundle != nil) && c.instrs[w].group != nil && c.value[x] == nil && !c.folded[x] && c.off[u.Next.ID()] == 0 &&
			c.g.Node(x).Shape().Equal(u.Param.Shape())
		for by := range readers[p] {
			ok = ok && by <= w
		}
		if ok && readers[p][w] {
			// Within the group the parameter must be read element by element.
			for _, y := range c.instrs[w].group.nodes {
				for _, in := range y.Ins() {
					ok = ok && (c.root[in.ID()] != p || in.Shape().Len() == u.Param.Shape().Len())
				}
			}
		}
		if ok {
			c.value[x] = c.value[p]
			c.inplace[x], c.target[x] = true, p
			c.apart[x] = true
			continue
		}
		read(x, end)
		from := c.of(u.Next)
		c.copies = append(c.copies, finalCopy[T]{from, c.value[p]})
	}
	for x := range c.g.Nodes() {
		// A product that only this reads is made where its gradient will be.
		if in := x.ID(); live[in] && x.Op().Name == "affine_gradients" && c.fuse {
			if g := x.In(0).ID(); c.root[g] == g && c.at[g] >= 0 && len(readers[g]) == 1 && c.uses[g] == c.at[in] && c.instrs[c.at[g]].group == nil {
				c.root[g], c.early[in] = in, true
			}
		}
	}
	for x := range c.g.Nodes() {
		id := x.ID()
		if live[id] && c.root[id] == id && c.at[id] >= 0 && (c.apart[id] || c.folded[id] || c.instrs[c.at[id]].group == nil) {
			held := c.value[id] != nil // by a copy to a parameter, which would look for it in vain
			c.memory(id)
			if y := c.spent(x, readers); !held && y >= 0 {
				c.value[id] = c.value[y]
				c.inplace[id], c.target[id] = true, y
			}
		}
	}
}

// spent is what an elementwise result can be written over, or -1: a value of its shape
// that its group alone reads, element by element. What follows finds both in one place
// of the cache.
func (c *compiler[T]) spent(x graph.Node, readers map[int]map[int]bool) int {
	id := x.ID()
	in := c.instrs[c.at[id]]
	if !c.fuse || in.group == nil || c.folded[id] || c.inplace[id] || x.Type().Kind != graph.Float {
		return -1
	}
	taken, full := map[int]bool{}, map[int]bool{}
	var order []int
	for _, y := range in.group.nodes {
		if c.inplace[y.ID()] {
			taken[c.target[y.ID()]] = true
		}
		for _, z := range y.Ins() {
			root := c.root[z.ID()]
			if _, seen := full[root]; !seen {
				order, full[root] = append(order, root), true
			}
			full[root] = full[root] && z.Shape().Len() == x.Shape().Len()
		}
	}
	for _, y := range order {
		if full[y] && !taken[y] && c.value[y] != nil && !c.value[y].local && c.at[y] >= 0 && c.at[y] != c.at[id] && len(readers[y]) == 1 && !c.inplace[y] && c.g.Node(y).Type().Kind == graph.Float && c.g.Node(y).Shape().Equal(x.Shape()) {
			return y
		}
	}
	return -1
}

// lifetimes sets from which stage to which every result is needed.
func (c *compiler[T]) lifetimes() {
	for _, v := range c.value {
		if v != nil {
			v.first, v.last = len(c.instrs), 0
		}
	}
	for _, in := range c.instrs {
		for _, t := range append(slices.Clip(in.writes), in.reads...) {
			t.v.first, t.v.last = min(t.v.first, in.stage), max(t.v.last, in.stage)
		}
	}
	for _, x := range c.ends() {
		c.memory(c.root[x.ID()]).last = len(c.instrs)
	}
}

// memory is the value of a root, made where there is none yet.
func (c *compiler[T]) memory(root int) *value[T] {
	if v := c.value[root]; v != nil {
		return v
	}
	x := c.g.Node(root)
	v := &value[T]{typ: x.Type()}
	c.value[root] = v
	if num, ok := x.Value(); ok {
		t := tensor.New(c.float)
		t.SetFlat(0, num)
		v.bind(t)
		return v
	}
	v.arena = true
	return v
}

// of is the memory that a node's elements are found in.
func (c *compiler[T]) of(x graph.Node) *value[T] {
	whole := c.memory(c.root[x.ID()])
	off := c.off[x.ID()]
	if n := x.Shape().Len(); off > 0 || n != whole.typ.Shape.Len() {
		for _, v := range c.views {
			if v.of == whole && v.off == off && v.typ.Shape.Len() == n {
				return v.value
			}
		}
		v := &view[T]{value: &value[T]{typ: x.Type()}, of: whole, off: off}
		c.views = append(c.views, v)
		return v.value
	}
	return whole
}

// alias reports whether a node is nothing but another way to look at its operand:
// a reshape, or a slice in one piece of a result.
func (c *compiler[T]) alias(x graph.Node) bool {
	switch x.Op().Name {
	case "reshape":
		return true
	case "slice":
		in := x.In(0)
		return !leaf(c.g.Node(c.root[in.ID()]).Op().Name) && in.Shape()[:x.Attr().(graph.SliceAttr).Axis].Len() == 1
	}
	return false
}

// costPerChunk is how much elementwise work, in additions, is worth handing to
// another core.
const costPerChunk = 24 * 1024

func alignedSlice[T float](n int) []T {
	return tensor.Data[T](tensor.New(tensor.TypeOf[T](), n))
}

func sortStable[E any](s []E, less func(a, b E) bool) {
	sort.SliceStable(s, func(i, j int) bool { return less(s[i], s[j]) })
}
