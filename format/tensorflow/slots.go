package tensorflow

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/keras"
)

// A rule is an optimizer of TensorFlow: what package optim calls it and its slots, in the
// order in which its operation takes them behind the variable.
type rule struct {
	name  string
	torch bool // a momentum without the learning rate
	slots []string
}

// rules are the optimizers by their operations, which are called ApplyAdam or, for variables
// that are resources, ResourceApplyAdam.
var rules = map[string]rule{
	"Adam":            {"adam", false, []string{"momentum", "velocity"}},
	"Momentum":        {"sgd", true, []string{"momentum"}},
	"KerasMomentum":   {"sgd", false, []string{"momentum"}},
	"RMSProp":         {"rmsprop", false, []string{"velocity", "momentum"}},
	"CenteredRMSProp": {"rmsprop", false, []string{"average_gradient", "velocity", "momentum"}},
	"Adagrad":         {"adagrad", false, []string{"accumulator"}},
	"AdagradV2":       {"adagrad", false, []string{"accumulator"}},
	"Adadelta":        {"adadelta", false, []string{"accumulated_grad", "accumulated_delta_var"}},
	"AdamWithAmsgrad": {"amsgrad", false, []string{"momentum", "velocity", "velocity_hat"}},
	"AdaMax":          {"adamax", false, []string{"momentum", "norm"}},
	"Ftrl":            {"ftrl", false, []string{"accumulator", "linear"}},
	"FtrlV2":          {"ftrl", false, []string{"accumulator", "linear"}},
}

// remembered finds the slots of a checkpoint by the steps of optimizers in its graph.
func (m *metaGraph) remembered(f *format.File) *format.Slots {
	c := newConverter(m.graph, f, m.variables(f))
	held := func(r ref) (string, bool) {
		_, v, err := c.source(r)
		if err != nil || v.op != "VariableV2" && v.op != "Variable" && v.op != "VarHandleOp" {
			return "", false
		}
		t, err := c.variable(v.name)
		return t.Name, err == nil
	}
	var s *format.Slots
	for _, n := range m.graph.order {
		r, ok := rules[strings.TrimPrefix(strings.TrimPrefix(n.op, "Resource"), "Apply")]
		if !ok || !strings.Contains(n.op, "Apply") || len(n.in) <= len(r.slots)+1 {
			continue
		}
		of := map[string]string{}
		weight, ok := held(n.in[0])
		for i, slot := range r.slots {
			name, is := held(n.in[i+1])
			ok = ok && is
			of[slot] = name
		}
		if !ok {
			continue
		}
		if s == nil {
			s = &format.Slots{Rule: r.name, Torch: r.torch, Of: map[string]map[string]string{}}
			s.Step = stepsOf(f, 0)
			if p := m.powersOf(c, n, len(r.slots)+1, held); len(p) > 0 {
				s.Step = powers(f, p...)
			}
		}
		if s.Rule == r.name {
			s.Of[weight] = of
		}
	}
	return s
}

// powersOf are the powers of Adam's means that a step takes at an input and behind it, with
// what they are powers of: β₁, then β₂, behind the rate that follows them. The step of
// AdaMax has the first alone; it counts in a graph of TensorFlow 1, where it is a variable.
func (m *metaGraph) powersOf(c *converter, n *node, at int, held func(ref) (string, bool)) []power {
	count := 0
	switch {
	case strings.Contains(n.op, "AdaMax"):
		count = 1
	case strings.Contains(n.op, "ApplyAdam"):
		count = 2
	}
	var out []power
	for i := range count {
		if len(n.in) <= at+count+1+i {
			return nil
		}
		name, ok := held(n.in[at+i])
		beta, known := c.number(n.in[at+count+1+i])
		if !ok || !known {
			return nil
		}
		out = append(out, power{name, beta})
	}
	return out
}

// slotEnd is what TensorFlow 1 puts behind a variable's name for its slots.
var slotEnd = regexp.MustCompile(`^(.*)/(Adam|Momentum|RMSProp|Adagrad|Adadelta|AdaMax|Ftrl)(?:_([12]))?$`)

