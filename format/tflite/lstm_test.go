package tflite

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
)

// TestLSTM holds the fused LSTM, with peepholes and a projection, to its definition.
func TestLSTM(t *testing.T) {
	t.Parallel()
	const steps, in, units, width = 3, 2, 4, 2
	for bits := range 8 {
		holes, projects, cuts := bits&1 > 0, bits&2 > 0, bits&4 > 0
		out := units
		if projects {
			out = width
		}
		values := []made{{name: "x", shape: []int{1, steps, in}}}
		w := map[string][]float64{}
		op := step{code: 44, in: slices.Repeat([]int{-1}, 24), options: []int{4, 0, 0, 0}}
		put := func(at int, name string, shape ...int) {
			n := 1
			for _, d := range shape {
				n *= d
			}
			v := formattest.Numbers(at, n)
			for i := range v {
				v[i] = float64(float32(v[i]))
			}
			op.in[at] = len(values)
			values, w[name] = append(values, f4(name, v, shape...)), v
		}
		op.in[0] = 0
		for g, name := range []string{"i", "f", "c", "o"} {
			put(1+g, "w"+name, units, in)
			put(5+g, "r"+name, units, out)
			put(12+g, "b"+name, units)
			if holes && g != 2 {
				put(map[int]int{0: 9, 1: 10, 3: 11}[g], "p"+name, units)
			}
		}
		if projects {
			put(16, "projection", out, units)
		}
		if cuts {
			op.options[1] = float(0.25)
			if projects {
				op.options[2] = float(0.125)
			}
		}
		for i, n := range []int{out, units} {
			op.in[18+i] = len(values)
			values = append(values, made{name: fmt.Sprint("state", i), shape: []int{1, n}})
		}
		op.out = []int{len(values)}
		values = append(values, made{name: "y", shape: []int{1, steps, out}})
		m, _ := formattest.Import(t, write(t, t.TempDir(), graphOf(values, op.out, op)), format.Options{})
		x := formattest.Rows(2, -1, 1, steps, in)
		y := formattest.Predict(t, m, x)
		sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
		h, c := make([]float64, out), make([]float64, units)
		for s := range steps {
			cell, made := make([]float64, units), make([]float64, units)
			for u := range units {
				z := func(g string, seen float64) float64 {
					sum := w["b"+g][u]
					for k := range in {
						sum += w["w"+g][u*in+k] * x.At(0, s, k)
					}
					for k := range h {
						sum += w["r"+g][u*out+k] * h[k]
					}
					if holes && g != "c" {
						sum += w["p"+g][u] * seen
					}
					return sum
				}
				cell[u] = sigmoid(z("f", c[u]))*c[u] + sigmoid(z("i", c[u]))*math.Tanh(z("c", 0))
				if cuts {
					cell[u] = max(-0.25, min(0.25, cell[u]))
				}
				made[u] = sigmoid(z("o", cell[u])) * math.Tanh(cell[u])
			}
			if c, h = cell, made; projects {
				h = make([]float64, out)
				for j := range h {
					for u := range units {
						h[j] += w["projection"][j*units+u] * made[u]
					}
					if cuts {
						h[j] = max(-0.125, min(0.125, h[j]))
					}
				}
			}
			for j, v := range h {
				if d := math.Abs(y.At(0, s, j) - v); !(d < 1e-5) {
					t.Errorf("peepholes %v, projection %v, cut %v: step %d, number %d is %g, want %g", holes, projects, cuts, s, j, y.At(0, s, j), v)
				}
			}
		}
	}
}
