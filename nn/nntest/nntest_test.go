package nntest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/nn/nntest"
	"github.com/nadir-ml/nadir/tensor"
)

// Scale is a layer as a user of the library writes it: a learned factor of each
// feature.
type Scale struct {
	Bound float64 `spec:"bound"`
	Name  string  `spec:"name"`
}

func init() {
	nn.Layers.Register("test_scale", Scale{})
	nn.Layers.Register("test_forgetful", forgetful{})
}

func (l Scale) Apply(s *nn.Scope, x graph.Node) graph.Node {
	if !x.Valid() {
		return x
	}
	if x.Rank() < 2 {
		return s.B.Fail("wants features, got %v", x.Type())
	}
	y := x.ToFloat().Mul(s.Weight("scale", initial.Ones{}, x.Dim(-1)))
	if l.Bound > 0 {
		y = y.Scale(1 / l.Bound).Tanh().Scale(l.Bound)
	}
	return y
}

func TestScale(t *testing.T) {
	t.Parallel()
	nntest.Layer(t, Scale{})
	nntest.Layer(t, Scale{Bound: 3, Name: "bounded"}, tensor.Shape{2, 3})
}

// made is a layer in plain Go.
type made func(s *nn.Scope, x graph.Node) graph.Node

func (f made) Apply(s *nn.Scope, x graph.Node) graph.Node { return f(s, x) }

// forgetful does not write its field.
type forgetful struct {
	Factor float64 `spec:"-"`
}

func (l forgetful) Apply(_ *nn.Scope, x graph.Node) graph.Node { return x.ToFloat().Scale(l.Factor) }

// recorder is a test that keeps what it is told.
type recorder struct {
	testing.TB
	told []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Error(args ...any) { r.told = append(r.told, fmt.Sprint(args...)) }
func (r *recorder) Errorf(text string, args ...any) {
	r.told = append(r.told, fmt.Sprintf(text, args...))
}
func (r *recorder) Fatalf(text string, args ...any) { r.Errorf(text, args...); runtime.Goexit() }

func suite(l nn.Layer, samples ...tensor.Shape) string {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		nntest.Layer(r, l, samples...)
	}()
	<-done
	return strings.Join(r.told, "\n")
}

// TestFaults gives the suite layers that each have one fault.
func TestFaults(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]nn.Layer{
		"gradient of element 0": made(func(_ *nn.Scope, x graph.Node) graph.Node {
			return x.ToFloat().Sub(x.ToFloat().StopGradient()).Scale(-0.3).Add(x.ToFloat().Square())
		}),
		"its prediction is random": made(func(s *nn.Scope, x graph.Node) graph.Node {
			return x.ToFloat().Add(s.B.Uniform(x.Shape()...))
		}),
		"1 updates at prediction": made(func(s *nn.Scope, x graph.Node) graph.Node {
			n := s.Stat("count", initial.Zeros{})
			s.B.Update(n, n.AddScalar(1))
			return x.ToFloat()
		}),
		"1 updates while it is frozen": made(func(s *nn.Scope, x graph.Node) graph.Node {
			n := s.Stat("count", initial.Zeros{})
			if s.Training() {
				s.B.Update(n, n.AddScalar(1))
			}
			return x.ToFloat()
		}),
		"panics: runtime error: slice bounds": made(func(_ *nn.Scope, x graph.Node) graph.Node {
			_ = x.Shape()[1:]
			return x.ToFloat()
		}),
		`declares ["under_test/w3 weight []"], at first`: made(func(s *nn.Scope, x graph.Node) graph.Node {
			if !x.Valid() {
				return x
			}
			return x.ToFloat().Mul(s.Weight(fmt.Sprint("w", x.Dim(0)), initial.Ones{}))
		}),
		"in training on 2 rows of [[5]]: declares": made(func(s *nn.Scope, x graph.Node) graph.Node {
			if s.Training() {
				x = x.ToFloat().Add(s.Weight("w", initial.Ones{}))
			}
			return x.ToFloat()
		}),
		"want floats whose first axis is the batch's": made(func(_ *nn.Scope, x graph.Node) graph.Node { return x.ToFloat().Mean(0) }),
		"a sample gives [10], at first [5]": made(func(_ *nn.Scope, x graph.Node) graph.Node {
			if x.Valid() && x.Dim(0) == 1 {
				return graph.Concat(-1, x, x)
			}
			return x
		}),
		"the result is invalid, and no error says why": made(func(*nn.Scope, graph.Node) graph.Node { return graph.Node{} }),
		"on an invalid node": made(func(s *nn.Scope, x graph.Node) graph.Node {
			if !x.Valid() {
				return s.B.Fail("what is this?")
			}
			return x.ToFloat()
		}),
		"it computes something else": forgetful{2},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			if told := suite(l); !strings.Contains(told, want) {
				t.Errorf("told %q, want %q", told, want)
			}
		})
	}
	if told := suite(act.ELU{}, tensor.Shape{2}, tensor.Shape{2}); !strings.Contains(told, "takes one input") {
		t.Errorf("of two inputs for one, told %q", told)
	}
}

// TestAnyShape finds no fault in a sound layer, whatever its samples are.
func TestAnyShape(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		sample := tensor.Shape(rapid.SliceOfN(rapid.IntRange(1, 3), 1, 3).Draw(rt, "sample"))
		if told := suite(nn.Dense{Units: rapid.IntRange(1, 3).Draw(rt, "units")}, sample); told != "" {
			rt.Fatal(told)
		}
	})
}
