package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/internal/plot"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

func lrFindVerb(c *command) *cobra.Command {
	var f train.LRFinder
	var svg string
	var force bool
	cmd := &cobra.Command{
		Use:   "lr-find [FILE] [key=value …]",
		Short: "Find a learning rate: raise it step by step and watch the loss",
		Long: `Train a copy of the model while the learning rate grows from step to step by a
constant factor, from --start to --end in --steps, and watch the loss fall, turn and
blow up. Target and keys are those of "nadir train", whose first steps these would
be; a schedule is left out. Nothing is saved, and training afterwards begins as if
there had been no search.

The suggestion lies halfway, by logarithms, between the rate at which the loss falls
fastest and the one at which it is lowest. For schedule=1cycle it is a max_lr.`,
		Example: `  nadir lr-find
  nadir lr-find exp.yaml optim=sgd
  nadir lr-find data=mnist model=plain optim=sgd --svg lr.svg
  nadir lr-find exp.yaml --start 1e-5 --end 1 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			return c.lrFind(cmd.Context(), f, file, keys, svg, force)
		},
	}
	cmd.Flags().Float64Var(&f.Start, "start", 1e-6, "first `rate`")
	cmd.Flags().Float64Var(&f.End, "end", 10, "last `rate`, unless the loss blows up before")
	cmd.Flags().IntVar(&f.Steps, "steps", 400, "training steps from one to the other")
	cmd.Flags().StringVar(&svg, "svg", "", "draw the curve to this SVG `file`")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the picture if it is there")
	return cmd
}

func (c *command) lrFind(ctx context.Context, f train.LRFinder, file string, keys []string, svg string, force bool) error {
	if f.Start == 0 || f.End == 0 || f.Steps == 0 { // written: the library's 0 means its default
		return usage("--start, --end and --steps: want numbers above 0")
	}
	if err := f.Validate(); err != nil {
		return usage("%v", err)
	}
	cfg, err := c.load(file, os.Environ(), keys)
	if err != nil {
		return err
	}
	if v, ok := given(cfg, "schedule"); ok {
		c.note(fmt.Sprintf("schedule %s is left out: the search has one of its own", nameIn(v)))
	}
	cfg.Schedule = spec.Value{}
	s, err := c.ready(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	f.Batch = cfg.Data.Batch
	bar := term.NewBar(c.err, "searching", int64(f.Steps)+1, term.Count)
	watch := func(step, _ int) { bar.Set(int64(step)) }
	if c.quiet {
		watch = nil
	}
	curve, err := f.Watch(ctx, s.trainer, s.data.train, watch)
	if !c.quiet {
		bar.Close()
	}
	if err != nil {
		return err
	}
	v := lrView{curve, cfg, s}
	if svg != "" {
		if err := create(svg, force, v.picture().SVG); err != nil {
			return err
		}
		c.note("drawn: " + svg)
	}
	if c.json {
		return c.printJSON(v.object(svg))
	}
	return c.print(func(w *bufio.Writer) { v.text(w) })
}

// nameIn is the name in a value that is one or a mapping with one.
func nameIn(v spec.Value) string {
	if n, ok := v.Get("name"); ok {
		return n.Text
	}
	return v.Text
}

// An lrView is what is shown of a search.
type lrView struct {
	*train.LRCurve
	cfg *config.Config
	s   *session
}

func (v lrView) picture() plot.Search {
	return plot.Search{
		Title: fmt.Sprintf("%s, %s on %s", v.s.modelName(), nameIn(v.cfg.Optim), v.s.data.name), LR: v.LR, Loss: v.Loss, Smooth: v.Smooth,
		Marks: []plot.Mark{{X: v.Suggestion, Name: "suggested", Main: true}, {X: v.Steepest, Name: "steepest"}, {X: v.Lowest, Name: "lowest"}, {X: v.BlowUp, Name: "blows up"}},
	}
}

func (v lrView) object(svg string) object {
	rate := func(x float64) any {
		if x == 0 {
			return nil
		}
		return x
	}
	list := func(xs []float64) []any {
		out := make([]any, len(xs))
		for i, x := range xs {
			out[i] = finite(x)
		}
		return out
	}
	o := object{
		{"suggestion", rate(v.Suggestion)}, {"steepest", rate(v.Steepest)}, {"lowest", rate(v.Lowest)}, {"blow_up", rate(v.BlowUp)},
		{"optim", nameIn(v.cfg.Optim)}, {"batch", v.cfg.Data.Batch}, {"first_loss", v.First},
		{"lr", list(v.LR)}, {"loss", list(v.Loss)}, {"smooth", list(v.Smooth)},
	}
	if svg != "" {
		o = append(o, member{"svg", svg})
	}
	return o
}

func (v lrView) text(w io.Writer) {
	p := v.picture()
	fmt.Fprintf(w, "%s, batch %d, %d steps\n\n", p.Title, v.cfg.Data.Batch, len(v.LR))
	for _, line := range p.Chart(72, 12, map[rune]float64{'▲': v.Suggestion, 'x': v.BlowUp}) {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintln(w)
	if v.Suggestion == 0 {
		fmt.Fprintf(w, "The loss falls at no rate from %s to %s: look at the data, at the loss, and with nadir signal at the model.\n", figure(v.LR[0]), figure(v.LR[len(v.LR)-1]))
		return
	}
	blows := "not by " + figure(v.LR[len(v.LR)-1])
	if v.BlowUp > 0 {
		blows = "at " + figure(v.BlowUp)
	}
	fmt.Fprintf(w, "falls fastest at %s, is lowest at %s, blows up %s\n", figure(v.Steepest), figure(v.Lowest), blows)
	fmt.Fprintf(w, "suggestion (▲): optim.lr=%s\n", strconv.FormatFloat(v.Suggestion, 'g', 2, 64))
}