// bertEnd is what BERT's optimizer puts there: Adam's means, which it does not correct for
// their beginning.
var bertEnd = regexp.MustCompile(`^(.*)/adam_([mv])$`)

// rememberedByName finds the slots of a checkpoint without a graph by their names: those of
// an optimizer that was not given a name of its own.
func rememberedByName(f *format.File) *format.Slots {
	var s *format.Slots
	var kind rule
	uncorrected := false
	found := map[string][]string{} // of a weight: the slots, by their numbers
	for _, t := range f.Tensors {
		m := slotEnd.FindStringSubmatch(t.Name)
		if b := bertEnd.FindStringSubmatch(t.Name); b != nil {
			m, uncorrected = []string{t.Name, b[1], "Adam", map[string]string{"m": "", "v": "1"}[b[2]]}, true
		}
		if m == nil {
			continue
		}
		if w, ok := f.Lookup(m[1]); !ok || !w.Shape.Equal(t.Shape) {
			continue
		}
		r := rules[m[2]]
		if s == nil {
			kind, s = r, &format.Slots{Rule: r.name, Torch: r.torch, Of: map[string]map[string]string{}}
		}
		if s.Rule != r.name {
			continue
		}
		i := 0
		if m[3] != "" {
			i = int(m[3][0] - '0')
		}
		list := append(found[m[1]], make([]string, 3)...)[:max(len(found[m[1]]), i+1)]
		list[i] = t.Name
		found[m[1]] = list
	}
	if s == nil {
		return nil
	}
	for weight, list := range found {
		slots := kind.slots
		if s.Rule == "rmsprop" && len(list) == 3 { // in the order in which they are made
			slots = []string{"velocity", "average_gradient", "momentum"}
		}
		of := map[string]string{}
		for i, name := range list {
			if i < len(slots) && name != "" {
				of[slots[i]] = name
			}
		}
		if len(of) == len(slots) || s.Rule == "rmsprop" {
			s.Of[weight] = of
		}
	}
	s.Step = stepsOf(f, 0)
	if uncorrected { // as many steps as leave nothing to correct
		s.Step = func() (int64, error) {
			n, err := stepsOf(f, 0)()
			return max(n, manySteps), err
		}
		return s
	}
	if s.Rule != "adam" && s.Rule != "adamax" {
		return s
	}
	for _, t := range f.Tensors {
		scope, ok := strings.CutSuffix(t.Name, "beta1_power")
		if !ok {
			continue
		}
		list := []power{{t.Name, 0.9}}
		if s.Rule == "adam" {
			list = append(list, power{scope + "beta2_power", 0.999})
		}
		s.Step = powers(f, list...)
	}
	return s
}

// stepsOf reads the global step, or gives another number where there is none.
func stepsOf(f *format.File, otherwise int64) func() (int64, error) {
	return func() (int64, error) {
		for _, t := range f.Tensors {
			if (t.Name == "global_step" || strings.HasSuffix(t.Name, "/global_step")) && t.Read != nil && t.Shape.Len() == 1 {
				v, err := t.Read()
				if err != nil {
					return 0, err
				}
				return count(v.Flat(0))
			}
		}
		return otherwise, nil
	}
}

// count is a number of steps.
func count(v float64) (int64, error) {
	if !(v >= 0 && v < 1<<53) {
		return 0, fmt.Errorf("%g is no number of steps", v)
	}
	return int64(math.Round(v)), nil
}

// manySteps is how many steps were taken where β₂ᵗ is 0: so many that corrections for the
// start are 1.
const manySteps = 1 << 20

// A power is a tensor that holds what Adam and its kin keep of a decay β: βᵗ⁺¹.
type power struct {
	name string
	beta float64
}

