package app

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/augment"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// load reads the configuration of a verb that trains.
func (c *command) load(file string, environ, keys []string) (*config.Config, error) {
	if err := readable(file); err != nil {
		return nil, err
	}
	cfg, err := config.Load(config.Sources{File: file, Env: environ, Keys: keys, Known: format.Known, Model: func(path, input, output string) (spec.Value, error) {
		m, _, err := format.Import(path, format.Options{Input: input, Output: output})
		if err != nil {
			return spec.Value{}, err
		}
		return nn.Encode(m.Net)
	}})
	if err != nil {
		return nil, err
	}
	for _, n := range cfg.Notes {
		c.note(n)
	}
	return cfg, nil
}

// readable says what is wrong with the name of a configuration file.
func readable(file string) error {
	if file == "" {
		return nil
	}
	info, err := os.Stat(file)
	ext := strings.ToLower(filepath.Ext(file))
	switch {
	case err == nil && (info.IsDir() || isTable(file) || ext == ".npz"):
		return usage("%s is no configuration; to train on it: nadir train data=%s", file, shellWord(file))
	case err == nil && ext == ".safetensors":
		return usage("%s is no configuration; to go on from its weights: nadir train model=%s", file, shellWord(file))
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case contains(config.Presets(), file):
		return usage("no file is called %q; there is a preset of that name: nadir train preset=%s", file, file)
	case contains(setNames(), file):
		return usage("no file is called %q; to train on the data set: nadir train data=%s", file, file)
	}
	return usage("no file is called %q%s", file, nearFiles(file))
}

// floatOf is the type that a precision works in.
func floatOf(precision string) tensor.DType {
	if precision == "f64" {
		return tensor.Float64
	}
	return tensor.Float32
}

// productsOf is the type that a precision rounds operands of products to.
func productsOf(precision string) tensor.DType {
	if precision == "bf16" {
		return tensor.BFloat16
	}
	return tensor.Invalid
}

// modelOf reads the model of a configuration. A model that the user did not
// write gets as many outputs as the data has classes; fitted says so.
func modelOf(cfg *config.Config, schema *data.Schema) (m nn.Model, fitted string, err error) {
	if m, err = nn.Decode(cfg.Model); err != nil {
		return nil, "", err
	}
	layers, ok := m.(nn.Sequential)
	if !ok || schema == nil || len(schema.Targets) != 1 || cfg.ModelFile != "" || !builtInModel(cfg) {
		return m, "", nil
	}
	want := max(1, schema.Targets[0].Shape.Len())
	if n := len(schema.Classes); n > 0 {
		want = n
	}
	switch l, _, _ := lossesOf(cfg.Loss); l.(type) {
	case loss.BinaryCrossEntropy, loss.BinaryFocal:
		want = 1
	}
	head, ok := layers[len(layers)-1].(nn.Dense)
	if !ok || head.Units == want {
		return m, "", nil
	}
	was := head.Units
	head.Units = want
	layers = append(layers[:len(layers)-1:len(layers)-1], head)
	if cfg.Model, err = nn.Encode(layers); err != nil {
		return nil, "", err
	}
	cfg.Tree = cfg.Tree.With("model", cfg.Model)
	return layers, fmt.Sprintf("the last layer has %d units, not %d, to fit the data", want, was), nil
}

// builtInModel reports whether the last layer's width is one of ours.
func builtInModel(cfg *config.Config) bool {
	if len(cfg.Model.Items) == 0 {
		return false
	}
	for path, v := range config.Leaves(cfg.Model.Items[len(cfg.Model.Items)-1]) {
		if path == "dense.units" {
			return v.Pos.File == config.BuiltIn
		}
	}
	return false
}

