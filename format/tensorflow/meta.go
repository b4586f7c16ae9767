package tensorflow

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
	"github.com/nadir-ml/nadir/tensor"
)

// A metaGraph is a MetaGraphDef: a graph and how it is to be called.
type metaGraph struct {
	graph      *graph
	tags       []string
	version    string
	signatures map[string]*signature
	objects    []byte            // SavedObjectGraph
	own        []byte            // the description of a model that was written here
	why        error             // what the first node that has no layer lacks
	named      map[string]string // of a tensor of the checkpoint: the variable's name
}

// A signature names inputs and outputs.
type signature struct {
	inputs, outputs map[string]port
}

// A port is a TensorInfo.
type port struct {
	node  ref
	shape tensor.Shape // with the batch's axis, nil where it is not known
}

func parseMetaGraph(b []byte) (*metaGraph, error) {
	m := &metaGraph{signatures: map[string]*signature{}}
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return nil, err
		}
		switch f.Num {
		case 1:
			for g, err := range bundle.Fields(f.Bytes) {
				if err != nil {
					return nil, err
				}
				switch g.Num {
				case 4:
					m.tags = append(m.tags, string(g.Bytes))
				case 5:
					m.version = string(g.Bytes)
				}
			}
		case 2:
			if m.graph, err = parseGraph(f.Bytes); err != nil {
				return nil, err
			}
		case 4:
			key, value, err := mapEntry(f.Bytes)
			if err != nil {
				return nil, err
			}
			if key == ownCollection {
				if m.own, err = single(value); err != nil {
					return nil, err
				}
			}
		case 5:
			key, value, err := mapEntry(f.Bytes)
			if err != nil {
				return nil, err
			}
			if m.signatures[key], err = parseSignature(value); err != nil {
				return nil, err
			}
		case 7:
			m.objects = f.Bytes
		}
	}
	if m.graph == nil {
		return nil, fmt.Errorf("there is no graph in it")
	}
	return m, nil
}

func parseSignature(b []byte) (*signature, error) {
	s := &signature{inputs: map[string]port{}, outputs: map[string]port{}}
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return nil, err
		}
		if f.Num != 1 && f.Num != 2 {
			continue
		}
		key, value, err := mapEntry(f.Bytes)
		if err != nil {
			return nil, err
		}
		var p port
		for g, err := range bundle.Fields(value) {
			if err != nil {
				return nil, err
			}
			switch g.Num {
			case 1:
				p.node = parseRef(string(g.Bytes), false)
			case 3:
				s, known, err := bundle.ParseShape(g.Bytes)
				if err != nil {
					return nil, err
				}
				if known {
					p.shape = s
				}
			}
		}
		if f.Num == 1 {
			s.inputs[key] = p
		} else {
			s.outputs[key] = p
		}
	}
	return s, nil
}

// describe adds to a file what its graph may begin and end with, and how it becomes a
// model.
func describe(f *format.File, m *metaGraph, path string) error {
	if err := m.graph.inline(); err != nil {
		return locate(path, err)
	}
	if m.version != "" {
		f.Metadata = append(f.Metadata, format.Entry{Key: "tensorflow_version", Value: m.version})
	}
	if len(f.Tensors) == 0 { // of a frozen graph; else those that are weights come as they are found
		f.Tensors = constants(m.graph)
	}
	for _, n := range m.graph.order {
		if t, _ := n.attr("dtype", 6); n.op != "Placeholder" || t.Int == bundle.TypeString {
			continue
		}
		s, known := n.shape()
		node := format.Node{Name: n.name}
		if known && len(s) > 0 {
			node.Shape = s[1:]
		}
		f.Inputs = append(f.Inputs, node)
	}
	m.slots(f)
	if s := m.remembered(f); s != nil {
		f.Slots = s
	}
	for _, name := range slices.Sorted(maps.Keys(m.signatures)) {
		s := m.signatures[name]
		for _, key := range slices.Sorted(maps.Keys(s.outputs)) {
			p := s.outputs[key]
			n := format.Node{Name: p.node.name, Note: fmt.Sprintf("%s of signature %s", key, name)}
			if len(p.shape) > 0 {
				n.Shape = p.shape[1:]
			}
			f.Outputs = append(f.Outputs, n)
		}
	}
	scratch := newConverter(m.graph, f, m.variables(f))
	logits, last := ends(scratch)
	for _, n := range m.graph.order { // the first that there is no layer for
		if err := scratch.failed[ref{name: n.name}]; err != nil && m.why == nil {
			m.why = err
		}
	}
	for _, e := range append(slices.Clone(logits), last...) {
		if !slices.ContainsFunc(f.Outputs, func(n format.Node) bool { return n.Name == e.node }) {
			f.Outputs = append(f.Outputs, format.Node{Name: e.node, Note: e.note})
		}
	}
	f.Blueprint = func(o format.Options) (*format.Blueprint, error) {
		b, err := m.blueprint(f, logits, last, o)
		return b, locate(path, err)
	}
	if m.own == nil {
		return nil
	}
	return m.written(f)
}

