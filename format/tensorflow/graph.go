package tensorflow

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
	"github.com/nadir-ml/nadir/tensor"
)

// A ref is an output of a node.
type ref struct {
	name string
	out  int
}

// A node is an operation of a graph. Attributes stay as they are in the file until
// they are asked for.
type node struct {
	name, op string
	in       []ref
	control  []string
	attrs    [][]byte // entries of a map from names to AttrValue
}

// A graph is a GraphDef.
type graph struct {
	nodes     map[string]*node
	order     []*node
	functions map[string]*function
}

// A function is a FunctionDef.
type function struct {
	name    string
	args    []string
	results []string          // names of the results
	returns map[string]string // of a result: the tensor of the body
	body    []*node
}

// parseGraph reads a GraphDef.
func parseGraph(b []byte) (*graph, error) {
	g := &graph{nodes: map[string]*node{}, functions: map[string]*function{}}
	most := format.MaxNodes(len(b))
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return nil, err
		}
		switch f.Num {
		case 1:
			n, err := parseNode(f.Bytes, false)
			if err != nil {
				return nil, err
			}
			if len(g.nodes) >= most {
				return nil, fmt.Errorf("the graph has more than %d nodes in %d bytes", most, len(b))
			}
			if err := g.add(n); err != nil {
				return nil, err
			}
		case 2:
			for h, err := range bundle.Fields(f.Bytes) {
				if err != nil {
					return nil, err
				}
				if h.Num != 1 {
					continue
				}
				fn, err := parseFunction(h.Bytes)
				if err != nil {
					return nil, err
				}
				g.functions[fn.name] = fn
			}
		}
	}
	return g, nil
}

// maxNodes is how many nodes a graph may have.
const maxNodes = 1 << 17

func (g *graph) add(n *node) error {
	if len(g.nodes) >= maxNodes {
		return fmt.Errorf("the graph has more than %d nodes", maxNodes)
	}
	if g.nodes[n.name] != nil {
		return fmt.Errorf("two nodes of the graph are called %q", n.name)
	}
	g.nodes[n.name] = n
	g.order = append(g.order, n)
	return nil
}

// parseNode reads a NodeDef. In the body of a function inputs are written
// NODE:OUTPUT:NUMBER.
func parseNode(b []byte, body bool) (*node, error) {
	n := &node{}
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return nil, err
		}
		switch f.Num {
		case 1:
			n.name = string(f.Bytes)
		case 2:
			n.op = string(f.Bytes)
		case 3:
			text := string(f.Bytes)
			if c, ok := strings.CutPrefix(text, "^"); ok {
				n.control = append(n.control, c)
				continue
			}
			n.in = append(n.in, parseRef(text, body))
		case 5:
			n.attrs = append(n.attrs, f.Bytes)
		}
	}
	if n.name == "" || n.op == "" {
		return nil, fmt.Errorf("a node of the graph has no name or no operation")
	}
	return n, nil
}

// outputs are those of ops that give their outputs names and have more than one.
var outputs = map[string]int{"output_true": 1, "value_index": 1}

func parseRef(text string, body bool) ref {
	parts := strings.Split(text, ":")
	r := ref{name: parts[0]}
	if last := parts[len(parts)-1]; len(parts) > 1 {
		r.out, _ = strconv.Atoi(last)
	}
	if body && len(parts) == 3 {
		r.out += outputs[parts[1]]
	}
	return r
}

// mapEntry reads an entry of a map from texts to messages.
func mapEntry(b []byte) (key string, value []byte, err error) {
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return "", nil, err
		}
		switch f.Num {
		case 1:
			key = string(f.Bytes)
		case 2:
			value = f.Bytes
		}
	}
	return key, value, nil
}

