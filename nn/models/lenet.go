package models

import (
	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/nn"
)

// LeNet5 is LeNet-5 (LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning
// Applied to Document Recognition", Proceedings of the IEEE, 1998) as it is built
// today, for images (28, 28) or (28, 28, 1) of digits: full connections between
// the planes, plain averages, and logits of 10 classes. 61,706 parameters.
func LeNet5() nn.Sequential {
	return nn.Sequential{
		nn.Reshape{Shape: []int{28, 28, 1}},
		nn.Conv2D{Filters: 6, Kernel: square(5), Padding: nn.Same, Act: act.Tanh{}, Name: "c1"},
		nn.AveragePooling2D{Name: "s2"},
		nn.Conv2D{Filters: 16, Kernel: square(5), Act: act.Tanh{}, Name: "c3"},
		nn.AveragePooling2D{Name: "s4"},
		nn.Flatten{},
		nn.Dense{Units: 120, Act: act.Tanh{}, Name: "c5"},
		nn.Dense{Units: 84, Act: act.Tanh{}, Name: "f6"},
		nn.Dense{Units: 10, Name: "logits"},
	}
}
