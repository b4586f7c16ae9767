package digits

import (
	"fmt"
	"math"
	"strconv"
	"sync/atomic"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
)

const (
	// DefaultTrain and DefaultTest are the usual numbers of images.
	DefaultTrain = 20000
	DefaultTest  = 5000
	// MaxLen is the largest number of images of a part.
	MaxLen = math.MaxInt32
)

// keptMost bounds the images that a part keeps once made, at 784 bytes each:
// 256 MiB. Those after them are made at every reading.
const keptMost = 256 << 20 / pixels

// New is a training part of train images and a test part of test images. Row i
// of a part has input x, Uint8 of shape [28 28], and target y, Int32 of shape
// []: the digit. The classes of every ten rows from a multiple of ten are all
// different. It panics where a number lies outside 0 to MaxLen.
func New(seed uint64, train, test int) (tr, te data.Source) {
	return newPart(seed, "digits/train", train), newPart(seed, "digits/test", test)
}

// part is a data.Source that makes its images as they are read.
type part struct {
	images, order uint64 // random keys
	n             int
	kept          []uint8         // the images made so far
	state         []atomic.Uint32 // of each image in kept
}

// The states of a kept image.
const (
	absent  = iota
	filling // one reader writes it; others make their own copy
	present
)

func newPart(seed uint64, name string, n int) *part {
	if n < 0 || n > MaxLen {
		panic(fmt.Sprintf("digits: %d images: want 0 to %d", n, MaxLen))
	}
	k := min(n, keptMost)
	return &part{
		images: rng.Key(seed, name),
		order:  rng.Key(seed, name+"/labels"),
		n:      n,
		// A large block of zeros takes memory only where it is written to.
		kept:  make([]uint8, k*pixels),
		state: make([]atomic.Uint32, k),
	}
}

func (p *part) Len() int { return p.n }

func (p *part) Schema() data.Schema {
	names := make([]string, len(glyphs))
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return data.Schema{
		Inputs:  []data.Field{{Name: "x", DType: tensor.Uint8, Shape: tensor.Shape{Side, Side}}},
		Targets: []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}},
		Classes: names,
	}
}

func (p *part) Read(dst *data.Batch, idx []int32) error {
	if err := dst.Start(idx); err != nil {
		return err
	}
	x, y := dst.X[0].Uint8s(), dst.Y[0].Int32s()
	for row, i := range idx {
		if i < 0 || int(i) >= p.n {
			return fmt.Errorf("digits: row %d of a source of %d rows", i, p.n)
		}
		y[row] = p.label(int(i))
		p.image(x[row*pixels:(row+1)*pixels], int(i))
	}
	return nil
}

// Labels is the digit of every row, without making an image.
func (p *part) Labels() ([]int32, error) {
	all := make([]int32, p.n)
	for i := range all {
		all[i] = p.label(i)
	}
	return all, nil
}

// label is entry i%10 of a permutation drawn for the ten rows around i.
func (p *part) label(i int) int32 {
	var ten [len(glyphs)]int32
	rng.New(p.order, uint64(i/len(ten))).Perm(ten[:])
	return ten[i%len(ten)]
}

// image copies image i to dst, making it where it is not kept.
func (p *part) image(dst []uint8, i int) {
	if i >= len(p.state) {
		p.render(dst, i)
		return
	}
	kept, state := p.kept[i*pixels:(i+1)*pixels], &p.state[i]
	if state.Load() == present {
		copy(dst, kept)
		return
	}
	p.render(dst, i)
	if state.CompareAndSwap(absent, filling) {
		copy(kept, dst)
		state.Store(present)
	}
}

func (p *part) render(dst []uint8, i int) {
	render(dst, int(p.label(i)), rng.New(p.images, uint64(i)))
}
