package optim

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

// Auto cuts to the 90th percentile of the last hundred norms, counted by
// sorting, and watches ten steps first.
func TestAuto(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, set := graph.New(), param.NewSet(tensor.Float64)
		if _, err := set.Add("w", param.Weight, tensor.Shape{2}); err != nil {
			t.Fatal(err)
		}
		g := b.Input("g", graph.Float, 2)
		cut := Optimizer{Rule: SGD{}, GlobalClipNorm: Auto}.Build(b, set, []string{"w"}, []graph.Node{g}, b.Const(1), b.Input("t", graph.Float))
		b.Output("cut", cut)
		r, err := graphtest.Compile(b, set)
		if err != nil {
			t.Fatal(err)
		}
		number := rapid.OneOf(rapid.Float64Range(0, 10), rapid.SampledFrom([]float64{0, 1, 1, 1e-20, 1e9}))
		norms := rapid.SliceOfN(number, 1, 130).Draw(t, "norms")
		for i, n := range norms {
			limit := math.Inf(1)
			if before := slices.Clone(norms[max(0, i-100):i]); len(before) >= 10 {
				slices.Sort(before)
				limit = before[int(math.Ceil(0.9*float64(len(before))-1e-6))-1]
			}
			was := set.Value("w").Flat(0)
			r.Set("g", n, 0)
			r.Set("t", float64(i+1))
			if err := r.Step(); err != nil {
				t.Fatal(err)
			}
			want := math.Min(n, math.Max(limit, 1e-30))
			// The norm is the root of a square, the step a difference of sums.
			if got := was - set.Value("w").Flat(0); math.Abs(got-want) > 1e-12*want+1e-12*math.Abs(was) {
				t.Fatalf("step %d of norm %g moved by %g, want %g", i, n, got, want)
			}
			if got := r.Output("cut")[0] == 1; got != (n > limit*(1+1e-12)) && math.Abs(n-limit) > 1e-12*n {
				t.Fatalf("step %d of norm %g beside %g: cut %t", i, n, limit, got)
			}
		}
	})
}

// The flag of a step that was cut is that of the gradients.
func TestClippedFlag(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    Optimizer
		want bool
	}{
		{Optimizer{ClipValue: 3.5}, true}, {Optimizer{ClipValue: 4.5}, false}, {Optimizer{ClipNorm: 4.5}, true}, {Optimizer{ClipNorm: 5.5}, false},
		{Optimizer{GlobalClipNorm: 5.05}, true}, {Optimizer{GlobalClipNorm: 5.2}, false}, {Optimizer{Transforms: []Transform{TorchClipNorm(5.05)}}, true},
		{Optimizer{Transforms: []Transform{TorchClipNorm(5.2)}}, false}, {Optimizer{Transforms: []Transform{ClipValue(3.5)}, ClipNorm: 9}, true},
	} {
		b, set := graph.New(), param.NewSet(tensor.Float64)
		var grads []graph.Node
		for i, name := range []string{"a", "b"} {
			if _, err := set.Add(name, param.Weight, tensor.Shape{2}); err != nil {
				t.Fatal(err)
			}
			grads = append(grads, b.Input("g"+name, graph.Float, 2))
			_ = i
		}
		c.o.Rule = SGD{}
		b.Output("cut", c.o.Build(b, set, []string{"a", "b"}, grads, b.Const(1), b.Const(1)))
		r, err := graphtest.Compile(b, set)
		if err != nil {
			t.Fatal(err)
		}
		r.Set("ga", 3, -4)
		r.Set("gb", 1, 0)
		if err := r.Step(); err != nil {
			t.Fatal(err)
		}
		if got := r.Output("cut")[0] == 1; got != c.want {
			t.Errorf("%+v: cut %t", c.o, got)
		}
	}
}

func TestThresholdText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Threshold{`"auto"`: Auto, `0.5`: 0.5, `1e-3`: 1e-3} {
		v, err := spec.ParseJSON("x.json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var c Threshold
		if err := spec.Decode(v, &c); err != nil || c != want {
			t.Errorf("%s is %v, %v", text, c, err)
		}
		if back, err := spec.Encode(c); err != nil || !back.Equal(v) {
			t.Errorf("%v is written as %v, %v", c, back, err)
		}
	}
	for _, text := range []string{`{"name": "sgd", "global_clipnorm": "automatic"}`, `{"name": "sgd", "global_clipnorm": -1}`, `{"name": "sgd", "global_clipnorm": 0}`, `{"name": "sgd", "clipnorm": "auto"}`} {
		v, err := spec.ParseJSON("x.json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var o Optimizer
		if err := spec.Decode(v, &o); err == nil {
			t.Errorf("%s is %+v", text, o)
		} else {
			t.Log(err)
		}
	}
}

func ExampleAuto() {
	o := Optimizer{Rule: SGD{LR: 0.1}, GlobalClipNorm: Auto}
	v, err := spec.Encode(o)
	fmt.Println(string(v.JSON()), err)
	// Output: {"name":"sgd","lr":0.1,"global_clipnorm":"auto"} <nil>
}

// SWA is the mean of the steps after its start.
func TestSWA(t *testing.T) {
	t.Parallel()
	d := newDescent(t, Optimizer{Rule: SGD{LR: 0.1}, SWA: true, SWAStart: 3}, 64)
	sum, n := 0.0, 0.0
	for step := 1; step <= 12; step++ {
		d.step(t)
		v := d.set.Value("a/kernel").Flat(1)
		if step > 3 {
			sum, n = sum+v, n+1
		} else {
			sum, n = v, 1
		}
		if step == 4 {
			sum, n = v, 1
		}
		if got := d.set.Value("a/kernel#average").Flat(1); math.Abs(got-sum/n) > 1e-14 {
			t.Fatalf("step %d: mean %g, want %g", step, got, sum/n)
		}
	}
	for want, o := range map[string]Optimizer{"only one": {SWA: true, EMA: true}, "beside use_swa": {SWAStart: 3}, "0 or more": {SWA: true, SWAStart: -1}} {
		if err := o.Validate(); err == nil {
			t.Errorf("%+v is valid, want an error with %q", o, want)
		}
	}
}
