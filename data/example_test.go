package data_test

import (
	"fmt"
	"log"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/tensor"
)

// fruits is four samples of two numbers, of two classes.
func fruits() data.Source {
	src, err := data.FromTensors(
		data.Schema{
			Inputs:  []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}},
			Targets: []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}},
			Classes: []string{"apple", "pear"},
		},
		[]*tensor.Tensor{tensor.Of([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 4, 2)},
		[]*tensor.Tensor{tensor.Of([]int32{0, 1, 1, 0}, 4)},
	)
	if err != nil {
		log.Fatal(err)
	}
	return src
}

func ExampleBatches() {
	for b, err := range data.Batches(fruits(), 3, data.Order{}) {
		if err != nil {
			log.Fatal(err)
		}
		x, y := b.View()
		fmt.Println(b.N, x[0], y[0])
	}
	// Output:
	// 3 float32[3 2]{1 2 3 4 5 6} int32[3]{0 1 1}
	// 1 float32[1 2]{7 8} int32[1]{0}
}

func ExampleOrder() {
	for epoch := range 2 {
		for b, err := range data.Batches(fruits(), 4, data.Order{Seed: 42, Epoch: epoch, Shuffle: true}) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(epoch, b.Index)
		}
	}
	// Output:
	// 0 [1 3 0 2]
	// 1 [2 0 3 1]
}

func ExampleSource() {
	src := fruits()
	b := data.NewBatch(src.Schema(), 2)
	if err := src.Read(b, []int32{3, 0}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(src.Len(), b.X[0], b.Y[0])
	// Output: 4 float32[2 2]{7 8 1 2} int32[2]{0 0}
}

func ExampleSplit() {
	train, val, err := data.Split(fruits(), 1, data.End, 0)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(train.Len(), val.Len())
	// Output: 3 1
}

func ExampleClasses() {
	pears, err := data.Classes(fruits(), []int{1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(pears.Len(), pears.Schema().Classes)
	// Output: 2 [pear]
}

// negate is an Augment that draws nothing.
type negate struct{}

func (negate) Apply(b *data.Batch, _ uint64, _ int) {
	for i, v := range b.X[0].Float32s() {
		b.X[0].Float32s()[i] = -v
	}
}

func ExampleAugmented() {
	for b, err := range data.Batches(data.Augmented(fruits(), negate{}), 4, data.Order{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(b.X[0])
	}
	// Output: float32[4 2]{-1 -2 -3 -4 -5 -6 -7 -8}
}

func ExampleError() {
	fmt.Println(&data.Error{Path: "iris.csv", Line: 12, Col: 5, Msg: `"nan" is no number; leave the cell empty where a value is missing`})
	// Output: iris.csv:12:5: "nan" is no number; leave the cell empty where a value is missing
}
