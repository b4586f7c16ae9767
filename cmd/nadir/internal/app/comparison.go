package app

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/internal/plot"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tune"
)

// The files of a comparison beside its results.
const (
	reportFile  = "report.json"
	compareFile = "report.svg"
)

// A verdict is a study and what it found.
type verdict struct {
	*study
	a *arena
	*tune.Report
}

// show writes the report to the study's folder and prints it.
func (c *command) show(s *study, a *arena, r *tune.Report) error {
	v := verdict{s, a, r}
	picture := filepath.Join(s.out, compareFile)
	if err := ckpt.WriteFile(ckpt.OS{}, picture, v.picture().SVG); err != nil {
		return err
	}
	text, err := encode(v.object(picture))
	if err != nil {
		return err
	}
	if err := ckpt.WriteFile(ckpt.OS{}, filepath.Join(s.out, reportFile), func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	}); err != nil {
		return err
	}
	if c.json {
		_, err = c.out.W.Write(append(text, '\n'))
	} else {
		err = c.tell(func(w *bufio.Writer) { v.text(w, picture) })
	}
	if err != nil {
		return err
	}
	return v.failures()
}

// failures is the error of candidates that could not be trained. Why was said
// when it was found.
func (v verdict) failures() error {
	var names []string
	for _, st := range v.Standings {
		if st.Err != nil {
			names = append(names, st.Name)
		}
	}
	if names == nil {
		return nil
	}
	return usage("%s could not be trained; the others were compared", enumerated(names))
}

// foldsTest names the test behind the p-values.
const foldsTest = "corrected resampled t-test on the folds' differences (Nadeau and Bengio 2003), adjusted for all pairs (Holm 1979)"

func (v verdict) object(picture string) object {
	var cands, pairs []object
	for _, st := range v.Standings {
		values := make([]any, len(st.Values))
		for i, x := range st.Values {
			values[i] = finite(x)
		}
		o := object{{"name", st.Name}, {"n", st.N}, {"mean", finite(st.Mean)}, {"sd", finite(st.SD)}, {"values", values}, {"train", finite(st.Train)},
			{"params", st.Params}, {"seconds", finite(st.Seconds)}, {"diverged", st.Diverged}}
		var target any
		if !math.IsNaN(v.Target) {
			target = object{{"reached", st.Reached}, {"seconds", finite(st.TargetSeconds)}, {"steps", finite(st.TargetSteps)}, {"epochs", finite(st.TargetEpochs)}}
		}
		var one, batch, gap, failed any
		if st.Cost != nil {
			one, batch = st.Cost.One, st.Cost.Batch
		}
		if g := st.Gap; g != nil {
			gap = object{{"trials", st.Overfits}, {"onset", g.Onset}, {"lowest", g.Low}, {"val", g.Val}, {"train", g.Train}}
		}
		if st.Err != nil {
			failed = st.Err.Error()
		}
		cands = append(cands, append(o, member{"target", target}, member{"us_per_prediction", one}, member{"us_per_prediction_batched", batch},
			member{"overfit", gap}, member{"error", failed}))
	}
	for _, p := range v.Pairs {
		pairs = append(pairs, object{{"a", p.A}, {"b", p.B}, {"n", p.N}, {"mean", finite(p.Mean)}, {"lo", finite(p.Lo)}, {"hi", finite(p.Hi)},
			{"t", finite(p.T)}, {"df", p.DF}, {"p", finite(p.P)}, {"p_holm", finite(p.Holm)}, {"real", p.Real()}})
	}
	var best any
	if b := v.Best(); b != nil {
		best = b.Name
	}
	if pairs == nil {
		pairs = []object{}
	}
	out := object{{"data", v.a.data.name}, {"rows", v.a.data.train.Len()}, {"metric", v.Metric}, {"k", v.Folds}, {"seeds", v.Report.Seeds}, {"target", finite(v.Target)},
		{"test", foldsTest}, {"best", best}, {"candidates", cands}, {"pairs", pairs}}
	if len(v.ways) > 0 {
		out = append(out, member{"ways", v.waysObject()})
	}
	return append(out, member{"advice", v.advice()}, member{"out", v.out}, member{"svg", picture})
}

