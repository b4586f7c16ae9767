package pretrain

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/spec"
)

// A Stage is one entry of a pretrain list: [Boltzmann], [Autoencoder],
// [Denoising] or [Auxiliary].
type Stage interface {
	base() Common
	// plan cuts the stage into parts that are trained one after the other.
	plan(p *Pretraining, of *outline) ([]part, error)
}

// Stages holds every stage by its kind.
var Stages = spec.NewRegistry[Stage]("kind of stage")

func init() {
	Stages.Register("rbm", Boltzmann{}, spec.Doc("each layer as a restricted Boltzmann machine"))
	Stages.Register("autoencoder", Autoencoder{}, spec.Doc("each layer as one that its input can be made of again"))
	Stages.Register("denoising", Denoising{}, spec.Doc("an autoencoder whose input is spoilt"))
	Stages.Register("auxiliary", Auxiliary{}, spec.Doc("the lower layers on a task with cheap labels"))
}

// Common is what every stage says.
type Common struct {
	// Layers names the dense layers that are trained. Without it they are all
	// that lead to no output of the net by themselves: the hidden ones.
	Layers string `spec:"layers" default:"the hidden layers" doc:"pattern of the layers to train"`
	// Epochs is the number of passes, of each layer where they are trained one
	// by one.
	Epochs int `spec:"epochs" default:"10" doc:"passes over the rows, for each layer"`
	// LR is the learning rate; 0 keeps that of the optimizer.
	LR float64 `spec:"lr" doc:"learning rate" default:"that of the optimizer"`
	// Optim is the stage's own optimizer. Without it an RBM has stochastic
	// gradient descent with a rate of 0.05, or 0.005 where its visible units are
	// Gaussian, and the other stages have that of the run.
	Optim    *optim.Optimizer `spec:"optim,alias=optimizer" doc:"optimizer" default:"sgd of an rbm, else that of the run"`
	Schedule sched.Schedule   `spec:"schedule" default:"constant" doc:"the learning rate over time"`
	Batch    int              `spec:"batch" default:"that of the run" doc:"rows a step"`
	// Data is the rows that the stage learns from, as the configuration of a run
	// has them; Config.Open makes rows of it. Without it they are those of the
	// run.
	Data spec.Value `spec:"data" default:"the training rows of the run" doc:"rows to learn from; they need no labels"`
}

func (c Common) base() Common { return c }

// Validate refuses numbers below what makes sense.
func (c Common) Validate() error {
	switch {
	case c.Epochs < 0:
		return spec.Field("epochs", "want a whole number above 0, got %d", c.Epochs)
	case c.Batch < 0:
		return spec.Field("batch", "want a whole number above 0, got %d", c.Batch)
	case c.LR != 0 && !(spec.Or(c.LR, 0) > 0):
		return spec.Field("lr", "want a number above 0, got %g", spec.Or(c.LR, 0))
	}
	return nil
}

func (c Common) epochs() int {
	if c.Epochs == 0 {
		return 10
	}
	return c.Epochs
}

// optimizer is the stage's own, or else, with the stage's rate.
func (c Common) optimizer(or optim.Optimizer) (optim.Optimizer, error) {
	o := or
	if c.Optim != nil {
		o = *c.Optim
	}
	if c.LR == 0 {
		return o, o.Validate()
	}
	v, err := spec.Encode(o)
	if err != nil {
		return o, err
	}
	if v.Kind != spec.Map {
		v = spec.Value{Kind: spec.Map}.With("name", v)
	}
	var out optim.Optimizer
	if err := spec.Decode(v.With("lr", spec.Num(spec.Or(c.LR, 0))), &out); err != nil {
		return o, fmt.Errorf("lr: %w", err)
	}
	out.Transforms = o.Transforms // they have no text
	return out, nil
}

// counts are the keys that hold a whole number above 0.
var counts = []string{"epochs", "batch", "k", "chains", "head", "embedding", "tiles", "permutations"}

// Decode reads a pretrain list.
func Decode(v spec.Value) ([]Stage, error) {
	items := v.Items
	switch v.Kind {
	case spec.Null:
		return nil, nil
	case spec.List:
	case spec.Map, spec.String:
		items = []spec.Value{v} // one stage alone
	default:
		return nil, &spec.Error{Pos: v.Pos, Path: "pretrain", Msg: "pretrain: want a list of stages, such as - {kind: autoencoder, epochs: 10}"}
	}
	if len(items) == 0 {
		return nil, &spec.Error{Pos: v.Pos, Path: "pretrain", Msg: "pretrain: the list has no stage"}
	}
	var out []Stage
	for i, item := range items {
		path := fmt.Sprintf("pretrain.%d", i)
		if item.Kind == spec.Map {
			kind, ok := item.Get("kind")
			if !ok {
				return nil, &spec.Error{Pos: item.Pos, Path: path, Msg: fmt.Sprintf("%s: it has no kind; say kind: rbm, autoencoder, denoising or auxiliary", path)}
			}
			if n, named := item.Get("name"); named {
				return nil, &spec.Error{Pos: n.Pos, Path: path + ".name", Msg: path + ": a stage has a kind, not a name"}
			}
			for _, e := range item.Entries { // in Go a 0 means the default; a written one says 0
				if n := 0; slices.Contains(counts, e.Key) && spec.Decode(e.Value, &n) == nil && e.Value.Kind == spec.Number && n == 0 {
					return nil, &spec.Error{Pos: e.Value.Pos, Path: path + "." + e.Key, Msg: fmt.Sprintf("%s: %s: want a whole number above 0, got 0", path, e.Key)}
				}
			}
			item = item.Without("kind").With("name", kind)
		}
		var s Stage
		if err := spec.Decode(item, &s); err != nil {
			return nil, within(err, path)
		}
		out = append(out, s)
	}
	return out, nil
}

// within puts the paths of errors below a key.
func within(err error, path string) error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var list []error
		for _, e := range j.Unwrap() {
			list = append(list, within(e, path))
		}
		return errors.Join(list...)
	}
	if e, ok := err.(*spec.Error); ok {
		c := *e
		c.Path = strings.TrimSuffix(path+"."+e.Path, ".")
		c.Msg = path + ": " + e.Msg
		return &c
	}
	return err
}
