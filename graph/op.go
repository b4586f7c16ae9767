package graph

import (
	"fmt"
	"maps"
	"slices"
)

// An Op is one operation as data. A new op is one Register call and, where it
// is to be faster than its lowering, one kernel in a backend.
type Op struct {
	// Name is unique; kernels are found by it.
	Name string
	// Arity is the number of inputs; -1 means any number above 0.
	Arity int
	// Elementwise marks ops whose result has the broadcast shape of their
	// inputs and whose element i depends on elements i alone. Backends run
	// chains of them tile by tile.
	Elementwise bool
	// Type is the rule for the result. Nil on an elementwise op means: floats
	// in, floats out, shapes broadcast. Its error says what did not fit; the
	// Builder adds the path and the op's name.
	Type func(in []Type, attr any) (Type, error)
	// VJP gives the gradients of the inputs from that of the result dy, as
	// nodes: the vector-Jacobian product. A zero Node means no gradient. Nil
	// means that none flows through.
	VJP func(y Node, in []Node, dy Node) []Node
	// Lower is the op in simpler ops: a backend's fallback and the tests'
	// oracle. Nil means primitive: every backend must know it.
	Lower func(in []Node, attr any) Node
}

var table = map[string]*Op{}

// Register adds an op to the table. It is called from init functions; a name
// taken twice is a programming error and panics.
func Register(op Op) {
	if table[op.Name] != nil {
		panic("graph: op " + op.Name + " registered twice")
	}
	if op.Elementwise && op.Type == nil {
		op.Type = elementwiseType
	}
	table[op.Name] = &op
}

// Lookup is the op of that name, or nil.
func Lookup(name string) *Op { return table[name] }

// Ops lists the table by name.
func Ops() []*Op {
	return slices.SortedFunc(maps.Values(table), func(a, b *Op) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}

func elementwiseType(in []Type, _ any) (Type, error) {
	s := in[0].Shape
	for _, t := range in {
		if t.Kind != Float {
			return Type{}, fmt.Errorf("wants floats, got %v", t)
		}
		var ok bool
		if s, ok = Broadcast(s, t.Shape); !ok {
			return Type{}, fmt.Errorf("shapes %v and %v do not broadcast", in[0].Shape, t.Shape)
		}
	}
	return Type{Float, s}, nil
}