// settings translates a configuration into what the trainer takes.
func settings(cfg *config.Config, d *dataset) (train.Config, error) {
	out := train.Config{
		Data: d.schema(), Accumulate: cfg.Accumulate, Seed: cfg.Seed, Threads: cfg.Threads,
		Float: floatOf(cfg.Precision), Products: productsOf(cfg.Precision),
	}
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	var err error
	out.Loss, out.Losses, err = lossesOf(cfg.Loss)
	add(err)
	add(spec.Decode(cfg.Optim, &out.Optim))
	if cfg.Schedule.Kind != spec.Null {
		var s sched.Schedule
		add(spec.Decode(cfg.Schedule, &s))
		out.Schedule = s
	}
	if len(cfg.Metrics) > 0 {
		out.Metrics, err = metricsOf(cfg, out)
		add(err)
	}
	if err := errors.Join(errs...); err != nil {
		return out, err
	}
	ts, err := transformsOf(cfg)
	if err != nil {
		return out, err
	}
	out.Mix.MixUp, out.Mix.CutMix = augment.Mixing(ts...)
	if cw := cfg.ClassWeight; cw.Balanced || cw.Of != nil {
		if out.ClassWeight, err = classWeights(cw, d); err != nil {
			return out, err
		}
	}
	if p, err := inputLayers(cfg, d.schema()); err != nil {
		return out, err
	} else if p != nil {
		out.Preprocess = p
	}
	return out, nil
}

// lossesOf reads the loss key: a loss, or one for each output.
func lossesOf(v spec.Value) (one loss.Loss, each map[string]train.OutputLoss, err error) {
	if v.Kind == spec.Null {
		return nil, nil, nil
	}
	if _, named := v.Get("name"); v.Kind != spec.Map || named {
		err = spec.Decode(v, &one)
		return one, nil, err
	}
	each = map[string]train.OutputLoss{}
	var errs []error
	for _, e := range v.Entries {
		var o train.OutputLoss
		if w, ok := e.Value.Get("weight"); ok {
			errs = append(errs, spec.Decode(w, &o.Weight))
			e.Value = e.Value.Without("weight")
		}
		errs = append(errs, spec.Decode(e.Value, &o.Loss))
		each[e.Key] = o
	}
	return nil, each, errors.Join(errs...)
}

// metricsOf adds the named metrics to those that go with the losses.
func metricsOf(cfg *config.Config, set train.Config) ([]train.Metric, error) {
	var losses []loss.Loss
	for _, name := range slices.Sorted(maps.Keys(set.Losses)) {
		losses = append(losses, set.Losses[name].Loss)
	}
	if losses == nil && set.Loss != nil {
		losses = []loss.Loss{set.Loss}
	}
	if losses == nil {
		for _, t := range set.Data.Targets {
			losses = append(losses, train.DefaultLoss(t))
		}
	}
	var ms []train.Metric
	add := func(m train.Metric) {
		if !slices.ContainsFunc(ms, func(k train.Metric) bool { return k.Name() == m.Name() }) {
			ms = append(ms, m)
		}
	}
	for _, l := range losses {
		for _, m := range train.DefaultMetrics(l) {
			add(m)
		}
	}
	var errs []error
	for _, v := range cfg.Metrics {
		var m train.Metric
		if err := spec.Decode(v, &m); err != nil {
			errs = append(errs, err)
		} else if !slices.ContainsFunc(losses, func(l loss.Loss) bool { return train.Suits(m, l) }) {
			errs = append(errs, &spec.Error{Pos: v.Pos, Path: "metrics", Msg: fmt.Sprintf("metrics: %s does not go with the loss: %s", m.Name(), unsuited(m, losses))})
		} else {
			add(m)
		}
	}
	return ms, errors.Join(errs...)
}

// unsuited says why a metric goes with none of the losses.
func unsuited(m train.Metric, losses []loss.Loss) string {
	switch {
	case train.Suits(m, loss.MSE{}):
		return "it measures numbers, and the loss tells classes apart"
	case slices.ContainsFunc(losses, train.Classifies):
		return "it measures probabilities, which the loss makes none of"
	}
	return "it measures classes, and the loss is one of numbers"
}

