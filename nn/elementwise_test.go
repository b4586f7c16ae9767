package nn_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// numbered are the functions as package math has them.
var numbered = map[string]func(x ...float64) float64{
	"abs": func(x ...float64) float64 { return math.Abs(x[0]) }, "floor": func(x ...float64) float64 { return math.Floor(x[0]) }, "ceil": func(x ...float64) float64 { return math.Ceil(x[0]) },
	"round": func(x ...float64) float64 { return math.RoundToEven(x[0]) }, "log": func(x ...float64) float64 { return math.Log(x[0]) }, "log1p": func(x ...float64) float64 { return math.Log1p(x[0]) },
	"expm1": func(x ...float64) float64 { return math.Expm1(x[0]) }, "erf": func(x ...float64) float64 { return math.Erf(x[0]) }, "sin": func(x ...float64) float64 { return math.Sin(x[0]) },
	"cos": func(x ...float64) float64 { return math.Cos(x[0]) }, "tan": func(x ...float64) float64 { return math.Tan(x[0]) }, "sinh": func(x ...float64) float64 { return math.Sinh(x[0]) },
	"cosh": func(x ...float64) float64 { return math.Cosh(x[0]) }, "atanh": func(x ...float64) float64 { return math.Atanh(x[0]) },
	"sign": func(x ...float64) float64 { return truth(x[0] > 0) - truth(x[0] < 0) }, "not": func(x ...float64) float64 { return truth(x[0] == 0) },
	"pow": func(x ...float64) float64 { return math.Pow(x[0], x[1]) }, "greater": func(x ...float64) float64 { return truth(x[0] > x[1]) }, "greater_equal": func(x ...float64) float64 { return truth(x[0] >= x[1]) },
	"less": func(x ...float64) float64 { return truth(x[0] < x[1]) }, "less_equal": func(x ...float64) float64 { return truth(x[0] <= x[1]) }, "equal": func(x ...float64) float64 { return truth(x[0] == x[1]) },
	"not_equal": func(x ...float64) float64 { return truth(x[0] != x[1]) }, "and": func(x ...float64) float64 { return truth(x[0] != 0 && x[1] != 0) }, "or": func(x ...float64) float64 { return truth(x[0] != 0 || x[1] != 0) },
	"xor": func(x ...float64) float64 { return truth((x[0] != 0) != (x[1] != 0)) }, "select": func(x ...float64) float64 { return map[bool]float64{true: x[1], false: x[2]}[x[0] != 0] },
}

// TestElementwise holds each function to package math's, and the text of an unknown one names all.
func TestElementwise(t *testing.T) {
	t.Parallel()
	err := nn.Elementwise{Function: "lgo"}.Validate()
	if err == nil {
		t.Fatal("there is a function lgo")
	}
	_, list, _ := strings.Cut(err.Error(), "there are ")
	for _, name := range strings.Split(list, ", ") {
		if numbered[name] == nil {
			t.Errorf("%s is not held to anything", name)
		}
	}
	arity := map[string]int{"select": 3, "pow": 2, "greater": 2, "greater_equal": 2, "less": 2, "less_equal": 2, "equal": 2, "not_equal": 2, "and": 2, "or": 2, "xor": 2}
	some := []float64{-2.5, -1.5, -1, -0.75, -0.5, -1e-9, 0, 1e-9, 0.25, 0.5, 1, 1.5, 2.5, 3}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(strings.Split(list, ", ")).Draw(t, "function")
		g := graph.New()
		in, xs := map[string]*tensor.Tensor{}, []*tensor.Tensor{}
		var nodes []graph.Node
		for i := range max(1, arity[name]) {
			x := tensor.New(tensor.Float64, 2, 3)
			for k := range x.Len() {
				x.SetFlat(k, rapid.SampledFrom(some).Draw(t, "number"))
			}
			key := fmt.Sprint("x", i)
			in[key], xs = x, append(xs, x)
			nodes = append(nodes, g.Input(key, graph.Float, 2, 3))
		}
		y := param.NewScope(g, param.NewSet(tensor.Float64), param.Options{}).SubFunc("l", nn.Elementwise{Function: name}, nodes, func(s *nn.Scope) graph.Node {
			return nn.Elementwise{Function: name}.Join(s, nodes)
		})
		g.Output("y", y)
		if err := g.Err(); err != nil {
			t.Fatal(err)
		}
		plan, err := cpu.New().Compile(g, backend.Options{Float: tensor.Float64})
		if err != nil {
			t.Fatal(err)
		}
		defer plan.Close()
		if err := plan.Run(context.Background(), backend.Inputs{Values: in}); err != nil {
			t.Fatal(err)
		}
		for k := range xs[0].Len() {
			var at []float64
			for _, x := range xs {
				at = append(at, x.Flat(k))
			}
			got, want := plan.Output("y").Flat(k), numbered[name](at...)
			if math.IsNaN(want) && math.IsNaN(got) || got == want {
				continue
			}
			near(t, fmt.Sprint(name, at), got, want)
		}
	})
	if len(numbered) != len(strings.Split(list, ", ")) {
		t.Errorf("%d functions are held to package math, of %d", len(numbered), len(strings.Split(list, ", ")))
	}
}

