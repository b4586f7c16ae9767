package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/nadir-ml/nadir/tensor"
)

// A Builder collects the nodes of one graph. It belongs to one goroutine. Ops
// with equal inputs and attributes are one node: common subexpressions never
// arise.
type Builder struct {
	nodes   []entry
	memo    map[memoKey]int32
	path    string
	origin  func() string
	errs    []error
	inputs  []Node
	params  []Node
	names   map[string]Node
	outputs []Named
	updates []Assign
	guards  []Node
	bounds  []Node
	streams map[string]int
}

type entry struct {
	op   *Op
	in   []int32
	attr any
	typ  Type
	path string
}

// A memoKey is what makes two nodes one. Most ops have few inputs, which are numbers here;
// the others' are text.
type memoKey struct {
	op   *Op
	attr any
	few  [3]int32
	many string
}

func keyOf(op *Op, attr any, in []int32) memoKey {
	k := memoKey{op: op, attr: attr, few: [3]int32{-1, -1, -1}}
	if copy(k.few[:], in) < len(in) {
		ids := make([]byte, 0, 4*len(in))
		for _, id := range in {
			ids = binary.LittleEndian.AppendUint32(ids, uint32(id))
		}
		k.many = string(ids)
	}
	return k
}

// Named is a node that a plan makes readable after a run.
type Named struct {
	Name string
	Node Node
}

// Assign says that a parameter holds Next after the run. All reads of the
// parameter within the run see its value from before.
type Assign struct{ Param, Next Node }

// New is an empty graph.
func New() *Builder {
	return &Builder{memo: map[memoKey]int32{}, names: map[string]Node{}, streams: map[string]int{}}
}

// SetPath names the layer that the following ops belong to and returns the
// name before, to be set again. Errors and dumps carry it.
func (b *Builder) SetPath(path string) (before string) {
	before, b.path = b.path, path
	return before
}

// Path is the name set last.
func (b *Builder) Path() string { return b.path }

// Fail records an error at the current path and returns the invalid Node.
func (b *Builder) Fail(format string, args ...any) Node {
	err := fmt.Errorf(format, args...)
	if b.path != "" {
		err = fmt.Errorf("%s: %w", b.path, err)
	}
	b.errs = append(b.errs, err)
	return Node{}
}

// Misfit is [Builder.Fail] for shapes that do not go together: it adds where
// they come from.
func (b *Builder) Misfit(format string, args ...any) Node {
	if b.origin != nil {
		if origin := b.origin(); origin != "" {
			format, args = format+"; what goes in comes from %s", append(slices.Clone(args), origin)
		}
	}
	return b.Fail(format, args...)
}

// SetOrigin gives what says in words what the inputs of the layer that is being built come
// from, and returns what was given before. It is called when something does not fit.
func (b *Builder) SetOrigin(origin func() string) (before func() string) {
	before, b.origin = b.origin, origin
	return before
}

// Err is every error recorded, joined, or nil.
func (b *Builder) Err() error { return errors.Join(b.errs...) }

// Len is the number of nodes. Node i's inputs have numbers below i.
func (b *Builder) Len() int { return len(b.nodes) }

// Node is the node of that number.
func (b *Builder) Node(i int) Node { return Node{b, int32(i)} }

// Nodes lists the nodes, inputs before what uses them.
func (b *Builder) Nodes() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for i := range b.nodes {
			if !yield(Node{b, int32(i)}) {
				return
			}
		}
	}
}

// Apply adds an op by name. It is how ops registered elsewhere are used; the
// methods of Node call it too. The attribute must be comparable, or nil.
func (b *Builder) Apply(name string, attr any, in ...Node) Node {
	for _, x := range in {
		if !x.Valid() {
			return Node{}
		}
		if x.b != b {
			return b.Fail("%s: an input belongs to another graph", name)
		}
	}
	op := table[name]
	if op == nil {
		return b.Fail("no op is named %q", name)
	}
	switch {
	case op.Arity < 0 && len(in) == 0:
		return b.Fail("%s: takes at least one input, got none", name)
	case op.Arity >= 0 && len(in) != op.Arity:
		return b.Fail("%s: takes %d inputs, got %d", name, op.Arity, len(in))
	}
	types := make([]Type, len(in))
	for i, x := range in {
		types[i] = x.Type()
	}
	typ, err := op.Type(types, attr)
	if err == nil && len(typ.Shape) > tensor.MaxRank {
		err = fmt.Errorf("shape %v has more than %d axes", typ.Shape, tensor.MaxRank)
	}
	if err == nil {
		_, err = typ.Shape.Elems()
	}
	if err != nil {
		return b.Misfit("%s: %w", name, err)
	}
	return b.add(op, attr, typ, in)
}

func (b *Builder) add(op *Op, attr any, typ Type, in []Node) Node {
	idx := make([]int32, len(in))
	for i, x := range in {
		idx[i] = x.id
	}
	if attr != nil && !reflect.TypeOf(attr).Comparable() {
		panic(fmt.Sprintf("graph: %s: attribute %T is not comparable", op.Name, attr))
	}
	k := keyOf(op, attr, idx)
	if id, ok := b.memo[k]; ok {
		return Node{b, id}
	}
	id := int32(len(b.nodes))
	if id == int32(cap(b.nodes)) { // as append grows, five times as much would be copied
		b.nodes = slices.Grow(b.nodes, max(len(b.nodes), 16))
	}
	b.nodes = append(b.nodes, entry{op, idx, attr, typ, b.path})
	b.memo[k] = id
	return Node{b, id}
}

