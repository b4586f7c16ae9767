package train

import (
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/tensor"
)

// TestMistakes makes trainers of what cannot be trained: each says so before
// anything runs.
func TestMistakes(t *testing.T) {
	t.Parallel()
	classes, numbers := labelled(t, 2).Schema(), numbered(t, 2).Schema()
	two := classes
	two.Targets = append(two.Targets, data.Field{Name: "z", DType: tensor.Float32, Shape: tensor.Shape{1}})
	bytes := classes
	bytes.Inputs = []data.Field{
		{Name: "a", DType: tensor.Uint8, Shape: tensor.Shape{2}}, {Name: "b", DType: tensor.Float32, Shape: tensor.Shape{2}},
	}
	top := nn.Sequential{nn.Dense{Units: classed}}
	both := nn.Functional{
		In:     []nn.Port{{Name: "a"}, {Name: "b"}},
		Layers: []nn.Entry{{Layer: nn.Concatenate{}, Inputs: []string{"a", "b"}}, {Layer: nn.Dense{Units: classed}}},
	}
	for name, tc := range map[string]struct {
		m    nn.Model
		cfg  Config
		want []string
	}{
		"no layers":      {nn.Sequential{}, Config{Data: classes}, []string{"the model has no layers"}},
		"no data":        {top, Config{}, []string{"the data has no inputs"}},
		"no target":      {top, Config{Data: data.Schema{Inputs: classes.Inputs}}, []string{`output "output" has no target`}},
		"accumulate":     {top, Config{Data: classes, Accumulate: -1}, []string{"accumulate"}},
		"optimizer":      {top, Config{Data: classes, Optim: optim.Optimizer{Rule: optim.SGD{LR: -1}}}, []string{"optim", "lr"}},
		"not trainable":  {nn.Sequential{nn.Flatten{}}, Config{Data: classes}, []string{"nothing to train"}},
		"several inputs": {both, Config{Data: classes}, nil}, // the only field is every input's
		"bytes and more": {both, Config{Data: bytes}, []string{"some inputs are bytes and some are not"}},
		"no such output": {top, Config{Data: classes, Losses: map[string]OutputLoss{"x": {}}}, []string{`no output "x"; it has output`, `output "output" has none`}},
		"no such target": {nn.Sequential{nn.Dense{Units: 3, Name: "q"}}, Config{Data: two}, []string{`output "q" of the model`, "it has y, z"}},
		"class weights of numbers": {top, Config{Data: numbers, ClassWeight: []float64{1, 2}, Loss: loss.MSE{}},
			[]string{"the prediction has shape [2 3], but the target [2 1]"}},
		"class weights of one number": {nn.Sequential{nn.Dense{Units: 1}}, Config{Data: numbers, ClassWeight: []float64{1, 2}},
			[]string{"class_weight: the rows have no class"}},
		"negative class weight": {top, Config{Data: classes, ClassWeight: []float64{1, -2}}, []string{"class 1 has weight -2"}},
		"all mistakes at once": {
			nn.Sequential{nn.Dense{Units: 0, Name: "one"}, nn.Dense{Units: -3, Name: "two"}, nn.Reshape{Shape: []int{7}, Name: "three"}},
			Config{Data: classes}, []string{"one: units"},
		},
		"a constant": {nn.Sequential{nn.Dense{Units: 3}, nn.Dropout{Rate: 1}}, Config{Data: classes}, []string{"dropout: rate"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, err := New(tc.m, tc.cfg)
			if err == nil {
				tr.Close()
			}
			if (err == nil) != (tc.want == nil) {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %v, want one with %q", err, w)
				}
			}
		})
	}
}