// classWeights is the weight of each class by number. Balanced weighs classes
// so that each counts the same: rows/(classes·rows of the class).
func classWeights(cw config.ClassWeight, d *dataset) ([]float64, error) {
	classes := d.schema().Classes
	if len(classes) == 0 {
		return nil, usage("class_weight: the data has no classes")
	}
	out := make([]float64, len(classes))
	for i := range out {
		out[i] = 1
	}
	if cw.Balanced {
		labels, err := data.Labels(d.train)
		if err != nil {
			return nil, err
		}
		count := make([]float64, len(classes))
		for _, l := range labels {
			if l >= 0 && int(l) < len(count) {
				count[l]++
			}
		}
		for i, n := range count {
			if n > 0 {
				out[i] = float64(len(labels)) / (float64(len(classes)) * n)
			}
		}
		return out, nil
	}
	for name, w := range cw.Of {
		at := -1
		for i, cl := range classes {
			if cl == name {
				at = i
			}
		}
		if n, err := strconv.Atoi(name); at < 0 && err == nil && n >= 0 && n < len(classes) {
			at = n
		}
		if at < 0 {
			return nil, usage("class_weight: no class is called %q; %s", name, didYouMean(name, classes))
		}
		out[at] = w
	}
	return out, nil
}

// inputLayers makes the preprocessing that input.* asks for; nil where it asks
// for none.
func inputLayers(cfg *config.Config, s data.Schema) (nn.Sequential, error) {
	if cfg.Transfer.From != "" && detailed(cfg) {
		return nil, nil // it is put in front of the old model
	}
	in := cfg.Input
	bytes := len(s.Inputs) > 0 && s.Inputs[0].DType == tensor.Uint8
	scale, mean, std := nn.Ratio(1), nn.Ratio(0), nn.Ratio(1)
	if bytes {
		scale = 1.0 / 255
	}
	var out nn.Sequential
	for _, f := range []struct {
		key string
		v   spec.Value
		dst *nn.Ratio
	}{{"input.scale", in.Scale, &scale}, {"input.mean", in.Mean, &mean}, {"input.std", in.Std, &std}} {
		if f.v.Kind == spec.Null {
			continue
		}
		if err := spec.Decode(f.v, f.dst); err != nil {
			return nil, &spec.Error{Pos: f.v.Pos, Path: f.key, Msg: f.key + ": want a number or a fraction such as 1/255; numbers a channel are for models that come from elsewhere"}
		}
		*f.dst = nn.Ratio(spec.Or(float64(*f.dst), 0))
		if *f.dst == 0 && f.dst != &mean {
			return nil, &spec.Error{Pos: f.v.Pos, Path: f.key, Msg: f.key + ": want a number other than 0"}
		}
		out = nn.Sequential{nil}
	}
	if out != nil {
		out[0] = nn.Rescale{Scale: scale / std, Offset: float64(-mean / std)}
	}
	if in.Standardize == "train" {
		if out == nil && bytes {
			out = nn.Sequential{nn.Rescale{Scale: scale}}
		}
		out = append(out, nn.Standardize{})
	}
	return out, nil
}

// detailed reports whether input.* says more than a scale, a mean and a deviation for
// all numbers: of each channel, a mean image, or how pictures lie.
func detailed(cfg *config.Config) bool {
	for _, v := range []spec.Value{cfg.Input.Mean, cfg.Input.Std} {
		if v.Kind == spec.List || namesFile(v) {
			return true
		}
	}
	return cfg.Input.Layout != "" || cfg.Input.Channels != ""
}

// built is a trainer and where its beginning came from.
type built struct {
	trainer *train.Trainer
	from    *nn.Sequential // preprocessing of the saved model that it goes on from
	fresh   bool           // what is fitted to the data is not fitted yet
	drawn   bool           // the weights were drawn, not loaded
	memory  *format.Memory // of the optimizer that trained it so far
	reuse   *grafting      // what it takes from another model, nil for nothing
}

