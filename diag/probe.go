package diag

import (
	"reflect"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

// A probe is a layer with weights, and its activation, as a trace has it.
type probe struct {
	path   string // of the layer
	layer  nn.Layer
	act    act.Activation // nil: linear
	in     graph.Node     // a_(l−1)
	out    graph.Node     // a_l
	z      graph.Node     // what the activation is applied to; invalid where that cannot be told
	linear graph.Node     // the product with the kernel that z is made of; invalid without one
	flow   graph.Node     // where the gradient of a_l is measured: out, or the logits of a softmax
	slope  graph.Node     // f′ at each element of z, where that is known
	kernel string         // the kernel's parameter, "" without one
}

// probes finds the layers with weights in a trace, each with the activation
// layers right behind it. from lists the nodes that hold the data.
func probes(s *param.Scope, from []graph.Node) []*probe {
	layers := s.Layers()
	within := map[string]bool{} // paths that other layers lie within
	weights := map[string][]string{}
	for _, a := range layers {
		if i := strings.LastIndexByte(a.Path, '/'); i >= 0 {
			within[a.Path[:i]] = true
		}
		for _, name := range a.Params {
			if p := s.Params().Get(name); p != nil && p.Kind == param.Weight {
				weights[a.Path] = append(weights[a.Path], name)
			}
		}
	}
	data := dependents(s.B, from)
	byOut := map[graph.Node]*probe{}
	var out []*probe
	for _, a := range layers {
		if within[a.Path] || len(a.In) == 0 || !a.Out.Valid() {
			continue
		}
		if f, ok := asActivation(a.Layer); ok {
			if p := byOut[a.In[0]]; p != nil && p.act == nil {
				p.act, p.out = f, a.Out
				byOut[a.Out] = p
			}
			continue
		}
		if len(weights[a.Path]) == 0 {
			continue
		}
		p := &probe{path: a.Path, layer: a.Layer, act: ActivationOf(a.Layer), in: a.In[0], out: a.Out, z: a.Out}
		for _, name := range weights[a.Path] {
			if p.kernel == "" && len(s.Params().Value(name).Shape()) > 1 {
				p.kernel = name
			}
		}
		byOut[a.Out] = p
		out = append(out, p)
	}
	for _, p := range out {
		p.find(data)
	}
	return out
}

// dependents marks the nodes that depend on one of the given ones.
func dependents(b *graph.Builder, from []graph.Node) []bool {
	d := make([]bool, b.Len())
	for _, x := range from {
		d[x.ID()] = true
	}
	for x := range b.Nodes() {
		for _, y := range x.Ins() {
			d[x.ID()] = d[x.ID()] || d[y.ID()]
		}
	}
	return d
}

// find walks from the output of a layer with a kernel back through elementwise
// ops to the one product that they are made of.
func (p *probe) find(data []bool) {
	p.in = p.in.ToFloat()
	p.flow = p.out
	if n := p.out.Op().Name; n == "softmax" || n == "log_softmax" {
		p.flow = p.out.In(0)
	}
	if p.kernel == "" {
		return
	}
	p.z = graph.Node{}
	var ends []graph.Node
	seen := map[graph.Node]bool{}
	var walk func(x graph.Node)
	walk = func(x graph.Node) {
		if seen[x] || !data[x.ID()] {
			return
		}
		seen[x] = true
		if op := x.Op(); x == p.in || !op.Elementwise && op.Name != "reshape" {
			ends = append(ends, x)
			return
		}
		for _, y := range x.Ins() {
			walk(y)
		}
	}
	walk(p.out)
	if len(ends) != 1 || !weighs(ends[0], data) {
		return
	}
	p.linear, p.z = ends[0], ends[0]
	for x := range seen {
		if x.Op().Name != "add" {
			continue
		}
		// The bias belongs to what the activation is applied to.
		if a, b := x.In(0), x.In(1); a == p.linear && !data[b.ID()] || b == p.linear && !data[a.ID()] {
			p.z = x
		}
	}
	if p.z.Shape().Len() != p.out.Shape().Len() {
		p.z = graph.Node{}
	}
}

// weighs reports whether a node joins data with what does not depend on it.
func weighs(x graph.Node, data []bool) bool {
	has, free := false, false
	for _, y := range x.Ins() {
		has = has || data[y.ID()]
		free = free || !data[y.ID()]
	}
	return has && free
}

// asActivation is a layer that is an activation by itself.
func asActivation(l nn.Layer) (act.Activation, bool) {
	if a, ok := l.(nn.Activation); ok {
		return a.Act, true
	}
	a, ok := l.(act.Activation)
	return a, ok && act.Registry.NameOf(a) != ""
}

// ActivationOf is the activation in a layer's field Act, nil without one.
func ActivationOf(l nn.Layer) act.Activation {
	v := reflect.Indirect(reflect.ValueOf(l))
	if v.Kind() != reflect.Struct {
		return nil
	}
	f := v.FieldByName("Act")
	if !f.IsValid() || !f.CanInterface() {
		return nil
	}
	a, _ := f.Interface().(act.Activation)
	if _, ok := a.(act.Linear); ok {
		return nil
	}
	return a
}

// nameOf is an activation as files write it, "" for a linear one.
func nameOf(a act.Activation) string {
	if a == nil {
		return ""
	}
	return written(spec.Encode(a))
}

// initName is an initializer as files write it, "" where there is none.
func initName(i param.Init) string {
	if i == nil {
		return ""
	}
	return written(spec.Encode(i))
}

// written is a value in one line: its name, and its fields behind it.
func written(v spec.Value, err error) string {
	if err != nil {
		return "an unregistered one"
	}
	if v.Kind != spec.Map {
		return v.Text
	}
	var words []string
	for _, e := range v.Entries {
		switch text := e.Value.Text; {
		case e.Key == "name":
			words = append([]string{text}, words...)
		case e.Value.Kind == spec.Map || e.Value.Kind == spec.List:
			words = append(words, e.Key+"="+string(e.Value.JSON()))
		default:
			words = append(words, e.Key+"="+text)
		}
	}
	return strings.Join(words, " ")
}
