package app

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/data/sets"
	"github.com/nadir-ml/nadir/internal/plot"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func dataVerb(c *command) *cobra.Command {
	verb := &cobra.Command{
		Use:   "data list|show|stats",
		Short: "Known data sets, samples as a picture, statistics",
		Long: `Look at data before training on it. NAME is a set that "nadir data list" knows, PATH
a CSV, npz, npy, IDX or TFRecord file or a folder of pictures.`,
		Example: `  nadir data list
  nadir data show fashion-mnist n=100 -o clothes.png
  nadir data stats titanic.csv data.label=Survived`,
		RunE: func(_ *cobra.Command, args []string) error {
			subs := []string{"list", "show", "stats"}
			if len(args) == 0 {
				return usage("data wants one of %s", strings.Join(subs, ", "))
			}
			return usage("data has no %q; %s", args[0], didYouMean(args[0], subs))
		},
	}
	verb.AddCommand(dataListVerb(c), dataShowVerb(c), dataStatsVerb(c))
	return verb
}

func dataListVerb(c *command) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Data sets known by name, and where they are",
		Example: "  nadir data list\n  NADIR_DATA=/data nadir data list --json",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("data list takes no %q", args[0])
			}
			return c.dataList()
		},
	}
}

func (c *command) dataList() error {
	known := sets.List(nil)
	if c.json {
		tr, _ := digits.New(0, 0, 0)
		list := []object{{{"name", "digits"}, {"about", digitsAbout()}, {"classes", tr.Schema().Classes}, {"dir", nil}, {"download", 0}}}
		for _, k := range known {
			o := object{{"name", k.Name}, {"about", k.About}, {"classes", k.Classes}}
			if k.Dir != "" {
				o = append(o, member{"dir", k.Dir}, member{"download", 0})
			} else {
				o = append(o, member{"dir", nil}, member{"download", k.Bytes})
			}
			list = append(list, o)
		}
		return c.printJSON(object{{"sets", list}, {"dirs", sets.DefaultDirs()}})
	}
	return c.print(func(w *bufio.Writer) {
		g := grid{align: "lll"}
		g.add("digits", digitsAbout(), "built in")
		for _, k := range known {
			where := k.Dir
			if where == "" {
				where = "not here; a download of " + term.Bytes(k.Bytes)
			}
			g.add(k.Name, k.About, where)
		}
		g.write(w, "")
		fmt.Fprintf(w, "\nlooked for in %s\nfiles and folders are named by their path\n", strings.Join(sets.DefaultDirs(), ", "))
	})
}

func digitsAbout() string {
	return fmt.Sprintf("drawn digits, %d×%d gray, %s + %s, 10 classes", digits.Side, digits.Side,
		nn.Thousands(digits.DefaultTrain), nn.Thousands(digits.DefaultTest))
}

// take removes a key that is no part of the configuration from the words, and
// gives its value.
func take(keys []string, key string) (value string, rest []string) {
	for _, k := range keys {
		if v, ok := strings.CutPrefix(k, key+"="); ok {
			value = v
			continue
		}
		rest = append(rest, k)
	}
	return value, rest
}

// openWhole opens the data that a target names, whole.
func (c *command) openWhole(ctx context.Context, verb, target string, keys []string, more ...string) (*config.Config, *dataset, error) {
	if err := meant(verb, keys, sourceKeys(append(more, "input.size", "loss", "loss.*")...)...); err != nil {
		return nil, nil, err
	}
	if target != "" {
		name := target
		if kind, _ := config.Plain(target); kind != spec.String || strings.ContainsAny(target[:1], `[{'"`) {
			name = strconv.Quote(target) // to be read as text
		}
		keys = append([]string{"data=" + name}, keys...)
	}
	cfg, err := c.load("", os.Environ(), keys)
	if err != nil {
		return nil, nil, err
	}
	d, err := c.openData(ctx, cfg, openOptions{whole: true})
	if err != nil {
		return nil, nil, err
	}
	for _, n := range d.notes {
		c.note(n)
	}
	if n := cfg.Data.Limit; n > 0 && n < d.train.Len() {
		if d.train, _, err = data.Split(d.train, d.train.Len()-n, data.Random, cfg.Seed); err != nil {
			d.Close()
			return nil, nil, err
		}
	}
	return cfg, d, nil
}

