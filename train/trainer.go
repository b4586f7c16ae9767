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
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// none is the invalid node.
var none graph.Node

// A Trainer is a Net with an optimizer. Its methods must not be called
// concurrently.
type Trainer struct {
	*Net
	grads  *param.Set // sums of gradients between batches, where they accumulate
	state  state
	before boundary // where steps are over several batches
	kept   map[string]any
	best   *param.Set
	ended  bool   // the weights are those to end with
	runs   uint64 // key of all random numbers of a step
	moved  bool   // something was frozen or unfrozen since the run's sources were chosen
	mixKey uint64 // key of what batches are mixed with
	mixing rng.Stream
	step   Step
}

// New makes a trainer for a model with fresh parameters. All mistakes of the
// model are reported at once.
func New(m nn.Model, cfg Config) (*Trainer, error) { return From(m, nil, cfg) }

// From makes a trainer that goes on from given parameters, with fresh slots.
func From(m nn.Model, params *param.Set, cfg Config) (*Trainer, error) {
	if cfg.Accumulate < 0 {
		return nil, fmt.Errorf("accumulate: want a whole number above 0, got %d", cfg.Accumulate)
	}
	cfg.Accumulate = max(1, cfg.Accumulate)
	if cfg.Frozen {
		return nil, errors.New("frozen: the parameters are said to change no more, and training changes them; leave Frozen out, or make a Net")
	}
	if err := cfg.Optim.Validate(); err != nil {
		return nil, fmt.Errorf("optim: %w", err)
	}
	n, err := NewNet(m, params, cfg)
	if err != nil {
		return nil, err
	}
	for i, p := range n.ports {
		if n.out[i] < 0 {
			return nil, fmt.Errorf("output %q has no target in the data", p.Name)
		}
		if has, k := len(n.cfg.Data.Classes), n.labels[i]; i == 0 && k > 0 && has > k {
			return nil, fmt.Errorf("output %q tells %d classes apart, but the data has %d; widen the last layer, or leave classes out", p.Name, k, has)
		}
	}
	if err := n.checkClassWeight(); err != nil {
		return nil, err
	}
	if err := n.checkMix(); err != nil {
		return nil, fmt.Errorf("mix: %w", err)
	}
	t := &Trainer{Net: n, grads: param.NewSet(n.cfg.Float), kept: map[string]any{}, runs: rng.Key(cfg.Seed, "train/step"), mixKey: rng.Key(cfg.Seed, "train/mix")}
	// A training graph can be wrong where the one for evaluation is not.
	b, _, err := t.build(training, 2, false)
	if err != nil {
		return nil, err
	}
	if err := b.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

// checkClassWeight refuses weights of classes where a row has no class.
func (n *Net) checkClassWeight() error {
	w := n.cfg.ClassWeight
	if w == nil {
		return nil
	}
	if n.multi || n.labels[0] == 0 || len(n.cfg.Data.Targets[n.out[0]].Shape) > 0 {
		return errors.New("class_weight: the rows have no class; it takes one output whose target is a class")
	}
	for c, v := range w {
		if !(v >= 0) || !finite(v) {
			return fmt.Errorf("class_weight: class %d has weight %v; want a number, 0 or more", c, v)
		}
	}
	return nil
}

// Freeze keeps what the patterns choose as it is; see [param.Set.Match].
func (t *Trainer) Freeze(patterns ...string) (int, error) {
	n, err := t.Params.Freeze(patterns...)
	if err != nil {
		return n, err
	}
	return n, t.Changed()
}

// Unfreeze lets what the patterns choose be trained again.
func (t *Trainer) Unfreeze(patterns ...string) (int, error) {
	n, err := t.Params.Unfreeze(patterns...)
	if err != nil {
		return n, err
	}
	return n, t.Changed()
}

// Changed makes the plans anew.
func (t *Trainer) Changed() error {
	t.moved = true
	return t.Net.Changed()
}

// build adds backward pass and updates to the model's graph.
func (t *Trainer) build(m mode, rows int, weighted bool) (*graph.Builder, *param.Scope, error) {
	if m == applying {
		b := graph.New()
		t.apply(b)
		return b, nil, nil
	}
	b, tr := t.trace(m, rows, weighted)
	var names []string
	var nodes []graph.Node
	for _, p := range b.Params() {
		if t.Params.Get(p.Name()).Trainable() {
			names = append(names, p.Name())
			nodes = append(nodes, p)
		}
	}
	if len(names) == 0 && b.Err() == nil {
		return b, nil, fmt.Errorf("nothing to train: the model has no weights that are not frozen")
	}
	grads := graph.Grad(tr.loss, nodes)
	for i, g := range grads {
		if !g.Valid() && b.Err() == nil {
			return b, nil, fmt.Errorf("%s: the loss does not depend on it, so it cannot be trained; freeze it or leave its layer out", names[i])
		}
	}
	b.Guard(tr.loss)
	if m == accumulating {
		for i, g := range grads {
			acc := t.accumulator(b, names[i])
			b.Update(acc, acc.Add(g.Scale(float64(rows))))
		}
		norm(b, grads)
		return b, tr.scope, nil
	}
	t.update(b, names, grads)
	return b, tr.scope, nil
}

// update adds the gradients' norm and the optimizer.
func (t *Trainer) update(b *graph.Builder, names []string, grads []graph.Node) {
	norm(b, grads)
	lr, step, momentum := b.Input("lr", graph.Float), b.Input("t", graph.Float), none
	if t.cycles() {
		momentum = b.Input("momentum", graph.Float)
	}
	if clipped := t.cfg.Optim.BuildCycled(b, t.Params, names, grads, lr, step, momentum); clipped.Valid() {
		b.Output("clipped", clipped)
	}
}

// cycles reports whether the schedule moves the rule's momentum.
func (t *Trainer) cycles() bool {
	_, ok := t.cfg.Schedule.(sched.Cycled)
	return ok && t.cfg.Optim.Cycles()
}

// norm adds the gradients' norm and lets updates happen only where it is
// finite.
func norm(b *graph.Builder, grads []graph.Node) {
	before := b.SetPath("gradients")
	n := optim.Norm(b, grads...)
	b.Output("norm", n)
	b.Guard(n)
	b.SetPath(before)
}

const accumulated = "#accumulated"

func (t *Trainer) accumulator(b *graph.Builder, name string) graph.Node {
	shape := t.Params.Get(name).Value.Shape()
	if t.grads.Get(name+accumulated) == nil {
		if _, err := t.grads.Add(name+accumulated, param.Slot, shape); err != nil {
			return b.Fail("%w", err)
		}
	}
	return b.Param(name+accumulated, shape...)
}

// apply is the step of the optimizer on accumulated gradients.
func (t *Trainer) apply(b *graph.Builder) {
	scale := b.Input("scale", graph.Float)
	var names []string
	var grads []graph.Node
	for p := range t.Params.Of(param.Weight) {
		if t.grads.Get(p.Name+accumulated) == nil || !p.Trainable() {
			continue
		}
		acc := t.accumulator(b, p.Name)
		names = append(names, p.Name)
		grads = append(grads, acc.Mul(scale))
	}
	t.update(b, names, grads)
}

// storage finds parameters and accumulated gradients.
func (t *Trainer) storage(name string) *tensor.Tensor {
	if v := t.grads.Value(name); v != nil {
		return v
	}
	return t.Params.Value(name)
}

func (t *Trainer) stepPlan(k planKey) (*compiled, error) {
	if c := t.plans[k]; c != nil {
		return c, nil
	}
	m, behind := k.mode&^behindPrefix, k.mode&behindPrefix != 0
	b, scope, err := t.build(m, k.n, k.weighted)
	if err != nil {
		return nil, err
	}
	if behind {
		b = t.prefix.cut(b, scope)
	}
	c, err := t.compile(b, t.storage)
	if err != nil {
		return nil, err
	}
	c.cut = behind
	t.plans[k] = c
	return c, nil
}

// Prepare compiles the plan for full batches of n rows and reports what is
// wrong with the model before anything is run.
func (t *Trainer) Prepare(n int) error {
	m := training
	if t.cfg.Accumulate > 1 {
		m = accumulating
	}
	_, err := t.stepPlan(planKey{m, n, t.cfg.ClassWeight != nil})
	return err
}

// learn runs one batch. done reports whether it ended a step of the optimizer.
func (t *Trainer) learn(ctx context.Context, batch *data.Batch, point sched.Point, last bool) (done bool, err error) {
	m := training
	if t.cfg.Accumulate > 1 {
		m = accumulating
	}
	k := planKey{m, batch.N, batch.Weight != nil || t.cfg.ClassWeight != nil}
	if t.prefix != nil {
		k.mode |= behindPrefix
	}
	c, err := t.stepPlan(k)
	if err != nil {
		return false, err
	}
	if err := t.load(c, batch, m, t.cfg.ClassWeight); err != nil {
		return false, err
	}
	if err := t.draw(c, batch); err != nil {
		return false, err
	}
	lr, momentum := t.cfg.Optim.Rate(), 0.0
	if t.cfg.Schedule != nil {
		lr = t.cfg.Schedule.At(point)
	}
	if t.cycles() {
		momentum = t.cfg.Schedule.(sched.Cycled).Momentum(point)
	}
	if m == accumulating && t.state.pending == 0 {
		t.begin()
	}
	in := backend.Inputs{Values: c.feed, Seed: t.runs, Step: uint64(t.state.Batches)}
	c.set("lr", lr)
	c.set("momentum", momentum)
	c.set("t", float64(t.state.Before+t.state.Step+1))
	if err := c.plan.Run(ctx, in); err != nil {
		return false, err
	}
	t.step.Loss, t.step.Rows = c.loss.Flat(0), batch.N
	if !finite(t.step.Loss) || !finite(c.norm.Flat(0)) {
		return false, t.diverged(c, in)
	}
	t.state.Batches++
	t.state.Batch++
	t.state.LR = lr
	t.state.Epoch.add(c, batch.N)
	if m == training {
		t.step.GradNorm = c.norm.Flat(0)
		t.stepped(c)
		return true, nil
	}
	t.state.pending += batch.N
	if t.state.Batch%t.cfg.Accumulate != 0 && !last {
		return false, nil
	}
	if c, err = t.stepPlan(planKey{mode: applying}); err != nil {
		return false, err
	}
	c.set("lr", lr)
	c.set("momentum", momentum)
	c.set("t", float64(t.state.Before+t.state.Step+1))
	c.set("scale", 1/float64(t.state.pending))
	in.Values = c.feed
	if err := c.plan.Run(ctx, in); err != nil {
		return false, err
	}
	if t.step.GradNorm = c.norm.Flat(0); !finite(t.step.GradNorm) {
		return false, t.diverged(c, in)
	}
	t.state.pending = 0
	t.stepped(c)
	return true, nil
}

// stepped counts a step of the optimizer.
func (t *Trainer) stepped(c *compiled) {
	t.state.Step++
	t.ended = false
	t.step.Clipped = c.clipped != nil && c.clipped.Flat(0) > 0
	if c.clipped != nil {
		t.state.Epoch.Steps++
	}
	if t.step.Clipped {
		t.state.Epoch.Clipped++
	}
}

func (c *compiled) set(name string, v float64) {
	if f := c.feed[name]; f != nil {
		f.SetFlat(0, v)
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Diverged says where a training step first left the finite numbers, or a
// validation after it. The parameters are those from before the step, and those
// that were validated.
type Diverged struct {
	Step       int64   // the step that was tried, from 1; or validated after
	Validation bool    // it was the validation
	Op         string  // the op that made the first value that is not finite
	Path       string  // its layer
	Index      int     // where in its result, in row-major order
	Value      float64 // NaN or ±Inf
	Loss       float64
}

func (d *Diverged) Error() string {
	where := d.Path
	if where == "" {
		where = "the input"
	}
	what := fmt.Sprintf("step %d diverged", d.Step)
	if d.Validation {
		what = fmt.Sprintf("step %d led to weights that diverge in validation", d.Step)
	}
	if d.Op == "" {
		return fmt.Sprintf("%s: the loss is %v; lower optim.lr, or set optim.global_clipnorm=1", what, d.Loss)
	}
	return fmt.Sprintf("%s: %s: op %s gave %v at index %d; lower optim.lr, or set optim.global_clipnorm=1", what, where, d.Op, d.Value, d.Index)
}

// diverged runs the step again op by op and stops at the first value that is
// not finite.
func (t *Trainer) diverged(c *compiled, in backend.Inputs) error {
	d := &Diverged{Step: t.state.Step + 1, Loss: t.step.Loss}
	if _, err := d.find(c, in); err != nil {
		return err
	}
	return d
}

// divergedOn finds the first batch of src on which the loss is not finite, and
// in it the first value that is not.
func (t *Trainer) divergedOn(src data.Source, l float64) error {
	d := &Diverged{Step: t.state.Step, Validation: true, Loss: l}
	for batch, err := range data.Batches(src, evalBatch, data.Order{}) {
		if err != nil {
			return err
		}
		c, err := t.planFor(planKey{evaluating, batch.N, batch.Weight != nil})
		if err != nil {
			return err
		}
		if err := t.load(c, batch, evaluating, nil); err != nil {
			return err
		}
		found, err := d.find(c, backend.Inputs{Values: c.feed})
		if err != nil {
			return err
		}
		if found {
			break
		}
	}
	return d
}

// find runs a plan op by op to the first value that is not finite.
func (d *Diverged) find(c *compiled, in backend.Inputs) (bool, error) {
	for ev, err := range c.plan.Steps(background, in) {
		if err != nil {
			return false, err
		}
		if !ev.Value.DType().IsFloat() {
			continue
		}
		for i := range ev.Value.Len() {
			if v := ev.Value.Flat(i); !finite(v) {
				d.Op, d.Path, d.Index, d.Value = ev.Op, ev.Path, i, v
				return true, nil
			}
		}
	}
	return false, nil
}

var background = context.Background()
