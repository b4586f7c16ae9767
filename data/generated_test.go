package data_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/tensor"
)

// drawn is rows that tell what they were made of.
func drawn(n int) data.Source {
	s := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float64, Shape: tensor.Shape{3}}}}
	return data.Generated(s, n, func(dst *data.Batch, idx []int32, seed uint64, epoch int) error {
		for k, i := range idx {
			for j, v := range []float64{float64(i), float64(seed), float64(epoch)} {
				dst.X[0].SetFlat(3*k+j, v)
			}
		}
		return nil
	})
}

// TestGenerated reads each row under the order's seed and epoch, through subsets
// too, and the rows of seed and epoch 0 where there is no order.
func TestGenerated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "rows")
		o := data.Order{Seed: rapid.Uint64Range(0, 1<<40).Draw(t, "seed"), Epoch: rapid.IntRange(0, 5).Draw(t, "epoch"), Shuffle: rapid.Bool().Draw(t, "shuffle")}
		src := data.Limit(drawn(n), rapid.IntRange(1, n).Draw(t, "limit"))
		seen := 0
		for b, err := range data.Batches(src, 2, o) {
			if err != nil {
				t.Fatal(err)
			}
			for k := range b.N {
				seen++
				if x := b.X[0]; x.Flat(3*k) != float64(b.Index[k]) || x.Flat(3*k+1) != float64(o.Seed) || x.Flat(3*k+2) != float64(o.Epoch) {
					t.Fatalf("row %d is %v", b.Index[k], x)
				}
			}
		}
		if seen != src.Len() {
			t.Fatalf("%d rows, want %d", seen, src.Len())
		}
	})
	src := drawn(3)
	b := data.NewBatch(src.Schema(), 3)
	if err := src.Read(b, []int32{2, 0}); err != nil || fmt.Sprint(b.X[0].Float64s()[:6]) != "[2 0 0 0 0 0]" {
		t.Errorf("%v, %v", b.X[0], err)
	}
	if err := src.Read(b, []int32{3}); err == nil {
		t.Error("there is no row 3")
	}
}
