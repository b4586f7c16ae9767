package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
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
	cfg, err := config.Load(config.Sources{File: file, Env: environ, Keys: keys, Model: func(path string) (spec.Value, error) {
		m, err := format.Open(path, tensor.Float32)
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

// floatOf is the type that a precision works in.
func floatOf(precision string) tensor.DType {
	if precision == "f64" {
		return tensor.Float64
	}
	return tensor.Float32
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
		Data: d.schema(), Accumulate: cfg.Accumulate, Seed: cfg.Seed, Threads: cfg.Threads, Float: floatOf(cfg.Precision),
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
		ms, err := metricsOf(cfg, out)
		add(err)
		out.Metrics = ms
	}
	if err := errors.Join(errs...); err != nil {
		return out, err
	}
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

// metricsOf adds the named metrics to those that go with the loss.
func metricsOf(cfg *config.Config, set train.Config) ([]train.Metric, error) {
	l := set.Loss
	if l == nil && len(set.Data.Targets) > 0 {
		l = train.DefaultLoss(set.Data.Targets[0])
	}
	ms := train.DefaultMetrics(l)
	at, _ := cfg.Tree.Get("metrics")
	var errs []error
	for i, word := range cfg.Metrics {
		v := at
		if i < len(at.Items) {
			v = at.Items[i]
		}
		v.Kind, v.Text, v.Items = spec.String, word, nil
		var m train.Metric
		if err := spec.Decode(v, &m); err != nil {
			errs = append(errs, err)
			continue
		}
		known := false
		for _, k := range ms {
			known = known || k.Name() == m.Name()
		}
		if !known {
			ms = append(ms, m)
		}
	}
	return ms, errors.Join(errs...)
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
	in := cfg.Input
	var out nn.Sequential
	if in.Mean.Kind != spec.Null || in.Std.Kind != spec.Null || in.Scale.Kind != spec.Null {
		scale, mean, std := nn.Ratio(1), 0.0, 1.0
		if in.Scale.Kind != spec.Null {
			if err := spec.Decode(in.Scale, &scale); err != nil {
				return nil, err
			}
		}
		for _, f := range []struct {
			v   spec.Value
			dst *float64
		}{{in.Mean, &mean}, {in.Std, &std}} {
			if f.v.Kind == spec.Null {
				continue
			}
			if f.v.Kind == spec.List {
				return nil, &spec.Error{Pos: f.v.Pos, Path: "input", Msg: "one number a channel is not read for a model that is trained here; want a single number"}
			}
			if err := spec.Decode(f.v, f.dst); err != nil {
				return nil, err
			}
			*f.dst = spec.Or(*f.dst, 0)
		}
		if std == 0 {
			return nil, usage("input.std: want a number other than 0")
		}
		out = append(out, nn.Rescale{Scale: scale / nn.Ratio(std), Offset: -mean / std})
	}
	if in.Standardize == "train" {
		if len(out) == 0 && len(s.Inputs) > 0 && s.Inputs[0].DType == tensor.Uint8 {
			out = append(out, nn.Rescale{Scale: 1.0 / 255})
		}
		out = append(out, nn.Standardize{})
	}
	return out, nil
}

// newTrainer builds the trainer of a configuration for its data.
func (c *command) newTrainer(ctx context.Context, cfg *config.Config, d *dataset) (*train.Trainer, error) {
	schema := d.schema()
	m, fitted, err := modelOf(cfg, &schema)
	if err != nil {
		return nil, err
	}
	if fitted != "" {
		c.note(fitted)
	}
	set, err := settings(cfg, d)
	if err != nil {
		return nil, err
	}
	var from *param.Set
	if cfg.ModelFile != "" {
		saved, err := format.Open(cfg.ModelFile, set.Float)
		if err != nil {
			return nil, err
		}
		if set.Preprocess == nil {
			set.Preprocess = saved.Preprocess
		}
		if cfg.Init != "fresh" {
			from = saved.Params
		}
	}
	t, err := train.From(m, from, set)
	if err != nil {
		return nil, err
	}
	return t, nil
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
