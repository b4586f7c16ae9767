package pretrain

import "github.com/nadir-ml/nadir/data"

// Pairs is the task whether two samples are of one class: half of the pairs are.
// Which samples are alike is cheap to tell where the classes themselves are not,
// as for two pictures of one person. Each row of the source is the first of one
// pair an epoch; the label is 1 for a pair of one class, else 0.
type Pairs struct{}

// Samples is 2.
func (Pairs) Samples() int { return 2 }

// Rows draws partners from the labels of src.
func (Pairs) Rows(src data.Source) (data.Source, error) {
	s, err := samples("pairs", src)
	if err != nil {
		return nil, err
	}
	if err := s.byClass(); err != nil {
		return nil, err
	}
	return data.Generated(s.schema(2, label, []string{"different", "same"}), src.Len(), func(dst *data.Batch, idx []int32, seed uint64, epoch int) error {
		d := s.draw(seed, epoch)
		defer d.done()
		for k, i := range idx {
			r := d.random(i)
			same := int32(r.Uint32() & 1)
			other := int32(0)
			if same == 1 {
				other = s.like(i, &r)
			} else {
				other = s.unlike(i, &r)
			}
			d.rows = append(d.rows, i, other)
			dst.Y[0].Int32s()[k] = same
		}
		return d.read(dst, d.rows)
	}), nil
}

// Triplets is the task which of two samples is of the class of a third: a row
// holds an anchor, one of its class and one of another. The label is 1: the second
// is the nearer one.
type Triplets struct{}

// Samples is 3.
func (Triplets) Samples() int { return 3 }

// Rows draws both from the labels of src.
func (Triplets) Rows(src data.Source) (data.Source, error) {
	s, err := samples("triplets", src)
	if err != nil {
		return nil, err
	}
	if err := s.byClass(); err != nil {
		return nil, err
	}
	return data.Generated(s.schema(3, label, nil), src.Len(), func(dst *data.Batch, idx []int32, seed uint64, epoch int) error {
		d := s.draw(seed, epoch)
		defer d.done()
		for k, i := range idx {
			r := d.random(i)
			d.rows = append(d.rows, i, s.like(i, &r), s.unlike(i, &r))
			dst.Y[0].Int32s()[k] = 1
		}
		return d.read(dst, d.rows)
	}), nil
}

// labeled is a row as it is, with its class: what hard triplets are found among.
type labeled struct{}

func (labeled) Samples() int { return 1 }

func (labeled) Rows(src data.Source) (data.Source, error) {
	s, err := samples("triplets", src)
	if err != nil {
		return nil, err
	}
	if err := s.byClass(); err != nil {
		return nil, err
	}
	return data.Generated(s.schema(1, label, nil), src.Len(), func(dst *data.Batch, idx []int32, seed uint64, epoch int) error {
		d := s.draw(seed, epoch)
		defer d.done()
		for k, i := range idx {
			dst.Y[0].Int32s()[k] = s.labels[i]
		}
		return d.read(dst, idx)
	}), nil
}
