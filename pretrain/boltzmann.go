package pretrain

import (
	"context"
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// Boltzmann trains each layer as an [RBM], from the lowest, by contrastive
// divergence (Hinton 2002) or by its persistent kind (Tieleman 2008): the greedy
// scheme of Hinton, Osindero and Teh, "A Fast Learning Algorithm for Deep Belief
// Nets" (Neural Computation 2006). Kernel and bias are the layer's own; the
// visible bias and the persistent chains are the stage's. A layer above another
// learns from the output that its net gives, whatever its activation; that of a
// machine is the sigmoid.
//
// Binary visible units want inputs from 0 to 1, which count as probabilities.
// Gaussian ones have unit variance: standardize the inputs.
//
// What is measured (Hinton, "A Practical Guide to Training Restricted Boltzmann
// Machines", 2012): loss is F(data) − F(reconstruction), which training drives
// towards 0, and no measure of progress; reconstruction is the mean squared error
// of one mean-field step there and back; pseudo_likelihood is an estimate of the
// logarithm of the probability of a row, unit by unit; free_energy is the mean of
// F, whose gap between training rows and others, free_energy_gap, grows once the
// machine overfits.
type Boltzmann struct {
	Common  `spec:",inline"`
	Visible string `spec:"visible" default:"binary" doc:"binary, for inputs from 0 to 1, or gaussian"`
	Method  string `spec:"method" default:"cd" doc:"cd: chains begin at the data; pcd: they go on from step to step"`
	K       int    `spec:"k" default:"1" doc:"steps of Gibbs sampling before each step of training"`
	Chains  int    `spec:"chains" default:"rows of a batch" doc:"persistent chains"`
	// Sample says whether the visible units of a chain are drawn at random or are
	// their means. Persistent chains are drawn.
	Sample bool `spec:"sample_visible" default:"false with cd, true with pcd" doc:"draw the visible units of a chain"`
}

// Validate refuses unknown words and counts below 1.
func (s Boltzmann) Validate() error {
	switch {
	case s.Visible != "" && s.Visible != "binary" && s.Visible != "gaussian":
		return spec.Field("visible", "want binary or gaussian, found %q", s.Visible)
	case s.Method != "" && s.Method != "cd" && s.Method != "pcd":
		return spec.Field("method", "want cd or pcd, found %q", s.Method)
	case s.K < 0:
		return spec.Field("k", "want a whole number above 0, got %d", s.K)
	case s.Chains < 0:
		return spec.Field("chains", "want a whole number above 0, got %d", s.Chains)
	case s.Chains > 0 && s.Method != "pcd":
		return spec.Field("chains", "only persistent chains have a number; say method: pcd")
	}
	return s.Common.Validate()
}

func (s Boltzmann) gaussian() bool   { return s.Visible == "gaussian" }
func (s Boltzmann) persistent() bool { return s.Method == "pcd" }

// rate is the default optimizer. Gaussian units take a far smaller rate, since
// nothing bounds a reconstruction (Hinton 2012, section 13.2).
func (s Boltzmann) rate() optim.Optimizer {
	lr := 0.05
	if s.gaussian() {
		lr = 0.005
	}
	return optim.Optimizer{Rule: optim.SGD{LR: lr}}
}

func (s Boltzmann) plan(p *Pretraining, o *outline) ([]part, error) {
	units, err := o.units(s.Layers)
	if err != nil {
		return nil, err
	}
	if _, err := s.optimizer(s.rate()); err != nil {
		return nil, err
	}
	var parts []part
	for _, u := range units {
		if u.dense.NoBias {
			return nil, fmt.Errorf("%s: an RBM's hidden units have a bias, the layer says use_bias: false", u.path)
		}
		parts = append(parts, part{layers: u.path, begin: func(ctx context.Context, p *Pretraining, of rows) (*training, error) {
			return s.begin(ctx, p, o, u, of)
		}})
	}
	return parts, nil
}

// begin prepares a layer: what reaches it, its machine and the trainer.
func (s Boltzmann) begin(ctx context.Context, p *Pretraining, o *outline, u unit, of rows) (*training, error) {
	t, err := p.onFeatures(ctx, o, u, of)
	if err != nil {
		return nil, err
	}
	mean, lo, hi, err := spread(t.run.Train)
	if err != nil {
		return nil, err
	}
	if !s.gaussian() && (lo < 0 || hi > 1) {
		return nil, &data.Error{Msg: fmt.Sprintf("%s: what reaches it lies between %.4g and %.4g, but binary visible units want inputs from 0 to 1; rescale the data, say visible: gaussian for standardized inputs, or put a sigmoid below", u.path, lo, hi)}
	}
	if a := activation(u.dense.Act); a != "sigmoid" {
		p.note("%s: an RBM's hidden units are logistic, the layer's activation is %s; its output will not be the machine's", u.path, a)
	}
	set, err := p.share(func(name string) bool { return name == u.path+"/kernel" || name == u.path+"/bias" })
	if err != nil {
		return nil, err
	}
	m := &machine{Boltzmann: s, unit: u, chains: s.Chains}
	if m.chains == 0 {
		m.chains = min(p.batch(s.Common), t.run.Train.Len())
	}
	if t.trainer, err = p.trainer(m.model(), set, s.Common, s.rate(), train.Config{Data: t.run.Train.Schema(), Loss: first{}, Metrics: m.metrics()}); err != nil {
		return nil, err
	}
	// The visible bias begins where hidden units have nothing to do for what all
	// rows have in common (Hinton 2012, section 8.1).
	a := t.trainer.Params.Value(u.path + "/visible_bias")
	for i, v := range mean {
		if !s.gaussian() {
			v = min(max(v, 0.01), 0.99)
			v = math.Log(v / (1 - v))
		}
		a.SetFlat(i, v)
	}
	if t.run.Val != nil {
		w := &watch{p: p, name: u.path, train: data.Limit(t.run.Train, t.run.Val.Len())}
		t.after = func(ctx context.Context, e *train.Epoch) error { return w.after(ctx, t.trainer, e) }
	}
	return t, nil
}

// spread is the mean of every feature and the range of all.
func spread(src data.Source) (mean []float64, lo, hi float64, err error) {
	lo, hi = math.Inf(1), math.Inf(-1)
	n := 0.0
	for b, err := range data.Batches(src, 256, data.Order{}) {
		if err != nil {
			return nil, 0, 0, err
		}
		k := b.X[0].Shape()[1]
		if mean == nil {
			mean = make([]float64, k)
		}
		for i := range b.N {
			n++
			for j := range k {
				v := b.X[0].Flat(i*k + j)
				lo, hi = min(lo, v), max(hi, v)
				mean[j] += (v - mean[j]) / n
			}
		}
	}
	return mean, lo, hi, nil
}

// activation is an activation's name.
func activation(a act.Activation) string {
	if a == nil {
		return "linear"
	}
	if n := act.Registry.NameOf(a); n != "" {
		return n
	}
	return fmt.Sprintf("%T", a)
}

// first is the loss that the model has computed itself: the first of its
// columns.
type first struct{}

// Apply is the first column of pred (N, columns).
func (first) Apply(pred, _ graph.Node) graph.Node { return pred.Slice(1, 0, 1).Reshape(pred.Dim(0)) }

// measured is the mean over rows of a column of what the model gives.
type measured struct {
	name   string
	column int
}

// Name is the column's.
func (m measured) Name() string { return m.name }

// Sums adds up the column.
func (m measured) Sums(pred, _ graph.Node) []graph.Node {
	if !pred.Valid() {
		return []graph.Node{{}}
	}
	return []graph.Node{pred.Slice(1, m.column, m.column+1).Sum()}
}

// Value is the mean.
func (m measured) Value(sums []float64, n int) float64 { return sums[0] / float64(n) }

// A machine is the RBM of one layer as a model whose output has a column for
// each number that a row is measured by.
type machine struct {
	Boltzmann
	unit   unit
	chains int
}

func (m *machine) metrics() []train.Metric {
	out := []train.Metric{measured{"reconstruction", 1}, measured{"free_energy", 2}}
	if !m.gaussian() {
		out = append(out, measured{"pseudo_likelihood", 3})
	}
	return out
}

func (m *machine) model() nn.Model {
	return nn.Func{In: []nn.Port{{Name: "x"}}, Out: []nn.Port{{Name: "energy"}}, Build: func(s *nn.Scope, in []graph.Node) []graph.Node {
		return []graph.Node{s.SubFunc(m.unit.path, m.unit.dense, in, func(c *nn.Scope) graph.Node { return m.apply(c, in[0]) })}
	}}
}

// apply declares the parameters under the layer's own names.
func (m *machine) apply(s *nn.Scope, v graph.Node) graph.Node {
	visible, hidden := v.Dim(-1), m.unit.dense.Units
	rbm := RBM{
		Kernel:      s.Weight("kernel", m.unit.dense.KernelInit(), visible, hidden),
		Bias:        s.Weight("bias", initial.Zeros{}, hidden),
		VisibleBias: s.Weight("visible_bias", initial.Zeros{}, visible),
		Gaussian:    m.gaussian(),
	}
	s.Constrain(rbm.Kernel, m.unit.dense.Constraint)
	if r := m.unit.dense.Regularizer; r != nil {
		s.AddLoss(r.Penalty(rbm.Kernel))
	}
	mean := rbm.Visible(rbm.Hidden(v)) // one step there and back, without chance
	end := mean
	if s.Training() {
		end = m.chain(s, rbm, v)
	}
	columns := []graph.Node{
		rbm.Divergence(v, end),
		v.Sub(mean).Square().Mean(1).StopGradient(),
		rbm.FreeEnergy(v).StopGradient(),
	}
	if !m.gaussian() {
		flip := s.B.Uniform(v.Dim(0), visible).ArgMax().OneHot(visible)
		columns = append(columns, rbm.PseudoLikelihood(v, flip).StopGradient())
	}
	for i, c := range columns {
		columns[i] = c.Reshape(v.Dim(0), 1)
	}
	return graph.Concat(1, columns...)
}

// chain is the visible units at the end of k steps of Gibbs sampling.
func (m *machine) chain(s *nn.Scope, rbm RBM, v graph.Node) graph.Node {
	visible, hidden := v.Dim(-1), m.unit.dense.Units
	rows, at := v.Dim(0), v
	var kept graph.Node
	if m.persistent() {
		rows = m.chains
		kept = s.Stat("chain", begins{m.gaussian()}, rows, visible)
		at = kept
	}
	for range max(1, m.K) {
		var draw graph.Node
		switch {
		case !m.Sample && !m.persistent():
		case m.gaussian():
			draw = s.B.Normal(rows, visible)
		default:
			draw = s.B.Uniform(rows, visible)
		}
		_, at = rbm.Step(at, s.B.Uniform(rows, hidden), draw)
	}
	if kept.Valid() {
		s.B.Update(kept, at)
	}
	return at
}

// begins fills chains before their first step.
type begins struct{ gaussian bool }

// Fill draws fair coins, or standard normal numbers.
func (b begins) Fill(dst *tensor.Tensor, r param.Rand) {
	for i := range dst.Len() {
		switch {
		case b.gaussian:
			dst.SetFlat(i, r.Norm())
		case r.Float64() < 0.5:
			dst.SetFlat(i, 1)
		default:
			dst.SetFlat(i, 0)
		}
	}
}

// A watch compares the free energy of validation rows with that of as many
// training rows after every epoch: they drift apart once a machine gives
// training rows probability for what they do not share with others.
type watch struct {
	p     *Pretraining
	name  string
	train data.Source
	told  bool
}

// gapEpochs is how many epochs a gap grows before it is said.
const gapEpochs = 3

func (w *watch) after(ctx context.Context, t *train.Trainer, e *train.Epoch) error {
	res, err := t.Evaluate(ctx, w.train)
	if err != nil {
		return err
	}
	own, _ := res.Values.Get("free_energy")
	held, _ := e.Val.Get("free_energy")
	e.Val = append(e.Val, train.Value{Name: "free_energy_gap", Value: held - own})
	h := t.History()
	if w.told || len(h) <= gapEpochs {
		return nil
	}
	gap := func(i int) float64 {
		v, _ := h[len(h)-1-i].Val.Get("free_energy_gap")
		return v
	}
	for i := range gapEpochs {
		if !(gap(i) > gap(i+1)) {
			return nil
		}
	}
	if since := gap(gapEpochs); gap(0) > 0 && gap(0)-since > 0.01*math.Abs(held) {
		w.told = true
		w.p.note("%s: the free energy of validation rows has left that of training rows behind since epoch %d (gap %.4g, now %.4g): the machine begins to overfit; stop there with epochs: %d, or use weight_decay",
			w.name, e.Epoch-gapEpochs, since, gap(0), e.Epoch-gapEpochs)
	}
	return nil
}
