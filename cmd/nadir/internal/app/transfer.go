package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/csv"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
	"github.com/nadir-ml/nadir/transfer"
)

func transferVerb(c *command) *cobra.Command {
	var dry, search, curve bool
	cmd := &cobra.Command{
		Use:   "transfer FROM data=… [reuse=… head=… add=… freeze=… unfreeze=… cache=…] [key=value …]",
		Short: "Reuse layers of a trained model for another task",
		Long: `Train a model whose lower layers are those of FROM, a saved model or a run.

  reuse=PATTERN    layers that are copied; all but the last by default
  head=5           units of the new last layer, called head; the data's classes by
                   default
  add=100,50       dense layers before it, or a list of layers
  freeze=PATTERN   reused layers that are not trained: no update by loss, decay,
                   running means or statistics, and no time backwards
  unfreeze=top2@5  sets layers free from an epoch on: PATTERN@EPOCH[:lr], commas
                   between; topN are the N uppermost frozen ones, * all that are left.
                   Their rate is a tenth of the others' unless lr says otherwise
  cache=auto       frozen layers at the model's beginning are run once and what they
                   make of the rows is kept: auto, memory, disk or off. It changes
                   no digit

A pattern is a glob on names of layers or parameters: hidden[1-4], hidden1/kernel,
'*,!hidden3'. With model= the layers go by their names into that model instead.
--dry-run shows what would be copied and frozen. --search tries, on validation
rows, what the procedure for reusing layers says: freeze all, set the uppermost
free, drop them, put others in their place, add some; and trains the best way as
the run. --curve trains with and without reuse on 3, 10, 30, … examples a class. Pictures of another size are
brought to that of FROM. The run's directory, events and resuming are those of
train. In a file the keys stand under transfer:, FROM as from:.`,
		Example: `  nadir transfer runs/digits0-4 data=mnist data.classes=5-9 data.limit=500
  nadir transfer runs/base data=mnist reuse='hidden[1-4]' head=5 freeze='hidden*'
  nadir transfer base.safetensors data=flowers/ freeze='*' unfreeze=top2@5,*@8:1e-5
  nadir transfer runs/base data=mnist add=100 --dry-run
  nadir transfer runs/base data=mnist data.classes=5-9 data.limit=500 epochs=30 --search`,
		RunE: func(cmd *cobra.Command, args []string) error {
			from, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			if from == "" {
				return usage("transfer wants a model whose layers are reused: a file, or the directory of a run")
			}
			switch strings.ToLower(filepath.Ext(from)) {
			case ".yaml", ".yml":
				return usage("%s is a configuration, not a model; one with transfer: is run by: nadir train %s", from, shellWord(from))
			}
			keys = append([]string{"transfer.from=" + strconv.Quote(from)}, transferKeys(keys)...)
			switch {
			case dry && (search || curve) || search && curve:
				return usage("one of --dry-run, --search and --curve at a time")
			case dry:
				return c.dryTransfer(cmd.Context(), keys)
			case search:
				return c.transferSearch(cmd.Context(), keys)
			case curve:
				return c.transferCurve(cmd.Context(), keys)
			}
			return c.train(cmd.Context(), "", keys)
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would be copied, frozen and kept, and end")
	cmd.Flags().BoolVar(&search, "search", false, "try how much to reuse, freeze, drop and add, then train the best way")
	cmd.Flags().BoolVar(&curve, "curve", false, "compare with training from scratch by examples a class, and end")
	return cmd
}

// transferKeys puts the verb's own words under their key.
func transferKeys(words []string) []string {
	var out []string
	for _, w := range words {
		key, _, _ := strings.Cut(w, "=")
		top, _, _ := strings.Cut(key, ".")
		if contains([]string{"reuse", "head", "add", "freeze", "unfreeze", "cache"}, top) {
			w = "transfer." + w
		}
		out = append(out, w)
	}
	return out
}

// A grafting is what a run takes from another model.
type grafting struct {
	old      *format.Model
	path     string // of its file
	run      string // its directory, or ""
	table    []transfer.Match
	dropped  []string // layers of it that are left out
	freezing *transfer.Freezing
	inputs   *modelInputs
}

// modelInputs is what a reused model takes, to which the data's rows are brought.
type modelInputs struct {
	Fields  []inputField `json:"fields"`
	Scaled  bool         `json:"scaled"`  // it has preprocessing
	Tabular bool         `json:"tabular"` // it takes rows of a table
}

type inputField struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
}

// fields are the inputs as a schema has them.
func (m *modelInputs) fields() ([]data.Field, error) {
	var out []data.Field
	for _, f := range m.Fields {
		field := data.Field{Name: f.Name, Shape: append(tensor.Shape{}, f.Shape...)}
		for d := tensor.Float32; d <= tensor.Bool; d++ {
			if d.String() == f.DType {
				field.DType = d
			}
		}
		if _, err := field.Shape.Elems(); err != nil || field.DType == tensor.Invalid {
			return nil, fmt.Errorf("input %q of %s %v", f.Name, f.DType, f.Shape)
		}
		out = append(out, field)
	}
	return out, nil
}

// fitTo makes the rows of every part what a reused model takes.
func (d *dataset) fitTo(c *command, cfg *config.Config, m *modelInputs) error {
	own, err := m.fields()
	if err != nil {
		return err
	}
	in := &intake{own: own, tabular: m.Tabular, scaled: m.Scaled, note: c.note, noted: map[string]bool{}}
	for _, part := range []*data.Source{&d.train, &d.val, &d.test} {
		if *part == nil {
			continue
		}
		src, err := in.fit(*part, nil)
		if err != nil {
			if is[*usageError](err) || is[*data.Error](err) {
				return err
			}
			return &data.Error{Path: cfg.Data.Name, Msg: err.Error()}
		}
		f := src.(*fitted)
		same := true
		for i, t := range f.turns {
			same = same && t.same() && f.from[i] == i
			if t.picture && (t.from.h != t.to.h || t.from.w != t.to.w) {
				in.say("pictures of %d×%d are brought to the %d×%d that the model takes", t.from.w, t.from.h, t.to.w, t.to.h)
			}
		}
		if !same {
			*part = src
		}
	}
	return nil
}

// grafted builds the trainer of a run that reuses layers of another model.
func (c *command) grafted(cfg *config.Config, d *dataset) (*built, error) {
	r := &grafting{}
	var err error
	if r.path, r.run, err = locate("transfer", cfg.Transfer.From); err != nil {
		return nil, err
	}
	own, err := ownModel(cfg)
	if err != nil {
		return nil, err
	}
	o := format.Options{Float: floatOf(cfg.Precision), Input: cfg.Input.Node, Output: cfg.Output.Node}
	var report *format.Report
	if r.old, report, err = format.Import(r.path, o); errors.Is(err, format.ErrBare) && own != nil {
		o.Net = own // bare weights are for the net that model= says
		o.Inputs = unitInputs(d.schema().Inputs)
		r.old, report, err = format.Import(r.path, o)
	}
	if err != nil {
		return nil, err
	}
	c.noteReport(r.path, report)
	if detailed(cfg) {
		s := &subject{Model: r.old, path: r.path, cfg: cfg}
		in, err := c.newIntake(s)
		if err == nil {
			err = in.keep(s)
		}
		if err != nil {
			return nil, err
		}
	}
	foreign := report.Format != format.Own
	prep, err := inputLayers(cfg, d.schema())
	if err != nil {
		return nil, err
	}
	old := &subject{Model: r.old}
	r.inputs = &modelInputs{Scaled: prep != nil || foreign || old.prepared(), Tabular: r.old.Extra["table"] != ""}
	for _, f := range r.old.Data.Inputs {
		r.inputs.Fields = append(r.inputs.Fields, inputField{f.Name, f.DType.String(), f.Shape})
	}
	if err := r.sameColumns(d); err != nil {
		return nil, err
	}
	if err := d.fitTo(c, cfg, r.inputs); err != nil {
		return nil, err
	}
	set, err := settings(cfg, d)
	if err != nil {
		return nil, err
	}
	b := &built{fresh: set.Preprocess != nil, reuse: r}
	if set.Preprocess == nil {
		front, err := fronted(r.old, report, d.schema())
		if err != nil {
			return nil, err
		}
		set.Preprocess = *front
	}
	b.from = &set.Preprocess
	m, take, err := r.newModel(cfg, d.schema(), own)
	if err != nil {
		return nil, err
	}
	if b.fresh {
		take = slices.DeleteFunc(take, func(name string) bool { return strings.HasPrefix(name, "preprocess") })
	}
	if _, err := declare(m, set); err != nil {
		return nil, err
	}
	var params *param.Set
	if r.table, params, err = transfer.Graft(m, set.Preprocess, set.Data, r.old.Params, take...); err != nil {
		if r.table != nil {
			c.note(strings.TrimRight(r.tableText(), "\n"))
		}
		return nil, err
	}
	if _, err := train.NewNet(m, params, set); err != nil { // adds what is new
		return nil, err
	}
	if r.freezing, err = freezingOf(cfg, params, r.copied(), &set); err != nil {
		return nil, err
	}
	for _, s := range r.freezing.Stages {
		if n := cfg.Epochs.N; cfg.Steps == 0 && s.Epoch > n {
			return nil, usage("unfreeze: %s would be set free in epoch %d, but there are %d; set epochs=, or an earlier epoch", strings.Join(s.Layers, ", "), s.Epoch, n)
		}
	}
	if b.trainer, err = train.From(m, params, set); err != nil {
		return nil, err
	}
	if err := r.freezing.Begin(b.trainer); err != nil {
		return nil, err
	}
	return b, r.resolve(cfg, m)
}

// sameColumns refuses a table whose inputs mean something else than those of the
// table that the old model was trained on: other columns, or texts that stand for
// other numbers.
func (r *grafting) sameColumns(d *dataset) error {
	text := r.old.Extra["table"]
	if text == "" || d.table == nil {
		return nil
	}
	var old csv.Table
	if err := json.Unmarshal([]byte(text), &old); err != nil {
		return &format.Corrupt{Err: err}
	}
	inputs := func(t *csv.Table) (out []csv.Column) {
		for _, c := range t.Columns {
			if c.Kind == csv.Number || c.Kind == csv.Category {
				out = append(out, c)
			}
		}
		return out
	}
	was, is := inputs(&old), inputs(d.table.Table())
	for i := range max(len(was), len(is)) {
		switch {
		case i >= len(was):
			return &data.Error{Path: d.name, Msg: fmt.Sprintf("the model to be reused knows no column %q; leave it out with data.ignore=%s", is[i].Name, is[i].Name)}
		case i >= len(is):
			return &data.Error{Path: d.name, Msg: fmt.Sprintf("the model to be reused takes a column %q, which is not here", was[i].Name)}
		case was[i].Name != is[i].Name || was[i].Kind != is[i].Kind || !slices.Equal(was[i].Categories, is[i].Categories):
			return &data.Error{Path: d.name, Msg: fmt.Sprintf("column %q is not what the model to be reused takes in its place: column %q with other texts, or in another order", is[i].Name, was[i].Name)}
		}
	}
	return nil
}

// ownModel is the model that the user wrote, nil where it is to be made of the
// old one.
func ownModel(cfg *config.Config) (nn.Model, error) {
	if v, ok := given(cfg, "init"); ok {
		return nil, &spec.Error{Pos: v.Pos, Path: "init", Msg: "init: has no meaning with transfer, which copies weights"}
	}
	v, ok := given(cfg, "model")
	if !ok {
		for path, leaf := range config.Leaves(cfg.Model) {
			if leaf.Pos.File != config.BuiltIn {
				return nil, &spec.Error{Pos: leaf.Pos, Path: "model", Msg: fmt.Sprintf("model.%s: the layers are those of transfer.from; reuse, add and head change which", path)}
			}
		}
		return nil, nil
	}
	switch {
	case cfg.ModelFile != "":
		return nil, &spec.Error{Pos: v.Pos, Path: "model", Msg: "model: a saved model has weights of its own; give its architecture, or leave the key out"}
	case cfg.Transfer.Head != 0 || cfg.Transfer.Add.Kind != spec.Null:
		return nil, usage("head and add put layers on those that are reused; with model= write them there")
	}
	return nn.Decode(cfg.Model)
}

// newModel is the model that is trained, and the parameters that it is to get.
func (r *grafting) newModel(cfg *config.Config, d data.Schema, own nn.Model) (nn.Model, []string, error) {
	recipe := transfer.Recipe{Reuse: cfg.Transfer.Reuse}
	cut, err := recipe.Cut(r.old)
	if err != nil && (own == nil || recipe.Reuse != "") {
		return nil, nil, err
	}
	if own != nil {
		return own, cut.Reused, nil
	}
	if recipe.Add, err = addedLayers(cfg.Transfer.Add, cut.Model); err != nil {
		return nil, nil, err
	}
	recipe.Head = int(cfg.Transfer.Head)
	if recipe.Head == 0 && (len(recipe.Add) > 0 || r.loses(cut)) {
		if len(d.Targets) != 1 {
			return nil, nil, usage("the data has %d targets; give the new model with model=", len(d.Targets))
		}
		recipe.Head = unitsFor(cfg, d)
	}
	if cut, err = recipe.Cut(r.old); err != nil {
		return nil, nil, err
	}
	r.dropped = cut.Dropped
	return cut.Model, cut.Reused, nil
}

// loses reports whether layers with weights are cut off.
func (r *grafting) loses(cut *transfer.Cut) bool {
	return slices.ContainsFunc(cut.Dropped, func(layer string) bool {
		for p := range r.old.Params.All() {
			if strings.HasPrefix(p.Name, layer+"/") {
				return true
			}
		}
		return false
	})
}

// unitsFor is how many units the last layer needs for the data.
func unitsFor(cfg *config.Config, d data.Schema) int {
	switch l, _, _ := lossesOf(cfg.Loss); l.(type) {
	case loss.BinaryCrossEntropy, loss.BinaryFocal:
		return 1
	}
	if n := len(d.Classes); n > 0 {
		return n
	}
	return max(1, d.Targets[0].Shape.Len())
}

// addedLayers reads transfer.add: a list of layers, one layer, or numbers of
// units of dense layers like those that are reused.
func addedLayers(v spec.Value, reused nn.Model) ([]nn.Layer, error) {
	switch v.Kind {
	case spec.Null:
		return nil, nil
	case spec.List, spec.Map:
	default:
		var out []nn.Layer
		for word := range strings.SplitSeq(v.Text, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(word))
			if err != nil {
				out = nil
				break
			}
			if n < 1 {
				return nil, &spec.Error{Pos: v.Pos, Path: "transfer.add", Msg: fmt.Sprintf("transfer.add: want numbers of units above 0, got %d", n)}
			}
			out = append(out, nn.Dense{Units: n, Act: transfer.Activation(reused), Name: fmt.Sprintf("added%d", len(out)+1)})
		}
		if out != nil {
			return out, nil
		}
	}
	if v.Kind != spec.List {
		v = spec.Value{Kind: spec.List, Pos: v.Pos, Items: []spec.Value{v}}
	}
	var layers nn.Sequential
	if err := spec.Decode(v, &layers); err != nil {
		return nil, err
	}
	return layers, nil
}

