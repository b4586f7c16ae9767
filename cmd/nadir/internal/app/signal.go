package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/internal/plot"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

func signalVerb(c *command) *cobra.Command {
	var svg string
	var force bool
	cmd := &cobra.Command{
		Use:   "signal MODEL|FILE|PRESET [data=…] [input=SHAPE] [key=value …]",
		Short: "Does the signal flow? Variance layer by layer, a verdict, a cure",
		Long: `Run one training step on a copy of a model and show, for every layer with
weights, how far its outputs and their gradients spread, what it multiplies
either by, what share of its units is saturated or dead, the mean singular value
of its Jacobian, and how much of its kernel the first step changes. The verdict is
healthy, vanishing, exploding, saturated, mismatch, symmetric or dead, with a cure.

The target is a saved model, a run, a YAML file (a list of layers or a
configuration) or a preset. With data= 500 of its rows are run through the model,
and the gradient is that of the loss. Without, 500 rows of N(0,1) are, in the
shape of the model's input layer, of input=, or 28x28, and noise is the gradient
of the output.`,
		Example: `  nadir signal net.yaml
  nadir signal net.yaml data=mnist
  nadir signal net.yaml input=100 --svg signal.svg
  nadir signal runs/digits --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			return c.signalFlow(cmd.Context(), target, keys, svg, force)
		},
	}
	cmd.Flags().StringVar(&svg, "svg", "", "draw both directions to this SVG `file`")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the picture if it is there")
	return cmd
}

// signalRows is the number of rows that are run through a model.
const signalRows = 500

// An examination is a net and what its signal is measured with.
type examination struct {
	name    string
	on      string // the rows, in words
	net     *train.Net
	options diag.Options
	close   []func()
}

func (e *examination) Close() {
	for _, f := range slices.Backward(e.close) {
		f()
	}
}

func (c *command) signalFlow(ctx context.Context, target string, keys []string, svg string, force bool) error {
	e, err := c.examine(ctx, target, keys)
	if err != nil {
		return err
	}
	defer e.Close()
	r, err := diag.Measure(ctx, e.net, e.options)
	if err != nil {
		return err
	}
	if len(r.Layers) == 0 {
		return usage("%s: no layer has weights, so there is no signal to follow", e.name)
	}
	if svg != "" {
		if err := create(svg, force, signalPicture(e, r).SVG); err != nil {
			return err
		}
		c.note("drawn: " + svg)
	}
	if c.json {
		return c.printJSON(r)
	}
	return c.print(func(w *bufio.Writer) { signalText(w, e, r) })
}

// examine makes the net that the target and the keys describe.
func (c *command) examine(ctx context.Context, target string, keys []string) (*examination, error) {
	ext := strings.ToLower(filepath.Ext(target))
	switch {
	case target == "":
		return c.examineWritten(ctx, "nadir train", "", keys)
	case slices.Contains(config.Presets(), target) && !exists(target):
		return c.examineWritten(ctx, target, "", append([]string{"model=" + target}, keys...))
	case ext == ".yaml" || ext == ".yml" || ext == ".json":
		return c.examineWritten(ctx, target, target, keys)
	case isRun(target) && !exists(filepath.Join(target, modelFile)):
		return c.examineWritten(ctx, target, filepath.Join(target, configFile), keys)
	}
	return c.examineSaved(ctx, target, keys)
}

// examineWritten takes a configuration. The data counts where the user named
// it.
func (c *command) examineWritten(ctx context.Context, name, file string, keys []string) (*examination, error) {
	cfg, err := c.load(file, os.Environ(), keys)
	if err != nil {
		return nil, err
	}
	e := &examination{name: name}
	if err := e.configure(cfg); err != nil {
		return nil, err
	}
	if at, _ := cfg.Tree.Get("data"); !namesData(at) {
		if err := withoutData(keys); err != nil {
			return nil, err
		}
		a, err := c.described(ctx, name, cfg)
		if err != nil {
			return nil, err
		}
		if want := tensor.Shape(cfg.Input.Shape); len(want) > 0 && !a.inputs[0].Shape.Equal(want) {
			return nil, usage("input=%s: the model takes samples of shape %s", want.Times(), a.inputs[0].Shape.Times())
		}
		if err := e.noise(a.model, a.inputs, cfg); err != nil {
			return nil, err
		}
		return e, nil
	}
	d, err := c.openData(ctx, cfg, openOptions{})
	if err != nil {
		return nil, err
	}
	e.close = append(e.close, d.Close)
	for _, n := range d.notes {
		c.note(n)
	}
	b, err := c.newTrainer(cfg, d, nil)
	if err == nil {
		e.net = b.trainer.Net
		e.close = append(e.close, func() { _ = b.trainer.Close() })
		if b.fresh {
			err = b.trainer.Adapt(ctx, d.train)
		}
	}
	if err == nil {
		err = e.sample(d.train, d.name, cfg)
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// withoutData refuses keys that say something of data where none is named, and
// those in more.
func withoutData(keys []string, more ...string) error {
	for _, word := range keys {
		key, _, _ := strings.Cut(word, "=")
		if top, _, _ := strings.Cut(key, "."); contains(append([]string{"data", "loss", "sample_weight"}, more...), top) {
			return usage("%s: it has no meaning without data=", word)
		}
	}
	return nil
}

// namesData reports whether the user named a data set.
func namesData(at spec.Value) bool {
	if at.Kind == spec.Map {
		at, _ = at.Get("name")
	}
	return at.Kind != spec.Null && at.Pos.File != config.BuiltIn
}

// examineSaved takes a saved model, as it is.
func (c *command) examineSaved(ctx context.Context, target string, keys []string) (*examination, error) {
	if err := meant("signal", keys, sourceKeys("data.val", "data.test", "model", "model.*", "input", "input.*", "output.node", "loss", "loss.*", "optim", "optim.*", "precision", "threads")...); err != nil {
		return nil, err
	}
	s, err := c.openSubject("signal", target, keys)
	if err != nil {
		return nil, err
	}
	e := &examination{name: s.path}
	if err := e.configure(s.cfg); err != nil {
		return nil, err
	}
	if _, given := s.said("data", "name"); !given {
		if err := withoutData(keys, "input"); err != nil {
			return nil, err
		}
		set := train.Config{Preprocess: s.Preprocess, Threads: s.cfg.Threads, Float: floatOf(s.cfg.Precision)}
		set.Data.Inputs = unitInputs(s.Data.Inputs)
		for i, f := range set.Data.Inputs { // the noise is what the model itself is given
			if f = prepared(s.Preprocess, f); !f.Shape.Equal(set.Data.Inputs[i].Shape) {
				set.Data.Inputs[i], set.Preprocess = f, nn.Sequential{}
			}
		}
		if e.net, err = train.NewNet(s.Net, s.Params, set); err != nil {
			return nil, err
		}
		e.noisy()
		return e, nil
	}
	in, err := c.newIntake(s)
	if err != nil {
		return nil, err
	}
	d, src, part, err := c.measured(ctx, s, in)
	if err != nil {
		return nil, err
	}
	e.close = append(e.close, d.Close)
	if e.net, err = s.measuring(src, false); err == nil {
		err = e.sample(src, d.name+", "+part+" part", s.cfg)
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// configure reads the optimizer and its first rate.
func (e *examination) configure(cfg *config.Config) error {
	e.options.Rows, e.options.Seed, e.options.Threads = signalRows, cfg.Seed, cfg.Threads
	return spec.Decode(cfg.Optim, &e.options.Optim)
}

// noise makes a net with fresh weights whose input is noise.
func (e *examination) noise(m nn.Model, inputs []data.Field, cfg *config.Config) error {
	set := train.Config{Seed: cfg.Seed, Threads: cfg.Threads, Float: floatOf(cfg.Precision)}
	set.Data.Inputs = unitInputs(inputs)
	if _, err := declare(m, set); err != nil {
		return err
	}
	var err error
	e.net, err = train.NewNet(m, nil, set)
	e.noisy()
	return err
}

func (e *examination) noisy() {
	e.on = fmt.Sprintf("%d rows of N(0,1), with noise for the gradient of the output; data= takes real ones and the loss", signalRows)
}

// unitInputs are fields of the same shapes that hold floats, as noise is.
func unitInputs(fields []data.Field) []data.Field {
	out := slices.Clone(fields)
	for i := range out {
		out[i].DType = tensor.Float32
	}
	return out
}

// sample draws the rows, and takes the rate of the schedule's first step.
func (e *examination) sample(src data.Source, name string, cfg *config.Config) error {
	var err error
	if e.options.Batch, err = diag.Sampled(src, signalRows, cfg.Seed); err != nil {
		return asData(err)
	}
	e.on = fmt.Sprintf("%d rows of %s, with the gradient of the loss", e.options.Batch.N, name)
	if cfg.Schedule.Kind == spec.Null {
		return nil
	}
	var s sched.Schedule
	if err := spec.Decode(cfg.Schedule, &s); err != nil {
		return err
	}
	steps := (src.Len() + cfg.Data.Batch - 1) / cfg.Data.Batch
	e.options.LR = s.At(sched.Point{StepsPerEpoch: steps, Epochs: cfg.Epochs.N, LR: e.options.Optim.Rate()})
	return nil
}

// signalPicture draws both directions.
func signalPicture(e *examination, r *diag.Report) plot.Signal {
	p := plot.Signal{Title: fmt.Sprintf("%s: %s", filepath.Base(e.name), verdictsText(r))}
	for _, l := range r.Layers {
		p.Layers = append(p.Layers, l.Name)
		p.Forward = append(p.Forward, l.Std)
		p.Backward = append(p.Backward, l.GradStd)
	}
	return p
}

func verdictsText(r *diag.Report) string {
	var words []string
	for _, v := range r.Verdicts {
		words = append(words, string(v))
	}
	return strings.Join(words, ", ")
}

// signalText writes what a person reads.
func signalText(w io.Writer, e *examination, r *diag.Report) {
	fmt.Fprintf(w, "%s: %s\n\n", e.name, e.on)
	g := grid{align: "lllrlrlrrrrrr"}
	g.add("layer", "activation", "init", "std", "", "grad std", "", "×signal", "×grad", "saturated", "dead", "Jacobian", "update")
	var stds, grads []float64
	for _, l := range r.Layers {
		stds, grads = append(stds, l.Std), append(grads, l.GradStd)
	}
	forth, back := bars(stds), bars(grads)
	for i, l := range r.Layers {
		jacobian := math.NaN()
		if l.Jacobian != nil {
			jacobian = l.Jacobian.Mean
		}
		g.add(short(l.Name, 32), short(l.Activation, 24), short(l.Init, 24), figure(l.Std), forth[i], figure(l.GradStd), back[i],
			figure(l.ForwardFactor), figure(l.GradFactor), percent(l.Saturated), percent(l.Dead), figure(jacobian), figure(l.Update))
	}
	g.write(w, "")
	fmt.Fprintf(w, "\nA layer multiplies the gradient by %s, the signal by %s (geometric means).\n", figure(r.GradFactor), figure(r.ForwardFactor))
	if len(r.Layers) > 1 {
		fmt.Fprintf(w, "From layer to layer gradients differ by a factor of %s, relative updates by %s.\n", figure(r.GradSpread), figure(r.UpdateSpread))
	}
	fmt.Fprintf(w, "\nverdict: %s\n", verdictsText(r))
	for _, line := range folded(r.Cure, 96) {
		fmt.Fprintln(w, line)
	}
}

// bars draws positive numbers by their logarithms, a decade being at least one
// block of eight.
func bars(values []float64) []string {
	const blocks = 8
	eighths := []rune(" ▏▎▍▌▋▊▉█")
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v > 0 && !math.IsInf(v, 0) {
			lo, hi = min(lo, math.Log10(v)), max(hi, math.Log10(v))
		}
	}
	lo = min(lo, hi-1)
	out := make([]string, len(values))
	for i, v := range values {
		if !(v > 0) || math.IsInf(v, 0) {
			continue
		}
		n := int(math.Round((1 + (blocks-1)*(math.Log10(v)-lo)/(hi-lo)) * 8))
		out[i] = strings.Repeat("█", n/8)
		if n%8 > 0 {
			out[i] += string(eighths[n%8])
		}
	}
	return out
}

// figure writes a number with three significant digits.
func figure(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.IsInf(v, 0):
		return "∞"
	}
	return fmt.Sprintf("%.3g", v)
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}

// folded breaks text into lines of at most so many characters, at spaces.
func folded(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
