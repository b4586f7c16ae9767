package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/data/augment"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

func configVerb(c *command) *cobra.Command {
	var keys, force bool
	var what, svg string
	cmd := &cobra.Command{
		Use:   "config [FILE] [key=value …]",
		Short: "The resolved configuration, and where each value came from",
		Long: `Print what "nadir train" with the same words would do, each value with its origin:
built-in, a file's line, an environment variable NADIR_…, or the command line.
Later ones win in this order. --keys lists every key there is, and the names that
models, optimizers, schedules, losses and so on go by.

--plot schedule draws the learning rate of every step of that run, and the momentum
where the schedule moves it, in the terminal and to an SVG file.`,
		Example: `  nadir config
  nadir config exp.yaml optim.lr=3e-4
  nadir config --keys
  nadir config schedule=1cycle optim=sgd optim.momentum=0.9 --plot schedule
  nadir config exp.yaml --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, words, err := oneTarget(cmd, args)
			switch {
			case err != nil:
				return err
			case what != "" && keys:
				return usage("--keys and --plot are two things; ask for one")
			case what != "" && what != "schedule":
				return usage("--plot %s: there is one picture to draw, schedule", what)
			case what != "":
				return c.plotSchedule(cmd.Context(), file, words, svg, force)
			case cmd.Flags().Changed("svg"):
				return usage("--svg goes with --plot schedule")
			case !keys:
				return c.config(cmd.Context(), file, words)
			case file != "" || len(words) > 0:
				return usage("--keys lists all keys and takes no others")
			}
			return c.keys()
		},
	}
	cmd.Flags().BoolVar(&keys, "keys", false, "list all keys and names")
	cmd.Flags().StringVar(&what, "plot", "", "draw a `picture`: schedule")
	cmd.Flags().StringVar(&svg, "svg", "schedule.svg", "SVG `file` that it is drawn to")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the picture if it is there")
	return cmd
}

func (c *command) config(ctx context.Context, file string, keys []string) error {
	cfg, err := c.load(file, os.Environ(), keys)
	if err != nil {
		return err
	}
	if err := decodes(cfg); err != nil {
		return err
	}
	c.sayWhy(cfg)
	if a, err := c.described(ctx, "", cfg); err == nil {
		if err := c.remarkWritten(ctx, a.model, a.inputs, cfg); err != nil {
			return err
		}
	}
	if c.json {
		return c.printJSON(object{{"config", cfg.Tree}, {"origin", config.Origins(cfg.Tree)}})
	}
	return c.print(func(w *bufio.Writer) { _, _ = w.Write(config.Annotated(cfg.Tree)) })
}

// decodes reports all that the library makes nothing of.
func decodes(cfg *config.Config) error {
	_, err := nn.Decode(cfg.Model)
	errs := []error{err}
	var o optim.Optimizer
	errs = append(errs, spec.Decode(cfg.Optim, &o))
	if cfg.Schedule.Kind != spec.Null {
		var s sched.Schedule
		errs = append(errs, spec.Decode(cfg.Schedule, &s))
	}
	_, _, err = lossesOf(cfg.Loss)
	errs = append(errs, err)
	_, err = transformsOf(cfg)
	return errors.Join(append(errs, err)...)
}

// vocabulary is the names that values go by, by what they are.
func vocabulary() []struct {
	what  string
	names []string
} {
	return []struct {
		what  string
		names []string
	}{
		{"data", setNames()},
		{"augment", augment.Transforms.Names()},
		{"model", config.Presets()},
		{"layer", nn.Layers.Names()},
		{"activation", act.Registry.Names()},
		{"initializer", initial.Registry.Names()},
		{"regularizer", regular.Regularizers.Names()},
		{"constraint", regular.Constraints.Names()},
		{"optim", optim.Registry.Names()},
		{"schedule", sched.Registry.Names()},
		{"loss", loss.Registry.Names()},
		{"metrics", train.Metrics.Names()},
	}
}

func (c *command) keys() error {
	var rows []spec.FieldDoc
	var walk func(fields []spec.FieldDoc, prefix string)
	walk = func(fields []spec.FieldDoc, prefix string) {
		for _, f := range fields {
			below := f.Fields
			f.Key, f.Fields = prefix+f.Key, nil
			rows = append(rows, f)
			walk(below, f.Key+".")
		}
	}
	walk(spec.Describe(config.Config{}), "")
	if c.json {
		var keys, names []member
		var list []object
		for _, r := range rows {
			list = append(list, object{{"key", r.Key}, {"type", r.Type}, {"default", r.Default}, {"doc", r.Doc}})
		}
		for _, v := range vocabulary() {
			names = append(names, member{v.what, v.names})
		}
		keys = append(keys, member{"keys", list}, member{"names", object(names)})
		return c.printJSON(object(keys))
	}
	return c.print(func(w *bufio.Writer) {
		g := grid{align: "lll"}
		g.add("key", "default", "")
		for _, r := range rows {
			g.add(r.Key, r.Default, r.Doc)
		}
		g.write(w, "")
		fmt.Fprintln(w, "\nnames")
		for _, v := range vocabulary() {
			fmt.Fprintln(w, wrapped(v.what, v.names))
		}
	})
}

// wrapped is a list of names under a heading, in lines of 78 characters.
func wrapped(head string, names []string) string {
	const indent, width = 13, 78
	lines := fmt.Sprintf("%-*s", indent, head)
	at := indent
	for i, n := range names {
		if i < len(names)-1 {
			n += ","
		}
		if at+len(n) > width {
			lines = strings.TrimRight(lines, " ") + "\n" + strings.Repeat(" ", indent)
			at = indent
		}
		lines += n + " "
		at += len(n) + 1
	}
	return strings.TrimRight(lines, " ")
}