// parseFunction reads a FunctionDef.
func parseFunction(b []byte) (*function, error) {
	fn := &function{returns: map[string]string{}}
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
				case 1:
					fn.name = string(g.Bytes)
				case 2, 3:
					name := ""
					for h, err := range bundle.Fields(g.Bytes) {
						if err != nil {
							return nil, err
						}
						if h.Num == 1 {
							name = string(h.Bytes)
						}
					}
					if g.Num == 2 {
						fn.args = append(fn.args, name)
					} else {
						fn.results = append(fn.results, name)
					}
				}
			}
		case 3:
			n, err := parseNode(f.Bytes, true)
			if err != nil {
				return nil, err
			}
			fn.body = append(fn.body, n)
		case 4:
			key, value, err := mapEntry(f.Bytes)
			if err != nil {
				return nil, err
			}
			fn.returns[key] = string(value)
		}
	}
	return fn, nil
}

// attr is the field of an attribute's value that has the number, if it is there.
func (n *node) attr(key string, num int) (bundle.Field, bool) {
	for _, entry := range n.attrs {
		k, value, err := mapEntry(entry)
		if err != nil || k != key {
			continue
		}
		for f, err := range bundle.Fields(value) {
			if err == nil && f.Num == num {
				return f, true
			}
		}
	}
	return bundle.Field{}, false
}

func (n *node) text(key string) string {
	f, _ := n.attr(key, 2)
	return string(f.Bytes)
}

func (n *node) flag(key string) bool {
	f, _ := n.attr(key, 5)
	return f.Int != 0
}

// float is a number; def where it is not there.
func (n *node) float(key string, def float64) float64 {
	f, ok := n.attr(key, 4)
	if !ok {
		return def
	}
	return float64(math.Float32frombits(uint32(f.Int)))
}

func (n *node) int(key string, def int) int {
	if f, ok := n.attr(key, 3); ok {
		return int(int64(f.Int))
	}
	return def
}

// ints is a list of whole numbers.
func (n *node) ints(key string) []int {
	list, _ := n.attr(key, 1)
	var out []int64
	for f, err := range bundle.Fields(list.Bytes) {
		if err != nil || f.Num != 3 {
			continue
		}
		if out, err = f.Ints(out); err != nil {
			return nil
		}
	}
	ints := make([]int, len(out))
	for i, v := range out {
		ints[i] = int(v)
	}
	return ints
}

// function is the name of the function that an attribute names.
func (n *node) function(key string) string {
	list, _ := n.attr(key, 10)
	for f, err := range bundle.Fields(list.Bytes) {
		if err == nil && f.Num == 1 {
			return string(f.Bytes)
		}
	}
	return ""
}

// shape is that which a placeholder declares, with the batch's axis, and whether
// it does.
func (n *node) shape() (tensor.Shape, bool) {
	f, ok := n.attr("shape", 7)
	if !ok {
		return nil, false
	}
	s, known, err := bundle.ParseShape(f.Bytes)
	return s, known && err == nil
}

// A constant is the value of a Const node.
type constant struct {
	code  uint64
	shape tensor.Shape
	proto []byte
	// content is the numbers one after the other, where the file has them so; listed says
	// that it has some, at least, as a list.
	content []byte
	listed  bool
}

func (n *node) constant() (constant, bool) {
	f, ok := n.attr("value", 8)
	if !ok {
		return constant{}, false
	}
	c := constant{proto: f.Bytes, shape: tensor.Shape{}}
	for g, err := range bundle.Fields(f.Bytes) {
		if err != nil {
			return c, false
		}
		switch g.Num {
		case 1:
			c.code = g.Int
		case 2:
			s, known, err := bundle.ParseShape(g.Bytes)
			if err != nil || !known {
				return c, false
			}
			c.shape = s
		case 4:
			if len(g.Bytes) > 0 {
				c.content = g.Bytes
			}
		case 5, 6, 7, 10, 11, 13, 16, 17:
			c.listed = true
		}
	}
	_, err := c.shape.Elems()
	return c, err == nil
}

// read reads the numbers.
func (c constant) read() (*tensor.Tensor, error) {
	return bundle.ParseTensor(c.proto, c.code, c.shape, true)
}

// texts reads a constant of texts.
func (c constant) texts() []string {
	var out []string
	for f, err := range bundle.Fields(c.proto) {
		if err == nil && f.Num == 8 {
			out = append(out, string(f.Bytes))
		}
	}
	return out
}

