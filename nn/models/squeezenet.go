package models

import (
	"fmt"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
)

// SqueezeNet is version 1.0 of Iandola, Han, Moskewicz et al., "SqueezeNet:
// AlexNet-Level Accuracy with 50x Fewer Parameters", 2016, for images (224, 224,
// 3). 1,248,424 parameters for 1,000 classes.
func SqueezeNet(classes int) nn.Functional {
	return squeeze("squeezenet", 96, 7, []int{2, 3, 4, 0, 5, 6, 7, 8, 0, 9}, classes)
}

// SqueezeNet11 is version 1.1: pools come earlier, and it computes 2.4 times
// faster for the same accuracy. 1,235,496 parameters for 1,000 classes.
func SqueezeNet11(classes int) nn.Functional {
	return squeeze("squeezenet1_1", 64, 3, []int{2, 3, 0, 4, 5, 0, 6, 7, 8, 9}, classes)
}

// squeeze lines up fire modules by number, 0 being a pool.
func squeeze(name string, first, size int, modules []int, classes int) nn.Functional {
	var b builder
	conv := func(name string, filters, size, stride int, p nn.Padding, from ...string) string {
		return b.add(nn.Conv2D{Filters: filters, Kernel: square(size), Strides: square(stride), Padding: p, Act: act.ReLU{}, Init: initial.GlorotUniform, Name: name}, from...)
	}
	pools := 0
	pool := func() {
		pools++
		b.add(nn.MaxPooling2D{Size: square(3), Strides: square(2), Ceil: true, Name: fmt.Sprintf("pool%d", pools)})
	}
	conv("conv1", first, size, 2, nn.Valid)
	pool()
	for _, n := range modules {
		if n == 0 {
			pool()
			continue
		}
		fire, width := fmt.Sprintf("fire%d_", n), n/2*16
		x := conv(fire+"squeeze1x1", width, 1, 1, nn.Valid)
		left, right := conv(fire+"expand1x1", 4*width, 1, 1, nn.Valid, x), conv(fire+"expand3x3", 4*width, 3, 1, around(1), x)
		b.add(nn.Concatenate{Name: fire + "concat"}, left, right)
	}
	b.add(nn.Dropout{Rate: 0.5, Name: "drop9"})
	conv("conv10", classes, 1, 1, nn.Valid)
	b.add(nn.GlobalAveragePooling2D{Name: "pool10"})
	return b.model(name, 224, 224, 3)
}
