package app

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// foldModel is a model as predictions are made with it: without the batch
// normalizations that can be part of the layers beside them. gone is how many.
func foldModel(m nn.Model, params *param.Set) (f nn.Model, set *param.Set, gone int, err error) {
	if f, set, err = nn.FoldModel(m, params); err != nil {
		return nil, nil, 0, err
	}
	return f, set, normalizations(params) - normalizations(set), nil
}

// normalizations counts the batch normalizations that have statistics.
func normalizations(set *param.Set) (n int) {
	for p := range set.Of(param.Stat) {
		if strings.HasSuffix(p.Name, "/moving_mean") {
			n++
		}
	}
	return n
}

// fold makes the model one for predictions. An output that a normalization made has
// the name of the layer that it became part of.
func (s *subject) fold() (err error) {
	_, was := s.Net.Ports()
	if s.Net, s.Params, _, err = foldModel(s.Net, s.Params); err != nil {
		return err
	}
	_, is := s.Net.Ports()
	s.outputs = was
	s.Losses = slices.Clone(s.Losses)
	for i, o := range s.Losses {
		if at := slices.IndexFunc(was, func(p nn.Port) bool { return p.Name == o.Name }); at >= 0 {
			s.Losses[i].Name = is[at].Name
		}
	}
	return nil
}

// The most passes with dropout at work.
const mostPasses = 100000

// passes takes mc=N, the number of passes with dropout at work, from the words;
// 0 is none.
func passes(keys []string) (n int, rest []string, err error) {
	text, rest := take(keys, "mc")
	if text == "" {
		return 0, rest, nil
	}
	if n, err = strconv.Atoi(text); err != nil || n < 2 || n > mostPasses {
		return 0, nil, usage("mc=%s: want a whole number of passes from 2 to %d", text, mostPasses)
	}
	return n, rest, nil
}

// foldArchitecture makes a model what predictions are made with, and says how
// alike both are. One that has no weights yet gets some.
func (c *command) foldArchitecture(a *architecture) error {
	fresh := a.params == nil
	if fresh {
		a.params = param.NewSet(a.float)
		b := graph.New()
		var xs []graph.Node
		ports, _ := a.model.Ports()
		for i, t := range a.types() {
			xs = append(xs, b.Input(ports[i].Name, t.Kind, append(tensor.Shape{2}, t.Shape...)...))
		}
		a.model.Trace(param.NewScope(b, a.params, param.Options{}), xs)
		if err := b.Err(); err != nil {
			return err
		}
	}
	whole, weights := a.model, a.params
	var gone int
	var err error
	if a.model, a.params, gone, err = foldModel(whole, weights); err != nil {
		return err
	}
	if gone == 0 {
		c.note("no batch normalization stands beside a layer that it can be part of")
		return nil
	}
	what := strconv.Itoa(gone) + " batch normalizations are"
	if gone == 1 {
		what = "1 batch normalization is"
	}
	if fresh {
		c.note(what + " part of the layers beside them at prediction")
		return nil
	}
	apart, same, err := a.compare(whole, weights)
	if err != nil {
		return err
	}
	c.note(fmt.Sprintf("%s part of the layers beside them at prediction; on %d random rows outputs differ by at most %.2g, and the largest is the same one in %d", what, comparedRows, apart, same))
	return nil
}

const comparedRows = 256

// compare runs random rows through a model and the one that it was folded from:
// how far outputs lie apart, by the largest of them where that is above 1, and in
// how many rows the largest output is the same.
func (a *architecture) compare(whole nn.Model, weights *param.Set) (apart float64, same int, err error) {
	set := train.Config{Float: a.float, Loss: loss.MSE{}, Preprocess: a.prep}
	set.Data.Inputs = a.inputs
	if set.Preprocess == nil {
		set.Preprocess = nn.Sequential{}
	}
	var xs []*tensor.Tensor
	for _, f := range a.inputs {
		x := tensor.New(f.DType, append(tensor.Shape{comparedRows}, f.Shape...)...)
		r := rng.New(rng.Key(1, "fold"), uint64(len(xs)))
		for i := range x.Len() {
			if f.DType.IsFloat() {
				x.SetFlat(i, r.Norm())
			} else if f.DType == tensor.Uint8 {
				x.SetFlat(i, float64(r.IntN(256)))
			}
		}
		xs = append(xs, x)
	}
	var out [2][]*tensor.Tensor
	for k, m := range []nn.Model{whole, a.model} {
		n, err := train.NewNet(m, []*param.Set{weights, a.params}[k], set)
		if err != nil {
			return 0, 0, err
		}
		defer n.Close()
		if out[k], err = n.Predict(context.Background(), xs...); err != nil {
			return 0, 0, err
		}
	}
	y, z := out[0][0], out[1][0]
	width := y.Len() / comparedRows
	top, size := 0.0, 1.0
	for row := range comparedRows {
		best := [2]int{row * width, row * width}
		for i := row * width; i < (row+1)*width; i++ {
			top, size = max(top, math.Abs(y.Flat(i)-z.Flat(i))), max(size, math.Abs(y.Flat(i)))
			if y.Flat(i) > y.Flat(best[0]) {
				best[0] = i
			}
			if z.Flat(i) > z.Flat(best[1]) {
				best[1] = i
			}
		}
		if best[0] == best[1] {
			same++
		}
	}
	return top / size, same, nil
}
