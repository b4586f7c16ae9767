package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
)

func importVerb(c *command) *cobra.Command {
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "import FILE -o model.safetensors [key=value …]",
		Short: "Make a model of another framework one of ours",
		Long: `Read a model of another framework and save it as one of ours: layers, weights,
and the preprocessing that input.* says. The format is found from the content.

Bare weights want model=, the net that they are for: a file, a preset, a saved
model or the name of an architecture; input= says what shape its samples have, where it does not say so itself.
Of a graph with several ends output.node= and input.node= choose.

input.scale, input.mean and input.std (numbers, or a list a channel), and
input.standardize=train with data=, are saved as the model's preprocessing.`,
		Example: `  nadir import model.h5 -o model.safetensors
  nadir import my_model.ckpt -o digits.safetensors output.node=dnn/outputs/BiasAdd input.scale=1/255
  nadir import weights.pt -o net.safetensors model=net.yaml input=28x28
  nadir import resnet20.th -o r.safetensors model=resnet20-cifar input.scale=1/255 input.mean=[0.485,0.456,0.406] input.std=[0.229,0.224,0.225]`,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			return c.importModel(cmd.Context(), target, keys, out, force)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "the `file` to write")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the file if it is there")
	return cmd
}

func (c *command) importModel(ctx context.Context, target string, keys []string, out string, force bool) error {
	if err := meant("import", keys, importKeys()...); err != nil {
		return err
	}
	if out == "" {
		return usage("import wants the file to write: -o model.safetensors")
	}
	s, err := c.openSubject("import", target, keys)
	if err != nil {
		return err
	}
	return c.keepModel(ctx, s, out, force)
}

// importKeys are the keys of import.
func importKeys() []string {
	return sourceKeys("data.val", "data.test", "model", "model.*", "input", "input.*", "output.node", "precision")
}

// keepModel writes an opened model as one of ours, with the preprocessing that
// input.* says.
func (c *command) keepModel(ctx context.Context, s *subject, out string, force bool) error {
	in, err := c.newIntake(s)
	if err != nil {
		return err
	}
	for _, key := range []string{"layout", "size"} {
		if v, ok := s.said("input", key); ok {
			return usage("input.%s=%s: the shape of the model's input says it; it has meaning where pictures are read", key, v.Text)
		}
	}
	_, scaled := s.said("input", "scale")
	_, centered := s.said("input", "mean")
	if centered && !scaled && len(s.Data.Inputs[0].Shape) == 3 {
		c.note("the model is saved without input.scale: 8-bit pictures, which have values from 0 to 255, want input.scale=1/255 before this input.mean")
	}
	if err := c.fitStandard(ctx, s, in); err != nil {
		return err
	}
	if err := in.keep(s); err != nil {
		return err
	}
	if err := create(out, force, func(w io.Writer) error { return format.Write(w, s.Model) }); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(importObject(s.made, out))
	}
	return c.print(func(w *bufio.Writer) { importText(w, s, out) })
}

// keep puts what input.* asks for into the model's preprocessing.
func (in *intake) keep(s *subject) error {
	if in.scale == 0 && in.mean == nil && in.std == nil {
		return nil
	}
	if len(in.own) != 1 {
		return usage("input.*: the model has %d inputs; preprocessing is for one", len(in.own))
	}
	scale := in.scale
	if scale == 0 {
		scale = 1
	}
	shape := in.own[0].Shape
	var front nn.Sequential
	if len(in.mean) <= 1 && len(in.std) <= 1 {
		mean, std := 0.0, 1.0
		if in.mean != nil {
			mean = in.mean[0]
		}
		if in.std != nil {
			std = in.std[0]
		}
		front = nn.Sequential{nn.Rescale{Scale: nn.Ratio(scale / std), Offset: -mean / std}}
	} else {
		// (x − mean)/std, of each element of a sample.
		if scale != 1 {
			front = append(front, nn.Rescale{Scale: nn.Ratio(scale)})
		}
		const name = "input"
		front = append(front, nn.Standardize{Name: name})
		t := &turn{want: in.own[0]}
		t.to, _ = in.geometry(shape)
		for _, k := range []struct {
			stat   string
			values []float64
			def    float64
		}{{"mean", in.mean, 0}, {"variance", in.std, 1}} {
			p, err := s.Params.Add("preprocess/"+name+"/"+k.stat, param.Stat, shape)
			if err != nil {
				return err
			}
			for i := range p.Value.Len() {
				v := k.def
				if k.values != nil {
					v = k.values[t.index(len(k.values), i)]
				}
				if k.stat == "variance" {
					v *= v
				}
				p.Value.SetFlat(i, v)
			}
		}
	}
	s.Preprocess = append(front, s.Preprocess...)
	return nil
}

func importObject(r *format.Report, out string) object {
	tensors := []object{}
	for _, l := range r.Tensors {
		tensors = append(tensors, object{{"from", l.From}, {"to", l.To}})
	}
	list := func(s []string) []string {
		if s == nil {
			return []string{}
		}
		return s
	}
	return object{{"format", r.Format}, {"model", out}, {"tensors", tensors}, {"skipped", list(r.Skipped)}, {"warnings", list(r.Warnings)}}
}

func importText(w io.Writer, s *subject, out string) {
	n, total := 0, 0
	for p := range s.Params.All() {
		n++
		total += p.Value.Len()
	}
	fmt.Fprintf(w, "%s, %s: parameters %s, numbers %s, written to %s\n", s.path, s.made.Format, nn.Thousands(n), nn.Thousands(total), out)
	g := grid{align: "ll"}
	for _, l := range s.made.Tensors {
		g.add(short(l.From, 60), "→ "+short(l.To, 60))
	}
	g.write(w, "  ")
	if len(s.made.Skipped) > 0 {
		const shown = 8
		list := s.made.Skipped[:min(shown, len(s.made.Skipped))]
		for i := range list {
			list[i] = printable(list[i])
		}
		more := ""
		if len(s.made.Skipped) > shown {
			more = fmt.Sprintf(" … (%d)", len(s.made.Skipped))
		}
		fmt.Fprintf(w, "left out: %s%s\n", strings.Join(list, ", "), more)
	}
}
