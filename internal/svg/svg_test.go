package svg_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/internal/svg"
	"github.com/nadir-ml/nadir/internal/svg/svgtest"
)

func ExampleCanvas() {
	c := svg.New(40, 20, "a < b")
	c.Line(svg.Point{X: 0, Y: 10}, svg.Point{X: 40, Y: 10}, svg.Pen{Color: svg.Blue})
	c.WriteTo(os.Stdout)
	// Output:
	// <svg xmlns="http://www.w3.org/2000/svg" width="40" height="20" viewBox="0 0 40 20" role="img" font-family="sans-serif">
	// <title>a &lt; b</title>
	// <rect x="0" y="0" width="40" height="20" fill="#fbfbfa"/>
	// <line x1="0" y1="10" x2="40" y2="10" stroke="#0072b2"/>
	// </svg>
}

func ExampleScale() {
	for _, s := range []svg.Scale{{Lo: 0, Hi: 1}, {Lo: 0.8, Hi: 300, Log: true}} {
		for _, t := range s.Ticks(4) {
			fmt.Printf("[%s]%.2f ", t.Label, s.At(t.Value))
		}
		fmt.Println("end")
	}
	// Output:
	// [0.0]0.00 [0.5]0.50 [1.0]1.00 end
	// [1]0.04 []0.15 []0.31 [10]0.43 []0.54 []0.70 [100]0.81 []0.93 end
}

func ExampleAxes() {
	c := svg.New(300, 200, "growth")
	a := &svg.Axes{Canvas: c, X: svg.Scale{Lo: 0, Hi: 2}, Y: svg.Scale{Lo: 1, Hi: 100, Log: true},
		Left: 60, Top: 30, Width: 200, Height: 120, Title: "growth", XLabel: "day"}
	a.Frame()
	a.Line([]float64{0, 1, 2}, []float64{1, 10, 100}, svg.Pen{Color: svg.Series(0)})
	fmt.Println(a.At(1, 10))
	// Output: {160 90}
}

// draw is every kind of mark at possibly senseless places.
func draw(text string, x, y, r float64, fill svg.Color) []byte {
	c := svg.New(100, 80, text)
	p, q := svg.Point{X: x, Y: y}, svg.Point{X: 50, Y: 40}
	c.Line(p, q, svg.Pen{Color: svg.Green, Dash: "1 2"})
	c.Polyline([]svg.Point{q, p, q, q, p, p}, svg.Pen{Color: svg.Purple, Width: 2})
	c.Polygon([]svg.Point{q, p, {X: 1, Y: 1}}, fill)
	c.Rect(0, 0, x, y, fill, svg.Pen{Color: svg.Frame})
	c.Circle(p, r, fill)
	c.Text(q, text, svg.Font{Rotate: r, Bold: true, Anchor: svg.Center})
	c.Legend(svg.Point{X: 90, Y: 10}, svg.Key{Pen: svg.Pen{Color: svg.Sky}, Text: "a"})
	var b bytes.Buffer
	c.WriteTo(&b)
	return b.Bytes()
}

func TestWellFormed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Custom(func(t *rapid.T) float64 {
			return rapid.OneOf(rapid.Just(math.NaN()), rapid.Just(math.Inf(1)), rapid.Just(math.Inf(-1)), rapid.Float64Range(0, 80)).Draw(t, "v")
		})
		doc := draw(rapid.OneOf(rapid.String(), rapid.Just("\x00\xff<&\">]]>")).Draw(t, "text"),
			number.Draw(t, "x"), number.Draw(t, "y"), number.Draw(t, "r"), svg.Series(rapid.Int().Draw(t, "color")))
		if err := svgtest.Check(doc); err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
	})
}

// TestScale: whatever the values, places lie in [0, 1] and keep their order,
// ticks lie on the axis in order, and there are neither none nor too many.
func TestScale(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.OneOf(rapid.Float64(), rapid.Float64Range(-3, 3), rapid.Just(math.NaN()), rapid.Just(math.Inf(1)))).Draw(t, "values")
		s := svg.Linear(values)
		if rapid.Bool().Draw(t, "log") {
			s = svg.Logarithmic(values)
		}
		for _, v := range values {
			for _, w := range values {
				a, b := s.At(v), s.At(w)
				if a < 0 || a > 1 || math.IsInf(a, 0) || v < w && a > b {
					t.Fatalf("scale %+v puts %g at %g and %g at %g", s, v, a, w, b)
				}
			}
		}
		n := rapid.IntRange(2, 12).Draw(t, "n")
		axes := [][]svg.Tick{s.Ticks(n)}
		if !s.Log {
			axes = append(axes, s.Integers(n))
		}
		for _, ticks := range axes {
			labels := 0
			for i, k := range ticks {
				if !(k.Value >= s.Lo-1e-9*math.Abs(s.Lo) && k.Value <= s.Hi+1e-9*math.Abs(s.Hi)) || i > 0 && k.Value <= ticks[i-1].Value {
					t.Fatalf("scale %+v has ticks %v", s, ticks)
				}
				if k.Label != "" {
					labels++
				}
			}
			if labels > 3*n {
				t.Fatalf("scale %+v has %d labels for %d wanted: %v", s, labels, n, ticks)
			}
		}
		if ticks := s.Ticks(n); len(ticks) == 0 {
			t.Fatalf("scale %+v has no ticks", s)
		}
	})
}

