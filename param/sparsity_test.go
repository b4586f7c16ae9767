package param_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

func ExampleSet_Prune() {
	s := param.NewSet(tensor.Float32)
	p, err := s.Add("dense/kernel", param.Weight, tensor.Shape{2, 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	copy(p.Value.Float32s(), []float32{0.5, -0.1, 0.2, -3})
	fmt.Println(s.Prune(0.5))
	fmt.Println(p.Value.Float32s())
	fmt.Println(s.Sparsity())
	// Output:
	// <nil>
	// [0.5 0 0 -3]
	// 2 4
}

// At least the share is 0, nothing that stays is smaller than what went, and
// biases and frozen kernels are left alone.
func TestPrune(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := param.NewSet(tensor.Float64)
		number := rapid.OneOf(rapid.Float64Range(-1, 1), rapid.SampledFrom([]float64{0, 0.5, -0.5}))
		for i := range rapid.IntRange(1, 4).Draw(t, "kernels") {
			for name, shape := range map[string]tensor.Shape{"kernel": {3, rapid.IntRange(1, 5).Draw(t, "units")}, "bias": {2}} {
				p, err := s.Add(fmt.Sprintf("dense_%d/%s", i, name), param.Weight, shape)
				if err != nil {
					t.Fatal(err)
				}
				for k := range p.Value.Len() {
					p.Value.SetFlat(k, number.Draw(t, "w"))
				}
				p.Frozen = i == 3
			}
		}
		was := s.Clone()
		share := rapid.Float64Range(0, 0.99).Draw(t, "share")
		if err := s.Prune(share); err != nil {
			t.Fatal(err)
		}
		zeros, all := s.Sparsity()
		frozen := 0
		for p := range s.All() {
			if p.Frozen && len(p.Value.Shape()) > 1 {
				frozen += p.Value.Len()
			}
		}
		if zeros+frozen < int(math.Ceil(share*float64(all)-1e-9)) {
			t.Fatalf("%d of %d are 0, want a share of %g", zeros, all, share)
		}
		gone, least := 0.0, math.Inf(1)
		for p := range was.All() {
			for k := range p.Value.Len() {
				before, after := p.Value.Flat(k), s.Value(p.Name).Flat(k)
				switch {
				case before == after && before != 0 && len(p.Value.Shape()) > 1 && !p.Frozen:
					least = min(least, math.Abs(before))
				case before != after && (after != 0 || p.Frozen || len(p.Value.Shape()) < 2):
					t.Fatalf("%s went from %g to %g", p.Name, before, after)
				case before != after:
					gone = max(gone, math.Abs(before))
				}
			}
		}
		if gone >= least {
			t.Fatalf("%g went and %g stayed", gone, least)
		}
		if err := s.ZeroBelow(0.3); err != nil {
			t.Fatal(err)
		}
		for p := range s.All() {
			for k := range p.Value.Len() {
				if v := math.Abs(p.Value.Flat(k)); v > 0 && v < 0.3 && !p.Frozen && len(p.Value.Shape()) > 1 {
					t.Fatalf("%g of %s is left", v, p.Name)
				}
			}
		}
	})
	s := param.NewSet(tensor.Float32)
	for _, err := range []error{s.Prune(1), s.Prune(-0.1), s.Prune(math.NaN()), s.ZeroBelow(-1), s.ZeroBelow(math.Inf(1))} {
		if err == nil {
			t.Error("a share or a bound that makes no sense is taken")
		}
	}
	if err := s.Prune(0.5); err != nil {
		t.Error(err)
	}
}
