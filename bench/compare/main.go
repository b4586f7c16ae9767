// Compare times this library and others on one machine, in turns, and
// writes what it found:
//
//	go run ./bench/compare -peers ../shared/peers -out bench/RESULTS.md
//
// The peers are the small programs of a folder that its README describes: peak,
// gemm_peer, torch_train.py and ort_latency.js. They are run as they are; peak and
// gemm_peer must have been built there. What cannot be run is left out, and the
// report says so.
//
// Every case is measured in rounds: ours, then the peer, and so on, each in a
// process of its own. The best window of all rounds counts on both sides. The
// floor of a case is its net's smallest arithmetic over the f32 peak that the peer
// peak measured in the same run; an Adam step is given one pass over weights,
// gradient and slots besides, at the bandwidth that a copy of as many bytes
// reaches.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	c := &comparison{best: map[string]float64{}}
	var nets, batches, rules, threads, parts string
	flag.StringVar(&c.peers, "peers", "../shared/peers", "folder of the peers")
	flag.StringVar(&c.out, "out", "bench/RESULTS.md", "file to write")
	flag.StringVar(&c.ours, "nadir", "", "a built command; without, it is built")
	flag.StringVar(&nets, "nets", "chapter,plain,deep,wide,ae,lenet", "nets to train")
	flag.StringVar(&batches, "batches", "32,128,512", "sizes of a batch")
	flag.StringVar(&rules, "optim", "sgd,momentum,adam", "rules")
	flag.StringVar(&threads, "threads", "1,2", "numbers of threads")
	flag.StringVar(&parts, "parts", "train,gemm,infer,losses", "what is compared, and with losses where a step's time goes")
	flag.StringVar(&c.note, "note", "", "what a reader of the report should know of this run")
	flag.Float64Var(&c.seconds, "seconds", 1, "seconds a process measures")
	flag.IntVar(&c.rounds, "rounds", 2, "rounds of each case")
	flag.Parse()
	c.nets, c.batches, c.rules, c.threads, c.parts = split(nets), split(batches), split(rules), split(threads), split(parts)
	if err := c.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// run measures everything and writes the report.
func (c *comparison) run(ctx context.Context) error {
	if c.ours == "" {
		dir, err := os.MkdirTemp("", "compare")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		c.ours = filepath.Join(dir, "nadir")
		build := exec.CommandContext(ctx, "go", "build", "-o", c.ours, "./cmd/nadir")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	c.started = time.Now()
	if err := c.machine(ctx); err != nil {
		return err
	}
	for _, p := range c.parts {
		switch p {
		case "train":
			c.train(ctx)
		case "gemm":
			c.gemm(ctx)
		case "infer":
			c.infer(ctx)
		case "losses":
			c.lose(ctx)
		default:
			return fmt.Errorf("no part is named %q; there are train, gemm, infer and losses", p)
		}
	}
	f, err := os.Create(c.out)
	if err != nil {
		return err
	}
	c.report(f)
	return f.Close()
}
