package pretrain

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend/gradcheck"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// filled is numbers that lie evenly between −1 and 1, in disorder.
func filled(scale float64, shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float64, shape...)
	for i := range t.Len() {
		t.SetFlat(i, scale*(float64(i*37%61)/30-1))
	}
	return t
}

// inputs declares tensors as inputs of a graph.
func inputs(b *graph.Builder, ts map[string]*tensor.Tensor) map[string]graph.Node {
	out := map[string]graph.Node{}
	for name, t := range ts {
		out[name] = b.Input(name, graph.KindOf(t.DType()), t.Shape()...)
	}
	return out
}

// evaluate runs a graph on its inputs.
func evaluate(t rapid.TB, ts map[string]*tensor.Tensor, build func(in map[string]graph.Node) map[string]graph.Node) map[string][]float64 {
	b := graph.New()
	out := build(inputs(b, ts))
	for name, x := range out {
		b.Output(name, x)
	}
	r, err := graphtest.Compile(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range ts {
		r.Set(name, graphtest.Floats(x)...)
	}
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	values := map[string][]float64{}
	for name := range out {
		values[name] = r.Output(name)
	}
	return values
}

// TestFreeEnergy draws machines and holds the free energy to its definition, the
// sum over all hidden states; and log Z to a sum over all visible ones.
func TestFreeEnergy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		visible, hidden := rapid.IntRange(1, 5).Draw(t, "visible"), rapid.IntRange(1, 4).Draw(t, "hidden")
		gaussian := rapid.Bool().Draw(t, "gaussian")
		draw := func(name string, shape ...int) *tensor.Tensor {
			n := tensor.Shape(shape).Len()
			return tensor.Of(rapid.SliceOfN(rapid.Float64Range(-2, 2), n, n).Draw(t, name), shape...)
		}
		v := States(visible, tensor.Float64)
		if gaussian {
			v = draw("v", 3, visible)
		}
		n := v.Shape()[0]
		ts := map[string]*tensor.Tensor{"W": draw("W", visible, hidden), "a": draw("a", visible), "b": draw("b", hidden), "v": v, "states": States(hidden, tensor.Float64)}
		got := evaluate(t, ts, func(in map[string]graph.Node) map[string]graph.Node {
			m := RBM{in["W"], in["a"], in["b"], gaussian}
			out := map[string]graph.Node{"free": m.FreeEnergy(in["v"]), "z": m.LogPartition(in["states"])}
			for k := range 1 << hidden {
				h := in["states"].Slice(0, k, k+1).BroadcastTo(n, hidden)
				out[fmt.Sprint("energy", k)] = m.Energy(in["v"], h)
			}
			return out
		})
		z := 0.0
		for i := range n {
			sum := 0.0
			for k := range 1 << hidden {
				sum += math.Exp(-got[fmt.Sprint("energy", k)][i])
			}
			z += sum
			if want := -math.Log(sum); math.Abs(got["free"][i]-want) > 1e-9*(1+math.Abs(want)) {
				t.Fatalf("F(v_%d) = %g, want %g", i, got["free"][i], want)
			}
		}
		if want := math.Log(z); !gaussian && math.Abs(got["z"][0]-want) > 1e-9*(1+math.Abs(want)) {
			t.Fatalf("log Z = %g, want %g", got["z"][0], want)
		}
	})
}

// TestGaussianPartition integrates over one visible unit, whose density is smooth.
func TestGaussianPartition(t *testing.T) {
	t.Parallel()
	const steps, reach = 4000, 20.0
	v := tensor.New(tensor.Float64, steps, 1)
	for i := range steps {
		v.SetFlat(i, reach*(2*(float64(i)+0.5)/steps-1))
	}
	ts := map[string]*tensor.Tensor{"W": filled(1.3, 1, 3), "a": filled(0.7, 1), "b": filled(1, 3), "v": v, "states": States(3, tensor.Float64)}
	got := evaluate(t, ts, func(in map[string]graph.Node) map[string]graph.Node {
		m := RBM{in["W"], in["a"], in["b"], true}
		return map[string]graph.Node{"p": m.FreeEnergy(in["v"]).Neg().Exp().Sum(), "z": m.LogPartition(in["states"])}
	})
	if want := math.Log(got["p"][0] * 2 * reach / steps); math.Abs(got["z"][0]-want) > 1e-9 {
		t.Errorf("log Z = %.12g, integrated %.12g", got["z"][0], want)
	}
}

