package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/bench"
)

// fake is a program that prints one line.
func fake(t *testing.T, dir, name, line string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho noise\necho '"+line+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// What the programs print ends up in the tables; what cannot be run is named.
func TestComparison(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("needs a shell")
	}
	dir := t.TempDir()
	fake(t, dir, "peak", `{"cpu":"a processor","peak_gflops_1":100,"peak_gflops_2":200}`)
	fake(t, dir, "nadir", `{"kernel":"avx2","us_per_step_min":200,"us_min":100,"us_p50":10,"us_p99":25,`+
		`"ops":[{"op":"matmul [8 8]","layer":"dense","us":60,"gflops":10},{"op":"mul sub [8 8]","layer":"optimizer","us":30,"gflops":null},{"op":"relu [8 8]","layer":"dense","us":10,"gflops":null}]}`)
	fake(t, dir, "gemm_peer", `{"us_min":150}`)
	net, err := bench.Find("plain")
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{peers: dir, ours: filepath.Join(dir, "nadir"), out: filepath.Join(dir, "out.md"), rounds: 1,
		nets: []string{"plain"}, batches: []string{"10"}, rules: []string{"sgd"}, threads: []string{"1"}, parts: []string{"train", "gemm", "infer", "losses"}}
	if err := c.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(c.out)
	if err != nil {
		t.Fatal(err)
	}
	floor := net.Flops * 10 / 100 / 1e3
	for _, want := range []string{
		"Machine: a processor", "avx2 kernels", "100.0 GFLOP/s on one thread, 200.0 on two",
		"| plain | 10 | sgd | 1 | 200 | – | – | " + micros(floor) + " | " + percent(floor, 200) + " |",
		"| 1024×1024×1024 nn | 1 | 100 | 150 | 1.50 |", "| chapter | 1 | 10.0 | – |", "| 2.50 | – |", "## Left out",
		"| plain | 10 | 100 | " + percent(floor, 100) + " | " + percent(60-floor, 100) + " | 30 % | – | 10 % | 200 | 50 % |", "torch_train.py",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	c.parts = []string{"trian"}
	if err := c.run(context.Background()); err == nil {
		t.Error("a part that is not there was taken")
	}
	c.peers = t.TempDir()
	if err := c.run(context.Background()); err == nil {
		t.Error("there was no peak, and no error")
	}
}

// The best of several rounds is the smallest that was measured.
func TestBetter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOf(rapid.Float64Range(0, 1e6)).Draw(t, "times")
		best, want := 0.0, 0.0
		for _, v := range times {
			best = better(best, v)
			if v > 0 && (want == 0 || v < want) {
				want = v
			}
		}
		if best != want {
			t.Fatalf("the best of %v is %v, want %v", times, best, want)
		}
	})
	var out bytes.Buffer
	(&comparison{}).report(&out)
	if !strings.HasPrefix(out.String(), "# Results\n") {
		t.Errorf("a report of nothing is\n%s", out.String())
	}
}
