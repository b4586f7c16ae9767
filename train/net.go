package train

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A Net is a model with its parameters, tied to the schema of its data. It
// evaluates and predicts. Its methods must not be called concurrently.
type Net struct {
	Model  nn.Model
	Params *param.Set
	cfg    Config
	in     []int // of each input of the model: the schema's input
	out    []int // of each output: the schema's target, -1 without one
	losses []OutputLoss
	ports  []nn.Port // outputs
	feeds  []string  // what plans call the inputs
	wants  []string  // what plans call the targets
	others []string  // and those of the rows that rows are mixed with
	labels []int     // classes that each output's target may name; 0 where it names none
	multi  bool
	prep   nn.Sequential
	plans  map[planKey]*compiled
	taxed  bool   // layers add to the loss
	masked []bool // outputs whose steps a mask may leave out
	sums   []int  // how many numbers each metric sums up, in the order of columns
	means  *Sampled
	drawn  uint64 // batches that were sampled
	cols   []column
	prefix *Prefix         // what plans with cut leave out
	kept   *backend.Frozen // what plans keep of parameters, where those no longer change
}

// A mode is what a plan does.
type mode uint8

const (
	predicting mode = iota
	evaluating
	training
	accumulating
	applying
	sampling // predicts with dropout at work
	scoring  // evaluates predictions that it is given
)

// behindPrefix is added to the mode of a plan whose rows are what the prefix made
// of them.
const behindPrefix mode = 1 << 7

type planKey struct {
	mode     mode
	n        int
	weighted bool
}

// compiled is a plan with the places that its inputs and outputs are found in.
type compiled struct {
	plan backend.Plan
	feed map[string]*tensor.Tensor
	loss *tensor.Tensor
	norm *tensor.Tensor
	// clipped is 1 in a step whose gradients were clipped, nil where nothing
	// clips them.
	clipped *tensor.Tensor
	parts   []*tensor.Tensor // loss of each output, where there are several, and the layers' penalty
	sums    []*tensor.Tensor // of the metrics, in order
	rows    []*tensor.Tensor // of those that need every row
	pred    []*tensor.Tensor
	random  bool // something is drawn
	class   *tensor.Tensor
	weight  *tensor.Tensor
	float   tensor.DType
	cast    map[string]*tensor.Tensor // inputs whose data has another precision
	cut     bool                      // the inputs are a prefix's fields
	rolled  map[string]*tensor.Tensor // targets of the rows that rows are mixed with
}

// NewNet ties a model to a schema. Parameters are looked up in params; those
// that are missing are added, with initial values. params may be nil. All
// mistakes of the model are reported at once.
func NewNet(m nn.Model, params *param.Set, cfg Config) (*Net, error) {
	if cfg.Float == tensor.Invalid {
		cfg.Float = tensor.Float32
	}
	if cfg.Backend == nil {
		cfg.Backend = DefaultBackend()
	}
	if params == nil {
		params = param.NewSet(cfg.Float)
	}
	n := &Net{Model: m, Params: params, cfg: cfg, plans: map[planKey]*compiled{}}
	if cfg.Frozen {
		n.kept = &backend.Frozen{}
	}
	if err := n.connect(); err != nil {
		return nil, err
	}
	n.prep = cfg.Preprocess
	if n.prep == nil {
		var err error
		if n.prep, err = n.defaultPreprocess(); err != nil {
			return nil, err
		}
	}
	// Two rows stand for any number: a batch of one has no variance.
	b, t := n.trace(evaluating, 2, false)
	if err := b.Err(); err != nil {
		return nil, err
	}
	n.taxed = len(t.scope.Losses()) > 0
	n.sums = sumsOf(b)
	for i, y := range t.outs {
		n.labels = append(n.labels, n.classesOf(i, y))
	}
	return n, nil
}

// sumsOf counts the numbers that a graph's metrics sum up, one metric after the
// other.
func sumsOf(b *graph.Builder) []int {
	var out []int
	last := ""
	for _, o := range b.Outputs() {
		name, ok := strings.CutPrefix(o.Name, "sum:")
		if !ok {
			continue
		}
		metric := name[:strings.LastIndexByte(name, ':')]
		if metric != last {
			last, out = metric, append(out, 0)
		}
		out[len(out)-1] += o.Node.Shape().Len()
	}
	return out
}

