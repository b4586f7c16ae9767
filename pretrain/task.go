package pretrain

import (
	"fmt"
	"slices"
	"sync"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
)

// A Task turns rows into rows of an auxiliary task, whose labels cost nothing or
// little. What is drawn for row i is a pure function of the seed, the epoch and i;
// validation sees the same rows in every epoch.
type Task interface {
	// Rows is the source of the task's rows, as many as src has. The only input, x,
	// holds one or more samples of src's one input: shape [samples, sample…].
	Rows(src data.Source) (data.Source, error)
	// Samples is how many samples a row holds.
	Samples() int
}

// sampled is a task's rows while they are made: samples of a source.
type sampled struct {
	src   data.Source
	field data.Field
	bytes int // of a sample
	pool  sync.Pool
	kind  string
	// purpose names the random numbers.
	purpose string
	labels  []int32   // of src, where the task looks at them
	class   [][]int32 // rows of src by label
}

func samples(kind string, src data.Source) (*sampled, error) {
	s := src.Schema()
	if len(s.Inputs) != 1 {
		return nil, fmt.Errorf("task %s: the rows have %d inputs; the tasks are about one", kind, len(s.Inputs))
	}
	f := s.Inputs[0]
	return &sampled{src: src, field: f, bytes: f.DType.Size() * f.Shape.Len(), kind: kind, purpose: "pretrain/" + kind}, nil
}

// byClass looks at the labels.
func (s *sampled) byClass() error {
	if !s.src.Schema().Classification() {
		return &data.Error{Msg: fmt.Sprintf("task %s wants to know which rows are alike, but these have no classes; without labels there are corrupted, rotation and jigsaw", s.kind)}
	}
	var err error
	if s.labels, err = data.Labels(s.src); err != nil {
		return err
	}
	s.class = make([][]int32, len(s.src.Schema().Classes))
	for i, l := range s.labels {
		s.class[l] = append(s.class[l], int32(i))
	}
	full := 0
	for _, rows := range s.class {
		if len(rows) > 0 {
			full++
		}
	}
	if full < 2 {
		return &data.Error{Msg: fmt.Sprintf("task %s wants rows of two classes or more, found %d", s.kind, full)}
	}
	return nil
}

// like is another row of the same class, the row itself where it is the only one.
func (s *sampled) like(row int32, r *rng.Stream) int32 {
	rows := s.class[s.labels[row]]
	if len(rows) == 1 {
		return row
	}
	for {
		if other := rows[r.IntN(len(rows))]; other != row {
			return other
		}
	}
}

// unlike is a row of another class, each such row being as likely as any.
func (s *sampled) unlike(row int32, r *rng.Stream) int32 {
	n := len(s.labels) - len(s.class[s.labels[row]])
	k := r.IntN(n)
	for l, rows := range s.class {
		if int32(l) == s.labels[row] {
			continue
		}
		if k < len(rows) {
			return rows[k]
		}
		k -= len(rows)
	}
	return row // not reached: the rows of other classes are n
}

// schema is that of rows of k samples, with a target.
func (s *sampled) schema(k int, target data.Field, classes []string) data.Schema {
	x := data.Field{Name: "x", DType: s.field.DType, Shape: append(tensor.Shape{k}, s.field.Shape...)}
	return data.Schema{Inputs: []data.Field{x}, Targets: []data.Field{target}, Classes: classes}
}

// label is the target of a class number.
var label = data.Field{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}

// A drawing is the buffers that a batch of a task's rows is made with.
type drawing struct {
	*sampled
	key   uint64 // of the random numbers
	epoch int
	from  *data.Batch
	rows  []int32 // of the source
	part  []int   // elements
	order []int32
	bytes []byte
}

// draw begins a batch.
func (s *sampled) draw(seed uint64, epoch int) *drawing {
	d, _ := s.pool.Get().(*drawing)
	if d == nil {
		d = &drawing{sampled: s}
	}
	d.key, d.epoch, d.rows = rng.Key(seed, s.purpose), epoch, d.rows[:0]
	return d
}

// done gives the buffers back.
func (d *drawing) done() { d.pool.Put(d) }

// random is the random numbers of a row.
func (d *drawing) random(row int32) rng.Stream {
	return *rng.New(d.key, uint64(d.epoch)<<32|uint64(uint32(row)))
}

// read reads rows of the source into the samples of dst, one after the other.
func (d *drawing) read(dst *data.Batch, rows []int32) error {
	if d.from == nil || d.from.X[0].Shape()[0] < len(rows) {
		d.from = data.NewBatch(d.src.Schema(), len(rows))
	}
	if err := d.src.Read(d.from, rows); err != nil {
		return err
	}
	copy(dst.X[0].Bytes(), d.from.X[0].Bytes()[:len(rows)*d.sampled.bytes])
	return nil
}

// perm is the numbers below n in disorder, until the next.
func (d *drawing) perm(n int, r *rng.Stream) []int32 {
	d.order = slices.Grow(d.order[:0], n)[:n]
	r.Perm(d.order)
	return d.order
}

// keep is a copy of a sample, until the next.
func (d *drawing) keep(x []byte) []byte {
	d.bytes = append(d.bytes[:0], x...)
	return d.bytes
}

// sample is the bytes of sample i of dst.
func (s *sampled) sample(dst *data.Batch, i int) []byte {
	return dst.X[0].Bytes()[i*s.bytes : (i+1)*s.bytes]
}

// picture is a sample's shape as one of pictures: rows, columns and the bytes of a
// pixel.
func (s *sampled) picture() (h, w, pixel int, err error) {
	sh := s.field.Shape
	if len(sh) != 2 && len(sh) != 3 {
		return 0, 0, 0, &data.Error{Msg: fmt.Sprintf("task %s is one of pictures, but a sample has the shape %v; want height and width, and channels behind them", s.kind, sh)}
	}
	return sh[0], sh[1], s.bytes / (sh[0] * sh[1]), nil
}

// numbered are the names 0 to n−1.
func numbered(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}
