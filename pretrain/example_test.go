package pretrain_test

import (
	"context"
	"fmt"
	"log"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/pretrain"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

// net is a small net for digits, tied to its data.
func net(src data.Source) *train.Net {
	n, err := train.NewNet(nn.Sequential{
		nn.Flatten{},
		nn.Dense{Units: 16, Act: act.Sigmoid{}, Name: "hidden1"},
		nn.Dense{Units: 8, Act: act.Sigmoid{}, Name: "hidden2"},
		nn.Dense{Units: 10, Name: "logits"},
	}, nil, train.Config{Data: src.Schema(), Seed: 42})
	if err != nil {
		log.Fatal(err)
	}
	return n
}

// show runs stages and prints what is trained.
func show(src data.Source, stages ...pretrain.Stage) {
	n := net(src)
	defer n.Close()
	p, err := pretrain.New(n, stages, pretrain.Config{Train: src, Seed: 42})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	for step, err := range p.Steps(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		if e := step.Done; e != nil {
			fmt.Print("stage ", e.Stage, ", ", e.Kind, " of ", e.Layers, ", epoch ", e.Epoch.Epoch, ":")
			for _, v := range e.Train {
				fmt.Print(" ", v.Name)
			}
			fmt.Println()
		}
	}
}

func Example() {
	unlabeled, _ := digits.New(42, 200, 0)
	show(unlabeled,
		pretrain.Boltzmann{Common: pretrain.Common{Epochs: 1}},
		pretrain.Auxiliary{Common: pretrain.Common{Epochs: 1}, Task: "rotation"})
	// Output:
	// stage 1, rbm of hidden1, epoch 1: loss reconstruction free_energy pseudo_likelihood
	// stage 1, rbm of hidden2, epoch 1: loss reconstruction free_energy pseudo_likelihood
	// stage 2, auxiliary of hidden1,hidden2, epoch 1: loss accuracy
}

func ExampleDecode() {
	v, err := spec.ParseJSON("exp.json", []byte(`[{"kind": "denoising", "layers": "hidden*", "noise_level": 0.3}, {"kind": "rbm", "method": "pcd", "k": 5}]`))
	if err != nil {
		log.Fatal(err)
	}
	stages, err := pretrain.Decode(v)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range stages {
		fmt.Println(pretrain.Stages.NameOf(s))
	}
	// Output:
	// denoising
	// rbm
}

func ExampleBoltzmann() {
	unlabeled, _ := digits.New(42, 200, 0)
	show(unlabeled, pretrain.Boltzmann{Common: pretrain.Common{Layers: "hidden1", Epochs: 2, LR: 0.1}, Method: "pcd", K: 2, Chains: 20})
	// Output:
	// stage 1, rbm of hidden1, epoch 1: loss reconstruction free_energy pseudo_likelihood
	// stage 1, rbm of hidden1, epoch 2: loss reconstruction free_energy pseudo_likelihood
}

func ExampleAutoencoder() {
	unlabeled, _ := digits.New(42, 200, 0)
	show(unlabeled, pretrain.Autoencoder{Common: pretrain.Common{Epochs: 1}, Sparsity: 0.1})
	// Output:
	// stage 1, autoencoder of hidden1, epoch 1: loss mse penalty
	// stage 1, autoencoder of hidden2, epoch 1: loss mse penalty stack_mse
}

func ExampleDenoising() {
	unlabeled, _ := digits.New(42, 200, 0)
	d := pretrain.Denoising{Noise: "salt_pepper", Level: 0.1}
	d.Epochs, d.Together = 1, true
	show(unlabeled, d)
	// Output:
	// stage 1, denoising of hidden1,hidden2, epoch 1: loss mse
}

func ExampleAuxiliary() {
	rows, _ := digits.New(42, 200, 0)
	show(rows, pretrain.Auxiliary{Common: pretrain.Common{Epochs: 1}, Task: "corrupted", Margin: 0.5})
	// Output:
	// stage 1, auxiliary of hidden1,hidden2, epoch 1: loss pair_accuracy
}

func ExamplePretraining_History() {
	unlabeled, _ := digits.New(42, 100, 0)
	n := net(unlabeled)
	defer n.Close()
	p, err := pretrain.New(n, []pretrain.Stage{pretrain.Autoencoder{Common: pretrain.Common{Epochs: 2, Batch: 25}}}, pretrain.Config{Train: unlabeled})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	for _, err := range p.Steps(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
	}
	for _, e := range p.History() {
		fmt.Println(e.Layers, "epoch", e.Epoch.Epoch, "ended at step", e.Step)
	}
	// Output:
	// hidden1 epoch 1 ended at step 4
	// hidden1 epoch 2 ended at step 8
	// hidden2 epoch 1 ended at step 12
	// hidden2 epoch 2 ended at step 16
}

func ExamplePairs() {
	rows, _ := digits.New(42, 100, 0)
	pairs, err := pretrain.Pairs{}.Rows(rows)
	if err != nil {
		log.Fatal(err)
	}
	s := pairs.Schema()
	fmt.Println(pairs.Len(), "rows of", s.Inputs[0].Shape, s.Classes)
	// Output: 100 rows of [2 28 28] [different same]
}

func ExampleJigsaw() {
	orders := pretrain.Jigsaw{Tiles: 2, Permutations: 3}.Orders()
	fmt.Println(len(orders), orders[0])
	// Output: 3 [0 1 2 3]
}

// ExampleRBM computes the probability that hidden units are on, and the free
// energy, of a machine of two visible units and one hidden.
func ExampleRBM() {
	for _, what := range []func(pretrain.RBM, graph.Node) graph.Node{pretrain.RBM.Hidden, pretrain.RBM.FreeEnergy} {
		b := graph.New()
		m := pretrain.RBM{Kernel: b.Full(2, 2, 1), VisibleBias: b.Full(-1, 2), Bias: b.Full(-2, 1)}
		both := b.Full(1, 1, 2) // visible units are on
		got, err := graphtest.Eval(what(m, both))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%.4f\n", got)
	}
	// Output:
	// [0.8808]
	// [-0.1269]
}

func ExampleSweep() {
	rows, test := digits.New(42, 200, 100)
	s := pretrain.Sweep{
		Model: nn.Sequential{nn.Flatten{}, nn.Dense{Units: 16, Act: act.Sigmoid{}}, nn.Dense{Units: 10}}, Config: train.Config{Data: rows.Schema()},
		Stages: []pretrain.Stage{pretrain.Autoencoder{Common: pretrain.Common{Epochs: 1}}}, Pretrain: pretrain.Config{Train: rows},
		Rows: rows, Test: test, Labels: []int{20, 100}, Seeds: 2, Least: 10, Epochs: 1,
	}
	rep, err := s.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range rep.Points {
		fmt.Println(rep.Metric, "with", p.Labels, "labels:", len(p.Scratch), "nets from scratch,", len(p.Pretrained), "pretrained")
	}
	// Output:
	// accuracy with 20 labels: 2 nets from scratch, 2 pretrained
	// accuracy with 100 labels: 2 nets from scratch, 2 pretrained
}
