package train

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/tensor"
)

// A Value is a measured number with its name.
type Value struct {
	Name  string
	Value float64
}

// Values are measured numbers in order, the loss first.
type Values []Value

// Get is the number of that name, and whether there is one.
func (v Values) Get(name string) (float64, bool) {
	for _, x := range v {
		if x.Name == name {
			return x.Value, true
		}
	}
	return math.NaN(), false
}

// MarshalJSON writes an object with the names in their order. A number that
// JSON has no way to write is null.
func (v Values) MarshalJSON() ([]byte, error) {
	if v == nil {
		return []byte("null"), nil
	}
	out := []byte{'{'}
	for i, x := range v {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(x.Name)
		if err != nil {
			return nil, err
		}
		out = append(append(out, name...), ':')
		if math.IsNaN(x.Value) || math.IsInf(x.Value, 0) {
			out = append(out, "null"...)
			continue
		}
		num, err := json.Marshal(x.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, num...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON writes; null becomes NaN.
func (v *Values) UnmarshalJSON(text []byte) error {
	var order []string
	var nums map[string]*float64
	if err := json.Unmarshal(text, &nums); err != nil {
		return err
	}
	if nums == nil {
		*v = nil
		return nil
	}
	d := json.NewDecoder(bytesReader(text))
	_, _ = d.Token()
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return err
		}
		order = append(order, fmt.Sprint(k))
		if _, err := d.Token(); err != nil {
			return err
		}
	}
	*v = make(Values, 0, len(order))
	for _, k := range order {
		x := math.NaN()
		if nums[k] != nil {
			x = *nums[k]
		}
		*v = append(*v, Value{k, x})
	}
	return nil
}

// tally sums a loss and metrics over batches. It can be saved between two of
// them.
type tally struct {
	N     int     `json:"n"`
	Loss  float64 `json:"loss"`
	Parts sums    `json:"parts,omitempty"`
	Sums  sums    `json:"sums,omitempty"`
	// Steps are the optimizer's where gradients are clipped, Clipped those in
	// which they were.
	Steps   int `json:"steps,omitempty"`
	Clipped int `json:"clipped,omitempty"`
}

// sums are numbers that JSON keeps to the bit. A metric's may overflow without
// the loss doing so, and JSON has no number for that.
type sums []float64

// MarshalJSON writes texts.
func (s sums) MarshalJSON() ([]byte, error) {
	texts := make([]string, len(s))
	for i, v := range s {
		texts[i] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	return json.Marshal(texts)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *sums) UnmarshalJSON(text []byte) error {
	var texts []string
	if err := json.Unmarshal(text, &texts); err != nil {
		return err
	}
	*s = make(sums, len(texts))
	for i, t := range texts {
		v, err := strconv.ParseFloat(t, 64)
		if err != nil {
			return err
		}
		(*s)[i] = v
	}
	return nil
}

func (t *tally) add(c *compiled, n int) {
	t.N += n
	t.Loss += c.loss.Flat(0) * float64(n)
	want := 0
	for _, s := range c.sums {
		want += s.Len()
	}
	if len(t.Sums) != want {
		t.Sums = make([]float64, want)
	}
	if len(t.Parts) != len(c.parts) {
		t.Parts = make([]float64, len(c.parts))
	}
	for i, p := range c.parts {
		t.Parts[i] += p.Flat(0) * float64(n)
	}
	at := 0
	for _, s := range c.sums {
		for i := range s.Len() {
			t.Sums[at] += s.Flat(i)
			at++
		}
	}
}

// A column is one measured number: a metric of an output, or a loss.
type column struct {
	name   string
	metric Metric // nil: the loss of one of several outputs, or the layers' penalty
	sums   int
	rows   bool // it needs every row, and so is of evaluation alone
}

// Measures names what evaluation measures, the loss first.
func (n *Net) Measures() []string { return n.measures(true) }

// TrainingMeasures names what is measured during a training epoch, the loss
// first.
func (n *Net) TrainingMeasures() []string { return n.measures(false) }

func (n *Net) measures(rows bool) []string {
	names := []string{"loss"}
	for _, c := range n.columns() {
		if rows || !c.rows {
			names = append(names, c.name)
		}
	}
	return names
}

// columns lists what is measured, in order, after the loss.
func (n *Net) columns() []column {
	var out []column
	at := 0
	for i, p := range n.ports {
		if n.out[i] < 0 {
			continue
		}
		prefix := ""
		if n.multi {
			prefix = p.Name + "/"
			out = append(out, column{name: prefix + "loss"})
		}
		for _, me := range n.metrics(i) {
			c := column{name: prefix + me.Name(), metric: me}
			if _, c.rows = me.(Collector); !c.rows {
				c.sums = n.sums[at]
				at++
			}
			out = append(out, c)
		}
	}
	if n.taxed {
		out = append(out, column{name: "penalty"})
	}
	return out
}

// gathered is the rows of a metric that needs them all.
type gathered struct {
	values []float64
	n      int
}

func (g *gathered) add(t *tensor.Tensor) {
	g.n += t.Shape()[0]
	for i := range t.Len() {
		g.values = append(g.values, t.Flat(i))
	}
}

// values appends the loss and the metrics of a tally to dst. rows are those of
// metrics that need them all, nil in training.
func (n *Net) values(dst Values, t *tally, rows []gathered) Values {
	if t.N == 0 {
		return nil
	}
	if n.cols == nil {
		n.cols = n.columns()
	}
	dst = append(dst, Value{"loss", t.Loss / float64(t.N)})
	part, at, row := 0, 0, 0
	for _, c := range n.cols {
		v := Value{Name: c.name}
		switch {
		case c.metric == nil:
			v.Value = t.Parts[part] / float64(t.N)
			part++
		case c.rows && rows == nil:
			continue
		case c.rows:
			v.Value = c.metric.Value(rows[row].values, rows[row].n)
			row++
		default:
			v.Value = c.metric.Value(t.Sums[at:at+c.sums], t.N)
			at += c.sums
		}
		dst = append(dst, v)
	}
	if t.Steps > 0 {
		dst = append(dst, Value{ClippedShare, float64(t.Clipped) / float64(t.Steps)})
	}
	return dst
}

// ClippedShare is the name of the share of an epoch's steps in which gradients
// were clipped. It is measured in training alone, where something clips them.
const ClippedShare = "clipped"

// A Result is what an evaluation measured.
type Result struct {
	N      int
	Values Values // the loss and the metrics
	// Confusion counts rows by class (outer) and by predicted class; nil where
	// no class is predicted.
	Confusion [][]int
}

// Correct is the number of rows whose class was right.
func (r *Result) Correct() int {
	n := 0
	for i := range r.Confusion {
		n += r.Confusion[i][i]
	}
	return n
}

// PerClass is the share of each class's rows that was right, NaN where the
// class has none.
func (r *Result) PerClass() []float64 {
	out := make([]float64, len(r.Confusion))
	for i, row := range r.Confusion {
		sum := 0
		for _, c := range row {
			sum += c
		}
		out[i] = float64(row[i]) / float64(sum)
	}
	return out
}

// evalBatch is the number of rows that evaluation takes at a time where no
// larger batch is asked for.
const evalBatch = 256

// Evaluate measures the model on every row of src, as in inference.
func (n *Net) Evaluate(ctx context.Context, src data.Source) (*Result, error) {
	m := evaluating
	if _, ok := src.(behind); ok {
		m |= behindPrefix
	}
	return n.evaluate(src, func(batch *data.Batch) (*compiled, error) {
		c, err := n.planFor(planKey{m, batch.N, batch.Weight != nil})
		if err != nil {
			return nil, err
		}
		if err := n.load(c, batch, evaluating, nil); err != nil {
			return nil, err
		}
		return c, c.plan.Run(ctx, backend.Inputs{Values: c.feed})
	})
}

// evaluate adds up what run measures of each batch.
func (n *Net) evaluate(src data.Source, run func(*data.Batch) (*compiled, error)) (*Result, error) {
	if src.Len() == 0 {
		return nil, &data.Error{Msg: "there are no rows to evaluate on"}
	}
	res := &Result{}
	var sum tally
	rows := []gathered{}
	for batch, err := range data.Batches(src, evalBatch, data.Order{}) {
		if err != nil {
			return nil, err
		}
		c, err := run(batch)
		if err != nil {
			return nil, err
		}
		sum.add(c, batch.N)
		for len(rows) < len(c.rows) {
			rows = append(rows, gathered{})
		}
		for i, t := range c.rows {
			rows[i].add(t)
		}
		if c.class != nil {
			res.count(c.class, batch.Y[n.out[0]].Int32s()[:batch.N], len(n.cfg.Data.Classes))
		}
	}
	res.N, res.Values = sum.N, n.values(nil, &sum, rows)
	return res, nil
}

func (r *Result) count(class *tensor.Tensor, labels []int32, k int) {
	if r.Confusion == nil {
		r.Confusion = make([][]int, k)
		for i := range r.Confusion {
			r.Confusion[i] = make([]int, k)
		}
	}
	for i, l := range labels {
		if p := int(class.Flat(i)); int(l) < k && p < k {
			r.Confusion[l][p]++
		}
	}
}

// batchOf is rows x, a tensor for each input field of the schema, as a batch.
func (n *Net) batchOf(x []*tensor.Tensor) (*data.Batch, error) {
	fields := n.cfg.Data.Inputs
	if len(x) != len(fields) {
		return nil, fmt.Errorf("the data has %d inputs, got %d", len(fields), len(x))
	}
	for i, f := range fields {
		if s := x[i].Shape(); len(s) == 0 || s[0] == 0 || s[0] != x[0].Shape()[0] || !s[1:].Equal(f.Shape) {
			return nil, fmt.Errorf("input %q: got shape %v, want at least one row of %v, and as many of every input", f.Name, s, f.Shape)
		}
	}
	return &data.Batch{N: x[0].Shape()[0], X: x}, nil
}

// Predict gives what the model predicts for rows x, a tensor (N, …) for each
// input field of the schema: for each output a tensor (N, …) that is valid
// until the next call, probabilities where the loss makes them so.
func (n *Net) Predict(ctx context.Context, x ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	batch, err := n.batchOf(x)
	if err != nil {
		return nil, err
	}
	c, err := n.planFor(planKey{predicting, batch.N, false})
	if err != nil {
		return nil, err
	}
	if err := n.load(c, batch, predicting, nil); err != nil {
		return nil, err
	}
	if err := c.plan.Run(ctx, backend.Inputs{Values: c.feed}); err != nil {
		return nil, err
	}
	return c.pred, nil
}
