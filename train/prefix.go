package train

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A Prefix is the part of a net, from its inputs on, whose results are the same
// in every step: what it makes of a row is to be computed once.
type Prefix struct {
	// Layers are the layers that need not be run again, in the model's order.
	Layers []string
	// Fields say what the layers behind the prefix take of one row: results of
	// layers, and inputs of the data that something else needs as well.
	Fields []data.Field

	net   *Net
	outs  []string // the layers whose results are the first fields
	rest  []int    // inputs of the schema that are the others
	feeds []string // what plans call the fields
	key   string
}

// A Cache keeps what a [Prefix] makes of rows.
type Cache interface {
	// Features is the rows of src with the prefix's fields in place of their
	// inputs, or nil where they are not to be kept.
	Features(ctx context.Context, p *Prefix, src data.Source) (data.Source, error)
}

// Prefix finds the longest part of the net, from its inputs on, that training
// leaves alone: layers whose weights are all frozen, whose statistics do not
// move, that draw no random numbers, that take each row for itself, and that compute the same in training as at
// prediction, each with all that it takes its input from. It is nil where no
// layer with weights is among them.
func (n *Net) Prefix() (*Prefix, error) {
	const rows = 2 // stand for any number
	b, t := n.trace(training, rows, false)
	other, u := n.trace(evaluating, rows, false)
	if err := errors.Join(b.Err(), other.Err()); err != nil {
		return nil, err
	}
	moving := map[string]bool{}
	for _, up := range b.Updates() {
		moving[up.Param.Name()] = true
	}
	steady := func(p *param.Param) bool { return p.Frozen || p.Kind == param.Stat && !moving[p.Name] }
	learning, predicting := n.describe(b, t.scope, steady), n.describe(other, u.scope, steady)
	inside := map[int]bool{} // nodes that are results of layers of the prefix
	p := &Prefix{net: n}
	same := func(i int, a param.Applied) bool {
		x, y := a.Out, u.scope.Layers()[i].Out
		return x.Valid() && x.Rank() > 0 && x.Dim(0) == rows && learning[x.ID()].steady && learning[x.ID()].digest == predicting[y.ID()].digest
	}
	layers := t.scope.Layers()
	for i, a := range layers {
		if a.Depth == 0 && same(i, a) {
			inside[a.Out.ID()] = true
		}
	}
	cut := map[int]bool{}
	need := func(x graph.Node) {
		if x.Valid() && inside[x.ID()] && learning[x.ID()].weights {
			cut[x.ID()] = true
		}
	}
	for i, a := range layers {
		if a.Depth > 0 || same(i, a) {
			continue
		}
		for _, x := range a.In {
			need(x)
		}
	}
	for _, x := range t.outs {
		need(x)
	}
	for i, a := range layers {
		if a.Depth > 0 || !same(i, a) {
			continue
		}
		if !strings.HasPrefix(a.Path, "preprocess") {
			p.Layers = append(p.Layers, a.Name)
		}
		if id := a.Out.ID(); cut[id] {
			delete(cut, id)
			p.add(a.Name, a.Out)
		}
	}
	if len(p.outs) == 0 {
		return nil, nil
	}
	// What else the layers behind it take of the data stays an input.
	for _, x := range p.cut(b, t.scope).Inputs() {
		for i, feed := range n.feeds {
			if x.Name() == feed {
				p.rest = append(p.rest, n.in[i])
				p.Fields = append(p.Fields, n.cfg.Data.Inputs[n.in[i]])
				p.feeds = append(p.feeds, feed)
			}
		}
	}
	return p, p.finish()
}

// Until is the prefix that ends with the named layers of the model, at
// prediction, whatever is frozen: what to train the layers above them on, or to
// look at. Masks of the results do not go with them: end the prefix in front of what makes one,
// or behind what takes it.
func (n *Net) Until(layers ...string) (*Prefix, error) {
	const rows = 2
	b, t := n.trace(predicting, rows, false)
	if err := b.Err(); err != nil {
		return nil, err
	}
	p := &Prefix{net: n}
	facts := n.describe(b, t.scope, fixed)
	var names []string
	for _, a := range t.scope.Layers() {
		names = append(names, a.Name)
	}
	for _, name := range layers {
		i := slices.Index(names, name)
		if i < 0 {
			return nil, fmt.Errorf("no layer is called %q; there are %s", name, strings.Join(names, ", "))
		}
		a := t.scope.Layers()[i]
		if a.Out.Rank() == 0 || a.Out.Dim(0) != rows {
			return nil, fmt.Errorf("layer %q gives %v, which is not one value for each row", name, a.Out.Type())
		}
		if !facts[a.Out.ID()].steady {
			return nil, fmt.Errorf("what layer %q gives for a row depends on the others of its batch; end the prefix before it", name)
		}
		p.add(a.Name, a.Out)
	}
	if len(p.outs) == 0 {
		return nil, errors.New("a prefix ends with at least one layer; none is named")
	}
	p.Layers = slices.Clone(p.outs)
	return p, p.finish()
}

