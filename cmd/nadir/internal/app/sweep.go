package app

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/pretrain"
	"github.com/nadir-ml/nadir/spec"
)

// sweep measures by the number of labeled rows whether pretraining pays. It makes
// no run.
func (c *command) sweep(ctx context.Context, file string, keys []string, labels string, seeds int) error {
	counts, err := labelCounts(labels)
	if err != nil {
		return err
	}
	if seeds < 1 {
		return usage("--seeds: want a whole number above 0, got %d", seeds)
	}
	cfg, err := c.load(file, os.Environ(), keys)
	if err != nil {
		return err
	}
	s, err := c.ready(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.stages == nil {
		return usage("%s has no stages; write them under pretrain:, such as - {kind: autoencoder, epochs: 10}", file)
	}
	set, err := settings(cfg, s.data)
	if err != nil {
		return err
	}
	if set.Preprocess == nil && s.from != nil {
		set.Preprocess = *s.from
	}
	stages, err := pretrain.Decode(cfg.Pretrain)
	if err != nil {
		return err
	}
	rows, err := s.stageRows(ctx, "")
	if err != nil {
		return err
	}
	test := s.data.test
	if test == nil {
		test = s.data.val
	}
	noted := map[string]bool{} // each try says the same
	w := pretrain.Sweep{
		Model: s.trainer.Model, Config: set, Stages: stages, Rows: s.data.train, Test: test, Labels: counts, Seeds: seeds,
		Batch: cfg.Data.Batch, Epochs: max(1, cfg.Epochs.N), Least: int64(cfg.Steps),
		Pretrain: pretrain.Config{Train: s.data.train, Batch: cfg.Data.Batch, Threads: cfg.Threads,
			Open: func(v spec.Value) (data.Source, data.Source, error) { return rows[string(v.JSON())][0], nil, nil },
			Note: func(text string) {
				if !noted[text] && !strings.Contains(text, " epoch ") {
					noted[text] = true
					c.note(text)
				}
			}},
	}
	var bar *term.Bar
	if !c.quiet {
		bar = term.NewBar(c.err, "training", int64(seeds*(1+2*len(counts))), term.Count)
		w.Told = func(e pretrain.SweepEvent) { bar.Set(int64(e.Done)) }
	}
	rep, err := w.Run(ctx)
	if bar != nil {
		bar.Close()
	}
	if err != nil {
		if is[*pretrain.StageError](err) {
			return s.placed(err)
		}
		return err
	}
	if c.json {
		return c.printJSON(sweepObject(s.data.name, rep))
	}
	return c.print(func(w *bufio.Writer) { sweepTable(w, s.data.name, rep) })
}

// labelCounts reads 100,300,1000.
func labelCounts(text string) ([]int, error) {
	var out []int
	for f := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || n < 2 {
			return nil, usage("--labels: want numbers of labeled rows such as 100,300,1000, found %q", text)
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return out, nil
}

// spreadOf is the mean and the standard deviation of values.
func spreadOf(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(len(v)-1))
}

type sweepSide struct {
	Mean   number    `json:"mean"`
	SD     number    `json:"sd"`
	Values []float64 `json:"values"`
}

type sweepPoint struct {
	Labels     int       `json:"labels"`
	Scratch    sweepSide `json:"scratch"`
	Pretrained sweepSide `json:"pretrained"`
	Gain       number    `json:"gain"`
	Lo         number    `json:"lo"`
	Hi         number    `json:"hi"`
	P          number    `json:"p"`
	Wins       int       `json:"wins"`
	Verdict    string    `json:"verdict"`
}

// number is a float whose NaN JSON writes as null.
type number float64

// MarshalJSON writes null for what JSON has no number for.
func (n number) MarshalJSON() ([]byte, error) {
	if v := float64(n); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 64), nil
}

func sweepObject(name string, r *pretrain.SweepReport) any {
	side := func(v []float64) sweepSide {
		m, sd := spreadOf(v)
		return sweepSide{number(m), number(sd), v}
	}
	var points []sweepPoint
	for _, p := range r.Points {
		points = append(points, sweepPoint{p.Labels, side(p.Scratch), side(p.Pretrained), number(p.Gain.Mean), number(p.Gain.Lo), number(p.Gain.Hi), number(p.Gain.P), p.Wins, p.Verdict()})
	}
	return struct {
		Data      string       `json:"data"`
		Metric    string       `json:"metric"`
		Unlabeled int          `json:"unlabeled"`
		Seeds     int          `json:"seeds"`
		Points    []sweepPoint `json:"points"`
	}{name, r.Metric, r.Unlabeled, r.Seeds, points}
}

func sweepTable(w *bufio.Writer, name string, r *pretrain.SweepReport) {
	fmt.Fprintf(w, "%s: test %s by labeled rows, mean ± deviation of %d seeds; the stages saw %s rows\n\n", name, r.Metric, r.Seeds, term.Count(int64(r.Unlabeled)))
	fmt.Fprintf(w, "%8s  %16s  %16s  %9s  %19s  %5s  %s\n", "labels", "scratch", "pretrained", "gain", "95 % interval", "wins", "pretraining")
	pays, harms := 0, 0
	for _, p := range r.Points {
		a, sa := spreadOf(p.Scratch)
		b, sb := spreadOf(p.Pretrained)
		fmt.Fprintf(w, "%8s  %s  %s  %+9.4f  %s  %2d/%-2d  %s\n", term.Count(int64(p.Labels)), plusMinus(a, sa), plusMinus(b, sb), p.Gain.Mean, interval(p.Gain.Lo, p.Gain.Hi), p.Wins, r.Seeds, p.Verdict())
		switch p.Verdict() {
		case "pays":
			pays++
		case "harms":
			harms++
		}
	}
	switch {
	case pays == len(r.Points):
		fmt.Fprintf(w, "\nPretraining pays throughout.\n")
	case pays == 0 && harms == 0:
		fmt.Fprintf(w, "\nNo difference that %d seeds can tell: leave pretraining out, or try more seeds.\n", r.Seeds)
	case pays == 0:
		fmt.Fprintf(w, "\nPretraining does not pay here; it harms at %d of %d points.\n", harms, len(r.Points))
	default:
		var at []string
		for _, p := range r.Points {
			if p.Verdict() == "pays" {
				at = append(at, term.Count(int64(p.Labels)))
			}
		}
		fmt.Fprintf(w, "\nPretraining pays with %s labels, and not with the others.\n", strings.Join(at, ", "))
	}
}

func plusMinus(mean, sd float64) string {
	if math.IsNaN(sd) {
		return fmt.Sprintf("%16.4f", mean)
	}
	return fmt.Sprintf("%16s", fmt.Sprintf("%.4f ± %.4f", mean, sd))
}

func interval(lo, hi float64) string {
	if math.IsNaN(lo) {
		return fmt.Sprintf("%19s", "")
	}
	return fmt.Sprintf("%19s", fmt.Sprintf("%+.4f to %+.4f", lo, hi))
}
