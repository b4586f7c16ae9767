package main

import (
	"context"
	"image"
	"image/color"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/internal/svg"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/pretrain"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// filters draws what the units of a restricted Boltzmann machine look for in
// the digits.
func filters(string) (*svg.Canvas, error) {
	const units, columns, scale, gap = 48, 12, 2, 8
	images, _ := digits.New(42, 2000, 0)
	net, err := train.NewNet(nn.Sequential{nn.Flatten{}, nn.Dense{Units: units, Act: act.Sigmoid{}, Name: "hidden"}, nn.Dense{Units: 10}}, nil,
		train.Config{Data: images.Schema(), Seed: 42, Float: tensor.Float64})
	if err != nil {
		return nil, err
	}
	p, err := pretrain.New(net, []pretrain.Stage{pretrain.Boltzmann{Common: pretrain.Common{Epochs: 8, LR: 0.05}}},
		pretrain.Config{Train: images, Batch: 20, Seed: 42})
	if err != nil {
		return nil, err
	}
	for _, err := range p.Steps(context.Background()) {
		if err != nil {
			return nil, err
		}
	}
	f := pretrain.Filters(net, units)[0]
	sheet, err := f.Sheet(p.Value("hidden/kernel"))
	if err != nil {
		return nil, err
	}
	side := float64(scale*f.Width + gap)
	canvas := svg.New(columns*side+40-gap, header+float64(units/columns)*side+12, "filters of a restricted Boltzmann machine")
	canvas.Text(svg.Point{X: 20, Y: 33}, "what 48 units of an RBM look for in the digits", svg.Font{Size: 17, Bold: true})
	for u := range units {
		m := image.NewGray(image.Rect(0, 0, f.Width, f.Height))
		for y := range f.Height {
			for x := range f.Width {
				m.SetGray(x, y, color.Gray{Y: uint8(255 * sheet.At(u, y, x))})
			}
		}
		if err := canvas.Image(20+float64(u%columns)*side, header-8+float64(u/columns)*side, scale*float64(f.Width), scale*float64(f.Height), m); err != nil {
			return nil, err
		}
	}
	return canvas, p.Close()
}
