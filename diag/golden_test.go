package diag_test

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/param"
)

// The names in the reference values.
var (
	goldenActs = map[string]act.Activation{
		"logistic": act.Sigmoid{}, "tanh": act.Tanh{}, "relu": act.ReLU{}, "leaky_relu_0.01": act.LeakyReLU{Slope: 0.01},
		"leaky_relu_0.2": act.LeakyReLU{Slope: 0.2}, "elu": act.ELU{}, "selu": act.SELU{},
	}
	goldenInits = map[string]param.Init{
		"normal1": initial.RandomNormal{Stddev: 1}, "unif_sqrtn": initial.RandomUniform{Min: -0.1, Max: 0.1},
		"glorot": untruncated(1), "he": untruncated(2), "lecun": untruncated(1), "glorot4": untruncated(16),
	}
)

// goldenVerdicts are those of every net of an activation and an initializer,
// ten layers deep or fifty: as the reference's grid has them, and for what is not
// in the grid by its gradient factor.
var goldenVerdicts = map[string]string{
	"logistic normal1": "saturated",
	"tanh normal1":     "exploding+saturated", "tanh glorot4": "exploding+saturated",
	"tanh glorot": "healthy", "tanh he": "healthy", "tanh lecun": "healthy",
	"relu he": "healthy", "leaky_relu_0.01 he": "healthy", "leaky_relu_0.2 he": "healthy",
	"elu he": "healthy", "elu glorot": "healthy", "elu lecun": "healthy",
	"selu glorot": "healthy", "selu lecun": "healthy", "selu he": "mismatch",
}

// goldenVerdict is the verdict on a net that the table does not have.
func goldenVerdict(a, init string) string {
	if v, ok := goldenVerdicts[a+" "+init]; ok {
		return v
	}
	if init == "normal1" || init == "glorot4" && a != "logistic" {
		return "exploding"
	}
	return "vanishing"
}

// Every net of the reference values has their spread, saturation, gradient
// factor and verdict. One seed of ours is compared with the mean of ten of theirs, whose
// deviation is known from ten alone: it is taken as the largest of neighbouring
// layers.
func TestGolden(t *testing.T) {
	t.Parallel()
	cases := golden.Load(t, "signal").Of("signal_propagation")
	if len(cases) != 84 {
		t.Fatalf("%d cases, want 84", len(cases))
	}
	var mu sync.Mutex
	held := 0
	t.Cleanup(func() { t.Logf("%d cases held", held) })
	for i, c := range cases {
		depth := int(c.Number(0, "depth"))
		if testing.Short() && (depth > 10 || i%3 != 0) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			a, init := goldenActs[c.Text("activation")], goldenInits[c.Text("init")]
			n := fresh(t, plain(a, init, depth, 100), uint64(i), 100)
			if _, err := n.Params.Freeze("*"); err != nil { // no step is wanted, only the flow
				t.Fatal(err)
			}
			r := measure(t, n, diag.Options{Seed: uint64(i), SkipJacobian: true})
			std, sat := make([]float64, depth), make([]float64, depth)
			for l, y := range r.Layers {
				std[l], sat[l] = y.Std, y.Saturated
			}
			within(t, "std", std, c.Want(t, "act_std_mean").Data, c.Want(t, "act_std_sd").Data)
			mean, sd := c.Want(t, "saturation_mean").Data, c.Want(t, "saturation_sd").Data
			for l := range sat {
				near(t, fmt.Sprint("saturated share of layer ", l+1), sat[l], mean[l], 5*slices.Max(around(sd, l))*math.Sqrt(1+1./10)+1e-3)
			}
			ratio, spread := c.Want(t, "grad_log10_mean").Data[0], c.Want(t, "grad_log10_sd").Data[0]
			near(t, "log10 of the gradients' ratio", float64(depth)*math.Log10(r.GradFactor), ratio, 5*spread*math.Sqrt(1+1./10)+1e-3)
			if got, want := verdicts(r), goldenVerdict(c.Text("activation"), c.Text("init")); got != want {
				t.Errorf("verdict is %s, want %s: %s", got, want, r.Cure)
			}
			mu.Lock()
			held++
			mu.Unlock()
		})
	}
}

// within compares logarithms, since the deviation of what grows layer by layer
// is of the size of its mean.
func within(t *testing.T, what string, got, mean, sd []float64) {
	t.Helper()
	rel := make([]float64, len(sd))
	for l := range sd {
		rel[l] = sd[l] / mean[l]
	}
	for l := range mean {
		if tol := 5*slices.Max(around(rel, l))*math.Sqrt(1+1./10) + 1e-3; !(math.Abs(math.Log(got[l]/mean[l])) <= tol) {
			t.Errorf("%s of layer %d is %.6g, want %.6g within a factor of e^%.2g", what, l+1, got[l], mean[l], tol)
		}
	}
}

// around is the values of a layer and of two on either side.
func around(x []float64, l int) []float64 { return x[max(0, l-2):min(len(x), l+3)] }
