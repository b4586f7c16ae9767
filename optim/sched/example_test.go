package sched_test

import (
	"fmt"

	"github.com/nadir-ml/nadir/optim/sched"
	"github.com/nadir-ml/nadir/spec"
)

// show prints a schedule and its rate at the start, a quarter, a half and the
// end of 20 epochs of 10 steps.
func show(s sched.Schedule) {
	fmt.Println(s)
	for _, step := range []int{0, 50, 100, 199} {
		fmt.Printf("%.4f ", s.At(sched.Point{Step: step, StepsPerEpoch: 10, Epochs: 20, LR: 0.1}))
	}
	fmt.Println()
}

func ExampleSchedule() {
	var s sched.Schedule
	if err := spec.Decode(spec.Str("1cycle"), &s); err != nil {
		fmt.Println(err)
	}
	fmt.Println(s)
	// Output: max/25 to max = η₀ in 0.3 of the run, then to max/250000; momentum 0.95 to 0.85 and back
}

func ExamplePoint() {
	p := sched.Point{Step: 57, StepsPerEpoch: 10, Epochs: 20}
	fmt.Println(p.Epoch(), p.Steps())
	// Output: 5 200
}

func ExampleUnit() {
	fmt.Println(sched.PerStep, sched.PerEpoch)
	// Output: step epoch
}

func ExampleConstant() {
	show(sched.Constant{})
	// Output:
	// η₀
	// 0.1000 0.1000 0.1000 0.1000
}

func ExampleExponential() {
	show(sched.Exponential{Length: 20, Per: sched.PerEpoch})
	// Output:
	// η₀·0.1^(t/s), s = 20 epochs
	// 0.1000 0.0562 0.0316 0.0112
}

func ExamplePower() {
	show(sched.Power{Length: 100})
	// Output:
	// η₀/(1 + 1·t/s)^1, s = 100 steps
	// 0.1000 0.0667 0.0500 0.0334
}

func ExamplePiecewise() {
	show(sched.Piecewise{Boundaries: []float64{5, 15}, Values: []float64{0.01, 0.005, 0.001}, Per: sched.PerEpoch})
	// Output:
	// 0.01 to epoch 5, 0.005 to epoch 15, then 0.001
	// 0.0100 0.0100 0.0050 0.0010
}

func ExampleMultiStep() {
	show(sched.MultiStep{Milestones: []float64{5, 15}, Per: sched.PerEpoch})
	// Output:
	// η₀·0.1^k after k of epoch 5, 15
	// 0.1000 0.0100 0.0100 0.0010
}

func ExamplePolynomial() {
	show(sched.Polynomial{End: 0.01})
	// Output:
	// (η₀ − 0.01)·(1 − t/s)^1 + 0.01, s = the run
	// 0.1000 0.0775 0.0550 0.0105
}

func ExampleCosine() {
	show(sched.Cosine{})
	// Output:
	// η₀·(1·½(1 + cos πt/s) + 0), s = the run
	// 0.1000 0.0854 0.0500 0.0000
}

func ExampleCosineRestarts() {
	show(sched.CosineRestarts{First: 40})
	// Output:
	// cosine from η₀ to 0·η₀ in 40 steps, then again 2 times as long and 1 times as high
	// 0.1000 0.0962 0.0146 0.0510
}

func ExampleWarmup() {
	show(sched.Warmup{Length: 100, Then: sched.Cosine{}})
	// Output:
	// 0·η₀ to η₀ in 100 steps, then η₀·(1·½(1 + cos πt/s) + 0), s = the run
	// 0.0000 0.0500 0.1000 0.0000
}

func ExampleCyclic() {
	show(sched.Cyclic{Up: 50})
	// Output:
	// up to η₀ from a tenth of that in 50 steps and as long down, each cycle 1 times as high
	// 0.0100 0.1000 0.0100 0.0118
}

func ExampleOneCycle() {
	show(sched.OneCycle{Max: 0.05})
	// Output:
	// max/25 to max = 0.05 in 0.3 of the run, then to max/250000; momentum 0.95 to 0.85 and back
	// 0.0020 0.0473 0.0401 0.0000
}

func ExamplePlateau() {
	s := sched.Plateau{Factor: 0.5, Patience: 2}
	p := sched.Point{LR: 0.1}
	for _, loss := range []float64{1, 0.8, 0.9, 0.85, 0.7} {
		fmt.Printf("%.3f ", s.At(p))
		p.State = s.Observe(p, loss)
	}
	fmt.Println()
	// Output: 0.100 0.100 0.100 0.100 0.050
}

func ExampleAdaptive() {
	var s sched.Schedule = sched.Plateau{}
	if a, ok := s.(sched.Adaptive); ok {
		fmt.Println(a.Monitored())
	}
	// Output: val/loss
}

func ExampleState() {
	s := sched.Plateau{}.Observe(sched.Point{LR: 0.1}, 2.5)
	fmt.Println(s.LR, s.Best, s.Wait)
	// Output: 0.1 2.5 0
}

func ExampleCycled() {
	var s sched.Schedule = sched.OneCycle{}
	if c, ok := s.(sched.Cycled); ok {
		fmt.Println(c.Momentum(sched.Point{Epochs: 10}))
	}
	// Output: 0.95
}
