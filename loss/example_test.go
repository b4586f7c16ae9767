package loss_test

import (
	"fmt"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// show prints the loss of each example.
func show(l loss.Loss, pred, target *tensor.Tensor) {
	b := graph.New()
	p := b.Input("pred", graph.Float, pred.Shape()...)
	b.Output("loss", l.Apply(p, b.Input("target", graph.KindOf(target.DType()), target.Shape()...)))
	r, err := graphtest.Compile(b, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Set("pred", graphtest.Floats(pred)...)
	r.Set("target", graphtest.Floats(target)...)
	if err := r.Step(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f\n", r.Output("loss"))
}

// rows is a tensor of rows of two numbers.
func rows(v ...float64) *tensor.Tensor { return tensor.Of(v, len(v)/2, 2) }

func ExampleLoss() {
	var l loss.Loss
	if err := spec.Decode(spec.Str("sparse_categorical_crossentropy"), &l); err != nil {
		fmt.Println(err)
	}
	fmt.Println(loss.Registry.NameOf(l))
	// Output: cross_entropy
}

func ExamplePredict() {
	b := graph.New()
	logits := b.Input("logits", graph.Float, 32, 10)
	fmt.Println(loss.Predict(loss.CrossEntropy{}, logits).Op().Name, loss.Predict(loss.BinaryCrossEntropy{}, logits).Op().Name)
	// Output: softmax sigmoid
}

func ExampleCrossEntropy() {
	logits := rows(0, 0, 10, -10)
	show(loss.CrossEntropy{}, logits, tensor.Of([]int32{1, 0}, 2))
	show(loss.CrossEntropy{}, logits, rows(0, 1, 1, 0))
	show(loss.CrossEntropy{Smoothing: 0.1}, logits, tensor.Of([]int32{1, 0}, 2))
	// Output:
	// [0.6931 0.0000]
	// [0.6931 0.0000]
	// [0.6931 1.0000]
}

func ExampleBinaryCrossEntropy() {
	show(loss.BinaryCrossEntropy{}, tensor.Of([]float64{0, 20, -20}, 3, 1), tensor.Of([]int32{1, 1, 1}, 3))
	// Output: [0.6931 0.0000 20.0000]
}

func ExampleMSE() {
	show(loss.MSE{}, rows(1, 2, 3, 4), rows(1, 0, 3, 0))
	// Output: [2.0000 8.0000]
}

func ExampleMAE() {
	show(loss.MAE{}, rows(1, 2, 3, 4), rows(1, 0, 3, 0))
	// Output: [1.0000 2.0000]
}

func ExampleMAPE() {
	show(loss.MAPE{}, rows(1, 2, 3, 4), rows(1, 4, 2, 4))
	// Output: [25.0000 25.0000]
}

func ExampleMSLE() {
	show(loss.MSLE{}, rows(1, 3, 0, 0), rows(1, 1, 0, 1))
	// Output: [0.2402 0.2402]
}

func ExampleHuber() {
	show(loss.Huber{}, rows(0, 0, 0, 0), rows(1, 1, 10, 10))
	// Output: [0.5000 9.5000]
}

func ExampleSmoothL1() {
	show(loss.SmoothL1{Beta: 0.5}, rows(0, 0, 0, 0), rows(1, 1, 10, 10))
	// Output: [0.7500 9.7500]
}

func ExampleLogCosh() {
	show(loss.LogCosh{}, rows(0, 0, 0, 0), rows(1, 1, 10, 10))
	// Output: [0.4338 9.3069]
}

func ExampleHinge() {
	show(loss.Hinge{}, tensor.Of([]float64{2, 0.5, -1}, 3), tensor.Of([]float64{1, 1, 1}, 3))
	// Output: [0.0000 0.5000 2.0000]
}

func ExampleCategoricalHinge() {
	show(loss.CategoricalHinge{}, rows(3, 1, 1, 3), tensor.Of([]int32{0, 0}, 2))
	// Output: [0.0000 3.0000]
}

func ExampleMultiMargin() {
	show(loss.MultiMargin{}, rows(3, 1, 1, 3), tensor.Of([]int32{0, 0}, 2))
	// Output: [0.0000 1.5000]
}

func ExampleNLL() {
	show(loss.NLL{}, rows(-0.1, -2.4, -2.4, -0.1), tensor.Of([]int32{0, 0}, 2))
	// Output: [0.1000 2.4000]
}

func ExampleKLDivergence() {
	show(loss.KLDivergence{}, rows(0.5, 0.5, 0.5, 0.5), rows(0.5, 0.5, 1, 0))
	// Output: [0.0000 0.6931]
}

func ExamplePoisson() {
	show(loss.Poisson{}, tensor.Of([]float64{1, 2}, 2), tensor.Of([]int32{1, 2}, 2))
	// Output: [1.0000 0.6137]
}

func ExampleCosineSimilarity() {
	show(loss.CosineSimilarity{}, rows(1, 0, 1, 0), rows(2, 0, 0, 3))
	// Output: [-1.0000 -0.0000]
}

func ExampleCategoricalFocal() {
	show(loss.CategoricalFocal{}, rows(0, 0, 3, 0), tensor.Of([]int32{0, 0}, 2))
	// Output: [0.0433 0.0000]
}

func ExampleBinaryFocal() {
	show(loss.BinaryFocal{}, tensor.Of([]float64{0, 3}, 2), tensor.Of([]int32{1, 1}, 2))
	// Output: [0.1733 0.0001]
}

func ExampleMarginRanking() {
	show(loss.MarginRanking{}, rows(3, 1, 1.5, 1), tensor.Of([]int32{1, 1}, 2))
	// Output: [0.0000 0.5000]
}

func ExampleTriplet() {
	embeddings := tensor.Of([]float64{0, 0, 3, 4, 0, 1}, 1, 3, 2) // anchor, positive, negative
	show(loss.Triplet{}, embeddings, tensor.New(tensor.Int32, 1))
	// Output: [5.0000]
}

func ExampleContrastive() {
	embeddings := tensor.Of([]float64{0, 0, 3, 4, 0, 0, 0, 0.5}, 2, 2, 2)
	show(loss.Contrastive{}, embeddings, tensor.Of([]int32{1, 0}, 2))
	// Output: [25.0000 0.2500]
}

func ExampleCosineEmbedding() {
	embeddings := tensor.Of([]float64{1, 0, 0, 1, 1, 0, 1, 0}, 2, 2, 2)
	show(loss.CosineEmbedding{}, embeddings, tensor.Of([]int32{1, 0}, 2))
	// Output: [1.0000 1.0000]
}

func ExampleTripletHard() {
	embeddings := rows(0, 0, 0, 3, 0, 1, 5, 5)
	show(loss.TripletHard{}, embeddings, tensor.Of([]int32{7, 7, 8, 8}, 4))
	// Output: [3.0000 2.0000 6.4031 2.0180]
}
