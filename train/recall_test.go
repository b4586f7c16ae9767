package train_test

import (
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

func TestRecallRefuses(t *testing.T) {
	t.Parallel()
	schema := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}}, Targets: []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{1}}}}
	tr, err := train.New(nn.Sequential{nn.Dense{Units: 1, Name: "out"}}, train.Config{Data: schema, Optim: optim.Optimizer{Rule: optim.SGD{Momentum: 0.5}}})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := tr.Prepare(4); err != nil {
		t.Fatal(err)
	}
	kernel, bias := tensor.Of([]float32{1, 2}, 2, 1), tensor.Of([]float32{3}, 1)
	for want, m := range map[string]*format.Memory{
		"the slots are those of adam, and the optimizer is sgd": {Rule: "adam"},
		`"out/bias" has no slot momentum`:                       {Rule: "sgd", Slots: map[string]*tensor.Tensor{"out/kernel#momentum": kernel}},
		"has shape [2 1]; want [1]":                             {Rule: "sgd", Slots: map[string]*tensor.Tensor{"out/kernel#momentum": kernel, "out/bias#momentum": kernel}},
	} {
		if err := tr.Recall(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
		if v := tr.Params.Value("out/kernel#momentum"); v.Flat(0) != 0 {
			t.Error("a slot has changed")
		}
	}
	if err := tr.Recall(&format.Memory{Rule: "sgd", Slots: map[string]*tensor.Tensor{"out/kernel#momentum": kernel, "out/bias#momentum": bias}}); err != nil {
		t.Error(err)
	}
	if v := tr.Params.Value("out/kernel#momentum"); v.Flat(1) != 2 {
		t.Errorf("%v", v)
	}
}