// slots marks the tensors that an optimizer of the graph keeps beside a variable: what
// its step is given after the variable.
func (m *metaGraph) slots(f *format.File) {
	c := newConverter(m.graph, f, m.variables(f))
	slot := map[string]bool{}
	for _, n := range m.graph.order {
		_, op, ok := strings.Cut(n.op, "Apply")
		if !ok || op == "" || len(n.in) < 3 {
			continue
		}
		for _, r := range n.in[1:] {
			_, v, err := c.source(r)
			if err != nil || v.op != "VariableV2" && v.op != "Variable" && v.op != "VarHandleOp" {
				continue
			}
			if t, err := c.variable(v.name); err == nil {
				slot[t.Name] = true
			}
		}
	}
	for i := range f.Tensors {
		f.Tensors[i].Slot = f.Tensors[i].Slot || slot[f.Tensors[i].Name]
	}
}

// output is the node that a model ends with, and the signature that says so, if one
// does. Of several that which serves comes first, and one whose input is numbers.
func (m *metaGraph) output(logits, last []end, o format.Options) (end, ref, *signature, error) {
	all := append(slices.Clone(logits), last...)
	var have []string
	for _, e := range all {
		have = append(have, e.node)
	}
	if o.Output != "" {
		r := parseRef(o.Output, false)
		var by *signature
		for _, s := range m.signatures {
			if p, ok := s.outputs[o.Output]; ok {
				r, by = p.node, s
			}
		}
		if m.graph.nodes[r.name] == nil {
			return end{}, r, nil, &format.Choice{Key: "output.node", Msg: fmt.Sprintf("output.node=%s: the graph has no node of this name", o.Output), Have: have}
		}
		for _, e := range all {
			if e.node == r.name {
				return e, r, by, nil
			}
		}
		return end{node: r.name}, r, by, nil
	}
	for _, name := range signatureOrder(m.signatures) {
		s := m.signatures[name]
		if len(s.outputs) != 1 {
			continue
		}
		for _, p := range s.outputs {
			if m.graph.nodes[p.node.name] != nil {
				return end{node: p.node.name}, p.node, s, nil
			}
		}
	}
	open := slices.DeleteFunc(slices.Clone(last), func(e end) bool { return e.blocked != nil })
	if len(logits) == 0 && len(open) == 0 && len(last) > 0 {
		return end{}, ref{}, nil, last[len(last)-1].blocked
	}
	switch {
	case len(logits) == 1:
		return logits[0], ref{name: logits[0].node}, nil, nil
	case len(logits) == 0 && len(open) == 1:
		return open[0], ref{name: open[0].node}, nil, nil
	case len(all) == 0 && m.why != nil:
		return end{}, ref{}, nil, m.why
	case len(all) == 0:
		return end{}, ref{}, nil, &format.Unsupported{What: "the graph", Msg: "nothing in it is computed of an input"}
	}
	return end{}, ref{}, nil, &format.Choice{Key: "output.node", Msg: "the graph has several ends: say which is the output with output.node=", Have: have}
}

