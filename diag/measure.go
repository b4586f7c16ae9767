package diag

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// Options of [Measure]. The zero value of a field is its default.
type Options struct {
	// Batch is the examples, with targets, that are run through the net; the
	// gradient is then that of the net's loss. Without any, standard normal noise
	// takes the place of the model's input, after its preprocessing, and of the
	// gradient with respect to its output.
	Batch *data.Batch
	// Source is what [Check] takes the place of Batch from, by [Sampled], where it has to
	// look at examples.
	Source data.Source
	// Rows is the number of examples of noise, or from Source; 500 by default.
	Rows int
	// Optim is what the first step is taken with; Nadam by default. The gradient
	// of noise is averaged over the examples for it, as that of a loss is.
	Optim optim.Optimizer
	// LR is the rate of that step; the optimizer's own by default.
	LR float64
	// Seed determines the noise, and what the model draws.
	Seed uint64
	// SkipJacobian leaves out the singular values, whose time grows with the
	// third power of a layer's width.
	SkipJacobian bool
	// Threads is how many cores are used, 0 meaning all. It changes no figure.
	Threads int
	// Backend runs the plan; the processor by default.
	Backend backend.Backend
}

// rows is the number of examples.
func (o Options) rows() (int, error) {
	n := o.Rows
	if o.Batch != nil {
		n = o.Batch.N
	} else if n == 0 {
		n = 500
	}
	if n < 2 {
		return 0, fmt.Errorf("%d examples have no spread; give two or more", n)
	}
	return n, nil
}

func (o Options) backend() backend.Backend {
	if o.Backend == nil {
		return train.DefaultBackend()
	}
	return o.Backend
}

// Measure runs one training step on a copy of the net's parameters, in float64
// so that what explodes can be told by how much, and reports on each layer. The
// net stays as it is.
func Measure(ctx context.Context, n *train.Net, o Options) (*Report, error) {
	r, err := measure(ctx, n, o)
	if err != nil {
		return nil, err
	}
	return r, r.advise(ctx, n)
}

// measure is Measure without what takes further nets to tell.
func measure(ctx context.Context, n *train.Net, o Options) (*Report, error) {
	rows, err := o.rows()
	if err != nil {
		return nil, err
	}
	set, err := copied(n.Params, tensor.Float64)
	if err != nil {
		return nil, err
	}
	m := trace(n, set, rows, o.Batch != nil, o.Seed)
	m.figures()
	m.step(set, o)
	if !o.SkipJacobian {
		m.slopes()
	}
	plan, err := o.backend().Compile(m.b, backend.Options{Float: tensor.Float64, State: set.Value, Threads: o.Threads})
	if err != nil {
		return nil, err
	}
	defer plan.Close()
	in := backend.Inputs{Values: map[string]*tensor.Tensor{}, Seed: rng.Key(o.Seed, "diag/noise")}
	if err := feed(in.Values, n, o.Batch, tensor.Float64); err != nil {
		return nil, err
	}
	if err := plan.Run(ctx, in); err != nil {
		return nil, err
	}
	r := &Report{Rows: rows, Layers: m.read(plan, n.Params), probes: m.probes}
	for i, p := range m.probes {
		if q := n.Params.Get(p.kernel); q != nil {
			was, is := floats(q.Value), floats(set.Value(p.kernel))
			units := q.Value.Shape()[len(q.Value.Shape())-1]
			r.Layers[i].Symmetric = units > 1 && alike(was, units) && alike(is, units)
			if q.Trainable() {
				r.Layers[i].Update = change(was, is)
			}
		}
	}
	if !o.SkipJacobian {
		if err := m.spectra(ctx, plan, n.Params, o.Threads, r.Layers); err != nil {
			return nil, err
		}
	}
	r.judge()
	return r, nil
}

