package keras

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

// TestSlots holds that the memory of Adam in a file of Keras 3 comes with the weights.
func TestSlots(t *testing.T) {
	t.Parallel()
	path := shared.File(t, "models", "keras-v3", "mnist-mlp-a", "mnist.keras")
	m, r, err := format.Import(path, format.Options{Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Slots == nil || m.Memory == nil || m.Memory.Rule != "adam" || m.Memory.Step <= 0 || len(m.Memory.Slots) != 8 {
		t.Fatalf("%v, %+v", r.Slots, m.Memory)
	}
	for name, v := range m.Memory.Slots {
		if name == "dense/kernel#velocity" && !v.Shape().Equal(tensor.Shape{784, 128}) {
			t.Errorf("%s: %v", name, v.Shape())
		}
		for i := range v.Len() {
			if len(name) > 9 && name[len(name)-8:] == "velocity" && !(v.Flat(i) >= 0) {
				t.Fatalf("%s is %g, and no mean of squares", name, v.Flat(i))
			}
		}
	}
	if m, _, err := format.Import(path, format.Options{}); err != nil || m.Memory != nil {
		t.Error("slots are read unasked")
	}
}

// TestSlotsByName holds the names that Keras 2 gives to what optimizers keep.
func TestSlotsByName(t *testing.T) {
	t.Parallel()
	vector := func(name string) Weight { return Weight{Name: name, DType: tensor.Float32, Shape: tensor.Shape{3}} }
	for class, names := range map[string]map[string]string{
		`{"class_name":"Adam","config":{"amsgrad":false}}`:             {"training/Adam/dense/bias/m:0": "momentum", "Adam/dense/bias/v:0": "velocity"},
		`{"class_name":"SGD","config":{"momentum":0.9}}`:               {"SGD/dense/bias/momentum:0": "momentum"},
		`{"class_name":"RMSprop","config":{"momentum":0.0,"rho":0.9}}`: {"RMSprop/dense/bias/rms:0": "velocity"},
		`{"class_name":"AdamW","config":{"amsgrad":true}}`:             {"AdamW/m/dense/bias:0": "momentum", "AdamW/v/dense/bias:0": "velocity", "AdamW/vhat/dense/bias:0": "velocity_hat"},
		`{"class_name":"Adamax","config":{"beta_1":0.9}}`:              {"training/Adamax/dense/bias/m:0": "momentum", "training/Adamax/dense/bias/v:0": "norm"},
		`{"class_name":"Nadam","config":{"beta_1":0.8}}`:               {"Nadam/dense/bias/m:0": "momentum", "Nadam/dense/bias/v:0": "velocity"},
		`{"class_name":"Ftrl","config":{"beta":0.0}}`:                  {"Ftrl/dense/bias/accumulator:0": "accumulator", "Ftrl/dense/bias/linear:0": "linear"},
		`{"class_name":"RMSprop","config":{"momentum":0.5}}`:           {"RMSprop/velocity/dense/bias:0": "velocity", "RMSprop/momentum/dense/bias:0": "momentum"},
		`{"class_name":"RMSprop","config":{"centered":true}}`:          {"RMSprop/dense/bias/rms:0": "velocity", "RMSprop/dense/bias/mg:0": "average_gradient"},
		`{"class_name":"Addons>LAMB","config":{}}`:                     {"LAMB/dense/bias/m:0": "momentum", "LAMB/dense/bias/v:0": "velocity"},
		`{"class_name":"Adadelta","config":{}}`:                        {"Adadelta/dense/bias/accum_grad:0": "accumulated_grad", "Adadelta/dense/bias/accum_var:0": "accumulated_delta_var"},
	} {
		k := &File{training: `{"optimizer_config":` + class + `}`, layers: []Layer{{Path: "dense", Name: "dense", Weights: []Weight{vector("dense/bias:0")}}}}
		k.optimizer = append(k.optimizer, Weight{Name: "iter:0", DType: tensor.Int64, Shape: tensor.Shape{}})
		for name := range names {
			k.optimizer = append(k.optimizer, vector(name))
		}
		s := k.slots()
		if s == nil {
			t.Errorf("%s: there are no slots", class)
			continue
		}
		for name, slot := range names {
			if got := s.Of["dense/bias"][slot]; got != "optimizer/"+name {
				t.Errorf("%s: slot %s is %q", class, slot, got)
			}
		}
	}
	// In .h5 files of Keras 2 the product of Nadam's momenta has a name, too.
	k := &File{training: `{"optimizer_config":{"class_name":"Nadam","config":{}}}`, layers: []Layer{{Path: "dense", Name: "dense", Weights: []Weight{vector("dense/bias:0")}}},
		optimizer: []Weight{{Name: "Nadam/iter:0", DType: tensor.Int64}, {Name: "Nadam/momentum_cache:0", DType: tensor.Float32}, vector("Nadam/dense/bias/m:0"), vector("Nadam/dense/bias/v:0")}}
	if s := k.slots(); s == nil || s.Shared["u_product"] != "optimizer/Nadam/momentum_cache:0" {
		t.Errorf("Nadam: %v", s)
	}
	k = &File{training: `{"optimizer_config":{"class_name":"SGD","config":{"momentum":0.0}}}`, optimizer: []Weight{vector("SGD/iter:0")}}
	if k.slots() != nil {
		t.Error("plain descent remembers something")
	}
}

// TestScaledSlots holds that of an optimizer of mixed precision that within it is taken, its
// count of steps and its slots, by name and by order.
func TestScaledSlots(t *testing.T) {
	t.Parallel()
	whole := func(name string) Weight {
		return Weight{Name: name, DType: tensor.Int64, Shape: tensor.Shape{}}
	}
	float := func(name string, shape ...int) Weight {
		return Weight{Name: name, DType: tensor.Float32, Shape: shape}
	}
	const named = `{"optimizer_config":{"class_name":"LossScaleOptimizer","config":{"dynamic":true,"inner_optimizer":{"class_name":"Adam","config":{"amsgrad":false}}}}}`
	const ordered = `{"compile_config":{"optimizer":{"class_name":"LossScaleOptimizer","config":{"inner_optimizer":{"module":"keras.optimizers","class_name":"SGD","config":{"momentum":0.9}}}}}}`
	const old = `{"optimizer_config":{"class_name":"Keras>LossScaleOptimizerV1","config":{"optimizer":{"class_name":"RMSprop","config":{"momentum":0.0}}}}}`
	const early = `{"optimizer_config":{"class_name":"Adam","config":{}}}`
	layers := []Layer{{Path: "dense", Name: "dense", Weights: []Weight{float("dense/bias:0", 3)}}}
	for text, c := range map[string]struct {
		list []Weight
		rule string
		step string
		want map[string]string
	}{
		named:   {[]Weight{float("current_loss_scale:0"), whole("good_steps:0"), whole("Adam/iter:0"), float("Adam/dense/bias/m:0", 3), float("Adam/dense/bias/v:0", 3)}, "adam", "Adam/iter:0", map[string]string{"momentum": "optimizer/Adam/dense/bias/m:0", "velocity": "optimizer/Adam/dense/bias/v:0"}},
		ordered: {[]Weight{whole("vars/0"), float("vars/1"), whole("vars/2"), float("vars/3"), whole("vars/4"), float("vars/5"), float("vars/6", 3)}, "sgd", "vars/4", map[string]string{"momentum": "optimizer/vars/6"}},
		early:   {[]Weight{float("lr:0"), float("iterations_1:0"), float("training/Adam/dense/bias/m:0", 3), float("training/Adam/dense/bias/v:0", 3)}, "adam", "iterations_1:0", map[string]string{"momentum": "optimizer/training/Adam/dense/bias/m:0", "velocity": "optimizer/training/Adam/dense/bias/v:0"}},
		old:     {[]Weight{whole("RMSprop/iter:0"), float("RMSprop/dense/bias/rms:0", 3), float("loss_scale:0"), whole("good_steps:0")}, "rmsprop", "RMSprop/iter:0", map[string]string{"velocity": "optimizer/RMSprop/dense/bias/rms:0"}},
	} {
		s := (&File{training: text, layers: layers, optimizer: c.list}).slots()
		if s == nil || s.Rule != c.rule {
			t.Errorf("%s: %v", c.rule, s)
			continue
		}
		if got := c.list[steps(c.list)].Name; got != c.step {
			t.Errorf("%s: steps are counted in %s, want %s", c.rule, got, c.step)
		}
		of := s.Of["dense/bias"]
		if s.Ordered != nil {
			all, err := s.Ordered([]format.Tensor{{Name: "dense/bias", Shape: tensor.Shape{3}}})
			if err != nil {
				t.Errorf("%s: %v", c.rule, err)
			}
			of = all["dense/bias"]
		}
		if fmt.Sprint(of) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", c.rule, of, c.want)
		}
	}
}

// TestSlotsInOrder holds the order in which optimizers of Keras keep what has no name: that of
// weights of one shape says nothing by itself.
func TestSlotsInOrder(t *testing.T) {
	t.Parallel()
	var weights []format.Tensor
	for _, name := range []string{"a", "b", "c"} {
		weights = append(weights, format.Tensor{Name: name, DType: tensor.Float32, Shape: tensor.Shape{2}})
	}
	for config, want := range map[string]string{
		`{"class_name":"Adam","config":{}}`:                                  "a.momentum a.velocity b.momentum b.velocity c.momentum c.velocity",
		`{"class_name":"Adam","config":{"amsgrad":true}}`:                    "a.momentum a.velocity b.momentum b.velocity c.momentum c.velocity a.velocity_hat b.velocity_hat c.velocity_hat",
		`{"class_name":"RMSprop","config":{"momentum":0.9,"centered":true}}`: "a.velocity b.velocity c.velocity a.momentum b.momentum c.momentum a.average_gradient b.average_gradient c.average_gradient",
		`{"class_name":"Adadelta","config":{}}`:                              "a.accumulated_grad a.accumulated_delta_var b.accumulated_grad b.accumulated_delta_var c.accumulated_grad c.accumulated_delta_var",
		`{"class_name":"Ftrl","config":{}}`:                                  "a.accumulator a.linear b.accumulator b.linear c.accumulator c.linear",
		`{"class_name":"Adamax","config":{}}`:                                "a.momentum a.norm b.momentum b.norm c.momentum c.norm",
		`{"class_name":"Lion","config":{}}`:                                  "a.momentum b.momentum c.momentum",
		`{"class_name":"Adagrad","config":{}}`:                               "a.accumulator b.accumulator c.accumulator",
	} {
		k := &File{training: `{"optimizer_config":` + config + `}`, optimizer: []Weight{{Name: "vars/0", DType: tensor.Int64}, {Name: "vars/1", DType: tensor.Float32}}}
		names := strings.Fields(want)
		for i := range names {
			k.optimizer = append(k.optimizer, Weight{Name: fmt.Sprint("vars/", i+2), DType: tensor.Float32, Shape: tensor.Shape{2}})
		}
		of, err := k.slots().Ordered(weights)
		if err != nil {
			t.Errorf("%s: %v", config, err)
			continue
		}
		for i, name := range names {
			weight, slot, _ := strings.Cut(name, ".")
			if got := of[weight][slot]; got != fmt.Sprint("optimizer/vars/", i+2) {
				t.Errorf("%s: %s is %q", config, name, got)
			}
		}
		if _, err := k.slots().Ordered(weights[:2]); err == nil {
			t.Errorf("%s: slots of three weights are those of two", config)
		}
	}
	// Keras before 2.3, which has no name for them and all of a kind together; AMSGrad's are numbers.
	k := &File{training: `{"optimizer_config":{"class_name":"Adam","config":{}}}`, optimizer: []Weight{{Name: "iterations", DType: tensor.Int64}}}
	for i, shape := range []tensor.Shape{{2, 3}, {3}, {2, 3}, {3}, {1}, {1}} {
		k.optimizer = append(k.optimizer, Weight{Name: fmt.Sprint("training/Adam/Variable_", i), DType: tensor.Float32, Shape: shape})
	}
	of, err := k.slots().Ordered([]format.Tensor{{Name: "k", Shape: tensor.Shape{2, 3}}, {Name: "b", Shape: tensor.Shape{3}}})
	if err != nil || of["b"]["velocity"] != "optimizer/training/Adam/Variable_3" {
		t.Error(of, err)
	}
}
