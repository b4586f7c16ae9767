package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/bench"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/spec"
)

func benchVerb(c *command) *cobra.Command {
	return &cobra.Command{
		Use:   "bench [net=NAME] [batch=N] [optim=NAME] [threads=N] [seconds=S] [precision=f32|bf16] [mode=train|infer|gemm|ops]",
		Short: "How fast this machine trains and predicts",
		Long: `Time whole training steps (forward, loss, backward and update) of a named net on
random batches in memory, in windows of 4 ms: the best and the middle one. A best
that is far below the middle tells of neighbours on the machine.

Nets: chapter is 784-BN-300-ELU-BN-100-ELU-BN-10, plain 784-300-100-10 with ReLU,
deep 784-20×100-10 with ELU, wide 784-2048-2048-10 with ReLU, ae 784-300-150-300-784
with ELU and the squared error, lenet LeNet-5 on 28×28 with ReLU and max pooling.

mode=infer times predictions, call by call, batch normalization folded. mode=gemm
times one matrix product of m×k by k×n; layout=nt has the second matrix stored
transposed, layout=tn the first. mode=ops lists what each instruction of a
step took at its best.

precision=bf16 rounds the operands of products, but not of convolutions, to bfloat16.`,
		Example: `  nadir bench
  nadir bench net=wide batch=128 optim=adam threads=2
  nadir bench net=wide batch=512 precision=bf16
  nadir bench net=chapter batch=1 mode=infer
  nadir bench mode=gemm m=128 n=300 k=784
  nadir bench mode=gemm m=784 n=300 k=128 layout=tn
  nadir bench net=chapter mode=ops --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			targets, keys, err := words(cmd, args)
			if err != nil {
				return err
			}
			if len(targets) > 0 {
				return usage("bench takes keys alone, such as net=%s, found %s", targets[0], strings.Join(targets, " "))
			}
			b := benchKeys{Net: "chapter", Mode: "train", Batch: 32, Threads: 1, Seconds: 3, M: 128, N: 300, K: 784, Optim: "sgd", Precision: "f32", Layout: "nn"}
			if err := b.read(keys); err != nil {
				return err
			}
			return c.bench(cmd.Context(), b)
		},
	}
}

// benchKeys are the words of bench.
type benchKeys struct {
	Net, Mode, Optim        string
	Precision, Layout       string
	Batch, Threads, M, N, K int
	Seconds                 float64
	said                    map[string]bool
}

// read takes key=value words.
func (b *benchKeys) read(keys []string) error {
	fields := map[string]any{"net": &b.Net, "mode": &b.Mode, "optim": &b.Optim, "precision": &b.Precision, "batch": &b.Batch, "threads": &b.Threads,
		"m": &b.M, "n": &b.N, "k": &b.K, "layout": &b.Layout, "seconds": &b.Seconds}
	fields["optimizer"] = &b.Optim
	names := []string{"net", "batch", "optim", "threads", "seconds", "precision", "mode", "m", "n", "k", "layout"}
	b.said = map[string]bool{}
	for _, word := range keys {
		a, err := config.ParseAssignment(word)
		if err != nil {
			return err
		}
		key := strings.Join(a.Path, ".")
		f := fields[key]
		if f == nil {
			return usage("bench: unknown key %q; %s", key, didYouMean(key, names))
		}
		if err := spec.Decode(a.Value, f); err != nil {
			return usage("bench: %s: %v", key, err)
		}
		b.said[key] = true
	}
	modes := []string{"train", "infer", "gemm", "ops"}
	if !contains(modes, b.Mode) {
		return usage("bench: mode=%s: want one of %s", b.Mode, strings.Join(modes, ", "))
	}
	if precisions := []string{"f32", "bf16"}; !contains(precisions, b.Precision) {
		return usage("bench: precision=%s: want one of %s", b.Precision, strings.Join(precisions, ", "))
	}
	if !contains(bench.Layouts, b.Layout) {
		return usage("bench: layout=%s: want one of %s", b.Layout, strings.Join(bench.Layouts, ", "))
	}
	for _, k := range []string{"m", "n", "k", "layout"} {
		if b.said[k] && b.Mode != "gemm" {
			return usage("bench: %s= has no meaning without mode=gemm", k)
		}
	}
	for _, k := range []string{"net", "batch"} {
		if b.said[k] && b.Mode == "gemm" {
			return usage("bench: %s= has no meaning with mode=gemm", k)
		}
	}
	if b.said["optim"] && (b.Mode == "gemm" || b.Mode == "infer") {
		return usage("bench: optim= has no meaning with mode=%s", b.Mode)
	}
	const most = 1 << 20
	for _, v := range []struct {
		key   string
		value int
	}{{"batch", b.Batch}, {"m", b.M}, {"n", b.N}, {"k", b.K}} {
		if v.value < 1 || v.value > most {
			return usage("bench: %s=%d: want a number from 1 to %d", v.key, v.value, most)
		}
	}
	if b.Mode == "gemm" {
		m, n, k := float64(b.M), float64(b.N), float64(b.K)
		if need, have := 4*(m*k+k*n+m*n), memory(); need > have {
			return usage("bench: matrices of m=%d n=%d k=%d take %s, more than the %s of memory here", b.M, b.N, b.K, gib(need), gib(have))
		}
	}
	if b.Threads < 0 || b.Threads > 1024 {
		return usage("bench: threads=%d: want a number from 1 to 1024, or 0 for all cores", b.Threads)
	}
	if !(b.Seconds >= 0 && b.Seconds <= 3600) {
		return usage("bench: seconds=%g: want a number up to 3600", b.Seconds)
	}
	var o optim.Optimizer
	if err := spec.Decode(spec.Str(b.Optim), &o); err != nil {
		return usage("bench: %v", err)
	}
	return nil
}

func (c *command) bench(ctx context.Context, b benchKeys) error {
	if b.Threads == 0 {
		b.Threads = cpu.Cores()
	}
	span := time.Duration(b.Seconds * float64(time.Second))
	var net bench.Net
	if b.Mode != "gemm" {
		var err error
		if net, err = bench.Find(b.Net); err != nil {
			return usage("bench: %v", err)
		}
		net.Products = productsOf(b.Precision)
		if b.Mode != "infer" && b.Batch == 1 && net.Normalized() {
			return usage("bench: net=%s cannot train on a batch of one: batch normalization needs two rows to have a variance", b.Net)
		}
	}
	switch b.Mode {
	case "train":
		s, err := net.Step(ctx, b.Batch, b.Optim, b.Threads, span)
		if err != nil {
			return benchError(err)
		}
		best, median := s.Best(), s.Median()
		flops := net.Flops * float64(b.Batch)
		if c.json {
			return c.printJSON(object{{"net", b.Net}, {"batch", b.Batch}, {"optim", b.Optim}, {"threads", b.Threads}, {"kernel", cpu.Kernels(productsOf(b.Precision))},
				{"us_per_step_min", micros(best)}, {"us_per_step_median", micros(median)},
				{"samples_per_s", round(float64(b.Batch)/median.Seconds(), 0)}, {"gflops", round(flops/best.Seconds()/1e9, 1)},
				{"allocs_per_step", s.Allocs}, {"arena_bytes", s.Arena}})
		}
		return c.print(func(w *bufio.Writer) {
			fmt.Fprintf(w, "%s, batch %d, %s, %s, %s kernels\n", b.Net, b.Batch, b.Optim, threads(b.Threads), cpu.Kernels(productsOf(b.Precision)))
			fmt.Fprintf(w, "step: best %s, median %s; %.0f samples/s, %.1f GFLOP/s; %g allocations, %d KiB of intermediate results\n",
				span3(best), span3(median), float64(b.Batch)/median.Seconds(), flops/best.Seconds()/1e9, s.Allocs, s.Arena>>10)
		})
	case "infer":
		calls, err := net.Infer(ctx, b.Batch, b.Threads, span)
		if err != nil {
			return benchError(err)
		}
		p50, p99 := calls.Quantile(0.5), calls.Quantile(0.99)
		if c.json {
			return c.printJSON(object{{"net", b.Net}, {"mode", "infer"}, {"batch", b.Batch}, {"threads", b.Threads}, {"kernel", cpu.Kernels(productsOf(b.Precision))},
				{"us_min", micros(calls[0])}, {"us_p50", micros(p50)}, {"us_p99", micros(p99)},
				{"samples_per_s", round(float64(b.Batch)/p50.Seconds(), 0)}, {"gflops", round(net.Forward*float64(b.Batch)/calls[0].Seconds()/1e9, 1)}})
		}
		return c.print(func(w *bufio.Writer) {
			fmt.Fprintf(w, "%s, batch %d, %s, %s kernels\n", b.Net, b.Batch, threads(b.Threads), cpu.Kernels(productsOf(b.Precision)))
			fmt.Fprintf(w, "prediction: best %s, p50 %s, p99 %s; %.0f samples/s\n", span3(calls[0]), span3(p50), span3(p99), float64(b.Batch)/p50.Seconds())
		})
	case "gemm":
		t, err := bench.Product(ctx, b.M, b.N, b.K, b.Layout, b.Threads, productsOf(b.Precision), span)
		if err != nil {
			return benchError(err)
		}
		flops := 2 * float64(b.M) * float64(b.N) * float64(b.K)
		best, median := flops/t.Best().Seconds()/1e9, flops/t.Median().Seconds()/1e9
		if c.json {
			return c.printJSON(object{{"mode", "gemm"}, {"m", b.M}, {"n", b.N}, {"k", b.K}, {"layout", b.Layout}, {"threads", b.Threads}, {"kernel", cpu.Kernels(productsOf(b.Precision))},
				{"us_min", micros(t.Best())}, {"us_median", micros(t.Median())}, {"gflops_best", round(best, 1)}, {"gflops_median", round(median, 1)}})
		}
		return c.print(func(w *bufio.Writer) {
			fmt.Fprintf(w, "(%d, %d) · (%d, %d) as %s, %s, %s kernels\n", b.M, b.K, b.K, b.N, b.Layout, threads(b.Threads), cpu.Kernels(productsOf(b.Precision)))
			fmt.Fprintf(w, "product: best %s, median %s; %.1f and %.1f GFLOP/s\n", span3(t.Best()), span3(t.Median()), best, median)
		})
	}
	costs, err := net.Ops(ctx, b.Batch, b.Optim, b.Threads, span)
	if err != nil {
		return benchError(err)
	}
	return c.benchOps(b, net, costs)
}

// benchOps prints what each instruction took.
func (c *command) benchOps(b benchKeys, net bench.Net, costs []backend.Cost) error {
	var sum time.Duration
	for _, k := range costs {
		sum += k.Best
	}
	gflops := func(k backend.Cost) any {
		if k.Flops == 0 || k.Best == 0 {
			return nil
		}
		return round(k.Flops/k.Best.Seconds()/1e9, 1)
	}
	if c.json {
		ops := []object{}
		for _, k := range costs {
			ops = append(ops, object{{"op", k.Op}, {"layer", k.Path}, {"us", micros(k.Best)}, {"gflops", gflops(k)}})
		}
		return c.printJSON(object{{"net", b.Net}, {"mode", "ops"}, {"batch", b.Batch}, {"optim", b.Optim}, {"threads", b.Threads}, {"kernel", cpu.Kernels(productsOf(b.Precision))},
			{"us", micros(sum)}, {"ops", ops}})
	}
	return c.print(func(w *bufio.Writer) {
		g := grid{align: "rrrll"}
		g.add("µs", "%", "GFLOP/s", "op", "layer")
		for _, k := range costs {
			rate := ""
			if v := gflops(k); v != nil {
				rate = fmt.Sprintf("%.0f", v)
			}
			g.add(fmt.Sprintf("%.1f", micros(k.Best)), fmt.Sprintf("%.1f", 100*k.Best.Seconds()/sum.Seconds()), rate, short(k.Op, 72), k.Path)
		}
		g.write(w, "")
		fmt.Fprintf(w, "\n%s in all at best; %.1f GFLOP/s of the %.3g MFLOP a sample that the gradients need\n",
			span3(sum), net.Flops*float64(b.Batch)/sum.Seconds()/1e9, net.Flops/1e6)
	})
}

// benchError is an error of measuring: what the net or the rule cannot do is the
// user's.
func benchError(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return usage("bench: %v", err)
}

func round(v float64, digits int) float64 {
	scale := 1.0
	for range digits {
		scale *= 10
	}
	return float64(int64(v*scale+0.5)) / scale
}

// micros are microseconds with three digits behind the point.
func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// span3 is a short time with three digits.
func span3(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.3g µs", micros(d))
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", micros(d)/1000)
	}
	return fmt.Sprintf("%.3g s", d.Seconds())
}

func threads(n int) string {
	if n == 1 {
		return "1 thread"
	}
	return fmt.Sprintf("%d threads", n)
}
