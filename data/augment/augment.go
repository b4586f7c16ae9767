package augment

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A Transform is one random change to a picture.
type Transform interface {
	// Validate says what is wrong with the fields.
	Validate() error
	// stage says how the change is made.
	stage() stage
}

// A stage is one of the two ways in which a picture is changed.
type stage struct {
	// place draws where the pixels of the result come from, for a picture of
	// height h and width w; nil for a change of values.
	place func(r *rng.Stream, h, w int) affine
	fill  Fill
	// values changes the picture in place.
	values func(p *picture, r *rng.Stream)
}

// Transforms holds every transform by name.
var Transforms = spec.NewRegistry[Transform]("augmentation", spec.KindStyle)

// New makes transforms what is done to each row of schema, in their order, to
// every input that is a picture: bytes or floats of shape (h, w) or (h, w, c). A
// change that has no use for pixels' places, such as noise, is done to any input
// of numbers.
func New(s data.Schema, transforms ...Transform) (data.Augment, error) {
	a := &augmenter{}
	var errs []error
	places := false
	for i, t := range transforms {
		if err := t.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", Transforms.NameOf(t), err))
			continue
		}
		st := t.stage()
		if st.place == nil && st.values == nil {
			continue
		}
		_, noise := t.(GaussianNoise)
		places = places || !noise
		// Moves that follow each other and fill alike are one move.
		if n := len(a.stages); i > 0 && st.place != nil && n > 0 && a.stages[n-1].place != nil && a.stages[n-1].fill == st.fill {
			before, after := a.stages[n-1].place, st.place
			a.stages[n-1].place = func(r *rng.Stream, h, w int) affine {
				first := before(r, h, w)
				return first.after(after(r, h, w))
			}
			continue
		}
		a.stages = append(a.stages, st)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for i, f := range s.Inputs {
		p, ok := pictureOf(f.Shape)
		if !ok && !places {
			p, ok = picture{h: 1, w: f.Shape.Len(), c: 1}, true
		}
		if ok && (f.DType == tensor.Uint8 || f.DType == tensor.Float32 || f.DType == tensor.Float64) {
			a.fields = append(a.fields, input{i, p})
		}
	}
	if len(a.fields) == 0 && len(a.stages) > 0 {
		var have []string
		for _, f := range s.Inputs {
			have = append(have, fmt.Sprintf("%s %v%v", f.Name, f.DType, f.Shape))
		}
		return nil, fmt.Errorf("no input is a picture of bytes or floats, (h, w) or (h, w, channels): there are %v; only noise is for other numbers", have)
	}
	a.pool.New = func() any { return &scratch{} }
	return a, nil
}

// pictureOf is how a sample's shape is a picture.
func pictureOf(s tensor.Shape) (picture, bool) {
	switch {
	case len(s) == 2:
		return picture{h: s[0], w: s[1], c: 1}, true
	case len(s) == 3 && s[2] <= 4:
		return picture{h: s[0], w: s[1], c: s[2]}, true
	}
	return picture{}, false
}

// A picture is one sample as it is worked on: rows from the top, channels last.
// full is the distance between black and white, and values above it or below 0
// are cut off where cut is set.
type picture struct {
	h, w, c int
	full    float32
	cut     bool
	x       []float32 // h·w·c values
	room    []float32 // as many more
	more    []float32 // twice as many more, for displacements
}

// limit cuts off what a byte cannot hold.
func (p *picture) limit() {
	if !p.cut {
		return
	}
	for i, v := range p.x {
		p.x[i] = min(max(v, 0), p.full)
	}
}

// An input is the number of a field and its shape as a picture.
type input struct {
	field int
	shape picture
}

type augmenter struct {
	stages []stage
	fields []input
	pool   sync.Pool
}

// scratch is the room that one goroutine works in.
type scratch struct {
	stream rng.Stream
	p      picture
	buf    []float32
}

// leastRows is the number of rows that are worth a goroutine.
const leastRows = 8

// Apply changes the rows of a batch, on several cores where there are many. What
// becomes of a row does not depend on that. It allocates nothing for a row once
// it has the room.
func (a *augmenter) Apply(b *data.Batch, seed uint64, epoch int) {
	key := rng.Key(seed, "data/augment")
	parts := max(1, min(runtime.GOMAXPROCS(0), b.N/leastRows))
	if parts == 1 {
		a.rows(b, key, epoch, 0, b.N)
		return
	}
	var wg sync.WaitGroup
	for k := range parts {
		wg.Go(func() { a.rows(b, key, epoch, k*b.N/parts, (k+1)*b.N/parts) })
	}
	wg.Wait()
}

// rows changes those from lo to below hi.
func (a *augmenter) rows(b *data.Batch, key uint64, epoch, lo, hi int) {
	s := a.pool.Get().(*scratch)
	defer a.pool.Put(s)
	for row := lo; row < hi; row++ {
		s.stream = *rng.New(key, uint64(uint32(epoch))<<32|uint64(uint32(b.Index[row])))
		for _, f := range a.fields {
			n := f.shape.h * f.shape.w * f.shape.c
			s.buf = slices.Grow(s.buf[:0], 4*n)[:4*n]
			s.p = f.shape
			s.p.x, s.p.room, s.p.more = s.buf[:n:n], s.buf[n:2*n:2*n], s.buf[2*n:4*n]
			a.change(b.X[f.field], row*n, s)
		}
	}
}

// change works on the n elements of t from at on.
func (a *augmenter) change(t *tensor.Tensor, at int, s *scratch) {
	p, n := &s.p, len(s.p.x)
	p.full = 1
	switch t.DType() {
	case tensor.Uint8:
		p.full, p.cut = 255, true
		for i, v := range t.Uint8s()[at : at+n] {
			p.x[i] = float32(v)
		}
	case tensor.Float32:
		copy(p.x, t.Float32s()[at:at+n])
	default:
		for i, v := range t.Float64s()[at : at+n] {
			p.x[i] = float32(v)
		}
	}
	for k := range a.stages {
		if st := &a.stages[k]; st.place != nil {
			p.move(st.place(&s.stream, p.h, p.w), st.fill)
		} else {
			st.values(p, &s.stream)
		}
	}
	switch t.DType() {
	case tensor.Uint8:
		dst := t.Uint8s()[at : at+n]
		for i, v := range p.x {
			dst[i] = uint8(min(max(v, 0), 255) + 0.5)
		}
	case tensor.Float32:
		copy(t.Float32s()[at:at+n], p.x)
	default:
		dst := t.Float64s()[at : at+n]
		for i, v := range p.x {
			dst[i] = float64(v)
		}
	}
}
