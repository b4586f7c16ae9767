package param

import (
	"fmt"
	"iter"
	"slices"

	"github.com/nadir-ml/nadir/tensor"
)

// A Kind says what a parameter is for.
type Kind uint8

// The kinds.
const (
	Weight Kind = iota + 1 // changed by the optimizer
	Stat                   // changed by its layer, such as a running mean
	Slot                   // the optimizer's memory of a weight
)

// String is the kind's name.
func (k Kind) String() string {
	return [...]string{"invalid", "weight", "stat", "slot"}[min(k, Slot)]
}

// A Param is one named tensor.
type Param struct {
	Name string
	Kind Kind
	// Frozen parameters are changed by nothing: neither by the loss, nor by
	// decay, nor as statistics. A layer whose statistics are frozen runs as in
	// inference.
	Frozen bool
	// Init is what filled the value when it was declared; nil where it was
	// loaded.
	Init Init
	// Constraint is what every step of the optimizer ends with; nil where the
	// weight may be anything.
	Constraint Constraint
	Value      *tensor.Tensor
}

// Trainable reports whether the optimizer may change the parameter.
func (p *Param) Trainable() bool { return p.Kind == Weight && !p.Frozen }

// A Set is an ordered collection of parameters with unique names. All values
// have the set's floating-point type.
type Set struct {
	float tensor.DType
	list  []*Param
	index map[string]*Param
}

// NewSet is an empty set of tensor.Float32 or tensor.Float64 values.
func NewSet(float tensor.DType) *Set {
	return &Set{float: float, index: map[string]*Param{}}
}

// Float is the type of all values.
func (s *Set) Float() tensor.DType { return s.float }

// Len is the number of parameters.
func (s *Set) Len() int { return len(s.list) }

// All lists the parameters in the order of their declaration.
func (s *Set) All() iter.Seq[*Param] { return slices.Values(s.list) }

// Of lists the parameters of one kind.
func (s *Set) Of(k Kind) iter.Seq[*Param] {
	return func(yield func(*Param) bool) {
		for _, p := range s.list {
			if p.Kind == k && !yield(p) {
				return
			}
		}
	}
}

// Get is the parameter of that name, or nil.
func (s *Set) Get(name string) *Param { return s.index[name] }

// Value is the tensor of that name, or nil. Its method value is what a plan
// takes as its state.
func (s *Set) Value(name string) *tensor.Tensor {
	if p := s.index[name]; p != nil {
		return p.Value
	}
	return nil
}

// Add declares a parameter of zeros.
func (s *Set) Add(name string, kind Kind, shape tensor.Shape) (*Param, error) {
	if s.index[name] != nil {
		return nil, fmt.Errorf("parameter %q is declared twice", name)
	}
	v, err := tensor.TryNew(s.float, shape...)
	if err != nil {
		return nil, fmt.Errorf("parameter %q: %w", name, err)
	}
	p := &Param{Name: name, Kind: kind, Value: v}
	s.list = append(s.list, p)
	s.index[name] = p
	return p, nil
}

// Put declares a parameter that has its value already. The tensor, which must be of the
// set's type, is the set's from then on.
func (s *Set) Put(name string, kind Kind, value *tensor.Tensor) (*Param, error) {
	if s.index[name] != nil {
		return nil, fmt.Errorf("parameter %q is declared twice", name)
	}
	if value.DType() != s.float {
		return nil, fmt.Errorf("parameter %q is of %v, the set of %v", name, value.DType(), s.float)
	}
	p := &Param{Name: name, Kind: kind, Value: value}
	s.list = append(s.list, p)
	s.index[name] = p
	return p, nil
}

// Remove drops a parameter; it does nothing where there is none.
func (s *Set) Remove(name string) {
	if p := s.index[name]; p != nil {
		delete(s.index, name)
		s.list = slices.DeleteFunc(s.list, func(q *Param) bool { return p == q })
	}
}

// Count is the number of elements in weights and statistics, and in what is
// trainable of them.
func (s *Set) Count() (total, trainable int) {
	for _, p := range s.list {
		if p.Kind == Slot {
			continue
		}
		total += p.Value.Len()
		if p.Trainable() {
			trainable += p.Value.Len()
		}
	}
	return total, trainable
}

// Clone is a copy that shares nothing but the initializers.
func (s *Set) Clone() *Set {
	c := NewSet(s.float)
	for _, p := range s.list {
		q := *p
		q.Value = p.Value.Clone()
		c.list = append(c.list, &q)
		c.index[q.Name] = &q
	}
	return c
}

// CopyFrom overwrites the values of every parameter with those of the same
// name in src, in place, so that plans stay valid. A name that is missing on
// either side or another shape is an error, and then nothing was changed.
// Kinds in skip take no part.
func (s *Set) CopyFrom(src *Set, skip ...Kind) error {
	n := 0
	for _, p := range s.list {
		if slices.Contains(skip, p.Kind) {
			continue
		}
		n++
		q := src.index[p.Name]
		if q == nil {
			return fmt.Errorf("parameter %q is missing", p.Name)
		}
		if !q.Value.Shape().Equal(p.Value.Shape()) {
			return fmt.Errorf("parameter %q has shape %v, want %v", p.Name, q.Value.Shape(), p.Value.Shape())
		}
	}
	for _, q := range src.list {
		if !slices.Contains(skip, q.Kind) && s.index[q.Name] == nil {
			return fmt.Errorf("parameter %q has no place here", q.Name)
		}
	}
	for _, p := range s.list {
		if slices.Contains(skip, p.Kind) {
			continue
		}
		if err := p.Value.CopyFrom(src.index[p.Name].Value); err != nil {
			return fmt.Errorf("parameter %q: %w", p.Name, err)
		}
	}
	return nil
}

// Graft copies weights and statistics from another set into those of the same
// name here, or of the name that rename gives for it ("" leaves one out), and
// lists what was copied and what of this set got nothing. A shape that differs
// and a name that two would get are errors, and then nothing was changed.
func (s *Set) Graft(from *Set, rename func(name string) string) (copied, missing []string, err error) {
	pairs := map[*Param]*Param{}
	for _, q := range from.list {
		name := q.Name
		if rename != nil {
			name = rename(name)
		}
		p := s.index[name]
		if p == nil || p.Kind == Slot || q.Kind == Slot {
			continue
		}
		if !p.Value.Shape().Equal(q.Value.Shape()) {
			return nil, nil, fmt.Errorf("graft: %q has shape %v, but %q wants %v", q.Name, q.Value.Shape(), p.Name, p.Value.Shape())
		}
		if twin := pairs[p]; twin != nil {
			return nil, nil, fmt.Errorf("graft: %q and %q would both go to %q", twin.Name, q.Name, p.Name)
		}
		pairs[p] = q
	}
	for _, p := range s.list {
		switch q := pairs[p]; {
		case p.Kind == Slot:
		case q == nil:
			missing = append(missing, p.Name)
		default:
			if err := p.Value.CopyFrom(q.Value); err != nil {
				return nil, nil, err
			}
			copied = append(copied, p.Name)
		}
	}
	return copied, missing, nil
}
