package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A Memory is what the optimizer that trained a model remembers: where it would go on.
type Memory struct {
	Rule string // as package optim calls it: adam, sgd, rmsprop, adagrad, adadelta
	// Torch says that a momentum is kept without the learning rate, b ← μb + g, as PyTorch
	// and TensorFlow 1 do it; without, m ← μm − ηg, as Keras does.
	Torch bool
	Step  int64 // steps taken
	// Slots are tensors of the weights' shapes by weight and slot, such as
	// hidden1/kernel#momentum.
	Slots map[string]*tensor.Tensor
}

// Slots says where a file keeps what an optimizer remembered.
type Slots struct {
	Rule  string // see Memory
	Torch bool
	Step  func() (int64, error) // reads how many steps were taken
	// Of names, for a tensor of a weight, those that hold its slots, by slot.
	Of map[string]map[string]string
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
func (f *File) memory(b *Blueprint, float tensor.DType) (*Memory, error) {
	declared, err := b.Model.declared()
	if err != nil {
		return nil, err
	}
	var trained []Place // those of weights, in the model's order
	for _, d := range declared {
		i := slices.IndexFunc(b.Places, func(p Place) bool { return p.To == d.name })
		if d.kind == param.Weight && i >= 0 {
			trained = append(trained, b.Places[i])
		}
	}
	step, err := f.Slots.Step()
	if err != nil {
		return nil, err
	}
	m := &Memory{Rule: f.Slots.Rule, Torch: f.Slots.Torch, Step: step, Slots: map[string]*tensor.Tensor{}}
	tensors := make(map[string]Tensor, len(f.Tensors))
	for _, t := range f.Tensors {
		tensors[t.Name] = t
	}
	of := f.Slots.Of
	if f.Slots.Ordered != nil {
		var weights []Tensor
		for _, p := range trained {
			for _, from := range p.From {
				weights = append(weights, tensors[from])
			}
		}
		if of, err = f.Slots.Ordered(weights); err != nil {
			return nil, err
		}
	}
	for _, p := range trained {
		if len(p.From) == 0 {
			continue
		}
		for slot := range of[p.From[0]] {
			q := Place{To: p.To + "#" + slot, Make: p.Make}
			var zeros []*tensor.Tensor
			for _, from := range p.From {
				name := of[from][slot]
				held, ok := tensors[name]
				if !ok || !held.DType.IsFloat() || !held.Shape.Equal(tensors[from].Shape) {
					return nil, fmt.Errorf("tensor %q: its slot %s is no tensor of floats of its shape %v", from, slot, tensors[from].Shape)
				}
				q.From = append(q.From, name)
				zeros = append(zeros, tensor.New(held.DType, held.Shape...))
			}
			if p.Make != nil {
				// What is added to a weight on the way is no part of its slots.
				z, err := p.Make(zeros)
				if err != nil {
					return nil, err
				}
				for i := range z.Len() {
					if z.Flat(i) != 0 {
						return nil, &Unsupported{What: fmt.Sprintf("slot %s of %q", slot, p.From[0]), Msg: "the weight is not what the file holds, but computed of it; begin with fresh slots"}
					}
				}
			}
			t, err := q.read(tensors)
			if err != nil {
				return nil, err
			}
			v, err := tensor.TryNew(float, t.Shape()...)
			if err == nil {
				err = v.CopyFrom(t)
			}
			if err != nil {
				return nil, err
			}
			m.Slots[q.To] = v
		}
	}
	return m, nil
}