// text writes what a person reads.
func (v verdict) text(w io.Writer, picture string) {
	head := fmt.Sprintf("%s in %d folds of %s rows of %s", v.Metric, v.Folds, nn.Thousands(v.a.data.train.Len()), v.a.data.name)
	if n := len(v.Report.Seeds); n > 1 {
		head += fmt.Sprintf(", %d seeds", n)
	}
	fmt.Fprintf(w, "%s\n\n", head)
	timed := !math.IsNaN(v.Target)
	best := v.Best()
	g := grid{align: "lrlrrrrrrrr"}
	titles := []string{"candidate", "mean", "± sd", "train", "vs best", "95 % interval", "p", "p, all pairs", "s a run", "µs a prediction", "in batches"}
	if timed {
		g.align += "rrr"
		titles = append(titles, "reached "+measure(v.Target), "after s", "epochs")
	}
	g.add(titles...)
	for _, st := range v.Standings {
		row := []string{short(st.Name, 40), measure(st.Mean), "± " + measure(st.SD), measure(st.Train), "", "", "", "", "", "", ""}
		if p := v.against(best, st.Name); p != nil {
			d := p.Difference
			row[4], row[5] = signed(-d.Mean), fmt.Sprintf("[%s, %s]", signed(-d.Hi), signed(-d.Lo))
			row[6], row[7] = chance(d.P), chance(p.Holm)
		}
		if st.N > 0 {
			row[8] = figure(st.Seconds)
		}
		if st.Cost != nil {
			row[9], row[10] = figure(st.Cost.One), figure(st.Cost.Batch)
		}
		if timed {
			row = append(row, fmt.Sprintf("%d of %d", st.Reached, len(st.Outcomes)), soon(st.TargetSeconds), soon(st.TargetEpochs))
		}
		g.add(row...)
	}
	g.write(w, "")
	fmt.Fprintln(w)
	for _, p := range append(v.words(), v.advice()...) {
		for _, line := range folded(p, 96) {
			fmt.Fprintln(w, line)
		}
	}
	if len(v.ways) > 0 {
		v.waysText(w)
	}
	fmt.Fprintf(w, "p: %s.\ndrawn: %s\n", foldsTest, picture)
}

// against is the comparison of the best with another one.
func (v verdict) against(best *tune.Standing, name string) *tune.Pair {
	if best == nil || best.Name == name {
		return nil
	}
	return v.Pair(best.Name, name)
}

// words says what the numbers mean.
func (v verdict) words() []string {
	var out []string
	best := v.Best()
	if best == nil {
		out = append(out, "No candidate was trained to an end.")
	} else if len(v.Pairs) > 0 {
		var sure, unsure []string
		for _, st := range v.Standings[1:] {
			switch p := v.Pair(best.Name, st.Name); {
			case p == nil:
			case p.Real():
				sure = append(sure, st.Name)
			default:
				unsure = append(unsure, st.Name)
			}
		}
		text := best.Name + " is best"
		if len(sure) > 0 {
			text += ", and better than " + enumerated(sure) + " by more than chance explains (p < 0.05, all pairs allowed for)"
		}
		if len(unsure) > 0 {
			text += "; that it is better than " + enumerated(unsure) + " is not shown"
		}
		out = append(out, text+".")
	}
	for _, st := range v.Standings {
		if st.Diverged > 0 {
			text := fmt.Sprintf("%s diverged in %d of %d runs", st.Name, st.Diverged, len(st.Outcomes))
			for _, o := range st.Outcomes {
				if o != nil && o.Diverged != "" {
					text += "; the first: " + o.Diverged
					break
				}
			}
			out = append(out, text+".")
		}
	}
	return out
}

func enumerated(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return names[0]
}

// manyRows is what counts as a huge training set, on which PReLU wins: He, Zhang,
// Ren and Sun (2015) had 1.2 million pictures, and MNIST's 60,000 are few.
const manyRows = 100_000