// add makes a layer's result a field.
func (p *Prefix) add(layer string, x graph.Node) {
	p.outs = append(p.outs, layer)
	p.Fields = append(p.Fields, data.Field{Name: layer, DType: x.Type().Kind.DType(p.net.cfg.Float), Shape: x.Shape()[1:].Clone()})
	p.feeds = append(p.feeds, "prefix:"+layer)
}

// Schema is that of rows of the net's data with the prefix's fields for inputs.
func (p *Prefix) Schema() data.Schema {
	s := p.net.cfg.Data
	s.Inputs = p.Fields
	return s
}

// Key is a text that two prefixes share where they make the same of the same
// rows, bit by bit: a hash of what is computed, preprocessing included, of the
// weights and statistics, the precision and the kernels of the processor.
func (p *Prefix) Key() string { return p.key }

// found lists the results of the prefix's layers in a trace.
func (p *Prefix) found(s *param.Scope) map[int]int {
	at := map[int]int{}
	for _, a := range s.Layers() {
		if i := slices.Index(p.outs, a.Name); i >= 0 && a.Out.Valid() {
			at[a.Out.ID()] = i
		}
	}
	return at
}

// cut makes the prefix's results inputs of a graph, and drops what only they
// needed.
func (p *Prefix) cut(b *graph.Builder, s *param.Scope) *graph.Builder {
	at := p.found(s)
	b = graph.Rewrite(b, func(dst *graph.Builder, x graph.Node, _ []graph.Node) graph.Node {
		if i, ok := at[x.ID()]; ok {
			return dst.Input(p.feeds[i], x.Type().Kind, x.Shape()...)
		}
		return graph.Node{}
	})
	return graph.Rewrite(b, func(*graph.Builder, graph.Node, []graph.Node) graph.Node { return graph.Node{} })
}

// trace builds the prefix alone, its results being outputs.
func (p *Prefix) trace(rows int) (*graph.Builder, *traced) {
	b := graph.New()
	t := &traced{scope: param.NewScope(b, p.net.Params, param.Options{Seed: p.net.cfg.Seed})}
	t.outs = format.Trace(t.scope, p.net.Model, p.net.prep, p.net.cfg.Data, rows)
	for _, a := range t.scope.Layers() {
		if i := slices.Index(p.outs, a.Name); i >= 0 {
			b.Output(fmt.Sprint("field:", i), a.Out)
		}
	}
	return b, t
}

// finish computes the key.
func (p *Prefix) finish() error {
	b, t := p.trace(2)
	if err := b.Err(); err != nil {
		return err
	}
	h := sha256.New()
	fmt.Fprintf(h, "prefix 1\n%v %s %s\n", p.net.cfg.Float, p.net.cfg.Backend.Name(), family(p.net.cfg.Backend, p.net.cfg.Products))
	facts := p.net.describe(b, t.scope, fixed)
	for i, name := range p.outs {
		for _, a := range t.scope.Layers() {
			if a.Name == name {
				d := facts[a.Out.ID()].digest
				fmt.Fprintf(h, "%d %v %x\n", i, p.Fields[i], d)
			}
		}
	}
	for _, f := range p.Fields[len(p.outs):] {
		fmt.Fprintf(h, "input %v\n", f)
	}
	live := b.Live()
	for _, x := range b.Params() {
		if live[x.ID()] {
			fmt.Fprintf(h, "%s %v\n", x.Name(), x.Shape())
			h.Write(p.net.Params.Value(x.Name()).Bytes())
		}
	}
	p.key = fmt.Sprintf("%x", h.Sum(nil))
	return nil
}

// family is what else than its name decides about a backend's last bits.
func family(b backend.Backend, products tensor.DType) string {
	if _, ok := b.(*cpu.Backend); ok {
		return cpu.Kernels(products)
	}
	return ""
}

// nodeFacts is what a node is, whatever its number and layer.
type nodeFacts struct {
	digest  [sha256.Size]byte // of what it computes
	steady  bool              // the same in every step and batch, for the same rows
	weights bool              // some weight is part of it
}

