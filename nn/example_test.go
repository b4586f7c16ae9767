package nn_test

import (
	"fmt"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// outline prints the layers of a model for samples of the given shapes.
func outline(m nn.Model, samples ...tensor.Shape) {
	var in []graph.Type
	for _, s := range samples {
		in = append(in, graph.Type{Kind: graph.Float, Shape: s})
	}
	sum, err := nn.Summarize(m, in, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range sum.Rows {
		fmt.Println(r.Name, r.Inputs, r.Output, r.Params)
	}
}

// A model is a slice of layers: cutting it is slicing, and a new head is append.
func ExampleSequential() {
	model := nn.Sequential{
		nn.Flatten{},
		nn.Dense{Units: 300, Act: act.ELU{}, Name: "hidden1"},
		nn.Dense{Units: 100, Act: act.ELU{}, Name: "hidden2"},
		nn.Dense{Units: 10},
	}
	next := append(model[:2:2], nn.Dense{Units: 5, Name: "head"})
	outline(next, tensor.Shape{28, 28})
	// Output:
	// flatten [input] [784] 0
	// hidden1 [flatten] [300] 235500
	// head [hidden1] [5] 1505
}

// Two towers with the same weights, and a residual path.
func ExampleFunctional() {
	model := nn.Functional{
		In: []nn.Port{{Name: "a"}, {Name: "b"}},
		Layers: []nn.Entry{
			{Layer: nn.Dense{Units: 4, Name: "tower"}, Inputs: []string{"a"}},
			{Share: "tower", Name: "other", Inputs: []string{"b"}},
			{Layer: nn.Add{Name: "sum"}, Inputs: []string{"tower", "other"}},
			{Layer: nn.Dense{Units: 4, Act: act.ReLU{}, Name: "deeper"}},
			{Layer: nn.Add{Name: "residual"}, Inputs: []string{"sum", "deeper"}},
		},
	}
	outline(model, tensor.Shape{3}, tensor.Shape{3})
	// Output:
	// tower [a] [4] 16
	// other [b] [4] 0
	// sum [tower other] [4] 0
	// deeper [sum] [4] 20
	// residual [sum deeper] [4] 0
}

// The distance of two embeddings by the same layers, in plain Go.
func ExampleFunc() {
	model := nn.Func{
		In: []nn.Port{{Name: "a"}, {Name: "b"}}, Out: []nn.Port{{Name: "distance"}},
		Build: func(s *nn.Scope, in []graph.Node) []graph.Node {
			embed := s.Share("embed", nn.Dense{Units: 2})
			return []graph.Node{embed(in[0]).Sub(embed(in[1])).Square().Sum(-1).Sqrt()}
		},
	}
	outline(model, tensor.Shape{3}, tensor.Shape{3})
	// Output:
	// embed [a] [2] 8
	// embed [b] [2] 0
}

// Scaled is a layer of one's own: a factor of each feature that is learned.
type Scaled struct{ Name string }

func (Scaled) Apply(s *nn.Scope, x graph.Node) graph.Node {
	return x.Mul(s.Weight("scale", initial.Ones{}, x.Dim(-1)))
}

func ExampleLayer() {
	set := param.NewSet(tensor.Float32)
	b := graph.New()
	nn.Sequential{Scaled{}, Scaled{Name: "again"}}.Trace(
		param.NewScope(b, set, param.Options{}), []graph.Node{b.Input("x", graph.Float, 8, 3)})
	for p := range set.All() {
		fmt.Println(p.Name, p.Value.Shape())
	}
	// Output:
	// Scaled/scale [3]
	// again/scale [3]
}

// A model and its text are the same thing.
func ExampleDecode() {
	text, err := spec.ParseJSON("model.json", []byte(`["flatten", {"dense": {"units": 300, "activation": "elu"}}, {"dense": {"units": 10}}]`))
	if err != nil {
		fmt.Println(err)
		return
	}
	model, err := nn.Decode(text)
	fmt.Printf("%T %v\n", model, err)
	back, err := nn.Encode(model)
	fmt.Printf("%s %v\n", back.JSON(), err)
	// Output:
	// nn.Sequential <nil>
	// ["flatten",{"dense":{"units":300,"activation":"elu"}},{"dense":{"units":10}}] <nil>
}

func ExampleSummarize() {
	sum, err := nn.Summarize(nn.Sequential{nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 10, Act: act.ReLU{}}},
		[]graph.Type{{Kind: graph.Float, Shape: tensor.Shape{28, 28}}}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range sum.Rows {
		fmt.Printf("%s %v %d %q\n", r.Name, r.Output, r.Params, r.Init)
	}
	fmt.Println(nn.Thousands(sum.Params), "parameters,", nn.Thousands(sum.Trainable), "trainable")
	// Output:
	// flatten [784] 0 ""
	// batch_normalization [784] 3136 ""
	// dense [10] 7850 "he_normal"
	// 10,986 parameters, 9,418 trainable
}

// Each row is normalized by itself.
func ExampleLayerNorm() {
	b := graph.New()
	s := param.NewScope(b, param.NewSet(tensor.Float64), param.Options{})
	b.Output("y", nn.LayerNorm{Epsilon: nn.Zero}.Apply(s, b.Input("x", graph.Float, 2, 4)))
	r, err := graphtest.Compile(b, s.Params())
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Set("x", 1, 1, 3, 3, 100, 300, 100, 300)
	if err := r.Step(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Output("y"))
	// Output: [-1 -1 1 1 -1 1 -1 1]
}

// Axis 1 has numbers of its own, which axis 2 shares.
func ExampleAffine() {
	b := graph.New()
	s := param.NewScope(b, param.NewSet(tensor.Float64), param.Options{})
	l := nn.Affine{Axes: []int{1}, GammaInit: initial.Constant{Value: 2}, BetaInit: initial.Constant{Value: 1}}
	y := l.Apply(s, b.Input("x", graph.Float, 1, 2, 3))
	fmt.Println(y.Shape())
	for p := range s.Params().All() {
		fmt.Println(p.Name, p.Value.Float64s())
	}
	// Output:
	// [1 2 3]
	// gamma [2 2]
	// beta [1 1]
}

// The noise has the variance of dropout's factors.
func ExampleGaussianDropout_Deviation() {
	for _, rate := range []float64{0.1, 0.2, 0.5} {
		fmt.Printf("%.3f\n", nn.GaussianDropout{Rate: rate}.Deviation())
	}
	// Output:
	// 0.333
	// 0.500
	// 1.000
}

// For prediction, batch normalization becomes part of the dense layers beside it.
func ExampleFold() {
	m := nn.Sequential{
		nn.Flatten{}, nn.BatchNorm{}, nn.Dense{Units: 8, Act: act.ELU{}}, nn.BatchNorm{}, nn.Dense{Units: 3},
	}
	params := param.NewSet(tensor.Float32)
	b := graph.New()
	m.Apply(param.NewScope(b, params, param.Options{}), b.Input("x", graph.Float, 1, 2, 2))
	folded, _, err := nn.Fold(m, params)
	fmt.Println(len(m), "layers become", len(folded), err)
	outline(folded, tensor.Shape{2, 2})
	// Output:
	// 5 layers become 3 <nil>
	// flatten [input] [4] 0
	// dense [flatten] [8] 40
	// dense_1 [dense] [3] 27
}
