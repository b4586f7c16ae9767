package loss

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/backend/gradcheck"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

func variants(t testing.TB) []Loss {
	out := []Loss{
		CrossEntropy{Smoothing: 0.1}, CrossEntropy{Probabilities: true}, BinaryCrossEntropy{Smoothing: 0.1, PosWeight: 2.5},
		BinaryCrossEntropy{Probabilities: true}, Huber{0.5}, SmoothL1{0.5}, MultiMargin{2}, KLDivergence{Log: true},
		Poisson{Log: true}, Poisson{Epsilon: spec.Zero}, CategoricalFocal{Gamma: 3}, BinaryFocal{Balanced: true},
		MarginRanking{0.3}, Triplet{Squared: true}, Triplet{Epsilon: 1e-6}, Contrastive{3}, CosineEmbedding{0.2},
	}
	for _, name := range Registry.Names() {
		l, err := Registry.New(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

// inputs is a prediction and a target that a loss makes sense of.
func inputs(l Loss) (pred, target *tensor.Tensor) {
	shape := []int{4, 3}
	switch l.(type) {
	case MarginRanking:
		shape = []int{4, 2}
	case Triplet:
		shape = []int{4, 3, 5}
	case Contrastive, CosineEmbedding:
		shape = []int{4, 2, 5}
	case TripletHard:
		shape = []int{5, 3}
	}
	pred = tensor.New(tensor.Float64, shape...)
	for i := range pred.Len() {
		pred.SetFlat(i, 0.11+0.8*float64(i*17%31)/31) // between 0 and 1, off every kink
	}
	switch l.(type) {
	case MarginRanking, Contrastive, CosineEmbedding:
		return pred, tensor.Of([]float64{1, 0, 1, 0}, 4)
	case TripletHard:
		return pred, tensor.Of([]int32{0, 1, 0, 1, 2}, 5)
	case Hinge:
		return pred, tensor.Of([]float64{1, -1, 0, 1, 1, -1, 0, 0, 1, -1, -1, 1}, 4, 3)
	}
	return pred, tensor.Of([]float64{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0}, 4, 3)
}

func TestGradients(t *testing.T) {
	t.Parallel()
	for _, l := range variants(t) {
		pred, target := inputs(l)
		if _, ok := l.(MSLE); ok {
			for i := range target.Len() {
				target.SetFlat(i, target.Flat(i)+0.5)
			}
		}
		t.Run(Registry.NameOf(l), func(t *testing.T) {
			b := graph.New()
			x, y := b.Input("pred", graph.Float, pred.Shape()...), b.Input("target", graph.KindOf(target.DType()), target.Shape()...)
			gradcheck.Graph(t, l.Apply(x, y), map[string]*tensor.Tensor{"pred": pred, "target": target}, x)
		})
	}
}

// evaluate is a loss of tensors, and its gradient with respect to the
// prediction.
func evaluate(t rapid.TB, l Loss, pred, target *tensor.Tensor) (loss, grad []float64) {
	b := graph.New()
	x := b.Input("pred", graph.Float, pred.Shape()...)
	y := l.Apply(x, b.Input("target", graph.KindOf(target.DType()), target.Shape()...))
	b.Output("loss", y)
	b.Output("grad", graph.Grad(y.Sum(), []graph.Node{x})[0])
	r, err := graphtest.Compile(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Set("pred", graphtest.Floats(pred)...)
	r.Set("target", graphtest.Floats(target)...)
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	return r.Output("loss"), r.Output("grad")
}

// The losses on classes are finite for every logit, int labels mean what
// one-hot ones do, and a softmax or sigmoid at the end of the model changes
// nothing.
func TestLogits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 5).Draw(t, "classes")
		n := rapid.IntRange(1, 4).Draw(t, "examples")
		logits := tensor.Of(rapid.SliceOfN(rapid.Float64Range(-1e4, 1e4), n*k, n*k).Draw(t, "logits"), n, k)
		labels, rows := tensor.New(tensor.Int32, n), tensor.New(tensor.Float64, n, k)
		for i := range n {
			label := rapid.IntRange(0, k-1).Draw(t, "label")
			labels.SetFlat(i, float64(label))
			rows.SetFlat(i*k+label, 1)
		}
		column, err := labels.Reshape(n, 1)
		if err != nil {
			t.Fatal(err)
		}
		s := rapid.Float64Range(0, 0.9).Draw(t, "smoothing")
		for _, l := range []Loss{CrossEntropy{}, CrossEntropy{Smoothing: s}, CategoricalFocal{}} {
			sparse, ds := evaluate(t, l, logits, labels)
			dense, dd := evaluate(t, l, logits, rows)
			again, _ := evaluate(t, l, logits, column)
			same(t, sparse, dense)
			same(t, sparse, again)
			same(t, ds, dd)
		}
		for _, l := range []Loss{BinaryCrossEntropy{}, BinaryCrossEntropy{Smoothing: s, PosWeight: 2}, BinaryFocal{}} {
			same(t, first(evaluate(t, l, logits, rows)), first(evaluate(t, l, logits, rows.Convert(tensor.Int32))))
		}
		for _, c := range []struct {
			l   Loss
			end func(graph.Node) graph.Node
		}{
			{CrossEntropy{}, graph.Node.Softmax}, {CategoricalFocal{}, graph.Node.Softmax},
			{BinaryCrossEntropy{}, graph.Node.Sigmoid}, {BinaryFocal{}, graph.Node.Sigmoid},
		} {
			b := graph.New()
			x, y := b.Input("x", graph.Float, n, k), b.Input("y", graph.Float, n, k)
			if c.l.Apply(x, y) != c.l.Apply(c.end(x), y) {
				t.Fatalf("%#v differs after its own last op", c.l)
			}
			if Predict(c.l, x) != c.end(x) || Predict(c.l, c.end(x)) != c.end(x) {
				t.Fatalf("%#v predicts something else", c.l)
			}
		}
	})
}

