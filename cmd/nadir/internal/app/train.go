package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/internal/plot"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/pretrain"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

func trainVerb(c *command) *cobra.Command {
	return &cobra.Command{
		Use:   "train [FILE] [key=value …]",
		Short: "Train a model",
		Long: `Train a model. Without a word, the chapter's network (BN–300–ELU–BN–100–ELU–BN–10)
learns the built-in digits. FILE is a configuration or a list of layers; keys are
laid over it. "nadir config" prints every key with its value.

The run goes to a directory of its own, runs/NAME or out=, with checkpoints from
which "nadir resume" goes on in the same bytes.`,
		Example: `  nadir train
  nadir train data=mnist epochs=10
  nadir train data=flowers/ input.size=32x32 data.val=0.2
  nadir train data=iris.csv model.hidden1.units=50 optim=adam optim.lr=3e-4
  nadir train exp.yaml early_stop.patience=5 early_stop.restore_best=true`,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			return c.train(cmd.Context(), file, keys)
		},
	}
}

// A session is a run as it goes on.
type session struct {
	*command
	cfg     *config.Config
	data    *dataset
	trainer *train.Trainer
	dir     *runDir
	report  term.Reporter
	best    train.Best     // early stopping's
	told    int            // epochs that metrics.jsonl has
	from    *nn.Sequential // preprocessing of the saved model that it began with
	alarmed bool           // it was said that most steps are clipped

	stages     *pretrain.Pretraining // before training; nil where there are none
	toldStages int                   // epochs of theirs that metrics.jsonl has
	only       bool                  // there is nothing after them
	spent      time.Duration         // in them, by this process

	reuse *grafting // what it takes from another model, nil for nothing
}

func (c *command) train(ctx context.Context, file string, keys []string) error {
	return c.start(ctx, file, keys, false)
}

// start begins a run, of the stages of pretraining alone where only is set.
func (c *command) start(ctx context.Context, file string, keys []string, only bool) error {
	cfg, err := c.load(file, os.Environ(), keys)
	if err != nil {
		return err
	}
	return c.startWith(ctx, file, cfg, only)
}

// startWith begins a run with a configuration.
func (c *command) startWith(ctx context.Context, file string, cfg *config.Config, only bool) error {
	if cfg.Epochs.Add {
		return usage("epochs=+%d goes on with a run that is there: nadir resume RUN epochs=+%d", cfg.Epochs.N, cfg.Epochs.N)
	}
	s, err := c.ready(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.only = only; only && s.stages == nil {
		return usage("%s has no stages; write them under pretrain:, such as - {kind: autoencoder, epochs: 10}", file)
	}
	c.orderly.Store(true)
	if s.dir, err = makeRun(cfg, s.data.name); err != nil {
		return err
	}
	defer s.dir.Close()
	if err := s.begin(s.from); err != nil {
		_ = os.RemoveAll(s.dir.path) // nothing in it can be gone on from
		return err
	}
	return s.run(ctx)
}

// ready opens the data of a configuration and makes its trainer, up to the
// first step.
func (c *command) ready(ctx context.Context, cfg *config.Config) (*session, error) {
	if err := cmp.Or(later(cfg), chosen(cfg)); err != nil {
		return nil, err
	}
	if v, ok := given(cfg, "init"); ok && cfg.ModelFile == "" && (cfg.Init == "fresh" || cfg.Init == "slots") {
		what := map[string]string{"fresh": "the architecture of a saved model", "slots": "what the optimizer of a saved model remembers"}[cfg.Init]
		return nil, &spec.Error{Pos: v.Pos, Path: "init", Msg: fmt.Sprintf("init: keeps %s, but model= names none", what)}
	}
	c.sayWhy(cfg)
	s := &session{command: c, cfg: cfg}
	err := s.open(ctx)
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *session) open(ctx context.Context) (err error) {
	if s.data, err = s.openData(ctx, s.cfg, openOptions{}); err != nil {
		return err
	}
	for _, n := range s.data.notes {
		s.note(n)
	}
	return s.assemble(ctx)
}

// assemble makes the trainer for the data.
func (s *session) assemble(ctx context.Context) error {
	rows, err := s.stageRows(ctx, "")
	if err != nil {
		return err
	}
	b, err := s.newTrainer(s.cfg, s.data, nil)
	if err != nil {
		return err
	}
	for _, note := range nn.Lint(b.trainer.Model) {
		s.note(note)
	}
	s.trainer, s.from, s.reuse = b.trainer, b.from, b.reuse
	if err := s.sayCycle(); err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return err
	}
	if m := b.memory; m != nil {
		if err := s.trainer.Recall(m); err != nil {
			return usage("init=slots: %s: %v", s.cfg.ModelFile, err)
		}
		s.note(fmt.Sprintf("%s: the slots of %s go on after %d steps; the schedule begins anew", s.cfg.ModelFile, m.Rule, m.Step))
	}
	if s.reuse != nil {
		if err := s.reuse.say(ctx, s); err != nil {
			return err
		}
	}
	if err := s.plan(rows); err != nil {
		return err
	}
	if b.fresh {
		if err := s.trainer.Adapt(ctx, s.data.train); err != nil {
			return err
		}
	}
	return s.initialize(ctx, b.drawn)
}

