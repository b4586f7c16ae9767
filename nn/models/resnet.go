package models

import (
	"fmt"

	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
)

// residuals builds the nets of He, Zhang, Ren and Sun, "Deep Residual Learning for
// Image Recognition", CVPR 2016. Momentum and epsilon of the normalization are
// PyTorch's, whose weights go by these names.
type residuals struct {
	builder
	channels int // of the last block
}

// conv is a convolution without a bias and its normalization.
func (r *residuals) conv(name, norm string, filters, size, stride int, from ...string) string {
	r.add(nn.Conv2D{Filters: filters, Kernel: square(size), Strides: square(stride), Padding: around(size / 2), NoBias: true, Init: initial.He, Name: name}, from...)
	return r.add(nn.BatchNorm{Momentum: 0.9, Epsilon: 1e-5, Name: norm})
}

// join adds a path to a shortcut.
func (r *residuals) join(name, path, shortcut string) string {
	r.add(nn.Add{Name: name + "_add"}, path, shortcut)
	return r.relu(name + "_out")
}

// basic is a block of two convolutions. A shortcut that changes shape is what
// shrink makes of it.
func (r *residuals) basic(name, from string, filters, stride int, shrink func(name, from string, filters, stride int) string) string {
	r.conv(name+"_conv1", name+"_bn1", filters, 3, stride, from)
	r.relu(name + "_relu1")
	path := r.conv(name+"_conv2", name+"_bn2", filters, 3, 1)
	if stride != 1 || r.channels != filters {
		from = shrink(name, from, filters, stride)
	}
	r.channels = filters
	return r.join(name, path, from)
}

// bottleneck is a block that computes with a quarter of its channels; the stride
// is the middle convolution's.
func (r *residuals) bottleneck(name, from string, filters, stride int, shrink func(name, from string, filters, stride int) string) string {
	r.conv(name+"_conv1", name+"_bn1", filters, 1, 1, from)
	r.relu(name + "_relu1")
	r.conv(name+"_conv2", name+"_bn2", filters, 3, stride)
	r.relu(name + "_relu2")
	path := r.conv(name+"_conv3", name+"_bn3", 4*filters, 1, 1)
	if stride != 1 || r.channels != 4*filters {
		from = shrink(name, from, 4*filters, stride)
	}
	r.channels = 4 * filters
	return r.join(name, path, from)
}

// projected is a shortcut with a convolution of size 1, the paper's option B.
func (r *residuals) projected(name, from string, filters, stride int) string {
	return r.conv(name+"_downsample_0", name+"_downsample_1", filters, 1, stride, from)
}

// padded is a shortcut without parameters, the paper's option A: every other
// place, and zeros for the channels that are new, as many on either side.
func (r *residuals) padded(name, from string, filters, stride int) string {
	r.add(nn.MaxPooling2D{Size: square(1), Strides: square(stride), Name: name + "_every"}, from)
	more := filters - r.channels
	return r.add(nn.PadAxes{Padding: nn.Sides{{}, {}, {more / 2, more - more/2}}, Name: name + "_pad"})
}

type block func(name, from string, filters, stride int, shrink func(name, from string, filters, stride int) string) string

// stages lines up blocks; from the second stage on the first has stride 2 and
// twice the filters.
func (r *residuals) stages(b block, filters int, counts []int, from string, shrink func(name, from string, filters, stride int) string) {
	for i, n := range counts {
		for j := range n {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			from = b(fmt.Sprintf("layer%d_%d", i+1, j), from, filters<<i, stride, shrink)
		}
	}
}

// ResNetCIFAR is the paper's net for CIFAR-10, of 20, 32, 44, 56 or any 6n+2
// layers with weights: images (32, 32, 3), shortcuts without parameters. ResNet-20
// has 269,722 trainable parameters for 10 classes.
func ResNetCIFAR(depth, classes int) nn.Functional {
	r := &residuals{channels: 16}
	r.conv("conv1", "bn1", 16, 3, 1)
	n := (depth - 2) / 6
	r.stages(r.basic, 16, []int{n, n, n}, r.relu("relu1"), r.padded)
	r.add(nn.GlobalAveragePooling2D{Name: "avgpool"})
	r.add(nn.Dense{Units: classes, Init: initial.He, Name: "linear"})
	return r.model(fmt.Sprintf("resnet%d", depth), 32, 32, 3)
}

// imageNet builds the nets for images (224, 224, 3).
func imageNet(name string, make func(r *residuals) block, counts []int, classes int) nn.Functional {
	r := &residuals{channels: 64}
	r.conv("conv1", "bn1", 64, 7, 2)
	r.relu("relu1")
	from := r.add(nn.MaxPooling2D{Size: square(3), Strides: square(2), Padding: around(1), Name: "maxpool"})
	r.stages(make(r), 64, counts, from, r.projected)
	r.add(nn.GlobalAveragePooling2D{Name: "avgpool"})
	r.add(nn.Dense{Units: classes, Name: "fc"})
	return r.model(name, 224, 224, 3)
}

// ResNet18 is the net of 18 layers with weights for images (224, 224, 3), as
// torchvision has it. 11,689,512 trainable parameters for 1,000 classes.
func ResNet18(classes int) nn.Functional {
	return imageNet("resnet18", func(r *residuals) block { return r.basic }, []int{2, 2, 2, 2}, classes)
}

// ResNet50 is the net of 50 layers with weights for images (224, 224, 3), as
// torchvision has it: the stride is that of the convolution of size 3, known as
// version 1.5. 25,557,032 trainable parameters for 1,000 classes.
func ResNet50(classes int) nn.Functional {
	return imageNet("resnet50", func(r *residuals) block { return r.bottleneck }, []int{3, 4, 6, 3}, classes)
}
