package pretrain

import (
	"context"
	"fmt"
	"sync"

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

// A runner is what a place of a net, found in its trace, holds for batches of
// rows.
type runner struct {
	reader
	schema data.Schema
	find   func([]param.Applied) graph.Node
	fields []int // of each input of the model: the schema's
	ports  []nn.Port
	plans  map[int]backend.Plan
	feed   map[string]*tensor.Tensor
	cast   map[string]*tensor.Tensor // inputs whose data has another precision
}

func (r reader) runner(schema data.Schema, find func([]param.Applied) graph.Node) (*runner, error) {
	fields, _, err := format.Fields(r.net.Model, schema)
	ins, _ := r.net.Model.Ports()
	return &runner{reader: r, schema: schema, find: find, fields: fields, ports: ins, plans: map[int]backend.Plan{},
		feed: map[string]*tensor.Tensor{}, cast: map[string]*tensor.Tensor{}}, err
}

// run gives a tensor that is valid until the next.
func (r *runner) run(ctx context.Context, batch *data.Batch) (*tensor.Tensor, error) {
	float := r.net.Params.Float()
	plan := r.plans[batch.N]
	if plan == nil {
		b := graph.New()
		s := param.NewScope(b, r.net.Params, param.Options{})
		format.Trace(s, r.net.Model, r.net.Preprocess(), r.schema, batch.N)
		b.Output("features", r.find(s.Layers()).ToFloat())
		var err error
		if plan, err = r.backend.Compile(b, backend.Options{Float: float, State: r.net.Params.Value, Threads: r.threads}); err != nil {
			return nil, err
		}
		r.plans[batch.N] = plan
	}
	x, _ := batch.View()
	for i, p := range r.ports {
		name, t := format.InputName(p.Name), x[r.fields[i]]
		if t.DType().IsFloat() && t.DType() != float {
			if c := r.cast[name]; c == nil || !c.Shape().Equal(t.Shape()) {
				r.cast[name] = tensor.New(float, t.Shape()...)
			}
			if err := r.cast[name].CopyFrom(t); err != nil {
				return nil, err
			}
			t = r.cast[name]
		}
		r.feed[name] = t
	}
	if err := plan.Run(ctx, backend.Inputs{Values: r.feed}); err != nil {
		return nil, err
	}
	return plan.Output("features"), nil
}

func (r *runner) close() {
	for _, p := range r.plans {
		p.Close()
	}
}

// each gives what a place of the net holds for every batch of rows. The tensor is
// valid until the next.
func (r reader) each(ctx context.Context, src data.Source, find func([]param.Applied) graph.Node, f func(at int, x *tensor.Tensor) error) error {
	run, err := r.runner(src.Schema(), find)
	if err != nil {
		return err
	}
	defer run.close()
	at := 0
	for batch, err := range data.Batches(src, featureBatch, data.Order{}) {
		if err != nil {
			return err
		}
		x, err := run.run(ctx, batch)
		if err != nil {
			return err
		}
		if err := f(at, x); err != nil {
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

// features is what reaches a dense layer for every row of a source. Input and
// target of a row are the same vector. It is kept in memory, so that the layers
// below are run once, whatever the number of epochs, where it takes no more bytes
// than most; otherwise they are run on every batch anew.
func (r reader) features(ctx context.Context, src data.Source, u unit, most int64) (out data.Source, kept bool, err error) {
	width := u.in.Dim(-1)
	n := src.Len()
	if u.in.Rank() != 2 {
		return nil, false, fmt.Errorf("%s: samples of shape %v reach it; only vectors are pretrained on: put a flatten layer before it", u.path, u.in.Shape()[1:])
	}
	float := r.net.Params.Float()
	f := data.Field{Name: "x", DType: float, Shape: tensor.Shape{width}}
	schema := data.Schema{Inputs: []data.Field{f}, Targets: []data.Field{f}}
	if int64(n)*int64(width)*int64(float.Size()) > most {
		run, err := r.runner(src.Schema(), into(u.path))
		return &streamed{src: src, schema: schema, run: run, batch: map[int]*data.Batch{}}, false, err
	}
	all, err := tensor.TryNew(float, n, width)
	if err != nil {
		return nil, false, fmt.Errorf("%s: what reaches it for %d rows cannot be kept: %w", u.path, n, err)
	}
	if err := r.each(ctx, src, into(u.path), func(at int, x *tensor.Tensor) error {
		return all.Rows(at, at+x.Shape()[0]).CopyFrom(x)
	}); err != nil {
		return nil, false, err
	}
	out, err = data.FromTensors(schema, []*tensor.Tensor{all}, []*tensor.Tensor{all})
	return out, true, err
}

// streamed is features that are computed where they are read.
type streamed struct {
	src    data.Source
	schema data.Schema
	mu     sync.Mutex
	run    *runner
	batch  map[int]*data.Batch // rows of src, by how many
}

func (s *streamed) Len() int            { return s.src.Len() }
func (s *streamed) Schema() data.Schema { return s.schema }

// Read runs the layers below on the rows.
func (s *streamed) Read(dst *data.Batch, idx []int32) error {
	if err := dst.Start(idx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.batch[len(idx)]
	if b == nil {
		b = data.NewBatch(s.src.Schema(), len(idx))
		s.batch[len(idx)] = b
	}
	if err := s.src.Read(b, idx); err != nil {
		return err
	}
	x, err := s.run.run(context.Background(), b)
	if err != nil {
		return err
	}
	for _, to := range []*tensor.Tensor{dst.X[0], dst.Y[0]} {
		if err := to.Rows(0, dst.N).CopyFrom(x); err != nil {
			return err
		}
	}
	return nil
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