// Close lets go of data and trainer.
func (s *session) Close() {
	if s.trainer != nil {
		_ = s.trainer.Close()
	}
	if s.data != nil {
		s.data.Close()
	}
}

// begin writes what a run can be gone on from.
func (s *session) begin(from *nn.Sequential) error {
	return together(
		func() error { return s.dir.describe(s.cfg, s.data, from, s.only, s.reuse) },
		func() error {
			_, err := s.trainer.Save(s.dir.store(s.cfg.Ckpt.Keep))
			return err
		},
		func() error {
			if s.stages == nil {
				return nil
			}
			_, err := s.stages.Save(s.pretrainStore())
			return err
		},
	)
}

// later refuses keys whose meaning this program does not have.
func later(cfg *config.Config) error {
	if v, ok := given(cfg, "input.layout"); ok {
		return &spec.Error{Pos: v.Pos, Path: "input.layout", Msg: "input.layout is about models that come from elsewhere; it has no meaning in training"}
	}
	if v, ok := given(cfg, "pretrain"); ok && len(v.Items) > 0 && cfg.Transfer.From != "" {
		return &spec.Error{Pos: v.Pos, Path: "pretrain", Msg: "pretrain: its stages would train anew what transfer.from brings; leave one of them out"}
	}
	return nil
}

// chosen refuses nodes that are named where no graph is.
func chosen(cfg *config.Config) error {
	for _, k := range []string{"input.node", "output.node"} {
		if v, ok := given(cfg, k); ok && cfg.ModelFile == "" && cfg.Transfer.From == "" {
			return &spec.Error{Pos: v.Pos, Path: k, Msg: k + " chooses in the graph of a model of another framework, and model= names none"}
		}
	}
	return nil
}

// given is the value of a dotted key where the user wrote it.
func given(cfg *config.Config, key string) (v spec.Value, ok bool) {
	v = cfg.Tree
	for part := range strings.SplitSeq(key, ".") {
		if v, ok = v.Get(part); !ok {
			return v, false
		}
	}
	return v, v.Pos.File != config.BuiltIn
}

// prepare finds what is wrong before a directory is made.
func (s *session) prepare() error {
	if s.cfg.Data.Batch < 1 {
		return usage("data.batch: want a whole number above 0, got %d", s.cfg.Data.Batch)
	}
	if err := s.trainer.Prepare(min(s.cfg.Data.Batch, s.data.train.Len())); err != nil {
		return err
	}
	if _, err := augmented(s.cfg, s.data.train); err != nil {
		return err
	}
	e := s.cfg.EarlyStop
	if e == nil {
		return nil
	}
	monitor := e.Monitor
	if monitor == "" {
		monitor = "val/loss"
	}
	if s.data.val == nil && strings.HasPrefix(monitor, "val/") {
		return usage("early_stop watches %s, but there are no validation rows; set data.val, or early_stop.monitor=train/loss", monitor)
	}
	var names []string
	if s.data.val != nil {
		for _, n := range s.trainer.Measures() {
			names = append(names, "val/"+n)
		}
	}
	for _, n := range s.trainer.TrainingMeasures() {
		names = append(names, "train/"+n)
	}
	if contains(names, monitor) {
		return nil
	}
	v, _ := given(s.cfg, "early_stop.monitor")
	return &spec.Error{Pos: v.Pos, Path: "early_stop.monitor", Word: monitor, Nearest: spec.Nearest(monitor, names),
		Msg: fmt.Sprintf("early_stop.monitor: nothing called %q is measured", monitor)}
}

