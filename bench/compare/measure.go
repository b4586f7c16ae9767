package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/nadir-ml/nadir/bench"
)

// A comparison is one run of the command.
type comparison struct {
	peers, out, ours, note               string
	nets, batches, rules, threads, parts []string
	seconds                              float64
	rounds                               int

	started  time.Time
	kernel   string
	cpu      string
	peak     map[string]float64 // GFLOP/s by number of threads
	trained  []*row
	products []*row
	answers  []*row
	losses   []*loss
	missing  []string
	best     map[string]float64
}

// A row is one case of a table: the best of both sides in microseconds, 0 where
// there is none.
type row struct {
	name          string
	net           bench.Net
	batch         int
	rule, threads string
	ours, theirs  float64
	flops         float64
	floor         float64    // µs
	tails         [2]float64 // of predictions: the 99th of 100 calls over the median, ours and theirs
}

// object is a line of JSON that a program printed.
type object map[string]any

func (o object) number(key string) float64 {
	v, _ := o[key].(float64)
	return v
}

// call runs a program and reads the last line of JSON that it prints, or all of
// them.
func call(ctx context.Context, dir, name string, args ...string) ([]object, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, last(stderr.String()))
	}
	var lines []object
	for line := range strings.Lines(string(out)) {
		var o object
		if json.Unmarshal([]byte(line), &o) == nil {
			lines = append(lines, o)
		}
	}
	if len(lines) == 0 {
		return nil, errors.New(filepath.Base(name) + " printed no JSON")
	}
	return lines, nil
}

func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// miss notes once what could not be measured.
func (c *comparison) miss(err error) {
	for _, m := range c.missing {
		if m == err.Error() {
			return
		}
	}
	c.missing = append(c.missing, err.Error())
	fmt.Fprintln(os.Stderr, "compare: left out:", err)
}

// machine finds the peak of one thread and two.
func (c *comparison) machine(ctx context.Context) error {
	c.peak = map[string]float64{}
	for range max(2, c.rounds) {
		o, err := call(ctx, c.peers, "./peak")
		if err != nil {
			return fmt.Errorf("the peak is needed for every floor: %w", err)
		}
		c.cpu, _ = o[0]["cpu"].(string)
		for _, t := range []string{"1", "2"} {
			c.peak[t] = max(c.peak[t], o[0].number("peak_gflops_"+t))
		}
	}
	o, err := call(ctx, "", c.ours, "bench", "mode=gemm", "m=8", "n=8", "k=8", "seconds=0", "--json")
	if err != nil {
		return err
	}
	c.kernel, _ = o[0]["kernel"].(string)
	return nil
}

// passes is what a rule does besides a step's arithmetic: arrays as long as the
// weights that it reads or writes.
func passes(rule string) float64 {
	if rule == "adam" {
		return 7 // reads θ, g, m and v, writes θ, m and v
	}
	return 0
}

// better keeps the smaller of two times that are not 0.
func better(a, b float64) float64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// steps calls f for every net and size of a batch.
func (c *comparison) steps(f func(name string, net bench.Net, batch string)) {
	for _, name := range c.nets {
		net, err := bench.Find(name)
		if err != nil {
			c.miss(err)
			continue
		}
		for _, batch := range c.batches {
			f(name, net, batch)
		}
	}
}

func (c *comparison) train(ctx context.Context) {
	c.steps(func(name string, net bench.Net, batch string) {
		for _, rule := range c.rules {
			for _, threads := range c.threads {
				r := &row{name: name, net: net, rule: rule, threads: threads}
				fmt.Sscan(batch, &r.batch)
				r.flops = net.Flops * float64(r.batch)
				r.floor = r.flops / c.peak[threads] / 1e3
				if n := passes(rule); n > 0 {
					r.floor += bench.Traffic(n*4*float64(net.Weights())).Seconds() * 1e6
				}
				for range c.rounds {
					if o, err := call(ctx, "", c.ours, "bench", "net="+name, "batch="+batch, "optim="+rule, "threads="+threads,
						fmt.Sprintf("seconds=%g", c.seconds), "--json"); err != nil {
						c.miss(err)
					} else {
						r.ours = better(r.ours, o[0].number("us_per_step_min"))
					}
					if o, err := call(ctx, c.peers, "/usr/bin/python3", "torch_train.py", "--net", name, "--batch", batch, "--optim", rule,
						"--threads", threads, "--seconds", fmt.Sprint(c.seconds)); err != nil {
						c.miss(err)
					} else {
						r.theirs = better(r.theirs, o[len(o)-1].number("us_per_step_min"))
					}
				}
				c.trained = append(c.trained, r)
				fmt.Fprintf(os.Stderr, "%s %s %s %s: %.1f µs, PyTorch %.1f µs, floor %.1f µs\n", name, batch, rule, threads, r.ours, r.theirs, r.floor)
			}
		}
	})
}

