package app

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/data/sets"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/plot"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

func summaryVerb(c *command) *cobra.Command {
	var style, svg string
	var force, fold bool
	cmd := &cobra.Command{
		Use:   "summary MODEL|FILE|PRESET [key=value …]",
		Short: "The layers of a model: shapes, parameters, initializers, cost",
		Long: `List the layers of a saved model, a run, a YAML file (a list of layers or a
configuration) or a preset: output, parameters, initializer with its standard
deviation, and the operations that a sample costs.

The shape of a sample is that of the saved model, of its input layer, of input=,
of the data that is named, or else 28x28.`,
		Example: `  nadir summary chapter
  nadir summary net.yaml input=32x32x3
  nadir summary runs/digits --style keras
  nadir summary runs/digits --folded
  nadir summary chapter --svg=net.svg`,
		RunE: func(cmd *cobra.Command, args []string) error {
			targets, keys, err := words(cmd, args)
			if err != nil {
				return err
			}
			if svg == "-" {
				// --svg FILE, in two words.
				if i := slices.IndexFunc(targets, func(t string) bool { return strings.EqualFold(filepath.Ext(t), ".svg") }); i >= 0 {
					svg = targets[i]
					targets = slices.Delete(targets, i, i+1)
				}
			}
			if len(targets) > 1 {
				return usage("summary takes one target, found %s", strings.Join(targets, " "))
			}
			if style != "" && style != "keras" {
				return usage("--style: want keras, found %q", style)
			}
			return c.summary(cmd.Context(), strings.Join(targets, ""), keys, style, svg, force, fold)
		},
	}
	cmd.Flags().StringVar(&style, "style", "", "`keras` prints what model.summary() of Keras 2 does")
	cmd.Flags().BoolVar(&fold, "folded", false, "the layers that predictions are made with: batch normalization is part of those beside it")
	cmd.Flags().StringVar(&svg, "svg", "", "draw the net to this SVG `file`; without one to stdout")
	cmd.Flags().Lookup("svg").NoOptDefVal = "-"
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the picture if it is there")
	return cmd
}

func (c *command) summary(ctx context.Context, target string, keys []string, style, svg string, force, fold bool) error {
	a, err := c.architecture(ctx, target, keys)
	if err != nil {
		return err
	}
	for _, note := range nn.Lint(a.model) {
		c.note(note)
	}
	if fold {
		if err := c.foldArchitecture(a); err != nil {
			return err
		}
	}
	sum, err := nn.Summarize(a.model, a.types(), a.params)
	if err != nil {
		return err
	}
	cost := costs(a.model, a.types())
	link(a.model, sum)
	switch {
	case svg == "-" && !c.json:
		return a.picture(sum).SVG(c.out.W)
	case svg == "-":
		return usage("--svg without a file and --json both want stdout; name a file: --svg=net.svg")
	case svg != "":
		if err := create(svg, force, a.picture(sum).SVG); err != nil {
			return err
		}
		c.note("drawn: " + svg)
		if style == "" && !c.json {
			return nil
		}
	}
	switch {
	case c.json:
		return c.printJSON(summaryObject(a, sum, cost))
	case style == "keras":
		return sum.Keras(c.out.W)
	}
	return c.print(func(w *bufio.Writer) { a.text(w, sum, cost) })
}

// link sets what the rows take their input from to what the model says: a
// layer that changes nothing, such as dropout at prediction, leaves no trace in
// the graph that a summary goes by.
func link(m nn.Model, sum *nn.Summary) {
	ins, _ := m.Ports()
	before := []string{ins[0].Name}
	f, functional := m.(nn.Functional)
	if _, ok := m.(nn.Sequential); !ok && (!functional || len(f.Layers) != len(sum.Rows)) {
		return
	}
	for i := range sum.Rows {
		r := &sum.Rows[i]
		if r.Inputs = before; functional && len(f.Layers[i].Inputs) > 0 {
			r.Inputs = f.Layers[i].Inputs
		}
		before = []string{r.Name}
	}
}

// An architecture is a model that may have no weights yet, and the shape of
// its samples.
type architecture struct {
	name   string
	model  nn.Model
	inputs []data.Field
	params *param.Set    // nil of one that is not saved
	prep   nn.Sequential // of one that is saved
	float  tensor.DType
}

// types are what the model is given for each of its inputs.
func (a *architecture) types() []graph.Type {
	var out []graph.Type
	for _, f := range a.inputs {
		kind := graph.Float
		if f.DType == tensor.Int32 {
			kind = graph.Int
		}
		out = append(out, graph.Type{Kind: kind, Shape: f.Shape})
	}
	return out
}