func dataShowVerb(c *command) *cobra.Command {
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "show NAME|PATH [n=64] [key=value …]",
		Short: "Draw a sheet of samples to a PNG",
		Long: `Draw samples of the training part, as training sees them and with their classes, to
a PNG file: NAME.png here, unless -o says another. seed= draws others. data.augment=
changes them as it does in training, epoch=2 as in the second epoch.`,
		Example: `  nadir data show digits
  nadir data show mnist n=100 data.classes=3,8 -o threes.png
  nadir data show flowers/ input.size=64x64
  nadir data show mnist 'data.augment=[{shift: 0.1}, {rotate: 0.05}, noise]'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			return c.dataShow(cmd.Context(), target, keys, out, force)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "the PNG `file` to write")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the file if it is there")
	return cmd
}

// The largest sheet, in samples.
const mostShown = 10000

func (c *command) dataShow(ctx context.Context, target string, keys []string, out string, force bool) error {
	count, keys := take(keys, "n")
	n := 64
	if count != "" {
		var err error
		if n, err = strconv.Atoi(count); err != nil || n < 1 || n > mostShown {
			return usage("n=%s: want a whole number from 1 to %d", count, mostShown)
		}
	}
	shape, keys := take(keys, "input")
	var as tensor.Shape
	if shape != "" {
		var err error
		if as, err = tensor.ParseShape(shape); err != nil {
			return usage("input=%s: %v", shape, err)
		}
	}
	of, keys := take(keys, "epoch")
	epoch := 1
	if of != "" {
		var err error
		if epoch, err = strconv.Atoi(of); err != nil || epoch < 1 {
			return usage("epoch=%s: want a whole number above 0", of)
		}
	}
	cfg, d, err := c.openWhole(ctx, "data show", target, keys, "data.augment", "data.augment.*")
	if err != nil {
		return err
	}
	defer d.Close()
	if out == "" {
		out = d.name + ".png"
	}
	schema := d.schema()
	n = min(n, d.train.Len())
	rows, err := augmented(cfg, d.train)
	if err != nil {
		return err
	}
	if mixed(cfg) {
		c.note("mix_up and cut_mix blend the rows of a batch in training: the sheet shows them unblended")
	}
	for b, err := range data.Batches(rows, n, data.Order{Seed: cfg.Seed, Epoch: epoch - 1, Shuffle: true}) {
		if err != nil {
			return asData(err)
		}
		x := b.X[0]
		if as != nil {
			if x, err = x.Reshape(append([]int{x.Shape()[0]}, as...)...); err != nil {
				return usage("input=%s: samples have shape %s", shape, shapeText(schema.Inputs[0].Shape))
			}
		}
		if s := x.Shape(); len(s) < 3 || len(s) > 4 || len(s) == 4 && !slices.Contains([]int{1, 3, 4}, s[3]) {
			hint := "; nadir data stats describes them"
			if len(s) == 2 && d.table == nil {
				hint += ", and input=HEIGHTxWIDTH shows them as pictures"
			}
			return &data.Error{Path: cfg.Data.Name, Msg: "samples of shape " + shapeText(s[1:]) + " are no pictures" + hint}
		}
		sheet := plot.Sheet{Images: x.Rows(0, b.N)}
		for i := range b.N {
			if label := labelOf(schema, b, i); label != "" {
				sheet.Labels = append(sheet.Labels, label)
			}
		}
		if err := create(out, force, sheet.PNG); err != nil {
			return err
		}
		break
	}
	if c.json {
		return c.printJSON(object{{"file", out}, {"data", cfg.Data.Name}, {"n", n}})
	}
	return c.tell(func(w *bufio.Writer) {
		fmt.Fprintf(w, "%s: %d of %s samples of %s\n", out, n, nn.Thousands(d.train.Len()), cfg.Data.Name)
	})
}

// labelOf is what row i of a batch is.
func labelOf(s data.Schema, b *data.Batch, i int) string {
	switch {
	case s.Classification():
		return s.Classes[b.Y[0].Int32s()[i]]
	case len(s.Targets) == 1 && s.Targets[0].Shape.Len() == 1:
		return strconv.FormatFloat(b.Y[0].Flat(i), 'g', 4, 64)
	}
	return ""
}