// defaultPreprocess puts bytes into [0, 1] where the model does not rescale
// them itself.
func (n *Net) defaultPreprocess() (nn.Sequential, error) {
	bytes := 0
	for _, i := range n.in {
		if n.cfg.Data.Inputs[i].DType == tensor.Uint8 {
			bytes++
		}
	}
	switch {
	case bytes == 0 || rescales(n.Model):
		return nil, nil
	case bytes < len(n.in):
		return nil, errors.New("some inputs are bytes and some are not: put a rescaling layer behind those of bytes, and say that there is no other preprocessing")
	}
	return nn.Sequential{nn.Rescale{Scale: 1.0 / 255}}, nil
}

// classesOf is how many classes the target of output i may name, 0 where it
// names none.
func (n *Net) classesOf(i int, y graph.Node) int {
	if n.out[i] < 0 {
		return 0
	}
	target := n.cfg.Data.Targets[n.out[i]]
	if target.DType != tensor.Int32 {
		return 0
	}
	switch n.losses[i].Loss.(type) {
	case loss.BinaryCrossEntropy, loss.BinaryFocal:
		return 2
	case loss.CrossEntropy:
		return y.Dim(-1)
	case loss.MarginRanking, loss.Contrastive, loss.CosineEmbedding, loss.Triplet, loss.TripletHard:
		return 0 // an order, or which rows are alike
	}
	if target.Shape.Len() < y.Shape()[1:].Len() {
		return y.Dim(-1)
	}
	return 0 // whole numbers, such as counts
}

// rescales reports whether a model begins with preprocessing of its own.
func rescales(m nn.Model) bool {
	layers, _ := m.(nn.Sequential)
	for _, l := range layers {
		switch l.(type) {
		case nn.Rescale, nn.Standardize:
			return true
		case nn.Input, nn.Flatten, nn.Reshape:
		default:
			return false
		}
	}
	return false
}

// Preprocess is what is applied to every input before the model.
func (n *Net) Preprocess() nn.Sequential { return n.prep }

// Data is the schema that the net is tied to.
func (n *Net) Data() data.Schema { return n.cfg.Data }

// Losses lists the loss of every output.
func (n *Net) Losses() []OutputLoss { return n.losses }

// Outputs lists the outputs.
func (n *Net) Outputs() []nn.Port { return n.ports }

// connect finds the field for each input and output, by name where there are
// several.
func (n *Net) connect() error {
	ins, outs := n.Model.Ports()
	n.ports, n.multi = outs, len(outs) > 1
	s := n.cfg.Data
	var errs []error
	var err error
	if n.in, n.out, err = format.Fields(n.Model, s); err != nil {
		return err
	}
	for _, p := range ins {
		n.feeds = append(n.feeds, format.InputName(p.Name))
	}
	for _, p := range outs {
		n.wants = append(n.wants, "target:"+p.Name)
		n.others = append(n.others, "mix:target:"+p.Name)
	}
	for name := range n.cfg.Losses {
		if !slices.ContainsFunc(outs, func(p nn.Port) bool { return p.Name == name }) {
			var have []string
			for _, p := range outs {
				have = append(have, p.Name)
			}
			errs = append(errs, fmt.Errorf("loss: the model has no output %q; it has %s", name, strings.Join(have, ", ")))
		}
	}
	for i, p := range outs {
		l, given := n.cfg.Losses[p.Name]
		if !given && len(n.cfg.Losses) > 0 {
			errs = append(errs, fmt.Errorf("loss: output %q has none; give every output one", p.Name))
		}
		if l.Loss == nil {
			l.Loss = n.cfg.Loss
		}
		if t := n.out[i]; l.Loss == nil && t >= 0 {
			l.Loss = DefaultLoss(s.Targets[t])
		} else if l.Loss == nil {
			l.Loss = loss.MSE{}
		}
		if l.Weight == 0 {
			l.Weight = 1
		}
		n.losses = append(n.losses, l)
	}
	return errors.Join(errs...)
}