// newTrainer builds the trainer of a configuration for its data. from is the
// preprocessing of the saved model that an earlier part of the run went on from.
func (c *command) newTrainer(cfg *config.Config, d *dataset, from *nn.Sequential) (*built, error) {
	if cfg.Transfer.From != "" && from == nil {
		return c.grafted(cfg, d)
	}
	schema := d.schema()
	m, fitted, err := modelOf(cfg, &schema)
	if err != nil {
		return nil, err
	}
	set, err := settings(cfg, d)
	if err != nil {
		return nil, err
	}
	b := &built{from: from, fresh: true, drawn: true}
	var params *param.Set
	if cfg.ModelFile != "" {
		saved, report, err := format.Import(cfg.ModelFile, format.Options{Float: set.Float, Input: cfg.Input.Node, Output: cfg.Output.Node, Memory: cfg.Init == "slots"})
		if err != nil {
			return nil, err
		}
		c.noteReport(cfg.ModelFile, report)
		switch {
		case cfg.Init == "" && report.Slots != nil:
			c.note(fmt.Sprintf("%s: its optimizer's %v are left out, and fresh ones begin; init=slots goes on with them", cfg.ModelFile, report.Slots))
		case cfg.Init == "slots" && report.Slots == nil:
			return nil, usage("init=slots: %s holds nothing that an optimizer remembers; leave it out to begin with fresh slots", cfg.ModelFile)
		}
		b.memory = saved.Memory
		if b.from, err = fronted(saved, report, schema); err != nil {
			return nil, err
		}
		if cfg.Init == "" || cfg.Init == "slots" {
			params, b.fresh, b.drawn = saved.Params, set.Preprocess != nil, false
		}
	}
	if set.Preprocess == nil && b.from != nil {
		set.Preprocess = *b.from
	}
	declared, err := declare(m, set)
	if err != nil {
		return nil, err
	}
	if params != nil && declared != nil {
		prune(params, declared)
	}
	if cfg.Transfer.From != "" {
		if b.reuse, err = refrozen(cfg, m, &set); err != nil {
			return nil, err
		}
	}
	if b.trainer, err = train.From(m, params, set); err != nil {
		return nil, err
	}
	if fitted != "" {
		c.note(fitted)
	}
	return b, nil
}

// declare lists the parameters of a model without making them, and refuses
// those that this machine has no memory for. Those of a model that is wrong are
// nil: the trainer says what is wrong with it.
func declare(m nn.Model, set train.Config) (map[string]bool, error) {
	names := map[string]bool{}
	var total float64
	largest, most := "", 0.0
	b := graph.New()
	s := param.NewScope(b, nil, param.Options{Declare: func(name string, _ param.Kind, _ param.Init, shape tensor.Shape) error {
		names[name] = true
		bytes := float64(set.Float.Size())
		for _, n := range shape {
			bytes *= float64(n)
		}
		total += bytes
		if bytes > most {
			largest, most = fmt.Sprintf("%s %v", name, shape), bytes
		}
		return nil
	}})
	prep := set.Preprocess
	if prep == nil {
		prep = nn.Sequential{nn.Rescale{}} // bytes become numbers
	}
	format.Trace(s, m, prep, set.Data, 2)
	// Every weight has a gradient beside it.
	if have := memory(); 2*total > have {
		return nil, usage("the model's parameters and their gradients take %s, more than the %s of memory here; the largest is %s, of %s",
			gib(2*total), gib(have), largest, gib(most))
	}
	if b.Err() != nil {
		return nil, nil
	}
	return names, nil
}

// gib is a number of bytes that may be beyond any machine's.
func gib(bytes float64) string { return fmt.Sprintf("%.3g GiB", bytes/(1<<30)) }

// prune takes away the parameters that a model does not have.
func prune(s *param.Set, names map[string]bool) {
	for _, p := range slices.Collect(s.All()) {
		if !names[p.Name] {
			s.Remove(p.Name)
		}
	}
}

// saved is what a trained net is written to a file as.
func saved(n *train.Net, extra map[string]string) *format.Model {
	m := &format.Model{Net: n.Model, Preprocess: n.Preprocess(), Data: n.Data(), Params: n.Params, Extra: extra}
	for i, p := range n.Outputs() {
		l := n.Losses()[i]
		m.Losses = append(m.Losses, format.Output{Name: p.Name, Loss: l.Loss, Weight: l.Weight})
	}
	return m
}