// signatureOrder is the names of signatures, that which serves first.
func signatureOrder(s map[string]*signature) []string {
	names := slices.Sorted(maps.Keys(s))
	slices.SortStableFunc(names, func(a, b string) int {
		rank := func(n string) int {
			switch {
			case n == "serving_default":
				return 0
			case strings.HasPrefix(n, "__"):
				return 2
			}
			return 1
		}
		return cmp.Compare(rank(a), rank(b))
	})
	return slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, "__") })
}

// blueprint converts the part of the graph that is asked for.
func (m *metaGraph) blueprint(f *format.File, logits, last []end, o format.Options) (*format.Blueprint, error) {
	if _, open := errors.AsType[*format.Choice](m.why); open && len(o.Inputs) > 0 {
		// Where the graph ends is seen once the shape of its input is known.
		scratch := newConverter(m.graph, f, m.variables(f))
		scratch.told = o.Inputs
		logits, last = ends(scratch)
	}
	e, out, by, err := m.output(logits, last, o)
	if err != nil {
		return nil, err
	}
	c := newConverter(m.graph, f, m.variables(f))
	c.told = o.Inputs
	if o.Input != "" {
		r := parseRef(o.Input, false)
		for _, s := range m.signatures {
			if p, ok := s.inputs[o.Input]; ok {
				r = p.node
			}
		}
		if m.graph.nodes[r.name] == nil {
			var have []string
			for _, n := range f.Inputs {
				have = append(have, n.Name)
			}
			return nil, &format.Choice{Key: "input.node", Msg: fmt.Sprintf("input.node=%s: the graph has no node of this name", o.Input), Have: have}
		}
		c.given[r.name] = true
	}
	if by != nil && o.Input == "" {
		for _, p := range by.inputs {
			c.given[p.node.name] = true
		}
	}
	if !c.isAct(out) {
		return nil, &format.Unsupported{What: fmt.Sprintf("node %q", e.node), Msg: "it is computed of no input of the graph"}
	}
	name, err := c.act(out)
	if err != nil {
		return nil, err
	}
	outs := []string{name}
	c.sketch.Fuse(outs)
	if err := c.settle(o.Inputs); err != nil {
		return nil, err
	}
	var classes []string
	if e.loss != nil {
		classes = outs
	}
	b, err := c.sketch.Blueprint(outs, classes...)
	if err != nil {
		return nil, err
	}
	b.Warnings = append(b.Warnings, c.warnings...)
	return b, nil
}

// variables finds the tensor that a variable is kept in: that of its name, or of the
// name that the graph saves it under.
func (m *metaGraph) variables(f *format.File) func(string) (format.Tensor, error) {
	saved := map[string]string{}
	for _, n := range m.graph.order {
		first := 0
		switch n.op {
		case "SaveV2", "SaveSlices":
			first = 3
		case "Save":
			first = 2
		default:
			continue
		}
		if len(n.in) < 2 {
			continue
		}
		names := m.graph.nodes[n.in[1].name]
		if names == nil || names.op != "Const" {
			continue
		}
		c, ok := names.constant()
		if !ok {
			continue
		}
		for i, text := range c.texts() {
			r := first + i
			if r >= len(n.in) {
				break
			}
			v := m.graph.nodes[n.in[r].name]
			for range 8 { // through a read of the variable
				if v == nil || len(v.in) == 0 || !passing[v.op] {
					break
				}
				v = m.graph.nodes[v.in[0].name]
			}
			if v != nil {
				if _, ok := saved[v.name]; !ok {
					saved[v.name] = text
				}
			}
		}
	}
	for key, name := range m.named {
		if _, ok := saved[name]; !ok {
			saved[name] = key
		}
	}
	return func(name string) (format.Tensor, error) {
		key := name
		if _, ok := f.Lookup(key); !ok {
			if n := m.graph.nodes[name]; n != nil {
				if s := n.text("shared_name"); s != "" {
					key = s
				}
			}
		}
		if _, ok := f.Lookup(key); !ok {
			key = saved[name]
		}
		t, ok := f.Lookup(key)
		if !ok {
			return t, fmt.Errorf("variable %q of the graph is not in the checkpoint", name)
		}
		return t, nil
	}
}