func (c *command) architecture(ctx context.Context, target string, keys []string) (*architecture, error) {
	if slices.Contains(config.Presets(), target) && !exists(target) {
		return c.written(ctx, target, "", append([]string{"model=" + target}, keys...))
	}
	switch strings.ToLower(filepath.Ext(target)) {
	case ".yaml", ".yml", ".json":
		return c.written(ctx, target, target, keys)
	}
	if target == "" {
		return c.written(ctx, "nadir train", "", keys)
	}
	ofZoo := strings.HasPrefix(target, zooPrefix)
	if _, err := os.Stat(target); err != nil && !format.Known(target) && !ofZoo {
		return nil, usage("%q is no file, run or preset; the presets are %s%s", target, strings.Join(config.Presets(), ", "), nearFiles(target))
	}
	if isRun(target) && !exists(filepath.Join(target, modelFile)) {
		return c.written(ctx, target, filepath.Join(target, configFile), keys)
	}
	for _, word := range keys {
		switch key, _, _ := strings.Cut(word, "="); key {
		case "model", "input", "input.node", "output.node":
			if !isRun(target) && !format.IsOwn(target) {
				continue
			}
		}
		return nil, usage("%s: a saved model is what it is; summarize a file or a preset to try another", word)
	}
	s, err := c.openSubject("summary", target, keys)
	if err != nil {
		return nil, err
	}
	fields, _, err := format.Fields(s.Net, s.Data)
	if err != nil {
		return nil, err
	}
	a := &architecture{name: s.path, model: s.Net, params: s.Params, prep: s.Preprocess, float: floatOf(s.cfg.Precision)}
	for _, i := range fields {
		a.inputs = append(a.inputs, prepared(s.Preprocess, s.Data.Inputs[i]))
	}
	return a, nil
}

// prepared is a field as preprocessing hands it to the model: that may change its shape.
func prepared(prep nn.Sequential, f data.Field) data.Field {
	b := graph.New()
	s := param.NewScope(b, nil, param.Options{Declare: func(string, param.Kind, param.Init, tensor.Shape) error { return nil }})
	x := nn.Block{Layers: prep}.Apply(s, b.Input("x", graph.KindOf(f.DType), append(tensor.Shape{2}, f.Shape...)...))
	if x.Valid() && x.Rank() > 0 {
		f.Shape = x.Shape()[1:].Clone()
	}
	return f
}

// written is the model of a configuration, which is read.
func (c *command) written(ctx context.Context, name, file string, keys []string) (*architecture, error) {
	cfg, err := c.load(file, os.Environ(), keys)
	if err != nil {
		return nil, err
	}
	a, err := c.described(ctx, name, cfg)
	if err != nil {
		return nil, err
	}
	return a, c.remarkWritten(ctx, a.model, a.inputs, cfg)
}

// described is the model that a configuration describes.
func (c *command) described(ctx context.Context, name string, cfg *config.Config) (*architecture, error) {
	var schema *data.Schema
	var err error
	if len(cfg.Input.Shape) == 0 {
		if schema, err = c.schemaOf(ctx, cfg); err != nil {
			return nil, err
		}
	}
	m, fitted, err := modelOf(cfg, schema)
	if err != nil {
		return nil, err
	}
	if fitted != "" {
		c.note(fitted)
	}
	a := &architecture{name: name, model: m, float: floatOf(cfg.Precision)}
	if len(cfg.Input.Shape) > 0 {
		schema = &data.Schema{Inputs: []data.Field{{Name: "input", DType: tensor.Float32, Shape: tensor.Shape(cfg.Input.Shape)}}}
	}
	ports, _ := m.Ports()
	for i, p := range ports {
		f := data.Field{Name: p.Name, DType: tensor.Float32, Shape: p.Shape}
		switch {
		case p.Shape != nil:
		case schema != nil && len(schema.Inputs) == len(ports):
			f.Shape, f.DType = schema.Inputs[i].Shape, schema.Inputs[i].DType
		case schema != nil && len(schema.Inputs) > 0:
			f.Shape = schema.Inputs[0].Shape
		default:
			f.Shape = tensor.Shape{digits.Side, digits.Side}
			c.note("a sample is taken to be 28x28; input=SHAPE says otherwise")
		}
		a.inputs = append(a.inputs, f)
	}
	return a, nil
}

