package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/plot"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

func evalVerb(c *command) *cobra.Command {
	var confusion string
	var force bool
	cmd := &cobra.Command{
		Use:   "eval MODEL [key=value …]",
		Short: "Measure a model: metrics, per class, confusion",
		Long: `Measure a model on data that has labels: loss and metrics, precision, recall and F1
of each class, and which class was taken for which. metrics= names further ones,
such as f1, roc_auc or ece; "nadir config --keys" lists them all. MODEL is a saved
model, the directory of a run, or a model of another framework; bare weights want
model=, the net that they are for.

Without data= a run is measured on its own data: the test part, or the validation
part where there is no test. With data= it is the test part of that set, or all
rows of a file or folder without one, of which data.limit=N takes N, and
data.test=0.2 a part. Rows of a table are encoded as those that the model was
trained on.

mc=100 measures the mean of a hundred predictions with dropout at work, beside one
without, and how well calibrated both are (ECE).`,
		Example: `  nadir eval runs/digits
  nadir eval runs/mnist data=fashion-mnist
  nadir eval model.safetensors data=holdout.csv --json
  nadir eval runs/mnist mc=100
  nadir eval model.safetensors data=mnist data.classes=0-4 --confusion confusion.svg
  nadir eval my_model.ckpt data=mnist input.scale=1/255`,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			return c.eval(cmd.Context(), target, keys, confusion, force)
		},
	}
	cmd.Flags().StringVar(&confusion, "confusion", "", "draw the confusion matrix to this SVG `file`")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the picture if it is there")
	return cmd
}

// An evaluation is what eval measured.
type evaluation struct {
	*train.Result                   // the mean of the passes, where there are some
	mc                int           // passes with dropout at work
	plain             *train.Result // one without, where there are some
	model, data, part string
	classes           []string
}

func (c *command) eval(ctx context.Context, target string, keys []string, confusion string, force bool) error {
	mc, keys, err := passes(keys)
	if err != nil {
		return err
	}
	if err := meant("eval", keys, sourceKeys("data.val", "data.test", "model", "model.*", "input", "input.*", "output.node", "loss", "loss.*", "metrics", "precision", "threads")...); err != nil {
		return err
	}
	s, err := c.openSubject("eval", target, keys)
	if err != nil {
		return err
	}
	e, err := c.evaluate(ctx, s, mc)
	if err != nil {
		return err
	}
	if confusion != "" {
		if err := e.draw(confusion, force); err != nil {
			return err
		}
		c.note("confusion matrix: " + confusion)
	}
	if c.json {
		return c.printJSON(e.object())
	}
	return c.print(e.text)
}

// evaluate measures a model on the data that was named.
func (c *command) evaluate(ctx context.Context, s *subject, mc int) (*evaluation, error) {
	in, err := c.newIntake(s)
	if err != nil {
		return nil, err
	}
	d, src, part, err := c.measured(ctx, s, in)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	net, err := s.measuring(src, mc > 0)
	if err != nil {
		return nil, err
	}
	defer net.Close()
	watched := c.watch(src, "evaluating")
	res, err := net.Evaluate(ctx, watched)
	watched.Close()
	if err != nil {
		return nil, asData(err)
	}
	plain := res
	if mc > 0 {
		watched := c.watch(src, fmt.Sprintf("evaluating %d passes", mc))
		res, err = net.EvaluateSampled(ctx, watched, mc)
		watched.Close()
		if err != nil {
			return nil, asData(noNoise(mc, err))
		}
	}
	return &evaluation{Result: res, mc: mc, plain: plain, model: s.path, data: s.cfg.Data.Name, part: part, classes: net.Data().Classes}, nil
}

