package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/nn/models"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
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
The architectures are ` + strings.Join(models.Names(), ", ") + `.
Of a graph with several ends output.node= and input.node= choose.
What the optimizer remembered is saved with the weights, where the file has it: train
with model= and init=slots goes on with it.

input.scale, input.mean and input.std (numbers, or a list a channel), and
input.standardize=train with data=, are saved as the model's preprocessing: x·scale,
less the mean, divided by std. input.mean may also be a mean image, in a .npy or Caffe's
.binaryproto file. Where the model takes pictures with channels first (input.layout=nchw),
in the order blue, green, red (input.channels=bgr), or as one vector (input.size=28x28),
it is saved to take them with height, width and red, green, blue; mean and std are in the
order that the model has.`,
		Example: `  nadir import model.h5 -o model.safetensors
  nadir import my_model.ckpt -o digits.safetensors output.node=dnn/outputs/BiasAdd input.scale=1/255
  nadir import weights.pt -o net.safetensors model=net.yaml input=28x28
  nadir import resnet20.th -o r.safetensors model=resnet20-cifar input.scale=1/255 input.mean=[0.485,0.456,0.406] input.std=[0.229,0.224,0.225]
  nadir import net.caffemodel -o n.safetensors input.channels=bgr input.scale=1 input.mean=ilsvrc_2012_mean.npy`,
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
	return c.tell(func(w *bufio.Writer) { importText(w, s, out) })
}

// keep puts what input.* asks for into the model's preprocessing.
func (in *intake) keep(s *subject) error {
	if len(in.own) != 1 && (in.scale != 0 || in.mean != nil || in.std != nil || in.layout != "" || in.size != nil || in.bgr) {
		return usage("input.*: the model has %d inputs; preprocessing is for one", len(in.own))
	}
	front, err := in.shaping(s)
	if err != nil {
		return err
	}
	numbers, err := in.centering(s)
	if err != nil {
		return err
	}
	s.Preprocess = append(append(front, numbers...), s.Preprocess...)
	return nil
}

// shaping is the layers that make a picture (height, width, channels) what the model
// takes, where its size, layout or order of channels was said. Then such a picture is
// what the model takes from here on.
func (in *intake) shaping(s *subject) (nn.Sequential, error) {
	if in.layout == "" && in.size == nil && !in.bgr {
		return nil, nil
	}
	own := in.own[0].Shape
	g, ok := in.geometry(own)
	switch {
	case !ok && in.size != nil && len(own) == 1:
		return nil, usage("input.size=%s: the model takes %d numbers, which are no gray or colored picture of that size", tensor.Shape(in.size).Times(), own[0])
	case !ok:
		return nil, usage("input.size, input.layout and input.channels are for pictures, the model takes %s", shapeText(own))
	case in.size != nil && (g.h != in.size[0] || g.w != in.size[1]):
		return nil, usage("input.size=%s: the model takes pictures of %dx%d, to which all are brought; it cannot take others", tensor.Shape(in.size).Times(), g.h, g.w)
	case in.bgr && g.c != 3:
		return nil, usage("input.channels=bgr: is for pictures of three channels, the model takes %s", shapeText(own))
	}
	var front nn.Sequential
	if in.bgr {
		front = append(front, nn.Reverse{})
	}
	if g.planes {
		front = append(front, nn.Permute{Dims: []int{3, 1, 2}})
	}
	raw := tensor.Shape{g.h, g.w, g.c}
	switch len(own) {
	case 1:
		front = append(front, nn.Flatten{})
	case 2:
		raw = own
	}
	s.Data.Inputs = slices.Clone(s.Data.Inputs)
	s.Data.Inputs[0].Shape = raw
	return front, nil
}

// centering is the layers of (x·scale − mean)/std.
func (in *intake) centering(s *subject) (nn.Sequential, error) {
	if in.scale == 0 && in.mean == nil && in.std == nil {
		return nil, nil
	}
	scale := in.scale
	if scale == 0 {
		scale = 1
	}
	if len(in.mean) <= 1 && len(in.std) <= 1 {
		mean, std := 0.0, 1.0
		if in.mean != nil {
			mean = in.mean[0]
		}
		if in.std != nil {
			std = in.std[0]
		}
		return nn.Sequential{nn.Rescale{Scale: nn.Ratio(scale / std), Offset: -mean / std}}, nil
	}
	own := in.own[0]
	if err := in.counted(own.Shape); err != nil {
		return nil, err
	}
	t := &turn{want: own}
	t.to, _ = in.geometry(own.Shape)
	const name = "input"
	layer, shape := nn.Standardize{Name: name}, own.Shape
	if n := max(len(in.mean), len(in.std)); n < own.Shape.Len() { // a channel has one number
		layer.Axis, shape = -1, tensor.Shape{n}
		if t.to.planes {
			layer.Axis = 1
		}
	}
	var out nn.Sequential
	if scale != 1 {
		out = append(out, nn.Rescale{Scale: nn.Ratio(scale)})
	}
	for _, k := range []struct {
		stat   string
		values []float64
		def    float64
	}{{"mean", in.mean, 0}, {"variance", in.std, 1}} {
		p, err := s.Params.Add("preprocess/"+name+"/"+k.stat, param.Stat, shape)
		if err != nil {
			return nil, err
		}
		for i := range p.Value.Len() {
			v := k.def
			switch n := len(k.values); {
			case n == 0:
			case layer.Axis != 0:
				v = k.values[i%n]
			default:
				v = k.values[t.index(n, i)]
			}
			if k.stat == "variance" {
				v *= v
			}
			p.Value.SetFlat(i, v)
		}
	}
	return append(out, layer), nil
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
	if m := s.Memory; m != nil {
		fmt.Fprintf(w, "with the slots of %s after steps %s: nadir train model=%s optim=… init=slots goes on with them\n", m.Rule, nn.Thousands(int(m.Step)), out)
	}
	g := grid{align: "ll"}
	for _, l := range s.made.Tensors {
		g.add(short(l.From, 60), "→ "+short(l.To, 60))
	}
	g.write(w, "  ")
	if len(s.made.Skipped) > 0 {
		var list []string
		for _, name := range s.made.Skipped {
			list = append(list, printable(name))
		}
		fmt.Fprintf(w, "left out: %s\n", strings.Join(format.Few(list, 8), ", "))
	}
}
