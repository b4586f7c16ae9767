package plot

import (
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/internal/svg"
)

// Text draws a line through points as text: rows of Braille characters, each two
// by four dots, with the values of the y axis on the left and those of the x axis
// below.
type Text struct {
	X, Y          svg.Scale
	Width, Height int // of the picture in characters, without the axes
}

// Lines draws the points (xs[i], ys[i]), each column of dots from its lowest to
// its highest; what is not finite, or outside the scales, is a gap. marks are
// places on the x axis with a letter each, which stands below them.
func (t Text) Lines(xs, ys []float64, marks map[rune]float64) []string {
	w, h := max(t.Width, 8), max(t.Height, 2)
	dots := make([][]bool, 4*h)
	for i := range dots {
		dots[i] = make([]bool, 2*w)
	}
	// dot is the place of a value among n dots.
	dot := func(s svg.Scale, v float64, n int) int {
		if !(v >= s.Lo && v <= s.Hi) {
			return -1
		}
		return min(n-1, int(s.At(v)*float64(n)))
	}
	last, lastRow := -2, 0
	for i := range min(len(xs), len(ys)) {
		c, r := dot(t.X, xs[i], 2*w), dot(t.Y, ys[i], 4*h)
		if c < 0 || r < 0 {
			last = -2
			continue
		}
		lo, hi := r, r
		if c-last <= 1 && c >= last { // next to the point before: no hole between them
			lo, hi = min(r, lastRow), max(r, lastRow)
			if c > last && hi > lo { // the end that the column before has already
				if r > lastRow {
					lo++
				} else {
					hi--
				}
			}
		}
		for k := lo; k <= hi; k++ {
			dots[4*h-1-k][c] = true
		}
		last, lastRow = c, r
	}
	labels := map[int]string{}
	for _, tick := range t.Y.Ticks(max(2, h/3)) {
		if r := dot(t.Y, tick.Value, 4*h); r >= 0 && tick.Label != "" {
			labels[h-1-r/4] = tick.Label
		}
	}
	room := 0
	for _, l := range labels {
		room = max(room, len([]rune(l)))
	}
	var out []string
	for row := range h {
		var b strings.Builder
		l := labels[row]
		b.WriteString(strings.Repeat(" ", room-len([]rune(l))) + l)
		if l == "" {
			b.WriteString(" │")
		} else {
			b.WriteString(" ┤")
		}
		for col := range w {
			b.WriteRune(braille(dots, 4*row, 2*col))
		}
		out = append(out, strings.TrimRight(b.String(), "\u2800"))
	}
	axis := []rune(strings.Repeat("─", w))
	names := []rune(strings.Repeat(" ", w+12))
	end := -1
	for _, tick := range t.X.Ticks(max(2, w/12)) {
		c := dot(t.X, tick.Value, 2*w)
		if c < 0 || tick.Label == "" {
			continue
		}
		axis[c/2] = '┬'
		text := []rune(tick.Label)
		at := max(0, c/2-len(text)/2)
		if at > end && at+len(text) <= len(names) {
			copy(names[at:], text)
			end = at + len(text)
		}
	}
	var letters []rune
	for r := range marks {
		letters = append(letters, r)
	}
	slices.Sort(letters)
	for _, r := range letters {
		if c := dot(t.X, marks[r], 2*w); c >= 0 && marks[r] > 0 {
			axis[c/2] = r
		}
	}
	left := strings.Repeat(" ", room)
	return append(out, left+" └"+string(axis), left+"  "+strings.TrimRight(string(names), " "))
}

// braille is the character of the two by four dots at (y, x).
func braille(dots [][]bool, y, x int) rune {
	bits := [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}
	r := rune(0x2800)
	for i := range 4 {
		for j := range 2 {
			if dots[y+i][x+j] {
				r |= bits[i][j]
			}
		}
	}
	return r
}

// Chart is Search as text, of so many characters.
func (s Search) Chart(width, height int, marks map[rune]float64) []string {
	t := Text{X: svg.Logarithmic(s.LR), Y: svg.Linear(s.window()), Width: width, Height: height}
	return t.Lines(s.LR, s.Smooth, marks)
}

// Chart is Schedule's rate as text, of so many characters.
func (s Schedule) Chart(width, height int) []string {
	t := Text{X: svg.Linear(s.Epochs), Width: width, Height: height}
	t.Y = s.scale()
	return t.Lines(s.Epochs, s.LR, nil)
}
