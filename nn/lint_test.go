package nn

import (
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/tensor"
)

func TestLint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		m    Model
		want []string // the layers whose bias is named
	}{
		{Sequential{Dense{Units: 300}, BatchNorm{}, act.ReLU{}, Dense{Units: 100, Name: "h"}, Dropout{Rate: 0.1}, BatchNorm{}, act.ReLU{}}, []string{"dense", "h"}},
		{Sequential{Dense{Units: 300, NoBias: true}, BatchNorm{}}, nil},
		{Sequential{BatchNorm{}, Dense{Units: 300, Act: act.ELU{}}, BatchNorm{}}, nil},
		{Sequential{Dense{Units: 3}, Flatten{}, BatchNorm{}}, nil},
		{Sequential{Conv2D{Filters: 3, Kernel: tensor.Shape{3, 3}, Name: "c"}, BatchNorm{}}, []string{"c"}},
		{Sequential{Residual{Layers: Sequential{Dense{Units: 3, Act: act.Linear{}}, BatchNorm{}}}}, []string{"dense"}},
		{Functional{}, nil},
	} {
		got := Lint(test.m)
		if len(got) != len(test.want) {
			t.Errorf("%v: %q, want %q", test.m, got, test.want)
			continue
		}
		for i, name := range test.want {
			if !strings.HasPrefix(got[i], "the bias of "+name+" has no effect") {
				t.Errorf("%q, want the bias of %s", got[i], name)
			}
		}
	}
	if got := Lint(Sequential{Dense{Units: 300}, BatchNorm{}}); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "saves 300 parameters") }) {
		t.Errorf("%q", got)
	}
}
