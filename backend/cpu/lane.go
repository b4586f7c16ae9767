package cpu

import (
	"cmp"
	"slices"
)

// A lane is one instruction, or several of which each part of one waits for the same
// part of those before it alone: a product by rows, the function behind it, the next
// product. A chunk of a lane takes its parts through all of them.
type lane[T float] struct {
	at      int // the stage
	instrs  []int
	cuts    []cutting[T] // that are open to all; none where an instruction has chunks of its own
	n       int          // parts
	granule int          // what chunks begin at multiples of
	block   int          // parts that are taken through all at a time; 0 for all of a chunk
	back    bool         // the last chunk comes first
	chunks  int
	cost    float64 // ns on one core, roughly
	run     []func(worker, lo, hi int)
}

// What things take in ns, roughly, and how much of it a worker is given at a time.
const (
	additionTime = 0.05     // of an element of a tile program, in a first-level cache
	multiplyTime = 1.0 / 75 // of a multiply-add of a product
	remoteTime   = 0.3      // of a number that another core has written
	lineTime     = 60.0     // of a line that two cores write
	packTime     = 0.1      // of a number of a product's B that is laid out anew
	readTime     = 0.1      // of one that comes from beyond the second-level cache
	stepTime     = 15.0     // of a step of a tile program, besides its elements
	leastChunk   = 2000.0   // that is worth handing to another core
	mostClaim    = 250e3    // that a worker takes at once
	leastShared  = 60e3     // of a worker's own, of which it leaves a part for others
)

// cost estimates what an instruction other than a group takes.
func (c *compiler[T]) cost(in *instr[T]) float64 {
	x := in.node
	elements := x.Shape().Len()
	for _, y := range x.Ins() {
		elements += y.Shape().Len()
	}
	if in.flops > 0 {
		return in.flops/2*multiplyTime + float64(elements)*additionTime
	}
	return max(float64(elements)*additionTime, float64(in.chunks-1)*leastChunk)
}

// laneOf is a lane of a job with chunks of its own.
func laneOf[T float](j *job) *lane[T] {
	return &lane[T]{n: j.chunks, granule: 1, chunks: j.chunks, cost: float64(j.chunks) * leastChunk, run: []func(int, int, int){func(worker, lo, hi int) {
		for chunk := lo; chunk < hi; chunk++ {
			j.run(worker, chunk)
		}
	}}}
}

// settle chooses the way of a lane.
func (l *lane[T]) settle(instrs []*instr[T]) {
	l.cost = 0
	for _, i := range l.instrs {
		l.cost += instrs[i].cost
	}
	if b := instrs[l.instrs[0]].bundle; b != nil {
		l.cuts = []cutting[T]{{granule: b.block}}
		l.n, l.run = b.m, append(l.run, b.run)
		return
	}
	if in := instrs[l.instrs[0]]; len(l.cuts) == 0 || len(l.instrs) == 1 && in.own && in.chunks > 1 {
		l.cuts = nil
		own := laneOf[T](&in.job)
		l.n, l.granule, l.chunks, l.run = own.n, own.granule, own.chunks, own.run
		return
	}
	best := fastest(l.cuts)
	l.cuts = []cutting[T]{best}
	l.n = best.n()
	if len(best.ways) > 1 {
		l.measure(best)
	}
	for _, w := range best.ways {
		l.run = append(l.run, w.make())
	}
}

// cut divides a lane that can be cut, in a stage of that cost.
func (l *lane[T]) cut(stage float64) {
	if len(l.cuts) == 0 {
		return
	}
	l.granule = l.cuts[0].granule
	l.chunks = even(int(min(l.cost/leastChunk, 32*l.cost/stage)), min(mostProductChunks, l.granules()))
}

func (l *lane[T]) granules() int { return (l.n + l.granule - 1) / l.granule }

// first is the part that a chunk begins with.
func (l *lane[T]) first(chunk int) int {
	return min(chunk*l.granules()/l.chunks*l.granule, l.n)
}

