package pretrain

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/train"
	"github.com/nadir-ml/nadir/tune"
)

// A Sweep measures whether pretraining pays, by the number of labeled rows: a net
// is trained on so many of them from scratch, and once more after the stages,
// which see all rows, without their labels unless they ask for them. Both have the
// same rows, order, initial head and number of steps; each seed draws other rows
// and other weights.
type Sweep struct {
	Model  nn.Model
	Config train.Config // Seed is that of the first try; the next have those after it
	Stages []Stage
	// Pretrain says what the stages train on; Seed and Optim are those of Config.
	Pretrain Config
	Rows     data.Source // labeled; as many as a point says are used
	Test     data.Source // what is measured on
	Labels   []int       // numbers of labeled rows
	Seeds    int         // tries; 5 by default
	Batch    int         // rows a step; 32 by default
	Epochs   int         // passes over the labeled rows; 10 by default
	Least    int64       // steps at least, so that few rows are learned to the end; 500 by default
	// Told is told of every net that was trained; nil drops it.
	Told func(SweepEvent)
}

// A SweepEvent is a net that was trained.
type SweepEvent struct {
	Done, Of   int // nets, pretrainings counted as one
	Seed       uint64
	Labels     int  // 0 for a pretraining
	Pretrained bool // it began with what the stages had learned
	Value      float64
}

// A Point is what a sweep measured for one number of labeled rows.
type Point struct {
	Labels              int
	Scratch, Pretrained []float64 // by seed
	// Gain is how much better the pretrained net is: the difference of accuracies,
	// or of losses where less is better.
	Gain tune.Difference
	Wins int // seeds for which the pretrained net was better
}

// Verdict says whether pretraining pays: whether the 95 % interval of the gain
// lies above 0, below it, or on both sides.
func (p Point) Verdict() string {
	switch d := p.Gain; {
	case d.Lo > 0:
		return "pays"
	case d.Hi < 0:
		return "harms"
	case d.N < 2:
		return "one seed tells nothing"
	}
	return "no difference to be told"
}

// A SweepReport is what came of a sweep.
type SweepReport struct {
	Metric    string // accuracy, or loss
	Unlabeled int    // rows that the stages saw, those of the largest set
	Seeds     int
	Points    []Point
}

