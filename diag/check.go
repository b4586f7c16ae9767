package diag

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// A Remark is what can be said against a net before its first step.
type Remark struct {
	Layers  []string
	Verdict Verdict // Symmetric, Mismatch, or "" where no verdict is that narrow
	Text    string  // what it is, what it does and what would be better
}

// Check looks at a net that was just made: kernels whose units begin equal,
// initializers that do not go with their activation, each with its consequence
// measured in a small net, and what SELU asks for and does not get. It takes no
// step, and milliseconds where there is nothing to be said. Of the options Batch
// or Source, Rows and Seed count, without which the input is taken to be standardized,
// and Threads and Backend. Examples that cannot be read are taken to be, too.
func Check(ctx context.Context, n *train.Net, o Options) ([]Remark, error) {
	rows := 2
	if o.Batch != nil {
		rows, o.Source = o.Batch.N, nil
	} else if o.Source != nil {
		rows = min(cmp.Or(o.Rows, 500), o.Source.Len())
	}
	m := trace(n, n.Params, rows, o.Batch != nil || o.Source != nil, o.Seed)
	if err := m.b.Err(); err != nil {
		return nil, err
	}
	var out []Remark
	equal := m.equalUnits(n.Params)
	if len(equal) > 0 {
		out = append(out, Remark{equal, Symmetric, beginEqual(short(equal))})
	}
	rest := slices.DeleteFunc(slices.Clone(m.probes), func(p *probe) bool { return slices.Contains(equal, p.path) })
	bad, err := misfits(ctx, rest, n.Params, flows{})
	if err != nil {
		return nil, err
	}
	for _, b := range bad {
		out = append(out, Remark{b.Layers, Mismatch, mend([]Misfit{b})})
	}
	out = append(out, m.corners()...)
	selu, err := m.normalizing(ctx, n, o)
	return append(out, selu...), err
}

// equalUnits lists the layers, the last one aside, whose units begin equal. Of
// the last one the targets tell the units apart.
func (m *measurement) equalUnits(set *param.Set) []string {
	var out []string
	for i, p := range m.probes {
		q := set.Get(p.kernel)
		if q == nil || q.Init == nil || i == len(m.probes)-1 {
			continue
		}
		if sigma, ok := initial.Deviation(q.Init, q.Value.Shape()); ok && sigma > 0 {
			continue // drawn at random
		}
		if units := q.Value.Shape()[len(q.Value.Shape())-1]; units > 1 && alike(floats(q.Value), units) {
			out = append(out, p.path)
		}
	}
	return out
}

// corners tells of ELU whose slope jumps at 0.
func (m *measurement) corners() []Remark {
	var out []Remark
	for _, p := range m.probes {
		e, ok := p.act.(act.ELU)
		if !ok || e.Alpha == 0 || e.Alpha == 1 {
			continue
		}
		if k := slices.IndexFunc(out, func(r Remark) bool { return strings.HasPrefix(r.Text, nameOf(p.act)+" ") }); k >= 0 {
			out[k].Layers = append(out[k].Layers, p.path)
			continue
		}
		out = append(out, Remark{Layers: []string{p.path},
			Text: fmt.Sprintf("%s is smooth only with alpha=1: at 0 its slope jumps by %.3g; celu is smooth with any alpha.", nameOf(p.act), math.Abs(1-e.Alpha))})
	}
	return out
}

// normalizing says which of the conditions a net of SELU does not meet under
// which it keeps mean 0 and variance 1 by itself (Klambauer, Unterthiner, Mayr
// and Hochreiter, "Self-Normalizing Neural Networks", NIPS 2017): a standardized
// input, lecun_normal, which is told of as a mismatch, a plain stack of layers,
// and no dropout but alpha_dropout.
func (m *measurement) normalizing(ctx context.Context, n *train.Net, o Options) ([]Remark, error) {
	is := func(p *probe) bool { _, ok := p.act.(act.SELU); return ok }
	first := slices.IndexFunc(m.probes, is)
	if first < 0 {
		return nil, nil
	}
	var out []Remark
	add := func(layers []string, text string) {
		if len(layers) > 0 {
			out = append(out, Remark{Layers: layers, Text: text})
		}
	}
	of := func(is func(l nn.Layer) bool) []string {
		var names []string
		for _, a := range m.layers {
			if is(a.Layer) {
				names = append(names, a.Name)
			}
		}
		return names
	}
	dropouts := of(func(l nn.Layer) bool {
		switch l.(type) {
		case nn.Dropout, nn.GaussianDropout:
			return true
		}
		return false
	})
	add(dropouts, fmt.Sprintf("selu keeps mean and variance with alpha_dropout alone: write it, with the same rate, in place of %s.", short(dropouts)))
	norms := of(func(l nn.Layer) bool {
		switch l.(type) {
		case nn.BatchNorm, nn.LayerNorm:
			return true
		}
		return false
	})
	// One before the first layer standardizes the input.
	norms = slices.DeleteFunc(norms, func(name string) bool { return m.before(name, m.probes[first]) })
	add(norms, fmt.Sprintf("selu normalizes by itself: leave out %s, which does it again and takes time, or use elu beside it.", short(norms)))
	joins := of(func(l nn.Layer) bool {
		if _, ok := l.(nn.Residual); ok {
			return true
		}
		_, ok := l.(interface {
			Join(s *nn.Scope, xs []graph.Node) graph.Node
		})
		return ok
	})
	add(joins, fmt.Sprintf("selu keeps mean 0 and variance 1 in a plain stack of layers alone, not through %s: elu, or relu with he_normal, does not depend on it.", short(joins)))
	if o.Source != nil {
		if b, err := Sampled(o.Source, m.rows, o.Seed); err == nil {
			o.Batch = b
		}
	}
	if o.Batch == nil {
		return out, nil
	}
	mean, std, err := m.input(ctx, n, o, m.probes[first])
	if err != nil {
		return nil, err
	}
	if math.Abs(mean) > offMean || std < offStd || std > 1/offStd {
		add([]string{m.probes[first].path}, fmt.Sprintf("selu keeps mean 0 and variance 1 of an input that has them: here its mean is %.2g and its standard deviation %.2g; set input.standardize=train, or begin with batch_normalization.", mean, std))
	}
	return out, nil
}

// How far the input of SELU may be from mean 0 and deviation 1: pixels that are
// always 0 keep a standardized picture below 1.
const (
	offMean = 0.25
	offStd  = 0.5
)

// before reports whether a layer comes before a probe.
func (m *measurement) before(name string, p *probe) bool {
	for _, a := range m.layers {
		if a.Path == p.path {
			return false
		}
		if a.Name == name {
			return true
		}
	}
	return false
}

// input is the mean and the standard deviation of what comes into a layer.
func (m *measurement) input(ctx context.Context, n *train.Net, o Options, p *probe) (mean, std float64, err error) {
	m.b.Output("mean", p.in.Mean())
	m.b.Output("std", deviation(p.in))
	plan, err := o.backend().Compile(m.b, backend.Options{Float: n.Params.Float(), State: shielded(n.Params), Threads: o.Threads})
	if err != nil {
		return 0, 0, err
	}
	defer plan.Close()
	in := backend.Inputs{Values: map[string]*tensor.Tensor{}, Seed: rng.Key(o.Seed, "diag/noise")}
	if err := feed(in.Values, n, o.Batch, n.Params.Float()); err != nil {
		return 0, 0, err
	}
	if err := plan.Run(ctx, in); err != nil {
		return 0, 0, err
	}
	return plan.Output("mean").Flat(0), plan.Output("std").Flat(0), nil
}
