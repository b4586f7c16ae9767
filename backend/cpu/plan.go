package cpu

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// A plan is a compiled graph with its memory.
type plan[T float] struct {
	*compiler[T]
	owner   *Backend
	pool    *pool
	source  *graph.Builder
	options backend.Options
	outputs []output
	guards  []*value[T]
	bounds  []*value[T]
	arena   int
	jobs    []*job            // of all instructions
	split   [2]int            // the first of those that are late, and that are updates
	costs   []backend.Cost    // of each instruction, while they are timed
	bests   [][]time.Duration // of each instruction's chunks
	order   []namedValue[T]
}

type output struct {
	name string
	t    *tensor.Tensor
}

type namedValue[T float] struct {
	name string
	v    *value[T]
}

// runKey is what random ops read: it changes at every run.
type runKey struct{ seed, step uint64 }

func newPlan[T float](b *Backend, g *graph.Builder, o backend.Options) (backend.Plan, error) {
	pool := b.acquire(o.Threads)
	c, err := compile[T](g, o, pool.threads, true)
	if err != nil {
		b.release(pool)
		return nil, err
	}
	return finish(c, b, pool, g, o), nil
}

// finish lays out the memory and binds it.
func finish[T float](c *compiler[T], b *Backend, pool *pool, g *graph.Builder, o backend.Options) *plan[T] {
	p := &plan[T]{compiler: c, owner: b, pool: pool, source: g, options: o}
	p.arena = layout(c.distinct(), c.float)
	mem := tensor.Aligned(p.arena)
	largePages(mem)
	for _, v := range c.params {
		largePages(v.t.Bytes())
	}
	for _, v := range c.distinct() {
		if v.arena {
			dt := v.typ.Kind.DType(c.float)
			t, err := tensor.Wrap(dt, mem[v.offset:v.offset+v.typ.Shape.Len()*dt.Size()], v.typ.Shape...)
			if err != nil {
				panic("cpu: " + err.Error())
			}
			v.bind(t)
		}
	}
	for _, out := range c.g.Outputs() {
		c.of(out.Node) // views of outputs and guards come to be here
	}
	for _, x := range append(slices.Clip(c.g.Guards()), c.bounds...) {
		c.of(x)
	}
	for _, v := range c.views {
		size := v.typ.Kind.DType(c.float).Size()
		t, err := tensor.Wrap(v.typ.Kind.DType(c.float), v.of.t.Bytes()[v.off*size:(v.off+v.typ.Shape.Len())*size], v.typ.Shape...)
		if err != nil {
			panic("cpu: " + err.Error())
		}
		v.bind(t)
	}
	for _, out := range c.g.Outputs() {
		v := c.of(out.Node)
		t := v.t
		if !t.Shape().Equal(out.Node.Shape()) {
			t, _ = t.Reshape(out.Node.Shape()...)
		}
		p.outputs = append(p.outputs, output{out.Name, t})
	}
	for _, x := range c.g.Guards() {
		p.guards = append(p.guards, c.of(x))
	}
	for _, x := range c.bounds {
		p.bounds = append(p.bounds, c.of(x))
	}
	p.jobs, p.split = c.jobs()
	for _, in := range c.g.Inputs() {
		p.order = append(p.order, namedValue[T]{in.Name(), c.inputs[in.Name()]})
	}
	return p
}

// distinct lists each value once.
func (c *compiler[T]) distinct() []*value[T] {
	var out []*value[T]
	seen := map[*value[T]]bool{}
	for _, v := range c.value {
		if v != nil && !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// bindInputs checks and sets what a run is given.
func (p *plan[T]) bindInputs(in backend.Inputs) error {
	for _, o := range p.order {
		t := in.Values[o.name]
		if t == nil {
			return fmt.Errorf("input %q is missing", o.name)
		}
		if want := o.v.typ.Kind.DType(p.float); t.DType() != want || !t.Shape().Equal(o.v.typ.Shape) {
			return fmt.Errorf("input %q is %v%v, the plan wants %v%v", o.name, t.DType(), t.Shape(), want, o.v.typ.Shape)
		}
	}
	for _, o := range p.order {
		o.v.bind(in.Values[o.name])
	}
	p.key.seed, p.key.step = in.Seed, in.Step
	return nil
}

// Run computes the outputs and the updates. See [backend.Plan].
func (p *plan[T]) Run(ctx context.Context, in backend.Inputs) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.bindInputs(in); err != nil {
		return err
	}
	p.each(0, p.late, p.jobs[:p.split[0]])
	if !finite(p.bounds) {
		p.held = true // then the guards are there before anything changes
		p.each(p.late, p.updates, p.jobs[p.split[0]:p.split[1]])
		p.held = false
		if !finite(p.guards) {
			return nil
		}
	}
	p.each(p.late, len(p.instrs), p.jobs[p.split[0]:])
	for _, c := range p.copies {
		copy(c.to.t.Bytes(), c.from.t.Bytes())
	}
	return nil
}

func finite[T float](values []*value[T]) bool {
	for _, v := range values {
		for _, x := range v.f {
			if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
				return false
			}
		}
	}
	return true
}

