package caffe

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// A chunk is a run of numbers of a blob: packed, or one alone.
type chunk struct {
	bytes []byte
	wide  bool // of 8 bytes each
}

// chunks yields the numbers of a BlobProto, and what its other fields say of the shape.
func chunks(b []byte, see func(chunk)) (tensor.Shape, error) {
	var shape tensor.Shape
	old, named := tensor.Shape{1, 1, 1, 1}, false
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, fmt.Errorf("the tag of a blob's field is damaged or cut off")
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return nil, fmt.Errorf("field %d of a blob is damaged or cut off", num)
		}
		raw := b[:n]
		b = b[n:]
		if typ == protowire.BytesType {
			raw, _ = protowire.ConsumeBytes(raw)
		}
		switch {
		case num >= 1 && num <= 4 && typ == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(raw)
			if v > 1<<31-1 {
				return nil, fmt.Errorf("a blob has an axis of %d", int64(v))
			}
			old[num-1], named = int(v), true
		case num == 5 && (typ == protowire.BytesType || typ == protowire.Fixed32Type):
			see(chunk{raw, false})
		case num == 8 && (typ == protowire.BytesType || typ == protowire.Fixed64Type):
			see(chunk{raw, true})
		case num == 7 && typ == protowire.BytesType:
			m, err := parseBinary(raw, shapeSchema)
			if err != nil {
				return nil, err
			}
			axes, err := m.ints("dim")
			if err != nil || len(axes) > 32 {
				return nil, fmt.Errorf("the shape of a blob has %d axes of %v", len(axes), m.texts("dim")[:min(32, len(axes))])
			}
			shape = append(tensor.Shape{}, axes...)
		}
	}
	if shape == nil && named {
		shape = old
	}
	return shape, nil
}

// blobTensor lists a BlobProto as a tensor.
func blobTensor(name string, b []byte) (format.Tensor, error) {
	size, narrow, wide := 0, false, false
	var whole []byte // all of it, where it is packed in one piece
	shape, err := chunks(b, func(c chunk) {
		whole = c.bytes
		size += len(c.bytes)
		narrow, wide = narrow || !c.wide, wide || c.wide
	})
	if err != nil {
		return format.Tensor{}, fmt.Errorf("blob %q: %w", name, err)
	}
	dt := tensor.Float32
	if wide {
		dt = tensor.Float64
	}
	if narrow && wide {
		return format.Tensor{}, fmt.Errorf("blob %q holds numbers of two types", name)
	}
	if shape == nil {
		shape = tensor.Shape{size / dt.Size()}
	}
	n, err := shape.Elems()
	if err != nil || size%dt.Size() != 0 || n != size/dt.Size() {
		return format.Tensor{}, fmt.Errorf("blob %q has shape %v, but %d bytes of numbers", name, shape, size)
	}
	out := format.Tensor{Name: name, DType: dt, Shape: shape, Read: func() (*tensor.Tensor, error) {
		t, err := tensor.TryNew(dt, shape...)
		if err != nil {
			return nil, err
		}
		at := 0
		_, err = chunks(b, func(c chunk) { at += copy(t.Bytes()[at:], c.bytes) })
		return t, err
	}}
	if size == len(whole) {
		out.Bands = func(size int, use func([]byte)) error {
			for piece := range slices.Chunk(whole, size) {
				use(piece)
			}
			return nil
		}
	}
	return out, nil
}
