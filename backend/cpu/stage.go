package cpu

import (
	"cmp"
	"math"
	"slices"
)

// A stage is what runs between two barriers: lanes that do not wait for each other.
type stage[T float] struct {
	lanes []*lane[T]
}

// A cutting is a way for each instruction of a lane, all into the same parts.
type cutting[T float] struct {
	ways               []*way[T]
	granule            int
	cost, remote, each float64
}

// with is the cutting with another one's ways behind its own.
func (c cutting[T]) with(o cutting[T]) cutting[T] {
	return cutting[T]{append(slices.Clip(c.ways), o.ways...), c.granule / gcd(c.granule, o.granule) * o.granule, c.cost + o.cost, c.remote + o.remote, c.each + o.each}
}

func (c cutting[T]) n() int { return c.ways[0].n }

// time estimates what one of two workers takes for its part, in ns.
func (c cutting[T]) time() float64 {
	n := c.n()
	chunks := (n + c.granule - 1) / c.granule
	return c.cost*float64(min((chunks+1)/2*c.granule, n))/float64(n) + c.remote + c.each*math.Ceil(c.cost/2/mostClaim)
}

// What a barrier costs with what one core waits for another there, in ns.
const barrierTime = 2000

// stages puts instructions into stages and lanes, each as early as what it waits for
// allows, and orders them so. Those come first that most others wait for, so that it is
// they who choose the way of a lane.
func (c *compiler[T]) stages() {
	n := len(c.instrs)
	at, lanes := make([]int, n), make([]*lane[T], n)
	var list []*lane[T]
	deps := c.waits()
	last, floor := 0, 0
	for k, i := range c.urgent(deps) {
		in := c.instrs[i]
		if k == c.late || k == c.updates {
			floor = last
		}
		if !in.head() {
			continue
		}
		first := floor
		for m := i; m < i+c.members(i); m++ {
			for _, d := range deps[m] {
				if d < i {
					first = max(first, at[d]+1)
				}
			}
		}
		for _, w := range in.ways {
			w.estimate(in.cost)
		}
		var l *lane[T]
		if first > floor && in.bundle == nil {
			l = c.joinLane(i, deps[i], lanes, first-1)
		}
		if l == nil {
			l = &lane[T]{at: first, cuts: alone(in)}
			list = append(list, l)
		}
		for m := i; m < i+c.members(i); m++ {
			l.instrs = append(l.instrs, m)
			lanes[m], at[m] = l, l.at
		}
		last = max(last, l.at+1)
	}
	list = slices.DeleteFunc(list, func(l *lane[T]) bool { return len(l.instrs) == 0 })
	for _, l := range list {
		l.settle(c.instrs)
	}
	c.order(at, list, last)
}

// waits lists for each instruction those in front of it that make what it reads, or
// read or make what it writes.
func (c *compiler[T]) waits() [][]int {
	deps := make([][]int, len(c.instrs))
	users := map[*value[T]][]int{} // instructions that touch it
	space := &value[T]{}           // stands for the memory that chunks share
	for i, in := range c.instrs {
		in.reads, in.writes = c.touches(i, in)
		if in.shares {
			in.writes = append(in.writes, touch[T]{space, 0, 1, whole})
		}
		add := func(d int) {
			if !slices.Contains(deps[i], d) {
				deps[i] = append(deps[i], d)
			}
		}
		for _, t := range in.reads {
			for _, d := range users[t.v] {
				if touching(c.instrs[d].writes, t) {
					add(d)
				}
			}
		}
		for _, t := range in.writes {
			for _, d := range users[t.v] {
				if touching(c.instrs[d].writes, t) || touching(c.instrs[d].reads, t) {
					add(d)
				}
			}
		}
		for _, t := range append(slices.Clip(in.reads), in.writes...) {
			if u := users[t.v]; len(u) == 0 || u[len(u)-1] != i {
				users[t.v] = append(u, i)
			}
		}
	}
	return deps
}

func touching[T float](list []touch[T], t touch[T]) bool {
	return slices.ContainsFunc(list, t.meets)
}

// urgent orders the instructions of each phase by how many wait for them in a row. Those of
// a bundle are as urgent as the first that something waits for.
func (c *compiler[T]) urgent(deps [][]int) []int {
	n := len(c.instrs)
	height, order := make([]int, n), make([]int, n)
	phases := [][]int{order[:c.late], order[c.late:c.updates], order[c.updates:]}
	phase := func(i int) int {
		switch {
		case i < c.late:
			return 0
		case i < c.updates:
			return 1
		}
		return 2
	}
	for i := n - 1; i >= 0; i-- {
		order[i] = i
		if !c.instrs[i].head() {
			continue
		}
		members := c.members(i)
		top := slices.Max(height[i : i+members])
		for m := i; m < i+members; m++ {
			height[m] = top
			for _, d := range deps[m] {
				if d < i && phase(d) == phase(i) {
					height[d] = max(height[d], top+1)
				}
			}
		}
	}
	for _, part := range phases {
		slices.SortStableFunc(part, func(a, b int) int { return cmp.Compare(height[b], height[a]) })
	}
	return order
}

// members is how many instructions, from i on, are put into stages together.
func (c *compiler[T]) members(i int) int {
	if b := c.instrs[i].bundle; b != nil {
		return len(b.instrs)
	}
	return 1
}

