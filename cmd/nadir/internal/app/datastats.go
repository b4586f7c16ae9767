package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/csv"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

func dataStatsVerb(c *command) *cobra.Command {
	return &cobra.Command{
		Use:   "stats NAME|PATH [key=value …]",
		Short: "Rows, shapes, class balance, means and deviations",
		Long: `Describe the training part: rows, shapes and types, how many rows each class has,
mean and standard deviation a channel, least and greatest value, pixels that never
change; of a table each column: its kind, what is missing, its median or its
categories.`,
		Example: `  nadir data stats cifar10
  nadir data stats iris.csv --json
  nadir data stats flowers/ input.size=64x64`,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			return c.dataStats(cmd.Context(), target, keys)
		},
	}
}

// A spread is what the values of one quantity are like.
type spread struct {
	n             int
	mean, squares float64 // squares is the sum of squared deviations
	min, max      float64
	bad           int // not finite
}

func (s *spread) add(v float64, times int) {
	if v-v != 0 {
		s.bad += times
		return
	}
	if s.n == 0 {
		s.min, s.max = v, v
	}
	// Several equal values at once (Chan, Golub and LeVeque, 1979).
	n, d := float64(s.n), v-s.mean
	s.n += times
	s.mean += d * float64(times) / float64(s.n)
	s.squares += d * d * n * float64(times) / float64(s.n)
	s.min, s.max = min(s.min, v), max(s.max, v)
}

// std is the population's standard deviation.
func (s *spread) std() float64 { return math.Sqrt(s.squares / float64(s.n)) }

// A profile is what one field of the rows is like.
type profile struct {
	field    data.Field
	channels []spread // the last axis, where it holds the channels of a picture; else one
	total    spread   // mean and deviation are unused
	constant int      // elements that are the same in every row
	size     int

	hist  [][256]int // of bytes, a channel each
	first []float64  // each element in the first row
	moves []bool     // each element: differs somewhere
	sums  []float64  // of each element, of tables
}

func newProfile(f data.Field) *profile {
	p := &profile{field: f, size: f.Shape.Len()}
	k := 1
	if s := f.Shape; len(s) == 3 && few(s[2]) {
		k = s[2]
	}
	p.channels = make([]spread, k)
	p.hist = make([][256]int, k)
	p.moves, p.sums = make([]bool, p.size), make([]float64, p.size)
	return p
}

func (p *profile) add(t *tensor.Tensor, rows int) {
	k := len(p.channels)
	if p.first == nil && rows > 0 {
		p.first = make([]float64, p.size)
		for i := range p.first {
			p.first[i] = t.Flat(i)
		}
	}
	bytes := t.DType() == tensor.Uint8
	for r := range rows {
		row := t.Rows(r, r+1)
		if bytes {
			for i, v := range row.Uint8s() {
				p.hist[i%k][v]++
				p.moves[i] = p.moves[i] || float64(v) != p.first[i]
			}
			continue
		}
		for i := range p.size {
			v := row.Flat(i)
			p.channels[i%k].add(v, 1)
			p.moves[i] = p.moves[i] || v != p.first[i]
			p.sums[i] += v
		}
	}
}

// close sums up.
func (p *profile) close() {
	for ch := range p.hist {
		for v, n := range p.hist[ch] {
			if n > 0 {
				p.channels[ch].add(float64(v), n)
			}
		}
	}
	for i, s := range p.channels {
		if i == 0 {
			p.total = s
		}
		p.total.min, p.total.max = min(p.total.min, s.min), max(p.total.max, s.max)
		if i > 0 {
			p.total.bad += s.bad
		}
	}
	for _, m := range p.moves {
		if !m {
			p.constant++
		}
	}
}

func (p *profile) object() object {
	mean, std := make([]any, len(p.channels)), make([]any, len(p.channels))
	for i := range p.channels {
		mean[i], std[i] = finite(p.channels[i].mean), finite(p.channels[i].std())
	}
	return object{{"name", p.field.Name}, {"dtype", p.field.DType.String()}, {"shape", append([]int{}, p.field.Shape...)},
		{"mean", mean}, {"std", std}, {"min", single(p.total.min)}, {"max", single(p.total.max)}, {"constant", p.constant}, {"not_finite", p.total.bad}}
}

