package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/plot"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/pretrain"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

func pretrainVerb(c *command) *cobra.Command {
	var labels string
	var seeds int
	cmd := &cobra.Command{
		Use:   "pretrain FILE [key=value …]",
		Short: "Run the pretraining stages of a configuration alone",
		Long: `Run the stages under "pretrain:" of a configuration, without the training after
them, and save the model. "nadir train FILE" runs them and trains.

  pretrain:
    - {kind: rbm, layers: 'hidden*', epochs: 10, lr: 0.05, method: pcd, k: 5}
    - {kind: autoencoder, tied: true, epochs: 5, data: {name: mnist}}
    - {kind: denoising, noise: masking, noise_level: 0.3}
    - {kind: auxiliary, task: pairs, layers: 'hidden*', loss: contrastive}

rbm, autoencoder and denoising train one layer after the other from the lowest,
each on what those below it give; auxiliary trains the lower layers together on a
task whose labels cost little: pairs, triplets, corrupted, rotation, jigsaw. data
names other rows than those of the run.

--labels 100,1000 makes no run: it trains with so many labeled rows, from scratch
and after the stages, once for each of the --seeds, and says where pretraining
pays. Each net has the configuration's epochs, and steps= steps at least (500).`,
		Example: `  nadir pretrain exp.yaml
  nadir pretrain exp.yaml pretrain.0.lr=0.01 out=runs/features
  nadir train model=runs/features/model.safetensors data=mnist data.limit=1000
  nadir pretrain exp.yaml --labels 100,300,1000 --seeds 5`,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			if file == "" {
				return usage("pretrain wants a configuration with stages under pretrain:, such as: nadir pretrain exp.yaml")
			}
			switch {
			case labels != "":
				return c.sweep(cmd.Context(), file, keys, labels, seeds)
			case cmd.Flags().Changed("seeds"):
				return usage("--seeds counts the tries of --labels")
			}
			return c.start(cmd.Context(), file, keys, true)
		},
	}
	cmd.Flags().StringVar(&labels, "labels", "", "measure by `numbers` of labeled rows whether pretraining pays")
	cmd.Flags().IntVar(&seeds, "seeds", 5, "tries of each number")
	return cmd
}

// pretrainDir is the folder of a run that holds the checkpoints of its stages.
const pretrainDir = "pretrain"

// stagesFile shows what they measured.
const stagesFile = "pretrain.svg"

func (s *session) pretrainStore() ckpt.Store {
	return ckpt.Store{Dir: s.dir.file(pretrainDir), Keep: s.cfg.Ckpt.Keep}
}

// stageRows opens the rows that stages name beside those of the run.
func (s *session) stageRows(ctx context.Context, within string) (map[string][2]data.Source, error) {
	out := map[string][2]data.Source{}
	items := s.cfg.Pretrain.Items
	if s.cfg.Pretrain.Kind == spec.Map {
		items = []spec.Value{s.cfg.Pretrain}
	}
	for i, item := range items {
		v, ok := item.Get("data")
		if !ok || v.Kind == spec.Null || out[string(v.JSON())] != [2]data.Source{} {
			continue
		}
		key := string(v.JSON())
		path := fmt.Sprintf("pretrain.%d.data", i)
		if v.Kind == spec.String {
			v = spec.Value{Kind: spec.Map, Pos: v.Pos}.With("name", v)
		}
		for _, k := range []string{"batch", "augment"} {
			if x, ok := v.Get(k); ok {
				return nil, &spec.Error{Pos: x.Pos, Path: path + "." + k, Msg: fmt.Sprintf("%s.%s: it is not one of the data's keys here; batch is a key of the stage", path, k)}
			}
		}
		cfg := *s.cfg
		cfg.Tree = cfg.Tree.With("data", v).Without("sample_weight", "class_weight")
		cfg.Data, cfg.SampleWeight = config.Data{}, ""
		if err := spec.Decode(v.With("batch", spec.Num(1)), &cfg.Data); err != nil {
			return nil, err
		}
		if cfg.Data.Name == "" {
			cfg.Data.Name = s.cfg.Data.Name
		}
		o := openOptions{within: within}
		if s.data.table != nil {
			o.table = s.data.table.Table()
		}
		d, err := s.openData(ctx, &cfg, o)
		if err != nil {
			return nil, err
		}
		s.data.close = append(s.data.close, d.close...)
		s.data.fingerprint += ":" + d.fingerprint
		for _, n := range d.notes {
			s.note(n)
		}
		a, b := d.schema(), s.data.schema()
		a.Targets, b.Targets, a.Classes, b.Classes = nil, nil, nil, nil
		if err := alike(path, cfg.Data.Name, a, b); err != nil {
			return nil, err
		}
		out[key] = [2]data.Source{d.train, d.val}
	}
	return out, nil
}