// run trains from where the trainer is to the end, and finishes the run.
func (s *session) run(ctx context.Context) error {
	s.report = term.New(term.Options{Out: s.out, Err: s.err, JSON: s.json, Quiet: s.quiet})
	defer s.report.Close()
	start := s.startInfo()
	s.report.Start(start)
	if err := s.dir.event("start", stepEvent{Step: s.taken()}); err != nil {
		return err
	}
	err := s.runStages(ctx)
	if err == nil && !s.only {
		err = s.fit(ctx)
	}
	switch {
	case err == nil:
		return s.finish(ctx, doneEvent)
	case errors.Is(err, train.ErrTime):
		cp, err := s.save()
		if err != nil {
			return s.failed(err, "")
		}
		s.report.Note(fmt.Sprintf("max_time=%v is up at step %d; to go on: %s", s.cfg.MaxTime, cp.Step, resumeLine(s.dir.path)))
		return s.finish(ctx, "stopped")
	case errors.Is(err, context.Canceled):
		return s.interrupted(err)
	case is[*train.Diverged](err) && s.pretraining():
		return s.failed(err, fmt.Sprintf("the weights from before are kept; begin anew with a lower lr of the stage, or go on with one: %s pretrain.0.lr=…", resumeLine(s.dir.path)))
	case is[*train.Diverged](err):
		return s.failed(err, fmt.Sprintf("the weights from before are kept; to go on from them with a lower rate: %s optim.lr=%.3g\nwhere they are spoilt already, begin anew with that rate",
			resumeLine(s.dir.path), s.trainer.LR()/10))
	}
	return s.failed(err, "when that is mended, go on with: "+resumeLine(s.dir.path))
}

func (s *session) fit(ctx context.Context) error {
	rows, err := augmented(s.cfg, s.data.train)
	if err != nil {
		return err
	}
	run := train.Run{
		Train: rows, Val: s.data.val, Batch: s.cfg.Data.Batch, Epochs: s.cfg.Epochs.N, Steps: int64(s.cfg.Steps),
		MaxTime: s.cfg.MaxTime, Note: s.report.Note,
	}
	if run.MaxTime > 0 { // stages before training have had their share
		run.MaxTime = max(1, run.MaxTime-s.spent)
	}
	var hooks []train.Hook
	if e := s.cfg.EarlyStop; e != nil {
		hooks = append(hooks, train.EarlyStopping{Monitor: e.Monitor, Patience: e.Patience, RestoreBest: e.RestoreBest}.Hook(s.trainer, &s.best))
	}
	thaw, close := s.thawing(&run)
	defer close()
	hooks = append(hooks, thaw...)
	watch, err := s.watchSignal()
	if err != nil {
		return err
	}
	hooks = append(hooks, watch...)
	hooks = append(hooks,
		train.TerminateOnNaN(),
		train.Checkpoints(s.dir.store(s.cfg.Ckpt.Keep), train.Every{Steps: int64(s.cfg.Ckpt.Every.Steps), Time: s.cfg.Ckpt.Every.Time}, func(cp *ckpt.Checkpoint) {
			s.report.Saved(cp.Dir)
		}),
		train.Lambda(s.step),
	)
	return train.Fit(s.trainer.Steps(ctx, run), hooks...)
}

// step reports a step and, at its end, an epoch.
func (s *session) step(st *train.Step) error {
	s.report.Step(term.Progress{Epoch: st.Epoch, Step: st.Step, Rows: st.Rows, Train: st.Train, LR: st.LR, GradNorm: st.GradNorm})
	if st.Done == nil {
		return nil
	}
	return s.tell(*st.Done)
}

// tell reports an epoch and writes it down.
func (s *session) tell(e train.Epoch) error {
	s.report.Epoch(term.Epoch{Epoch: e.Epoch, Step: e.Step, Seconds: e.Seconds, SamplesPerSec: e.SamplesPerSecond(), LR: e.LR,
		Train: e.Train, Val: e.Val, Best: s.bestSoFar()})
	if share, ok := e.Train.Get(train.ClippedShare); ok && share > mostClipped && !s.alarmed {
		s.alarmed = true
		s.report.Note(fmt.Sprintf("gradients were clipped in %.0f %% of the steps of epoch %d: the threshold sets the size of the steps, not the gradients; raise it, lower optim.lr, or leave it to optim.global_clipnorm=auto", 100*share, e.Epoch))
	}
	return s.record(e)
}

// mostClipped is the share of an epoch's steps above which clipping is no
// longer for the exceptions.
const mostClipped = 0.5