// copied is a copy of weights and statistics in another precision.
func copied(s *param.Set, float tensor.DType) (*param.Set, error) {
	c := param.NewSet(float)
	for p := range s.All() {
		if p.Kind == param.Slot {
			continue
		}
		q, err := c.Add(p.Name, p.Kind, p.Value.Shape())
		if err != nil {
			return nil, err
		}
		q.Frozen, q.Init = p.Frozen, p.Init
		if err := q.Value.CopyFrom(p.Value); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// A measurement is a graph of a model, forwards and backwards, with what is
// read off it.
type measurement struct {
	b      *graph.Builder
	probes []*probe
	layers []param.Applied
	rows   int
	loss   graph.Node
	noise  bool
}

// trace traces a net for training on rows examples, of data or of noise.
func trace(n *train.Net, set *param.Set, rows int, withData bool, seed uint64) *measurement {
	m := &measurement{b: graph.New(), rows: rows, noise: !withData}
	b := m.b
	s := param.NewScope(b, set, param.Options{Training: true, Seed: seed})
	ins, outs := n.Model.Ports()
	_, targets, err := format.Fields(n.Model, n.Data())
	if err != nil {
		b.Fail("%w", err)
		return m
	}
	var from, ys []graph.Node
	if withData {
		ys = format.Trace(s, n.Model, n.Preprocess(), n.Data(), rows)
		from = b.Inputs()
	} else {
		fields, _, _ := format.Fields(n.Model, n.Data())
		for i := range ins {
			from = append(from, b.Normal(append(tensor.Shape{rows}, n.Data().Inputs[fields[i]].Shape...)...))
		}
		ys = n.Model.Trace(s, from)
	}
	if b.Err() != nil {
		return m
	}
	m.probes, m.layers = probes(s, from), s.Layers()
	for i, y := range ys {
		term := y.ToFloat().Mul(b.Normal(y.Shape()...)).Sum()
		if withData && targets[i] >= 0 {
			f := n.Data().Targets[targets[i]]
			want := "target:" + outs[i].Name
			l := n.Losses()[i]
			term = l.Loss.Apply(y, b.Input(want, graph.KindOf(f.DType), append(tensor.Shape{rows}, f.Shape...)...)).Mean().Scale(l.Weight)
		}
		m.add(term)
	}
	if withData {
		for _, x := range s.Losses() {
			m.add(x)
		}
	}
	return m
}

func (m *measurement) add(term graph.Node) {
	if m.loss.Valid() {
		term = m.loss.Add(term)
	}
	m.loss = term
}

func outputName(i int, what string) string { return fmt.Sprintf("%d:%s", i, what) }

// figures adds the outputs of every layer.
func (m *measurement) figures() {
	b := m.b
	var at []graph.Node
	for _, p := range m.probes {
		at = append(at, p.in, p.flow)
	}
	grads := graph.Grad(m.loss, at)
	for i, p := range m.probes {
		put := func(what string, x graph.Node) { b.Output(outputName(i, what), x) }
		put("mean", p.out.Mean())
		put("std", deviation(p.out))
		put("flow", deviation(p.flow))
		put("in", deviation(p.in))
		put("unit", p.unit())
		if units := p.out.Rank() - 1; units > 0 {
			axes := make([]int, units)
			for k := range axes {
				axes[k] = k
			}
			put("dead", p.out.Abs().ReduceMax(axes...).Equal(b.Const(0)).Mean())
		}
		if g := grads[2*i]; g.Valid() {
			put("gin", norm(g))
		}
		if g := grads[2*i+1]; g.Valid() {
			put("gout", norm(g))
			put("gstd", deviation(g))
		}
		if p.slope = p.derivative(); p.slope.Valid() {
			flat := b.Const(flatSlope).Greater(p.slope.Abs())
			put("saturated", flat.Mean())
			put("flat", flat.Mul(p.z.Greater(b.Const(0))).Mean())
		}
	}
}

// unit is what the first unit's activation is given for each example, or what it
// gives where it has none (rows).
func (p *probe) unit() graph.Node {
	x := p.out
	if p.z.Valid() {
		x = p.z
	}
	if x.Rank() < 1 || x.Dim(-1) < 1 {
		return x.Reshape(-1)
	}
	return x.Reshape(-1, x.Dim(-1)).Slice(1, 0, 1).Reshape(-1)
}

// percentilesOf sorts values.
func percentilesOf(values []float64) *Percentiles {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	at := func(share float64) float64 { // between neighbours, as numpy's percentile is
		x := share * float64(len(values)-1)
		i := int(x)
		if i+1 == len(values) {
			return values[i]
		}
		return values[i] + (x-float64(i))*(values[i+1]-values[i])
	}
	p := &Percentiles{at(0.15), at(0.5), at(0.85)}
	if math.IsNaN(p.P15+p.P50+p.P85) || math.IsInf(p.P85-p.P15, 0) {
		return nil
	}
	return p
}

// flatSlope is the slope of an activation below which a unit is saturated.
const flatSlope = 0.01

// derivative is f′ at each element of z.
func (p *probe) derivative() graph.Node {
	if !p.z.Valid() {
		return p.z
	}
	return graph.VJP(p.out, p.out.Builder().Full(1, p.out.Shape()...), []graph.Node{p.z})[0]
}

// deviation is the standard deviation of all elements about their mean.
func deviation(x graph.Node) graph.Node {
	return x.Sub(x.Mean()).Square().Mean().Sqrt()
}

func norm(x graph.Node) graph.Node { return x.Square().Sum().Sqrt() }

// step adds the first step of the optimizer.
func (m *measurement) step(set *param.Set, o Options) {
	if m.b.Err() != nil {
		return
	}
	var names []string
	var nodes []graph.Node
	for _, p := range m.b.Params() {
		if q := set.Get(p.Name()); q != nil && q.Trainable() {
			names, nodes = append(names, p.Name()), append(nodes, p)
		}
	}
	grads := graph.Grad(m.loss, nodes)
	if m.noise {
		for i := range grads {
			grads[i] = grads[i].Scale(1 / float64(m.rows))
		}
	}
	lr := o.LR
	if lr == 0 {
		lr = o.Optim.Rate()
	}
	o.Optim.Build(m.b, set, names, grads, m.b.Const(lr), m.b.Const(1))
}

// The time for singular values is bounded: a layer that takes longer than
// mostWork multiplications has none, and examples are added up to usualWork.
const (
	mostWork    = 1e10
	usualWork   = 1e8
	mostSamples = 4
)

// samples is the number of examples whose Jacobian at the layer is decomposed;
// 0 where there is none or it is too large.
func (p *probe) samples() int {
	if !p.slope.Valid() || !p.linear.Valid() || p.linear.Op().Name != "matmul" || p.linear.In(1).Name() != p.kernel {
		return 0
	}
	if a, ok := p.linear.Attr().(graph.MatMulAttr); ok && a != (graph.MatMulAttr{}) {
		return 0
	}
	in, units := float64(p.linear.In(1).Dim(0)), float64(p.linear.Dim(-1))
	work := 4 * in * units * min(in, units)
	if work > mostWork {
		return 0
	}
	return min(mostSamples, p.linear.Dim(0), max(1, int(usualWork/work)))
}

// slopes adds the slopes of the activations at the first examples: a layer's
// Jacobian is its kernel, each column times the slope of its unit.
func (m *measurement) slopes() {
	for i, p := range m.probes {
		if k := p.samples(); k > 0 {
			m.b.Output(outputName(i, "slope"), p.slope.Reshape(-1, p.linear.Dim(-1)).Slice(0, 0, k))
		}
	}
}

// spectra decomposes the Jacobians.
func (m *measurement) spectra(ctx context.Context, plan backend.Plan, set *param.Set, threads int, layers []Layer) error {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	free := make(chan struct{}, threads)
	var wg sync.WaitGroup
	for i, p := range m.probes {
		slopes := plan.Output(outputName(i, "slope"))
		if slopes == nil {
			continue
		}
		kernel := floats(set.Value(p.kernel))
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			if ctx.Err() == nil {
				layers[i].Jacobian = spectrum(kernel, floats(slopes), slopes.Shape()[0])
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// spectrum averages over the examples whose slopes are given. It is nil where
// something is not finite.
func spectrum(kernel, slopes []float64, examples int) *Spectrum {
	units := len(slopes) / examples
	s := &Spectrum{}
	for e := range examples {
		j := make([]float64, len(kernel))
		for i, w := range kernel {
			if j[i] = w * slopes[e*units+i%units]; math.IsNaN(j[i]) || math.IsInf(j[i], 0) {
				return nil
			}
		}
		values := singularValues(j, len(kernel)/units, units)
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		s.Mean += sum / float64(len(values)) / float64(examples)
		s.Min += values[0] / float64(examples)
		s.Max += values[len(values)-1] / float64(examples)
	}
	return s
}

// feed gives a plan the batch's rows, if there is one.
func feed(values map[string]*tensor.Tensor, n *train.Net, batch *data.Batch, float tensor.DType) error {
	if batch == nil {
		return nil
	}
	ins, outs := n.Model.Ports()
	fields, targets, err := format.Fields(n.Model, n.Data())
	if err != nil {
		return err
	}
	x, y := batch.View()
	give := func(name string, t *tensor.Tensor) {
		if t.DType().IsFloat() && t.DType() != float {
			t = t.Convert(float)
		}
		values[name] = t
	}
	for i, p := range ins {
		give(format.InputName(p.Name), x[fields[i]])
	}
	for i, p := range outs {
		if targets[i] >= 0 {
			give("target:"+p.Name, y[targets[i]])
		}
	}
	return nil
}

// read takes the figures of every layer from a plan that has run.
func (m *measurement) read(plan backend.Plan, set *param.Set) []Layer {
	layers := make([]Layer, len(m.probes))
	for i, p := range m.probes {
		get := func(what string) float64 {
			if t := plan.Output(outputName(i, what)); t != nil {
				return t.Flat(0)
			}
			return math.NaN()
		}
		layers[i] = Layer{
			Name: p.path, Kind: nn.KindOf(p.layer), Activation: nameOf(p.act), Init: initName(p.drawn(set)), Kernel: p.kernel != "",
			Mean: get("mean"), Std: get("std"), GradStd: get("gstd"),
			ForwardFactor: get("std") / get("in"), GradFactor: get("gin") / get("gout"),
			Saturated: get("saturated"), Flat: get("flat"), Dead: get("dead"), Update: math.NaN(),
			Unit:  percentilesOf(slices.Clone(floats(plan.Output(outputName(i, "unit"))))),
			units: p.out.Dim(-1), flowStd: get("flow"), inNorm: get("gin"), outNorm: get("gout"),
		}
	}
	return layers
}

// floats lists a tensor's elements.
func floats(t *tensor.Tensor) []float64 {
	if t.DType() == tensor.Float64 {
		return t.Float64s()
	}
	out := make([]float64, t.Len())
	for i := range out {
		out[i] = t.Flat(i)
	}
	return out
}

// change is ‖now − was‖/‖was‖, NaN where was is all zeros.
func change[T float32 | float64](was, now []T) float64 {
	var d, w float64
	for i, x := range was {
		e := float64(now[i]) - float64(x)
		d += e * e
		w += float64(x) * float64(x)
	}
	if w == 0 {
		return math.NaN()
	}
	return math.Sqrt(d / w)
}

// alike reports whether the columns of a kernel are equal, but for rounding.
func alike(kernel []float64, units int) bool {
	top := 0.0
	for _, w := range kernel {
		top = max(top, math.Abs(w))
	}
	for i, w := range kernel {
		if math.Abs(w-kernel[i-i%units]) > 1e-9*top {
			return false
		}
	}
	return true
}