// freezingOf reads freeze and unfreeze, and gives what is set free its rate.
func freezingOf(cfg *config.Config, params *param.Set, reused []string, set *train.Config) (*transfer.Freezing, error) {
	s, err := transfer.ParseSchedule(cfg.Transfer.Unfreeze)
	if err != nil {
		v, _ := given(cfg, "transfer.unfreeze")
		return nil, &spec.Error{Pos: v.Pos, Path: "transfer.unfreeze", Msg: "unfreeze: " + err.Error()}
	}
	rate := set.Optim.Rate()
	f, err := transfer.Freeze(params, reused, cfg.Transfer.Freeze, s, rate)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	set.Optim.Groups = append(slices.Clone(set.Optim.Groups), f.Groups(rate)...)
	return f, nil
}

// refrozen is what of a run that is gone on with is frozen, and when it is set
// free.
func refrozen(cfg *config.Config, m nn.Model, set *train.Config) (*grafting, error) {
	n, err := train.NewNet(m, nil, *set)
	if err != nil {
		return nil, err
	}
	list, err := n.Params.Match(cfg.Transfer.Reuse)
	if err != nil {
		return nil, fmt.Errorf("transfer.reuse: %w", err)
	}
	var reused []string
	for _, p := range list {
		reused = append(reused, p.Name)
	}
	r := &grafting{}
	r.freezing, err = freezingOf(cfg, n.Params, reused, set)
	return r, err
}

