package models_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/nn/models"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// TestArchitectures compares what is published of each net with what is built:
// parameters that train, all parameters, and the shape of a sample's results. As
// text a net is the same.
func TestArchitectures(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		trainable, all int
		out            string
	}{
		"lenet5":         {61_706, 61_706, "[10]"},
		"resnet20-cifar": {269_722, 269_722 + 1_376, "[10]"}, "resnet32-cifar": {464_154, 464_154 + 2_272, "[10]"},
		"resnet44-cifar": {658_586, 658_586 + 3_168, "[10]"}, "resnet56-cifar": {853_018, 853_018 + 4_064, "[10]"},
		"resnet18": {11_689_512, 11_689_512 + 9_600, "[1000]"}, "resnet50": {25_557_032, 25_557_032 + 53_120, "[1000]"},
		"vgg16": {138_357_544, 138_357_544, "[1000]"}, "mobilenet": {4_231_976, 4_253_864, "[1000]"},
		"inception_v1": {6_998_552, 6_998_552, "[1000]"},
		"squeezenet":   {1_248_424, 1_248_424, "[1000]"}, "squeezenet1_1": {1_235_496, 1_235_496, "[1000]"},
		"mtcnn-pnet": {6_632, 6_632, "[1 1 2] [1 1 4]"}, "mtcnn-rnet": {100_178, 100_178, "[2] [4]"}, "mtcnn-onet": {389_040, 389_040, "[2] [4] [10]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := models.New(name)
			if err != nil {
				t.Fatal(err)
			}
			v, err := nn.Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			text := v.JSON()
			parsed, err := spec.ParseJSON("model", text)
			if err != nil {
				t.Fatal(err)
			}
			back, err := nn.Decode(parsed)
			if err != nil {
				t.Fatal(err)
			}
			again, err := nn.Encode(back)
			if err != nil || string(again.JSON()) != string(text) {
				t.Fatalf("reads back as %s, %v", again.JSON(), err)
			}
			ports, outs := back.Ports()
			shape := ports[0].Shape
			if shape == nil {
				shape = tensor.Shape{28, 28}
			}
			sum, err := nn.Summarize(back, []graph.Type{{Kind: graph.Float, Shape: shape}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range sum.Rows[len(sum.Rows)-len(outs):] {
				got = append(got, r.Output.String())
			}
			if sum.Trainable != want.trainable || sum.Params != want.all || strings.Join(got, " ") != want.out {
				t.Errorf("%d of %d parameters train, a sample gives %v; want %d of %d, %s", sum.Trainable, sum.Params, got, want.trainable, want.all, want.out)
			}
		})
	}
	if n := len(models.Names()); n != 15 {
		t.Errorf("there are %d architectures: %v", n, models.Names())
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	if _, err := models.New("resnet19"); err == nil || !strings.Contains(fmt.Sprint(err), "resnet18") {
		t.Errorf("error is %v, want the nearest names", err)
	}
}

func ExampleNew() {
	m, err := models.New("resnet20-cifar")
	if err != nil {
		panic(err)
	}
	sum, err := nn.Summarize(m, []graph.Type{{Kind: graph.Float, Shape: tensor.Shape{32, 32, 3}}}, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(len(sum.Rows), "layers,", nn.Thousands(sum.Trainable), "parameters that train")
	// Output: 72 layers, 269,722 parameters that train
}
