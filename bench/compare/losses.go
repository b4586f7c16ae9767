package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nadir-ml/nadir/bench"
)

// A loss is where the time of a step on one thread goes that is not its floor, in µs, and
// what a second thread does not save.
type loss struct {
	name  string
	batch int
	floor float64
	ops   float64 // all of them, one by one, each at its best
	by    [kinds]float64
	steps [2]float64 // whole, on one thread and on two
}

// What an op of a step is for.
const (
	multiplying = iota // with what is updated as it is multiplied
	keeping            // the norm of gradients, updates, and what goes over weights besides
	normalizing
	other
	kinds
)

var kindNames = [kinds]string{"products and convolutions", "norm and update", "normalization", "activations and loss"}

// kindOf tells ops by their names and layers.
func kindOf(op object) int {
	name, _ := op["op"].(string)
	layer, _ := op["layer"].(string)
	switch {
	case op["gflops"] != nil || strings.HasPrefix(name, "conv"):
		return multiplying
	case layer == "gradients" || layer == "optimizer" || strings.HasPrefix(name, "affine_gradients"):
		return keeping
	case strings.HasPrefix(layer, "batch_normalization"):
		return normalizing
	}
	return other
}

// lose times every op of the nets' steps.
func (c *comparison) lose(ctx context.Context) {
	c.steps(func(name string, net bench.Net, batch string) {
		l := &loss{name: name}
		fmt.Sscan(batch, &l.batch)
		l.floor = net.Flops * float64(l.batch) / c.peak["1"] / 1e3
		best := map[int]float64{}
		kind := map[int]int{}
		measure := func(mode, threads string) (object, bool) {
			o, err := call(ctx, "", c.ours, "bench", "mode="+mode, "net="+name, "batch="+batch, "threads="+threads, fmt.Sprintf("seconds=%g", c.seconds), "--json")
			if err != nil {
				c.miss(err)
				return nil, false
			}
			return o[0], true
		}
		for range c.rounds {
			if o, ok := measure("ops", "1"); ok {
				ops, _ := o["ops"].([]any)
				for i, v := range ops {
					op, _ := v.(map[string]any)
					best[i], kind[i] = better(best[i], object(op).number("us")), kindOf(op)
				}
			}
			for k, threads := range []string{"1", "2"} {
				if o, ok := measure("train", threads); ok {
					l.steps[k] = better(l.steps[k], o.number("us_per_step_min"))
				}
			}
		}
		for i, us := range best {
			l.by[kind[i]] += us
			l.ops += us
		}
		c.losses = append(c.losses, l)
		fmt.Fprintf(os.Stderr, "losses of %s %d: %.1f µs of ops, floor %.1f µs\n", name, l.batch, l.ops, l.floor)
	})
}

// beyond is what each kind takes besides the floor, which is part of the first.
func (l *loss) beyond() [kinds]float64 {
	by := l.by
	by[multiplying] -= l.floor
	return by
}

// second is what a step takes on two threads beyond half of what it does on one.
func (l *loss) second() float64 { return l.steps[1] - l.steps[0]/2 }

func (c *comparison) reportLosses(w io.Writer) {
	fmt.Fprint(w, "\n## Where the time of a step with SGD goes\n\nOn one thread, op by op, each at its best, in shares of all of them; what a product takes beyond the floor is what it does not reach of the peak. The last column is what a step takes\non two threads beyond half of what it takes on one, as a share of the former.\n\n")
	fmt.Fprint(w, "| net | batch | ops | floor |")
	for _, name := range kindNames {
		fmt.Fprintf(w, " %s |", name)
	}
	fmt.Fprint(w, " step | second thread |\n|---|---|---|---|", strings.Repeat("---|", kinds), "---|---|\n")
	for _, l := range c.losses {
		fmt.Fprintf(w, "| %s | %d | %s | %s |", l.name, l.batch, micros(l.ops), percent(l.floor, l.ops))
		for _, us := range l.beyond() {
			fmt.Fprintf(w, " %s |", percent(us, l.ops))
		}
		fmt.Fprintf(w, " %s | %s |\n", micros(l.steps[0]), percent(l.second(), l.steps[1]))
	}
}
