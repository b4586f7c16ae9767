package keras

import (
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
	k := &File{training: `{"optimizer_config":{"class_name":"SGD","config":{"momentum":0.0}}}`, optimizer: []Weight{vector("SGD/iter:0")}}
	if k.slots() != nil {
		t.Error("plain descent remembers something")
	}
}
