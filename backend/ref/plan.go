package ref

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// Backend is the interpreter. The zero value runs every op as it is.
type Backend struct {
	// Lower replaces each op that is defined by simpler ones with those.
	Lower bool
}

// Name is "ref", or "ref-lowered" of an interpreter that lowers.
func (b Backend) Name() string {
	if b.Lower {
		return "ref-lowered"
	}
	return "ref"
}

// Compile checks the graph and finds its parameters. Options.Threads is of no
// account: one thread does it all.
func (b Backend) Compile(g *graph.Builder, o backend.Options) (backend.Plan, error) {
	if err := g.Err(); err != nil {
		return nil, err
	}
	if o.Float == tensor.Invalid {
		o.Float = tensor.Float32
	}
	if o.Float != tensor.Float32 && o.Float != tensor.Float64 {
		return nil, fmt.Errorf("precision %v: want float32 or float64", o.Float)
	}
	if o.Products != tensor.Invalid {
		return nil, fmt.Errorf("ref rounds no operands of products, to %v or else", o.Products)
	}
	g = b.lower(g)
	p := &plan{g: g, float: o.Float, state: map[string]*tensor.Tensor{}, out: map[string]*tensor.Tensor{}}
	errs := []error{g.Err()}
	for x := range g.Nodes() {
		name := x.Op().Name
		switch {
		case name == "param":
			t, err := p.find(x, o.State)
			errs = append(errs, err)
			p.state[x.Name()] = t
		case name != "input" && kernels[name] == nil:
			errs = append(errs, fmt.Errorf("%s: ref has no kernel for it and it has no lowering", name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

// lower drops what nothing depends on and replaces the ops that are to be
// lowered until none is left: a definition may use such ops itself.
func (b Backend) lower(g *graph.Builder) *graph.Builder {
	for changed := true; changed; {
		changed = false
		g = graph.Rewrite(g, func(_ *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
			op := x.Op()
			if op.Lower == nil || !b.Lower && kernels[op.Name] != nil {
				return graph.Node{}
			}
			changed = true
			return op.Lower(in, x.Attr())
		})
		if g.Err() != nil {
			break
		}
	}
	return g
}

type plan struct {
	g     *graph.Builder
	float tensor.DType
	state map[string]*tensor.Tensor
	out   map[string]*tensor.Tensor
}

func (p *plan) find(x graph.Node, state func(string) *tensor.Tensor) (*tensor.Tensor, error) {
	var t *tensor.Tensor
	if state != nil {
		t = state(x.Name())
	}
	if t == nil {
		return nil, fmt.Errorf("parameter %q is missing from the state", x.Name())
	}
	return t, p.fits("parameter", x, t)
}

func (p *plan) fits(what string, x graph.Node, t *tensor.Tensor) error {
	if want := x.Type().Kind.DType(p.float); t.DType() != want || !t.Shape().Equal(x.Shape()) {
		return fmt.Errorf("%s %q is %v%v: want %v%v", what, x.Name(), t.DType(), t.Shape(), want, x.Shape())
	}
	return nil
}

func (p *plan) Run(ctx context.Context, in backend.Inputs) error {
	for _, err := range p.Steps(ctx, in) {
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) Steps(ctx context.Context, in backend.Inputs) iter.Seq2[backend.Event, error] {
	return func(yield func(backend.Event, error) bool) {
		if err := p.check(in); err != nil {
			yield(backend.Event{}, err)
			return
		}
		vals := make([][]float64, p.g.Len())
		for x := range p.g.Nodes() {
			if err := ctx.Err(); err != nil {
				yield(backend.Event{}, err)
				return
			}
			switch x.Op().Name {
			case "input":
				vals[x.ID()] = floats(in.Values[x.Name()])
				continue
			case "param":
				vals[x.ID()] = floats(p.state[x.Name()])
				continue
			}
			c := call{Node: x, in: make([][]float64, x.NumIn()), seed: in.Seed, step: in.Step}
			for i, y := range x.Ins() {
				c.in[i] = vals[y.ID()]
			}
			v := kernels[x.Op().Name](c)
			if x.Type().Kind == graph.Float && p.float == tensor.Float32 {
				for i := range v {
					v[i] = float64(float32(v[i]))
				}
			}
			vals[x.ID()] = v
			if x.NumIn() > 0 && !yield(backend.Event{Op: x.Op().Name, Path: x.Path(), Value: p.tensor(x, v)}, nil) {
				return
			}
		}
		for _, o := range p.g.Outputs() {
			p.setOutput(o, vals[o.Node.ID()])
		}
		for _, x := range p.g.Guards() {
			for _, v := range vals[x.ID()] {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return
				}
			}
		}
		for _, u := range p.g.Updates() {
			fill(p.state[u.Param.Name()], vals[u.Next.ID()])
		}
	}
}

func (p *plan) check(in backend.Inputs) error {
	var errs []error
	for _, x := range p.g.Inputs() {
		if t := in.Values[x.Name()]; t == nil {
			errs = append(errs, fmt.Errorf("input %q of type %v is missing", x.Name(), x.Type()))
		} else {
			errs = append(errs, p.fits("input", x, t))
		}
	}
	return errors.Join(errs...)
}

func (p *plan) setOutput(o graph.Named, v []float64) {
	if p.out[o.Name] == nil {
		p.out[o.Name] = p.tensor(o.Node, v)
	}
	fill(p.out[o.Name], v)
}

func (p *plan) tensor(x graph.Node, v []float64) *tensor.Tensor {
	t := tensor.New(x.Type().Kind.DType(p.float), x.Shape()...)
	fill(t, v)
	return t
}

func (p *plan) Output(name string) *tensor.Tensor { return p.out[name] }

func (p *plan) Dump(w io.Writer) error { return p.g.Dump(w) }

func (p *plan) Close() error { return nil }

func fill(t *tensor.Tensor, v []float64) {
	for i, f := range v {
		t.SetFlat(i, f)
	}
}

func floats(t *tensor.Tensor) []float64 {
	v := make([]float64, t.Len())
	for i := range v {
		v[i] = t.Flat(i)
	}
	return v
}