// DefaultLoss is the loss for a target: cross-entropy for labels, mean squared
// error for numbers.
func DefaultLoss(target data.Field) loss.Loss {
	if target.DType == tensor.Int32 {
		return loss.CrossEntropy{}
	}
	return loss.MSE{}
}

// metrics lists those of one output. Accuracy is that which goes with the loss.
func (n *Net) metrics(i int) []Metric {
	ms := n.cfg.Metrics
	if ms == nil {
		ms = DefaultMetrics(n.losses[i].Loss)
		if n.masked[i] {
			ms = stepwiseOnly(ms)
		}
	} else if n.multi {
		ms = slices.DeleteFunc(slices.Clone(ms), func(me Metric) bool { return !Suits(me, n.losses[i].Loss) })
	}
	switch n.losses[i].Loss.(type) {
	case loss.BinaryCrossEntropy, loss.BinaryFocal:
		ms = slices.Clone(ms)
		for k, me := range ms {
			if e, ok := me.(elementwise); ok {
				ms[k] = e.perElement()
			}
		}
	}
	return ms
}

// Summary lists what the model is made of.
func (n *Net) Summary() (*nn.Summary, error) {
	var in []graph.Type
	for _, f := range n.in {
		field := n.cfg.Data.Inputs[f]
		in = append(in, graph.Type{Kind: graph.KindOf(field.DType), Shape: field.Shape})
	}
	return nn.Summarize(n.Model, in, n.Params)
}

// traced is what a graph of the model yields.
type traced struct {
	outs   []graph.Node
	scope  *param.Scope
	loss   graph.Node
	weight graph.Node
}

