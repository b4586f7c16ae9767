package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/nadir-ml/nadir/internal/kernel"
)

// allowed is how many units in the last place a result may be off.
const allowed = 2

// A function is measured: its kernel and what float64 says. near is the exact value of
// what need not be computed, for most float32 are tiny or huge.
type function struct {
	name  string
	run   func(dst, a []float32)
	exact func(x float64) float64
	near  func(x float64) (y float64, ok bool)
}

var functions = []function{
	{"exp", kernel.Exp[float32], math.Exp, func(x float64) (float64, bool) {
		switch {
		case x > 100:
			return math.Inf(1), true
		case x < -120:
			return 0, true
		}
		return 1 + x + x*x/2, math.Abs(x) < 0x1p-18
	}},
	{"log", kernel.Log[float32], math.Log, func(x float64) (float64, bool) { return math.NaN(), x < 0 }},
	{"tanh", kernel.Tanh[float32], math.Tanh, func(x float64) (float64, bool) {
		if a := math.Abs(x); a > 30 {
			return math.Copysign(1, x), true
		}
		return x - x*x*x/3, math.Abs(x) < 0x1p-14
	}},
	{"sigmoid", kernel.Sigmoid[float32], func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, func(x float64) (float64, bool) {
		switch {
		case x > 60:
			return 1, true
		case x < -120:
			return 0, true
		}
		return 0.5 + x/4 - x*x*x/48, math.Abs(x) < 0x1p-10
	}},
}

func main() {
	name := flag.String("function", "", "the only one to measure")
	family := flag.String("family", "", "the only family of kernels to measure")
	every := flag.Uint64("every", 1, "take every so many numbers")
	flag.Parse()
	if err := run(os.Stdout, *name, *family, *every); err != nil {
		fmt.Fprintln(os.Stderr, "ulp:", err)
		os.Exit(1)
	}
}

// run prints a table and fails where a result is off by more than is allowed.
func run(w io.Writer, name, family string, every uint64) error {
	if every == 0 {
		return fmt.Errorf("-every 0: want 1 or more")
	}
	found := false
	var failed error
	fmt.Fprintln(w, "| function | family | numbers | worst, ulp | of | hash of all results |\n|---|---|---|---|---|---|")
	for _, f := range functions {
		for _, k := range kernel.Families() {
			if name != "" && f.name != name || family != "" && k != family {
				continue
			}
			found = true
			if err := kernel.Use(k); err != nil {
				return err
			}
			r := f.measure(every)
			fmt.Fprintf(w, "| %s | %s | %d | %.3f | %g | %016x |\n", f.name, k, r.n, r.worst, r.at, r.hash)
			if !(r.worst <= allowed) && failed == nil {
				failed = fmt.Errorf("%s of %g is off by %g units in the last place under %s, more than %d", f.name, r.at, r.worst, k, allowed)
			}
		}
	}
	if !found {
		return fmt.Errorf("there is no function %q of a family %q", name, family)
	}
	return failed
}

// An outcome is what was measured of one function.
type outcome struct {
	n     uint64
	worst float64
	at    float32
	hash  uint64 // FNV-1a, word by word
}

func (f *function) measure(every uint64) outcome {
	const block = 1 << 14
	x, y := make([]float32, 0, block), make([]float32, block)
	r := outcome{hash: 0xcbf29ce484222325}
	for b := uint64(0); b < 1<<32; {
		for x = x[:0]; len(x) < block && b < 1<<32; b += every {
			x = append(x, math.Float32frombits(uint32(b)))
		}
		f.run(y[:len(x)], x)
		for i, v := range x {
			got := y[i]
			bits := math.Float32bits(got)
			if got != got {
				bits = 0x7FC00000 // whichever NaN
			}
			r.hash = (r.hash ^ uint64(bits)) * 0x100000001b3
			want, ok := f.near(float64(v))
			if !ok {
				want = f.exact(float64(v))
			}
			if got == float32(want) || got != got && want != want {
				continue
			}
			if u := ulps(got, want); !(u <= r.worst) {
				r.worst, r.at = u, v
			}
		}
		r.n += uint64(len(x))
	}
	return r
}

// ulps is the distance from got to the exact value, in units of float32's last place
// there.
func ulps(got float32, exact float64) float64 {
	w := float32(exact)
	if got != got || w != w || math.IsInf(float64(got), 0) || math.IsInf(float64(w), 0) {
		return math.Inf(1)
	}
	_, e := math.Frexp(exact)
	return math.Abs(float64(got)-exact) / math.Ldexp(1, max(e-24, -149))
}