// powers counts steps by such powers: of the last as long as it says anything, since the
// first, of a smaller β, is 0 sooner.
func powers(f *format.File, list ...power) func() (int64, error) {
	return func() (int64, error) {
		for _, p := range list {
			t, ok := f.Lookup(p.name)
			if !ok || t.Read == nil || t.Shape.Len() != 1 || !t.DType.IsFloat() {
				return 0, fmt.Errorf("tensor %q, a power of Adam's, is missing, or no number", p.name)
			}
			x, err := t.Read()
			if err != nil {
				return 0, err
			}
			v := x.Flat(0)
			if !(v >= 0 && v <= 1) || !(p.beta > 0 && p.beta < 1) {
				return 0, fmt.Errorf("tensor %q holds %g, which is no power of %g", p.name, v, p.beta)
			}
			const tiny = 1e-30 // float32 loses digits below
			if v > tiny {
				return count(math.Log(v)/math.Log(p.beta) - 1)
			}
		}
		return stepsOf(f, manySteps)()
	}
}

// kerasRules are the optimizers by the slots that Keras calls so, which a checkpoint of
// TensorFlow 2 links with the weights, where their names do not tell the optimizer.
var kerasRules = map[string]string{"m": "adam", "v": "adam", "vhat": "amsgrad", "momentum": "sgd", "rms": "rmsprop", "mg": "rmsprop", "accumulator": "adagrad",
	"accum_grad": "adadelta", "accum_var": "adadelta", "linear": "ftrl"}

// A slotRef is an entry of the graph of objects that links a variable and its slot.
type slotRef struct{ variable, slot, name string } // the tensors, and what the slot is called

// rememberedObjects are the slots that a graph of objects links, or, since Keras 2.11, names:
// names are those of the variables, by tensor.
func rememberedObjects(f *format.File, list []slotRef, names map[string]string) *format.Slots {
	at := map[string]string{} // of a variable's name: the tensor
	for key, name := range names {
		if old, twice := at[name]; !twice || key < old {
			at[name] = key
		}
	}
	known := func(weight string) bool { return at[weight] != "" }
	classes, kinds := map[string]bool{}, map[string]bool{}
	type held struct{ weight, slot, tensor string }
	var found []held
	for _, key := range slices.Sorted(maps.Keys(names)) {
		if !strings.Contains(key, "/_variables/") {
			continue
		}
		if class, weight, slot, ok := keras.Kept(names[key], known); ok {
			classes[class] = true
			found = append(found, held{at[weight], slot, key})
		}
	}
	for _, r := range list {
		if kerasRules[r.name] != "" && r.variable != "" && r.slot != "" {
			kinds[r.name] = true
			slot := keras.SlotOf(r.name)
			if class, _, named, ok := keras.Kept(names[r.slot], known); ok {
				slot = named
				classes[class] = true
			}
			found = append(found, held{r.variable, slot, r.slot})
		}
	}
	if len(found) == 0 {
		return nil
	}
	s := &format.Slots{Of: map[string]map[string]string{}}
	slots := map[string]bool{}
	for _, h := range found {
		if s.Of[h.weight] == nil {
			s.Of[h.weight] = map[string]string{}
		}
		s.Of[h.weight][h.slot] = h.tensor
		slots[h.slot] = true
	}
	if len(classes) == 1 {
		for class := range classes {
			s.Rule = keras.RuleOf(class, slots)
		}
	}
	// The optimizer has a name of its own: what it keeps tells most of them apart.
	for _, kind := range []string{"vhat", "linear", "m", "rms", "accum_grad", "accumulator", "momentum"} {
		if s.Rule == "" && kinds[kind] {
			s.Rule = kerasRules[kind]
		}
	}
	if s.Rule == "" {
		return nil
	}
	for _, t := range f.Tensors {
		if strings.Contains(t.Name, "/momentum_cache/.ATTRIBUTES/") || strings.Contains(t.Name, "/_u_product/.ATTRIBUTES/") {
			s.Shared = map[string]string{"u_product": t.Name}
		}
	}
	s.Step = func() (int64, error) {
		for _, t := range f.Tensors {
			if (strings.Contains(t.Name, "/iter/.ATTRIBUTES/") || strings.Contains(t.Name, "/_iterations/.ATTRIBUTES/") || names[t.Name] == "iteration") && t.Read != nil && t.Shape.Len() == 1 {
				v, err := t.Read()
				if err != nil {
					return 0, err
				}
				return count(v.Flat(0))
			}
		}
		return 0, fmt.Errorf("the number of steps that the optimizer took, its variable iter, is missing")
	}
	return s
}
