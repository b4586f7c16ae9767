package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/nadir-ml/nadir/internal/svg"
)

// ladder draws what reusing more or fewer layers comes to: test accuracy by
// seed, and its median, as the lab has measured it.
func ladder(root string) (*svg.Canvas, error) {
	ways := []string{"five frozen", "four frozen", "top two free", "scratch", "all free"}
	reached := map[string][]float64{}
	files, err := filepath.Glob(filepath.Join(root, "lab", "results", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var r struct {
			Experiment, Run string
			Test            struct{ Accuracy float64 }
		}
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		if r.Experiment == "R29" {
			reached[r.Run] = append(reached[r.Run], r.Test.Accuracy)
		}
	}
	g := newGrid("digits 5 to 9 from 100 images a class, on layers that know 0 to 4", 1, 1, 720, 330)
	places := linspace(1, float64(len(ways)), len(ways))
	a := g.panel(0, "test accuracy, by seed and median", svg.Linear([]float64{0.5, float64(len(ways)) + 0.5}), svg.Linear([]float64{0.65, 0.95}))
	a.Width -= 20
	a.Frame()
	var medians []float64
	for i, way := range ways {
		seeds := reached[way]
		if len(seeds) == 0 {
			return nil, fmt.Errorf("the lab has measured nothing of %q: go run ./lab R29", way)
		}
		slices.Sort(seeds)
		medians = append(medians, seeds[len(seeds)/2])
		for _, v := range seeds {
			g.canvas.Circle(a.At(places[i], v), 2.5, svg.Sky)
		}
		at := a.At(places[i], a.Y.Lo)
		g.canvas.Rect(at.X-40, at.Y+2, 80, 20, svg.Paper, svg.Pen{}) // over the number of the place
		g.canvas.Text(svg.Point{X: at.X, Y: at.Y + 17}, way, svg.Font{Anchor: svg.Center, Color: svg.Soft})
		g.canvas.Text(svg.Point{X: at.X, Y: at.Y + 33}, fmt.Sprintf("%.1f %%", 100*medians[i]), svg.Font{Anchor: svg.Center, Color: svg.Soft})
	}
	a.Line(places, medians, svg.Pen{Color: svg.Blue, Width: 1.8})
	return g.canvas, nil
}