// record adds an epoch to metrics.jsonl. One that is there from before a resumed
// run went back to an older checkpoint is the same.
func (s *session) record(e train.Epoch) error {
	if e.Epoch <= s.told {
		return nil
	}
	s.told = e.Epoch
	return s.dir.appendLine(metricsFile, struct {
		Event   string       `json:"event"`
		Epoch   int          `json:"epoch"`
		Step    int64        `json:"step"`
		Seconds float64      `json:"seconds"`
		Speed   float64      `json:"samples_per_s"`
		LR      float64      `json:"lr"`
		Train   train.Values `json:"train"`
		Val     train.Values `json:"val"`
	}{"epoch", e.Epoch, e.Step, e.Seconds, e.SamplesPerSecond(), e.LR, e.Train, e.Val})
}

// bestIndex is the epoch of the history with the lowest validation loss, or
// what early stopping holds for the best; -1 without validation.
func (s *session) bestIndex() int {
	h := s.trainer.History()
	if s.best.Epoch > 0 {
		for i, e := range h {
			if e.Epoch == s.best.Epoch {
				return i
			}
		}
	}
	best, low := -1, math.Inf(1)
	for i, e := range h {
		if v, ok := e.Val.Get("loss"); ok && v < low {
			best, low = i, v
		}
	}
	return best
}

func (s *session) bestSoFar() *term.Best {
	i := s.bestIndex()
	if i < 0 {
		return nil
	}
	e := s.trainer.History()[i]
	return &term.Best{Epoch: e.Epoch, Val: e.Val}
}

func (s *session) startInfo() term.Start {
	total, _ := s.trainer.Params.Count()
	n, batch := s.data.train.Len(), s.cfg.Data.Batch
	batches := (n + batch - 1) / batch
	k := max(1, s.cfg.Accumulate)
	st := term.Start{
		Run: s.dir.path, Model: s.modelName(), Data: s.data.name, Step: s.taken(), Params: int64(total), Train: n,
		Epochs: s.cfg.Epochs.N, EpochSteps: int64((batches + k - 1) / k), Batch: batch, Threads: s.cfg.Threads, Kernel: cpu.Kernels(productsOf(s.cfg.Precision)), Configuration: s.cfg.Tree.JSON(),
	}
	if s.data.val != nil {
		st.Val = s.data.val.Len()
	}
	st.Steps = st.EpochSteps * int64(st.Epochs)
	if s.cfg.Steps > 0 {
		st.Steps = int64(s.cfg.Steps)
	}
	if st.Threads == 0 {
		st.Threads = cpu.Cores()
	}
	return st
}

func (s *session) modelName() string {
	if s.cfg.ModelFile != "" {
		return s.cfg.ModelFile
	}
	in, err := s.trainer.Summary()
	if err != nil {
		return "model"
	}
	return fmt.Sprintf("%d layers", len(in.Rows))
}

// interrupted saves where the run is and says how to go on.
func (s *session) interrupted(err error) error {
	cp, saveErr := s.save()
	_ = s.report.Close()
	if saveErr != nil {
		return saveErr
	}
	_ = s.dir.event("interrupted", stepEvent{Step: cp.Step})
	return s.sayStopped(cp.Step, err)
}

// sayStopped prints how to go on, whatever else is not to be said.
func (s *session) sayStopped(step int64, err error) error {
	_ = s.report.Close()
	fmt.Fprintf(s.err.W, "stopped at step %d, saved; to go on:\n%s\n", step, resumeLine(s.dir.path))
	return err
}

// failed ends a run that cannot go on, with its last good state saved.
func (s *session) failed(err error, mend string) error {
	_ = s.report.Close()
	if d, ok := errors.AsType[*train.Diverged](err); ok && !d.Validation {
		if _, saveErr := s.save(); saveErr != nil {
			err = errors.Join(err, saveErr)
		}
	}
	_ = s.dir.event("failed", stepEvent{s.taken(), err.Error()})
	if mend != "" {
		return fmt.Errorf("%w\n%s", err, mend)
	}
	return err
}

// doneEvent is the last event of a run that came to its end.
const doneEvent = "done"

