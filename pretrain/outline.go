package pretrain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/train"
)

// An outline is a net as one trace of it has it: the layers in the order in
// which they are applied. It serves to find layers and to apply some of them
// once more elsewhere.
type outline struct {
	net    *train.Net
	b      *graph.Builder
	layers []param.Applied // of the model itself; those within them are left out
	outs   []graph.Node
}

// sketch traces a net as in training, so that every layer leaves a mark.
func sketch(n *train.Net) (*outline, error) {
	o := &outline{net: n, b: graph.New()}
	s := param.NewScope(o.b, n.Params, param.Options{Training: true})
	o.outs = format.Trace(s, n.Model, n.Preprocess(), n.Data(), 2)
	if err := o.b.Err(); err != nil {
		return nil, err
	}
	for _, a := range s.Layers() {
		if a.Depth == 0 {
			o.layers = append(o.layers, a)
		}
	}
	return o, nil
}

// A unit is a dense layer to be trained.
type unit struct {
	path  string
	dense nn.Dense
	in    graph.Node // what reaches it
	at    int        // its place in the outline
}

// units finds the dense layers that a pattern names, from the lowest; without a
// pattern all but those at the top.
func (o *outline) units(pattern string) ([]unit, error) {
	all, names := o.dense()
	if len(all) == 0 {
		return nil, fmt.Errorf("layers: the model has no dense layer of its own to pretrain")
	}
	if pattern == "" {
		var hidden []unit
		for _, u := range all {
			if !o.top(u) {
				hidden = append(hidden, u)
			}
		}
		if len(hidden) == 0 {
			return nil, fmt.Errorf("layers: the model has no hidden dense layer; it has %s", strings.Join(names, ", "))
		}
		return hidden, nil
	}
	matched, err := o.net.Params.Match(pattern)
	if err != nil {
		return nil, fmt.Errorf("layers: %w", err)
	}
	var out []unit
	for _, u := range all {
		if slices.ContainsFunc(matched, func(p *param.Param) bool { return p.Name == u.path+"/kernel" }) {
			out = append(out, u)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("layers: %q names no dense layer; there are %s", pattern, strings.Join(names, ", "))
	}
	return out, nil
}

func (o *outline) dense() (all []unit, names []string) {
	for i, a := range o.layers {
		if d, ok := a.Layer.(nn.Dense); ok && !a.Shared && len(a.In) == 1 {
			all, names = append(all, unit{a.Path, d, a.In[0], i}), append(names, a.Path)
		}
	}
	return all, names
}

// kernels lists the layers that have a kernel, a weight of two axes or more, of their
// own or within them, as places in the outline.
func (o *outline) kernels() []int {
	var out []int
	for i, a := range o.layers {
		for p := range o.net.Params.Of(param.Weight) {
			if !a.Shared && strings.HasPrefix(p.Name, a.Path+"/") && len(p.Value.Shape()) > 1 {
				out = append(out, i)
				break
			}
		}
	}
	return out
}

// lower finds the layers with a kernel that a pattern names, of any kind; without a
// pattern all but those at the top. top is the place of the uppermost.
func (o *outline) lower(pattern string) (names []string, top int, err error) {
	all := o.kernels()
	var matched []*param.Param
	if pattern != "" {
		if matched, err = o.net.Params.Match(pattern); err != nil {
			return nil, 0, fmt.Errorf("layers: %w", err)
		}
	}
	var have []string
	for k, i := range all {
		path := o.layers[i].Path
		have = append(have, path)
		hit := k < len(all)-1
		if pattern != "" {
			hit = slices.ContainsFunc(matched, func(p *param.Param) bool { return strings.HasPrefix(p.Name, path+"/") && len(p.Value.Shape()) > 1 })
		}
		if hit {
			names, top = append(names, path), i
		}
	}
	switch {
	case len(names) > 0:
		return names, top, nil
	case pattern == "":
		return nil, 0, fmt.Errorf("layers: the model has no hidden layer with a kernel; it has %s", strings.Join(have, ", "))
	}
	return nil, 0, fmt.Errorf("layers: %q names no layer with a kernel; there are %s", pattern, strings.Join(have, ", "))
}

// top reports whether no other layer with weights lies above a dense layer.
func (o *outline) top(u unit) bool {
	above := map[graph.Node]bool{o.layers[u.at].Out: true}
	for _, a := range o.layers[u.at+1:] {
		if !slices.ContainsFunc(a.In, func(x graph.Node) bool { return above[x] }) {
			continue
		}
		if _, ok := a.Layer.(nn.Dense); ok {
			return false
		}
		above[a.Out] = true
	}
	return true
}

// code is what a dense layer's output has become where the next layer with a
// kernel begins: the layers behind it that take nothing but it, such as a
// normalization and an activation, belong to it. last is the place of the last of
// them.
func (o *outline) code(u unit) (code graph.Node, last int) {
	return o.behind(u.at, func(x graph.Node) bool { return x.Rank() == 2 })
}

// behind follows the layers behind one that take nothing but what it gives, as far
// as they are kept, to the next one with a kernel.
func (o *outline) behind(at int, keep func(graph.Node) bool) (code graph.Node, last int) {
	kernels := o.kernels()
	code, last = o.layers[at].Out, at
	for i := at + 1; i < len(o.layers); i++ {
		a := o.layers[i]
		if !slices.Contains(a.In, code) {
			continue
		}
		if slices.Contains(kernels, i) || len(a.In) > 1 || a.Shared || !a.Out.Valid() || !keep(a.Out) || o.shared(code) {
			break
		}
		code, last = a.Out, i
	}
	return code, last
}

// shared reports whether several layers take a node.
func (o *outline) shared(x graph.Node) bool {
	n := 0
	for _, a := range o.layers {
		if slices.Contains(a.In, x) {
			n++
		}
	}
	return n > 1
}

// A segment is the layers between two nodes of an outline.
type segment struct {
	layers   []param.Applied
	from, to graph.Node
}

// between finds the layers that make to of from.
func (o *outline) between(from, to graph.Node) (segment, error) {
	g := segment{from: from, to: to}
	needed := map[graph.Node]bool{to: true}
	for i := len(o.layers) - 1; i >= 0; i-- {
		a := o.layers[i]
		if !needed[a.Out] || a.Out == from || slices.Contains(a.In, a.Out) {
			continue
		}
		g.layers = append(g.layers, a)
		for _, x := range a.In {
			needed[x] = true
		}
	}
	slices.Reverse(g.layers)
	made := map[graph.Node]bool{from: true}
	for _, a := range g.layers {
		for _, x := range a.In {
			if !made[x] {
				return g, fmt.Errorf("%s: what it takes is not made by a layer of the model; layers that plain code joins cannot be taken apart", a.Name)
			}
		}
		made[a.Out] = true
	}
	if !made[to] {
		return g, fmt.Errorf("layers of the model that plain code joins cannot be taken apart")
	}
	return g, nil
}

// apply applies the layers to x with the parameters that they have in the net.
// again says that they were applied before in this scope.
func (g segment) apply(s *param.Scope, x graph.Node, again bool) graph.Node {
	at := map[graph.Node]graph.Node{g.from: x}
	for _, a := range g.layers {
		xs := make([]graph.Node, len(a.In))
		for i, in := range a.In {
			xs[i] = at[in]
		}
		run := func(c *param.Scope) graph.Node {
			if j, ok := a.Layer.(nn.Joiner); ok && len(xs) > 1 {
				return j.Join(c, xs)
			}
			return a.Layer.(nn.Layer).Apply(c, xs[0])
		}
		if again || a.Shared {
			at[a.Out] = s.Again(a.Path, a.Name, a.Layer, xs, run)
		} else {
			at[a.Out] = s.SubFunc(a.Path, a.Layer, xs, run)
		}
	}
	return at[g.to]
}

// holds reports whether the segment has a parameter.
func (g segment) holds(name string) bool {
	return slices.ContainsFunc(g.layers, func(a param.Applied) bool { return strings.HasPrefix(name, a.Path+"/") })
}
