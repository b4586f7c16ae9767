package nn

import (
	"fmt"
	"strings"

	"github.com/nadir-ml/nadir/graph"
)

// Functional is a model with named inputs and outputs whose layers name their
// inputs: towers, residual paths, several heads, shared weights.
type Functional struct {
	Name string // of the model, for summaries
	// In names the inputs. Without any there is one, called input.
	In []Port
	// Layers in an order in which each finds its inputs already there.
	Layers []Entry
	// Out names the layers whose results are the outputs; without any it is the
	// last layer.
	Out []string
}

// An Entry is a layer and where it takes its input from.
type Entry struct {
	Layer Layer
	// Inputs names layers or inputs of the model; without any it is the entry
	// before, or the model's only input.
	Inputs []string
	// Share names an earlier layer, which is applied once more with the same
	// parameters in place of Layer. Name is then what the result is called.
	Share, Name string
}

// inputs is In with its default.
func (m Functional) inputs() []Port {
	if len(m.In) == 0 {
		return []Port{{Name: "input"}}
	}
	return m.In
}

// Ports names the inputs and outputs.
func (m Functional) Ports() (in, out []Port) {
	if len(m.Out) == 0 {
		name := "output"
		if n := len(m.Layers); n > 0 {
			if l := m.Layers[n-1]; l.Name != "" {
				name = l.Name
			} else if l.Layer != nil && NameOf(l.Layer) != "" {
				name = NameOf(l.Layer)
			}
		}
		return m.inputs(), []Port{{Name: name}}
	}
	for _, n := range m.Out {
		out = append(out, Port{Name: n})
	}
	return m.inputs(), out
}

// Trace applies the layers in order.
func (m Functional) Trace(s *Scope, in []graph.Node) []graph.Node {
	ins := m.inputs()
	outs := make([]graph.Node, max(1, len(m.Out)))
	if len(in) != len(ins) {
		s.B.Fail("the model has %d inputs, got %d", len(ins), len(in))
		return outs
	}
	if len(m.Layers) == 0 {
		s.B.Fail("the model has no layers")
		return outs
	}
	at := map[string]graph.Node{}
	var names []string
	put := func(name string, x graph.Node) {
		if _, twice := at[name]; twice {
			s.B.Fail("%q names two things; names must differ", name)
		}
		names = append(names, name)
		at[name] = x
	}
	for i, p := range ins {
		x := in[i]
		if p.Shape != nil && x.Valid() && (x.Rank() == 0 || !x.Shape()[1:].Equal(p.Shape)) {
			x = s.B.Fail("input %q: the data is %v, the model wants samples of shape %v", p.Name, x.Type(), p.Shape)
		}
		put(p.Name, x)
	}
	byName := map[string]Layer{}
	used := map[string]bool{}
	last := ""
	if len(ins) == 1 {
		last = ins[0].Name
	}
	for i, e := range m.Layers {
		l, name := e.Layer, e.Name
		if e.Share != "" {
			if l = byName[e.Share]; l == nil {
				s.B.Fail("share: no layer before entry %d is called %q; there are %s", i, e.Share, strings.Join(names, ", "))
				continue
			}
			if name == "" {
				name = s.AutoName(e.Share)
			}
		} else if l == nil {
			s.B.Fail("entry %d has no layer", i)
			continue
		} else if name == "" {
			name = nameIn(s, l)
		}
		from := e.Inputs
		if len(from) == 0 {
			if last == "" {
				s.B.Fail("%s: the model has several inputs; say which with inputs: [%s]", name, ins[0].Name)
				put(name, graph.Node{})
				continue
			}
			from = []string{last}
		}
		var xs []graph.Node
		ok := true
		for _, f := range from {
			x, known := at[f]
			if !known {
				s.B.Fail("%s: no input or layer before it is called %q; there are %s", name, f, strings.Join(names, ", "))
			}
			used[f] = true
			ok = ok && x.Valid()
			xs = append(xs, x)
		}
		var y graph.Node
		if ok {
			y = m.apply(s, e, l, name, xs)
		}
		put(name, y)
		if e.Share == "" {
			byName[name] = l
		}
		last = name
	}
	if len(m.Out) == 0 {
		used[last] = true
		outs[0] = at[last]
	}
	for i, n := range m.Out {
		x, ok := at[n]
		if !ok {
			s.B.Fail("output: no layer is called %q; there are %s", n, strings.Join(names, ", "))
		}
		used[n] = true
		outs[i] = x
	}
	for _, n := range names {
		if !used[n] {
			s.B.Fail("%q leads to no output; leave it out, or name it under outputs", n)
		}
	}
	return outs
}

func (m Functional) apply(s *Scope, e Entry, l Layer, name string, xs []graph.Node) graph.Node {
	run := func(c *Scope) graph.Node {
		if len(xs) == 1 {
			y := l.Apply(c, xs[0])
			if bare(l) {
				c.KeepMask(y, xs[0])
			}
			return y
		}
		j, ok := l.(Joiner)
		if !ok {
			return c.B.Fail("%s takes one input, got %d; join them with add, multiply or concatenate before", KindOf(l), len(xs))
		}
		return j.Join(c, xs)
	}
	if e.Share != "" {
		return s.Again(e.Share, name, l, xs, run)
	}
	return s.SubFunc(name, l, xs, run)
}

// Func is a model in plain Go.
type Func struct {
	In, Out []Port
	Build   func(s *Scope, in []graph.Node) []graph.Node
}

// Ports names the inputs and outputs.
func (f Func) Ports() (in, out []Port) { return f.In, f.Out }

// Trace calls Build.
func (f Func) Trace(s *Scope, in []graph.Node) []graph.Node {
	out := f.Build(s, in)
	if len(out) != len(f.Out) {
		s.B.Fail("the model names %d outputs, but builds %d", len(f.Out), len(out))
		return make([]graph.Node, len(f.Out))
	}
	return out
}

// String says what the function is between.
func (f Func) String() string {
	return fmt.Sprintf("func of %d inputs and %d outputs", len(f.In), len(f.Out))
}
