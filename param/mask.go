package param

import "github.com/nadir-ml/nadir/graph"

// A stepMask is which steps of a node count, or why that is not known.
type stepMask struct {
	mask graph.Node
	why  string
}

// Mask is which steps of x count, 1 or 0 for each: x's shape without its last axis. It is the
// invalid Node where all do. A layer that goes along steps asks for it; one that keeps the
// steps hands it on with KeepMask, and any other drops it by saying nothing.
func (s *Scope) Mask(x graph.Node) graph.Node {
	m := s.trace.masks[x]
	if m.why != "" {
		return s.B.Fail("which steps are left out is not known: %s", m.why)
	}
	return m.mask
}

// IsMasked reports whether some steps of x may not count.
func (s *Scope) IsMasked(x graph.Node) bool {
	_, ok := s.trace.masks[x]
	return ok
}

// MaskInDoubt reports whether Mask would fail.
func (s *Scope) MaskInDoubt(x graph.Node) bool { return s.trace.masks[x].why != "" }

// SetMask says which steps of x count, and is x. An invalid mask says nothing.
func (s *Scope) SetMask(x, mask graph.Node) graph.Node {
	if mask.Valid() {
		s.setMask(x, stepMask{mask: mask})
	}
	return x
}

// KeepMask says that the steps of y count that count of x, and is y.
func (s *Scope) KeepMask(y, x graph.Node) graph.Node {
	if m, ok := s.trace.masks[x]; ok {
		s.setMask(y, m)
	}
	return y
}

// DoubtMask says that some steps of x do not count, but not which, and is x. Why is what a
// layer that asks for the mask fails with.
func (s *Scope) DoubtMask(x graph.Node, why string) graph.Node {
	s.setMask(x, stepMask{why: why})
	return x
}

func (s *Scope) setMask(x graph.Node, m stepMask) {
	if !x.Valid() {
		return
	}
	if s.trace.masks == nil {
		s.trace.masks = map[graph.Node]stepMask{}
	}
	s.trace.masks[x] = m
}
