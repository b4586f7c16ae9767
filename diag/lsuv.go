package diag

import (
	"context"
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// A Scaling is what [LSUV] did to one layer.
type Scaling struct {
	Layer      string
	Iterations int     // how often the kernel was divided
	Variance   float64 // of what the layer's product and bias give, afterwards
}

// The bounds of LSUV, those of the paper.
const (
	lsuvTolerance  = 0.1
	lsuvIterations = 10
)

// LSUV fills the kernels of a net by what a batch of its data shows: first with
// orthonormal matrices, then, layer by layer from the lowest, divided by the
// standard deviation of what the layer gives before its activation, until the
// variance is 1 ± 0.1 (Mishkin and Matas, "All you need is a good init", ICLR
// 2016). It suits any activation, for which no rule need be known; that the
// signal keeps its size does not make an activation whose slope is small, such
// as the logistic function's, hand on a gradient.
//
// Without a batch in the options, noise takes its place. Of the other options
// Rows, Seed, Threads and Backend count. Frozen kernels stay.
func LSUV(ctx context.Context, n *train.Net, o Options) ([]Scaling, error) {
	rows, err := o.rows()
	if err != nil {
		return nil, err
	}
	m := trace(n, n.Params, rows, o.Batch != nil, o.Seed)
	var ps []*probe
	for _, p := range m.probes {
		q := n.Params.Get(p.kernel)
		if q == nil || !q.Trainable() || !p.linear.Valid() {
			continue
		}
		z := p.z
		if !z.Valid() {
			z = p.linear
		}
		m.b.Output(outputName(len(ps), "variance"), deviation(z).Square())
		initial.Orthogonal{}.Fill(q.Value, rng.New(rng.Key(o.Seed, "lsuv/"+p.kernel), 0))
		q.Init = nil // no initializer of a name drew it
		ps = append(ps, p)
	}
	plan, err := o.backend().Compile(m.b, backend.Options{Float: n.Params.Float(), State: shielded(n.Params), Threads: o.Threads})
	if err != nil {
		return nil, err
	}
	defer plan.Close()
	in := backend.Inputs{Values: map[string]*tensor.Tensor{}, Seed: rng.Key(o.Seed, "diag/noise")}
	if err := feed(in.Values, n, o.Batch, n.Params.Float()); err != nil {
		return nil, err
	}
	out := make([]Scaling, len(ps))
	if err := plan.Run(ctx, in); err != nil {
		return nil, err
	}
	for i, p := range ps {
		s := Scaling{Layer: p.path}
		for {
			s.Variance = plan.Output(outputName(i, "variance")).Flat(0)
			if !(s.Variance > 0) || math.IsInf(s.Variance, 0) {
				return nil, fmt.Errorf("%s: its outputs have variance %v on this batch, which no factor makes 1; look at the data and the layers before", p.path, s.Variance)
			}
			if math.Abs(s.Variance-1) <= lsuvTolerance || s.Iterations == lsuvIterations {
				break
			}
			s.Iterations++
			scale(n.Params.Value(p.kernel), 1/math.Sqrt(s.Variance))
			if err := plan.Run(ctx, in); err != nil {
				return nil, err
			}
		}
		out[i] = s
	}
	return out, nil
}

func scale(t *tensor.Tensor, by float64) {
	for i := range t.Len() {
		t.SetFlat(i, by*t.Flat(i))
	}
}
