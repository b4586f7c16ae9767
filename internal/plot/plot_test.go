package plot

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/internal/svg/svgtest"
	"github.com/nadir-ml/nadir/tensor"
)

var update = flag.Bool("update", false, "write the golden files anew")

// history is a plausible run of n epochs.
func history(n int) Curves {
	c := Curves{Title: "runs/digits-1", Best: n / 2,
		Metrics: []Metric{{Name: "loss", Loss: true}, {Name: "accuracy"}}}
	loss, accuracy := &c.Metrics[0], &c.Metrics[1]
	for i := range n {
		e := float64(i + 1)
		c.X = append(c.X, e)
		c.LR = append(c.LR, 0.05*math.Exp(-e/5))
		loss.Train = append(loss.Train, 0.9*math.Exp(-e/4)+0.01)
		loss.Val = append(loss.Val, 0.8*math.Exp(-e/4)+0.05+0.003*e)
		accuracy.Train = append(accuracy.Train, 1-0.2*math.Exp(-e/4))
		accuracy.Val = append(accuracy.Val, 0.985-0.15*math.Exp(-e/3)-0.0004*e)
	}
	return c
}

// taken is a confusion matrix of n classes that are mostly right.
func taken(n int, name func(int) string) Confusion {
	c := Confusion{Title: "runs/digits-1: test", Counts: make([][]int, n)}
	for t := range n {
		c.Classes = append(c.Classes, name(t))
		c.Counts[t] = make([]int, n)
		c.Counts[t][t] = 90 + t%7
		c.Counts[t][(t*5+1)%n] += 3
	}
	return c
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at the picture, then run with -update", name)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	gaps := history(20)
	for _, i := range []int{4, 6, 10} {
		gaps.Metrics[0].Train[i] = math.NaN()
		gaps.Metrics[0].Val[i] = math.Inf(1)
	}
	for name, draw := range map[string]func(*bytes.Buffer) error{
		"curves.svg": func(w *bytes.Buffer) error { return history(20).SVG(w) },
		"one.svg":    func(w *bytes.Buffer) error { return history(1).SVG(w) },
		"empty.svg":  func(w *bytes.Buffer) error { return Curves{Title: "empty", Best: -1}.SVG(w) },
		"gaps.svg":   func(w *bytes.Buffer) error { return gaps.SVG(w) },
		"digits.svg": func(w *bytes.Buffer) error { return taken(10, strconv.Itoa).SVG(w) },
		"two.svg": func(w *bytes.Buffer) error {
			return taken(2, func(i int) string { return "class <" + strconv.Itoa(i) }).SVG(w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := draw(&b); err != nil {
				t.Fatal(err)
			}
			if err := svgtest.Check(b.Bytes()); err != nil {
				t.Error(err)
			}
			golden(t, name, b.Bytes())
		})
	}
}