// schemaOf is the schema of the data that a configuration names; nil where it
// names none, or nothing is to be had without a download.
func (c *command) schemaOf(ctx context.Context, cfg *config.Config) (*data.Schema, error) {
	at, _ := cfg.Tree.Get("data")
	if n, ok := at.Get("name"); ok {
		at = n
	}
	if at.Pos.File == config.BuiltIn && !builtInModel(cfg) {
		return nil, nil
	}
	for _, k := range sets.List(nil) {
		if k.Name == cfg.Data.Name && k.Dir == "" {
			return nil, nil
		}
	}
	d, err := c.openData(ctx, cfg, openOptions{})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	s := d.schema()
	return &s, nil
}

// costs counts the operations that each layer does for a sample at prediction:
// two for each multiply and add of a matrix product or a convolution, one for each element that
// any other operation makes or sums up. What does not depend on the sample,
// such as a variance's root, is not counted. They are in the order of the rows.
func costs(m nn.Model, in []graph.Type) []int {
	const rows = 2
	b := graph.New()
	s := param.NewScope(b, nil, param.Options{Declare: func(string, param.Kind, param.Init, tensor.Shape) error { return nil }})
	var xs []graph.Node
	ports, _ := m.Ports()
	for i, t := range in {
		xs = append(xs, b.Input(ports[i].Name, t.Kind, append(tensor.Shape{rows}, t.Shape...)...))
	}
	m.Trace(s, xs)
	of := map[string]int{}
	sample := make([]bool, b.Len())
	for x := range b.Nodes() {
		largest := x.Shape().Len()
		sample[x.ID()] = slices.Contains(xs, x)
		for _, y := range x.Ins() {
			sample[x.ID()] = sample[x.ID()] || sample[y.ID()]
			largest = max(largest, y.Shape().Len())
		}
		layer, _, _ := strings.Cut(x.Path(), "/")
		switch {
		case !sample[x.ID()] || x.NumIn() == 0:
		case x.Op().Name == "matmul":
			of[layer] += 2 * x.Shape().Len() * x.In(0).Shape().Len() / x.Dim(0)
		case x.Op().Name == "batch_matmul":
			k := x.In(0).Dim(-1)
			if x.Attr().(graph.MatMulAttr).TransA {
				k = x.In(0).Dim(-2)
			}
			of[layer] += 2 * x.Shape().Len() * k
		case x.Op().Name == "lstm": // of gates (steps·rows, 4·units): their product, and 17 for a unit
			of[layer] += 2*x.In(0).Shape().Len()*x.In(1).Dim(0) + 17*x.In(0).Shape().Len()/4
		case x.Op().Name == "gru": // of 3 gates, and 14
			of[layer] += 2*x.In(0).Shape().Len()*x.In(1).Dim(0) + 14*x.In(0).Shape().Len()/3
		case x.Op().Name == "conv":
			of[layer] += 2 * x.Shape().Len() * x.In(1).Shape().Len() / x.Dim(-1)
		case x.Op().Name == "conv_input":
			of[layer] += 2 * x.In(0).Shape().Len() * x.In(1).Shape().Len() / x.In(0).Dim(-1)
		case x.Op().Elementwise:
			of[layer] += x.Shape().Len()
		case !slices.Contains([]string{"reshape", "broadcast", "transpose", "to_float", "slice", "concat", "pad", "stop_gradient"}, x.Op().Name):
			of[layer] += largest
		}
	}
	var paths []string
	times := map[string]int{} // that a layer is applied
	for _, a := range s.Layers() {
		if a.Depth == 0 {
			paths = append(paths, a.Path)
			times[a.Path]++
		}
	}
	out := make([]int, len(paths))
	for i, p := range paths {
		out[i] = of[p] / rows / times[p]
	}
	return out
}

func summaryObject(a *architecture, sum *nn.Summary, cost []int) object {
	layers := []object{}
	flops := 0
	for i, r := range sum.Rows {
		out := []any{nil}
		for _, d := range r.Output {
			out = append(out, d)
		}
		o := object{{"name", r.Name}, {"kind", r.Kind}, {"output", out}, {"params", r.Params}, {"trainable", r.Params == 0 || r.Trainable > 0}}
		if r.Init != "" {
			o = append(o, member{"init", r.Init}, member{"sigma", finite(r.Sigma)}, member{"fan_in", r.FanIn})
		} else {
			o = append(o, member{"init", nil}, member{"sigma", nil}, member{"fan_in", nil})
		}
		o = append(o, member{"inputs", r.Inputs}, member{"flops", cost[i]})
		if r.Shared {
			o = append(o, member{"shared", true})
		}
		flops += cost[i]
		layers = append(layers, o)
	}
	var inputs []any
	for _, f := range a.inputs {
		inputs = append(inputs, append([]any{nil}, anys(f.Shape)...))
	}
	return object{{"layers", layers}, {"params", sum.Params}, {"trainable", sum.Trainable}, {"non_trainable", sum.Params - sum.Trainable},
		{"inputs", inputs}, {"flops", flops}, {"bytes", sum.Params * a.float.Size()}}
}

