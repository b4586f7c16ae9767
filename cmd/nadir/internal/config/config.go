package config

import (
	"time"

	"github.com/nadir-ml/nadir/spec"
)

// A Config is what `train` is told: the top level of a configuration file.
// What names types of the library (the model, the optimizer, …) stays a tree,
// which the library decodes.
type Config struct {
	Model        spec.Value    `doc:"list of layers, a mapping, a preset, a file or a saved model" default:"chapter"`
	Data         Data          `doc:"what to train on" default:"digits"`
	Input        Input         `doc:"shape of one sample where there is no data; preprocessing of a model that has none"`
	Output       Output        `doc:"what to take as the output of a graph that has several"`
	Loss         spec.Value    `doc:"a loss, or one an output" default:"cross_entropy for labels, mse for numbers"`
	Metrics      Named         `doc:"further metrics by name, such as f1,roc_auc or [{name: top_k, k: 3}]"`
	ClassWeight  ClassWeight   `doc:"balanced, or 0:1,1:5"`
	SampleWeight string        `doc:"column that holds the weight of a row"`
	Optim        spec.Value    `spec:",alias=optimizer" doc:"the optimizer" default:"nadam"`
	Schedule     spec.Value    `doc:"the learning rate over time" default:"constant"`
	Epochs       Epochs        `doc:"passes over the data; +10 extends a finished run" default:"5 on digits, else 10"`
	Steps        int           `doc:"training steps, in place of epochs"`
	Accumulate   int           `doc:"batches whose gradients are added up for one update" default:"1"`
	Seed         uint64        `doc:"the seed of everything random" default:"42"`
	Threads      int           `doc:"threads to work on; the results do not depend on it" default:"the cores"`
	Out          string        `doc:"the run directory, which must not exist" default:"runs/NAME"`
	EarlyStop    *EarlyStop    `doc:"stops when a metric no longer improves"`
	Ckpt         Ckpt          `doc:"checkpoints"`
	Precision    string        `doc:"the type of the work: f32, f64, or bf16, products of bfloat16 in f32" default:"f32"`
	MaxTime      time.Duration `doc:"stops after this long"`
	Preset       string        `doc:"the configuration that all else is laid over" default:"default"`
	Init         string        `doc:"fresh keeps only the architecture of a saved model; slots keeps what its optimizer remembers, too; lsuv scales fresh weights by a batch of the data"`
	Sparsity     Sparsity      `doc:"zeros in the kernels of the model that is saved"`
	Signal       Signal        `doc:"statistics of the layers during training"`
	Pretrain     spec.Value    `doc:"stages that run before training"`
	Transfer     Transfer      `doc:"reuse of another model's layers"`

	// Tree is the configuration as it was resolved; every value in it knows its
	// origin.
	Tree spec.Value `spec:"-"`
	// ModelFile is the saved model that Model was read from, if it was.
	ModelFile string `spec:"-"`
	// Notes say what was left out.
	Notes []string `spec:"-"`
}

// Data is the data key.
type Data struct {
	Name    string     `spec:"name,scalar" doc:"a data set's name, a file or a folder" default:"digits"`
	URL     string     `spec:"url" doc:"a mirror to download from"`
	Val     Part       `doc:"part kept for validation" default:"0.1"`
	Test    Part       `doc:"part kept for testing, where the set has none of its own"`
	Feature Words      `doc:"features of a TFRecord file that are the input"`
	Label   string     `doc:"name or position of the column, or name of the feature, to predict"`
	Ignore  Words      `doc:"columns of a table that are not read"`
	Batch   int        `doc:"rows a step" default:"32"`
	Limit   int        `doc:"training rows to keep, before the split"`
	Classes Classes    `doc:"classes to keep, such as 0-4,7-9, renumbered from 0"`
	Augment spec.Value `doc:"random changes to training rows, a list such as [shift, {rotate: 0.05}]"`
}

// Augmented reports whether training rows are changed at random, so that no two
// epochs see the same ones and nothing made of them can be kept.
func (c *Config) Augmented() bool {
	a := c.Data.Augment
	return a.Kind != spec.Null && len(a.Items)+len(a.Entries)+len(a.Text) > 0
}

// A Part of the data is a fraction, a count or a file.
type Part struct {
	Size Size   `spec:"size,scalar" doc:"a fraction below 1, a count, a file, or 0" default:"0.1"`
	From string `doc:"end, start or random" default:"end for sets with a fixed order, else random"`
}