// single is a value of the data as JSON has it, with the digits of a float32
// where it is one.
func single(v float64) any {
	if float64(float32(v)) == v {
		return float32(v)
	}
	return finite(v)
}

// statistics are those of a data set.
type statistics struct {
	name     string
	d        *dataset
	schema   data.Schema
	inputs   []*profile
	targets  []*profile // numbers
	classes  []int      // rows of each
	columns  []columnStats
	testRows int
}

// columnStats are those of a table's column. A missing number counts as the
// median.
type columnStats struct {
	csv.Column
	spread
	counts []int // rows of each category
}

func (c *command) dataStats(ctx context.Context, target string, keys []string) error {
	cfg, d, err := c.openWhole(ctx, "data stats", target, keys)
	if err != nil {
		return err
	}
	defer d.Close()
	st, err := c.statistics(ctx, cfg, d)
	if err != nil {
		return asData(err)
	}
	if c.json {
		return c.printJSON(st.object())
	}
	return c.print(st.text)
}

func (c *command) statistics(ctx context.Context, cfg *config.Config, d *dataset) (*statistics, error) {
	st := &statistics{name: cfg.Data.Name, d: d, schema: d.schema()}
	if d.test != nil {
		st.testRows = d.test.Len()
	}
	for _, f := range st.schema.Inputs {
		st.inputs = append(st.inputs, newProfile(f))
	}
	classes := st.schema.Classification()
	if classes {
		st.classes = make([]int, len(st.schema.Classes))
	} else {
		for _, f := range st.schema.Targets {
			st.targets = append(st.targets, newProfile(f))
		}
	}
	st.tabulate()
	rows := c.watch(d.train, "reading")
	defer rows.Close()
	for b, err := range data.Batches(rows, 256, data.Order{}) {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i, p := range st.inputs {
			p.add(b.X[i], b.N)
		}
		for i, p := range st.targets {
			p.add(b.Y[i], b.N)
		}
		if classes {
			for _, l := range b.Y[0].Int32s()[:b.N] {
				st.classes[l]++
			}
		}
		st.count(b)
	}
	for _, p := range slices.Concat(st.inputs, st.targets) {
		p.close()
	}
	return st, nil
}

// tabulate prepares the columns of a table.
func (st *statistics) tabulate() {
	if st.d.table == nil {
		return
	}
	for _, col := range st.d.table.Table().Columns {
		st.columns = append(st.columns, columnStats{Column: col, counts: make([]int, len(col.Categories))})
	}
}

// count adds a batch to the columns.
func (st *statistics) count(b *data.Batch) {
	if st.columns == nil {
		return
	}
	width := st.schema.Inputs[0].Shape.Len()
	x := b.X[0].Float32s()
	at := 0
	for k := range st.columns {
		col := &st.columns[k]
		switch col.Kind {
		case csv.Number:
			for i := range b.N {
				col.add(float64(x[i*width+at]), 1)
			}
			at++
		case csv.Category:
			for i := range b.N {
				for j := range col.counts {
					col.counts[j] += int(x[i*width+at+j])
				}
			}
			at += len(col.counts)
			if col.Missing > 0 {
				at++
			}
		}
	}
}

func (st *statistics) object() object {
	out := object{{"data", st.name}, {"rows", st.d.train.Len()}, {"test_rows", st.testRows}}
	if st.columns == nil {
		var inputs []object
		for _, p := range st.inputs {
			inputs = append(inputs, p.object())
		}
		out = append(out, member{"inputs", inputs})
	} else {
		var columns []object
		for _, col := range st.columns {
			o := object{{"name", col.Name}, {"kind", col.Kind}, {"missing", col.Missing}}
			switch col.Kind {
			case csv.Number:
				o = append(o, member{"median", col.Median}, member{"mean", finite(col.mean)}, member{"std", finite(col.std())},
					member{"min", single(col.min)}, member{"max", single(col.max)})
			case csv.Category:
				var cats []object
				for i, name := range col.Categories {
					cats = append(cats, object{{"name", name}, {"rows", col.counts[i]}})
				}
				o = append(o, member{"categories", cats})
			}
			columns = append(columns, o)
		}
		out = append(out, member{"inputs", st.inputs[0].size}, member{"columns", columns})
	}
	if st.classes != nil {
		var classes []object
		for i, n := range st.classes {
			classes = append(classes, object{{"name", st.schema.Classes[i]}, {"rows", n}})
		}
		return append(out, member{"classes", classes})
	}
	var targets []object
	for _, p := range st.targets {
		targets = append(targets, p.object())
	}
	return append(out, member{"targets", targets})
}

