package models

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// An Architecture is a model with a name.
type Architecture struct {
	Name string
	Doc  string // what it is, in a line
	Make func() nn.Model
}

// Architectures lists what there is, by name.
func Architectures() []Architecture {
	list := []Architecture{
		{"lenet5", "LeNet-5 for 28x28x1", func() nn.Model { return LeNet5() }},
		{"vgg16", "VGG-16 for 224x224x3, 1000 classes", func() nn.Model { return VGG16(1000) }},
		{"mobilenet", "MobileNet v1 for 224x224x3, 1000 classes", func() nn.Model { return MobileNet(1000) }},
		{"inception_v1", "Inception v1 (GoogLeNet) for 224x224x3, 1000 classes", func() nn.Model { return InceptionV1(1000) }},
		{"squeezenet", "SqueezeNet 1.0 for 224x224x3, 1000 classes", func() nn.Model { return SqueezeNet(1000) }},
		{"squeezenet1_1", "SqueezeNet 1.1 for 224x224x3, 1000 classes", func() nn.Model { return SqueezeNet11(1000) }},
		{"resnet18", "ResNet-18 for 224x224x3, 1000 classes", func() nn.Model { return ResNet18(1000) }},
		{"resnet50", "ResNet-50 for 224x224x3, 1000 classes", func() nn.Model { return ResNet50(1000) }},
		{"mtcnn-pnet", "MTCNN's proposal net for 12x12x3", func() nn.Model { return PNet() }},
		{"mtcnn-rnet", "MTCNN's refining net for 24x24x3", func() nn.Model { return RNet() }},
		{"mtcnn-onet", "MTCNN's output net for 48x48x3", func() nn.Model { return ONet() }},
	}
	for _, depth := range []int{20, 32, 44, 56} {
		list = append(list, Architecture{
			fmt.Sprintf("resnet%d-cifar", depth), fmt.Sprintf("ResNet-%d for 32x32x3, 10 classes", depth), func() nn.Model { return ResNetCIFAR(depth, 10) },
		})
	}
	slices.SortFunc(list, func(a, b Architecture) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Names lists the names.
func Names() []string {
	var out []string
	for _, a := range Architectures() {
		out = append(out, a.Name)
	}
	return out
}

// New is the architecture of that name. An unknown name is an error with the
// nearest ones.
func New(name string) (nn.Model, error) {
	for _, a := range Architectures() {
		if a.Name == name {
			return a.Make(), nil
		}
	}
	return nil, &spec.Error{Msg: fmt.Sprintf("unknown architecture %q", name), Word: name, Nearest: spec.Nearest(name, Names())}
}

// A builder lines up the entries of a model.
type builder struct{ layers []nn.Entry }

// add puts a layer behind the one before it, or behind those that are named.
func (b *builder) add(l nn.Layer, inputs ...string) string {
	b.layers = append(b.layers, nn.Entry{Layer: l, Inputs: inputs})
	return nn.NameOf(l)
}

// relu is a ReLU with a name.
func (b *builder) relu(name string) string { return b.add(nn.Activation{Act: act.ReLU{}, Name: name}) }

// model is what was lined up, for images of that size.
func (b *builder) model(name string, rows, columns, channels int) nn.Functional {
	return nn.Functional{Name: name, In: []nn.Port{{Name: "input", Shape: tensor.Shape{rows, columns, channels}}}, Layers: b.layers}
}

// square is a window of the same size both ways.
func square(n int) tensor.Shape { return tensor.Shape{n} }

// around is padding of n places on all sides.
func around(n int) nn.Padding {
	if n == 0 {
		return nn.Valid
	}
	return nn.Pad(nn.Even(n))
}