// A product is m×n over k, stored as one of [bench.Layouts] says.
type product struct {
	m, n, k int
	layout  string
}

// products are those of the nets, forward and backward, and squares.
var products = []product{{32, 300, 784, "nn"}, {128, 300, 784, "nn"}, {512, 300, 784, "nn"}, {128, 100, 300, "nn"}, {128, 10, 100, "nn"}, {128, 2048, 2048, "nn"}, {512, 2048, 2048, "nn"},
	{784, 300, 32, "tn"}, {784, 300, 128, "tn"}, {784, 300, 512, "tn"}, {300, 100, 128, "tn"}, {100, 10, 128, "tn"}, {2048, 2048, 512, "tn"},
	{128, 300, 100, "nt"}, {128, 100, 10, "nt"}, {128, 300, 784, "nt"}, {512, 2048, 2048, "nt"},
	{1024, 1024, 1024, "nn"}, {2048, 2048, 2048, "nn"}}

func (c *comparison) gemm(ctx context.Context) {
	for _, s := range products {
		for _, threads := range c.threads {
			r := &row{name: fmt.Sprintf("%d×%d×%d %s", s.m, s.n, s.k, s.layout), threads: threads, flops: 2 * float64(s.m) * float64(s.n) * float64(s.k)}
			r.floor = r.flops / c.peak[threads] / 1e3
			for range c.rounds {
				if o, err := call(ctx, "", c.ours, "bench", "mode=gemm", fmt.Sprint("m=", s.m), fmt.Sprint("n=", s.n), fmt.Sprint("k=", s.k), "layout="+s.layout, "threads="+threads,
					fmt.Sprintf("seconds=%g", c.seconds), "--json"); err != nil {
					c.miss(err)
				} else {
					r.ours = better(r.ours, o[0].number("us_min"))
				}
				for _, lib := range []string{"onednn", "openblas"} {
					if o, err := call(ctx, c.peers, "./gemm_peer", lib, threads, fmt.Sprintf("%d,%d,%d,%s", s.m, s.n, s.k, s.layout)); err != nil {
						c.miss(err)
					} else {
						r.theirs = better(r.theirs, o[0].number("us_min"))
					}
				}
			}
			c.products = append(c.products, r)
			fmt.Fprintf(os.Stderr, "product %s %s: %.1f µs, peers %.1f µs, floor %.1f µs\n", r.name, threads, r.ours, r.theirs, r.floor)
		}
	}
}

func (c *comparison) infer(ctx context.Context) {
	theirs, tails := map[string]float64{}, map[string]float64{}
	for range c.rounds {
		lines, err := call(ctx, c.peers, "node", "ort_latency.js", "--threads", "1")
		if err != nil {
			c.miss(err)
			break
		}
		for _, o := range lines {
			key := fmt.Sprint(o["net"], " ", o.number("batch"))
			if p50 := o.number("us_p50"); p50 > 0 && better(theirs[key], p50) == p50 {
				theirs[key], tails[key] = p50, o.number("us_p99")/p50
			}
		}
	}
	for _, name := range []string{"chapter", "plain"} {
		net, err := bench.Find(name)
		if err != nil {
			c.miss(err)
			continue
		}
		for _, batch := range []int{1, 32, 1024} {
			r := &row{name: name, batch: batch, threads: "1", flops: net.Forward * float64(batch), theirs: theirs[fmt.Sprint(name, " ", batch)]}
			r.tails[1] = tails[fmt.Sprint(name, " ", batch)]
			r.floor = r.flops / c.peak["1"] / 1e3
			for range c.rounds {
				o, err := call(ctx, "", c.ours, "bench", "mode=infer", "net="+name, fmt.Sprint("batch=", batch), fmt.Sprintf("seconds=%g", c.seconds), "--json")
				if err != nil {
					c.miss(err)
					continue
				}
				if p50 := o[0].number("us_p50"); p50 > 0 && better(r.ours, p50) == p50 {
					r.ours, r.tails[0] = p50, o[0].number("us_p99")/p50
				}
			}
			c.answers = append(c.answers, r)
			fmt.Fprintf(os.Stderr, "prediction %s %d: %.1f µs, onnxruntime %.1f µs\n", name, batch, r.ours, r.theirs)
		}
	}
}
