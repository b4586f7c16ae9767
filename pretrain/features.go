package pretrain

import (
	"context"
	"fmt"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// featureBatch is the number of rows that the layers below are run on at once.
const featureBatch = 256

// A reader runs the lower part of a net, as at prediction, over a source.
type reader struct {
	net     *train.Net
	backend backend.Backend
	threads int
}

// each gives what a place of the net, found in its trace, holds for every batch
// of rows. The tensor is valid until the next.
func (r reader) each(ctx context.Context, src data.Source, find func([]param.Applied) graph.Node, f func(at int, x *tensor.Tensor) error) error {
	schema := src.Schema()
	fields, _, err := format.Fields(r.net.Model, schema)
	if err != nil {
		return err
	}
	ins, _ := r.net.Model.Ports()
	plans := map[int]backend.Plan{}
	defer func() {
		for _, p := range plans {
			p.Close()
		}
	}()
	float := r.net.Params.Float()
	feed, cast := map[string]*tensor.Tensor{}, map[string]*tensor.Tensor{}
	at := 0
	for batch, err := range data.Batches(src, featureBatch, data.Order{}) {
		if err != nil {
			return err
		}
		plan := plans[batch.N]
		if plan == nil {
			b := graph.New()
			s := param.NewScope(b, r.net.Params, param.Options{})
			format.Trace(s, r.net.Model, r.net.Preprocess(), schema, batch.N)
			b.Output("features", find(s.Layers()).ToFloat())
			if plan, err = r.backend.Compile(b, backend.Options{Float: float, State: r.net.Params.Value, Threads: r.threads}); err != nil {
				return err
			}
			plans[batch.N] = plan
		}
		x, _ := batch.View()
		for i, p := range ins {
			t := x[fields[i]]
			if name := format.InputName(p.Name); t.DType().IsFloat() && t.DType() != float {
				if cast[name] == nil || !cast[name].Shape().Equal(t.Shape()) {
					cast[name] = tensor.New(float, t.Shape()...)
				}
				if err := cast[name].CopyFrom(t); err != nil {
					return err
				}
				t = cast[name]
			}
			feed[format.InputName(p.Name)] = t
		}
		if err := plan.Run(ctx, backend.Inputs{Values: feed}); err != nil {
			return err
		}
		if err := f(at, plan.Output("features")); err != nil {
			return err
		}
		at += batch.N
	}
	return nil
}

// into finds the input of the layer of a path.
func into(path string) func([]param.Applied) graph.Node {
	return func(layers []param.Applied) graph.Node {
		for _, a := range layers {
			if a.Path == path && !a.Shared {
				return a.In[0]
			}
		}
		return graph.Node{}
	}
}

// features is what reaches a dense layer for every row of a source, kept in
// memory: the layers below are run once, whatever the number of epochs. Input
// and target of a row are the same vector.
func (r reader) features(ctx context.Context, src data.Source, u unit) (data.Source, error) {
	width := u.in.Dim(-1)
	n := src.Len()
	if u.in.Rank() != 2 {
		return nil, fmt.Errorf("%s: samples of shape %v reach it; only vectors are pretrained on: put a flatten layer before it", u.path, u.in.Shape()[1:])
	}
	all, err := tensor.TryNew(r.net.Params.Float(), n, width)
	if err != nil {
		return nil, fmt.Errorf("%s: what reaches it for %d rows cannot be kept: %w", u.path, n, err)
	}
	if err := r.each(ctx, src, into(u.path), func(at int, x *tensor.Tensor) error {
		return all.Rows(at, at+x.Shape()[0]).CopyFrom(x)
	}); err != nil {
		return nil, err
	}
	f := data.Field{Name: "x", DType: all.DType(), Shape: tensor.Shape{width}}
	return data.FromTensors(data.Schema{Inputs: []data.Field{f}, Targets: []data.Field{f}}, []*tensor.Tensor{all}, []*tensor.Tensor{all})
}

// calibrate sets the statistics of the batch normalization below a layer that
// no training has touched to those of what reaches it, from the lowest: mean and
// population variance over the rows, as training would move them to. done names
// the layers that are left alone, and is added to.
func (r reader) calibrate(ctx context.Context, src data.Source, o *outline, u unit, done map[string]bool) error {
	below, err := o.below(u)
	if err != nil {
		return err
	}
	for _, a := range below {
		l, ok := a.Layer.(nn.BatchNorm)
		if !ok || done[a.Path] {
			continue
		}
		done[a.Path] = true
		mean, variance := r.net.Params.Get(a.Path+"/moving_mean"), r.net.Params.Get(a.Path+"/moving_variance")
		if mean == nil || variance == nil || mean.Frozen || l.Validate() != nil {
			continue
		}
		k := mean.Value.Len()
		m, s, n := make([]float64, k), make([]float64, k), 0.0
		// Batch by batch (Chan, Golub and LeVeque, 1979).
		if err := r.each(ctx, src, into(a.Path), func(_ int, x *tensor.Tensor) error {
			for i := range x.Len() / k {
				n++
				for j := range k {
					v := x.Flat(i*k + j)
					d := v - m[j]
					m[j] += d / n
					s[j] += d * (v - m[j])
				}
			}
			return nil
		}); err != nil {
			return err
		}
		for j := range k {
			mean.Value.SetFlat(j, m[j])
			variance.Value.SetFlat(j, s[j]/max(n, 1))
		}
	}
	return nil
}

// below lists the layers that what reaches a dense layer is made of, from the
// lowest.
func (o *outline) below(u unit) ([]param.Applied, error) {
	var inputs []graph.Node
	for x := range o.b.Nodes() {
		if x.Op().Name == "input" {
			inputs = append(inputs, x)
		}
	}
	if len(inputs) == 1 {
		g, err := o.between(inputs[0], u.in)
		return g.layers, err
	}
	return o.layers[:u.at], nil
}