// What a softmax or sigmoid made is known to be that after its rows are put another way.
func TestReshapedProbabilities(t *testing.T) {
	t.Parallel()
	b := graph.New()
	x := b.Input("x", graph.Float, 2, 3, 4)
	flat, label, yes := x.Reshape(6, 4), b.Input("label", graph.Int, 2, 3), b.Input("yes", graph.Float, 2, 3, 4)
	p, q := flat.Softmax().Reshape(2, 3, 4), flat.Sigmoid().Reshape(2, 3, 4)
	for _, c := range []struct {
		l            Loss
		pred, target graph.Node
	}{{CrossEntropy{}, p, label}, {CategoricalFocal{}, p, label}, {BinaryCrossEntropy{}, q, yes}, {BinaryFocal{}, q, yes}} {
		if c.l.Apply(c.pred, c.target) != c.l.Apply(flat.Reshape(2, 3, 4), c.target) {
			t.Errorf("%T takes probabilities for logits", c.l)
		}
		if _, ok := c.l.(Predictor); ok && Predict(c.l, c.pred) != c.pred {
			t.Errorf("%T makes probabilities of probabilities", c.l)
		}
	}
	if mixed := x.Softmax().Reshape(2, 12).Reshape(2, 4, 3); Predict(CrossEntropy{}, mixed) == mixed {
		t.Error("what is no longer a row of probabilities is taken for one")
	}
	if err := b.Err(); err != nil {
		t.Error(err)
	}
}

func first(x, _ []float64) []float64 { return x }

func same(t rapid.TB, a, b []float64) {
	t.Helper()
	for i := range a {
		if math.IsNaN(a[i]) || math.IsInf(a[i], 0) || math.Abs(a[i]-b[i]) > 1e-9*(1+math.Abs(a[i])) {
			t.Fatalf("%v is not %v", a, b)
		}
	}
}

func TestPredict(t *testing.T) {
	t.Parallel()
	b := graph.New()
	x := b.Input("x", graph.Float, 2, 3)
	for _, c := range []struct {
		l    Loss
		want graph.Node
	}{
		{MSE{}, x}, {NLL{}, x.Exp()}, {Poisson{}, x}, {Poisson{Log: true}, x.Exp()},
		{CrossEntropy{Probabilities: true}, x}, {BinaryCrossEntropy{Probabilities: true}, x}, {nil, x},
	} {
		if got := Predict(c.l, x); got != c.want {
			t.Errorf("%#v predicts %s, want %s", c.l, got.Op().Name, c.want.Op().Name)
		}
	}
}

// Where two embeddings meet, the gradient is 0, not NaN.
func TestMeetingEmbeddings(t *testing.T) {
	t.Parallel()
	for _, l := range []Loss{Triplet{}, Contrastive{}, CosineEmbedding{}, Triplet{Squared: true}} {
		shape := []int{2, 3, 4}
		if _, ok := l.(Triplet); !ok {
			shape[1] = 2
		}
		_, grad := evaluate(t, l, tensor.New(tensor.Float64, shape...), tensor.Of([]float64{1, 0}, 2))
		for _, g := range grad {
			if g != 0 {
				t.Fatalf("%#v: gradient %v", l, grad)
			}
		}
	}
}

func TestExtraAxis(t *testing.T) {
	t.Parallel()
	p := tensor.Of([]float64{1, 2, 3}, 3, 1)
	want, _ := evaluate(t, MSE{}, p, tensor.Of([]float64{1, 1, 1}, 3, 1))
	for _, target := range []*tensor.Tensor{tensor.Of([]float64{1, 1, 1}, 3), tensor.Of([]int32{1, 1, 1}, 3, 1), tensor.Of([]int32{1, 1, 1}, 3)} {
		got, _ := evaluate(t, MSE{}, p, target)
		same(t, got, want)
	}
	flat, err := p.Reshape(3)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := evaluate(t, MSE{}, flat, tensor.Of([]float64{1, 1, 1}, 3, 1))
	same(t, got, want)
	// Axes between the batch and the classes are averaged over.
	seq, _ := evaluate(t, CrossEntropy{}, tensor.New(tensor.Float64, 2, 5, 4), tensor.New(tensor.Int32, 2, 5))
	same(t, seq, []float64{math.Log(4), math.Log(4)})
}

func TestShapesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for _, l := range variants(t) {
		b := graph.New()
		y := l.Apply(b.Input("p", graph.Float, 4, 7, 2, 3), b.Input("t", graph.Float, 5))
		if y.Valid() || b.Err() == nil || !strings.Contains(b.Err().Error(), "want") && !strings.Contains(b.Err().Error(), "equal") {
			t.Errorf("%#v of shapes that do not fit: %v", l, b.Err())
		}
		if n := strings.Count(b.Err().Error(), "\n"); n > 0 {
			t.Errorf("%#v: one mistake gives %d errors: %v", l, n+1, b.Err())
		}
		b = graph.New()
		if y := l.Apply(graph.Node{}, b.Input("t", graph.Float, 5)); y.Valid() || b.Err() != nil {
			t.Errorf("%#v of nothing: %v", l, b.Err())
		}
	}
	b := graph.New()
	if (CrossEntropy{}).Apply(b.Input("p", graph.Float, 4), b.Input("t", graph.Int, 4)); b.Err() == nil {
		t.Error("cross_entropy takes a prediction without classes")
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, l := range variants(t) {
		v, err := spec.Encode(l)
		if err != nil {
			t.Fatal(err)
		}
		var got Loss
		if err := spec.Decode(v, &got); err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("%#v is written as %v and read as %#v, %v", l, v, got, err)
		}
	}
	for name, want := range map[string]Loss{
		"sparse_categorical_crossentropy": CrossEntropy{}, "categorical_crossentropy": CrossEntropy{},
		"binary_crossentropy": BinaryCrossEntropy{}, "mean_squared_error": MSE{},
	} {
		if got, err := Registry.New(name); err != nil || got != want {
			t.Errorf("%s is %#v, %v", name, got, err)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, l := range variants(t) {
		if c, ok := l.(interface{ Validate() error }); ok && c.Validate() != nil {
			t.Errorf("%#v: %v", l, c.Validate())
		}
	}
	for _, c := range []struct {
		key string
		l   interface{ Validate() error }
	}{
		{"label_smoothing", CrossEntropy{Smoothing: 1}}, {"label_smoothing", BinaryCrossEntropy{Smoothing: -0.1}},
		{"pos_weight", BinaryCrossEntropy{PosWeight: -1}}, {"delta", Huber{-1}}, {"beta", SmoothL1{math.NaN()}},
		{"margin", MultiMargin{-1}}, {"margin", MarginRanking{spec.Zero}}, {"margin", Triplet{Margin: -1}}, {"margin", Contrastive{-1}},
		{"margin", CosineEmbedding{2}}, {"epsilon", Poisson{Epsilon: -1}}, {"alpha", CategoricalFocal{Alpha: -1}}, {"gamma", BinaryFocal{Gamma: -1}},
	} {
		if err := c.l.Validate(); err == nil || !strings.HasPrefix(err.Error(), c.key) {
			t.Errorf("%#v: got error %v, want one about %s", c.l, err, c.key)
		}
	}
}

// TestTripletHard is the definition, row by row, on random embeddings.
func TestTripletHard(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, d := rapid.IntRange(1, 7).Draw(t, "rows"), rapid.IntRange(1, 3).Draw(t, "width")
		x := tensor.Of(rapid.SliceOfN(rapid.Float64Range(-2, 2), n*d, n*d).Draw(t, "embeddings"), n, d)
		labels := tensor.Of(rapid.SliceOfN(rapid.Int32Range(0, 2), n, n).Draw(t, "labels"), n)
		l := TripletHard{Margin: rapid.Float64Range(0.1, 3).Draw(t, "margin"), Squared: rapid.Bool().Draw(t, "squared")}
		got, _ := evaluate(t, l, x, labels)
		for i := range n {
			positive, negative := -1.0, math.Inf(1)
			for j := range n {
				s := 0.0
				for k := range d {
					s += (x.Flat(i*d+k) - x.Flat(j*d+k)) * (x.Flat(i*d+k) - x.Flat(j*d+k))
				}
				if !l.Squared {
					s = math.Sqrt(s)
				}
				switch {
				case i == j:
				case labels.Int32s()[i] == labels.Int32s()[j]:
					positive = max(positive, s)
				default:
					negative = min(negative, s)
				}
			}
			want := max(0, positive-negative+l.Margin)
			if positive < 0 || math.IsInf(negative, 1) {
				want = 0
			}
			if math.Abs(got[i]-want) > 1e-6*(1+want) {
				t.Fatalf("row %d: %g, want %g", i, got[i], want)
			}
		}
	})
	b := graph.New()
	TripletHard{}.Apply(b.Input("x", graph.Float, 4, 2, 2), b.Input("y", graph.Int, 4))
	TripletHard{}.Apply(b.Input("z", graph.Float, 4, 2), b.Input("w", graph.Float, 4))
	if err := b.Err(); err == nil || strings.Count(err.Error(), "triplet_hard: wants") != 2 {
		t.Errorf("error %v", err)
	}
}
