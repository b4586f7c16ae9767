package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

const (
	steps = 100 // of a sequence
	rows  = 4000
	batch = 50
)

func main() {
	epochs := flag.Int("epochs", 40, "epochs of 80 steps of training")
	seed := flag.Uint64("seed", 1, "seed of weights and data")
	flag.Parse()
	if err := run(os.Stdout, *seed, *epochs); err != nil {
		fmt.Fprintln(os.Stderr, "adding:", err)
		os.Exit(1)
	}
}

// run prints the verdict and the error of each epoch.
func run(w io.Writer, seed uint64, epochs int) error {
	verdict, err := signal(seed)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "before the first step: %s\nmean squared error of each epoch, 1/6 being chance\n", verdict)
	for _, clip := range []float64{0, 1} {
		fmt.Fprintf(w, "clipnorm=%g\n", clip)
		errors, err := learn(seed, epochs, clip)
		for _, e := range errors {
			fmt.Fprintf(w, "  %.4g\n", e)
		}
		if err != nil {
			fmt.Fprintln(w, " ", err)
		}
	}
	return nil
}

// model is the net.
func model() nn.Sequential {
	return nn.Sequential{
		nn.SimpleRNN{Units: 64, Act: act.ReLU{}, Init: initial.RandomNormal{Stddev: 0.05}, RecurrentInit: initial.Identity{Gain: 1.06}},
		nn.Dense{Units: 1},
	}
}

// sequences makes its rows anew in each epoch.
func sequences() data.Source {
	schema := data.Schema{
		Inputs:  []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{steps, 2}}},
		Targets: []data.Field{{Name: "y", DType: tensor.Float32, Shape: tensor.Shape{1}}},
	}
	return data.Generated(schema, rows, func(dst *data.Batch, idx []int32, seed uint64, epoch int) error {
		key := rng.Key(seed, "adding/"+strconv.Itoa(epoch))
		for k, i := range idx {
			r := rng.New(key, uint64(i))
			x := dst.X[0].Float32s()[k*steps*2 : (k+1)*steps*2]
			for t := range steps {
				x[2*t], x[2*t+1] = float32(r.Float64()), 0
			}
			a, b := r.IntN(steps/2), steps/2+r.IntN(steps/2)
			x[2*a+1], x[2*b+1] = 1, 1
			dst.Y[0].Float32s()[k] = x[2*a] + x[2*b]
		}
		return nil
	})
}

func config(seed uint64, clip float64) train.Config {
	return train.Config{
		Data: sequences().Schema(), Loss: loss.MSE{}, Seed: seed, Metrics: []train.Metric{},
		Optim: optim.Optimizer{Rule: optim.Adam{LR: 0.001}, ClipNorm: clip},
	}
}

// signal is what diag says of the net before its first step.
func signal(seed uint64) (string, error) {
	n, err := train.NewNet(model(), nil, config(seed, 0))
	if err != nil {
		return "", err
	}
	r, err := diag.Measure(context.Background(), n, diag.Options{Rows: 50, Seed: seed, SkipJacobian: true})
	if err != nil {
		return "", err
	}
	return fmt.Sprint(r.Verdict()), nil
}

// learn is the mean error of each epoch of training, as far as it comes.
func learn(seed uint64, epochs int, clip float64) (errors []float64, err error) {
	tr, err := train.New(model(), config(seed, clip))
	if err != nil {
		return nil, err
	}
	defer tr.Close()
	for step, err := range tr.Steps(context.Background(), train.Run{Train: sequences(), Batch: batch, Epochs: epochs}) {
		if err != nil {
			return errors, err
		}
		if step.Done != nil {
			mean, _ := step.Train.Get("loss")
			errors = append(errors, mean)
		}
	}
	return errors, nil
}
