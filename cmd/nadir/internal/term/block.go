package term

import (
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"
)

// Limits of the block.
const (
	blockRows  = 12
	blockEvery = 100 * time.Millisecond
	tableRows  = 5 // metrics shown
	sparkCells = 32
	barCells   = 60
)

// block redraws a few rows in place. Between drawings the cursor rests at the
// start of the line below, and is never hidden, so that a run that is killed
// leaves a usable terminal.
type block struct {
	mu      sync.Mutex
	screen  Screen
	err     error
	started bool
	closed  bool

	start  Start
	rows   meter
	steps  meter
	now    Progress
	train  Values // of now, kept apart from the caller's slice
	val    Values
	best   *Best
	saved  string
	savedT time.Time
	trends map[string]*[2]trend // by metric: training, validation

	drawn  time.Time
	widths []int // of the rows on the screen
}

func (b *block) Start(s Start) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.screen.Now()
	b.start, b.started = s, true
	b.rows, b.steps = newMeter(now), newMeter(now)
	b.now = Progress{Epoch: 1, Step: s.Step, LR: math.NaN()}
	if s.EpochSteps > 0 {
		b.now.Epoch += int(s.Step / s.EpochSteps)
	}
	b.trends = map[string]*[2]trend{}
	b.draw(now)
}

func (b *block) Step(p Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started {
		return
	}
	now := b.screen.Now()
	if b.now.Stage != nil && (p.Stage == nil || *p.Stage != *b.now.Stage) {
		// The end is foretold from training's own steps, and each stage has
		// measurements of its own.
		b.rows, b.steps = newMeter(now), newMeter(now)
		b.trends, b.val = map[string]*[2]trend{}, b.val[:0]
	}
	b.train = append(b.train[:0], p.Train...)
	b.now = p
	b.now.Train = nil
	b.rows.add(int64(p.Rows), now)
	b.steps.add(1, now)
	for _, v := range b.train {
		b.trend(v.Name)[0].add(v.Value)
	}
	b.drawSoon(now)
}

func (b *block) Epoch(e Epoch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started {
		return
	}
	b.train = append(b.train[:0], e.Train...)
	b.val = append(b.val[:0], e.Val...)
	for _, v := range b.val {
		b.trend(v.Name)[1].add(v.Value)
	}
	b.now.Epoch, b.now.Step, b.now.LR, b.now.Stage = e.Epoch, e.Step, e.LR, e.Stage
	if e.Best != nil {
		b.best = &Best{Epoch: e.Best.Epoch, Val: append(Values(nil), e.Best.Val...)}
	}
	b.drawSoon(b.screen.Now())
}

func (b *block) Saved(checkpoint string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.saved, b.savedT = checkpoint, b.screen.Now()
}

func (b *block) Note(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if i == 0 {
			line = b.up() + "\x1b[J" + clean(line)
		} else {
			line = clean(line)
		}
		b.write(line + "\r\n")
	}
	b.widths = nil
	if b.started {
		b.draw(b.screen.Now())
	}
}

func (b *block) Done(d Done) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	if b.started {
		b.draw(b.screen.Now())
	}
	b.widths = nil
	b.started = false
	for _, part := range d.parts() {
		b.write(clean(part) + "\r\n")
	}
}

func (b *block) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.started && !b.closed {
		b.draw(b.screen.Now())
	}
	b.started, b.closed = false, true
	return b.err
}

func (b *block) trend(name string) *[2]trend {
	t := b.trends[name]
	if t == nil {
		t = new([2]trend)
		b.trends[name] = t
	}
	return t
}

func (b *block) drawSoon(now time.Time) {
	if now.Sub(b.drawn) >= blockEvery {
		b.draw(now)
	}
}

// up moves the cursor to the first row on the screen. A window made narrower
// has wrapped the rows into more.
func (b *block) up() string {
	columns, _ := b.screen.size()
	n := 0
	for _, w := range b.widths {
		n += max(1, (w+columns-1)/columns)
	}
	if n == 0 {
		return "\r"
	}
	return fmt.Sprintf("\r\x1b[%dA", n)
}

// draw writes all rows over those before in one write, each erased only behind
// its text, so that nothing flickers.
func (b *block) draw(now time.Time) {
	if b.closed {
		return
	}
	columns, height := b.screen.size()
	rows := b.layout(columns-1, min(blockRows, height-1), now)
	var out strings.Builder
	out.WriteString(b.up())
	b.widths = b.widths[:0]
	for _, r := range rows {
		out.WriteString(r.text.String() + "\x1b[K\r\n")
		b.widths = append(b.widths, columns-1-r.room)
	}
	out.WriteString("\x1b[J")
	b.drawn = now
	b.write(out.String())
}

func (b *block) write(text string) {
	if b.err == nil {
		_, b.err = io.WriteString(b.screen.W, text)
	}
}

// A ranked row goes the sooner the greater its rank is, where a window is low.
type ranked struct {
	row  *row // nil where there is nothing to say
	rank int
}