// measured opens the rows that a model is evaluated on, as it takes them.
func (c *command) measured(ctx context.Context, s *subject, in *intake) (d *dataset, src data.Source, part string, err error) {
	_, given := s.said("data", "name")
	if s.run == "" && !given {
		return nil, nil, "", usage("%s belongs to no run, so eval needs to be told what to measure it on: data=mnist, data=FILE or data=FOLDER", s.path)
	}
	cfg, err := s.reading(given)
	if err != nil {
		return nil, nil, "", err
	}
	if cfg.Input.Size == nil {
		cfg.Input.Size = in.picture()
	}
	_, cut := s.said("data", "test")
	v, val := s.said("data", "val")
	// What the input is standardized with is that of the rows left for training.
	if _, fitted := s.said("input", "standardize"); val && given && !fitted {
		return nil, nil, "", &spec.Error{Pos: v.Pos, Path: "data.val", Msg: "data.val: it is the test part that is measured; data.test= cuts one off"}
	}
	o := openOptions{table: s.table, labels: s.classified(), whole: given && !cut && !val}
	if !given {
		if o.within, err = s.home(); err != nil {
			return nil, nil, "", err
		}
	}
	if d, err = c.openData(ctx, cfg, o); err != nil {
		return nil, nil, "", err
	}
	opened := d
	defer func() {
		if err != nil {
			opened.Close()
		}
	}()
	if o.whole && d.table != nil {
		d.notes = append(d.notes, d.table.Notes()...)
	}
	for _, n := range d.notes {
		c.note(n)
	}
	src, part = d.test, "test"
	switch {
	case src != nil:
	case !given && d.val != nil:
		src, part = d.val, "validation"
	case !given:
		src, part = d.train, "training"
		c.note("the run kept no rows for testing or validation: these are the rows that it was trained on")
	default:
		src, part = d.train, "all"
		_, limited := s.said("data", "limit")
		if n := s.cfg.Data.Limit; limited && n > 0 && n < src.Len() {
			// The first rows of a sorted file are of one class.
			if src, _, err = data.Split(src, src.Len()-n, data.Random, s.cfg.Seed); err != nil {
				return nil, nil, "", err
			}
		}
	}
	if len(src.Schema().Targets) == 0 {
		return nil, nil, "", &data.Error{Path: s.cfg.Data.Name, Msg: "has no labels to compare with; nadir predict gives predictions without"}
	}
	if s.cfg.Input.Standardize == "train" {
		if _, now := s.said("input", "standardize"); now {
			rows, err := in.fit(d.train, nil)
			if err == nil {
				err = in.standardize(ctx, rows)
			}
			if err != nil {
				return nil, nil, "", s.about(err)
			}
		}
	}
	src, err = in.fit(src, s.Data.Classes)
	return d, src, part, s.about(err)
}

// about makes an error one of the data that is measured.
func (s *subject) about(err error) error {
	if err == nil || is[*data.Error](err) || is[*usageError](err) || is[*spec.Error](err) {
		return err
	}
	return &data.Error{Path: s.cfg.Data.Name, Msg: err.Error()}
}

// measuring ties the model to the rows it is measured on.
func (s *subject) measuring(src data.Source, calibrated bool) (*train.Net, error) {
	set := train.Config{Data: src.Schema()}
	labels, classes := set.Data.Classification(), s.Data.Classification()
	switch {
	case labels && !classes && len(s.Data.Targets) > 0:
		return nil, s.about(fmt.Errorf("the data has classes, but the model predicts numbers"))
	case !labels && classes:
		return nil, s.about(fmt.Errorf("the data has numbers to predict, but the model tells classes apart"))
	}
	if v, ok := s.said("loss"); ok {
		var err error
		if set.Loss, set.Losses, err = lossesOf(v); err != nil {
			return nil, err
		}
	}
	if len(s.cfg.Metrics) > 0 {
		with := set
		if with.Loss == nil {
			with.Loss = s.loss()
		}
		var err error
		if set.Metrics, err = metricsOf(s.cfg, with); err != nil {
			return nil, err
		}
	}
	if calibrated && len(s.Losses) < 2 && set.Losses == nil {
		l := set.Loss
		if l == nil {
			l = s.loss()
		}
		if l == nil && len(set.Data.Targets) > 0 {
			l = train.DefaultLoss(set.Data.Targets[0])
		}
		if train.Suits(train.ECE{}, l) {
			with := set
			if with.Metrics == nil {
				with.Metrics = train.DefaultMetrics(l)
			}
			with.Metrics = append(slices.Clone(with.Metrics), train.ECE{})
			// It counts all steps, and is not for outputs of which a mask leaves some out.
			if net, err := s.net(with); err == nil {
				return net, nil
			}
		}
	}
	return s.net(set)
}

func (e *evaluation) draw(path string, force bool) error {
	if e.Confusion == nil {
		return usage("--confusion: the model predicts no classes")
	}
	title := fmt.Sprintf("%s on %s", e.model, e.data)
	return create(path, force, func(w io.Writer) error {
		return plot.Confusion{Title: title, Classes: e.classes, Counts: e.Confusion}.SVG(w)
	})
}

// A score is what was measured of one class.
type score struct {
	rows, right, taken int
}

func (e *evaluation) scores() []score {
	out := make([]score, len(e.Confusion))
	for t, row := range e.Confusion {
		for p, n := range row {
			out[t].rows += n
			out[p].taken += n
			if t == p {
				out[t].right = n
			}
		}
	}
	return out
}

func ratio(a, b int) any { return finite(float64(a) / float64(b)) }

// macro is the mean over the classes of their precision, recall and F1, what is
// nothing of nothing counting 0.
func (e *evaluation) macro() (precision, recall, f1 float64) {
	scores := e.scores()
	for _, s := range scores {
		precision += float64(s.right) / float64(max(1, s.taken))
		recall += float64(s.right) / float64(max(1, s.rows))
		f1 += 2 * float64(s.right) / float64(max(1, s.rows+s.taken))
	}
	n := float64(len(scores))
	return precision / n, recall / n, f1 / n
}

