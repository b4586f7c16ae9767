package cpu

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nadir-ml/nadir/backend"
)

// Profile times the instructions from the next run on. See [backend.Profiled].
func (p *plan[T]) Profile(on bool) {
	p.costs, p.bests = nil, nil
	if !on {
		return
	}
	for _, in := range p.instrs {
		p.costs = append(p.costs, backend.Cost{Op: in.describe(), Path: in.path, Flops: in.flops, Best: time.Hour})
		chunks := 0
		for _, j := range in.jobs {
			chunks += j.chunks
		}
		p.bests = append(p.bests, slices.Repeat([]time.Duration{time.Hour}, chunks))
	}
}

// Costs are those of the runs since Profile. See [backend.Profiled].
func (p *plan[T]) Costs() []backend.Cost { return slices.Clone(p.costs) }

// Arena is the size of the arena in bytes. See [backend.Profiled].
func (p *plan[T]) Arena() int { return p.arena }

// describe names an instruction by its ops and the shape of its result, the first of a bundle
// by all of them.
func (in *instr[T]) describe() string {
	if b := in.bundle; b != nil && in.head() {
		var ops []string
		for _, x := range b.parts() {
			ops = append(ops, x.Op().Name)
		}
		return fmt.Sprintf("%s %v", strings.Join(ops, " "), in.node.Shape())
	}
	if in.group == nil {
		return fmt.Sprintf("%s %v", in.op, in.node.Shape())
	}
	var ops []string
	for _, x := range in.group.nodes {
		ops = append(ops, x.Op().Name)
	}
	return fmt.Sprintf("%s %v", strings.Join(ops, " "), in.group.shape)
}

// each runs a range of instructions, whose jobs those are: all in one go, or one by
// one where they are timed.
func (p *plan[T]) each(from, to int, jobs []*job) {
	if p.costs == nil {
		p.pool.do(jobs)
		return
	}
	for i := from; i < to; i++ {
		in, c := p.instrs[i], &p.costs[i]
		if p.pool.threads > 1 {
			start := time.Now()
			p.pool.do(in.jobs)
			took := time.Since(start)
			c.Total += took
			c.Best = min(c.Best, took)
			continue
		}
		// Chunk by chunk: a short time is more often a quiet one.
		c.Best = 0
		k := 0
		for _, j := range in.jobs {
			for chunk := range j.chunks {
				start := time.Now()
				j.run(0, chunk)
				took := time.Since(start)
				c.Total += took
				p.bests[i][k] = min(p.bests[i][k], took)
				c.Best += p.bests[i][k]
				k++
			}
		}
	}
}
