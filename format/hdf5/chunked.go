package hdf5

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// Indexes that find chunks. The first is that of layout version 3.
const (
	indexTree1 = iota
	indexSingle
	indexImplicit
	indexFixed
	indexExtensible
	indexTree2
)

// chunked says how a dataset is cut into chunks and what finds them.
type chunked struct {
	dims  []uint64 // of a chunk, in elements
	size  uint64   // bytes of a chunk before the filters
	index int
	at    uint64 // of the index, or of the only chunk

	element    uint64 // bytes of an element
	partial    bool   // chunks over the edge did not pass the filters
	singleSize uint64 // 0 where it is not filtered
	singleMask uint32
}

// A chunk is where a part of the elements lies.
type chunk struct {
	number     uint64 // in the grid of chunks, row-major
	addr, size uint64
	mask       uint32 // filters that were left out
}

// version3 reads the rest of a layout message that ends with a B-tree.
func (k *chunked) version3(c *cursor) error {
	n := c.u8()
	k.at = c.u64()
	for range n {
		k.dims = append(k.dims, uint64(c.u32()))
	}
	return c.err()
}

// version4 reads the rest of a layout message with one of five indexes.
func (k *chunked) version4(c *cursor) error {
	flags, n, width := c.u8(), c.u8(), c.u8()
	if width < 1 || width > 8 {
		return c.errorf("chunk lengths of %d bytes", width)
	}
	for range n {
		k.dims = append(k.dims, c.uint(width))
	}
	k.partial = flags&1 != 0
	switch k.index = c.u8(); k.index {
	case indexSingle:
		if flags&2 != 0 {
			k.singleSize, k.singleMask = c.u64(), c.u32()
		}
	case indexImplicit:
	case indexFixed:
		c.skip(1) // what follows stands in the index, too
	case indexExtensible:
		c.skip(5)
	case indexTree2:
		c.skip(6)
	default:
		return c.unsupported("chunk index %d is not known", k.index)
	}
	k.at = c.u64()
	return c.err()
}

// check holds the chunks against the dataset.
func (k *chunked) check(c *cursor, d *layout) error {
	rank := len(d.space.dims)
	if d.space.null || rank == 0 || len(k.dims) != rank+1 {
		return c.errorf("chunks of %d axes for a dataset of %d", len(k.dims)-1, rank)
	}
	k.element = uint64(d.typ.size)
	if k.dims[rank] != k.element {
		return c.errorf("chunks hold elements of %d bytes, the dataset's have %d", k.dims[rank], k.element)
	}
	k.dims = k.dims[:rank]
	k.size = k.element
	for _, n := range k.dims {
		hi, lo := bits.Mul64(k.size, n)
		if n == 0 || hi != 0 || lo > math.MaxUint32 {
			return c.errorf("chunks of shape %v; want one byte to 4 GiB", k.dims)
		}
		k.size = lo
	}
	return nil
}

// grid is the number of chunks along each axis for the given lengths.
func (k *chunked) grid(lengths []uint64) []uint64 {
	out := make([]uint64, len(lengths))
	for i, n := range lengths {
		out[i] = n / k.dims[i]
		if n%k.dims[i] != 0 {
			out[i]++
		}
	}
	return out
}

func lengths(dims []int) []uint64 {
	out := make([]uint64, len(dims))
	for i, d := range dims {
		out[i] = uint64(d)
	}
	return out
}

// A gatherer lists the chunks that an index finds.
type gatherer struct {
	f      *File
	d      *layout
	k      *chunked
	counts []uint64 // of chunks along each axis
	out    []chunk
}

