package pretrain

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

// Config says what stages train on where they do not say so themselves. The
// zero value of a field is its default.
type Config struct {
	Train data.Source     // rows of a stage that names none; their labels are looked at by auxiliary tasks alone
	Val   data.Source     // measured after every epoch; nil: none
	Batch int             // rows a step; 32 by default
	Optim optim.Optimizer // of stages that have none of their own
	Seed  uint64
	// Open opens the rows that a stage's data names, training and validation. Nil
	// makes naming any an error.
	Open    func(spec.Value) (tr, val data.Source, err error)
	Threads int
	Backend backend.Backend
	// MaxMemory is how many bytes of what lower layers give are kept for one layer;
	// 1 GiB by default. What takes more is computed anew in every epoch.
	MaxMemory int64
	// Note is told what a person should know; nil drops it.
	Note func(string)
}

// A Pretraining is a run of stages on the parameters of a net. Its methods must
// not be called concurrently.
type Pretraining struct {
	net    *train.Net
	cfg    Config
	stages []Stage
	parts  []part
	state  progress
	now    *training       // of the part that is trained; nil between two
	begun  map[string]bool // batch normalizations that have statistics of their own
	sets   map[string]rows // by the text of a stage's data
	extras *param.Set      // what parts that are over have beside the net: decoders
	step   Step
}

type rows struct{ train, val data.Source }

// progress is where a pretraining is, beside the parameters.
type progress struct {
	Part    int     `json:"part"`    // parts that are over
	Steps   int64   `json:"steps"`   // of those
	History []Epoch `json:"history"` // of those
}

// A part is what one trainer trains: a layer of a stage that goes from layer to
// layer, or a whole stage.
type part struct {
	stage  int // from 1
	kind   string
	task   string // of an auxiliary stage
	layers string // names, with commas between
	common Common
	begin  func(ctx context.Context, p *Pretraining, of rows) (*training, error)
	norms  []string // batch normalizations that it trains
}

// A training is a part as it goes on.
type training struct {
	trainer *train.Trainer
	run     train.Run
	// after adds to what an epoch has measured; nil adds nothing.
	after func(ctx context.Context, e *train.Epoch) error
	open  []*streamed // rows that hold plans
}

// close ends the plans.
func (t *training) close() error {
	for _, s := range t.open {
		s.run.close()
	}
	if t.trainer == nil {
		return nil
	}
	return t.trainer.Close()
}

// A Step is a step of the part that is trained, just taken. It is valid until
// the next.
type Step struct {
	*train.Step
	Stage       int    // from 1
	Kind, Task  string // of the stage; a task is an auxiliary one's
	Layers      string // that are trained, with commas between
	Part, Parts int    // of all stages together, from 1
	Taken       int64  // steps of all parts
	// Done is set at the last step of an epoch, after validation.
	Done *Epoch
}

// An Epoch is what one pass of a part measured. Its step is counted over all
// parts, its number within the part.
type Epoch struct {
	Stage  int    `json:"stage"`
	Kind   string `json:"kind"`
	Task   string `json:"task,omitempty"`
	Layers string `json:"layers"`
	train.Epoch
}

// New plans the stages for a net, whose parameters they are going to change.
// What is wrong with a stage is said before anything is trained.
func New(net *train.Net, stages []Stage, cfg Config) (*Pretraining, error) {
	if cfg.Backend == nil {
		cfg.Backend = train.DefaultBackend()
	}
	if cfg.Batch == 0 {
		cfg.Batch = 32
	}
	if cfg.MaxMemory == 0 {
		cfg.MaxMemory = 1 << 30
	}
	p := &Pretraining{net: net, cfg: cfg, stages: stages, begun: map[string]bool{}, sets: map[string]rows{}, extras: param.NewSet(net.Params.Float())}
	o, err := sketch(net)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, s := range stages {
		err := s.(interface{ Validate() error }).Validate()
		var parts []part
		if err == nil {
			parts, err = s.plan(p, o)
		}
		if err == nil && s.base().Data.Kind != spec.Null && cfg.Open == nil {
			err = spec.Field("data", "a stage in Go is given rows of its own by Config.Open")
		}
		if err == nil && s.base().Data.Kind == spec.Null && cfg.Train == nil {
			err = errors.New("it names no data, and there are no rows to train on")
		}
		for k := range parts {
			parts[k].stage, parts[k].common, parts[k].kind = i+1, s.base(), Stages.NameOf(s)
		}
		if err != nil {
			errs = append(errs, &StageError{Stage: i, Err: err})
		}
		p.parts = append(p.parts, parts...)
	}
	return p, errors.Join(errs...)
}

