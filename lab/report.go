package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// A finding is an experiment with the records of its runs, by name.
type finding struct {
	*Experiment
	records map[string][]*Record // a seed each; nil where it was not run
}

// findings collects what is kept.
func findings(all []*Experiment, s store) ([]finding, error) {
	var out []finding
	for _, e := range all {
		f := finding{e, map[string][]*Record{}}
		for i := range e.Runs {
			p := place{e, &e.Runs[i]}
			for seed := range e.Seeds {
				r, err := s.load(p.hash(all, firstSeed+seed))
				if err != nil {
					return nil, err
				}
				f.records[p.r.Name] = append(f.records[p.r.Name], r)
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// values are those of a number in the records of a run, a seed each.
func (f finding) values(run, of string, epoch int) []float64 {
	var out []float64
	for _, r := range f.records[run] {
		v := math.NaN()
		if r != nil {
			v = r.value(of, epoch)
		}
		out = append(out, v)
	}
	return out
}

// seen leaves out what is not a number.
func seen(v []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(v), math.IsNaN)
}

// median is NaN of nothing.
func median(v []float64) float64 {
	v = seen(v)
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// ran counts the records of a run.
func (f finding) ran(run string) int {
	n := 0
	for _, r := range f.records[run] {
		if r != nil {
			n++
		}
	}
	return n
}

// A verdict is what a claim or a figure comes to.
type verdict string

const (
	notRun  verdict = "not run"
	holds   verdict = "holds"
	not     verdict = "does not hold"
	reached verdict = "reached"
	short   verdict = "falls short"
)

// judge says whether a figure that is to be reached is; the verdict of others is
// empty.
func (f finding) judge(run string, g Figure) verdict {
	m := median(f.values(run, g.Of, g.Epoch))
	switch {
	case f.ran(run) == 0:
		return notRun
	case !g.Reach:
		return ""
	case m >= g.Value-f.Tolerance-1e-9:
		return reached
	}
	return short
}

// test says whether a claim holds, and by what.
func (f finding) test(c Claim) (verdict, string) {
	for _, n := range c.runs() {
		if f.ran(n) == 0 {
			return notRun, ""
		}
	}
	of := c.Of
	if of == "" {
		of = "val/accuracy"
	}
	is := func(ok bool, format string, args ...any) (verdict, string) {
		text := fmt.Sprintf(format, args...)
		if ok {
			return holds, text
		}
		return not, text
	}
	at := func(run string) []float64 { return f.values(run, of, c.Epoch) }
	switch {
	case c.Better != "":
		a, b := at(c.Better), at(c.Than)
		if c.Gap { // the smaller gap is the better
			ta, tb := f.values(c.Better, strings.Replace(of, "val/", "train/", 1), c.Epoch), f.values(c.Than, strings.Replace(of, "val/", "train/", 1), c.Epoch)
			for i := range a {
				a[i], b[i] = a[i]-ta[i], b[i]-tb[i]
			}
		}
		won, n := 0, 0
		for i := range min(len(a), len(b)) {
			if f.records[c.Better][i] == nil || f.records[c.Than][i] == nil {
				continue
			}
			n++
			if d := a[i] - b[i]; d >= c.By && d > 0 || math.IsNaN(b[i]) && !math.IsNaN(a[i]) { // the other one diverged
				won++
			}
		}
		return is(n > 0 && 5*won >= 4*n, "in %d of %d seeds; medians %s and %s", won, n, number(median(a)), number(median(b)))
	case len(c.Spread) > 0:
		lo, hi := math.Inf(1), math.Inf(-1)
		var parts []string
		for _, n := range c.Spread {
			m := median(at(n))
			if math.IsNaN(m) {
				m = 0 // diverged
			}
			lo, hi = min(lo, m), max(hi, m)
			parts = append(parts, n+" "+number(m))
		}
		d := hi - lo
		return is((c.AtMost == 0 || d <= c.AtMost) && d >= c.AtLeast, "spread %.4f: %s", d, strings.Join(parts, ", "))
	case len(c.Order) > 0:
		rises := true
		var parts []string
		last := math.Inf(-1)
		for _, n := range c.Order {
			m := median(at(n))
			rises, last = rises && m > last, m
			parts = append(parts, n+" "+number(m))
		}
		return is(rises, "%s", strings.Join(parts, " < "))
	case len(c.Same) > 0:
		first := f.records[c.Same[0]]
		pairs, numbers := 0, 0
		for _, n := range c.Same[1:] {
			for i, r := range f.records[n] {
				if r == nil || first[i] == nil {
					continue
				}
				pairs++
				for k, e := range first[i].Epochs {
					if k >= len(r.Epochs) || fmt.Sprint(r.Epochs[k]) != fmt.Sprint(e) {
						return is(false, "%s and %s differ in epoch %d from seed %d", c.Same[0], n, k+1, first[i].Seed)
					}
					numbers += len(e.Train) + len(e.Val)
				}
			}
		}
		return is(pairs > 0, "%d numbers in %d pairs of runs", numbers, pairs)
	case c.Reaches != "":
		m := median(at(c.Reaches))
		return is(m >= c.AtLeast, "median %s", number(m))
	case c.Stays != "":
		m := median(at(c.Stays))
		return is(math.IsNaN(m) || m <= c.AtMost, "median %s", number(m))
	}
	highest := func(rates map[string]float64) float64 {
		most := 0.0
		for name, lr := range rates {
			if m := median(at(name)); m >= c.Works {
				most = max(most, lr)
			}
		}
		return most
	}
	a, b := highest(c.Rates), highest(c.Against)
	return is(b > 0 && a >= c.Times*b || b == 0 && a > 0, "highest rates %g and %g", a, b)
}

func number(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.4f", v)
}

// A count of verdicts.
type count struct {
	figures, run, judged, reached int
	claims, tested, held          int
	seconds                       float64
}

func counted(fs []finding) (c count) {
	for _, f := range fs {
		for _, r := range f.Runs {
			for _, g := range r.Recorded {
				c.figures++
				v := f.judge(r.Name, g)
				if v != notRun {
					c.run++
				}
				if v == reached || v == short {
					c.judged++
				}
				if v == reached {
					c.reached++
				}
			}
			for _, rec := range f.records[r.Name] {
				if rec != nil {
					c.seconds += rec.Seconds
				}
			}
		}
		for _, cl := range f.Claims {
			c.claims++
			v, _ := f.test(cl)
			if v != notRun {
				c.tested++
			}
			if v == holds {
				c.held++
			}
		}
	}
	return c
}

func (c count) String() string {
	return fmt.Sprintf("%d of %d recorded figures are measured; of %d that are to be reached %d are. %d of %d claims are tested, %d hold. Training took %.1f minutes on one thread in all.",
		c.run, c.figures, c.judged, c.reached, c.tested, c.claims, c.held, c.seconds/60)
}

// markdown writes RESULTS.md.
func markdown(w io.Writer, fs []finding) {
	fmt.Fprintf(w, `# Recorded against measured

Made by `+"`go run ./lab`"+`; not to be edited. Each run is a configuration in [experiments](experiments), trained by the command from several seeds; what
is kept of it lies in [results](results). Measured is the median over the seeds, with the least and the greatest. A figure that is to be reached is where the
median falls short of it by no more than the tolerance. What was not run says so.

%s

`, counted(fs))
	for _, f := range fs {
		fmt.Fprintf(w, "## %s: %s\n\nRecorded in %s. Seeds: %d. Tolerance: %g.%s\n\n", f.ID, f.Title, f.Source, f.Seeds, f.Tolerance, spaced(f.Note))
		if f.figures() > 0 {
			fmt.Fprint(w, "| run | number | recorded | measured | least – greatest | difference | |\n|---|---|---:|---:|---:|---:|---|\n")
			for _, r := range f.Runs {
				for _, g := range r.Recorded {
					fmt.Fprintf(w, "| %s |\n", strings.Join(f.row(r, g), " | "))
				}
			}
			fmt.Fprintln(w)
		}
		var bare []Run
		for _, r := range f.Runs {
			if len(r.Recorded) == 0 {
				bare = append(bare, r)
			}
		}
		if len(bare) > 0 {
			fmt.Fprint(w, "| run | val/accuracy, last | least – greatest |\n|---|---:|---:|\n")
			for _, r := range bare {
				v := f.values(r.Name, "val/accuracy", 0)
				what := number(median(v))
				switch {
				case f.ran(r.Name) == 0:
					what = string(notRun)
				case len(seen(v)) == 0:
					what = "diverged"
				}
				fmt.Fprintf(w, "| %s | %s | %s |\n", r.Name, what, between(v))
			}
			fmt.Fprintln(w)
		}
		for _, c := range f.Claims {
			v, why := f.test(c)
			if why != "" {
				why = " (" + why + ")"
			}
			fmt.Fprintf(w, "- %s: **%s**%s\n", c.Text, v, why)
		}
		if len(f.Claims) > 0 {
			fmt.Fprintln(w)
		}
	}
}

func (f finding) figures() int {
	n := 0
	for _, r := range f.Runs {
		n += len(r.Recorded)
	}
	return n
}

// row is a line of the table.
func (f finding) row(r Run, g Figure) []string {
	of := g.Of
	switch {
	case strings.HasPrefix(of, "test/"):
	case g.Epoch > 0:
		of += fmt.Sprintf(", epoch %d", g.Epoch)
	case g.Epoch < 0:
		of += ", best"
	default:
		of += ", last"
	}
	if f.ran(r.Name) == 0 {
		return []string{r.Name, of, number(g.Value), string(notRun), "", "", ""}
	}
	v := f.values(r.Name, g.Of, g.Epoch)
	m := median(v)
	diff := "–"
	if !math.IsNaN(m) {
		diff = strings.Replace(fmt.Sprintf("%+.4f", m-g.Value), "-", "−", 1)
	}
	out := []string{r.Name, of, number(g.Value), number(m), between(v), diff, string(f.judge(r.Name, g))}
	if n := f.ran(r.Name); n < f.Seeds {
		out[6] = strings.TrimSpace(out[6] + fmt.Sprintf(" (%d of %d seeds)", n, f.Seeds))
	}
	return out
}

func between(v []float64) string {
	v = seen(v)
	if len(v) == 0 {
		return ""
	}
	return fmt.Sprintf("%s – %s", number(slices.Min(v)), number(slices.Max(v)))
}

func spaced(text string) string {
	if text == "" {
		return ""
	}
	return " " + strings.TrimSpace(text)
}

// table prints the findings for a terminal.
func table(w io.Writer, fs []finding) {
	for _, f := range fs {
		fmt.Fprintf(w, "%s  %s\n", f.ID, f.Title)
		var rows [][]string
		for _, r := range f.Runs {
			for _, g := range r.Recorded {
				rows = append(rows, f.row(r, g))
			}
			if len(r.Recorded) == 0 {
				v := f.values(r.Name, "val/accuracy", 0)
				what := number(median(v))
				if f.ran(r.Name) == 0 {
					what = string(notRun)
				}
				rows = append(rows, []string{r.Name, "val/accuracy, last", "", what, between(v), "", ""})
			}
		}
		widths := make([]int, 7)
		for _, row := range rows {
			for i, cell := range row {
				widths[i] = max(widths[i], len([]rune(cell)))
			}
		}
		for _, row := range rows {
			line := " "
			for i, cell := range row {
				line += " " + cell + strings.Repeat(" ", widths[i]-len([]rune(cell))+1)
			}
			fmt.Fprintln(w, strings.TrimRight(line, " "))
		}
		for _, c := range f.Claims {
			v, why := f.test(c)
			fmt.Fprintf(w, "  %s: %s", c.Text, v)
			if why != "" {
				fmt.Fprintf(w, " (%s)", why)
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w)
	}
}

// chosen picks experiments by their ids.
func chosen(all []*Experiment, ids []string) ([]*Experiment, error) {
	if len(ids) == 0 {
		return all, nil
	}
	var out []*Experiment
	for _, id := range ids {
		i := slices.IndexFunc(all, func(e *Experiment) bool { return strings.EqualFold(e.ID, id) })
		if i < 0 {
			var names []string
			for _, e := range all {
				names = append(names, e.ID)
			}
			return nil, fmt.Errorf("no experiment is called %q; there are %s", id, strings.Join(names, ", "))
		}
		out = append(out, all[i])
	}
	slices.SortFunc(out, func(a, b *Experiment) int { return cmp.Compare(slices.Index(all, a), slices.Index(all, b)) })
	return slices.Compact(out), nil
}
