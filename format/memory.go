package format

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A Memory is what the optimizer that trained a model remembers: where it would go on.
type Memory struct {
	// Rule is what package optim calls it: adam, nadam, adamax, lamb, lion, sgd, rmsprop,
	// adagrad, adadelta, ftrl; and amsgrad, which is adam with that.
	Rule string
	// Torch says that a momentum is kept without the learning rate, b ← μb + g, as PyTorch
	// and TensorFlow 1 do it; without, m ← μm − ηg, as Keras does.
	Torch bool
	Step  int64 // steps taken
	// Slots are tensors of the weights' shapes by weight and slot, such as
	// hidden1/kernel#momentum. A number that all weights share has no weight, as in
	// #u_product.
	Slots map[string]*tensor.Tensor
}

// An Unreadable memory is the error for what an optimizer remembered where the weights
// themselves can be read.
type Unreadable struct{ Err error }

// Error says why.
func (e *Unreadable) Error() string {
	return "what its optimizer remembers cannot be read: " + e.Err.Error()
}

// Unwrap is the cause.
func (e *Unreadable) Unwrap() error { return e.Err }

// Slots says where a file keeps what an optimizer remembered.
type Slots struct {
	Rule  string // see Memory
	Torch bool
	Step  func() (int64, error) // reads how many steps were taken
	// Of names, for a tensor of a weight, those that hold its slots, by slot.
	Of map[string]map[string]string
	// Shared names the tensors of numbers that all weights share, by slot.
	Shared map[string]string
	// Ordered, where the file has the slots in the order of the weights alone, makes Of of
	// the tensors of the weights that a model trains, in its order.
	Ordered func(weights []Tensor) (map[string]map[string]string, error)
}

// String says what there is.
func (s *Slots) String() string {
	if len(s.Of) == 0 {
		return "slots of the rule " + s.Rule
	}
	kinds := map[string]bool{}
	for _, of := range s.Of {
		for k := range of {
			kinds[k] = true
		}
	}
	var names []string
	for k := range kinds {
		names = append(names, k)
	}
	slices.Sort(names)
	return fmt.Sprintf("%s of %d weights, of the rule %s", strings.Join(names, " and "), len(s.Of), s.Rule)
}

// memory reads the slots of those parameters that are made of tensors with slots, as the
// parameters themselves are made of theirs.
func (f *File) memory(b *Blueprint, float tensor.DType) (*Memory, []Link, error) {
	m, links, err := f.recall(b, float)
	if err != nil {
		return nil, nil, &Unreadable{err}
	}
	return m, links, nil
}