// TestDivergence holds the gradient to the difference of two means that it stands
// for, of chains that belong to the rows and of some that do not.
func TestDivergence(t *testing.T) {
	t.Parallel()
	for _, gaussian := range []bool{false, true} {
		for _, chains := range []int{4, 7} {
			ts := map[string]*tensor.Tensor{"W": filled(0.5, 5, 3), "a": filled(1, 5), "b": filled(0.3, 3), "v": filled(1, 4, 5), "end": filled(0.8, chains, 5)}
			got := evaluate(t, ts, func(in map[string]graph.Node) map[string]graph.Node {
				m := RBM{in["W"], in["a"], in["b"], gaussian}
				v, end := in["v"], in["end"]
				g := graph.Grad(m.Divergence(v, end).Mean(), []graph.Node{m.Kernel, m.VisibleBias, m.Bias})
				mean := func(x graph.Node) graph.Node {
					return x.Transpose().MatMul(m.Hidden(x)).Scale(1 / float64(x.Dim(0)))
				}
				return map[string]graph.Node{
					"W": g[0], "W=": mean(end).Sub(mean(v)),
					"a": g[1], "a=": end.Mean(0).Sub(v.Mean(0)),
					"b": g[2], "b=": m.Hidden(end).Mean(0).Sub(m.Hidden(v).Mean(0)),
				}
			})
			for _, name := range []string{"W", "a", "b"} {
				for i, v := range got[name] {
					if want := got[name+"="][i]; math.Abs(v-want) > 1e-12 {
						t.Errorf("gaussian %t, %d chains: ∂%s[%d] = %g, want %g", gaussian, chains, name, i, v, want)
					}
				}
			}
		}
	}
}

// TestGradients compares with central differences in float64.
func TestGradients(t *testing.T) {
	t.Parallel()
	w, a, b, v := filled(0.5, 4, 3), filled(1, 4), filled(0.3, 3), filled(0.4, 5, 4)
	flip := tensor.New(tensor.Float64, 5, 4)
	for i := range 5 {
		flip.SetFlat(i*4+i%4, 1)
	}
	for _, gaussian := range []bool{false, true} {
		machine := func(x []graph.Node) RBM { return RBM{x[0], x[1], x[2], gaussian} }
		gradcheck.Check(t, func(_ *graph.Builder, x []graph.Node) graph.Node { return machine(x).FreeEnergy(x[3]) }, w, a, b, v)
		gradcheck.Check(t, func(_ *graph.Builder, x []graph.Node) graph.Node { return machine(x).Energy(x[3], x[4]) }, w, a, b, v, filled(1, 5, 3))
		gradcheck.Check(t, func(_ *graph.Builder, x []graph.Node) graph.Node { return machine(x).LogPartition(x[3]) }, w, a, b, States(3, tensor.Float64))
	}
	gradcheck.Check(t, func(_ *graph.Builder, x []graph.Node) graph.Node {
		return RBM{x[0], x[1], x[2], false}.PseudoLikelihood(x[3], x[4])
	}, w, a, b, v, flip)
	code := tensor.New(tensor.Float64, 4, 3)
	for i := range code.Len() {
		code.SetFlat(i, 0.05+0.07*float64(i))
	}
	gradcheck.Check(t, func(_ *graph.Builder, x []graph.Node) graph.Node { return sparsity(x[0], 0.1) }, code)
}

// TestSparsity is 0 where the means are ρ, and Σ KL elsewhere.
func TestSparsity(t *testing.T) {
	t.Parallel()
	got := evaluate(t, map[string]*tensor.Tensor{"x": tensor.Of([]float64{0.2, 0, 0.4, 1}, 2, 2), "y": tensor.Of([]float64{0.1, 0.5, 0.5, 0.1}, 2, 2)},
		func(in map[string]graph.Node) map[string]graph.Node {
			return map[string]graph.Node{"x": sparsity(in["x"], 0.3), "y": sparsity(in["y"], 0.3)}
		})
	want := 0.3*math.Log(0.3/0.5) + 0.7*math.Log(0.7/0.5)
	if math.Abs(got["x"][0]-want) > 1e-12 || math.Abs(got["y"][0]) > 1e-12 {
		t.Errorf("%v, want %g and 0", got, want)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	if s := States(2, tensor.Float32); s.String() == "" || fmt.Sprint(graphtest.Floats(s)) != "[0 0 1 0 0 1 1 1]" {
		t.Errorf("states %v", s)
	}
	if States(21, tensor.Float32) != nil || States(-1, tensor.Float32) != nil {
		t.Error("more than 20 units have no list of states")
	}
}

// FuzzState reads any text as the state of a checkpoint.
func FuzzState(f *testing.F) {
	for _, s := range []string{`{"version":1,"parts":"1 rbm hidden1; ","trainer":true,"part":0,"steps":3,"history":[]}`, `{"version":1,"part":-1}`, `{`, `{"version":1,"history":[{"stage":1,"train":{"loss":null}}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseState(text)
		if err == nil && (s.Part < 0 || s.Steps < 0 || s.Version != stateVersion) {
			t.Errorf("%q is read as %+v", text, s)
		}
	})
}

// FuzzDecode reads any text as stages.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`[{"kind":"rbm","layers":"hidden*","epochs":3,"lr":0.1,"data":{"name":"mnist"}}]`, `"autoencoder"`, `[{"kind":"auxiliary","task":"jigsaw","tiles":3}]`,
		`{"kind":"denoising","noise":"gaussian","noise_level":2,"optim":{"name":"sgd","momentum":0.5}}`, `[]`, `[[1]]`, `[{"kind":{"name":"rbm"}}]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := spec.ParseJSON("stages", []byte(text))
		if err != nil {
			return
		}
		list, err := Decode(v)
		if err == nil && v.Kind != spec.Null && len(list) == 0 {
			t.Errorf("%q is no error and no stage", text)
		}
		for _, s := range list {
			if err := s.(interface{ Validate() error }).Validate(); err != nil {
				t.Errorf("%q is read, but %v", text, err)
			}
		}
	})
}
