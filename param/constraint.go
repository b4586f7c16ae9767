package param

import "github.com/nadir-ml/nadir/graph"

// A Constraint maps a weight to one of the same shape that is allowed.
type Constraint interface {
	Project(w graph.Node) graph.Node
}

// Constrain lets every step of the optimizer end with c applied to a weight
// that was declared in this trace. A nil c allows anything.
func (s *Scope) Constrain(w graph.Node, c Constraint) {
	if c == nil || !w.Valid() || s.trace.opt.Declare != nil {
		return
	}
	if p := s.trace.set.Get(w.Name()); p != nil {
		p.Constraint = c
	}
}