func TestTicks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s    svg.Scale
		n    int
		want string
	}{
		{svg.Scale{Lo: -1, Hi: 1}, 4, "−1.0 −0.5 0.0 0.5 1.0"},
		{svg.Scale{Lo: 0.843, Hi: 0.997}, 4, "0.85 0.90 0.95"},
		{svg.Scale{Lo: 0, Hi: 50000}, 5, "0 10k 20k 30k 40k 50k"},
		{svg.Scale{Lo: 1e-5, Hi: 5e-5}, 4, "1e-5 2e-5 3e-5 4e-5 5e-5"},
		{svg.Scale{Lo: 1, Hi: 4.9}, 2, "2 4"},
		{svg.Scale{Lo: 0.1, Hi: 4.5}, 2, "2 4"},
		{svg.Scale{Lo: 1.0012832363282405e-308, Hi: 1.223790622178961e-308}, 2, "1.001e-308 1.224e-308"},
		{svg.Scale{Lo: 3, Hi: 3}, 4, "3"},
		{svg.Scale{Lo: 0.1, Hi: 1000, Log: true}, 4, "0.1 1 10 100 1000"},
		{svg.Scale{Lo: 1e-12, Hi: 1, Log: true}, 4, "1e-12 1e-9 1e-6 0.001 1"},
		{svg.Scale{Lo: 0.05, Hi: 1.2, Log: true}, 6, "0.05 0.1 0.2 0.5 1"},
		{svg.Scale{Lo: 2.1, Hi: 2.9, Log: true}, 4, "2.2 2.4 2.6 2.8"},
	} {
		var got []string
		for _, k := range c.s.Ticks(c.n) {
			if k.Label != "" {
				got = append(got, k.Label)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%+v, %d ticks: %s, want %s", c.s, c.n, s, c.want)
		}
	}
	if got := fmt.Sprint(svg.Scale{Lo: 0.9, Hi: 2.1}.Integers(8)); got != "[{1 1} {2 2}]" {
		t.Errorf("whole ticks: %s", got)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 0.5: "0.5", 0.12345: "0.1235", -0.25: "−0.25", 12.5: "12.5", 9999: "9999", 9999.7: "10k", 12345: "12.35k",
		999949: "999.9k", 999999: "1M", 1.5e6: "1.5M", 2e9: "2e9", 2e-5: "2e-5", 1e-4: "1e-4", 1.23456e-4: "1.235e-4", math.Inf(1): "Inf", math.Inf(-1): "−Inf",
	} {
		if got := svg.Number(v); got != want {
			t.Errorf("Number(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text, width := rapid.String().Draw(t, "text"), rapid.Float64Range(0, 300).Draw(t, "width")
		got := svg.Cut(text, 12, width)
		if svg.TextWidth(got, 12) > width+1e-9 {
			t.Fatalf("Cut(%q, 12, %g) = %q is %g wide", text, width, got, svg.TextWidth(got, 12))
		}
		if got != text && got != "" && !strings.HasPrefix(text, strings.TrimSuffix(got, "…")) {
			t.Fatalf("Cut(%q) = %q is no beginning", text, got)
		}
	})
}

// TestLineThinned: a long line keeps its extremes and shrinks to a few points
// a pixel.
func TestLineThinned(t *testing.T) {
	t.Parallel()
	const n = 100000
	xs, ys := make([]float64, n), make([]float64, n)
	for i := range xs {
		xs[i], ys[i] = float64(i), math.Sin(float64(i)/500)
	}
	ys[51234] = 3
	c := svg.New(300, 200, "")
	a := &svg.Axes{Canvas: c, X: svg.Scale{Lo: 0, Hi: n}, Y: svg.Scale{Lo: -1, Hi: 3}, Left: 50, Top: 20, Width: 200, Height: 150}
	a.Line(xs, ys, svg.Pen{Color: svg.Blue})
	var b bytes.Buffer
	c.WriteTo(&b)
	if got := strings.Count(b.String(), ","); got > 4*201 {
		t.Errorf("%d points for 200 pixels", got)
	}
	if !strings.Contains(b.String(), ",20 ") {
		t.Error("the peak was lost")
	}
	if err := svgtest.Check(b.Bytes()); err != nil {
		t.Error(err)
	}
}

func TestBarsFromZero(t *testing.T) {
	t.Parallel()
	c := svg.New(200, 100, "")
	a := &svg.Axes{Canvas: c, X: svg.Scale{Lo: 0, Hi: 4}, Y: svg.Scale{Lo: -1, Hi: 1}, Width: 200, Height: 100}
	a.Bars([]float64{1, 2, 3}, []float64{0.5, -0.5, math.NaN()}, 1, svg.Green)
	var b bytes.Buffer
	c.WriteTo(&b)
	for _, want := range []string{`x="25" y="25" width="50" height="25"`, `x="75" y="50" width="50" height="25"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no bar with %s in\n%s", want, b.String())
		}
	}
	if n := strings.Count(b.String(), svg.Green.String()); n != 2 {
		t.Errorf("%d bars, want 2: a value that is not finite has none", n)
	}
}

func TestColor(t *testing.T) {
	t.Parallel()
	if got := svg.Color(0xff000000).Mix(0xffffffff, 0.5); got != 0xff808080 {
		t.Errorf("half of black and white is %v", got)
	}
	if svg.Blue.On() != svg.White || svg.Paper.On() != svg.Ink {
		t.Error("text is not readable on its ground")
	}
	seen := map[svg.Color]bool{}
	for i := range 6 {
		seen[svg.Series(i)] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d distinct colours of six", len(seen))
	}
}