// copied lists the parameters that come from the old model.
func (r *grafting) copied() []string {
	var out []string
	for _, m := range r.table {
		if m.Status == transfer.Copied {
			out = append(out, m.Name)
		}
	}
	return out
}

// layers sorts the model's layers that have parameters into those that are
// reused as a whole, and the parameters of others that are.
func (r *grafting) layers() (reused, fresh []string) {
	whole := map[string]bool{}
	var order []string
	for _, m := range r.table {
		if m.Status == transfer.Dropped {
			continue
		}
		l, _, _ := strings.Cut(m.Name, "/")
		if _, ok := whole[l]; !ok {
			whole[l] = true
			order = append(order, l)
		}
		whole[l] = whole[l] && m.Status == transfer.Copied
	}
	for _, l := range order {
		if whole[l] {
			reused = append(reused, l)
			continue
		}
		fresh = append(fresh, l)
		for _, m := range r.table {
			if m.Status == transfer.Copied && strings.HasPrefix(m.Name, l+"/") {
				reused = append(reused, m.Name)
			}
		}
	}
	return reused, fresh
}

// resolve writes into the configuration what was found: the run can be gone on
// with, and repeated, without another look at the old model's layers.
func (r *grafting) resolve(cfg *config.Config, m nn.Model) error {
	v, err := nn.Encode(m)
	if err != nil {
		return err
	}
	cfg.Model = v
	reused, _ := r.layers()
	cfg.Transfer.Reuse, cfg.Transfer.Head, cfg.Transfer.Add = strings.Join(reused, ","), 0, spec.Value{}
	t, _ := cfg.Tree.Get("transfer")
	t = t.Without("head").Without("add").With("reuse", spec.Str(cfg.Transfer.Reuse))
	cfg.Tree = cfg.Tree.With("model", v).With("transfer", t)
	return nil
}

