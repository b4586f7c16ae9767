package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// ErrNoNoise is the error for a model in which nothing is drawn at random, so that
// all of its predictions are one.
var ErrNoNoise = errors.New("the model has no dropout or other noise: every pass would predict the same")

// Sampled is what passes with dropout at work predicted.
type Sampled struct {
	Mean, Std []*tensor.Tensor // of each output (N, …); Std is the population's
}

// PredictSampled predicts for rows x, as Predict does, as often as passes says with
// dropout and other noise as in training, and gives mean and deviation of what
// was predicted: Monte Carlo dropout (Gal and Ghahramani, "Dropout as a Bayesian
// Approximation", ICML 2016). Batch normalization works as at prediction. What
// is drawn depends on seed, on the pass, and on how many such calls there were
// before. The result is valid until the next call.
func (n *Net) PredictSampled(ctx context.Context, passes int, x ...*tensor.Tensor) (*Sampled, error) {
	batch, err := n.batchOf(x)
	if err != nil {
		return nil, err
	}
	return n.sampled(ctx, passes, batch)
}

func (n *Net) sampled(ctx context.Context, passes int, batch *data.Batch) (*Sampled, error) {
	if passes < 1 {
		return nil, fmt.Errorf("%d passes: want a whole number above 0", passes)
	}
	c, err := n.planFor(planKey{sampling, batch.N, false})
	if err != nil {
		return nil, err
	}
	if !c.random {
		return nil, ErrNoNoise
	}
	if err := n.load(c, batch, predicting, nil); err != nil {
		return nil, err
	}
	if n.means == nil || !n.means.Mean[0].Shape().Equal(c.pred[0].Shape()) {
		n.means = &Sampled{}
		for _, p := range c.pred {
			n.means.Mean = append(n.means.Mean, tensor.New(tensor.Float64, p.Shape()...))
			n.means.Std = append(n.means.Std, tensor.New(tensor.Float64, p.Shape()...))
		}
	}
	s := n.means
	for i := range s.Mean {
		clear(s.Mean[i].Float64s())
		clear(s.Std[i].Float64s())
	}
	for pass := range passes {
		in := backend.Inputs{Values: c.feed, Seed: rng.Key(n.cfg.Seed, "train/sampled"), Step: n.drawn*uint64(passes) + uint64(pass)}
		if err := c.plan.Run(ctx, in); err != nil {
			return nil, err
		}
		for i, p := range c.pred { // Welford 1962
			mean, square := s.Mean[i].Float64s(), s.Std[i].Float64s()
			for k := range mean {
				v := p.Flat(k)
				d := v - mean[k]
				mean[k] += d / float64(pass+1)
				square[k] += d * (v - mean[k])
			}
		}
	}
	n.drawn++
	for i := range s.Std {
		for k, v := range s.Std[i].Float64s() {
			s.Std[i].Float64s()[k] = math.Sqrt(v / float64(passes))
		}
	}
	return s, nil
}

// EvaluateSampled measures the mean of many predictions with dropout at work on
// every row of src; see [Net.PredictSampled].
func (n *Net) EvaluateSampled(ctx context.Context, src data.Source, passes int) (*Result, error) {
	return n.evaluate(src, func(batch *data.Batch) (*compiled, error) {
		s, err := n.sampled(ctx, passes, batch)
		if err != nil {
			return nil, err
		}
		c, err := n.planFor(planKey{scoring, batch.N, batch.Weight != nil})
		if err != nil {
			return nil, err
		}
		for i, mean := range s.Mean {
			if err := c.give(meanInput(i), mean); err != nil {
				return nil, err
			}
		}
		if err := n.load(c, batch, evaluating, nil); err != nil {
			return nil, err
		}
		return c, c.plan.Run(ctx, backend.Inputs{Values: c.feed})
	})
}

func meanInput(i int) string { return fmt.Sprint("mean:", i) }

// outputOf is an output of the model for which the loss predicts p.
func outputOf(l loss.Loss, p graph.Node) graph.Node {
	if _, ok := l.(loss.Predictor); !ok || !p.Valid() {
		return p
	}
	least := p.Builder().Const(1e-30)
	log := func(p graph.Node) graph.Node { return p.Max(least).Log() }
	switch l := l.(type) {
	case loss.CrossEntropy:
		if l.Probabilities {
			return p
		}
	case loss.BinaryCrossEntropy:
		if l.Probabilities {
			return p
		}
		return log(p).Sub(log(p.Neg().AddScalar(1)))
	case loss.BinaryFocal:
		return log(p).Sub(log(p.Neg().AddScalar(1)))
	case loss.Poisson:
		if !l.Log {
			return p
		}
	}
	return log(p)
}

// still makes statistics stay as they are until undone: layers that have some
// work as at prediction.
func still(s *param.Set) (undo func()) {
	var changed []*param.Param
	for p := range s.Of(param.Stat) {
		if !p.Frozen {
			p.Frozen = true
			changed = append(changed, p)
		}
	}
	return func() {
		for _, p := range changed {
			p.Frozen = false
		}
	}
}
