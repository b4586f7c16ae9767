package hdf5

import (
	"cmp"
	"errors"
	"io"
	"slices"

	"github.com/nadir-ml/nadir/tensor"
)

// A Dataset is an array of numbers or texts. Opening it reads none of them.
type Dataset struct {
	object
	data *layout
}

// Shape is the length of each axis: empty for a single value, nil where the
// dataset holds no value at all (h5py's Empty).
func (d *Dataset) Shape() tensor.Shape { return d.data.space.dims.Clone() }

// DType is the type of the elements, [tensor.Invalid] where they are no numbers.
func (d *Dataset) DType() tensor.DType { return d.data.typ.dtype }

// Type names the type of the elements: a [tensor.DType]'s name, "string", or
// what cannot be read here, such as "compound of 12 bytes".
func (d *Dataset) Type() string { return d.data.typ.name }

// Read reads all numbers. Elements that were never written are the fill value.
func (d *Dataset) Read() (*tensor.Tensor, error) {
	typ := d.data.typ
	switch typ.class {
	case classNumber:
	case classOther:
		return nil, within(d.path, d.f.unsupported(d.addr, "it holds elements of the type %s, which is not read", typ.name))
	default:
		return nil, within(d.path, d.f.errorf(d.addr, "it holds text, want numbers"))
	}
	b, err := d.read()
	if err == nil {
		err = d.f.numbers(typ, d.addr, b)
	}
	if err != nil {
		return nil, within(d.path, err)
	}
	return tensor.Wrap(typ.dtype, b, d.data.space.dims...)
}

// Texts reads all elements of a dataset of texts in row-major order.
func (d *Dataset) Texts() ([]string, error) {
	typ := d.data.typ
	if typ.class != classFixed && typ.class != classVar {
		return nil, within(d.path, d.f.errorf(d.addr, "it holds %s, want text", typ.name))
	}
	b, err := d.read()
	if err != nil {
		return nil, within(d.path, err)
	}
	d.f.mu.Lock()
	defer d.f.mu.Unlock()
	s, err := d.f.texts(typ, d.addr, b)
	return s, within(d.path, err)
}

// read is the raw elements.
func (d *Dataset) read() ([]byte, error) {
	l := d.data
	if err := d.locate(); err != nil {
		return nil, err
	}
	b := tensor.Aligned(int(l.size))
	switch {
	case l.class == layoutCompact:
		copy(b, l.compact)
		return b, nil
	case l.class == layoutContiguous && l.at != undefined && l.size > 0:
		return b, d.f.readAt(b, l.at)
	}
	if slices.ContainsFunc(l.fill, func(v byte) bool { return v != 0 }) {
		for e := range slices.Chunk(b, len(l.fill)) {
			copy(e, l.fill)
		}
	}
	if len(l.chunks) == 0 {
		return b, nil
	}
	return b, d.f.readChunks(l, b)
}

// locate finds the dataset's data and makes sure, before any memory is taken,
// that the file can hold it. It does so once.
func (d *Dataset) locate() error {
	f, l := d.f, d.data
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case l.refusal != nil:
		return l.refusal
	case l.space.null:
		return f.errorf(l.addr, "it holds no value at all")
	case l.located:
		return nil
	}
	var spans []span
	missing := uint64(0)
	switch l.class {
	case layoutCompact:
	case layoutContiguous:
		if l.at == undefined {
			missing = l.size
		} else {
			spans = []span{{l.at, l.at + l.size}}
		}
	default:
		if err := l.refuseFilters(f); err != nil {
			return err
		}
		if l.chunked.partial && len(l.filters) > 0 {
			return f.unsupported(l.addr, "its chunks at the edge are stored without filters; rewrite the file with h5repack")
		}
		if l.size == 0 {
			break
		}
		chunks, err := f.gather(l)
		if err != nil {
			return err
		}
		missing = l.size
		for _, c := range chunks {
			spans = append(spans, span{c.addr, c.addr + c.size})
			missing -= l.visible(c)
		}
		if n := uint64(len(chunks)) * l.chunked.size; n > maxWaste+4*l.size {
			return f.errorf(l.addr, "its chunks hold %d bytes for a dataset of %d; rewrite the file with h5repack", n, l.size)
		}
		l.chunks = chunks
	}
	if missing > maxFilled-f.filled {
		return f.errorf(l.addr, "%d of its %d bytes were never written; with other datasets these are more than the %d that are made up", missing, l.size, maxFilled)
	}
	if err := f.claim(spans); err != nil {
		return err
	}
	f.filled += missing
	l.located = true
	return nil
}

const (
	// maxFilled is the most bytes that are made up, in all, of elements that
	// were never written: they take no room in the file, but do in memory.
	maxFilled = 32 << 20
	// maxWaste is the most bytes of chunks that may lie outside of a dataset
	// however small it is.
	maxWaste = 64 << 20
)

// A span is a range of addresses, its end excluded.
type span struct{ lo, hi uint64 }

