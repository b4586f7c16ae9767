package bench

import (
	"context"
	"testing"

	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

// The arithmetic of each net is what the issue of its figures says.
func TestFlops(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]float64{"chapter": 1.13, "plain": 1.13, "deep": 1.46, "wide": 31.7, "ae": 2.89, "lenet": 2.26} {
		n, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.Flops / 1e6; got < want*0.99 || got > want*1.01 {
			t.Errorf("%s needs %.3g MFLOP a sample, want %.3g", name, got, want)
		}
	}
	if _, err := Find("chaper"); err == nil {
		t.Error("a net that is not there was found")
	}
}

// Every net trains with every rule asked for, takes no memory and has a profile.
func TestStep(t *testing.T) {
	for _, n := range Nets() {
		if n.Name == "wide" { // seconds, for its six million weights
			continue
		}
		s, err := n.Step(context.Background(), 3, "momentum", 1, 0)
		if err != nil {
			t.Fatalf("%s: %v", n.Name, err)
		}
		if s.Allocs != 0 || s.Arena == 0 || s.Best() <= 0 || s.Median() < s.Best() {
			t.Errorf("%s: %+v", n.Name, s)
		}
	}
	n, _ := Find("plain")
	costs, err := n.Ops(context.Background(), 3, "sgd", 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	products := 0
	for _, c := range costs {
		if c.Flops > 0 {
			products++
		}
	}
	if products != 8 { // 3 forward, 3 of the kernels, 2 of inputs
		t.Errorf("%d products in a step of three layers, want 8", products)
	}
	if _, err := n.Step(context.Background(), 3, "sdg", 1, 0); err == nil {
		t.Error("a rule that is not there was taken")
	}
}

// Any product and any batch can be timed; quantiles rise.
func TestCalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := func(name string) int { return rapid.IntRange(1, 20).Draw(t, name) }
		w, err := Product(context.Background(), d("m"), d("n"), d("k"), rapid.SampledFrom(Layouts).Draw(t, "layout"), 1, tensor.Invalid, -1)
		if err != nil {
			t.Fatal(err)
		}
		if w.Best() <= 0 || w.Best() > w.Median() {
			t.Fatalf("best %v, median %v", w.Best(), w.Median())
		}
	})
	n, _ := Find("chapter")
	c, err := n.Infer(context.Background(), 1, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if c.Quantile(0.5) > c.Quantile(0.99) || c.Quantile(1) != c[len(c)-1] {
		t.Error("quantiles do not rise")
	}
}
