package param

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
)

// A Layer is a plain value that owns nothing. Applied to an input it adds ops
// to the scope's graph and declares the parameters it needs.
type Layer interface {
	Apply(s *Scope, x graph.Node) graph.Node
}

// Options say what a model is traced for.
type Options struct {
	Training bool   // dropout drops, batch normalization uses the batch
	Seed     uint64 // of parameters that are new
	// Declare, where not nil, is told of every parameter in place of the set:
	// nothing takes memory, and the graph is of use for its shapes alone.
	Declare func(name string, kind Kind, init Init, shape tensor.Shape) error
	// Layers is how many a model may have that is none of one's own; 0 is any number.
	Layers int
}

// A Scope is the place in a model where a layer is applied: a path, the graph,
// and the set that holds the parameters. It belongs to one trace.
type Scope struct {
	B      *graph.Builder
	path   string
	trace  *trace
	counts map[string]int
	used   map[string]bool // names of layers here
	again  bool            // within a layer that is applied once more
}

type trace struct {
	set      *Set
	opt      Options
	declared map[string]bool
	layers   []Applied
	made     []int // of a node, by its number: the last of the layers that give it, counted from 1
	losses   []graph.Node
	masks    map[graph.Node]stepMask // of what has one
	full     bool                    // it was said that there are too many layers
}

// Applied is one layer's place in a trace: what summaries, probes and pictures
// go by.
type Applied struct {
	Path   string // of the parameters
	Name   string // Path, or what the result of a layer applied again is called
	Layer  Layer
	In     []graph.Node
	Out    graph.Node
	Params []string // declared by this layer, in order
	Shared bool     // the layer's parameters were declared before
	Depth  int      // 0 for a layer of the model itself, 1 within one of them, …
}

// NewScope is the root of a trace into b. Parameters are looked up in set and
// added to it where they are new.
func NewScope(b *graph.Builder, set *Set, o Options) *Scope {
	return &Scope{B: b, trace: &trace{set: set, opt: o, declared: map[string]bool{}}}
}

// Training reports whether the graph is built for training. It is asked while
// building, never while running.
func (s *Scope) Training() bool { return s.trace.opt.Training }

// Path is the layer's path, "" at the root.
func (s *Scope) Path() string { return s.path }

// Params is the set that the trace declares in.
func (s *Scope) Params() *Set { return s.trace.set }

// Layers lists the layers applied so far, each before those within it.
func (s *Scope) Layers() []Applied { return s.trace.layers }

// AddLoss adds a scalar to the loss of the model: a penalty on weights or
// activations. The same node counts once: a layer that is applied again does
// not pay for its weights again.
func (s *Scope) AddLoss(x graph.Node) {
	if x.Valid() && !slices.Contains(s.trace.losses, x) {
		s.trace.losses = append(s.trace.losses, x)
	}
}

// Losses lists what AddLoss was given.
func (s *Scope) Losses() []graph.Node { return s.trace.losses }

// Weight declares a parameter that training changes.
func (s *Scope) Weight(name string, init Init, shape ...int) graph.Node {
	return s.declare(name, Weight, init, shape)
}

// Stat declares a parameter that is saved but never trained.
func (s *Scope) Stat(name string, init Init, shape ...int) graph.Node {
	return s.declare(name, Stat, init, shape)
}

// Frozen reports whether the layer's parameter of that name is frozen.
func (s *Scope) Frozen(name string) bool {
	p := s.trace.set.Get(s.join(name))
	return p != nil && p.Frozen
}

func (s *Scope) join(name string) string {
	if s.path == "" {
		return name
	}
	return s.path + "/" + name
}

func (s *Scope) declare(name string, kind Kind, init Init, shape []int) graph.Node {
	for _, d := range shape {
		if d <= 0 {
			return s.B.Fail("%s: shape %v has an axis below 1", name, shape)
		}
	}
	full := s.join(name)
	if s.trace.declared[full] {
		return s.B.Fail("%s is declared twice; give one of the layers another name", full)
	}
	s.trace.declared[full] = true
	s.note(full)
	if d := s.trace.opt.Declare; d != nil {
		if err := d(full, kind, init, tensor.Shape(shape).Clone()); err != nil {
			return s.B.Fail("%w", err)
		}
		return s.B.Param(full, shape...)
	}
	p := s.trace.set.Get(full)
	if p == nil {
		var err error
		if p, err = s.trace.set.Add(full, kind, shape); err != nil {
			return s.B.Fail("%w", err)
		}
		p.Init = init
		init.Fill(p.Value, rng.New(rng.Key(s.trace.opt.Seed, full), 0))
	}
	p.Constraint = nil
	if !p.Value.Shape().Equal(shape) {
		return s.B.Misfit("%s has shape %v, but the layer wants %v", full, p.Value.Shape(), shape)
	}
	return s.B.Param(full, shape...)
}

