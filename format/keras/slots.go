package keras

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// slotsOf are the rules of Keras' optimizers, and in their order what each keeps of a weight.
// Those behind the first are there as the configuration says.
func slotsOf(class string, config spec.Value) (rule string, slots []string) {
	class = strings.ToLower(class)
	on := func(key string) bool {
		v, ok := config.Get(key)
		return ok && v.Text != "false" && v.Text != "0" && v.Text != "0.0" && v.Kind != spec.Null
	}
	switch class {
	case "adam", "adamw":
		rule, slots = "adam", []string{"momentum", "velocity"}
		if on("amsgrad") {
			rule, slots = "amsgrad", append(slots, "velocity_hat")
		}
	case "sgd":
		if rule = "sgd"; on("momentum") {
			slots = []string{"momentum"}
		}
	case "rmsprop":
		rule, slots = "rmsprop", []string{"velocity"}
		if on("momentum") {
			slots = append(slots, "momentum")
		}
		if on("centered") {
			slots = append(slots, "average_gradient")
		}
	case "adagrad":
		rule, slots = "adagrad", []string{"accumulator"}
	case "adadelta":
		rule, slots = "adadelta", []string{"accumulated_grad", "accumulated_delta_var"}
	}
	return rule, slots
}

// kept is how Keras 2 calls a variable of an optimizer: the optimizer's name, the weight's,
// and the slot's.
var kept = regexp.MustCompile(`^(?:.*/)?[A-Z][A-Za-z]+/(.+)/(m|v|vhat|momentum|rms|mg|accumulator|accum_grad|accum_var)(?::0)?$`)

var keptAs = map[string]string{"m": "momentum", "v": "velocity", "vhat": "velocity_hat", "momentum": "momentum", "rms": "velocity", "mg": "average_gradient",
	"accumulator": "accumulator", "accum_grad": "accumulated_grad", "accum_var": "accumulated_delta_var"}

// optimizerConfig is what the model was compiled with, as Keras 2 and 3 write it.
func (k *File) optimizerConfig() spec.Value {
	for _, text := range []string{k.TrainingConfig(), k.Config()} {
		v, err := spec.ParseJSON("config", []byte(text))
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
	rule, slots := slotsOf(class.Text, config)
	if len(slots) == 0 {
		return nil
	}
	s := &format.Slots{Rule: rule, Of: map[string]map[string]string{}, Step: func() (int64, error) {
		t, err := list[0].Read() // iter, or iteration
		if err != nil {
			return 0, err
		}
		if t.Len() != 1 || t.DType().IsFloat() || t.Flat(0) < 0 {
			return 0, fmt.Errorf("the first variable of the optimizer, %q, is no number of steps", list[0].Name)
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
		m := kept.FindStringSubmatch(o.Name)
		if m == nil || at[m[1]] == "" {
			continue
		}
		of := s.Of[at[m[1]]]
		if of == nil {
			of = map[string]string{}
			s.Of[at[m[1]]] = of
		}
		of[keptAs[m[2]]] = "optimizer/" + o.Name
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
		if len(held) != len(weights)*len(slots) {
			return nil, fmt.Errorf("the optimizer keeps %d tensors of %d weights; want %d of each", len(held), len(weights), len(slots))
		}
		// The slots of a weight side by side, or all of a kind.
		for _, place := range []func(w, s int) int{
			func(w, s int) int { return w*len(slots) + s },
			func(w, s int) int { return s*len(weights) + w },
		} {
			of, fits := map[string]map[string]string{}, true
			for i, w := range weights {
				of[w.Name] = map[string]string{}
				for n, slot := range slots {
					h := held[place(i, n)]
					fits = fits && tensor.Shape(h.Shape).Equal(w.Shape)
					of[w.Name][slot] = "optimizer/" + h.Name
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