// claim notes what a dataset holds of the file. No byte is held twice, so that
// what is read is bounded by what is there.
func (f *File) claim(spans []span) error {
	spans = slices.DeleteFunc(spans, func(s span) bool { return s.lo == s.hi })
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	all := make([]span, 0, len(f.spans)+len(spans))
	old := f.spans
	for len(old) > 0 || len(spans) > 0 {
		from := &old
		if len(old) == 0 || len(spans) > 0 && spans[0].lo < old[0].lo {
			from = &spans
		}
		s := (*from)[0]
		*from = (*from)[1:]
		if n := len(all); n > 0 && s.lo < all[n-1].hi {
			return f.errorf(s.lo, "data overlaps other data, which ends at byte %d; the file is damaged", f.base+all[n-1].hi)
		}
		all = append(all, s)
	}
	f.spans = all
	return nil
}

// begin is the index of a chunk's first element along each axis.
func (l *layout) begin(c chunk) []uint64 {
	at := unravel(c.number, l.chunked.grid(lengths(l.space.dims)))
	for i, n := range l.chunked.dims {
		at[i] *= n
	}
	return at
}

// visible is the number of a chunk's bytes that are within the dataset.
func (l *layout) visible(c chunk) uint64 {
	n := l.chunked.element
	for i, at := range l.begin(c) {
		n *= min(l.chunked.dims[i], uint64(l.space.dims[i])-at)
	}
	return n
}

// readChunks reads every chunk to its place in the elements.
func (f *File) readChunks(l *layout, b []byte) error {
	var dec decoder
	var stored []byte
	p := newPlacer(l, b)
	for _, c := range l.chunks {
		stored = slices.Grow(stored[:0], int(c.size))[:c.size]
		if err := f.readAt(stored, c.addr); err != nil {
			return err
		}
		r, err := dec.open(l, stored, c.mask)
		if err == nil {
			err = p.place(r, l.begin(c), l.passed(filterShuffle, c.mask))
		}
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = errors.New("it ends early")
			}
			return f.errorf(c.addr, "chunk %d: %v", c.number, err)
		}
	}
	return nil
}

// A placer copies chunks to their place without a buffer of a chunk's size:
// one chunk may be as large as the dataset.
type placer struct {
	out     []byte
	element int
	dims    []int // of the dataset, those after axis taken together with it
	chunk   []int // likewise of a chunk
	strides []int // elements from one index of an axis to the next
	axis    int   // the last axis along which there are several chunks, or 0
	buf     []byte
}

func newPlacer(l *layout, out []byte) *placer {
	p := &placer{out: out, element: l.typ.size, buf: make([]byte, 32<<10)}
	dims := l.space.dims
	for i, n := range l.chunked.dims {
		p.dims, p.chunk = append(p.dims, dims[i]), append(p.chunk, int(n))
	}
	p.axis = len(dims) - 1
	for p.axis > 0 && p.dims[p.axis] == p.chunk[p.axis] {
		p.axis--
	}
	inner := 1
	for _, n := range dims[p.axis+1:] {
		inner *= n
	}
	p.dims, p.chunk = p.dims[:p.axis+1], p.chunk[:p.axis+1]
	p.strides = make([]int, p.axis+1)
	for i, n := p.axis, inner; i >= 0; i-- {
		p.strides[i] = n
		n *= p.dims[i]
	}
	return p
}

// place reads the chunk that begins at an index. Shuffled bytes come as all
// first bytes of the elements, then all second ones, and so on.
func (p *placer) place(r io.Reader, begin []uint64, shuffled bool) error {
	planes := 1
	if shuffled {
		planes = p.element
	}
	inner := p.strides[p.axis]
	run := p.chunk[p.axis] * inner
	seen := min(p.chunk[p.axis], p.dims[p.axis]-int(begin[p.axis])) * inner
	for plane := range planes {
		at := make([]int, p.axis) // the row within the chunk
		for more := true; more; more = p.next(at) {
			off, visible := int(begin[p.axis])*inner, true
			for i, k := range at {
				k += int(begin[i])
				visible = visible && k < p.dims[i]
				off += k * p.strides[i]
			}
			n := seen
			if !visible {
				n = 0
			}
			if err := p.row(r, off, n, run, plane, planes); err != nil {
				return err
			}
		}
	}
	if n, err := r.Read(p.buf[:1]); n != 0 || err != io.EOF {
		if err == nil {
			err = errors.New("it goes on after its last element")
		}
		return err
	}
	return nil
}

// next counts to the next row.
func (p *placer) next(at []int) bool {
	for i := len(at) - 1; i >= 0; i-- {
		if at[i]++; at[i] < p.chunk[i] {
			return true
		}
		at[i] = 0
	}
	return false
}

// row reads run elements, or one byte of each, and keeps the first seen.
func (p *placer) row(r io.Reader, off, seen, run, plane, planes int) error {
	if planes == 1 {
		if seen > 0 {
			if _, err := io.ReadFull(r, p.out[off*p.element:][:seen*p.element]); err != nil {
				return err
			}
		}
		return p.skip(r, (run-seen)*p.element)
	}
	to := p.out
	if seen > 0 {
		to = p.out[off*p.element+plane:]
	}
	for left := seen; left > 0; {
		b := p.buf[:min(left, len(p.buf))]
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		for i, v := range b {
			to[i*p.element] = v
		}
		left -= len(b)
		if left > 0 {
			to = to[len(b)*p.element:]
		}
	}
	return p.skip(r, run-seen)
}

func (p *placer) skip(r io.Reader, n int) error {
	for n > 0 {
		b := p.buf[:min(n, len(p.buf))]
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		n -= len(b)
	}
	return nil
}