// TestGroupNorm holds groups of channels to their definition.
func TestGroupNorm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		groups, wide := rapid.IntRange(1, 3).Draw(t, "groups"), rapid.IntRange(1, 3).Draw(t, "channels of a group")
		n, places, c := rapid.IntRange(1, 3).Draw(t, "rows"), rapid.IntRange(1, 4).Draw(t, "places"), groups*wide
		x := tensor.New(tensor.Float64, n, places, c)
		noise(x, fmt.Sprint("groups", n, places, c))
		y, set, err := predict(nn.GroupNorm{Groups: groups, Epsilon: 1e-5}, x)
		if err != nil {
			t.Fatal(err)
		}
		gamma, beta := set.Value("l/gamma"), set.Value("l/beta")
		for r := range n {
			for g := range groups {
				var in []float64
				for p := range places {
					for k := range wide {
						in = append(in, x.Flat((r*places+p)*c+g*wide+k))
					}
				}
				mean, variance := 0.0, 0.0
				for _, v := range in {
					mean += v / float64(len(in))
				}
				for _, v := range in {
					variance += (v - mean) * (v - mean) / float64(len(in))
				}
				for i, v := range in {
					ch := g*wide + i%wide
					near(t, "a number", y.Flat((r*places+i/wide)*c+ch), (v-mean)/math.Sqrt(variance+1e-5)*gamma.Flat(ch)+beta.Flat(ch))
				}
			}
		}
	})
	if _, _, err := predict(nn.GroupNorm{Groups: 2}, tensor.New(tensor.Float64, 1, 2, 3)); err == nil || !strings.Contains(err.Error(), "3 channels do not divide into 2 groups") {
		t.Error(err)
	}
}

// TestArgMax holds which is the largest to a loop; many numbers are equal.
func TestArgMax(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shape := tensor.Shape{2, rapid.IntRange(1, 4).Draw(t, "rows"), rapid.IntRange(1, 4).Draw(t, "columns")}
		axis, last := rapid.IntRange(1, 2).Draw(t, "axis"), rapid.Bool().Draw(t, "last")
		x := tensor.New(tensor.Float64, shape...)
		for i := range x.Len() {
			x.SetFlat(i, float64(rapid.IntRange(0, 2).Draw(t, "number")))
		}
		y, _, err := predict(nn.ArgMax{Axis: axis, Last: last}, x)
		if err != nil {
			t.Fatal(err)
		}
		inner := shape[axis+1:].Len()
		for i := range y.Len() {
			outer, in := i/inner, i%inner
			best := 0
			for k := range shape[axis] {
				v, most := x.Flat((outer*shape[axis]+k)*inner+in), x.Flat((outer*shape[axis]+best)*inner+in)
				if v > most || last && v == most {
					best = k
				}
			}
			near(t, "the place", y.Flat(i), float64(best))
		}
	})
}