func (f *File) recall(b *Blueprint, float tensor.DType) (*Memory, []Link, error) {
	t, err := b.Model.reading()
	if err != nil {
		return nil, nil, err
	}
	places := make(map[string]Place, len(b.Places))
	for _, p := range b.Places {
		places[p.To] = p
	}
	type weight struct {
		Place
		shape tensor.Shape
	}
	var trained []weight // in the model's order
	for _, d := range t.declared {
		if p, ok := places[d.name]; ok && d.kind == param.Weight {
			trained = append(trained, weight{p, d.shape})
		}
	}
	step, err := f.Slots.Step()
	if err != nil {
		return nil, nil, err
	}
	m := &Memory{Rule: f.Slots.Rule, Torch: f.Slots.Torch, Step: step, Slots: map[string]*tensor.Tensor{}}
	tensors := make(map[string]Tensor, len(f.Tensors))
	for _, t := range f.Tensors {
		tensors[t.Name] = t
	}
	var links []Link
	of := f.Slots.Of
	if f.Slots.Ordered != nil {
		var weights []Tensor
		for _, p := range trained {
			for _, from := range p.From {
				weights = append(weights, tensors[from])
			}
		}
		if of, err = f.Slots.Ordered(weights); err != nil {
			return nil, nil, err
		}
	}
	for _, p := range trained {
		if len(p.From) == 0 {
			continue
		}
		for _, slot := range slices.Sorted(maps.Keys(of[p.From[0]])) {
			q := Place{To: p.To + "#" + slot, Make: p.Make, Move: p.Move}
			var zeros []*tensor.Tensor
			for _, from := range p.From {
				name := of[from][slot]
				held, ok := tensors[name]
				if !ok || !held.DType.IsFloat() || !held.Shape.Equal(tensors[from].Shape) {
					return nil, nil, fmt.Errorf("tensor %q: its slot %s is no tensor of floats of its shape %v", from, slot, tensors[from].Shape)
				}
				q.From = append(q.From, name)
				zeros = append(zeros, tensor.New(held.DType, held.Shape...))
			}
			if p.Make != nil {
				// What is added to a weight on the way is no part of its slots.
				z, err := p.Make(zeros)
				if err != nil {
					return nil, nil, err
				}
				for i := range z.Len() {
					if z.Flat(i) != 0 {
						return nil, nil, &Unsupported{What: fmt.Sprintf("slot %s of %q", slot, p.From[0]), Msg: "the weight is not what the file holds, but computed of it; begin with fresh slots"}
					}
				}
			}
			t, err := q.read(tensors, p.shape, f.Forget)
			if err != nil {
				return nil, nil, err
			}
			if m.Slots[q.To], err = converted(t, float); err != nil {
				return nil, nil, err
			}
			for _, from := range q.From {
				links = append(links, Link{from, q.To})
			}
		}
	}
	for _, slot := range slices.Sorted(maps.Keys(f.Slots.Shared)) {
		name := f.Slots.Shared[slot]
		held, ok := tensors[name]
		if !ok || !held.DType.IsFloat() || held.Shape.Len() != 1 {
			return nil, nil, fmt.Errorf("tensor %q: the slot %s that all weights share is no number", name, slot)
		}
		t, err := held.Read()
		if err == nil {
			t, err = t.Reshape()
		}
		if err == nil {
			t, err = converted(t, float)
		}
		if err != nil {
			return nil, nil, err
		}
		m.Slots["#"+slot] = t
		links = append(links, Link{name, "#" + slot})
	}
	return m, links, nil
}

// converted is a tensor of that type with the numbers of another one.
func converted(t *tensor.Tensor, float tensor.DType) (*tensor.Tensor, error) {
	v, err := tensor.TryNew(float, t.Shape()...)
	if err == nil {
		err = v.CopyFrom(t)
	}
	return v, err
}

// A remembered is what the metadata of a file says of a Memory.
type remembered struct {
	Rule  string `json:"rule"`
	Torch bool   `json:"torch,omitempty"`
	Step  int64  `json:"step"`
}

// describe adds a memory to what Write writes.
func (m *Memory) describe(meta map[string]string, ts []safetensors.Named) ([]safetensors.Named, error) {
	text, err := json.Marshal(remembered{m.Rule, m.Torch, m.Step})
	if err != nil {
		return nil, err
	}
	meta[keyMemory] = string(text)
	for _, name := range slices.Sorted(maps.Keys(m.Slots)) {
		if !strings.Contains(name, "#") {
			return nil, fmt.Errorf("saving the model: %q is no name of a slot", name)
		}
		ts = append(ts, safetensors.Named{Name: name, Tensor: m.Slots[name]})
	}
	return ts, nil
}

// slotsOf says where a file that Write wrote has the memory, nil where it has none.
func slotsOf(meta map[string]string, f *safetensors.File) (*Slots, error) {
	text := meta[keyMemory]
	if text == "" {
		return nil, nil
	}
	var r remembered
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return nil, fmt.Errorf("metadata %s: %w", keyMemory, err)
	}
	if r.Step < 0 || r.Rule == "" {
		return nil, fmt.Errorf("metadata %s: want a rule and a number of steps, found %s", keyMemory, text)
	}
	s := &Slots{Rule: r.Rule, Torch: r.Torch, Step: func() (int64, error) { return r.Step, nil }, Of: map[string]map[string]string{}, Shared: map[string]string{}}
	for _, i := range f.Infos() {
		weight, slot, ok := strings.Cut(i.Name, "#")
		switch {
		case !ok:
		case weight == "":
			s.Shared[slot] = i.Name
		case s.Of[weight] == nil:
			s.Of[weight] = map[string]string{slot: i.Name}
		default:
			s.Of[weight][slot] = i.Name
		}
	}
	return s, nil
}
