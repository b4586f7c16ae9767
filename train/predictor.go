package train

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// A Predictor is a net compiled for predictions on batches of one size: batch
// normalization is folded into the layers beside it ([nn.FoldModel]), and the weights
// are a copy, so that training may go on. Its methods may be called
// concurrently; each call has a plan to itself, and there are as many plans as
// cores at most. All of them share the weights, which are laid out once as products
// read them, beside the copy: [Predictor.Laid] says what that takes.
type Predictor struct {
	backend backend.Backend
	graph   *graph.Builder
	options backend.Options
	float   tensor.DType
	rows    int
	inputs  []string
	outputs []string
	shapes  []tensor.Shape
	free    chan *call    // plans that no call has
	more    chan struct{} // plans that may yet be made
}

// A call is what one prediction has to itself.
type call struct {
	plan backend.Plan
	in   backend.Inputs
	out  []*tensor.Tensor
}

// Predictor compiles the net as it is now for batches of rows rows. Close ends
// it.
func (n *Net) Predictor(rows int) (*Predictor, error) {
	if rows < 1 {
		return nil, fmt.Errorf("predictor: want a batch of at least 1 row, got %d", rows)
	}
	m, set, err := nn.FoldModel(n.Model, n.Params)
	if err != nil {
		return nil, err
	}
	if set == n.Params {
		set = set.Clone()
	}
	cfg := n.cfg
	cfg.Frozen = true
	cfg.Preprocess = n.prep
	if cfg.Preprocess == nil {
		cfg.Preprocess = nn.Sequential{}
	}
	net, err := NewNet(m, set, cfg)
	if err != nil {
		return nil, err
	}
	b, _ := net.trace(predicting, rows, false)
	if err := b.Err(); err != nil {
		return nil, err
	}
	p := &Predictor{backend: cfg.Backend, graph: b, float: cfg.Float, rows: rows, inputs: net.feeds,
		options: backend.Options{Float: cfg.Float, Products: cfg.Products, State: set.Value, Threads: cfg.Threads, Frozen: net.kept}, free: make(chan *call, runtime.GOMAXPROCS(0)), more: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for _, o := range b.Outputs() {
		p.outputs = append(p.outputs, o.Name)
		p.shapes = append(p.shapes, o.Node.Shape())
	}
	first, err := p.compile()
	if err != nil {
		return nil, err
	}
	p.free <- first
	for range cap(p.more) - 1 {
		p.more <- struct{}{}
	}
	return p, nil
}

func (p *Predictor) compile() (*call, error) {
	plan, err := p.backend.Compile(p.graph, p.options)
	if err != nil {
		return nil, err
	}
	c := &call{plan: plan, in: backend.Inputs{Values: map[string]*tensor.Tensor{}}}
	for _, name := range p.outputs {
		c.out = append(c.out, plan.Output(name))
	}
	return c, nil
}

// Rows is the number of rows of a batch.
func (p *Predictor) Rows() int { return p.rows }

// Laid is the memory, in bytes, that the weights take as they are laid out, besides the
// copy of them.
func (p *Predictor) Laid() int { return p.options.Frozen.Bytes() }

// Outputs are new tensors for [Predictor.Predict] to write to: one (rows, …)
// for each output of the model.
func (p *Predictor) Outputs() []*tensor.Tensor {
	var out []*tensor.Tensor
	for _, s := range p.shapes {
		out = append(out, tensor.New(p.float, s...))
	}
	return out
}

// Predict writes to dst what the model predicts for x, a tensor (rows, …) for
// each of its inputs: probabilities where the loss makes them so. It takes no
// memory.
func (p *Predictor) Predict(ctx context.Context, dst, x []*tensor.Tensor) error {
	if len(x) != len(p.inputs) || len(dst) != len(p.outputs) {
		return fmt.Errorf("predict: got %d inputs and %d outputs, the model has %d and %d", len(x), len(dst), len(p.inputs), len(p.outputs))
	}
	for i, t := range dst {
		if want := p.shapes[i]; t.DType() != p.float || !t.Shape().Equal(want) {
			return fmt.Errorf("predict: output %d is %v%v, the model's is %v%v", i, t.DType(), t.Shape(), p.float, want)
		}
	}
	c, err := p.take(ctx)
	if err != nil {
		return err
	}
	err = c.run(ctx, p.inputs, dst, x)
	p.free <- c
	return err
}

// take waits for a plan that no other call has, or makes one.
func (p *Predictor) take(ctx context.Context) (*call, error) {
	select {
	case c := <-p.free:
		return c, nil
	default:
	}
	select {
	case c := <-p.free:
		return c, nil
	case <-p.more:
		c, err := p.compile()
		if err != nil {
			p.more <- struct{}{}
		}
		return c, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *call) run(ctx context.Context, names []string, dst, x []*tensor.Tensor) error {
	for i, name := range names {
		c.in.Values[name] = x[i]
	}
	if err := c.plan.Run(ctx, c.in); err != nil {
		return err
	}
	for i, t := range dst {
		copy(t.Bytes(), c.out[i].Bytes())
	}
	return nil
}

// Close waits for calls that run and ends the plans.
func (p *Predictor) Close() error {
	var errs []error
	for range cap(p.free) {
		select {
		case c := <-p.free:
			errs = append(errs, c.plan.Close())
		case <-p.more:
		}
	}
	return errors.Join(errs...)
}
