package plot

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/internal/svg"
	"github.com/nadir-ml/nadir/internal/svg/svgtest"
)

// hunt is a search whose loss falls, turns and blows up.
func hunt() Search {
	s := Search{Title: "plain, sgd on mnist", Marks: []Mark{{0.17, "suggested", true}, {0.06, "steepest", false}, {0.45, "lowest", false}, {0.75, "blows up", false}}}
	for i := range 300 {
		lr := math.Pow(10, -6+6.2*float64(i)/299)
		mean := 2.4 - 1.3/(1+math.Pow(lr/0.05, -1.5)) + math.Pow(lr/0.8, 4)
		s.LR, s.Smooth, s.Loss = append(s.LR, lr), append(s.Smooth, mean), append(s.Loss, mean+0.1*math.Sin(7*float64(i)))
	}
	s.Loss[299], s.Smooth[299] = math.NaN(), math.NaN()
	return s
}

func cycle() Schedule {
	s := Schedule{Title: "schedule 1cycle, 400 steps, 100 an epoch, η₀ = 0.1", Formula: "max/25 to max = η₀ in 0.3 of the run, then to max/250000"}
	for i := range 400 {
		x := float64(i) / 399
		lr, m := 0.1*math.Min(x/0.3, (1.0001-x)/0.7), 0.95-0.1*math.Min(x/0.3, (1-x)/0.7)
		s.Epochs, s.LR, s.Momentum = append(s.Epochs, 4*x), append(s.LR, lr), append(s.Momentum, m)
	}
	return s
}

func TestSearchAndScheduleGolden(t *testing.T) {
	t.Parallel()
	plain := cycle()
	plain.Momentum = nil
	for i := range plain.LR {
		plain.LR[i] = math.Pow(0.1, plain.Epochs[i])
	}
	draw := func(name string, write func(b *bytes.Buffer) error) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
	draw("search.svg", func(b *bytes.Buffer) error { return hunt().SVG(b) })
	draw("schedule.svg", func(b *bytes.Buffer) error { return cycle().SVG(b) })
	draw("schedule-log.svg", func(b *bytes.Buffer) error { return plain.SVG(b) })
	draw("search.txt", func(b *bytes.Buffer) error {
		b.WriteString(strings.Join(hunt().Chart(60, 10, map[rune]float64{'▲': 0.17}), "\n") + "\n")
		return nil
	})
}

func TestSearchNeverBreaks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 50).Draw(t, "n")
		value := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.NaN(), math.Inf(1), 1e-320, 1e308, -1}))
		list := func(name string) []float64 { return rapid.SliceOfN(value, n, n).Draw(t, name) }
		s := Search{Title: rapid.String().Draw(t, "title"), LR: list("lr"), Loss: list("loss"), Smooth: list("smooth"),
			Marks: []Mark{{value.Draw(t, "mark"), rapid.String().Draw(t, "name"), true}}}
		c := Schedule{Title: s.Title, Formula: s.Title, Epochs: list("epochs"), LR: s.LR, Momentum: s.Loss}
		for _, write := range []func(b *bytes.Buffer) error{func(b *bytes.Buffer) error { return s.SVG(b) }, func(b *bytes.Buffer) error { return c.SVG(b) }} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			if err := svgtest.Check(b.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
		w, h := rapid.IntRange(0, 100).Draw(t, "width"), rapid.IntRange(0, 20).Draw(t, "height")
		lines := append(s.Chart(w, h, map[rune]float64{'x': s.Marks[0].X}), c.Chart(w, h)...)
		for _, l := range lines {
			if n := utf8.RuneCountInString(l); n > max(w, 8)+30 {
				t.Fatalf("a line of %d characters in a picture of %d: %q", n, w, l)
			}
		}
	})
}

// Each point is a dot in its place, and the dots of a steep line have no holes.
func TestTextDots(t *testing.T) {
	t.Parallel()
	p := Text{X: svg.Scale{Lo: 0, Hi: 16}, Y: svg.Scale{Lo: 0, Hi: 8}, Width: 8, Height: 2}
	lines := p.Lines([]float64{0, 1, 2}, []float64{0, 7, 7}, map[rune]float64{'x': 0.5})
	if len(lines) != 4 || !strings.HasSuffix(lines[0], "⢸⠁") {
		t.Errorf("%q", lines)
	}
	if !strings.Contains(lines[2], "└x") {
		t.Errorf("%q", lines[2])
	}
	dots := 0
	for _, l := range lines[:2] {
		for _, r := range l {
			for r -= 0x2800; r > 0 && r < 256; r &= r - 1 {
				dots++
			}
		}
	}
	if dots != 9 { // 8 rows that a line of slope 7 crosses, and the point beside
		t.Errorf("%d dots in %q", dots, lines)
	}
}

func TestSearchErrors(t *testing.T) {
	t.Parallel()
	s, c := hunt(), cycle()
	s.Smooth, c.Momentum = slices.Clone(s.Smooth[1:]), c.Momentum[1:]
	if err := s.SVG(&bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "300 rates") {
		t.Error(err)
	}
	if err := c.SVG(&bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "400 points") {
		t.Error(err)
	}
}
