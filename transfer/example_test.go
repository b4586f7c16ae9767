package transfer_test

import (
	"context"
	"fmt"
	"log"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
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

// A net for ten digits lends its lower layers to one for five of them. They are
// frozen at first; the upper one is trained from the second epoch on, more
// carefully.
func ExampleRecipe() {
	all, _ := digits.New(1, 400, 1)
	old, err := train.New(nn.Sequential{
		nn.Flatten{},
		nn.Dense{Units: 30, Act: act.ELU{}, Name: "hidden1"},
		nn.Dense{Units: 20, Act: act.ELU{}, Name: "hidden2"},
		nn.Dense{Units: 10, Name: "logits"},
	}, train.Config{Data: all.Schema()})
	if err != nil {
		log.Fatal(err)
	}
	defer old.Close()
	saved := &format.Model{Net: old.Model, Preprocess: old.Preprocess(), Data: all.Schema(), Params: old.Params}

	cut, err := transfer.Recipe{Head: 5}.Cut(saved)
	if err != nil {
		log.Fatal(err)
	}
	five, err := data.Classes(all, []int{5, 6, 7, 8, 9})
	if err != nil {
		log.Fatal(err)
	}
	table, params, err := transfer.Graft(cut.Model, saved.Preprocess, five.Schema(), saved.Params, cut.Reused...)
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range table {
		fmt.Println(m.Name, m.Status)
	}

	schedule, err := transfer.ParseSchedule("top1@2:1e-4")
	if err != nil {
		log.Fatal(err)
	}
	rule := optim.Nadam{LR: 0.001}
	freezing, err := transfer.Freeze(params, cut.Reused, "*", schedule, rule.Rate())
	if err != nil {
		log.Fatal(err)
	}
	tr, err := train.From(cut.Model, params, train.Config{Data: five.Schema(), Preprocess: saved.Preprocess,
		Optim: optim.Optimizer{Rule: rule, Groups: freezing.Groups(rule.Rate())}})
	if err != nil {
		log.Fatal(err)
	}
	defer tr.Close()
	if err := freezing.Begin(tr); err != nil {
		log.Fatal(err)
	}
	run := train.Run{Train: five, Epochs: 3, Cache: &transfer.Cache{}}
	err = train.Fit(tr.Steps(context.Background(), run), freezing.Hook(tr, func(text string) { fmt.Println(text) }))
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// hidden1/kernel copied
	// hidden1/bias copied
	// hidden2/kernel copied
	// hidden2/bias copied
	// head/kernel new
	// head/bias new
	// logits/kernel dropped
	// logits/bias dropped
	// from epoch 2 on: hidden2 is trained, at a rate of 0.0001
}