// layout is the rows of at most the given cells. Where there are more than most
// rows, the ones of least use are left out.
func (b *block) layout(room, most int, now time.Time) []*row {
	line := func() *row { return &row{room: room, color: b.screen.Color} }
	head := line().put(bold, b.start.Run)
	if text := b.start.text(); text != "" {
		head.put(faint, "  "+text)
	}
	progress, speed := b.progress(line(), room), b.speed(line(), room, now)
	table := b.table(line, room)
	var best, rate, saved *row
	if b.best != nil {
		best = line().put(faint, "best  ").put(plain, fmt.Sprintf("epoch %d  ", b.best.Epoch)).put(yellow, text(b.best.Val, "val_"))
	}
	if !math.IsNaN(b.now.LR) {
		rate = line().put(faint, "rate  ").put(plain, "lr "+short(b.now.LR))
		if b.now.GradNorm != 0 {
			rate.put(plain, "  gradient norm "+number(b.now.GradNorm))
		}
	}
	if b.saved != "" {
		saved = line().put(faint, "saved ").put(plain, b.saved+", "+clock(now.Sub(b.savedT))+" ago")
	}
	all := []ranked{{head, 3}, {progress, 0}, {speed, 1}}
	for i, r := range table {
		all = append(all, ranked{r, [...]int{4, 2, 2, 5, 6, 7, 7}[i]})
	}
	all = append(all, ranked{best, 5}, ranked{rate, 5}, ranked{saved, 6})
	var rows []*row
	for limit := 7; limit >= 0; limit-- {
		rows = rows[:0]
		for _, a := range all {
			if a.row != nil && a.rank <= limit {
				rows = append(rows, a.row)
			}
		}
		if len(rows) <= most {
			break
		}
	}
	return rows[:max(0, min(len(rows), most))]
}

// progress is the epoch, a bar over it and the step.
func (b *block) progress(r *row, room int) *row {
	epoch, step := b.start.at(b.now.Stage, b.now.Epoch, b.now.Step)
	r.put(bold, epoch).put(plain, "  ")
	if bar := min(barCells, room-cells(epoch)-cells(step)-4); bar >= 4 && b.start.EpochSteps > 0 && b.now.Stage == nil {
		done := b.now.Step - int64(b.now.Epoch-1)*b.start.EpochSteps
		drawBar(r, bar, float64(done)/float64(b.start.EpochSteps))
		r.put(plain, "  ")
	}
	return r.put(plain, step)
}

// drawBar adds a bar of n cells filled to a part.
func drawBar(r *row, n int, part float64) {
	full := int(math.Max(0, math.Min(1, part)) * float64(n))
	r.put(green, strings.Repeat("━", full)).put(faint, strings.Repeat("─", n-full))
}

// speed is samples a second, the time gone, the time left and the end.
func (b *block) speed(r *row, room int, now time.Time) *row {
	rate, gone := Count(int64(b.rows.rate(now))), clock(now.Sub(b.rows.began))
	left, known := b.steps.left(b.start.Steps-b.now.Step, now)
	known = known && b.start.Steps > 0 && b.now.Stage == nil
	if room < 60 {
		r.put(plain, rate+"/s  "+gone)
		if known {
			r.put(plain, " left "+clock(left)+" ends "+ends(now, left))
		}
		return r
	}
	r.put(plain, rate).put(faint, " samples/s   elapsed ").put(plain, gone)
	if known {
		r.put(faint, "   left ").put(plain, clock(left)).put(faint, "   ends ").put(plain, ends(now, left))
	}
	return r
}

// table is a heading and a row a metric: its value now and the course it took,
// in training and in validation.
func (b *block) table(line func() *row, room int) []*row {
	metrics := b.train
	if len(metrics) == 0 {
		metrics = b.val
	}
	if len(metrics) == 0 {
		return nil
	}
	const valueCells = 9
	name := 5
	for _, m := range metrics {
		name = max(name, min(16, cells(clean(m.Name))))
	}
	sides := 1
	if len(b.val) > 0 {
		sides = 2
	}
	spark := min(sparkCells, (room-name)/sides-valueCells-2)
	drawn := sides
	if spark < 8 && sides == 2 {
		spark, drawn = min(sparkCells, room-name-2*valueCells-2), 1
	}
	heading := line().pad(faint, "", name, false)
	for side, title := range []string{"train", "val"}[:sides] {
		heading.pad(faint, title, valueCells, true)
		if side < drawn && spark > 0 {
			heading.pad(faint, "", spark+2, false)
		}
	}
	rows := []*row{heading}
	shown := metrics
	if len(metrics) > tableRows {
		shown = metrics[:tableRows-1]
	}
	for _, m := range shown {
		r := line().pad(plain, m.Name, name, false)
		for side, values := range []Values{b.train, b.val}[:sides] {
			v, color := at(values, m.Name), []style{cyan, yellow}[side]
			if math.IsNaN(v) || math.IsInf(v, 0) {
				color = red
			}
			r.pad(color, number(v), valueCells, true)
			if side < drawn && spark > 0 {
				r.put(plain, "  ").pad([]style{cyan, yellow}[side], b.trend(m.Name)[side].spark(spark), spark, false)
			}
		}
		rows = append(rows, r)
	}
	if more := len(metrics) - len(shown); more > 0 {
		rows = append(rows, line().put(faint, fmt.Sprintf("and %d more", more)))
	}
	return rows
}