// fixed takes every parameter for one that stays as it is.
func fixed(*param.Param) bool { return true }

// describe says what every node of a trace is.
func (n *Net) describe(b *graph.Builder, s *param.Scope, steady func(*param.Param) bool) []nodeFacts {
	out := make([]nodeFacts, b.Len())
	mixed := map[int]bool{} // of rows with others of their batch
	for _, l := range s.Layers() {
		if _, ok := l.Layer.(nn.Batchwise); ok && l.Out.Valid() {
			mixed[l.Out.ID()] = true
		}
	}
	for x := range b.Nodes() {
		a := nodeFacts{steady: true}
		h := sha256.New()
		fmt.Fprintf(h, "%s %v %+v ", x.Op().Name, x.Type(), x.Attr())
		switch x.Op().Name {
		case "input":
			a.steady = slices.Contains(n.feeds, x.Name())
		case "param":
			p := n.Params.Get(x.Name())
			a.steady = p != nil && steady(p)
			a.weights = p != nil && p.Kind == param.Weight
		case "random_uniform", "random_normal":
			a.steady = false
		}
		a.steady = a.steady && !mixed[x.ID()]
		for _, in := range x.Ins() {
			i := out[in.ID()]
			h.Write(i.digest[:])
			a.steady = a.steady && i.steady
			a.weights = a.weights || i.weights
		}
		h.Sum(a.digest[:0])
		out[x.ID()] = a
	}
	return out
}

// Run makes the prefix's fields of every row of src, in its order: batches
// whose inputs they are, with the rows' targets and weights. A batch is valid
// until the next one.
func (p *Prefix) Run(ctx context.Context, src data.Source) iter.Seq2[*data.Batch, error] {
	return func(yield func(*data.Batch, error) bool) {
		if err := p.run(ctx, src, yield); err != nil {
			yield(nil, err)
		}
	}
}

func (p *Prefix) run(ctx context.Context, src data.Source, yield func(*data.Batch, error) bool) error {
	n := p.net
	plans := map[int]*compiled{}
	defer func() {
		for _, c := range plans {
			c.plan.Close()
		}
	}()
	for batch, err := range data.Batches(src, evalBatch, data.Order{}) {
		if err != nil {
			return err
		}
		c := plans[batch.N]
		if c == nil {
			b, _ := p.trace(batch.N)
			if c, err = n.compile(b, nil); err != nil {
				return err
			}
			plans[batch.N] = c
		}
		if err := n.load(c, batch, predicting, nil); err != nil {
			return err
		}
		if err := c.plan.Run(ctx, backend.Inputs{Values: c.feed}); err != nil {
			return err
		}
		x, y := batch.View()
		out := &data.Batch{N: batch.N, Y: y, Weight: batch.Weight, Index: batch.Index}
		for i := range p.outs {
			out.X = append(out.X, c.plan.Output(fmt.Sprint("field:", i)))
		}
		for _, i := range p.rest {
			out.X = append(out.X, x[i])
		}
		if !yield(out, nil) {
			return nil
		}
	}
	return nil
}

// behind is a source whose rows are a prefix's fields.
type behind struct {
	data.Source
	prefix *Prefix
}

// sources finds what a run trains and validates on from here: with the prefix
// run already, where there is one and the run's cache keeps it.
func (t *Trainer) sources(ctx context.Context, run Run) (src, val data.Source, err error) {
	t.moved = false
	if err := t.forget(); err != nil {
		return nil, nil, err
	}
	if run.Cache == nil || !data.Steady(run.Train) {
		return run.Train, run.Val, nil
	}
	p, err := t.Prefix()
	if p == nil || err != nil {
		return run.Train, run.Val, err
	}
	src, err = run.Cache.Features(ctx, p, run.Train)
	if src == nil || err != nil {
		return run.Train, run.Val, err
	}
	t.prefix = p
	src, val = behind{src, p}, run.Val
	if val == nil || !data.Steady(val) {
		return src, val, nil
	}
	switch kept, err := run.Cache.Features(ctx, p, val); {
	case err != nil:
		return nil, nil, err
	case kept != nil:
		val = behind{kept, p}
	}
	return src, val, nil
}

// forget ends the plans that a prefix was cut off.
func (n *Net) forget() error {
	n.prefix = nil
	var errs []error
	for k, c := range n.plans {
		if k.mode&behindPrefix != 0 {
			errs = append(errs, c.plan.Close())
			delete(n.plans, k)
		}
	}
	return errors.Join(errs...)
}