// joinLane is the lane of that stage that instruction i is to be part of, or nil. It must
// not become slower by it than a stage more would be. Where what the instruction waits
// for is of several lanes, those become one.
func (c *compiler[T]) joinLane(i int, deps []int, lanes []*lane[T], at int) *lane[T] {
	var joined []*lane[T]
	for _, d := range deps {
		if lanes[d].at == at && !slices.Contains(joined, lanes[d]) {
			joined = append(joined, lanes[d])
		}
	}
	apart := 0.0
	all := []cutting[T]{}
	var instrs []int
	for k, l := range joined {
		if len(l.cuts) == 0 {
			return nil
		}
		apart += fastest(l.cuts).time()
		instrs = append(instrs, l.instrs...)
		if k == 0 {
			all = l.cuts
			continue
		}
		var both []cutting[T]
		for _, a := range all {
			for _, b := range l.cuts {
				if a.n() == b.n() {
					both = append(both, a.with(b))
				}
			}
		}
		all = few(both)
	}
	if len(instrs) >= mostInLane {
		return nil
	}
	var members []int // that it waits for
	for k, m := range instrs {
		if slices.Contains(deps, m) {
			members = append(members, k)
		}
	}
	own := alone(c.instrs[i])
	var cuts []cutting[T]
	for _, cut := range all {
		for _, o := range own {
			if w := o.ways[0]; w.n == cut.n() && w.follows(cut.ways, members) {
				cuts = append(cuts, cut.with(o))
			}
		}
	}
	if len(cuts) == 0 || fastest(cuts).time() > 1.02*(apart+fastest(own).time())+barrierTime {
		return nil
	}
	cuts = few(cuts)
	l := joined[0]
	for _, o := range joined[1:] {
		for _, m := range o.instrs {
			lanes[m] = l
		}
		o.instrs = nil
	}
	l.instrs, l.cuts = instrs, cuts
	return l
}

// mostInLane is how many instructions a lane has before another begins: what joins one to it
// looks at all of them.
const mostInLane = 128

// alone lists how an instruction can be cut that is a lane of its own.
func alone[T float](in *instr[T]) (cuts []cutting[T]) {
	for _, w := range in.ways {
		cuts = append(cuts, cutting[T]{[]*way[T]{w}, w.granule, w.cost, w.remote, w.each})
	}
	return cuts
}

// few is the fastest of them: of what can be cut in two ways each into the same parts
// there are too many together.
func few[T float](cuts []cutting[T]) []cutting[T] {
	const most = 4
	slices.SortStableFunc(cuts, func(a, b cutting[T]) int { return cmp.Compare(a.time(), b.time()) })
	return cuts[:min(len(cuts), most)]
}

func fastest[T float](cuts []cutting[T]) cutting[T] {
	return slices.MinFunc(cuts, func(a, b cutting[T]) int { return cmp.Compare(a.time(), b.time()) })
}

// follows reports whether every part of w waits for that part alone of those members.
func (w *way[T]) follows(ways []*way[T], members []int) bool {
	for _, m := range members {
		if !apartBut(ways[m].writes, w.reads) || !apartBut(ways[m].writes, w.writes) || !apartBut(ways[m].reads, w.writes) {
			return false
		}
	}
	return true
}

// apartBut reports whether of two lists of touches those that meet agree.
func apartBut[T float](a, b []touch[T]) bool {
	for _, t := range a {
		for _, u := range b {
			if t.meets(u) && !t.agrees(u) {
				return false
			}
		}
	}
	return true
}

// order puts the instructions in the order of their stages.
func (c *compiler[T]) order(at []int, list []*lane[T], stages int) {
	n := len(c.instrs)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(at[a], at[b]) })
	place, instrs := make([]int, n), make([]*instr[T], n)
	for k, i := range order {
		place[i], instrs[k] = k, c.instrs[i]
		instrs[k].stage = at[i]
	}
	c.instrs = instrs
	for id, i := range c.at {
		if i >= 0 {
			c.at[id] = place[i]
		}
	}
	c.staged = make([]stage[T], stages)
	for _, l := range list {
		for k, i := range l.instrs {
			l.instrs[k] = place[i]
		}
		c.staged[l.at].lanes = append(c.staged[l.at].lanes, l)
	}
	for _, s := range c.staged {
		total := costOf(s.lanes)
		for _, l := range s.lanes {
			l.cut(total)
			l.back = l.instrs[0] >= c.late
		}
	}
}

// jobs lists what the pool runs, one behind the other, and the first that are late, and
// updates.
func (c *compiler[T]) jobs() (jobs []*job, split [2]int) {
	count := func(i int) {
		if i < c.late {
			split[0] = len(jobs)
		}
		if i < c.updates {
			split[1] = len(jobs)
		}
	}
	if !c.fuse {
		for i, in := range c.instrs {
			jobs = append(jobs, in.jobs...)
			count(i)
		}
		return jobs, split
	}
	for _, s := range c.staged {
		var before stage[T]
		for _, l := range s.lanes {
			for _, i := range l.instrs {
				if b := c.instrs[i].before; b != nil {
					before.lanes = append(before.lanes, laneOf[T](b))
				}
			}
		}
		jobs = append(jobs, before.jobs(c.threads)...)
		jobs = append(jobs, s.jobs(c.threads)...)
		count(s.lanes[0].instrs[0])
	}
	return jobs, split
}
