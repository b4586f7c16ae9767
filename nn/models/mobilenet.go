package models

import (
	"fmt"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/nn"
)

// MobileNet is version 1 of Howard, Zhu, Chen et al., "MobileNets: Efficient
// Convolutional Neural Networks for Mobile Vision Applications", 2017, at full
// width, for images (224, 224, 3): depthwise convolutions and such of size 1 in
// turn, each normalized. 4,253,864 parameters for 1,000 classes.
func MobileNet(classes int) nn.Functional {
	var b builder
	norm := func(name string) {
		b.add(nn.BatchNorm{Name: name + "_bn"})
		b.add(nn.Activation{Act: act.ReLU{MaxValue: 6}, Name: name + "_relu"})
	}
	b.add(nn.Conv2D{Filters: 32, Kernel: square(3), Strides: square(2), Padding: nn.Same, NoBias: true, Name: "conv1"})
	norm("conv1")
	for i, l := range []struct{ filters, stride int }{
		{64, 1}, {128, 2}, {128, 1}, {256, 2}, {256, 1}, {512, 2}, {512, 1}, {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1},
	} {
		dw, pw := fmt.Sprintf("conv_dw_%d", i+1), fmt.Sprintf("conv_pw_%d", i+1)
		b.add(nn.DepthwiseConv2D{Kernel: square(3), Strides: square(l.stride), Padding: nn.Same, NoBias: true, Name: dw})
		norm(dw)
		b.add(nn.Conv2D{Filters: l.filters, Kernel: square(1), NoBias: true, Name: pw})
		norm(pw)
	}
	b.add(nn.GlobalAveragePooling2D{Keep: true, Name: "global_average_pooling2d"})
	b.add(nn.Dropout{Rate: 0.001, Name: "dropout"})
	b.add(nn.Conv2D{Filters: classes, Kernel: square(1), Name: "conv_preds"})
	b.add(nn.Flatten{Name: "reshape_2"})
	return b.model("mobilenet", 224, 224, 3)
}
