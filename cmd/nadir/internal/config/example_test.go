package config_test

import (
	"fmt"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/spec"
)

func ExampleLoad() {
	c, err := config.Load(config.Sources{
		Env:  []string{"NADIR_SEED=7"},
		Keys: []string{"optim.lr=3e-4", "model=plain", "model.hidden1.units=50"},
	})
	if err != nil {
		fmt.Println(spec.Render(err))
		return
	}
	fmt.Printf("%s", config.Annotated(c.Tree.Without("model")))
	fmt.Printf("%s\n", c.Model.Items[1].JSON())
	// Output:
	// data:
	//   name: digits  # built-in
	//   val: 0.1  # built-in
	//   batch: 32  # built-in
	// loss: cross_entropy  # built-in
	// optim:
	//   name: nadam  # built-in
	//   lr: 3e-4  # command line
	// epochs: 5  # built-in
	// seed: 7  # environment NADIR_SEED
	// ckpt:
	//   keep: 3  # built-in
	// precision: f32  # built-in
	// {"dense":{"units":50,"activation":"relu","name":"hidden1"}}
}

func ExampleApply() {
	tree, _ := config.ParseYAML("exp.yaml", []byte("optim: sgd\n"))
	a, _ := config.ParseAssignment("optim.lr=0.1")
	tree, err := config.Apply(tree, a)
	fmt.Printf("%s %v\n", tree.JSON(), err)
	// Output: {"optim":{"name":"sgd","lr":0.1}} <nil>
}
