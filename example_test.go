package nadir_test

import (
	"context"
	"fmt"
	"log"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/train"
)

func Example() {
	model := nn.Sequential{
		nn.Flatten{},
		nn.BatchNorm{}, nn.Dense{Units: 300, Act: act.ELU{}},
		nn.BatchNorm{}, nn.Dense{Units: 100, Act: act.ELU{}},
		nn.BatchNorm{}, nn.Dense{Units: 10},
	}
	images, test := digits.New(42, 2000, 500)
	tr, err := train.New(model, train.Config{
		Data:  images.Schema(),
		Optim: optim.Optimizer{Rule: optim.Nadam{LR: 0.001}, GlobalClipNorm: 1},
		Seed:  42,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()

	ctx := context.Background()
	for step, err := range tr.Steps(ctx, train.Run{Train: images, Batch: 50, Epochs: 3}) {
		if err != nil {
			log.Fatal(err)
		}
		if step.Done != nil { // the last step of an epoch
			fmt.Println("epoch", step.Epoch, "ended at step", step.Step)
		}
	}
	result, err := tr.Evaluate(ctx, test)
	if err != nil {
		log.Fatal(err)
	}
	accuracy, _ := result.Values.Get("accuracy")
	fmt.Println("more than 80 % right:", accuracy > 0.8)
	// Output:
	// epoch 1 ended at step 40
	// epoch 2 ended at step 80
	// epoch 3 ended at step 120
	// more than 80 % right: true
}
