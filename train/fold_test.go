package train

import (
	"context"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/data/sets"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// The chapter's model, trained and folded, predicts the same class for all of
// 10,000 images, and no probability differs by 1e-5.
func TestFoldedPredictsTheSame(t *testing.T) {
	t.Parallel()
	few, images := digits.New(1, 1000, 10000)
	t.Run("digits", func(t *testing.T) { foldedAlike(t, few, images) })
	t.Run("mnist", func(t *testing.T) {
		s, err := sets.Open(context.Background(), "mnist", sets.Options{Dirs: []string{shared.Dir(t, "data", "mnist")}})
		if err != nil {
			t.Fatal(err)
		}
		foldedAlike(t, data.Limit(s.Train, 1000), s.Test)
	})
}

func foldedAlike(t *testing.T, rows, images data.Source) {
	m := nn.Sequential{
		nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 300, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 100, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 10},
	}
	tr := trainer(t, m, Config{Data: rows.Schema(), Seed: 2})
	fit(t, tr, Run{Train: rows, Batch: 50, Epochs: 1})
	short, params, err := nn.Fold(m, tr.Params)
	if err != nil || len(short) != 4 {
		t.Fatalf("%v, %v", short, err)
	}
	folded, err := NewNet(short, params, Config{Data: rows.Schema(), Preprocess: tr.Preprocess()})
	if err != nil {
		t.Fatal(err)
	}
	defer folded.Close()
	n, apart := 0, 0.0
	for batch, err := range data.Batches(images, 500, data.Order{}) {
		if err != nil {
			t.Fatal(err)
		}
		x, _ := batch.View()
		var p [2]*tensor.Tensor
		for i, net := range []*Net{tr.Net, folded} {
			out, err := net.Predict(context.Background(), x...)
			if err != nil {
				t.Fatal(err)
			}
			p[i] = out[0]
		}
		for row := range batch.N {
			best := [2]int{}
			for k := range 10 {
				for i := range p {
					if p[i].Flat(10*row+k) > p[i].Flat(10*row+best[i]) {
						best[i] = k
					}
				}
				apart = max(apart, math.Abs(p[0].Flat(10*row+k)-p[1].Flat(10*row+k)))
			}
			if best[0] != best[1] {
				t.Errorf("image %d is a %d, and folded a %d", n, best[0], best[1])
			}
			n++
		}
	}
	t.Logf("%d images, at most %.2g apart", n, apart)
	if n != 10000 || apart >= 1e-5 {
		t.Errorf("%d images, %g apart; want 10,000, less than 1e-5", n, apart)
	}
}