// branch is the function that an If calls at prediction, where what it hangs on is known:
// a constant, or what says whether the net is in training. It is not.
func (g *graph) branch(n *node) (*function, bool) {
	if n.op != "If" && n.op != "StatelessIf" || len(n.in) == 0 {
		return nil, false
	}
	not, r := false, n.in[0]
	for range 16 {
		c := g.nodes[r.name]
		if c == nil {
			return nil, false
		}
		v, known := false, false
		switch {
		case c.op == "Const":
			k, ok := c.constant()
			if !ok || k.shape.Len() != 1 {
				return nil, false
			}
			t, err := k.read()
			if err != nil {
				return nil, false
			}
			v, known = t.Flat(0) != 0, true
		case c.op == "Placeholder":
			t, _ := c.attr("dtype", 6)
			known = t.Int == 10
		case c.op == "LogicalNot" && len(c.in) == 1:
			not, r = !not, c.in[0]
			continue
		case passing[c.op] && len(c.in) > 0:
			r = c.in[0]
			continue
		}
		if !known {
			return nil, false
		}
		f := g.functions[n.function("else_branch")]
		if v != not {
			f = g.functions[n.function("then_branch")]
		}
		return f, f != nil
	}
	return nil, false
}

// maxInlined is how many nodes a graph may have when calls are replaced, or twice what it
// had: a few functions that call one another can stand for any number.
const maxInlined = 1 << 15

// inline replaces calls of functions by their bodies, so that a graph of TensorFlow 2
// reads like one of TensorFlow 1. Results are Identity nodes.
func (g *graph) inline() error {
	most := max(maxInlined, 2*len(g.nodes))
	todo := g.order
	g.order = nil
	calls := map[string]bool{"PartitionedCall": true, "StatefulPartitionedCall": true}
	depth := map[string]int{}
	renamed := map[ref]ref{} // outputs of calls
	for len(todo) > 0 {
		n := todo[0]
		todo = todo[1:]
		f := g.functions[n.function("f")]
		if branch, ok := g.branch(n); ok {
			f, n.in = branch, n.in[1:]
		} else if !calls[n.op] || f == nil {
			g.order = append(g.order, n)
			continue
		}
		if depth[n.name] > 64 || len(g.nodes)+len(f.body) > most {
			return fmt.Errorf("function %q calls others too deep, or too often", f.name)
		}
		delete(g.nodes, n.name)
		if len(n.in) != len(f.args) {
			return fmt.Errorf("node %q gives function %q %d arguments, it takes %d", n.name, f.name, len(n.in), len(f.args))
		}
		bind := map[string]ref{}
		for i, a := range f.args {
			bind[a] = n.in[i]
		}
		within := func(r ref) ref {
			if b, ok := bind[r.name]; ok {
				return b
			}
			return ref{n.name + "/" + r.name, r.out}
		}
		for _, b := range f.body {
			c := &node{name: n.name + "/" + b.name, op: b.op, attrs: b.attrs}
			for _, r := range b.in {
				c.in = append(c.in, within(r))
			}
			for _, name := range b.control {
				c.control = append(c.control, n.name+"/"+name)
			}
			if g.nodes[c.name] != nil {
				return fmt.Errorf("two nodes of the graph are called %q", c.name)
			}
			g.nodes[c.name] = c
			depth[c.name] = depth[n.name] + 1
			todo = append(todo, c)
		}
		for i, res := range f.results {
			renamed[ref{n.name, i}] = within(parseRef(f.returns[res], true))
		}
	}
	resolve := func(r ref) ref {
		for range 1 << 12 {
			to, ok := renamed[r]
			if !ok {
				return r
			}
			r = to
		}
		return r
	}
	for _, n := range g.order {
		for i, r := range n.in {
			n.in[i] = resolve(r)
		}
	}
	// What was called by the name of a call is still found by it.
	for r := range renamed {
		if r.out == 0 && depth[r.name] == 0 && g.nodes[r.name] == nil {
			if err := g.add(&node{name: r.name, op: "Identity", in: []ref{resolve(r)}}); err != nil {
				return err
			}
		}
	}
	return nil
}
