// Runtime times a model's predictions here and in onnxruntime, in turns, on one core:
//
//	npm install --ignore-scripts onnxruntime-node
//	go run ./bench/runtime -ort . model.safetensors
//
// The model, of any format that describes a network, is written as ONNX for it. Each turn
// is a window of so many batches; the best window counts on both sides. The results of
// both are compared as well. It prints one line of JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/nadir-ml/nadir/format"
	_ "github.com/nadir-ml/nadir/format/all"
	"github.com/nadir-ml/nadir/format/onnx"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

func main() {
	home := flag.String("ort", ".", "folder whose node_modules hold onnxruntime-node")
	batch := flag.Int("batch", 32, "rows of a batch")
	turns := flag.Int("turns", 8, "turns of each")
	runs := flag.Int("runs", 8, "batches of a window")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: runtime [-ort FOLDER] [-batch N] MODEL")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *home, *batch, *turns, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "runtime:", err)
		os.Exit(1)
	}
}

// script answers each line with the seconds of a window, and first with the results.
const script = `
const ort = require(process.argv[1] + "/node_modules/onnxruntime-node");
const [, , model, dims, runs] = process.argv;
(async () => {
  const s = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: "all" });
  const shape = JSON.parse(dims), n = shape.reduce((a, b) => a * b);
  const x = new ort.Tensor("float32", Float32Array.from({ length: n }, (_, i) => ((i * 7919 + 13) % 1009) / 504 - 1), shape);
  const feeds = { [s.inputNames[0]]: x };
  console.log(JSON.stringify(Array.from((await s.run(feeds))[s.outputNames[0]].data)));
  for await (const _ of require("readline").createInterface({ input: process.stdin })) {
    const t = process.hrtime.bigint();
    for (let i = 0; i < +runs; i++) await s.run(feeds);
    console.log(Number(process.hrtime.bigint() - t) / 1e9);
  }
})();
`

func run(path, home string, batch, turns, runs int) error {
	f, err := format.OpenFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	m, _, err := f.Import(format.Options{})
	if err != nil {
		return err
	}
	if len(m.Data.Inputs) != 1 {
		return fmt.Errorf("%s has %d inputs, want one", path, len(m.Data.Inputs))
	}
	dir, err := os.MkdirTemp("", "runtime")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "model.onnx")
	if err := format.WriteFile(file, func(w io.Writer) error { _, err := onnx.Write(w, m); return err }); err != nil {
		return err
	}
	shape := append(tensor.Shape{batch}, m.Data.Inputs[0].Shape...)
	x := tensor.New(tensor.Float32, shape...)
	for i := range x.Len() {
		x.SetFlat(i, float64((i*7919+13)%1009)/504-1)
	}
	if dt := m.Data.Inputs[0].DType; dt != tensor.Float32 {
		x = x.Convert(dt)
	}
	set := train.Config{Data: m.Data, Preprocess: m.Preprocess, Float: m.Params.Float(), Threads: 1, Losses: map[string]train.OutputLoss{}}
	for _, o := range m.Losses {
		set.Losses[o.Name] = train.OutputLoss{Loss: o.Loss, Weight: o.Weight}
	}
	net, err := train.NewNet(m.Net, m.Params, set)
	if err != nil {
		return err
	}
	defer net.Close()
	ctx := context.Background()
	p, err := net.Predictor(batch)
	if err != nil {
		return err
	}
	defer p.Close()
	ys := p.Outputs()
	predict := func() error { return p.Predict(ctx, ys, []*tensor.Tensor{x}) }
	if err := predict(); err != nil {
		return err
	}
	want := ys[0].Clone()

	dims, err := json.Marshal(shape)
	if err != nil {
		return err
	}
	if home, err = filepath.Abs(home); err != nil {
		return err
	}
	cmd := exec.Command("node", "-e", script, home, file, string(dims), fmt.Sprint(runs))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	defer in.Close()
	lines := bufio.NewReaderSize(out, 1<<20)
	answer := func(into any) error {
		line, err := lines.ReadString('\n')
		if err != nil {
			return fmt.Errorf("onnxruntime gave no answer: %w", err)
		}
		return json.Unmarshal([]byte(strings.TrimSpace(line)), into)
	}
	var got []float64
	if err := answer(&got); err != nil {
		return err
	}
	if len(got) != want.Len() {
		return fmt.Errorf("onnxruntime gives %d numbers, want %d", len(got), want.Len())
	}
	apart := 0.0
	for i, g := range got {
		apart = max(apart, math.Abs(g-want.Flat(i)))
	}
	ours, theirs := math.Inf(1), math.Inf(1)
	for range turns {
		start := time.Now()
		for range runs {
			if err := predict(); err != nil {
				return err
			}
		}
		ours = min(ours, time.Since(start).Seconds())
		if _, err := io.WriteString(in, "\n"); err != nil {
			return err
		}
		var s float64
		if err := answer(&s); err != nil {
			return err
		}
		theirs = min(theirs, s)
	}
	per := 1e3 / float64(runs)
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"model": path, "batch": batch, "ours_ms": ours * per, "onnxruntime_ms": theirs * per, "ratio": ours / theirs, "apart": apart})
}
