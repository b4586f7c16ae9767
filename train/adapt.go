package train

import (
	"context"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// Adapt fits the statistics of every layer that has some of the data, such as
// nn.Standardize, to src, in the order of the model. Mean and variance are
// accumulated in float64, batch by batch (Chan, Golub and LeVeque, 1979).
func (n *Net) Adapt(ctx context.Context, src data.Source) error {
	_, t := n.trace(predicting, 1, false)
	fitted := false
	for k, a := range t.scope.Layers() {
		l, ok := a.Layer.(nn.Fitted)
		if !ok || a.Shared {
			continue
		}
		meanName, varName, axis := l.Moments()
		mean, variance := n.Params.Get(a.Path+"/"+meanName), n.Params.Get(a.Path+"/"+varName)
		if mean.Frozen {
			continue
		}
		if err := n.fit(ctx, src, k, axis, mean.Value, variance.Value); err != nil {
			return err
		}
		fitted = true
	}
	if !fitted {
		return nil
	}
	return n.Changed()
}

// fit sets the moments of the input of layer k of the trace, each element's or, where
// axis is not 0, each place's on that axis.
func (n *Net) fit(ctx context.Context, src data.Source, k, axis int, mean, variance *tensor.Tensor) error {
	plans := map[int]*compiled{}
	defer func() {
		for _, c := range plans {
			c.plan.Close()
		}
	}()
	size := mean.Len()
	m, s, seen := make([]float64, size), make([]float64, size), make([]float64, size)
	for batch, err := range data.Batches(src, evalBatch, data.Order{}) {
		if err != nil {
			return err
		}
		c := plans[batch.N]
		if c == nil {
			b, t := n.trace(predicting, batch.N, false)
			x := t.scope.Layers()[k].In[0].ToFloat()
			b.Output("pred:moments", x)
			if c, err = n.compile(b, nil); err != nil {
				return err
			}
			plans[batch.N] = c
		}
		if err := n.load(c, batch, predicting, nil); err != nil {
			return err
		}
		if err := c.plan.Run(ctx, backend.Inputs{Values: c.feed}); err != nil {
			return err
		}
		x := c.plan.Output("pred:moments")
		sample := x.Len() / batch.N
		step := 1 // how many elements of a sample one place on the axis takes
		if axis != 0 {
			shape := x.Shape()
			step = shape[(axis+len(shape))%len(shape)+1:].Len()
		}
		for i := range batch.N {
			for e := range sample {
				j := e / step % size
				v := x.Flat(i*sample + e)
				seen[j]++
				d := v - m[j]
				m[j] += d / seen[j]
				s[j] += d * (v - m[j])
			}
		}
	}
	for j := range size {
		mean.SetFlat(j, m[j])
		variance.SetFlat(j, s[j]/max(seen[j], 1))
	}
	return nil
}