// advice is what the chapter says of the activations, with what was seen: RReLU
// where the net overfits, PReLU where the training set is huge. A net that overfits
// is told a regularizer.
func (v verdict) advice() []string {
	out := []string{}
	best := v.Best()
	if best == nil {
		return out
	}
	at := slices.IndexFunc(v.entries, func(e contender) bool { return e.name == best.Name })
	cfg := v.entries[at].cfg
	model, err := nn.Decode(cfg.Model)
	if err != nil {
		return out
	}
	rows := 0
	if o := best.Outcomes[0]; o != nil {
		rows = o.Rows
	}
	rectifier := func(name string) *tune.Standing { // a candidate that is varied to it
		for i, vr := range v.vary {
			if vr.key == varyActivation {
				for _, st := range v.Standings {
					if st.Name == name || i >= 0 && strings.Contains(" "+st.Name+" ", " activation="+name+" ") {
						return &st
					}
				}
			}
		}
		return nil
	}
	overfits := 2*best.Overfits >= len(best.Outcomes) && best.Gap != nil
	if overfits {
		out = append(out, fmt.Sprintf("%s overfits in %d of %d runs. The one in the middle %s. %s", best.Name, best.Overfits, len(best.Outcomes), best.Gap, best.Gap.Cure(model)))
		if r := rectifier("rrelu"); r != nil && r.N > 0 {
			out = append(out, fmt.Sprintf("RReLU acts as a regularizer: it was tried, has %s %s on the rows held out and is ahead of that by %s in training, where %s has %s and %s; it overfits in %d of %d runs.",
				v.Metric, measure(r.Mean), measure(r.Train-r.Mean), best.Name, measure(best.Mean), measure(best.Train-best.Mean), r.Overfits, len(r.Outcomes)))
		} else {
			out = append(out, fmt.Sprintf("RReLU acts as a regularizer and is to be tried where a net overfits: vary=activation:%s,rrelu.", best.Name))
		}
	}
	p := rectifier("prelu")
	switch {
	case rows >= manyRows && !overfits && p == nil:
		out = append(out, fmt.Sprintf("PReLU is to be tried on a huge training set: %s rows are trained on here, and nothing overfits: vary=activation:%s,prelu.", nn.Thousands(rows), best.Name))
	case rows >= manyRows && !overfits && p.N > 0 && p.Name != best.Name:
		out = append(out, fmt.Sprintf("PReLU is said to win on huge training sets; on these %s rows it does not.", nn.Thousands(rows)))
	case rows < manyRows && p != nil && p.N > 0:
		out = append(out, fmt.Sprintf("PReLU is for huge training sets; %s rows are few, on which it runs the risk of overfitting: here it is ahead by %s in training and overfits in %d of %d runs.",
			nn.Thousands(rows), measure(p.Train-p.Mean), p.Overfits, len(p.Outcomes)))
	}
	return out
}

// picture draws the candidates that have values.
func (v verdict) picture() plot.Comparison {
	p := plot.Comparison{Title: fmt.Sprintf("%s: %s in %d folds", v.a.data.name, v.Metric, v.Folds), Metric: v.Metric, Target: v.Target}
	best := v.Best()
	for _, st := range v.Standings {
		if st.N == 0 {
			continue
		}
		nan := math.NaN()
		r := plot.Candidate{Name: st.Name, Values: st.Values, Difference: nan, Lo: nan, Hi: nan}
		if q := v.against(best, st.Name); q != nil {
			r.Difference, r.Lo, r.Hi = -q.Mean, -q.Hi, -q.Lo
		}
		r.X, r.Y = course(st.Outcomes, v.Metric)
		p.Rows = append(p.Rows, r)
	}
	return p
}

// course is the mean of a metric over the trials, by epochs.
func course(outcomes []*tune.Outcome, metric string) (x, y []float64) {
	sum, n := map[float64]float64{}, map[float64]float64{}
	for _, o := range outcomes {
		if o == nil {
			continue
		}
		for _, c := range o.Checks {
			if val, ok := c.Val.Get(metric); ok && finite(val) != nil {
				sum[c.Epoch] += val
				n[c.Epoch]++
			}
		}
	}
	for e := range sum {
		x = append(x, e)
	}
	slices.Sort(x)
	for _, e := range x {
		y = append(y, sum[e]/n[e])
	}
	return x, y
}

// signed writes a difference with its sign.
func signed(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return strings.Replace(fmt.Sprintf("%+.4f", v), "-", "−", 1)
}

// chance writes a probability.
func chance(p float64) string {
	switch {
	case math.IsNaN(p):
		return "–"
	case p < 0.0005:
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

// soon writes when a target was reached.
func soon(v float64) string {
	if math.IsInf(v, 1) {
		return "never"
	}
	return figure(v)
}