// note lists a parameter with its layer.
func (s *Scope) note(name string) {
	for i := len(s.trace.layers) - 1; i >= 0; i-- {
		if l := &s.trace.layers[i]; l.Path == s.path {
			if !l.Shared {
				l.Params = append(l.Params, name)
			}
			return
		}
	}
}

// AutoName is the next free name for a layer of that kind here: dense,
// dense_1, …
func (s *Scope) AutoName(kind string) string {
	if s.counts == nil {
		s.counts = map[string]int{}
	}
	for {
		name := kind
		if n := s.counts[kind]; n > 0 {
			name = fmt.Sprintf("%s_%d", kind, n)
		}
		s.counts[kind]++
		if !s.used[name] {
			return name
		}
	}
}

// Sub applies a layer under a name of its own: the boundary that parameters'
// paths, errors and probes go by.
func (s *Scope) Sub(name string, l Layer, x graph.Node) graph.Node {
	return s.sub(name, name, l, []graph.Node{x}, false, func(c *Scope) graph.Node { return l.Apply(c, x) })
}

// SubFunc is Sub for a layer that takes several inputs: apply is called with
// the layer's scope.
func (s *Scope) SubFunc(name string, l Layer, in []graph.Node, apply func(*Scope) graph.Node) graph.Node {
	return s.sub(name, name, l, in, false, apply)
}

// Share makes a layer that can be applied to several inputs with the same
// parameters: towers, tied weights.
func (s *Scope) Share(name string, l Layer) func(graph.Node) graph.Node {
	again := false
	return func(x graph.Node) graph.Node {
		shared := again
		again = true
		return s.sub(name, name, l, []graph.Node{x}, shared, func(c *Scope) graph.Node { return l.Apply(c, x) })
	}
}

// Again applies the layer of that name once more, with the parameters it has.
// as is what the result is called.
func (s *Scope) Again(name, as string, l Layer, in []graph.Node, apply func(*Scope) graph.Node) graph.Node {
	return s.sub(name, as, l, in, true, apply)
}

// origin names the layers that nodes come from, with their shapes.
func (s *Scope) origin(in []graph.Node) string {
	var parts []string
	for _, x := range in {
		if !x.Valid() {
			continue
		}
		from := "the data"
		if x.ID() < len(s.trace.made) && s.trace.made[x.ID()] > 0 {
			from = s.trace.layers[s.trace.made[x.ID()]-1].Name
		}
		parts = append(parts, fmt.Sprintf("%s %v", from, x.Shape()))
	}
	return strings.Join(parts, " and ")
}

func (s *Scope) sub(name, as string, l Layer, in []graph.Node, shared bool, apply func(*Scope) graph.Node) graph.Node {
	if name == "" || strings.ContainsAny(name, "/#,!*?[]{}") {
		return s.B.Fail("layer name %q: want letters, digits, _, -, . and the like, without / # , ! * ? [ ] { }", name)
	}
	if most := s.trace.opt.Layers; most > 0 && len(s.trace.layers) >= most {
		if s.trace.full {
			return graph.Node{}
		}
		s.trace.full = true
		return s.B.Fail("layer %q: the model has more than %d layers", s.join(name), most)
	}
	c := &Scope{B: s.B, path: s.join(name), trace: s.trace, again: shared || s.again}
	switch {
	case shared:
		c.trace.forget(c.path)
	case s.used[name]:
		return s.B.Fail("two layers are called %q; names must differ", c.path)
	}
	if s.used == nil {
		s.used = map[string]bool{}
	}
	s.used[name] = true
	i := len(s.trace.layers)
	if i == cap(s.trace.layers) { // as append grows, five times as much would be copied
		s.trace.layers = slices.Grow(s.trace.layers, max(i, 16))
	}
	s.trace.layers = append(s.trace.layers, Applied{Path: c.path, Name: s.join(as), Layer: l, In: slices.Clone(in), Shared: c.again, Depth: strings.Count(c.path, "/")})
	before, origin := s.B.SetPath(c.path), s.B.SetOrigin(func() string { return s.origin(in) })
	out := apply(c)
	s.B.SetPath(before)
	s.B.SetOrigin(origin)
	s.trace.layers[i].Out = out
	if out.Valid() && out.ID() < s.B.Len() {
		if more := s.B.Len() - len(s.trace.made); more > 0 {
			s.trace.made = append(s.trace.made, make([]int, more)...)
		}
		made := &s.trace.made[out.ID()]
		*made = max(*made, i+1) // a layer within this one stands behind it
	}
	return out
}

// forget lets the parameters under a path be declared once more.
func (t *trace) forget(path string) {
	for name := range t.declared {
		if strings.HasPrefix(name, path+"/") {
			delete(t.declared, name)
		}
	}
}
