package pretrain

import (
	"fmt"

	"github.com/nadir-ml/nadir/data"
)

// Rotation is the task by how many quarter turns a picture was turned: 0 to 3,
// each as likely as any (Gidaris, Singh and Komodakis, "Unsupervised
// Representation Learning by Predicting Image Rotations", ICLR 2018). The turn is
// counter-clockwise. Pictures must be square.
type Rotation struct{}

// Samples is 1.
func (Rotation) Samples() int { return 1 }

// Rows turns every row of src.
func (Rotation) Rows(src data.Source) (data.Source, error) {
	s, err := samples("rotation", src)
	if err != nil {
		return nil, err
	}
	h, w, pixel, err := s.picture()
	if err != nil {
		return nil, err
	}
	if h != w {
		return nil, &data.Error{Msg: fmt.Sprintf("task rotation: pictures of %d×%d pixels do not fit where they are turned; want square ones", w, h)}
	}
	return data.Generated(s.schema(1, label, []string{"0", "90", "180", "270"}), src.Len(), func(dst *data.Batch, idx []int32, seed uint64, epoch int) error {
		d := s.draw(seed, epoch)
		defer d.done()
		if err := d.read(dst, idx); err != nil {
			return err
		}
		for k, i := range idx {
			r := d.random(i)
			turns := r.IntN(4)
			dst.Y[0].Int32s()[k] = int32(turns)
			x := s.sample(dst, k)
			for range turns {
				was := d.keep(x)
				for y := range h {
					for c := range w {
						copy(x[(y*w+c)*pixel:(y*w+c+1)*pixel], was[(c*w+w-1-y)*pixel:])
					}
				}
			}
		}
		return nil
	}), nil
}