// TestCurvesAny: whatever the numbers, the document is well-formed and stays
// within its view box.
func TestCurvesAny(t *testing.T) {
	t.Parallel()
	value := rapid.OneOf(rapid.Float64(), rapid.Float64Range(0, 3), rapid.Just(math.NaN()), rapid.Just(math.Inf(1)), rapid.Just(-math.MaxFloat64), rapid.Just(0.0))
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 50).Draw(t, "rows")
		series := func() []float64 { return rapid.SliceOfN(value, n, n).Draw(t, "series") }
		c := Curves{Title: rapid.String().Draw(t, "title"), Best: rapid.IntRange(-1, 60).Draw(t, "best"), LR: series()}
		for i := range n {
			c.X = append(c.X, float64(i+1))
		}
		for range rapid.IntRange(0, 5).Draw(t, "metrics") {
			c.Metrics = append(c.Metrics, Metric{Name: rapid.String().Draw(t, "name"), Train: series(), Val: series(), Loss: rapid.Bool().Draw(t, "loss")})
		}
		var b bytes.Buffer
		if err := c.SVG(&b); err != nil {
			t.Fatal(err)
		}
		if err := svgtest.Check(b.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestConfusionAny(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "classes")
		c := Confusion{Classes: rapid.SliceOfN(rapid.String(), n, n).Draw(t, "names"), Counts: make([][]int, n)}
		for i := range c.Counts {
			c.Counts[i] = rapid.SliceOfN(rapid.IntRange(0, 1_000_000), n, n).Draw(t, "row")
		}
		var b bytes.Buffer
		if err := c.SVG(&b); err != nil {
			t.Fatal(err)
		}
		if err := svgtest.Check(b.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestConfusionThousand: the picture of a thousand classes stays small.
func TestConfusionThousand(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := taken(1000, func(i int) string { return fmt.Sprintf("n%08d", i) }).SVG(&b); err != nil {
		t.Fatal(err)
	}
	if err := svgtest.Check(b.Bytes()); err != nil {
		t.Error(err)
	}
	if b.Len() > 1<<20 {
		t.Errorf("%d bytes", b.Len())
	}
}

func TestCurvesManyRows(t *testing.T) {
	t.Parallel()
	c := Curves{XName: "step", Best: -1, Metrics: []Metric{{Name: "loss", Loss: true}}}
	for i := range 10000 {
		c.X = append(c.X, float64(i*17))
		c.Metrics[0].Train = append(c.Metrics[0].Train, math.Exp(-float64(i)/1500)*(1.5+math.Sin(float64(i*i))))
	}
	var b bytes.Buffer
	if err := c.SVG(&b); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 80_000 {
		t.Errorf("10,000 rows make %d bytes", b.Len())
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		`metric "loss" has 1 values for 2 rows`: Curves{X: []float64{1, 2}, Metrics: []Metric{{Name: "loss", Val: []float64{1}}}}.SVG(&bytes.Buffer{}),
		"3 learning rates for 0 rows":           Curves{LR: make([]float64, 3)}.SVG(&bytes.Buffer{}),
		"of 0 classes":                          Confusion{}.SVG(&bytes.Buffer{}),
		"0 rows for 1 classes":                  Confusion{Classes: []string{"a"}}.SVG(&bytes.Buffer{}),
		"has 2 columns for 1 classes":           Confusion{Classes: []string{"a"}, Counts: [][]int{{1, 2}}}.SVG(&bytes.Buffer{}),
		"is negative":                           Confusion{Classes: []string{"a"}, Counts: [][]int{{-1}}}.SVG(&bytes.Buffer{}),
		"without images":                        Sheet{}.PNG(&bytes.Buffer{}),
		"shape [2 3] cannot be shown":           Sheet{Images: tensor.New(tensor.Uint8, 2, 3)}.PNG(&bytes.Buffer{}),
		"shape [1 4 4 2] cannot be shown":       Sheet{Images: tensor.New(tensor.Uint8, 1, 4, 4, 2)}.PNG(&bytes.Buffer{}),
		"shape [0 4 4] cannot be shown":         Sheet{Images: tensor.New(tensor.Uint8, 0, 4, 4)}.PNG(&bytes.Buffer{}),
		"1 labels for 2 images":                 Sheet{Images: tensor.New(tensor.Uint8, 2, 4, 4), Labels: []string{"a"}}.PNG(&bytes.Buffer{}),
		"too large":                             Sheet{Images: tensor.New(tensor.Uint8, 1<<14, 8, 8)}.PNG(&bytes.Buffer{}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// show draws a sheet and decodes it.
func show(t *testing.T, s Sheet) image.Image {
	t.Helper()
	var b bytes.Buffer
	if err := s.PNG(&b); err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSheet(t *testing.T) {
	t.Parallel()
	const zoom, gap = 42, 10
	for name, images := range map[string]*tensor.Tensor{
		"bytes":        tensor.Of([]uint8{0, 255, 51, 102}, 1, 2, 2),
		"fractions":    tensor.Of([]float32{0, 1, 0.2, 0.4}, 1, 2, 2, 1),
		"standardized": tensor.Of([]float64{-2, 3, -1, 0}, 1, 2, 2),
	} {
		m := show(t, Sheet{Images: images})
		for i, want := range []uint32{0, 255, 51, 102} {
			r, g, b, _ := m.At(gap+i%2*zoom+zoom/2, gap+i/2*zoom+zoom/2).RGBA()
			if r>>8 != want || g != r || b != r {
				t.Errorf("%s: pixel %d is %d %d %d, want %d", name, i, r>>8, g>>8, b>>8, want)
			}
		}
	}
	m := show(t, Sheet{Images: tensor.Of([]uint8{10, 20, 30}, 1, 1, 1, 3)})
	if r, g, b, _ := m.At(50, 50).RGBA(); r>>8 != 10 || g>>8 != 20 || b>>8 != 30 {
		t.Errorf("colour is %d %d %d", r>>8, g>>8, b>>8)
	}
	m = show(t, Sheet{Images: tensor.New(tensor.Uint8, 7, 28, 28), Columns: 3, Labels: strings.Split("0123456", "")})
	if want := image.Pt(3*(84+gap)+gap, 3*(84+18+gap)+gap); m.Bounds().Size() != want {
		t.Errorf("seven images in three columns measure %v, want %v", m.Bounds().Size(), want)
	}
}

func TestSheetNotFinite(t *testing.T) {
	t.Parallel()
	m := show(t, Sheet{Images: tensor.Of([]float64{math.NaN(), math.Inf(1), 0.5, -math.MaxFloat64}, 1, 2, 2)})
	for i, want := range []uint32{0, 255, 255, 0} {
		if r, _, _, _ := m.At(10+i%2*42+21, 10+i/2*42+21).RGBA(); r>>8 != want {
			t.Errorf("pixel %d is %d, want %d", i, r>>8, want)
		}
	}
}

// TestFont: every letter has its own form, and none leaves its box.
func TestFont(t *testing.T) {
	t.Parallel()
	f, forms := newDotFont(), map[string]rune{}
	for r := ' '; r <= '\x7f'; r++ {
		var b strings.Builder
		for y := range glyphHeight {
			for x := range glyphWidth {
				fmt.Fprint(&b, f.dot(r, x, y))
			}
		}
		if other, ok := forms[b.String()]; ok {
			t.Errorf("%q looks like %q", r, other)
		}
		forms[b.String()] = r
	}
	for text, want := range map[string]string{"abc": "abc", "abcdefghijkl": "abcdefg..", "日本語日本語日本語日": "日本語日本語日.."} {
		if got := cutText(text, 1, 9*6); got != want {
			t.Errorf("cut to nine letters: %q, want %q", got, want)
		}
	}
}

func ExampleConfusion() {
	err := Confusion{Classes: []string{"cat", "dog"}, Counts: [][]int{{9, 1}}}.SVG(os.Stdout)
	fmt.Println(err)
	// Output: plot: confusion matrix has 1 rows for 2 classes
}

func ExampleCurves() {
	var picture bytes.Buffer
	err := Curves{Title: "runs/first", X: []float64{1, 2, 3}, Best: 2, Metrics: []Metric{
		{Name: "loss", Train: []float64{0.9, 0.4, 0.2}, Val: []float64{0.8, 0.5, 0.4}, Loss: true},
	}}.SVG(&picture)
	fmt.Println(err, strings.Contains(picture.String(), "epoch 3: validation 0.4"))
	// Output: <nil> true
}

func ExampleSheet() {
	var picture bytes.Buffer
	err := Sheet{Images: tensor.New(tensor.Uint8, 4, 28, 28), Labels: []string{"0", "1", "2", "3"}}.PNG(&picture)
	m, _ := png.Decode(&picture)
	fmt.Println(err, m.Bounds().Size())
	// Output: <nil> (198,234)
}
