package transfer_test

import (
	"context"
	"fmt"
	"log"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/train"
	"github.com/nadir-ml/nadir/transfer"
)

// The frozen layers are run once, whatever the number of epochs.
func ExampleCache() {
	rows, _ := digits.New(1, 200, 1)
	tr, err := train.New(nn.Sequential{
		nn.Flatten{},
		nn.Dense{Units: 30, Act: act.ELU{}, Name: "hidden1"},
		nn.Dense{Units: 10, Name: "head"},
	}, train.Config{Data: rows.Schema()})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	if _, err := tr.Freeze("hidden1"); err != nil {
		log.Fatal(err)
	}
	ran := 0
	cache := &transfer.Cache{Progress: func(done, total int) {
		if done == total {
			ran += total
		}
	}}
	run := train.Run{Train: rows, Epochs: 5, Cache: cache}
	if err := train.Fit(tr.Steps(context.Background(), run)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("hidden1 was run on", ran, "rows in", len(tr.History()), "epochs")
	// Output:
	// hidden1 was run on 200 rows in 5 epochs
}
