package app

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

func initTableVerb(c *command) *cobra.Command {
	return &cobra.Command{
		Use:   "init-table IN OUT",
		Short: "σ and r of every initializer for a layer of that size",
		Long: `Print the standard deviation σ, and the bound r of a uniform distribution with
that deviation, of a kernel with IN connections into a unit and OUT out of it:
by activation, as an older and a newer edition of the textbook's table have it,
by initializer, and by the activations here with the initializer that each gets
where none is set.

IN may be the window of a convolution: 3x3x32 are windows of 3x3 on 32 channels.`,
		Example: `  nadir init-table 784 300
  nadir init-table 3x3x32 64 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			targets, keys, err := words(cmd, args)
			if err != nil {
				return err
			}
			if len(targets) != 2 || len(keys) > 0 {
				return usage("init-table wants two sizes, such as: nadir init-table 784 300")
			}
			return c.initTable(targets[0], targets[1])
		},
	}
}

func (c *command) initTable(in, out string) error {
	shape, err := tensor.ParseShape(in)
	if err == nil {
		var units tensor.Shape
		if units, err = tensor.ParseShape(out); err == nil && len(units) != 1 {
			err = fmt.Errorf("OUT: want a number of units, got %s", out)
		}
		shape = append(shape, units...)
	}
	if err == nil && slices.Min(shape) < 1 {
		err = fmt.Errorf("sizes are above 0")
	}
	if err == nil {
		_, err = shape.Elems()
	}
	if err != nil {
		return usage("init-table %s %s: %v", in, out, err)
	}
	t := tabulate(shape)
	if c.json {
		return c.printJSON(t)
	}
	return c.print(func(w *bufio.Writer) { t.text(w) })
}

// An initLine is one line of the table: an initializer, for an activation, with
// its deviation and the bound of a uniform distribution that has it.
type initLine struct {
	Edition     int     `json:"edition,omitempty"`
	Activation  string  `json:"activation,omitempty"`
	Initializer string  `json:"initializer"`
	Sigma       float64 `json:"sigma"`
	R           float64 `json:"r"`
}

// An initTable is every line for one kernel.
type initTable struct {
	In           int        `json:"in"`
	Out          int        `json:"out"`
	Table        []initLine `json:"table"`
	Initializers []initLine `json:"initializers"`
	Activations  []initLine `json:"activations"`
}

// tabulate fills the table for a kernel's shape.
func tabulate(shape tensor.Shape) *initTable {
	t := &initTable{}
	t.In, t.Out = param.Fans(shape)
	line := func(edition int, activation, name string, init param.Init) initLine {
		sigma, _ := initial.Deviation(init, shape)
		return initLine{edition, activation, name, sigma, math.Sqrt(3) * sigma}
	}
	for _, a := range []struct{ name, of, init string }{{"logistic", "sigmoid", "glorot_normal"}, {"tanh", "tanh", "glorot_tanh"}, {"relu and its variants", "relu", "glorot_relu"}} {
		t.Table = append(t.Table, line(1, a.name, a.init, initial.FirstEdition(a.of, initial.TruncatedNormal)))
	}
	t.Table = append(t.Table,
		line(2, "none, tanh, logistic, softmax", "glorot_normal", initial.Glorot),
		line(2, "relu and its variants", "he_normal", initial.He),
		line(2, "selu", "lecun_normal", initial.LeCun))
	for _, name := range initial.Registry.Names() {
		if init, err := initial.Registry.New(name); err == nil {
			if _, known := initial.Deviation(init, shape); known {
				t.Initializers = append(t.Initializers, line(0, "", name, init))
			}
		}
	}
	for _, name := range act.Registry.Names() {
		if a, err := act.Registry.New(name); err == nil {
			init := act.DefaultInit(a)
			t.Activations = append(t.Activations, line(0, name, initial.Registry.NameOf(init), init))
		}
	}
	return t
}

func (t *initTable) text(w io.Writer) {
	fmt.Fprintf(w, "%d connections into a unit, %d out of it: σ of a normal distribution, r = √3·σ of a uniform one\n", t.In, t.Out)
	for _, part := range []struct {
		title   string
		lines   []initLine
		edition int
	}{
		{"Table 11-1, first edition (σ = c·√(2/(in + out)), c = 1, 4, √2)", t.Table, 1},
		{"Table 11-1, later editions (Glorot 2/(in + out), He 2/in, LeCun 1/in for σ²)", t.Table, 2},
		{"By initializer", t.Initializers, 0},
		{"By activation, with the initializer that it gets where none is set", t.Activations, 0},
	} {
		g := grid{align: "llrr"}
		g.add("", "", "σ", "r")
		for _, l := range part.lines {
			if l.Edition != part.edition {
				continue
			}
			name := l.Activation
			if name == "" {
				name = l.Initializer
				l.Initializer = ""
			}
			g.add(name, l.Initializer, fmt.Sprintf("%.6g", l.Sigma), fmt.Sprintf("%.6g", l.R))
		}
		fmt.Fprintf(w, "\n%s\n", part.title)
		g.write(w, "  ")
	}
	fmt.Fprintln(w, "\ntanh with four times Glorot saturates: ten layers of 100 multiply the gradient by 1.5 each, 40 % of the units saturate.\nDeep nets of the logistic function do not train with Glorot either: each layer divides the gradient by 4; see nadir signal.")
}
