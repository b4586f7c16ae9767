package app

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/internal/plot"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/spec"
)

// plotted is how many points of a schedule are drawn at most: some for each
// pixel, so that a jump stands where it is.
const plotted = 4000

// plotSchedule draws what the schedule of a configuration does over the run.
func (c *command) plotSchedule(ctx context.Context, file string, keys []string, path string, force bool) error {
	cfg, err := c.load(file, os.Environ(), keys)
	if err != nil {
		return err
	}
	if err := decodes(cfg); err != nil {
		return err
	}
	var o optim.Optimizer
	if err := spec.Decode(cfg.Optim, &o); err != nil {
		return err
	}
	var s sched.Schedule = sched.Constant{}
	if cfg.Schedule.Kind != spec.Null {
		if err := spec.Decode(cfg.Schedule, &s); err != nil {
			return err
		}
	}
	perEpoch, err := c.stepsPerEpoch(ctx, cfg)
	if err != nil {
		return err
	}
	p := drawSchedule(cfg, s, o, perEpoch)
	if a, ok := s.(sched.Adaptive); ok {
		c.note(fmt.Sprintf("the rate falls as %s says, which only training knows: the picture shows where it begins", a.Monitored()))
	}
	if err := create(path, force, p.SVG); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(object{{"svg", path}, {"schedule", p.Title}, {"formula", p.Formula}, {"steps_per_epoch", perEpoch}, {"epoch", p.Epochs}, {"lr", p.LR}, {"momentum", p.Momentum}})
	}
	return c.tell(func(w *bufio.Writer) {
		fmt.Fprintf(w, "%s\n%s\n\n", p.Title, p.Formula)
		for _, line := range p.Chart(72, 10) {
			fmt.Fprintln(w, line)
		}
		fmt.Fprintf(w, "\ndrawn: %s\n", path)
	})
}

// stepsPerEpoch opens the data of a configuration to count its rows.
func (c *command) stepsPerEpoch(ctx context.Context, cfg *config.Config) (int, error) {
	d, err := c.openData(ctx, cfg, openOptions{})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	batch := cfg.Data.Batch * max(1, cfg.Accumulate)
	return max(1, (d.train.Len()+batch-1)/batch), nil
}

func drawSchedule(cfg *config.Config, s sched.Schedule, o optim.Optimizer, perEpoch int) plot.Schedule {
	epochs := cfg.Epochs.N
	steps := epochs * perEpoch
	if cfg.Steps > 0 {
		steps = cfg.Steps
	}
	name := "constant"
	if cfg.Schedule.Kind != spec.Null {
		name = nameIn(cfg.Schedule)
	}
	p := plot.Schedule{
		Title:   fmt.Sprintf("schedule %s, %d steps, %d an epoch, η₀ = %g", name, steps, perEpoch, o.Rate()),
		Formula: fmt.Sprint(s),
	}
	cycled, moves := s.(sched.Cycled)
	n := min(steps, plotted)
	for i := range n {
		step := int(math.Round(float64(i) * float64(steps-1) / float64(max(1, n-1))))
		at := sched.Point{Step: step, StepsPerEpoch: perEpoch, Epochs: epochs, LR: o.Rate()}
		p.Epochs = append(p.Epochs, float64(step)/float64(perEpoch))
		p.LR = append(p.LR, s.At(at))
		if moves && o.Cycles() {
			p.Momentum = append(p.Momentum, cycled.Momentum(at))
		}
	}
	return p
}
