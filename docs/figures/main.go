package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nadir-ml/nadir/internal/svg"
)

// figures lists every picture of the guide by the name of its file. What takes
// long to measure is drawn from what the lab has kept, below root.
var figures = []struct {
	file string
	draw func(root string) (*svg.Canvas, error)
}{
	{"activations.svg", activations},
	{"signal.svg", signal},
	{"valley.svg", valley},
	{"schedules.svg", schedules},
	{"filters.svg", filters},
	{"ladder.svg", ladder},
}

func main() {
	dir := filepath.Join("docs", "figures")
	if _, err := os.Stat(dir); err != nil {
		fmt.Fprintln(os.Stderr, "figures: run it from the module's root:", err)
		os.Exit(2)
	}
	for _, f := range figures {
		text, err := render(f.draw, ".")
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, f.file), text, 0o644)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "figures: %s: %v\n", f.file, err)
			os.Exit(1)
		}
		fmt.Println(filepath.Join(dir, f.file))
	}
}

// render is the text of one picture; root is the module's folder.
func render(draw func(root string) (*svg.Canvas, error), root string) ([]byte, error) {
	canvas, err := draw(root)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = canvas.WriteTo(&b)
	return b.Bytes(), err
}
