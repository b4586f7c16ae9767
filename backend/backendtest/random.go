package backendtest

import (
	"bytes"
	"math"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// testRandom asks that random numbers follow from seed, step and stream alone,
// and that they look random.
func testRandom(t *testing.T, b backend.Backend) {
	const n = 40_000
	draw := func(t *testing.T, float tensor.DType, seed, step uint64) map[string][]byte {
		g := graph.New()
		for _, layer := range []string{"one", "two"} {
			g.SetPath(layer)
			g.Output(layer+" uniform", g.Uniform(n))
			g.Output(layer+" normal", g.Normal(n))
		}
		in := backend.Inputs{Seed: seed, Step: step}
		p := run(t, b, g, backend.Options{Float: float, Threads: int(seed)%2 + 1}, in)
		got := map[string][]byte{}
		for _, o := range g.Outputs() {
			got[o.Name] = bytes.Clone(p.Output(o.Name).Bytes())
		}
		return got
	}
	t.Run("key", func(t *testing.T) {
		t.Parallel()
		first, again := draw(t, tensor.Float32, 7, 1), draw(t, tensor.Float32, 7, 1)
		step, seed, high := draw(t, tensor.Float32, 7, 2), draw(t, tensor.Float32, 8, 1), draw(t, tensor.Float32, 7+1<<40, 1)
		for name := range first {
			if !bytes.Equal(first[name], again[name]) {
				t.Errorf("%s: equal seed and step gave different numbers", name)
			}
			if bytes.Equal(first[name], step[name]) {
				t.Errorf("%s: another step gave the same numbers", name)
			}
			if bytes.Equal(first[name], seed[name]) || bytes.Equal(first[name], high[name]) {
				t.Errorf("%s: another seed gave the same numbers", name)
			}
		}
		if bytes.Equal(first["one uniform"], first["two uniform"]) || bytes.Equal(first["one normal"], first["two normal"]) {
			t.Error("two layers drew the same numbers")
		}
	})
	t.Run("moments", func(t *testing.T) {
		t.Parallel()
		got := draw(t, tensor.Float64, 7, 1)
		for _, c := range []struct {
			name            string
			mean, dev, kurt float64 // kurt is the fourth central moment over dev⁴
		}{{"uniform", 0.5, math.Sqrt(1. / 12), 1.8}, {"normal", 0, 1, 3}} {
			one, two := view(got["one "+c.name]), view(got["two "+c.name])
			var m1, m2, m4, cross float64
			for i, v := range one {
				d := (v - c.mean) / c.dev
				m1, m2, m4 = m1+d/n, m2+d*d/n, m4+d*d*d*d/n
				cross += d * (two[i] - c.mean) / c.dev / n
				if c.name == "uniform" && (v < 0 || v >= 1) {
					t.Fatalf("uniform number %v lies outside [0, 1)", v)
				}
			}
			// Five standard errors of each estimate, the largest of which is the
			// fourth moment's, √(96/n) for normal numbers.
			se := 5 / math.Sqrt(n)
			if math.Abs(m1) > se || math.Abs(m2-1) > 1.5*se || math.Abs(m4-c.kurt) > 10*se || math.Abs(cross) > se {
				t.Errorf("%s: standardized moments 1, 2, 4 are %.4f %.4f %.4f, correlation of two streams %.4f", c.name, m1, m2, m4, cross)
			}
		}
	})
	t.Run("place", func(t *testing.T) {
		t.Parallel()
		g := graph.New()
		g.SetPath("one")
		g.Output("y", g.Uniform(100))
		in := backend.Inputs{Seed: 7, Step: 1}
		got := run(t, b, g, backend.Options{Float: tensor.Float64}, in).Output("y").Float64s()
		all := view(draw(t, tensor.Float64, 7, 1)["one uniform"])
		for i, v := range got {
			if v != all[i] {
				t.Fatalf("number %d of a shorter tensor in a smaller graph is %v, was %v", i, v, all[i])
			}
		}
	})
}

func view(raw []byte) []float64 {
	t, err := tensor.Wrap(tensor.Float64, raw, len(raw)/8)
	if err != nil {
		panic("backendtest: " + err.Error())
	}
	return t.Float64s()
}
