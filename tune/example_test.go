package tune_test

import (
	"context"
	"fmt"
	"log"
	"math"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/train"
	"github.com/nadir-ml/nadir/tune"
)

// Which activation? Five folds each, the same for both.
func Example() {
	images, _ := digits.New(42, 400, 0)
	recipe := func(a act.Activation) tune.Recipe {
		return tune.Recipe{
			Model:  nn.Sequential{nn.Flatten{}, nn.Dense{Units: 20, Act: a}, nn.Dense{Units: 20, Act: a}, nn.Dense{Units: 10}},
			Config: train.Config{Optim: optim.Optimizer{Rule: optim.SGD{LR: 0.05}}},
			Run:    train.Run{Batch: 20, Epochs: 4},
		}
	}
	report, err := tune.Study{
		Candidates: []tune.Candidate{
			recipe(act.Sigmoid{}).Candidate("sigmoid", images),
			recipe(act.ELU{}).Candidate("elu", images),
		},
		Folds: 5, Seeds: []uint64{42}, Metric: "accuracy", Target: math.NaN(),
	}.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("best:", report.Best().Name)
	fmt.Println("and that is no chance:", report.Pair("elu", "sigmoid").Real())
	// Output:
	// best: elu
	// and that is no chance: true
}

// Two ways to train on the same ten folds.
func ExamplePaired() {
	a := []float64{0.91, 0.93, 0.92, 0.94, 0.90, 0.92, 0.93, 0.91, 0.92, 0.93}
	b := []float64{0.90, 0.93, 0.90, 0.93, 0.90, 0.90, 0.92, 0.91, 0.91, 0.91}
	plain, corrected := tune.Paired(a, b, 0), tune.Paired(a, b, 1.0/9)
	fmt.Printf("a paired t-test: %.4f, p = %.4f\n", plain.Mean, plain.P)
	fmt.Printf("corrected for folds that share rows: [%.4f, %.4f], p = %.4f\n", corrected.Lo, corrected.Hi, corrected.P)
	// Output:
	// a paired t-test: 0.0100, p = 0.0038
	// corrected for folds that share rows: [0.0015, 0.0185], p = 0.0258
}

// Ten rows in three folds.
func ExampleFolds() {
	folds, err := tune.Folds(10, 3, nil, 42)
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range folds {
		fmt.Println("held out:", len(f), "trained on:", len(tune.Rest(10, f)))
	}
	// Output:
	// held out: 4 trained on: 6
	// held out: 3 trained on: 7
	// held out: 3 trained on: 7
}