// A StageError says what is wrong with one stage.
type StageError struct {
	Stage int // its place in the list, from 0
	Err   error
}

// Error names the stage as its key.
func (e *StageError) Error() string { return fmt.Sprintf("pretrain.%d: %v", e.Stage, e.Err) }

// Unwrap is the cause.
func (e *StageError) Unwrap() error { return e.Err }

// Steps trains from where the pretraining is to the end of the last stage. The
// loop may be left at any step; ranging over it again goes on from there.
func (p *Pretraining) Steps(ctx context.Context) iter.Seq2[*Step, error] {
	return func(yield func(*Step, error) bool) {
		for p.state.Part < len(p.parts) {
			if err := p.begin(ctx); err != nil {
				yield(nil, err)
				return
			}
			for s, err := range p.now.trainer.Steps(ctx, p.now.run) {
				if err == nil && s.Done != nil && p.now.after != nil {
					h := p.now.trainer.History()
					err = p.now.after(ctx, &h[len(h)-1])
				}
				if err != nil {
					yield(nil, p.named(err))
					return
				}
				if !yield(p.stepOf(s), nil) {
					return
				}
			}
			if err := p.end(); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

func (p *Pretraining) stepOf(s *train.Step) *Step {
	at := p.parts[p.state.Part]
	p.step = Step{Step: s, Stage: at.stage, Kind: at.kind, Task: at.task, Layers: at.layers, Part: p.state.Part + 1, Parts: len(p.parts), Taken: p.state.Steps + s.Step}
	if s.Done != nil {
		h := p.History()
		p.step.Done = &h[len(h)-1]
	}
	return &p.step
}

// named says in which part an error arose.
func (p *Pretraining) named(err error) error {
	at := p.parts[p.state.Part]
	return fmt.Errorf("pretraining %s (stage %d, %s): %w", at.layers, at.stage, at.kind, err)
}

// begin makes the trainer of the part that is next.
func (p *Pretraining) begin(ctx context.Context) error {
	if p.now != nil {
		return nil
	}
	at := p.parts[p.state.Part]
	of, err := p.rowsOf(at.common)
	if err != nil {
		return p.named(err)
	}
	if p.now, err = at.begin(ctx, p, of); err != nil {
		return p.named(err)
	}
	p.now.run.Batch, p.now.run.Epochs, p.now.run.Note = p.batch(at.common), at.common.epochs(), p.cfg.Note
	return nil
}

func (p *Pretraining) batch(c Common) int {
	if c.Batch > 0 {
		return c.Batch
	}
	return p.cfg.Batch
}

// rowsOf opens the rows of a stage, once.
func (p *Pretraining) rowsOf(c Common) (rows, error) {
	if c.Data.Kind == spec.Null {
		return rows{p.cfg.Train, p.cfg.Val}, nil
	}
	key := string(c.Data.JSON())
	if r, ok := p.sets[key]; ok {
		return r, nil
	}
	tr, val, err := p.cfg.Open(c.Data)
	if err != nil {
		return rows{}, err
	}
	p.sets[key] = rows{tr, val}
	return p.sets[key], nil
}

// end takes over what a part has learned.
func (p *Pretraining) end() error {
	set := p.now.trainer.Params
	if _, _, err := p.net.Params.Graft(set, nil); err != nil {
		return p.named(err)
	}
	for q := range set.All() {
		if q.Kind == param.Slot || p.net.Params.Get(q.Name) != nil {
			continue
		}
		p.extras.Remove(q.Name)
		mine, err := p.extras.Add(q.Name, q.Kind, q.Value.Shape())
		if err == nil {
			err = mine.Value.CopyFrom(q.Value)
		}
		if err != nil {
			return p.named(err)
		}
	}
	for _, n := range p.parts[p.state.Part].norms {
		p.begun[n] = true
	}
	p.state.History = p.History()
	p.state.Steps += p.now.trainer.Taken()
	p.state.Part++
	err := p.now.close()
	p.now = nil
	return err
}

// History lists the epochs of all parts so far.
func (p *Pretraining) History() []Epoch {
	out := slices.Clone(p.state.History)
	if p.now == nil {
		return out
	}
	at := p.parts[p.state.Part]
	for _, e := range p.now.trainer.History() {
		e.Step += p.state.Steps
		out = append(out, Epoch{at.stage, at.kind, at.task, at.layers, e})
	}
	return out
}

// Taken is the number of steps taken in all.
func (p *Pretraining) Taken() int64 {
	if p.now == nil {
		return p.state.Steps
	}
	return p.state.Steps + p.now.trainer.Taken()
}

// Planned is the number of epochs of all parts together.
func (p *Pretraining) Planned() int {
	n := 0
	for _, at := range p.parts {
		n += at.common.epochs()
	}
	return n
}

// Over reports whether every stage has come to its end.
func (p *Pretraining) Over() bool { return p.state.Part == len(p.parts) }

// Close ends the plans. The parameters stay.
func (p *Pretraining) Close() error {
	if p.now == nil {
		return nil
	}
	return p.now.close()
}

func (p *Pretraining) note(format string, args ...any) {
	if p.cfg.Note != nil {
		p.cfg.Note(fmt.Sprintf(format, args...))
	}
}

func (p *Pretraining) reader() reader { return reader{p.net, p.cfg.Backend, p.cfg.Threads} }

// features is what reaches a layer, and whether it is kept.
func (p *Pretraining) features(ctx context.Context, src data.Source, u unit) (data.Source, bool, error) {
	return p.reader().features(ctx, src, u, p.cfg.MaxMemory)
}

// onFeatures begins a part that trains on what reaches a layer.
func (p *Pretraining) onFeatures(ctx context.Context, o *outline, u unit, of rows) (*training, error) {
	if err := p.reader().calibrate(ctx, of.train, o, u, p.begun); err != nil {
		return nil, err
	}
	t := &training{}
	for _, f := range []struct {
		src data.Source
		dst *data.Source
	}{{of.train, &t.run.Train}, {of.val, &t.run.Val}} {
		if f.src == nil {
			continue
		}
		x, kept, err := p.features(ctx, f.src, u)
		if err != nil {
			return nil, err
		}
		*f.dst = x
		if s, ok := x.(*streamed); ok && !kept {
			t.open = append(t.open, s)
			p.note("%s: what reaches it for %d rows takes more than %d MiB of memory, so the layers below are run anew in every epoch", u.path, f.src.Len(), p.cfg.MaxMemory>>20)
		}
	}
	return t, nil
}

// seed is the seed of a part: each has an order and initial values of its own.
func (p *Pretraining) seed() uint64 {
	return rng.Key(p.cfg.Seed, fmt.Sprint("pretrain/", p.state.Part))
}

// share is a set with copies of the net's parameters that the part trains.
func (p *Pretraining) share(holds func(name string) bool) (*param.Set, error) {
	set := param.NewSet(p.net.Params.Float())
	trainable := false
	frozen := ""
	for q := range p.net.Params.All() {
		if q.Kind == param.Slot || !holds(q.Name) {
			continue
		}
		mine, err := set.Add(q.Name, q.Kind, q.Value.Shape())
		if err == nil {
			err = mine.Value.CopyFrom(q.Value)
		}
		if err != nil {
			return nil, err
		}
		mine.Frozen, mine.Init = q.Frozen, q.Init
		if trainable = trainable || mine.Trainable(); q.Frozen {
			frozen = q.Name
		}
	}
	if !trainable && frozen != "" {
		return nil, fmt.Errorf("%s is frozen, and so is all else that the stage would train; unfreeze it, or leave the stage out", frozen)
	}
	return set, nil
}

// trainer makes the trainer of a part. The model takes what it is given as it
// is.
func (p *Pretraining) trainer(m nn.Model, set *param.Set, c Common, or optim.Optimizer, cfg train.Config) (*train.Trainer, error) {
	var err error
	if cfg.Optim, err = c.optimizer(or); err != nil {
		return nil, err
	}
	cfg.Schedule = c.Schedule
	cfg.Preprocess = nn.Sequential{}
	cfg.Seed, cfg.Float, cfg.Threads, cfg.Backend = p.seed(), p.net.Params.Float(), p.cfg.Threads, p.cfg.Backend
	return train.From(m, set, cfg)
}