// Run trains all nets, one after the other.
func (s Sweep) Run(ctx context.Context) (*SweepReport, error) {
	if s.Seeds == 0 {
		s.Seeds = 5
	}
	if s.Least == 0 {
		s.Least = 500
	}
	if s.Batch == 0 {
		s.Batch = 32
	}
	if s.Epochs == 0 {
		s.Epochs = 10
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	out := &SweepReport{Metric: "loss", Seeds: s.Seeds}
	for _, n := range s.Labels {
		out.Points = append(out.Points, Point{Labels: n})
	}
	e := SweepEvent{Of: s.Seeds * (1 + 2*len(s.Labels))}
	tell := func(labels int, pretrained bool, v float64) {
		if e.Done++; s.Told != nil {
			e.Labels, e.Pretrained, e.Value = labels, pretrained, v
			s.Told(e)
		}
	}
	for k := range s.Seeds {
		cfg := s.Config
		cfg.Seed += uint64(k)
		e.Seed = cfg.Seed
		begin, learned, saw, err := s.pretrain(ctx, cfg)
		if err != nil {
			return nil, err
		}
		out.Unlabeled = saw
		tell(0, true, math.NaN())
		for i := range out.Points {
			p := &out.Points[i]
			rows, err := labeledRows(s.Rows, p.Labels, cfg.Seed)
			if err != nil {
				return nil, err
			}
			for _, way := range []struct {
				set *param.Set
				dst *[]float64
			}{{begin, &p.Scratch}, {learned, &p.Pretrained}} {
				var v float64
				if v, out.Metric, err = s.train(ctx, cfg, way.set, rows); err != nil {
					return nil, err
				}
				*way.dst = append(*way.dst, v)
				tell(p.Labels, way.set == learned, v)
			}
		}
	}
	for i := range out.Points {
		p := &out.Points[i]
		a, b := p.Pretrained, p.Scratch
		if train.LowIsGood(out.Metric) {
			a, b = b, a
		}
		p.Gain = tune.Paired(a, b, 0)
		for k := range a {
			if a[k] > b[k] {
				p.Wins++
			}
		}
	}
	return out, nil
}

func (s Sweep) check() error {
	switch {
	case len(s.Stages) == 0:
		return fmt.Errorf("there are no stages, so there is nothing to be told")
	case s.Seeds < 1 || s.Batch < 1 || s.Epochs < 1:
		return fmt.Errorf("%d seeds, batches of %d, %d epochs: want whole numbers above 0", s.Seeds, s.Batch, s.Epochs)
	case s.Test == nil:
		return &data.Error{Msg: "there are no rows to measure on: neither a test part nor a validation part"}
	case len(s.Labels) == 0:
		return fmt.Errorf("no numbers of labeled rows are given")
	}
	for i, n := range s.Labels {
		if n < 2 || n > s.Rows.Len() || slices.Contains(s.Labels[:i], n) {
			return fmt.Errorf("labels: %d; want different numbers from 2 to %d, which is how many rows there are", n, s.Rows.Len())
		}
	}
	return nil
}

// pretrain runs the stages and gives the parameters before and after, and how many
// rows they saw.
func (s Sweep) pretrain(ctx context.Context, cfg train.Config) (begin, learned *param.Set, saw int, err error) {
	n, err := train.NewNet(s.Model, nil, cfg)
	if err != nil {
		return nil, nil, 0, err
	}
	defer n.Close()
	if err := n.Adapt(ctx, s.Rows); err != nil {
		return nil, nil, 0, err
	}
	begin = n.Params.Clone()
	of := s.Pretrain
	of.Seed, of.Optim = cfg.Seed, cfg.Optim
	p, err := New(n, s.Stages, of)
	if err != nil {
		return nil, nil, 0, err
	}
	defer p.Close()
	for _, stage := range s.Stages {
		r, err := p.rowsOf(stage.base())
		if err != nil {
			return nil, nil, 0, err
		}
		saw = max(saw, r.train.Len())
	}
	for _, err := range p.Steps(ctx) {
		if err != nil {
			return nil, nil, 0, err
		}
	}
	return begin, n.Params.Clone(), saw, nil
}

// train trains a net that begins with a set on labeled rows and measures it.
func (s Sweep) train(ctx context.Context, cfg train.Config, set *param.Set, rows data.Source) (float64, string, error) {
	tr, err := train.From(s.Model, set.Clone(), cfg)
	if err != nil {
		return 0, "", err
	}
	defer tr.Close()
	steps := max(s.Least, int64(s.Epochs)*int64((rows.Len()+s.Batch-1)/s.Batch))
	if err := train.Fit(tr.Steps(ctx, train.Run{Train: rows, Batch: s.Batch, Steps: steps})); err != nil {
		return 0, "", err
	}
	res, err := tr.Evaluate(ctx, s.Test)
	if err != nil {
		return 0, "", err
	}
	metric := "loss"
	if _, ok := res.Values.Get("accuracy"); ok {
		metric = "accuracy"
	}
	v, _ := res.Values.Get(metric)
	return v, metric, nil
}

// labeledRows draws n rows, as many of each class as of any other where there are
// classes.
func labeledRows(src data.Source, n int, seed uint64) (data.Source, error) {
	order := make([]int32, src.Len())
	rng.New(rng.Key(seed, "pretrain/labels"), 0).Perm(order)
	if !src.Schema().Classification() {
		return data.Subset(src, order[:n]), nil
	}
	labels, err := data.Labels(src)
	if err != nil {
		return nil, err
	}
	k := len(src.Schema().Classes)
	// The i-th row of each class comes before the i+1-th of any.
	seen := make([]int, k)
	turn := make([]int, len(order))
	for i, row := range order {
		turn[i] = seen[labels[row]]
		seen[labels[row]]++
	}
	at := make([]int, len(order))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int { return turn[a] - turn[b] })
	out := make([]int32, n)
	for i := range out {
		out[i] = order[at[i]]
	}
	return data.Subset(src, out), nil
}
