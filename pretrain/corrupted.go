package pretrain

import (
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// Corrupted is the task which of two samples is a good one: a row holds a sample
// and the same one spoilt, so that no label is needed (Collobert and Weston, "A
// Unified Architecture for Natural Language Processing", ICML 2008, whose good
// instances are pieces of text and whose bad ones have a word replaced). The label
// is 1: the first is the good one.
type Corrupted struct {
	// How says what is done: mix replaces a rectangle of half the picture's height
	// and width, or half of the features that are no picture, by another sample's;
	// shuffle moves the pixels of such a part about; noise adds normal numbers of a
	// quarter of the range of bytes, or of 0.5.
	How string
}

// Validate refuses unknown words.
func (c Corrupted) Validate() error {
	switch c.How {
	case "", "mix", "shuffle", "noise":
		return nil
	}
	return spec.Field("corruption", "want mix, shuffle or noise, found %q", c.How)
}

// Samples is 2.
func (Corrupted) Samples() int { return 2 }

// Rows spoils every row of src.
func (c Corrupted) Rows(src data.Source) (data.Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s, err := samples("corrupted", src)
	if err != nil {
		return nil, err
	}
	n := src.Len()
	if n < 2 && (c.How == "" || c.How == "mix") {
		return nil, &data.Error{Msg: fmt.Sprintf("task corrupted mixes samples; there is %d", n)}
	}
	if t := s.field.DType; t != tensor.Uint8 && t != tensor.Float32 {
		return nil, &data.Error{Msg: fmt.Sprintf("task corrupted: samples of type %v; want bytes or float32", t)}
	}
	return data.Generated(s.schema(2, label, nil), n, func(dst *data.Batch, idx []int32, seed uint64, epoch int) error {
		d := s.draw(seed, epoch)
		defer d.done()
		for k, i := range idx {
			r := d.random(i)
			other := i
			for other == i && n > 1 {
				other = int32(r.IntN(n))
			}
			d.rows = append(d.rows, i, other)
			dst.Y[0].Int32s()[k] = 1
		}
		if err := d.read(dst, d.rows); err != nil {
			return err
		}
		d.key = rng.Key(seed, "pretrain/corrupted/part") // others than the partner was drawn with
		for k, i := range idx {
			r := d.random(i)
			good, bad := s.sample(dst, 2*k), s.sample(dst, 2*k+1)
			if c.How == "noise" {
				copy(bad, good)
				n := s.field.Shape.Len()
				noise(dst.X[0], (2*k+1)*n, (2*k+2)*n, &r)
				continue
			}
			c.spoil(d, good, bad, &r)
		}
		return nil
	}), nil
}

// spoil makes bad, which holds another sample, a spoilt good.
func (c Corrupted) spoil(d *drawing, good, bad []byte, r *rng.Stream) {
	size := d.field.DType.Size()
	part := d.part[:0] // elements that are spoilt
	if h, w, pixel, err := d.picture(); err == nil && h > 1 && w > 1 {
		size = pixel
		top, left := r.IntN(h-h/2+1), r.IntN(w-w/2+1)
		for y := range h / 2 {
			for x := range w / 2 {
				part = append(part, (top+y)*w+left+x)
			}
		}
	} else {
		order := d.perm(len(good)/size, r)
		for _, i := range order[:(len(order)+1)/2] {
			part = append(part, int(i))
		}
	}
	d.part = part
	if c.How == "shuffle" {
		copy(bad, good)
		order := d.perm(len(part), r)
		for k, i := range part {
			from := part[order[k]]
			copy(bad[i*size:(i+1)*size], good[from*size:])
		}
		return
	}
	other := d.keep(bad)
	copy(bad, good)
	for _, i := range part {
		copy(bad[i*size:(i+1)*size], other[i*size:])
	}
}

// noise adds normal numbers to some elements.
func noise(x *tensor.Tensor, lo, hi int, r *rng.Stream) {
	for i := lo; i < hi; i++ {
		if x.DType() == tensor.Uint8 {
			x.SetFlat(i, math.Round(min(max(x.Flat(i)+64*r.Norm(), 0), 255)))
		} else {
			x.SetFlat(i, x.Flat(i)+0.5*r.Norm())
		}
	}
}
