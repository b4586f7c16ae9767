package app

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/sets"
	"github.com/nadir-ml/nadir/train"
	"github.com/nadir-ml/nadir/transfer"
)

// kernels lists the reused layers that have a kernel, from below.
func (r *grafting) kernels() []string {
	var out []string
	for _, m := range r.table {
		if l := topLayers([]string{m.Name})[0]; m.Status == transfer.Copied && len(m.Shape) > 1 && l != "preprocess" && !contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// likeness compares rows with those that the old model was trained on. It is nil
// where nothing says which those were, or they are not here.
func (c *command) likeness(ctx context.Context, cfg *config.Config, r *grafting, n *train.Net, rows data.Source) (*transfer.Likeness, error) {
	layers := r.kernels()
	if len(layers) == 0 || len(r.inputs.Fields) != 1 || rows.Len() < 2 {
		return nil, nil
	}
	d := c.oldData(ctx, r)
	if d == nil || d.train.Len() < 2 {
		return nil, nil
	}
	defer d.Close()
	return transfer.Compare(ctx, n, layers, d.train, rows, 0, cfg.Seed)
}

// oldData opens what the old model was trained on, or nothing: it is only looked
// at, and nothing is downloaded for it.
func (c *command) oldData(ctx context.Context, r *grafting) *dataset {
	if r.run == "" {
		return nil
	}
	cfg, err := config.Load(config.Sources{File: filepath.Join(r.run, configFile)})
	if err != nil {
		return nil
	}
	for _, k := range sets.List(nil) {
		if k.Name == cfg.Data.Name && k.Dir == "" {
			return nil
		}
	}
	home, err := (&subject{run: r.run}).home()
	if err != nil {
		return nil
	}
	quiet := &command{out: c.out, err: c.err, quiet: true}
	d, err := quiet.openData(ctx, cfg, openOptions{within: home})
	if err != nil {
		return nil
	}
	if err := d.fitTo(quiet, cfg, r.inputs); err != nil {
		d.Close()
		return nil
	}
	return d
}

// likenessText is the verdict in one line.
func likenessText(l *transfer.Likeness) string {
	look := "look alike"
	if l.Verdict == transfer.NoBenefit {
		look = "look different"
	}
	return fmt.Sprintf("the inputs of both tasks %s: to %s %.0f %% of the new rows lie among the old ones; %s", look, l.Layers[0].Name, 100*l.Coverage, l.Verdict)
}

func likenessObject(l *transfer.Likeness) any {
	if l == nil {
		return nil
	}
	layers := []object{}
	for _, k := range l.Layers {
		layers = append(layers, object{{"name", k.Name}, {"coverage", k.Coverage}})
	}
	return object{{"verdict", l.Verdict}, {"coverage", l.Coverage}, {"layers", layers}}
}