// Input is the input key.
type Input struct {
	Shape       Shape      `spec:"shape,scalar" doc:"shape of one sample, such as 28x28x1"`
	Scale       spec.Value `doc:"factor, such as 1/255"`
	Mean        spec.Value `doc:"subtracted: a number, one a channel, or a file with a mean image"`
	Std         spec.Value `doc:"divided by: a number, or one a channel"`
	Standardize string     `doc:"train: mean and deviation of the training part"`
	Layout      string     `doc:"nhwc or nchw"`
	Channels    string     `doc:"rgb or bgr: the order that the model takes colors in" default:"rgb"`
	Size        Shape      `doc:"size that pictures are brought to, such as 32x32"`
	Node        string     `doc:"input of a graph that has several"`
}

// Output is the output key.
type Output struct {
	Node string `doc:"output of a graph that has several"`
}

// EarlyStop is the early_stop key.
type EarlyStop struct {
	Monitor     string `doc:"the metric to watch" default:"val/loss"`
	Patience    int    `spec:"patience" doc:"epochs without improvement"`
	RestoreBest bool   `doc:"goes back to the best weights"`
}

// Ckpt is the ckpt key.
type Ckpt struct {
	Every Interval `doc:"steps, or a duration such as 30s" default:"an epoch"`
	Keep  int      `doc:"newest checkpoints that are kept" default:"3"`
}

// Transfer is the transfer key.
type Transfer struct {
	From     string     `doc:"saved model, or run, whose layers are reused"`
	Reuse    string     `doc:"pattern of the layers that are copied" default:"all but the last"`
	Head     Units      `doc:"units of the new last layer, called head" default:"the classes of the data"`
	Add      spec.Value `doc:"layers before the head: a list, or units such as 100,50"`
	Freeze   string     `doc:"pattern of reused layers that are not trained" default:"with unfreeze all, else none"`
	Unfreeze string     `doc:"layers that are trained from an epoch on: PATTERN@EPOCH[:lr], top2@5" default:"a tenth of the rate"`
	Cache    string     `doc:"where what frozen layers make of the rows is kept: auto, memory, disk or off" default:"auto"`
}

// Sparsity is the sparsity key.
type Sparsity struct {
	Share float64 `spec:"share,scalar" doc:"the smallest weights are 0 until so many are, such as 0.9"`
	Below float64 `doc:"weights that are smaller are 0, such as 1e-3"`
}

// Validate says which numbers make no sense.
func (s *Sparsity) Validate() error {
	var w wrong
	if v := spec.Or(s.Share, 0); !(v >= 0 && v < 1) {
		w.add("share", "want a share from 0 to below 1, found %g", v)
	}
	if v := spec.Or(s.Below, 0); !(v >= 0 && v < 1e30) {
		w.add("below", "want a number, 0 or more, found %g", v)
	}
	return w.err()
}

// Signal is the signal key.
type Signal struct {
	Every int `doc:"steps between two measurements"`
}

// Validate says which numbers make no sense.
func (c *Config) Validate() error {
	var w wrong
	w.atLeast("steps", c.Steps, 0)
	w.atLeast("accumulate", c.Accumulate, 0)
	w.atLeast("threads", c.Threads, 0)
	w.oneOf("precision", c.Precision, "f32", "f64", "bf16")
	w.oneOf("init", c.Init, "fresh", "slots", "lsuv")
	if c.MaxTime < 0 {
		w.add("max_time", "want a time above 0, found %v", c.MaxTime)
	}
	return w.err()
}

// Validate says which numbers make no sense.
func (d *Data) Validate() error {
	var w wrong
	w.atLeast("batch", d.Batch, 1)
	w.atLeast("limit", d.Limit, 0)
	return w.err()
}

// Validate says which words are unknown.
func (p *Part) Validate() error {
	var w wrong
	w.oneOf("from", p.From, "end", "start", "random")
	return w.err()
}

// Validate says which words are unknown.
func (in *Input) Validate() error {
	var w wrong
	w.oneOf("standardize", in.Standardize, "train")
	w.oneOf("layout", in.Layout, "nhwc", "nchw")
	w.oneOf("channels", in.Channels, "rgb", "bgr")
	return w.err()
}

// Validate says which numbers make no sense.
func (e *EarlyStop) Validate() error {
	var w wrong
	w.atLeast("patience", e.Patience, 0)
	return w.err()
}

// Validate says which words are unknown, and that there is nothing to reuse.
func (t *Transfer) Validate() error {
	var w wrong
	w.oneOf("cache", t.Cache, "auto", "memory", "disk", "off")
	if t.From == "" && (t.Reuse != "" || t.Head != 0 || t.Add.Kind != spec.Null || t.Freeze != "" || t.Unfreeze != "" || t.Cache != "") {
		w.add("from", "say whose layers are reused: a saved model or a run")
	}
	return w.err()
}

// Validate says which numbers make no sense.
func (c *Ckpt) Validate() error {
	var w wrong
	w.atLeast("keep", c.Keep, 1)
	return w.err()
}

// Validate says which numbers make no sense.
func (s *Signal) Validate() error {
	var w wrong
	w.atLeast("every", s.Every, 0)
	return w.err()
}
