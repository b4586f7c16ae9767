package app

import (
	"bufio"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

func inspectVerb(c *command) *cobra.Command {
	var stats bool
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "What is in a model file of any format: tensors, graph, metadata",
		Long: `List what is in a model file: its format, found from the content, not the name;
the tensors with type and shape; the inputs and outputs of its graph; what else it
says of itself. Nothing in it is run, and no tensor is read, unless --stats asks for
the smallest and largest number, mean and standard deviation of each.

FILE may also be a folder, or what the files of a TensorFlow checkpoint are
called by. The formats are ` + strings.Join(format.Formats(), ", ") + `.`,
		Example: `  nadir inspect model.h5
  nadir inspect runs/digits --stats
  nadir inspect my_model.ckpt --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			if len(keys) > 0 {
				return usage("inspect takes no keys, found %s", strings.Join(keys, " "))
			}
			return c.inspect(target, stats)
		},
	}
	cmd.Flags().BoolVar(&stats, "stats", false, "read the numbers: smallest, largest, mean, deviation")
	return cmd
}

func (c *command) inspect(target string, stats bool) error {
	target, _, err := c.ofZoo(target)
	if err != nil {
		return err
	}
	path, _, err := locate("inspect", target)
	if err != nil {
		return err
	}
	f, err := format.OpenFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var all []*figures
	if stats {
		for _, t := range f.Tensors {
			s, err := statisticsOf(t)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			all = append(all, s)
		}
	}
	if c.json {
		return c.printJSON(inspectObject(f, all))
	}
	return c.print(func(w *bufio.Writer) { inspectText(w, f, all) })
}

// figures are those of a tensor's numbers.
type figures struct {
	min, max, mean, std float64
	zeros, odd          int // odd are NaN and infinite
}

// statisticsOf reads a tensor; nil where it holds no numbers.
func statisticsOf(t format.Tensor) (*figures, error) {
	if t.DType == tensor.Invalid || t.Read == nil {
		return nil, nil
	}
	x, err := t.Read()
	if err != nil {
		return nil, err
	}
	s := &figures{min: math.Inf(1), max: math.Inf(-1)}
	n, square := 0.0, 0.0
	for i := range x.Len() {
		v := x.Flat(i)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			s.odd++
			continue
		}
		if v == 0 {
			s.zeros++
		}
		s.min, s.max = min(s.min, v), max(s.max, v)
		n++
		d := v - s.mean
		s.mean += d / n
		square += d * (v - s.mean)
	}
	if n == 0 {
		s.min, s.max, s.mean, s.std = math.NaN(), math.NaN(), math.NaN(), math.NaN()
		return s, nil
	}
	s.std = math.Sqrt(square / n)
	return s, nil
}

func inspectObject(f *format.File, all []*figures) object {
	tensors := []object{}
	for i, t := range f.Tensors {
		shape := []int(t.Shape)
		if shape == nil {
			shape = []int{}
		}
		o := object{{"name", t.Name}, {"dtype", t.TypeName()}, {"shape", shape}}
		if t.Slot {
			o = append(o, member{"slot", true})
		}
		if all != nil && all[i] != nil {
			s := all[i]
			o = append(o, member{"min", finite(s.min)}, member{"max", finite(s.max)}, member{"mean", finite(s.mean)},
				member{"std", finite(s.std)}, member{"zeros", s.zeros}, member{"not_finite", s.odd})
		}
		tensors = append(tensors, o)
	}
	nodes := func(list []format.Node) []object {
		out := []object{}
		for _, n := range list {
			o := object{{"name", n.Name}}
			if n.Shape != nil {
				dims := []any{nil}
				for _, d := range n.Shape {
					if d < 0 {
						dims = append(dims, nil)
					} else {
						dims = append(dims, d)
					}
				}
				o = append(o, member{"shape", dims})
			}
			if n.Note != "" {
				o = append(o, member{"note", n.Note})
			}
			out = append(out, o)
		}
		return out
	}
	meta := object{}
	for _, e := range f.Metadata {
		meta = append(meta, member{e.Key, e.Value})
	}
	warnings := f.Warnings
	if warnings == nil {
		warnings = []string{}
	}
	return object{{"format", f.Format}, {"path", f.Path}, {"model", f.Blueprint != nil}, {"tensors", tensors},
		{"inputs", nodes(f.Inputs)}, {"outputs", nodes(f.Outputs)}, {"metadata", meta}, {"warnings", warnings}}
}

func inspectText(w *bufio.Writer, f *format.File, all []*figures) {
	total, numbers := 0, 0
	for _, t := range f.Tensors {
		if n, err := t.Shape.Elems(); err == nil && t.DType != tensor.Invalid {
			numbers += n
			total += n * t.DType.Size()
		}
	}
	what := "weights alone"
	if f.Blueprint != nil {
		what = "a model"
	}
	fmt.Fprintf(w, "%s: %s, %s; tensors %s, numbers %s, %s bytes\n", f.Path, f.Format, what,
		nn.Thousands(len(f.Tensors)), nn.Thousands(numbers), nn.Thousands(total))
	for _, list := range []struct {
		name  string
		nodes []format.Node
	}{{"input", f.Inputs}, {"output", f.Outputs}} {
		for _, n := range list.nodes {
			fmt.Fprintf(w, "%s: %s%s", list.name, printable(n.Name), nodeShape(n.Shape))
			if n.Note != "" {
				fmt.Fprintf(w, " (%s)", printable(n.Note))
			}
			fmt.Fprintln(w)
		}
	}
	for _, e := range f.Metadata {
		fmt.Fprintf(w, "%s: %s\n", printable(e.Key), printable(short(e.Value, 160)))
	}
	for _, text := range f.Warnings {
		fmt.Fprintf(w, "note: %s\n", printable(text))
	}
	if len(f.Tensors) == 0 {
		return
	}
	fmt.Fprintln(w)
	g := grid{align: "lll"}
	head := []string{"tensor", "type", "shape"}
	if all != nil {
		g.align += "rrrrrr"
		head = append(head, "min", "max", "mean", "std", "zeros", "not finite")
	}
	g.add(head...)
	for i, t := range f.Tensors {
		name := t.Name
		if t.Slot {
			name += " (optimizer)"
		}
		row := []string{short(name, 72), t.TypeName(), t.Shape.String()}
		if all != nil && all[i] != nil {
			s := all[i]
			row = append(row, figure(s.min), figure(s.max), figure(s.mean), figure(s.std), nn.Thousands(s.zeros), nn.Thousands(s.odd))
		}
		g.add(row...)
	}
	g.write(w, "")
}

// nodeShape is a node's shape in words.
func nodeShape(s tensor.Shape) string {
	if s == nil {
		return ""
	}
	words := []string{"N"}
	for _, d := range s {
		if d < 0 {
			words = append(words, "?")
		} else {
			words = append(words, fmt.Sprint(d))
		}
	}
	return " (" + strings.Join(words, ", ") + ")"
}