// leafAttr names a parameter or an input. The type is part of it, since the
// type rule has nothing else to go by.
type leafAttr struct {
	Name  string
	Kind  Kind
	Shape string
}

// Input declares data that is given at every run.
func (b *Builder) Input(name string, kind Kind, shape ...int) Node {
	return b.leaf("input", name, kind, shape, &b.inputs)
}

// Param declares state that a plan finds by name and that outlives the run.
// Declaring a name twice with one type is the same node.
func (b *Builder) Param(name string, shape ...int) Node {
	return b.leaf("param", name, Float, shape, &b.params)
}

func (b *Builder) leaf(op, name string, kind Kind, shape tensor.Shape, list *[]Node) Node {
	if _, err := shape.Elems(); err != nil {
		return b.Fail("%s %q: %w", op, name, err)
	}
	typ := Type{kind, shape.Clone()}
	if old, ok := b.names[name]; ok {
		if old.Op().Name == op && old.Type().Kind == kind && old.Shape().Equal(shape) {
			return old
		}
		return b.Fail("%s %q of type %v was declared before as %s of type %v", op, name, typ, old.Op().Name, old.Type())
	}
	x := b.add(table[op], leafAttr{name, kind, shape.String()}, typ, nil)
	b.names[name] = x
	*list = append(*list, x)
	return x
}

func init() {
	given := func(in []Type, attr any) (Type, error) { return Type{}, errors.New("is declared, not applied") }
	Register(Op{Name: "input", Type: given})
	Register(Op{Name: "param", Type: given})
	Register(Op{Name: "const", Type: func(_ []Type, attr any) (Type, error) { return Type{Float, tensor.Shape{}}, nil }})
}

// Const is a scalar.
func (b *Builder) Const(v float64) Node { return b.Apply("const", constAttr{v}) }

// constAttr is the attribute of a const. Its own type keeps -0 and 0 one
// constant only where they compare equal, which the ops here do not mind.
type constAttr struct{ V float64 }

// Full is a tensor filled with one number.
func (b *Builder) Full(v float64, shape ...int) Node { return b.Const(v).BroadcastTo(shape...) }

// Output makes a node readable after a run under a name.
func (b *Builder) Output(name string, x Node) {
	if !x.Valid() {
		return
	}
	for _, o := range b.outputs {
		if o.Name == name {
			b.Fail("output %q was named before", name)
			return
		}
	}
	b.outputs = append(b.outputs, Named{name, x})
}

// Update makes a parameter hold next after the run. Optimizers, running
// statistics and contrastive divergence all use this one verb.
func (b *Builder) Update(param, next Node) {
	switch {
	case !param.Valid() || !next.Valid():
	case param.Op().Name != "param":
		b.Fail("update of %%%d, made by op %s: only a parameter can be updated", param.id, param.Op().Name)
	case !param.Shape().Equal(next.Shape()) || next.Type().Kind != Float:
		b.Fail("update of %q: %v does not fit %v", param.Name(), next.Type(), param.Type())
	default:
		for _, u := range b.updates {
			if u.Param == param {
				b.Fail("update of %q: it is updated twice in one step", param.Name())
				return
			}
		}
		b.updates = append(b.updates, Assign{param, next})
	}
}

// Guard lets the updates of a run happen only where every element of x, a
// float, is finite. A training step that diverged then leaves no trace in the
// parameters.
func (b *Builder) Guard(x Node) {
	if x.Valid() && x.Type().Kind != Float {
		b.Fail("guard: wants floats, got %v", x.Type())
	} else if x.Valid() {
		b.guards = append(b.guards, x)
	}
}

// Bound says of x, floats, that the guards of a run are finite where this and every other
// bound is. Backends then need not have the guards before the updates begin: where a bound
// is not finite, the guards may be all the same, and are asked. It is for who can prove it.
func (b *Builder) Bound(x Node) {
	if x.Valid() && x.Type().Kind != Float {
		b.Fail("bound: wants floats, got %v", x.Type())
	} else if x.Valid() {
		b.bounds = append(b.bounds, x)
	}
}

// Bounds lists the bounds in the order of their declaration.
func (b *Builder) Bounds() []Node { return b.bounds }

// Guards lists the guards in the order of their declaration.
func (b *Builder) Guards() []Node { return b.guards }

// Inputs lists the inputs in the order of their declaration.
func (b *Builder) Inputs() []Node { return b.inputs }

// Params lists the parameters in the order of their declaration.
func (b *Builder) Params() []Node { return b.params }

// Outputs lists the outputs in the order of their declaration.
func (b *Builder) Outputs() []Named { return b.outputs }

// Updates lists the updates in the order of their declaration.
func (b *Builder) Updates() []Assign { return b.updates }
