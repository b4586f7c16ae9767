package models

import (
	"fmt"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// faces builds the nets of Zhang, Zhang, Li and Qiao, "Joint Face Detection and
// Alignment Using Multitask Cascaded Convolutional Networks", IEEE Signal
// Processing Letters, 2016: convolutions with a slope learned for each channel, and
// pools in ceil mode.
type faces struct {
	builder
	n int
}

func (f *faces) conv(filters, size int) {
	f.n++
	f.add(nn.Conv2D{Filters: filters, Kernel: square(size), Name: fmt.Sprintf("conv%d", f.n)})
	f.add(nn.Activation{Act: act.PReLU{SharedAxes: []int{1, 2}}, Name: fmt.Sprintf("prelu%d", f.n)})
}

func (f *faces) pool(size int) {
	f.add(nn.MaxPooling2D{Size: square(size), Strides: square(2), Ceil: true, Name: fmt.Sprintf("pool%d", f.n)})
}

// dense is a dense layer of what came before it, flattened column by column: the nets
// were trained on pictures with rows and columns exchanged, and their published weights
// for pictures as they are have that turned in the convolutions alone.
func (f *faces) dense(units int) {
	f.n++
	f.add(nn.Permute{Dims: []int{2, 1, 3}, Name: "columns"})
	f.add(nn.Flatten{Name: "flatten"})
	f.add(nn.Dense{Units: units, Name: fmt.Sprintf("dense%d", f.n)})
	f.add(nn.Activation{Act: act.PReLU{}, Name: fmt.Sprintf("prelu%d", f.n)})
}

// heads are dense layers side by side: whether there is a face, where its box is,
// and its landmarks.
func (f *faces) heads(name string, side int, sizes ...int) nn.Functional {
	from := fmt.Sprintf("prelu%d", f.n)
	m := nn.Functional{Name: name, In: []nn.Port{{Name: "input", Shape: tensor.Shape{side, side, 3}}}}
	for i, n := range sizes {
		m.Out = append(m.Out, f.add(nn.Dense{Units: n, Name: fmt.Sprintf("dense%d_%d", f.n+1, i+1)}, from))
	}
	m.Layers = f.layers
	return m
}

// PNet is the proposal net, for images (12, 12, 3): logits of no face and face,
// and four corrections of the box. It has convolutions alone, and so goes over
// larger images, too.
func PNet() nn.Functional {
	var f faces
	f.conv(10, 3)
	f.pool(2)
	f.conv(16, 3)
	f.conv(32, 3)
	m := nn.Functional{Name: "pnet", In: []nn.Port{{Name: "input", Shape: tensor.Shape{12, 12, 3}}}}
	for i, n := range []int{2, 4} {
		m.Out = append(m.Out, f.add(nn.Conv2D{Filters: n, Kernel: square(1), Name: fmt.Sprintf("conv4_%d", i+1)}, "prelu3"))
	}
	m.Layers = f.layers
	return m
}

// RNet is the refining net, for images (24, 24, 3): logits of no face and face,
// and four corrections of the box.
func RNet() nn.Functional {
	var f faces
	f.conv(28, 3)
	f.pool(3)
	f.conv(48, 3)
	f.pool(3)
	f.conv(64, 2)
	f.dense(128)
	return f.heads("rnet", 24, 2, 4)
}

// ONet is the output net, for images (48, 48, 3): logits of no face and face, four
// corrections of the box, and five landmarks.
func ONet() nn.Functional {
	var f faces
	f.conv(32, 3)
	f.pool(3)
	f.conv(64, 3)
	f.pool(3)
	f.conv(64, 3)
	f.pool(2)
	f.conv(128, 2)
	f.dense(256)
	return f.heads("onet", 48, 2, 4, 10)
}