// gather lists the dataset's chunks in the order of their numbers, each there
// once. The lock is held.
func (f *File) gather(d *layout) ([]chunk, error) {
	k := &d.chunked
	if k.at == undefined {
		return nil, nil
	}
	g := &gatherer{f: f, d: d, k: k, counts: k.grid(lengths(d.space.dims))}
	var err error
	switch k.index {
	case indexTree1:
		err = g.tree1()
	case indexSingle:
		n := k.singleSize
		if n == 0 {
			n = k.size
		}
		err = g.add(make([]uint64, len(k.dims)), k.at, n, k.singleMask)
	case indexImplicit:
		err = g.implicit()
	case indexFixed:
		err = g.fixedArray()
	case indexExtensible:
		err = g.extensibleArray()
	case indexTree2:
		err = g.tree2()
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(g.out, func(a, b chunk) int { return cmp.Compare(a.number, b.number) })
	for i := 1; i < len(g.out); i++ {
		if g.out[i].number == g.out[i-1].number {
			return nil, f.errorf(g.out[i].addr, "the index of its chunks holds number %d twice", g.out[i].number)
		}
	}
	return g.out, nil
}

// add notes the chunk at a place of the grid.
func (g *gatherer) add(place []uint64, addr, size uint64, mask uint32) error {
	if addr == undefined {
		return nil
	}
	number := uint64(0)
	for i, p := range place {
		if p >= g.counts[i] {
			return g.f.errorf(addr, "the chunk at %v of the grid lies outside shape %v", place, g.d.space.dims)
		}
		// The grid has no more chunks than the dataset elements.
		number = number*g.counts[i] + p
	}
	if err := g.f.inside(addr, size, "a chunk"); err != nil {
		return err
	}
	if !g.d.possible(size, g.k.size, mask) {
		return g.f.errorf(addr, "the chunk at %v of the grid has %d bytes, from which %d cannot come", place, size, g.k.size)
	}
	if len(g.out) > 1<<18+int(g.f.end/64) {
		return g.f.unsupported(addr, "the dataset lies in so many small chunks that their list outgrows the file; rewrite the file with h5repack -l CONTI")
	}
	g.out = append(g.out, chunk{number, addr, size, mask})
	return nil
}

// tree1 walks a version 1 B-tree, whose keys are a chunk's size, its mask and
// the place of its first element.
func (g *gatherer) tree1() error {
	rank := len(g.k.dims)
	return g.f.walk1(g.k.at, 1, 8+8*(rank+1), func(key *cursor, child uint64) error {
		size, mask := uint64(key.u32()), key.u32()
		place := make([]uint64, rank)
		for i, n := range g.k.dims {
			at := key.u64()
			if at%n != 0 {
				return key.errorf("a chunk begins at %d of an axis cut into %d", at, n)
			}
			place[i] = at / n
		}
		if key.u64() != 0 {
			return key.errorf("a chunk begins within an element")
		}
		if err := key.err(); err != nil {
			return err
		}
		return g.add(place, child, size, mask)
	})
}

// tree2 walks a version 2 B-tree.
func (g *gatherer) tree2() error {
	rank := len(g.k.dims)
	typ := recordsChunk
	if len(g.d.filters) > 0 {
		typ = recordsChunkPress
	}
	return g.f.walk2(g.k.at, typ, func(r *cursor) error {
		addr, size, mask := r.u64(), g.k.size, uint32(0)
		if typ == recordsChunkPress {
			width := r.left() - 4 - 8*rank
			if width < 1 || width > 8 {
				return r.errorf("chunk sizes of %d bytes", width)
			}
			size, mask = r.uint(width), r.u32()
		}
		place := make([]uint64, rank)
		for i := range place {
			place[i] = r.u64()
		}
		if err := r.err(); err != nil {
			return err
		}
		return g.add(place, addr, size, mask)
	})
}

// implicit takes chunks that lie one after the other.
func (g *gatherer) implicit() error {
	counts := g.k.grid(g.d.space.most)
	total := uint64(1)
	for _, n := range counts {
		hi, lo := bits.Mul64(total, n)
		if hi != 0 {
			return g.f.errorf(g.k.at, "the dataset has more chunks than the file has bytes")
		}
		total = lo
	}
	hi, n := bits.Mul64(total, g.k.size)
	if hi != 0 {
		return g.f.errorf(g.k.at, "the dataset has more chunks than the file has bytes")
	}
	if err := g.f.inside(g.k.at, n, "the chunks"); err != nil {
		return err
	}
	for i := range total {
		place := unravel(i, counts)
		if g.beyond(place) {
			continue
		}
		if err := g.add(place, g.k.at+i*g.k.size, g.k.size, 0); err != nil {
			return err
		}
	}
	return nil
}

// beyond reports whether a place, possible while the axes grow, is not in the
// dataset now.
func (g *gatherer) beyond(place []uint64) bool {
	for i, p := range place {
		if p >= g.counts[i] {
			return true
		}
	}
	return false
}

// unravel is the place of a number in a row-major grid. Along the first axis
// there is no limit.
func unravel(n uint64, counts []uint64) []uint64 {
	place := make([]uint64, len(counts))
	for i := len(counts) - 1; i > 0; i-- {
		if counts[i] == 0 {
			return place
		}
		place[i] = n % counts[i]
		n /= counts[i]
	}
	place[0] = n
	return place
}