// trace builds the model for n rows, with loss and metrics where the mode wants
// them.
func (n *Net) trace(m mode, rows int, weighted bool) (*graph.Builder, *traced) {
	b := graph.New()
	s := param.NewScope(b, n.Params, param.Options{Training: m == training || m == accumulating || m == sampling, Seed: n.cfg.Seed})
	t := &traced{scope: s}
	if m == sampling {
		defer still(n.Params)()
	}
	mixed := (m == training || m == accumulating) && n.cfg.Mix.active()
	var share graph.Node
	if mixed {
		share = b.Input(shareInput, graph.Float)
		t.outs = format.TraceAltered(s, n.Model, n.prep, n.cfg.Data, rows, n.blend(b))
	} else {
		t.outs = format.Trace(s, n.Model, n.prep, n.cfg.Data, rows)
	}
	masks := make([]graph.Node, len(t.outs)) // of the outputs
	n.masked = make([]bool, len(t.outs))
	for i, y := range t.outs {
		n.masked[i] = s.IsMasked(y) && n.out[i] >= 0
		if n.masked[i] && m != predicting && m != sampling {
			masks[i] = s.Mask(y)
		}
	}
	if m == scoring {
		for i, y := range t.outs {
			p := b.Input(meanInput(i), graph.Float, loss.Predict(n.losses[i].Loss, y).Shape()...)
			t.outs[i] = outputOf(n.losses[i].Loss, p)
		}
	}
	if m == predicting || m == sampling {
		for i, y := range t.outs {
			b.Output(fmt.Sprint("pred:", i), loss.Predict(n.losses[i].Loss, y))
		}
		return b, t
	}
	if weighted {
		t.weight = b.Input("weight", graph.Float, rows)
	}
	before := b.SetPath("loss")
	defer b.SetPath(before)
	for i, y := range t.outs {
		if n.out[i] < 0 {
			continue
		}
		field := n.cfg.Data.Targets[n.out[i]]
		target := b.Input(n.wants[i], graph.KindOf(field.DType), append(tensor.Shape{rows}, field.Shape...)...)
		if n.multi {
			b.SetPath("loss of " + n.ports[i].Name)
		}
		lossOf := n.losses[i].Loss.Apply
		var counted countedSteps
		if masks[i].Valid() {
			var ok graph.Node
			if counted, ok = countSteps(y, target, masks[i]); !ok.Valid() {
				continue
			}
			lossOf = func(y, target graph.Node) graph.Node { return counted.loss(n.losses[i].Loss, y, target) }
		}
		each := lossOf(y, target)
		if each.Valid() && !each.Shape().Equal(tensor.Shape{rows}) {
			b.Fail("the loss gives %v, want one value for each of %d rows", each.Type(), rows)
		}
		if !each.Valid() { // what is wrong with the loss is wrong with the metrics
			continue
		}
		if weighted {
			each = each.Mul(t.weight)
		}
		if mixed {
			other := b.Input(n.others[i], target.Type().Kind, target.Shape()...)
			second := lossOf(y, other)
			if weighted {
				second = second.Mul(rolled(t.weight))
			}
			each = each.Mul(share).Add(second.Mul(share.Neg().AddScalar(1)))
		}
		mean := each.Mean()
		if n.multi {
			b.Output(fmt.Sprint("part:", i), mean)
		}
		mean = mean.Scale(n.losses[i].Weight)
		if t.loss.Valid() {
			mean = t.loss.Add(mean)
		}
		t.loss = mean
		pred := loss.Predict(n.losses[i].Loss, y)
		for k, me := range n.metrics(i) {
			if masks[i].Valid() {
				s, ok := me.(stepwise)
				if !ok {
					b.Fail("metric %s: a mask leaves steps of the output out, and it would count them; leave it out", me.Name())
					continue
				}
				for j, sum := range counted.sums(s, pred, target) {
					b.Output(fmt.Sprint("sum:", i, ":", k, ":", j), sum)
				}
				continue
			}
			if c, ok := me.(Collector); ok {
				if m == evaluating || m == scoring {
					b.Output(fmt.Sprint("rows:", i, ":", k), c.Rows(pred, target))
				}
				continue
			}
			for j, sum := range me.Sums(pred, target) {
				b.Output(fmt.Sprint("sum:", i, ":", k, ":", j), sum)
			}
		}
		if (m == evaluating || m == scoring) && i == 0 && n.classified() && !masks[i].Valid() {
			b.Output("class", classes(pred))
		}
	}
	if extra := s.Losses(); len(extra) > 0 {
		penalty := extra[0]
		for _, x := range extra[1:] {
			penalty = penalty.Add(x)
		}
		if n.taxed {
			b.Output("part:penalty", penalty)
		}
		t.loss = t.loss.Add(penalty)
	}
	b.Output("loss", t.loss)
	return b, t
}

// classified reports whether the first output predicts a class of the schema.
func (n *Net) classified() bool {
	switch n.losses[0].Loss.(type) {
	case loss.CrossEntropy, loss.BinaryCrossEntropy:
		return n.cfg.Data.Classification()
	}
	return false
}

// compile makes a plan of a graph and finds its outputs.
func (n *Net) compile(b *graph.Builder, state func(string) *tensor.Tensor) (*compiled, error) {
	if state == nil {
		state = n.Params.Value
	}
	p, err := n.cfg.Backend.Compile(b, backend.Options{Float: n.cfg.Float, Products: n.cfg.Products, State: state, Threads: n.cfg.Threads, Frozen: n.kept})
	if err != nil {
		return nil, err
	}
	c := &compiled{plan: p, feed: map[string]*tensor.Tensor{}, float: n.cfg.Float, cast: map[string]*tensor.Tensor{}, rolled: map[string]*tensor.Tensor{}}
	for _, x := range b.Inputs() {
		switch name := x.Name(); {
		case name == "weight":
			c.weight = tensor.New(n.cfg.Float, x.Shape()...)
			c.feed[name] = c.weight
		case len(x.Shape()) == 0: // lr, momentum, t, scale
			c.feed[name] = tensor.New(n.cfg.Float)
		}
	}
	for x := range b.Nodes() {
		c.random = c.random || strings.HasPrefix(x.Op().Name, "random_")
	}
	for _, o := range b.Outputs() {
		t := p.Output(o.Name)
		switch {
		case o.Name == "loss":
			c.loss = t
		case o.Name == "norm":
			c.norm = t
		case o.Name == "clipped":
			c.clipped = t
		case o.Name == "class":
			c.class = t
		case strings.HasPrefix(o.Name, "part:"):
			c.parts = append(c.parts, t)
		case strings.HasPrefix(o.Name, "sum:"):
			c.sums = append(c.sums, t)
		case strings.HasPrefix(o.Name, "rows:"):
			c.rows = append(c.rows, t)
		case strings.HasPrefix(o.Name, "pred:"):
			c.pred = append(c.pred, t)
		}
	}
	return c, nil
}

