package main

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/train"
)

const chance = 1. / 6

// TestClipping trains for 480 steps, and 160 without clipping: that is enough to
// tell them apart.
func TestClipping(t *testing.T) {
	t.Parallel()
	if got, err := signal(1); err != nil || got != "exploding" {
		t.Errorf("the verdict is %q, %v, want exploding", got, err)
	}
	free, err := learn(1, 2, 0)
	if diverged := (*train.Diverged)(nil); err != nil && !errors.As(err, &diverged) {
		t.Fatal(err)
	}
	if n := len(free); err == nil && free[n-1] < chance {
		t.Errorf("without clipping the errors are %v; want chance, %.3g, or worse", free, chance)
	}
	clipped, err := learn(1, 6, 1)
	if err != nil {
		t.Fatal(err)
	}
	if last := clipped[len(clipped)-1]; !(last < 0.9*chance) {
		t.Errorf("with clipnorm=1 the errors are %v; want well below chance, %.3g", clipped, chance)
	}
}

// Two steps of each sequence are marked, one in each half, and the target is their
// sum.
func TestSequences(t *testing.T) {
	t.Parallel()
	src := sequences()
	rapid.Check(t, func(t *rapid.T) {
		b := data.NewBatch(src.Schema(), 3)
		if err := src.Read(b, []int32{0, int32(rapid.IntRange(0, rows-1).Draw(t, "row")), rows - 1}); err != nil {
			t.Fatal(err)
		}
		for k := range 3 {
			sum, marks := float32(0), [2]int{}
			for s := range steps {
				x := b.X[0].Float32s()[(k*steps+s)*2:]
				if x[0] < 0 || x[0] >= 1 || x[1] != 0 && x[1] != 1 {
					t.Fatalf("step %d is %v", s, x[:2])
				}
				if x[1] == 1 {
					marks[s*2/steps]++
					sum += x[0]
				}
			}
			if marks != [2]int{1, 1} || sum != b.Y[0].Float32s()[k] {
				t.Fatalf("marks %v, sum %v, target %v", marks, sum, b.Y[0].Float32s()[k])
			}
		}
	})
}