// say tells what is reused, and what is to be expected of it.
func (r *grafting) say(ctx context.Context, s *session) error {
	c := s.command
	if c.quiet {
		return nil
	}
	reused, fresh := r.layers()
	text := fmt.Sprintf("from %s: %s", r.path, strings.Join(reused, ", "))
	if len(fresh) > 0 {
		text += "; new: " + strings.Join(fresh, ", ")
	}
	if len(r.dropped) > 0 {
		text += "; dropped: " + strings.Join(r.dropped, ", ")
	}
	c.note(text)
	if text := r.frozenText(); text != "" {
		c.note(text)
	}
	why, err := r.unkept(s.cfg, s.trainer)
	if err != nil {
		return err
	}
	if why != "" {
		c.note(why)
	}
	like, err := c.likeness(ctx, s.cfg, r, s.trainer.Net, s.data.train)
	if like != nil {
		c.note(likenessText(like))
	}
	return err
}

// unkept says why frozen layers are run in every epoch, "" where they are not.
func (r *grafting) unkept(cfg *config.Config, t *train.Trainer) (string, error) {
	if len(r.freezing.Frozen) == 0 || cfg.Transfer.Cache == string(transfer.Off) {
		return "", nil
	}
	const said = "the frozen layers are run in every epoch: "
	if cfg.Augmented() {
		return said + "augmentation makes other rows each time", nil
	}
	p, err := t.Prefix()
	if p != nil || err != nil {
		return "", err
	}
	for _, q := range r.table {
		switch p := t.Params.Get(q.Name); {
		case p == nil || p.Kind != param.Weight:
		case p.Frozen:
			return said + "what is below them is not the same in each: random numbers, rows that are blended, statistics that move", nil
		default:
			return fmt.Sprintf("%s%s, the lowest layer with weights, is not frozen; freeze='*' freezes all that are reused", said, topLayers([]string{q.Name})[0]), nil
		}
	}
	return "", nil
}