func (st *statistics) text(w *bufio.Writer) {
	fmt.Fprintf(w, "%s: %s rows", printable(st.name), nn.Thousands(st.d.train.Len()))
	if st.testRows > 0 {
		fmt.Fprintf(w, " for training, %s for testing", nn.Thousands(st.testRows))
	}
	fmt.Fprintln(w)
	if st.columns != nil {
		st.table(w)
	} else {
		g := grid{align: "lllrrrrl"}
		g.add("", "shape", "type", "mean", "std", "min", "max", "")
		for _, p := range st.inputs {
			p.lines(&g, "input "+p.field.Name, "never changes")
		}
		g.write(w, "")
	}
	for _, p := range st.targets {
		g := grid{align: "lllrrrrl"}
		g.add("", "shape", "type", "mean", "std", "min", "max", "")
		p.lines(&g, "target "+p.field.Name, "never changes")
		g.write(w, "")
	}
	if st.classes != nil {
		st.balance(w)
	}
}

// lines adds one line a channel.
func (p *profile) lines(g *grid, name, still string) {
	for i, s := range p.channels {
		note := ""
		if i == 0 && p.constant > 0 {
			note = fmt.Sprintf("%s of %s elements: %s", nn.Thousands(p.constant), nn.Thousands(p.size), still)
		}
		if i == 0 && p.total.bad > 0 {
			note = strings.TrimPrefix(note+fmt.Sprintf("; %s values are not finite", nn.Thousands(p.total.bad)), "; ")
		}
		shape, kind := shapeText(p.field.Shape), p.field.DType.String()
		if i > 0 {
			name, shape, kind = "", "", ""
		}
		g.add(name, shape, kind, measure(s.mean), measure(s.std()), measure(s.min), measure(s.max), note)
	}
}

// The most classes, and categories of a column, that are listed.
const listed = 40

// balance lists the rows of each class with a bar.
func (st *statistics) balance(w io.Writer) {
	const cells = 30
	most, total := slices.Max(st.classes), 0
	for _, n := range st.classes {
		total += n
	}
	fmt.Fprintf(w, "\n%d classes\n", len(st.classes))
	g := grid{align: "lrrl"}
	for i, n := range st.classes {
		if i == listed {
			g.add(fmt.Sprintf("… %d more", len(st.classes)-listed), "", "", "")
			break
		}
		bar := strings.Repeat("█", int(math.Round(cells*float64(n)/float64(max(most, 1)))))
		g.add(short(st.schema.Classes[i], 32), nn.Thousands(n), fmt.Sprintf("%.1f %%", 100*float64(n)/float64(total)), bar)
	}
	g.write(w, "")
}

// table lists the columns.
func (st *statistics) table(w io.Writer) {
	fmt.Fprintf(w, "%d columns make %d inputs a row\n\n", len(st.columns), st.inputs[0].size)
	g := grid{align: "llrrrrrrl"}
	g.add("column", "kind", "missing", "median", "mean", "std", "min", "max", "categories")
	for _, col := range st.columns {
		missing := ""
		if col.Missing > 0 {
			missing = nn.Thousands(col.Missing)
		}
		cells := []string{short(col.Name, 32), string(col.Kind), missing, "", "", "", "", "", ""}
		switch col.Kind {
		case csv.Number:
			for i, v := range []float64{float64(col.Median), col.mean, col.std(), col.min, col.max} {
				cells[3+i] = measure(v)
			}
		case csv.Category:
			var names []string
			for i, name := range col.Categories {
				if i == 6 {
					names = append(names, fmt.Sprintf("… (%d)", len(col.Categories)))
					break
				}
				names = append(names, fmt.Sprintf("%s %s", short(name, 16), nn.Thousands(col.counts[i])))
			}
			cells[8] = strings.Join(names, ", ")
		}
		g.add(cells...)
	}
	g.write(w, "")
	if slices.ContainsFunc(st.columns, func(c columnStats) bool { return c.Kind == csv.Number && c.Missing > 0 }) {
		fmt.Fprintln(w, "a missing number counts as its column's median")
	}
}