// plan makes the pretraining that the configuration asks for, if it does.
func (s *session) plan(rows map[string][2]data.Source) error {
	stages, err := pretrain.Decode(s.cfg.Pretrain)
	if err != nil || stages == nil {
		return err
	}
	var o optim.Optimizer
	if err := spec.Decode(s.cfg.Optim, &o); err != nil {
		return err
	}
	s.stages, err = pretrain.New(s.trainer.Net, stages, pretrain.Config{
		Train: s.data.train, Val: s.data.val, Batch: s.cfg.Data.Batch, Optim: o, Seed: s.cfg.Seed, Threads: s.cfg.Threads,
		Open: func(v spec.Value) (data.Source, data.Source, error) {
			r := rows[string(v.JSON())]
			return r[0], r[1], nil
		},
		Note: func(text string) {
			if s.report != nil {
				s.report.Note(text)
			} else {
				s.note(text)
			}
		},
	})
	return s.placed(err)
}

// placed puts what is wrong with a stage at its place in the file.
func (s *session) placed(err error) error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var list []error
		for _, e := range j.Unwrap() {
			list = append(list, s.placed(e))
		}
		return errors.Join(list...)
	}
	e, ok := err.(*pretrain.StageError)
	if !ok {
		return err
	}
	if is[*data.Error](err) {
		return err
	}
	at := s.cfg.Pretrain
	if e.Stage < len(at.Items) {
		at = at.Items[e.Stage]
	}
	if f, ok := errors.AsType[*spec.FieldError](e.Err); ok {
		if v, ok := at.Get(f.Key); ok {
			at = v
		}
	} else if v, ok := at.Get("layers"); ok && strings.HasPrefix(e.Err.Error(), "layers: ") {
		at = v
	}
	return &spec.Error{Pos: at.Pos, Path: fmt.Sprintf("pretrain.%d", e.Stage), Msg: err.Error()}
}

// pretraining reports whether the run is in its stages.
func (s *session) pretraining() bool {
	return s.stages != nil && !s.stages.Over() && s.trainer.Taken() == 0
}

// save saves the state of the stage, or of the training, that the run is in.
func (s *session) save() (*ckpt.Checkpoint, error) {
	if s.pretraining() {
		return s.stages.Save(s.pretrainStore())
	}
	return s.trainer.Save(s.dir.store(s.cfg.Ckpt.Keep))
}

// taken is the number of steps of the stages, or of the training.
func (s *session) taken() int64 {
	if s.pretraining() || s.only {
		return s.stages.Taken()
	}
	return s.trainer.Taken()
}

// runStages trains from where the stages are to the end of the last.
func (s *session) runStages(ctx context.Context) error {
	if !s.pretraining() {
		return nil
	}
	began, last := time.Now(), time.Now()
	for st, err := range s.stages.Steps(ctx) {
		if err != nil {
			return err
		}
		stage := &term.Stage{Number: st.Stage, Kind: st.Kind, Task: st.Task, Layers: st.Layers, Epochs: st.Epochs}
		s.report.Step(term.Progress{Epoch: st.Epoch, Step: st.Taken, Rows: st.Rows, Train: st.Train, LR: st.LR, GradNorm: st.GradNorm, Stage: stage})
		every := s.cfg.Ckpt.Every
		due := st.Done != nil || every.Steps > 0 && st.Taken%int64(every.Steps) == 0 || every.Time > 0 && time.Since(last) >= every.Time
		if due {
			cp, err := s.stages.Save(s.pretrainStore())
			if err != nil {
				return err
			}
			last = time.Now()
			s.report.Saved(cp.Dir)
		}
		if st.Done != nil {
			if err := s.tellStage(*st.Done, stage); err != nil {
				return err
			}
			if st.Epoch == st.Epochs {
				if err := s.filters(); err != nil {
					return err
				}
			}
		}
		if s.cfg.MaxTime > 0 && time.Since(began) > s.cfg.MaxTime {
			return train.ErrTime
		}
	}
	s.spent = time.Since(began)
	if !s.only {
		if err := s.stageCurves(stagesFile); err != nil {
			return err
		}
	}
	if _, err := s.stages.Save(s.pretrainStore()); err != nil {
		return err
	}
	_, err := s.trainer.Save(s.dir.store(s.cfg.Ckpt.Keep)) // with what the stages have learned
	return err
}

// tellStage reports an epoch of a stage and writes it down.
func (s *session) tellStage(e pretrain.Epoch, stage *term.Stage) error {
	s.report.Epoch(term.Epoch{Epoch: e.Epoch.Epoch, Step: e.Step, Seconds: e.Seconds, SamplesPerSec: e.SamplesPerSecond(), LR: e.LR,
		Train: e.Train, Val: e.Val, Stage: stage})
	return s.recordStages()
}

