package models

import (
	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
)

// InceptionV1 is GoogLeNet (Szegedy, Liu, Jia et al., "Going Deeper with
// Convolutions", CVPR 2015) for images (224, 224, 3), as Caffe's reference model
// has it, without the auxiliary heads: pools in ceil mode, local response
// normalization. 6,998,552 parameters for 1,000 classes.
func InceptionV1(classes int) nn.Functional {
	var b builder
	conv := func(name string, filters, size, stride int, from ...string) string {
		return b.add(nn.Conv2D{Filters: filters, Kernel: square(size), Strides: square(stride), Padding: around(size / 2), Act: act.ReLU{}, Init: initial.GlorotUniform, Name: name}, from...)
	}
	pool := func(name string) string {
		return b.add(nn.MaxPooling2D{Size: square(3), Strides: square(2), Ceil: true, Name: name})
	}
	module := func(name, from string, one, reduce3, three, reduce5, five, project int) string {
		name = "inception_" + name + "_"
		a := conv(name+"1x1", one, 1, 1, from)
		conv(name+"3x3_reduce", reduce3, 1, 1, from)
		c := conv(name+"3x3", three, 3, 1)
		conv(name+"5x5_reduce", reduce5, 1, 1, from)
		d := conv(name+"5x5", five, 5, 1)
		b.add(nn.MaxPooling2D{Size: square(3), Strides: square(1), Padding: around(1), Name: name + "pool"}, from)
		e := conv(name+"pool_proj", project, 1, 1)
		return b.add(nn.Concatenate{Name: name + "output"}, a, c, d, e)
	}
	norm := func(name string) { b.add(nn.LocalResponseNorm{Size: 5, Alpha: 1e-4, Beta: 0.75, Name: name}) }

	conv("conv1_7x7_s2", 64, 7, 2)
	pool("pool1_3x3_s2")
	norm("pool1_norm1")
	conv("conv2_3x3_reduce", 64, 1, 1)
	conv("conv2_3x3", 192, 3, 1)
	norm("conv2_norm2")
	x := pool("pool2_3x3_s2")
	x = module("3a", x, 64, 96, 128, 16, 32, 32)
	module("3b", x, 128, 128, 192, 32, 96, 64)
	x = pool("pool3_3x3_s2")
	x = module("4a", x, 192, 96, 208, 16, 48, 64)
	x = module("4b", x, 160, 112, 224, 24, 64, 64)
	x = module("4c", x, 128, 128, 256, 24, 64, 64)
	x = module("4d", x, 112, 144, 288, 32, 64, 64)
	module("4e", x, 256, 160, 320, 32, 128, 128)
	x = pool("pool4_3x3_s2")
	x = module("5a", x, 256, 160, 320, 32, 128, 128)
	module("5b", x, 384, 192, 384, 48, 128, 128)
	b.add(nn.GlobalAveragePooling2D{Name: "pool5_7x7_s1"})
	b.add(nn.Dropout{Rate: 0.4, Name: "pool5_drop_7x7_s1"})
	b.add(nn.Dense{Units: classes, Name: "loss3_classifier"})
	return b.model("inception_v1", 224, 224, 3)
}