func (e *evaluation) object() object {
	out := object{{"model", e.model}, {"data", e.data}, {"part", e.part}, {"n", e.N}}
	for _, v := range e.Values {
		out = append(out, member{v.Name, finite(v.Value)})
		if v.Name == "accuracy" && e.Confusion != nil {
			out = append(out, member{"correct", e.Correct()})
		}
	}
	if e.mc > 0 {
		one := object{}
		for _, v := range e.plain.Values {
			one = append(one, member{v.Name, finite(v.Value)})
		}
		out = append(out, member{"mc", e.mc}, member{"plain", one})
	}
	if e.Confusion == nil {
		return out
	}
	var classes []object
	for i, s := range e.scores() {
		classes = append(classes, object{{"class", e.classes[i]}, {"n", s.rows}, {"correct", s.right},
			{"accuracy", ratio(s.right, s.rows)}, {"precision", ratio(s.right, s.taken)}, {"recall", ratio(s.right, s.rows)}, {"f1", ratio(2*s.right, s.rows+s.taken)}})
	}
	precision, recall, f1 := e.macro()
	return append(out, member{"per_class", classes}, member{"macro", object{{"precision", precision}, {"recall", recall}, {"f1", f1}}}, member{"confusion", e.Confusion})
}

// The most classes of which each gets a line, and a column of the matrix.
const shownClasses = 20

func (e *evaluation) text(w *bufio.Writer) {
	part := e.part + " "
	if e.part == "all" {
		part = ""
	}
	fmt.Fprintf(w, "%s on %s, %s %srows\n", e.model, e.data, nn.Thousands(e.N), part)
	g := grid{align: "lrr"}
	if e.mc > 0 {
		g.add("", fmt.Sprintf("mean of %d passes", e.mc), "one without dropout")
	}
	line := func(name, value, plain string) {
		if e.mc > 0 {
			g.add(name, value, plain)
		} else {
			g.add(name, value)
		}
	}
	for i, v := range e.Values {
		text := measure(v.Value)
		if l, ok := e.Values.Get("loss"); ok && v.Name == "penalty" {
			text += term.PenaltyShare(v.Value, l)
		}
		line(v.Name, text, measure(e.plain.Values[i].Value))
	}
	if e.Confusion != nil {
		line("correct", nn.Thousands(e.Correct()), nn.Thousands(e.plain.Correct()))
	}
	g.write(w, "")
	if e.Confusion == nil {
		return
	}
	scores := e.scores()
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	if len(order) > shownClasses {
		slices.SortStableFunc(order, func(a, b int) int {
			return scores[a].right*max(1, scores[b].rows) - scores[b].right*max(1, scores[a].rows)
		})
		order = order[:shownClasses]
		fmt.Fprintf(w, "\nthe %d of %d classes with the lowest recall\n", shownClasses, len(scores))
	} else {
		fmt.Fprintln(w)
	}
	g = grid{align: "lrrrrr"}
	g.add("class", "rows", "right", "precision", "recall", "F1")
	for _, i := range order {
		s := scores[i]
		g.add(short(e.classes[i], 24), nn.Thousands(s.rows), nn.Thousands(s.right), share(s.right, s.taken), share(s.right, s.rows), share(2*s.right, s.rows+s.taken))
	}
	precision, recall, f1 := e.macro()
	g.add("mean over classes", nn.Thousands(e.N), nn.Thousands(e.Correct()), percent(precision), percent(recall), percent(f1))
	g.write(w, "")
	if len(scores) <= shownClasses {
		fmt.Fprintln(w, "\nconfusion: a row is a true class, a column what it was taken for")
		e.matrix(w)
	}
}

func (e *evaluation) matrix(w io.Writer) {
	g := grid{align: "l" + strings.Repeat("r", len(e.classes))}
	head := []string{""}
	for _, name := range e.classes {
		head = append(head, short(name, max(4, min(12, 80/len(e.classes)))))
	}
	g.add(head...)
	for t, row := range e.Confusion {
		cells := []string{short(e.classes[t], 16)}
		for _, n := range row {
			text := "."
			if n > 0 {
				text = strconv.Itoa(n)
			}
			cells = append(cells, text)
		}
		g.add(cells...)
	}
	g.write(w, "")
}

// A watched source shows how far the reading of it is, once that has taken a
// second.
type watched struct {
	data.Source
	c     *command
	label string
	began time.Time
	rows  atomic.Int64
	bar   *term.Bar
}

func (c *command) watch(src data.Source, label string) *watched {
	return &watched{Source: src, c: c, label: label, began: time.Now()}
}

// Read reads and counts. It is for one goroutine.
func (w *watched) Read(dst *data.Batch, idx []int32) error {
	n := w.rows.Add(int64(len(idx)))
	if w.bar == nil && !w.c.quiet && time.Since(w.began) > time.Second {
		w.bar = term.NewBar(w.c.err, w.label, int64(w.Len()), term.Count)
	}
	if w.bar != nil {
		w.bar.Set(n)
	}
	return w.Source.Read(dst, idx)
}

func (w *watched) Close() {
	if w.bar != nil {
		w.bar.Close()
	}
}