// finish writes the model and the pictures, tests, and says that all is done.
func (s *session) finish(ctx context.Context, event string) error {
	if s.only || s.pretraining() {
		return s.finishStages(event)
	}
	restored := false
	if e := s.cfg.EarlyStop; e != nil && e.RestoreBest {
		restored = s.trainer.RestoreBest()
	}
	if !restored {
		s.trainer.Average()
		if o := diag.Overfitting(s.trainer.History()); o != nil {
			s.report.Note(fmt.Sprintf("the net %s. %s", o, o.Cure(s.trainer.Model)))
		}
	}
	sparsity, err := s.sparsify()
	if err != nil {
		return err
	}
	done := term.Done{Run: s.dir.path, Model: s.dir.file(modelFile), Steps: s.trainer.Taken(), Best: s.bestSoFar(), Sparsity: sparsity}
	for _, e := range s.trainer.History() {
		done.Seconds += e.Seconds
	}
	if s.stages != nil {
		for _, e := range s.stages.History() {
			done.Seconds += e.Seconds
		}
	}
	measured := s.data.test
	if measured == nil {
		measured = s.data.val
	}
	writes := []func() error{s.curves, func() error { return s.writeModel(done.Model) }}
	if measured != nil {
		res, err := s.trainer.Evaluate(ctx, measured)
		if errors.Is(err, context.Canceled) { // the last step is saved, with weights that may not be the best ones
			return s.sayStopped(done.Steps, err)
		}
		if err != nil {
			return err
		}
		if s.data.test != nil {
			done.Test = &term.Test{Values: res.Values, N: res.N}
		}
		if res.Confusion != nil {
			c := plot.Confusion{Title: confusionTitle(res, s.data.test != nil), Classes: s.trainer.Data().Classes, Counts: res.Confusion}
			writes = append(writes, func() error { return s.picture(confusFile, c.SVG) })
		}
	}
	if err := together(writes...); err != nil {
		return err
	}
	if err := s.dir.event(event, recordOf(done)); err != nil {
		return err
	}
	s.report.Done(done)
	return s.report.Close()
}

// writeModel writes the net as it is now.
func (s *session) writeModel(path string) error {
	return ckpt.WriteFile(ckpt.OS{}, path, func(w io.Writer) error {
		return format.Write(w, saved(s.trainer.Net, s.data.extra()))
	})
}

// stepEvent is what an event says of where the run is.
type stepEvent struct {
	Step  int64  `json:"step"`
	Error string `json:"error,omitempty"`
}

// doneRecord is a term.Done as events.jsonl keeps it.
type doneRecord struct {
	Steps   int64        `json:"steps"`
	Seconds float64      `json:"seconds"`
	Best    *bestRecord  `json:"best"`
	Test    train.Values `json:"test"`
	N       int          `json:"n,omitempty"`

	Sparsity *float64 `json:"sparsity,omitempty"`
}

type bestRecord struct {
	Epoch int          `json:"epoch"`
	Val   train.Values `json:"val"`
}

func recordOf(d term.Done) doneRecord {
	r := doneRecord{Steps: d.Steps, Seconds: d.Seconds, Sparsity: d.Sparsity}
	if d.Best != nil {
		r.Best = &bestRecord{d.Best.Epoch, d.Best.Val}
	}
	if d.Test != nil {
		r.Test, r.N = d.Test.Values, d.Test.N
	}
	return r
}

func (r doneRecord) done() term.Done {
	d := term.Done{Steps: r.Steps, Seconds: r.Seconds, Sparsity: r.Sparsity}
	if r.Best != nil {
		d.Best = &term.Best{Epoch: r.Best.Epoch, Val: r.Best.Val}
	}
	if r.Test != nil {
		d.Test = &term.Test{Values: r.Test, N: r.N}
	}
	return d
}

func confusionTitle(res *train.Result, test bool) string {
	part := "validation"
	if test {
		part = "test"
	}
	acc, _ := res.Values.Get("accuracy")
	return fmt.Sprintf("Confusion on %s %s rows, accuracy %.2f %%", term.Count(int64(res.N)), part, 100*acc)
}

// curves draws the history.
func (s *session) curves() error {
	h := s.trainer.History()
	if len(h) == 0 {
		return nil
	}
	p := plot.Curves{Title: s.dir.path, Best: s.bestIndex()}
	validated := slices.ContainsFunc(h, func(e train.Epoch) bool { return e.Val != nil })
	for _, v := range h[len(h)-1].Train {
		m := plot.Metric{Name: v.Name, Loss: v.Name == "loss" || v.Name == "mae" || v.Name == "rmse" || v.Name == "mse"}
		for _, e := range h {
			t, _ := e.Train.Get(v.Name)
			m.Train = append(m.Train, t)
			if validated {
				x, _ := e.Val.Get(v.Name) // NaN in an epoch without
				m.Val = append(m.Val, x)
			}
		}
		p.Metrics = append(p.Metrics, m)
	}
	for _, e := range h {
		p.X = append(p.X, float64(e.Epoch))
		p.LR = append(p.LR, e.LR)
	}
	return s.picture(curvesFile, p.SVG)
}

func (s *session) picture(name string, draw func(io.Writer) error) error {
	return ckpt.WriteFile(ckpt.OS{}, s.dir.file(name), draw)
}