// stageRecord is an epoch of a stage as metrics.jsonl has it.
type stageRecord struct {
	Event   string       `json:"event"`
	Stage   int          `json:"stage"`
	Kind    string       `json:"kind"`
	Task    string       `json:"task,omitempty"`
	Layers  string       `json:"layers"`
	Epoch   int          `json:"epoch"`
	Step    int64        `json:"step"`
	Seconds float64      `json:"seconds"`
	Speed   float64      `json:"samples_per_s"`
	LR      float64      `json:"lr"`
	Train   train.Values `json:"train"`
	Val     train.Values `json:"val"`
}

// recordStages adds to metrics.jsonl the epochs of the stages that it lacks.
func (s *session) recordStages() error {
	h := s.stages.History()
	for ; s.toldStages < len(h); s.toldStages++ {
		e := h[s.toldStages]
		if err := s.dir.appendLine(metricsFile, stageRecord{"epoch", e.Stage, e.Kind, e.Task, e.Layers, e.Epoch.Epoch, e.Step, e.Seconds, e.SamplesPerSecond(), e.LR, e.Train, e.Val}); err != nil {
			return err
		}
	}
	return nil
}

// restoreStages puts the stages where their newest checkpoint is. Where training
// has begun they are over, and what it has learned since stays.
func (s *session) restoreStages(ctx context.Context, latest *ckpt.Checkpoint, changed []string) error {
	c, damaged, err := s.pretrainStore().Latest()
	switch {
	case errors.Is(err, ckpt.ErrNone):
		return nil // stopped before the first of them was saved
	case err != nil:
		return fmt.Errorf("%w; nothing can be gone on from: start again with %s", err, startAgain(s.dir))
	}
	for _, d := range damaged {
		s.note(fmt.Sprintf("%v; %s is used", d, c.Dir))
	}
	if err := s.stages.Restore(ctx, c); err != nil || latest.Step == 0 {
		return err
	}
	return s.restore(latest, changed)
}

// finishStages ends a run of stages alone.
func (s *session) finishStages(event string) error {
	done := term.Done{Run: s.dir.path, Model: s.dir.file(modelFile), Steps: s.stages.Taken()}
	for _, e := range s.stages.History() {
		done.Seconds += e.Seconds
	}
	if err := s.stageCurves(curvesFile); err != nil {
		return err
	}
	if err := s.writeModel(done.Model); err != nil {
		return err
	}
	if err := s.dir.event(event, recordOf(done)); err != nil {
		return err
	}
	s.report.Done(done)
	return s.report.Close()
}

// mostFilters is how many units a sheet shows.
const mostFilters = 100

// filters draws the kernels that look at a picture, each unit's as one.
func (s *session) filters() error {
	for _, f := range pretrain.Filters(s.trainer.Net, mostFilters) {
		k := s.stages.Value(f.Layer + "/kernel")
		if k == nil {
			continue
		}
		sheet, err := f.Sheet(k)
		if err != nil {
			return err
		}
		if err := s.picture("filters_"+f.Layer+".png", plot.Sheet{Images: sheet}.PNG); err != nil {
			return err
		}
	}
	return nil
}

// stageCurves draws what the stages measured, part by part, one after the other.
func (s *session) stageCurves(file string) error {
	h := s.stages.History()
	if len(h) == 0 {
		return nil
	}
	p := plot.Curves{Title: s.dir.path, Best: -1}
	var names []string
	for _, e := range h {
		for _, v := range e.Train {
			if !contains(names, v.Name) {
				names = append(names, v.Name)
			}
		}
	}
	for _, name := range names {
		p.Metrics = append(p.Metrics, plot.Metric{Name: name, Loss: name == "loss" && positive(h) || name == "mse"})
	}
	add := func(x float64, e pretrain.Epoch) {
		p.X, p.LR = append(p.X, x), append(p.LR, e.LR)
		for i := range p.Metrics {
			m := &p.Metrics[i]
			v, _ := e.Train.Get(m.Name) // NaN where there is none
			m.Train = append(m.Train, v)
			if s.data.val != nil {
				v, _ := e.Val.Get(m.Name)
				m.Val = append(m.Val, v)
			}
		}
	}
	for i, e := range h {
		if i > 0 && (e.Stage != h[i-1].Stage || e.Layers != h[i-1].Layers) {
			gap := pretrain.Epoch{}
			gap.LR = e.LR
			add(float64(i)+0.5, gap) // no line from one part to the next
		}
		add(float64(i+1), e)
	}
	return s.picture(file, p.SVG)
}

// positive reports whether all losses are above 0, so that they have a logarithm.
func positive(h []pretrain.Epoch) bool {
	for _, e := range h {
		for _, of := range []train.Values{e.Train, e.Val} {
			if v, ok := of.Get("loss"); ok && !(v > 0) {
				return false
			}
		}
	}
	return true
}
