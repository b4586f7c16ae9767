package models

import (
	"fmt"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/nn"
)

// VGG16 is configuration D of Simonyan and Zisserman, "Very Deep Convolutional
// Networks for Large-Scale Image Recognition", ICLR 2015, for images (224, 224,
// 3): thirteen convolutions of size 3 and three dense layers, with dropout between
// them as in the paper. 138,357,544 parameters for 1,000 classes.
func VGG16(classes int) nn.Functional {
	var b builder
	for i, widths := range [][]int{{64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}} {
		for j, w := range widths {
			b.add(nn.Conv2D{Filters: w, Kernel: square(3), Padding: nn.Same, Act: act.ReLU{}, Name: fmt.Sprintf("block%d_conv%d", i+1, j+1)})
		}
		b.add(nn.MaxPooling2D{Name: fmt.Sprintf("block%d_pool", i+1)})
	}
	b.add(nn.Flatten{Name: "flatten"})
	for i := 1; i <= 2; i++ {
		b.add(nn.Dense{Units: 4096, Act: act.ReLU{}, Name: fmt.Sprintf("fc%d", i)})
		b.add(nn.Dropout{Rate: 0.5, Name: fmt.Sprintf("drop%d", i)})
	}
	b.add(nn.Dense{Units: classes, Name: "predictions"})
	return b.model("vgg16", 224, 224, 3)
}
