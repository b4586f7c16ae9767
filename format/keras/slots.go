package keras

import (
	"fmt"
	"maps"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// slotsOf are the rules of Keras' optimizers, and what each keeps of the weights, in the order
// of the optimizer's variables since Keras 2.11: the slots of a group stand side by side, weight
// by weight, and a group stands behind the other. Some are there as the configuration says.
func slotsOf(class string, config spec.Value) (rule string, groups [][]string) {
	on := func(key string) bool {
		v, ok := config.Get(key)
		return ok && v.Text != "false" && v.Text != "0" && v.Text != "0.0" && v.Kind != spec.Null
	}
	add := func(slots ...string) { groups = append(groups, slots) }
	switch rule = strings.ToLower(class); rule {
	case "adam", "adamw":
		rule = "adam"
		add("momentum", "velocity")
		if on("amsgrad") {
			rule = "amsgrad"
			add("velocity_hat")
		}
	case "nadam", "lamb":
		add("momentum", "velocity")
	case "adamax":
		add("momentum", "norm")
	case "ftrl":
		add("accumulator", "linear")
	case "lion":
		add("momentum")
	case "sgd":
		if on("momentum") {
			add("momentum")
		}
	case "rmsprop":
		add("velocity")
		if on("momentum") {
			add("momentum")
		}
		if on("centered") {
			add("average_gradient")
		}
	case "adagrad":
		add("accumulator")
	case "adadelta":
		add("accumulated_grad", "accumulated_delta_var")
	default:
		rule = ""
	}
	return rule, groups
}

// words are the slots by what Keras 2 and 3 call them.
var words = map[string]string{"m": "momentum", "v": "velocity", "vhat": "velocity_hat", "momentum": "momentum", "rms": "velocity", "mg": "average_gradient",
	"accumulator": "accumulator", "accum_grad": "accumulated_grad", "accum_var": "accumulated_delta_var", "u": "norm", "linear": "linear", "velocity": "velocity",
	"average_gradient": "average_gradient", "velocity_hat": "velocity_hat", "accumulated_grad": "accumulated_grad", "accumulated_delta_var": "accumulated_delta_var", "norm": "norm"}

// wordList is a pattern of them.
var wordList = strings.Join(slices.Sorted(maps.Keys(words)), "|")

// kept is how Keras 2 calls a variable of an optimizer: the optimizer's name, the weight's,
// and the slot's; and keptSince how it does since 2.11, the slot's before the weight's.
var (
	kept      = regexp.MustCompile(`^(?:.*/)?([A-Z][A-Za-z]+)(?:_\d+)?/(.+)/(` + wordList + `)(?::0)?$`)
	keptSince = regexp.MustCompile(`^(?:.*/)?([A-Z][A-Za-z]+)(?:_\d+)?/(` + wordList + `)/(.+?)(?::0)?$`)
)

// Kept takes the name of a variable of an optimizer of Keras 2 apart: the optimizer's class, the
// weight's name, which must be known, and the slot as package optim calls it.
func Kept(name string, known func(weight string) bool) (class, weight, slot string, ok bool) {
	if m := keptSince.FindStringSubmatch(name); m != nil && known(m[3]) {
		class, weight, slot = m[1], m[3], words[m[2]]
	} else if m := kept.FindStringSubmatch(name); m != nil && known(m[2]) {
		class, weight, slot = m[1], m[2], words[m[3]]
	} else {
		return "", "", "", false
	}
	if class == "Adamax" && slot == "velocity" { // which Keras 2 calls v
		slot = "norm"
	}
	return class, weight, slot, true
}

// SlotOf is the slot that Keras 2 or 3 calls by a word, such as m, as package optim calls it.
func SlotOf(word string) string { return words[word] }

// RuleOf is the rule of an optimizer's class that keeps such slots, empty for one that is none
// of package optim's.
func RuleOf(class string, slots map[string]bool) (rule string) {
	rule, _ = slotsOf(class, spec.Value{})
	if rule == "adam" && slots["velocity_hat"] {
		rule = "amsgrad"
	}
	return rule
}

// uncounted are the rules that correct nothing by the number of steps: Keras before 2.3 does not
// save it for them.
var uncounted = map[string]bool{"sgd": true, "rmsprop": true, "adagrad": true, "adadelta": true, "lion": true, "ftrl": true}

// optimizerConfig is what the model was compiled with, as Keras 2 and 3 write it.
func (k *File) optimizerConfig() spec.Value {
	training := func() (spec.Value, error) { return spec.ParseJSON("training_config", []byte(k.TrainingConfig())) }
	for _, read := range []func() (spec.Value, error){training, k.description} {
		v, err := read()
		if err != nil {
			continue
		}
		if c, ok := v.Get("compile_config"); ok {
			v = c
		}
		for _, key := range []string{"optimizer", "optimizer_config"} {
			if o, ok := v.Get(key); ok {
				return o
			}
		}
	}
	return spec.Value{}
}

// scaled reports whether an optimizer of mixed precision has another one within it: it scales
// the loss, so that gradients of 16 bits do not vanish, and takes that back.
func scaled(class string) bool {
	return strings.HasPrefix(class[strings.LastIndex(class, ">")+1:], "LossScaleOptimizer")
}

// inner is the optimizer within one that scales the loss, as configured.
func inner(config spec.Value) (class, of spec.Value) {
	for _, key := range []string{"inner_optimizer", "optimizer"} {
		if v, ok := config.Get(key); ok {
			class, _ = v.Get("class_name")
			of, _ = v.Get("config")
			return class, of
		}
	}
	return class, of
}

// counted are the names of the variable that counts steps.
var counted = regexp.MustCompile(`^iter(ations?)?(_\d+)?$`)

// steps finds the variable that counts steps: the first, or the last whole number of those
// of an optimizer within another.
func steps(list []Weight) int {
	at := 0
	for i, w := range list {
		name := strings.TrimSuffix(w.Name, ":0")
		switch name = counted.FindString(name[strings.LastIndex(name, "/")+1:]); {
		case len(w.Shape) > 0:
		case name != "": // in early files it is a float
			return i
		case w.DType.IsFloat():
		default:
			at = i
		}
	}
	return at
}

// slots says where the memory of the optimizer is: by the names that Keras 2 gives to its
// variables, and of Keras 3 by their order. It is nil for rules that there are none of here.
func (k *File) slots() *format.Slots {
	list := k.Optimizer()
	if len(list) == 0 {
		return nil
	}
	v := k.optimizerConfig()
	class, _ := v.Get("class_name")
	config, _ := v.Get("config")
	if v.Kind == spec.String { // by name, with what it is without being said
		class = v
	}
	if scaled(class.Text) {
		class, config = inner(config)
	}
	rule, groups := slotsOf(strings.TrimPrefix(strings.TrimPrefix(class.Text, "Custom>"), "Addons>"), config)
	if len(groups) == 0 {
		return nil
	}
	slots := slices.Concat(groups...)
	s := &format.Slots{Rule: rule, Of: map[string]map[string]string{}, Step: func() (int64, error) {
		if list[steps(list)].DType.IsFloat() && uncounted[rule] {
			return 0, nil
		}
		t, err := list[steps(list)].Read() // iter, or iteration
		if err != nil {
			return 0, err
		}
		if t.Len() != 1 || !(t.Flat(0) >= 0) || t.Flat(0) != math.Trunc(t.Flat(0)) || t.DType().IsFloat() && !counted.MatchString(strings.TrimSuffix(path.Base(list[steps(list)].Name), ":0")) {
			return 0, fmt.Errorf("the variable %q of the optimizer is no number of steps", list[steps(list)].Name)
		}
		return int64(math.Round(t.Flat(0))), nil
	}}
	at := map[string]string{} // the tensor of a weight, by what Keras 2 calls it
	for _, l := range k.Layers() {
		for _, w := range l.Weights {
			at[strings.TrimSuffix(w.Name, ":0")] = l.tensor(w)
		}
	}
	for _, o := range list {
		if o.Shape.Len() == 1 && (strings.HasSuffix(strings.TrimSuffix(o.Name, ":0"), "momentum_cache") || strings.HasSuffix(strings.TrimSuffix(o.Name, ":0"), "u_product")) {
			s.Shared = map[string]string{"u_product": "optimizer/" + o.Name}
			continue
		}
		_, weight, slot, ok := Kept(o.Name, func(weight string) bool { return at[weight] != "" })
		if !ok {
			continue
		}
		of := s.Of[at[weight]]
		if of == nil {
			of = map[string]string{}
			s.Of[at[weight]] = of
		}
		of[slot] = "optimizer/" + o.Name
	}
	if len(s.Of) > 0 {
		return s
	}
	var held []Weight
	for _, o := range list {
		if len(o.Shape) > 0 {
			held = append(held, o)
		}
	}
	s.Ordered = func(weights []format.Tensor) (map[string]map[string]string, error) {
		// Before 2.3 Adam has a number where amsgrad would have a tensor.
		if n := len(weights) * len(slots); rule == "adam" && len(held) == n+len(weights) && !slices.ContainsFunc(held[n:], func(w Weight) bool { return w.Shape.Len() != 1 }) {
			held = held[:n]
		}
		if len(held) != len(weights)*len(slots) {
			return nil, fmt.Errorf("the optimizer keeps %d tensors of %d weights; want %d of each", len(held), len(weights), len(slots))
		}
		// As above, or as Keras 2 had it before: all of a kind behind one another.
		apart := make([][]string, len(slots))
		for i, slot := range slots {
			apart[i] = []string{slot}
		}
		for _, order := range [][][]string{groups, apart} {
			of, fits, next := map[string]map[string]string{}, true, 0
			for _, w := range weights {
				of[w.Name] = map[string]string{}
			}
			for _, group := range order {
				for _, w := range weights {
					for _, slot := range group {
						h := held[next]
						next++
						fits = fits && tensor.Shape(h.Shape).Equal(w.Shape)
						of[w.Name][slot] = "optimizer/" + h.Name
					}
				}
			}
			if fits {
				return of, nil
			}
		}
		return nil, fmt.Errorf("the shapes of what the optimizer keeps are not those of the weights")
	}
	return s
}