// Output is the result of that name. See [backend.Plan].
func (p *plan[T]) Output(name string) *tensor.Tensor {
	for i := range p.outputs {
		if p.outputs[i].name == name {
			return p.outputs[i].t
		}
	}
	return nil
}

// Steps runs the graph op by op. See [backend.Plan].
func (p *plan[T]) Steps(ctx context.Context, in backend.Inputs) iter.Seq2[backend.Event, error] {
	return func(yield func(backend.Event, error) bool) {
		c, err := compile[T](p.source, p.options, p.threads, false)
		if err != nil {
			yield(backend.Event{}, err)
			return
		}
		q := finish(c, p.owner, p.pool, p.source, p.options)
		if err := q.bindInputs(in); err != nil {
			yield(backend.Event{}, err)
			return
		}
		for k, i := range q.instrs {
			if err := ctx.Err(); err != nil {
				yield(backend.Event{}, err)
				return
			}
			if k == q.updates && !finite(q.guards) {
				p.take(q)
				return
			}
			q.pool.do(i.jobs)
			x := i.node
			if i.group != nil {
				x = i.group.nodes[0]
			}
			if !yield(backend.Event{Op: x.Op().Name, Path: x.Path(), Value: q.of(x).t}, nil) {
				return
			}
		}
		for _, c := range q.copies {
			copy(c.to.t.Bytes(), c.from.t.Bytes())
		}
		p.take(q)
	}
}

// take makes the outputs of q, a plan of the same graph, those of p.
func (p *plan[T]) take(q *plan[T]) {
	for i, o := range p.outputs {
		copy(o.t.Bytes(), q.outputs[i].t.Bytes())
	}
}

// Dump writes the instructions by stages, with the lanes of each: chunks, ops, results
// and where they lie. The chunks of an instruction are those it has where it runs alone.
func (p *plan[T]) Dump(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "plan %v, arena %d bytes, %d instructions, bounded ones from %d, updates from %d\n", p.float, p.arena, len(p.instrs), p.late, p.updates); err != nil {
		return err
	}
	place := func(x graph.Node) string {
		v := p.value[p.root[x.ID()]]
		if p.off[x.ID()] > 0 {
			v = p.of(x)
		}
		switch {
		case v == nil:
			return "register"
		case v.arena:
			return fmt.Sprintf("@%d", v.offset)
		case v.local:
			return "part by part"
		case p.inplace[x.ID()]:
			return "in place"
		}
		return "bound"
	}
	line := func(x graph.Node, indent string) error {
		_, err := fmt.Fprintf(w, "%s%%%d %s %v", indent, x.ID(), x.Op().Name, x.Type())
		for _, in := range x.Ins() {
			fmt.Fprintf(w, " %%%d", in.ID())
		}
		fmt.Fprintf(w, " -> %s", place(x))
		if x.Path() != "" {
			fmt.Fprintf(w, " (%s)", x.Path())
		}
		fmt.Fprintln(w)
		return err
	}
	stage := -1
	for k, i := range p.instrs {
		if p.staged != nil && i.stage != stage {
			stage = i.stage
			if _, err := fmt.Fprintf(w, "stage %d\n", stage); err != nil {
				return err
			}
			for _, l := range p.staged[stage].lanes {
				fmt.Fprintf(w, "  lane %v x%d\n", l.instrs, l.chunks)
			}
		}
		if i.group == nil {
			if err := line(i.node, fmt.Sprintf("%d x%d ", k, i.chunks)); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(w, "%d x%d tile %v\n", k, i.chunks, i.group.shape); err != nil {
			return err
		}
		for _, x := range i.group.nodes {
			if err := line(x, "    "); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close gives the pool back.
func (p *plan[T]) Close() error {
	if p.pool != nil {
		p.owner.release(p.pool)
		p.pool = nil
	}
	return nil
}