func anys(s tensor.Shape) []any {
	var out []any
	for _, d := range s {
		out = append(out, d)
	}
	return out
}

func (a *architecture) text(w *bufio.Writer, sum *nn.Summary, cost []int) {
	_, branched := a.model.(nn.Functional)
	var shapes []string
	for _, f := range a.inputs {
		text := shapeText(f.Shape)
		if len(a.inputs) > 1 {
			text = f.Name + " " + text
		}
		shapes = append(shapes, text)
	}
	fmt.Fprintf(w, "%s: input %s\n", a.name, strings.Join(shapes, ", "))
	if len(a.prep) > 0 {
		var kinds []string
		for _, l := range a.prep {
			kinds = append(kinds, describe(l))
		}
		fmt.Fprintf(w, "preprocessing: %s\n", strings.Join(kinds, ", "))
	}
	fmt.Fprintln(w)
	g := grid{align: "lllrrlrrr"}
	head := []string{"layer", "kind", "output", "params", "trainable", "init", "σ", "fan in", "MFLOP"}
	if branched {
		g.align += "l"
		head = append(head, "from")
	}
	g.add(head...)
	flops, activations := 0, 0
	for i, r := range sum.Rows {
		params := nn.Thousands(r.Params)
		if r.Shared {
			params = "shared"
		}
		cells := []string{short(r.Name, 32), kindText(r), shapeText(r.Output), params, nn.Thousands(r.Trainable), "", "", "", mega(cost[i])}
		if r.Init != "" {
			cells[5], cells[6], cells[7] = short(r.Init, 40), fmt.Sprintf("%.4g", r.Sigma), nn.Thousands(r.FanIn)
		}
		if branched {
			cells = append(cells, strings.Join(r.Inputs, ", "))
		}
		g.add(cells...)
		flops += cost[i]
		activations += r.Output.Len()
	}
	g.write(w, "")
	size := a.float.Size()
	fmt.Fprintf(w, "\n%s parameters, %s trainable, %s not; %s\n", nn.Thousands(sum.Params), nn.Thousands(sum.Trainable),
		nn.Thousands(sum.Params-sum.Trainable), term.Bytes(int64(sum.Params*size)))
	fmt.Fprintf(w, "a sample: %s MFLOP forward, %s of layer outputs\n", mega(flops), term.Bytes(int64(activations*size)))
}

// kindText is a layer's kind and its activation.
func kindText(r nn.Row) string {
	if a := diag.ActivationOf(r.Layer); a != nil && r.Kind != "activation" {
		return strings.TrimSpace(r.Kind + " " + act.Registry.NameOf(a))
	}
	return r.Kind
}

// describe is what a preprocessing layer does.
func describe(l nn.Layer) string {
	r, ok := l.(nn.Rescale)
	if !ok {
		return nn.KindOf(l)
	}
	text := fmt.Sprintf("x·%.4g", float64(r.Scale))
	if per := 1 / float64(r.Scale); math.Abs(per-math.Round(per)) < 1e-9*math.Abs(per) {
		text = fmt.Sprintf("x/%g", math.Round(per))
	}
	if r.Offset != 0 {
		text += fmt.Sprintf(" %+.4g", r.Offset)
	}
	return text
}

func mega(flops int) string { return fmt.Sprintf("%.4f", float64(flops)/1e6) }

// picture is the drawing of the net.
func (a *architecture) picture(sum *nn.Summary) plot.Net {
	p := plot.Net{Title: fmt.Sprintf("%s: %s parameters", a.name, nn.Thousands(sum.Params))}
	ports, _ := a.model.Ports()
	for i, f := range a.inputs {
		p.Nodes = append(p.Nodes, plot.NetNode{Name: ports[i].Name, Kind: "input", Shape: shapeText(f.Shape), Role: plot.Input})
	}
	for _, r := range sum.Rows {
		n := plot.NetNode{Name: r.Name, Kind: kindText(r), Shape: shapeText(r.Output), Inputs: r.Inputs}
		switch {
		case r.Shared:
			n.Note, n.Role = "shared", plot.Weights
		case r.Params > 0:
			n.Note, n.Role = nn.Thousands(r.Params), plot.Statistics
			if r.Init != "" {
				n.Role = plot.Weights
			}
		}
		p.Nodes = append(p.Nodes, n)
	}
	return p
}
