package term

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// A Bar shows how far a job has come: on a terminal one redrawn line, elsewhere
// a line at the end and one in 30 s before. It is an io.Writer that counts what
// is written through it, so that io.TeeReader shows a download. All methods may
// be called from several goroutines.
type Bar struct {
	mu     sync.Mutex
	screen Screen
	label  string
	total  int64
	show   func(int64) string
	before int64 // were there when the job began
	meter  meter
	drawn  time.Time
	width  int // of the line on the screen
	closed bool
}

// NewBar begins a job of a total, 0 or less where it is unknown. Amounts are
// written by show: Bytes or Count.
func NewBar(s Screen, label string, total int64, show func(int64) string) *Bar {
	now := s.Now()
	return &Bar{screen: s, label: label, total: total, show: show, meter: newMeter(now), drawn: now}
}

// Add counts n more.
func (b *Bar) Add(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	now := b.screen.Now()
	b.meter.add(n, now)
	every := linesEvery
	if b.screen.TTY {
		every = blockEvery
	}
	if now.Sub(b.drawn) >= every {
		b.draw(now)
	}
}

// Set counts up to n in all.
func (b *Bar) Set(n int64) {
	b.mu.Lock()
	more := n - b.has()
	b.mu.Unlock()
	b.Add(more)
}

// Resume counts n more that were there already, and say nothing of the speed.
func (b *Bar) Resume(n int64) {
	b.mu.Lock()
	b.before += n
	b.mu.Unlock()
}

// has is how much there is by now.
func (b *Bar) has() int64 { return b.before + b.meter.total }

// Write counts the bytes of p.
func (b *Bar) Write(p []byte) (int, error) {
	b.Add(int64(len(p)))
	return len(p), nil
}

// Close draws the last state and ends the line.
func (b *Bar) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.draw(b.screen.Now())
	b.closed = true
	if b.screen.TTY {
		io.WriteString(b.screen.W, "\r\n")
	}
}

// draw shows the present state. What cannot be shown is not worth stopping the
// job for, so that errors of the screen are left alone.
func (b *Bar) draw(now time.Time) {
	b.drawn = now
	amount := b.show(b.has())
	if b.total > 0 {
		amount += " of " + b.show(b.total)
	}
	amount += fmt.Sprintf(", %s/s", b.show(int64(b.meter.rate(now))))
	if left, ok := b.meter.left(b.total-b.has(), now); ok && b.total > b.has() {
		amount += ", left " + clock(left)
	}
	if !b.screen.TTY {
		io.WriteString(b.screen.W, clean(b.label+": "+amount)+"\n")
		return
	}
	columns, _ := b.screen.size()
	r := &row{room: columns - 1, color: b.screen.Color}
	r.put(bold, cut(clean(b.label), max(8, r.room/3))).put(plain, "  ")
	if bar := min(barCells/2, r.room-cells(amount)-2); bar >= 4 && b.total > 0 {
		drawBar(r, bar, float64(b.has())/float64(b.total))
		r.put(plain, "  ")
	}
	r.put(plain, amount)
	back := "\r"
	if wrapped := (b.width - 1) / columns; wrapped > 0 {
		back = fmt.Sprintf("\r\x1b[%dA", wrapped)
	}
	b.width = columns - 1 - r.room
	io.WriteString(b.screen.W, back+r.text.String()+"\x1b[J")
}
