package tune

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

// A Recipe is a way to train a model on rows.
type Recipe struct {
	Model nn.Model
	// Config is that of the trainer. Seed and threads are the trial's; the schema
	// is the rows' own.
	Config train.Config
	// Run gives batch size and length. Rows are the trial's, but where the study
	// has no folds: there Val is measured on.
	Run train.Run
	// EarlyStopping ends a run before its length, where it is not nil.
	EarlyStopping *train.EarlyStopping
}

// Candidate makes a candidate of a recipe for the rows of src.
func (r Recipe) Candidate(name string, src data.Source) Candidate {
	text, err := r.spec(src)
	return Candidate{Name: name, Spec: text, Err: err, Train: func(ctx context.Context, t Trial) (*Outcome, error) {
		run, cfg := r.Run, r.Config
		run.Train = src
		if t.Folds > 0 {
			var err error
			if run.Train, run.Val, err = Part(src, t); err != nil {
				return nil, err
			}
		}
		cfg.Data, cfg.Seed, cfg.Threads = src.Schema(), t.Seed, 1
		tr, err := train.New(r.Model, cfg)
		if err != nil {
			return nil, err
		}
		defer tr.Close()
		if err := tr.Adapt(ctx, run.Train); err != nil {
			return nil, err
		}
		return Fit(ctx, tr, Course{Run: run, EarlyStopping: r.EarlyStopping}, t)
	}}
}

// spec is the recipe and its rows as text.
func (r Recipe) spec(src data.Source) (string, error) {
	v := spec.Value{Kind: spec.Map}
	var errs []error
	add := func(key string, x spec.Value, err error) {
		v = v.With(key, x)
		errs = append(errs, err)
	}
	model, err := nn.Encode(r.Model)
	add("model", model, err)
	optim, err := spec.Encode(r.Config.Optim)
	add("optim", optim, err)
	if s := r.Config.Schedule; s != nil {
		x, err := spec.Encode(s)
		add("schedule", x, err)
	}
	if l := r.Config.Loss; l != nil {
		x, err := spec.Encode(l)
		add("loss", x, err)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Config.Losses)) {
		l := r.Config.Losses[name]
		x, err := spec.Encode(l.Loss)
		add("loss/"+name, x, err)
		add("weight/"+name, spec.Num(l.Weight), nil)
	}
	if p := r.Config.Preprocess; p != nil {
		x, err := nn.Encode(p)
		add("preprocess", x, err)
	}
	if e := r.EarlyStopping; e != nil {
		x, err := spec.Encode(*e)
		add("early_stop", x, err)
	}
	sum, err := fingerprint(src)
	add("data", spec.Str(sum), err)
	add("rest", spec.Str(fmt.Sprint(r.Config.ClassWeight, r.Config.Accumulate, r.Config.Float, r.Run.Batch, r.Run.Epochs, r.Run.Steps)), nil)
	if val := r.Run.Val; val != nil {
		sum, err := fingerprint(val)
		add("val", spec.Str(sum), err)
	}
	return string(v.JSON()), errors.Join(errs...)
}

// fingerprint tells rows apart by their schema, their number and a thousand of
// them, spread evenly.
func fingerprint(src data.Source) (string, error) {
	h := sha256.New()
	n := src.Len()
	fmt.Fprintf(h, "%v\n%d\n", src.Schema(), n)
	b := data.NewBatch(src.Schema(), 1)
	for i := range min(n, 1000) {
		if err := src.Read(b, []int32{int32(i * n / min(n, 1000))}); err != nil {
			return "", err
		}
		for _, t := range append(slices.Clone(b.X), b.Y...) {
			h.Write(t.Bytes())
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Part cuts src into the rows that a trial trains on and the fold that it holds
// out, stratified by class where src has labels.
func Part(src data.Source, t Trial) (learned, held data.Source, err error) {
	var labels []int32
	if src.Schema().Classification() {
		if labels, err = data.Labels(src); err != nil {
			return nil, nil, err
		}
	}
	folds, err := Folds(src.Len(), t.Folds, labels, t.Seed)
	if err != nil {
		return nil, nil, err
	}
	return data.Subset(src, Rest(src.Len(), folds[t.Fold])), data.Subset(src, folds[t.Fold]), nil
}