func (r *grafting) frozenText() string {
	var parts []string
	if f := topLayers(r.freezing.Frozen); len(f) > 0 {
		parts = append(parts, "frozen: "+strings.Join(f, ", "))
	}
	for _, s := range r.freezing.Stages {
		parts = append(parts, fmt.Sprintf("from epoch %d on trained at %.3g: %s", s.Epoch, s.LR, strings.Join(s.Layers, ", ")))
	}
	return strings.Join(parts, "; ")
}

// topLayers lists the layers of parameters, each once.
func topLayers(params []string) []string {
	var out []string
	for _, name := range params {
		if l, _, _ := strings.Cut(name, "/"); !contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

func (r *grafting) tableText() string {
	var b strings.Builder
	g := grid{align: "llll"}
	g.add("parameter", "", "shape", "in "+r.path)
	text := func(s tensor.Shape) string {
		if s == nil {
			return ""
		}
		return shapeText(s)
	}
	for _, m := range r.table {
		g.add(m.Name, string(m.Status), text(m.Shape), text(m.From))
	}
	g.write(&b, "")
	return b.String()
}

// dryTransfer shows what a transfer would do.
func (c *command) dryTransfer(ctx context.Context, keys []string) error {
	cfg, err := c.load("", os.Environ(), keys)
	if err != nil {
		return err
	}
	d, err := c.openData(ctx, cfg, openOptions{})
	if err != nil {
		return err
	}
	defer d.Close()
	b, err := c.newTrainer(cfg, d, nil)
	if err != nil {
		return err
	}
	defer b.trainer.Close()
	var kept []string
	p, err := b.trainer.Prefix()
	if err != nil {
		return err
	}
	if p != nil && cfg.Transfer.Cache != string(transfer.Off) && !cfg.Augmented() {
		kept = p.Layers
	}
	total, trainable := b.trainer.Params.Count()
	r := b.reuse
	like, err := c.likeness(ctx, cfg, r, b.trainer.Net, d.train)
	if err != nil {
		return err
	}
	why, err := r.unkept(cfg, b.trainer)
	if err != nil {
		return err
	}
	if c.json {
		var rows []object
		for _, m := range r.table {
			row := object{{"name", m.Name}, {"status", m.Status}, {"shape", m.Shape}, {"from", m.From}}
			if m.Status != transfer.Dropped {
				row = append(row, member{"frozen", contains(r.freezing.Frozen, m.Name)})
			}
			rows = append(rows, row)
		}
		stages := []object{}
		for _, s := range r.freezing.Stages {
			stages = append(stages, object{{"epoch", s.Epoch}, {"lr", s.LR}, {"layers", s.Layers}})
		}
		return c.printJSON(object{{"from", r.path}, {"parameters", rows}, {"unfreeze", stages}, {"kept", append([]string{}, kept...)},
			{"params", total}, {"trainable", trainable}, {"likeness", likenessObject(like)}, {"model", json.RawMessage(cfg.Model.JSON())}})
	}
	return c.print(func(w *bufio.Writer) {
		io.WriteString(w, r.tableText())
		if text := r.frozenText(); text != "" {
			fmt.Fprintf(w, "\n%s\n", text)
		}
		fmt.Fprintf(w, "%d parameters, %d of them trained at first\n", total, trainable)
		if why != "" {
			fmt.Fprintln(w, why)
		}
		if len(kept) > 0 {
			fmt.Fprintf(w, "run once and kept: %s\n", strings.Join(kept, ", "))
		}
		if like != nil {
			fmt.Fprintln(w, likenessText(like))
		}
	})
}

// A told cache says once what it keeps, and where it takes its time how far it is.
type told struct {
	*transfer.Cache
	note func(string)
	said map[string]bool
	last time.Time // that something was said
}

// sayEvery is the time between two words on how far the frozen layers have run.
const sayEvery = 2 * time.Second

func (t *told) progress(done, total int) {
	if now := time.Now(); now.Sub(t.last) >= sayEvery && done < total {
		t.last = now
		t.note(fmt.Sprintf("the frozen layers have run on %s of %s rows", term.Count(int64(done)), term.Count(int64(total))))
	}
}

// Features asks the cache.
func (t *told) Features(ctx context.Context, p *train.Prefix, src data.Source) (data.Source, error) {
	t.last = time.Now()
	f, err := t.Cache.Features(ctx, p, src)
	if f != nil && !t.said[p.Key()] {
		t.said[p.Key()] = true
		t.note(fmt.Sprintf("run once and kept: %s", strings.Join(p.Layers, ", ")))
	}
	return f, err
}

// newCache is the cache of what frozen layers make of the rows.
func newCache(cfg *config.Config, note func(string)) *told {
	mode := transfer.Auto
	if cfg.Transfer.Cache != "" {
		mode = transfer.Mode(cfg.Transfer.Cache)
	}
	t := &told{note: note, said: map[string]bool{}}
	t.Cache = &transfer.Cache{Mode: mode, MaxMemory: int64(memory() / 4), Note: note, Progress: t.progress}
	return t
}

// thawing is what a run of a transfer adds to training: the cache, and the hook
// that sets layers free.
func (s *session) thawing(run *train.Run) (hooks []train.Hook, done func() error) {
	if s.reuse == nil {
		return nil, func() error { return nil }
	}
	cache := newCache(s.cfg, s.report.Note)
	run.Cache = cache
	return []train.Hook{s.reuse.freezing.Hook(s.trainer, s.report.Note)}, cache.Close
}
