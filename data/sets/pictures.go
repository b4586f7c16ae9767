package sets

import (
	"bytes"
	"fmt"
	"sync/atomic"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/tensor"
)

// pictures is the Source of rows that are encoded pictures in memory. Decoded they
// are kept as far as there is room.
type pictures struct {
	path    string
	schema  data.Schema
	files   [][]byte
	targets []column
	resize  bool
	room    atomic.Int64 // bytes
	decoded []atomic.Pointer[[]uint8]
}

// most bytes of decoded pictures that are kept without an option that says another.
const cached = 512 << 20

func newPictures(path, name string, e *examples, targets []column, classes []string) *pictures {
	p := &pictures{path: path, files: e.files, targets: targets, resize: e.o.Images.Height > 0, decoded: make([]atomic.Pointer[[]uint8], len(e.files))}
	p.schema = data.Schema{Inputs: []data.Field{{Name: name, DType: tensor.Uint8, Shape: e.sizes}}, Classes: classes}
	for _, c := range targets {
		p.schema.Targets = append(p.schema.Targets, field(c.name, c.t))
	}
	room := e.o.Images.Cache
	if room == 0 {
		room = cached
	}
	p.room.Store(room)
	return p
}

func (p *pictures) Len() int            { return len(p.files) }
func (p *pictures) Schema() data.Schema { return p.schema }

// Read decodes the pictures, or copies those that are kept.
func (p *pictures) Read(dst *data.Batch, idx []int32) error {
	for _, i := range idx {
		if i < 0 || int(i) >= len(p.files) {
			return fmt.Errorf("row %d of a file of %d records", i, len(p.files))
		}
	}
	if err := dst.Start(idx); err != nil {
		return err
	}
	w := p.schema.Inputs[0].Shape.Len()
	for k, i := range idx {
		pix, err := p.pixels(int(i))
		if err != nil {
			return &data.Error{Path: p.path, Err: fmt.Errorf("record %d: %w", i, err)}
		}
		copy(dst.X[0].Uint8s()[k*w:(k+1)*w], pix)
		for j, c := range p.targets {
			copy(dst.Y[j].Rows(k, k+1).Bytes(), c.t.Rows(int(i), int(i)+1).Bytes())
		}
	}
	return nil
}

// pixels is a picture in the size and the channels of all.
func (p *pictures) pixels(i int) ([]uint8, error) {
	if d := p.decoded[i].Load(); d != nil {
		return *d, nil
	}
	t, err := images.Decode(bytes.NewReader(p.files[i]))
	if err != nil {
		return nil, err
	}
	want := p.schema.Inputs[0].Shape
	if p.resize {
		if t, err = images.Resize(t, want[0], want[1]); err != nil {
			return nil, err
		}
	}
	pix := t.Uint8s()
	if c := t.Shape()[2]; c < want[2] {
		wide := make([]uint8, 0, want.Len())
		for _, v := range pix {
			for range want[2] {
				wide = append(wide, v)
			}
		}
		pix = wide
	}
	if p.room.Add(-int64(len(pix))) >= 0 {
		p.decoded[i].Store(&pix)
	} else {
		p.room.Add(int64(len(pix)))
	}
	return pix, nil
}
