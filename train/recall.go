package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// ruleOf is the rule of a memory that goes with a rule, and whether this one keeps a
// momentum without the learning rate.
func ruleOf(r optim.Rule) (name string, torch bool) {
	switch r := r.(type) {
	case optim.Adam:
		if r.AMSGrad {
			return "amsgrad", false
		}
		return "adam", false
	case optim.AdamW:
		return "adam", false
	case optim.SGD:
		return "sgd", r.Convention == optim.PyTorch
	case optim.RMSProp:
		return "rmsprop", r.Convention == optim.PyTorch || r.Convention == optim.Keras2
	case optim.AdaGrad:
		return "adagrad", false
	case optim.AdaDelta:
		return "adadelta", false
	}
	return optim.Registry.NameOf(r), false
}

// remembered are the slots that go with the rule of a memory.
var remembered = map[string][]string{
	"adam": {"momentum", "velocity"}, "amsgrad": {"momentum", "velocity", "velocity_hat"}, "sgd": {"momentum"},
	"rmsprop": {"velocity", "momentum", "average_gradient"}, "adagrad": {"accumulator"}, "adadelta": {"accumulated_grad", "accumulated_delta_var"},
	"nadam": {"momentum", "velocity", "u_product"}, "adamax": {"momentum", "norm"}, "lamb": {"momentum", "velocity"}, "lion": {"momentum"}, "ftrl": {"accumulator", "linear"},
}

// common is the value of a slot that all parameters share where a memory lacks it, which
// follows from the steps that were taken.
func common(r optim.Rule, slot string, steps int64) *tensor.Tensor {
	n, ok := r.(optim.Nadam)
	if !ok || slot != "#u_product" {
		return nil
	}
	t := tensor.New(tensor.Float64)
	t.SetFlat(0, n.Product(steps))
	return t
}

// Recall goes on with the memory of the optimizer that trained the model so far: its slots
// become the trainer's, and its steps count for what a rule corrects by their number.
// Steps, epochs and the schedule are counted from here all the same. It is to be called
// after [Trainer.Prepare] and before the first step. A memory of another rule, or one that
// lacks the slots of a weight that is trained, is an error, and nothing has changed. A
// momentum that the two keep in different ways is converted with the rate of the trainer.
func (t *Trainer) Recall(m *format.Memory) error {
	name, torch := ruleOf(t.cfg.Optim.Rule)
	if name != m.Rule {
		return fmt.Errorf("the slots are those of %s, and the optimizer is %s: it begins with fresh ones", m.Rule, name)
	}
	if t.state.Step > 0 {
		return fmt.Errorf("the trainer has taken %d steps: it has slots of its own", t.state.Step)
	}
	factor := 1.0
	if torch != m.Torch {
		factor = t.LR()
		if torch {
			factor = 1 / factor
		}
		if name == "sgd" {
			factor = -factor // θ ← θ + m, and θ ← θ − ηb
		}
	}
	values := map[string]*tensor.Tensor{}
	for p := range t.Params.Of(param.Slot) {
		weight, slot, _ := strings.Cut(p.Name, "#")
		if !slices.Contains(remembered[name], slot) {
			continue
		}
		v := m.Slots[p.Name]
		if v == nil && weight == "" {
			v = common(t.cfg.Optim.Rule, p.Name, m.Step)
		}
		switch {
		case v == nil:
			return fmt.Errorf("%q has no slot %s in what the optimizer remembers", weight, slot)
		case !v.Shape().Equal(p.Value.Shape()):
			return fmt.Errorf("slot %s of %q has shape %v; want %v", slot, weight, v.Shape(), p.Value.Shape())
		}
		values[p.Name] = v
	}
	if len(values) == 0 {
		return fmt.Errorf("the optimizer keeps none of the slots of %s; say its momentum", m.Rule)
	}
	for name, v := range values {
		to := t.Params.Value(name)
		if err := to.CopyFrom(v); err != nil {
			return err
		}
		if factor != 1 && strings.HasSuffix(name, "#momentum") {
			for i := range to.Len() {
				to.SetFlat(i, factor*to.Flat(i))
			}
		}
	}
	t.state.Before = m.Step
	return nil
}