// planFor finds or makes the plan of a mode that only reads.
func (n *Net) planFor(k planKey) (*compiled, error) {
	if c := n.plans[k]; c != nil {
		return c, nil
	}
	m, behind := k.mode&^behindPrefix, k.mode&behindPrefix != 0
	b, t := n.trace(m, k.n, k.weighted)
	if behind {
		b = n.prefix.cut(b, t.scope)
	}
	c, err := n.compile(b, nil)
	if err != nil {
		return nil, err
	}
	c.cut = behind
	n.plans[k] = c
	return c, nil
}

// give hands the batch's tensors to a plan.
func (c *compiled) give(name string, t *tensor.Tensor) error {
	if t.DType().IsFloat() && t.DType() != c.float {
		to := c.cast[name]
		if to == nil {
			to = tensor.New(c.float, t.Shape()...)
			c.cast[name] = to
		}
		if err := to.CopyFrom(t); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		t = to
	}
	c.feed[name] = t
	return nil
}

// load hands a batch to a plan. classWeight multiplies the rows' own weights.
func (n *Net) load(c *compiled, batch *data.Batch, m mode, classWeight []float64) error {
	x, y := batch.View()
	if c.cut {
		for i, name := range n.prefix.feeds {
			if err := c.give(name, x[i]); err != nil {
				return err
			}
		}
	} else {
		for i, f := range n.in {
			if err := c.give(n.feeds[i], x[f]); err != nil {
				return err
			}
		}
	}
	if m == predicting {
		return nil
	}
	for i, t := range n.out {
		if t < 0 {
			continue
		}
		if err := c.give(n.wants[i], y[t]); err != nil {
			return err
		}
	}
	if c.weight != nil {
		for i := range batch.N {
			w := 1.0
			if batch.Weight != nil {
				w = float64(batch.Weight[i])
			}
			if classWeight != nil {
				l := y[n.out[0]].Int32s()[i]
				if l < 0 || int(l) >= len(classWeight) {
					return &data.Error{Msg: fmt.Sprintf("row %d has label %d, outside the %d classes that have a weight", batch.Index[i], l, len(classWeight))}
				}
				w *= classWeight[l]
			}
			c.weight.SetFlat(i, w)
		}
	}
	return n.checkLabels(batch, y)
}

// checkLabels refuses a class number that the model has no output for.
func (n *Net) checkLabels(batch *data.Batch, y []*tensor.Tensor) error {
	for i, k := range n.labels {
		if k == 0 {
			continue
		}
		labels := y[n.out[i]].Int32s()
		for at, l := range labels {
			if l < 0 || int(l) >= k {
				return &data.Error{Msg: fmt.Sprintf("row %d has label %d, but output %q has %d classes, numbered from 0; widen the last layer or mend the label",
					batch.Index[at*batch.N/len(labels)], l, n.ports[i].Name, k)}
			}
		}
	}
	return nil
}

// Close ends the plans. The parameters stay.
func (n *Net) Close() error {
	var errs []error
	for _, c := range n.plans {
		errs = append(errs, c.plan.Close())
	}
	clear(n.plans)
	if n.kept != nil {
		n.kept = &backend.Frozen{}
	}
	return errors.Join(errs...)
}

// Changed must be called when parameters were frozen or unfrozen, and when those of a
// net that was said to be [Config.Frozen] changed: plans are made anew.
func (n *Net) Changed() error { return n.Close() }
