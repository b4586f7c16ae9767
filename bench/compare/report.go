package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"

	"github.com/nadir-ml/nadir/bench"
)

// report writes the tables.
func (c *comparison) report(out io.Writer) {
	w := bufio.NewWriter(out)
	defer w.Flush()
	rounds := fmt.Sprint(c.rounds, " rounds")
	if c.rounds == 1 {
		rounds = "one round"
	}
	fmt.Fprintf(w, "# Results\n\nWritten by `go run ./bench/compare`; how figures are taken stands in [its comment](compare/main.go). Times are the best windows of %s\n", rounds)
	fmt.Fprintf(w, "of %g s a side, in turns, in microseconds; ratios are what counts, since machines differ.\n\n", c.seconds)
	fmt.Fprintf(w, "Machine: %s, %d cores, %s kernels, %s. Peak measured in this run: %.1f GFLOP/s on one thread, %.1f on two.\n",
		c.cpu, runtime.NumCPU(), c.kernel, runtime.Version(), c.peak["1"], c.peak["2"])
	fmt.Fprintf(w, "A copy moves %s on one core.\n", bandwidths())
	if c.note != "" {
		fmt.Fprintf(w, "\n%s\n", c.note)
	}
	if len(c.trained) > 0 {
		fmt.Fprint(w, "\n## Training steps against PyTorch\n\n“Floor” is the net's smallest arithmetic at the peak, with Adam one pass over weights, gradient and slots besides.\n\n")
		fmt.Fprint(w, "| net | batch | rule | threads | ours | PyTorch | PyTorch ÷ ours | floor | floor ÷ ours |\n|---|---|---|---|---|---|---|---|---|\n")
		for _, r := range c.trained {
			fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %s | %s | %s | %s |\n", r.name, r.batch, r.rule, r.threads, micros(r.ours), micros(r.theirs), ratio(r.theirs, r.ours), micros(r.floor), percent(r.floor, r.ours))
		}
	}
	if len(c.products) > 0 {
		fmt.Fprint(w, "\n## Products m×n×k against the better of oneDNN and OpenBLAS\n\nStored as they are multiplied (n), or transposed (t).\n\n| product | threads | ours | theirs | theirs ÷ ours | share of the peak |\n|---|---|---|---|---|---|\n")
		for _, r := range c.products {
			fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", r.name, r.threads, micros(r.ours), micros(r.theirs), ratio(r.theirs, r.ours), percent(r.floor, r.ours))
		}
	}
	if len(c.answers) > 0 {
		fmt.Fprint(w, "\n## Predictions against onnxruntime, one thread, medians\n\n| net | batch | ours | onnxruntime | onnxruntime ÷ ours | share of the peak | p99 ÷ p50 | theirs |\n|---|---|---|---|---|---|---|---|\n")
		for _, r := range c.answers {
			fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %s | %s | %s |\n", r.name, r.batch, micros(r.ours), micros(r.theirs), ratio(r.theirs, r.ours), percent(r.floor, r.ours),
				ratio(r.tails[0], 1), ratio(r.tails[1], 1))
		}
	}
	if len(c.losses) > 0 {
		c.reportLosses(w)
	}
	if len(c.missing) > 0 {
		fmt.Fprint(w, "\n## Left out\n\n")
		for _, m := range c.missing {
			fmt.Fprintf(w, "- %s\n", m)
		}
	}
}

// bandwidths is how fast copies of several sizes go.
func bandwidths() string {
	var out []string
	for _, kib := range []int{32, 1024, 8 << 10, 64 << 10} {
		size := float64(kib << 10)
		out = append(out, fmt.Sprintf("%.0f GB/s over %s", size/bench.Traffic(size).Seconds()/1e9, sizeText(kib)))
	}
	return strings.Join(out, ", ")
}

func sizeText(kib int) string {
	if kib >= 1024 {
		return fmt.Sprintf("%d MiB", kib>>10)
	}
	return fmt.Sprintf("%d KiB", kib)
}

func micros(us float64) string {
	switch {
	case us == 0:
		return "–"
	case us < 100:
		return fmt.Sprintf("%.1f", us)
	}
	return fmt.Sprintf("%.0f", math.Round(us))
}

func ratio(a, b float64) string {
	if a == 0 || b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", a/b)
}

func percent(a, b float64) string {
	if a == 0 || b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*a/b)
}