// do runs chunks [from, to) of the lane, block by block. What updates do goes back over
// gradients and parameters: the last gradients to be made are still in a cache then, and
// the first parameters that the next run wants will be.
func (l *lane[T]) do(worker, from, to int) {
	if l.back {
		for to--; to >= from; to-- {
			for _, run := range l.run {
				run(worker, l.first(to), l.first(to+1))
			}
		}
		return
	}
	lo, hi := l.first(from), l.first(to)
	for lo < hi {
		next := hi
		if l.block > 0 && hi-lo >= 2*l.block {
			next = lo + l.block
		}
		for _, run := range l.run {
			run(worker, lo, next)
		}
		lo = next
	}
}

// measure sets of how many parts a block is: so few that what one instruction makes is
// in a near cache for the next, where that is not lost again in each block.
func (l *lane[T]) measure(cut cutting[T]) {
	const near = 16 << 10 // elements
	most := 1
	for _, w := range cut.ways {
		for _, t := range w.writes {
			most = max(most, t.len/l.n)
		}
	}
	l.block = max(near/most, 16, int(cut.each*float64(l.n)/(0.03*cut.cost)))
	l.block = (l.block + cut.granule - 1) / cut.granule * cut.granule
}

// A piece is a chunk of a lane.
type piece[T float] struct {
	lane  *lane[T]
	chunk int
}

func costOf[T float](lanes []*lane[T]) (total float64) {
	for _, l := range lanes {
		total += l.cost
	}
	return total
}

// jobs is what the pool runs of a stage: one job, unless it had too many chunks.
func (s *stage[T]) jobs(threads int) []*job {
	chunks := 0
	for _, l := range s.lanes {
		chunks += l.chunks
	}
	switch {
	case len(s.lanes) == 0:
		return nil
	case chunks > maxChunks:
		var jobs []*job
		for _, l := range s.lanes {
			jobs = append(jobs, deal([]*lane[T]{l}, threads))
		}
		return jobs
	}
	return []*job{deal(s.lanes, threads)}
}

// deal lays out the chunks of lanes, those of one worker behind those of another: of lanes
// with enough of them each worker has its share, and always the same, so that what it
// made in one stage is in its cache in the next; the rest goes where there is least to
// do.
func deal[T float](lanes []*lane[T], threads int) *job {
	total := costOf(lanes)
	if total < leastChunk {
		threads = 1
	}
	own, load := make([][]piece[T], threads), make([]float64, threads)
	give := func(w int, l *lane[T], chunk int) {
		own[w] = append(own[w], piece[T]{l, chunk})
		load[w] += l.cost / float64(l.chunks)
	}
	var few []*lane[T]
	for _, l := range lanes {
		if l.chunks < threads {
			few = append(few, l)
			continue
		}
		for w := range threads {
			for k := partOf(w, threads, l.chunks); k < partOf(w+1, threads, l.chunks); k++ {
				give(w, l, k)
			}
		}
	}
	slices.SortStableFunc(few, func(a, b *lane[T]) int { return cmp.Compare(b.cost/float64(b.chunks), a.cost/float64(a.chunks)) })
	for _, l := range few {
		for k := range l.chunks {
			give(slices.Index(load, slices.Min(load)), l, k)
		}
	}
	var pieces []piece[T]
	var shares []int
	for _, list := range own {
		shares = append(shares, len(pieces))
		pieces = append(pieces, list...)
	}
	stretch := func(worker, from, to int) {
		for from < to {
			p, k := pieces[from], 1
			for from+k < to && pieces[from+k].lane == p.lane && pieces[from+k].chunk == p.chunk+k {
				k++
			}
			p.lane.do(worker, p.chunk, p.chunk+k)
			from += k
		}
	}
	if threads == 1 {
		return &job{chunks: 1, run: func(worker, _ int) { stretch(worker, 0, len(pieces)) }}
	}
	claim := max(1, int(mostClaim*float64(len(pieces))/total))
	return &job{chunks: len(pieces), stretch: stretch, shares: append(shares, len(pieces)), claim: claim, whole: total < leastShared*float64(threads)}
}
