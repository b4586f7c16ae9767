package train

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// The loss of a mixed batch is that of blended inputs with blended labels.
func TestMixUpIsOfBlendedLabels(t *testing.T) {
	t.Parallel()
	const rows, alpha = 20, 0.4
	m := nn.Sequential{nn.Dense{Units: 8, Act: act.Tanh{}}, nn.Dense{Units: classed}}
	src := labelled(t, rows)
	for _, weights := range [][]float64{nil, {1, 3, 0.5}} {
		tr := trainer(t, m, Config{Data: src.Schema(), Seed: 6, Float: tensor.Float64, Mix: Mix{MixUp: alpha}, ClassWeight: weights})
		before := tr.Params.Clone()
		got := math.NaN()
		for st, err := range tr.Steps(context.Background(), Run{Train: src, Batch: rows, Epochs: 1}) {
			if err != nil {
				t.Fatal(err)
			}
			got = st.Loss
		}
		share := rng.New(rng.Key(6, "train/mix"), 0).Beta(alpha, alpha)
		if !(share > 0 && share < 1) {
			t.Fatalf("λ is %v, which mixes nothing", share)
		}
		for batch, err := range data.Batches(src, rows, data.Order{Seed: 6, Shuffle: true}) {
			if err != nil {
				t.Fatal(err)
			}
			want := 0.0
			for i := range rows {
				j := (i + 1) % rows
				y := tensor.New(tensor.Float64, 1, classed)
				a, b := batch.Y[0].Int32s()[i], batch.Y[0].Int32s()[j]
				wa, wb := share, 1-share
				if weights != nil {
					wa, wb = wa*weights[a], wb*weights[b]
				}
				y.SetFlat(int(a), wa)
				y.SetFlat(int(b), y.Flat(int(b))+wb)
				x64 := tensor.New(tensor.Float64, 1, features)
				for k := range features {
					x64.SetFlat(k, share*batch.X[0].Flat(i*features+k)+(1-share)*batch.X[0].Flat(j*features+k))
				}
				n, err := NewNet(m, before.Clone(), Config{Float: tensor.Float64, Loss: loss.CrossEntropy{}, Data: data.Schema{
					Inputs:  []data.Field{{Name: "x", DType: tensor.Float64, Shape: tensor.Shape{features}}},
					Targets: []data.Field{{Name: "y", DType: tensor.Float64, Shape: tensor.Shape{classed}}},
				}, Metrics: []Metric{}})
				if err != nil {
					t.Fatal(err)
				}
				res := n.measure(t, x64, y)
				n.Close()
				l, _ := res.Values.Get("loss")
				want += l / rows
			}
			if math.Abs(got-want) > 1e-6 {
				t.Errorf("class weights %v: loss %v, want %v", weights, got, want)
			}
		}
	}
}

// What is cut out is a box, its area is the share that is returned, and it is as
// large as it should be where the picture does not cut it off.
func TestCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h, w := rapid.IntRange(1, 20).Draw(rt, "h"), rapid.IntRange(1, 20).Draw(rt, "w")
		share := rapid.Float64Range(0, 1).Draw(rt, "share")
		mask := tensor.New(tensor.Float32, h, w, 1)
		got := cut(mask, rng.New(rapid.Uint64().Draw(rt, "seed"), 0), share)
		top, bottom, left, right, zeros := h, 0, w, 0, 0
		for y := range h {
			for x := range w {
				switch mask.Flat(y*w + x) {
				case 0:
					zeros++
					top, bottom, left, right = min(top, y), max(bottom, y+1), min(left, x), max(right, x+1)
				case 1:
				default:
					rt.Fatalf("mask has %v", mask.Flat(y*w+x))
				}
			}
		}
		if zeros > 0 && (bottom-top)*(right-left) != zeros {
			rt.Fatalf("%d pixels are no box", zeros)
		}
		if math.Abs(got-(1-float64(zeros)/float64(h*w))) > 1e-12 {
			rt.Fatalf("%v stays, said to be %v", 1-float64(zeros)/float64(h*w), got)
		}
		side := math.Sqrt(1 - share)
		if float64(bottom-top) > side*float64(h)+1 || float64(right-left) > side*float64(w)+1 {
			rt.Fatalf("a box of %d×%d in %d×%d for %v", bottom-top, right-left, h, w, share)
		}
	})
}

// Pictures of which boxes are exchanged, or that are blended, still train, and in
// the same bytes on any number of threads.
func TestMixTrains(t *testing.T) {
	t.Parallel()
	images, test := digits.New(3, 600, 200)
	var texts []string
	for _, threads := range []int{1, 2} {
		tr := trainer(t, nn.Sequential{nn.Flatten{}, nn.Dense{Units: 60, Act: act.ELU{}}, nn.Dense{Units: 10}},
			Config{Data: images.Schema(), Threads: threads, Mix: Mix{MixUp: 0.2, CutMix: 1}})
		fit(t, tr, Run{Train: images, Batch: 32, Epochs: 4})
		res, err := tr.Evaluate(context.Background(), test)
		if err != nil {
			t.Fatal(err)
		}
		if acc, _ := res.Values.Get("accuracy"); acc < 0.5 {
			t.Errorf("accuracy %v", acc)
		}
		texts = append(texts, parameters(tr))
	}
	if texts[0] != texts[1] {
		t.Error("two threads train another net")
	}
}

func TestMixRefuses(t *testing.T) {
	t.Parallel()
	images, _ := digits.New(3, 10, 1)
	points := labelled(t, 10)
	whole := points.Schema()
	whole.Inputs = []data.Field{{Name: "x", DType: tensor.Int32, Shape: tensor.Shape{features}}}
	for _, c := range []struct {
		s    data.Schema
		m    Mix
		want string
	}{
		{images.Schema(), Mix{MixUp: -1}, "want a number alpha above 0"},
		{images.Schema(), Mix{CutMix: math.NaN()}, "want a number alpha above 0"},
		{points.Schema(), Mix{CutMix: 1}, "which are no pictures"},
		{whole, Mix{MixUp: 1}, "of which there is no blend"},
	} {
		m := nn.Sequential{nn.Flatten{}, nn.Dense{Units: 10}}
		if _, err := New(m, Config{Data: c.s, Mix: c.m}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.m, err)
		}
	}
}

func ExampleMix() {
	images, _ := digits.New(1, 320, 1)
	tr, err := New(nn.Sequential{nn.Flatten{}, nn.Dense{Units: 10}}, Config{Data: images.Schema(), Mix: Mix{MixUp: 0.2}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tr.Close()
	err = Fit(tr.Steps(context.Background(), Run{Train: images, Epochs: 1}))
	fmt.Println(tr.Taken(), err)
	// Output: 10 <nil>
}

// What frozen layers make of blended rows is not kept: it is another thing each
// time.
func TestMixHasNoPrefix(t *testing.T) {
	t.Parallel()
	src := labelled(t, 10)
	for _, m := range []Mix{{}, {MixUp: 0.2}} {
		tr := trainer(t, nn.Sequential{nn.Dense{Units: 4, Name: "low"}, nn.Dense{Units: classed}}, Config{Data: src.Schema(), Mix: m})
		if _, err := tr.Freeze("low"); err != nil {
			t.Fatal(err)
		}
		if p, err := tr.Prefix(); err != nil || (p == nil) != m.active() {
			t.Errorf("%+v: prefix %v, %v", m, p, err)
		}
	}
}
