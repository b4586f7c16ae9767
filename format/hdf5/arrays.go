package hdf5

import (
	"math/bits"
	"slices"
)

// An array reads the elements of a fixed or extensible array: addresses of
// chunks, with size and mask where they are filtered.
type array struct {
	*gatherer
	addr   uint64 // of the header, which every block refers back to
	width  int    // bytes of an element
	client int    // 0 where chunks are not filtered, 1 where they are
	place  func(n uint64) []uint64
}

// format reads the client and the width of elements.
func (a *array) format(c *cursor) error {
	a.client, a.width = c.u8(), c.u8()
	want := 0
	if len(a.d.filters) > 0 {
		want = 1
	}
	if a.client != want || a.client == 0 && a.width != 8 || a.client == 1 && (a.width < 13 || a.width > 20) {
		return c.errorf("elements of kind %d and %d bytes", a.client, a.width)
	}
	return nil
}

// block reads a block of the array, of n bytes after its beginning, and takes
// the beginning off.
func (a *array) block(addr uint64, letters string, n uint64) (*cursor, error) {
	if n > a.f.end {
		return nil, a.f.errorf(addr, "an index of chunks claims %d bytes; the file is damaged", n)
	}
	c, err := a.f.block(addr, 14+n+4, "the index of chunks")
	if err != nil {
		return nil, err
	}
	if err := c.checksum(); err != nil {
		return nil, err
	}
	if err := c.signature(letters, 0); err != nil {
		return nil, err
	}
	if c.u8() != a.client || c.u64() != a.addr {
		return nil, c.errorf("it belongs to another index")
	}
	return c, nil
}

// elements reads n elements, the first of which has the given number.
func (a *array) elements(c *cursor, first, n uint64) error {
	for i := range n {
		addr, size, mask := c.u64(), a.k.size, uint32(0)
		if a.client == 1 {
			size, mask = c.uint(a.width-12), c.u32()
		}
		if err := c.err(); err != nil {
			return err
		}
		if err := a.add(a.place(first+i), addr, size, mask); err != nil {
			return err
		}
	}
	return nil
}

// pages reads elements that are kept in pages, of which those that have their
// bit in the map were written.
func (a *array) pages(addr, first, n, page uint64, written func(i uint64) bool) error {
	for i := uint64(0); i*page < n; i++ {
		here := min(page, n-i*page)
		if written(i) {
			c, err := a.f.block(addr, here*uint64(a.width)+4, "a page of the index of chunks")
			if err != nil {
				return err
			}
			if err := c.checksum(); err != nil {
				return err
			}
			if err := a.elements(c, first+i*page, here); err != nil {
				return err
			}
		}
		addr += here*uint64(a.width) + 4
	}
	return nil
}

// bit is a bit of a map that begins with the highest bit of its first byte.
func bit(m []byte, i uint64) bool { return m[i/8]&(0x80>>(i%8)) != 0 }

// fixedArray reads the index of datasets that cannot grow beyond a limit.
func (g *gatherer) fixedArray() error {
	c, err := g.f.block(g.k.at, 28, "the index of chunks")
	if err != nil {
		return err
	}
	if err := c.checksum(); err != nil {
		return err
	}
	if err := c.signature("FAHD", 0); err != nil {
		return err
	}
	counts := g.k.grid(g.d.space.most)
	a := &array{gatherer: g, addr: g.k.at, place: func(n uint64) []uint64 { return unravel(n, counts) }}
	if err := a.format(c); err != nil {
		return err
	}
	pageBits, n, at := c.u8(), c.u64(), c.u64()
	switch {
	case pageBits > 32:
		return c.errorf("pages of 2^%d elements", pageBits)
	case n > g.f.end/uint64(a.width):
		return c.errorf("it claims %d elements; the file is damaged", n)
	case at == undefined:
		return nil
	}
	page := uint64(1) << pageBits
	if n <= page {
		b, err := a.block(at, "FADB", n*uint64(a.width))
		if err != nil {
			return err
		}
		return a.elements(b, 0, n)
	}
	m := ((n+page-1)/page + 7) / 8
	b, err := a.block(at, "FADB", m)
	if err != nil {
		return err
	}
	written := b.take(int(m))
	return a.pages(at+14+m+4, 0, n, page, func(i uint64) bool { return bit(written, i) })
}

// An extensible is the extensible array of a dataset that can grow along one
// axis without limit. Its index block holds the first elements; data blocks,
// which double in size and number, hold the others, the later of them by way
// of super blocks.
type extensible struct {
	array
	direct    uint64 // elements in the index block
	smallest  uint64 // elements of the first data block
	page      uint64 // elements of a page
	offsetLen int
}

// super is the number of data blocks of a super block, and of elements in each.
func (e *extensible) super(s int) (blocks, each uint64) {
	return 1 << (s / 2), e.smallest << ((s + 1) / 2)
}

func (g *gatherer) extensibleArray() error {
	c, err := g.f.block(g.k.at, 12+6*8+8+4, "the index of chunks")
	if err != nil {
		return err
	}
	if err := c.checksum(); err != nil {
		return err
	}
	if err := c.signature("EAHD", 0); err != nil {
		return err
	}
	e := &extensible{array: array{gatherer: g, addr: g.k.at}}
	if e.place, err = g.swizzled(); err != nil {
		return err
	}
	if err := e.format(c); err != nil {
		return err
	}
	maxBits := c.u8()
	e.direct, e.smallest = uint64(c.u8()), uint64(c.u8())
	pointers, pageBits := uint64(c.u8()), c.u8()
	c.skip(6 * 8)
	at := c.u64()
	power := func(n uint64) bool { return n != 0 && n&(n-1) == 0 }
	if maxBits < 1 || maxBits > 48 || !power(e.smallest) || !power(pointers) || pageBits > 32 || bits.Len64(e.smallest) > maxBits {
		return c.errorf("its blocks cannot be: %d bits, %d elements, %d pointers, pages of 2^%d", maxBits, e.smallest, pointers, pageBits)
	}
	if at == undefined {
		return nil
	}
	e.page = 1 << pageBits
	e.offsetLen = (maxBits + 7) / 8
	supers := 1 + maxBits - (bits.Len64(e.smallest) - 1)
	inIndex := min(supers, 2*(bits.Len64(pointers)-1)) // super blocks whose data blocks the index block lists
	blocks := uint64(0)
	for s := range inIndex {
		n, _ := e.super(s)
		blocks += n
	}
	b, err := e.block(at, "EAIB", e.direct*uint64(e.width)+8*blocks+8*uint64(supers-inIndex))
	if err != nil {
		return err
	}
	if err := e.elements(b, 0, e.direct); err != nil {
		return err
	}
	first := e.direct
	for s := range supers {
		n, each := e.super(s)
		if s < inIndex {
			for range n {
				if err := e.dataBlock(b.u64(), first, each, nil, 0); err != nil {
					return err
				}
				first += each
			}
			continue
		}
		if err := e.superBlock(b.u64(), first, n, each); err != nil {
			return err
		}
		first += n * each
	}
	return b.err()
}

// swizzled turns a number in the array into a place in the grid: the axis that
// grows comes first there.
func (g *gatherer) swizzled() (func(n uint64) []uint64, error) {
	axis := slices.Index(g.d.space.most, undefined)
	counts := g.k.grid(g.d.space.most)
	if axis < 0 {
		return nil, g.f.errorf(g.k.at, "the index is for a dataset that grows, but this one has limits")
	}
	order := append([]uint64{counts[axis]}, slices.Delete(slices.Clone(counts), axis, axis+1)...)
	return func(n uint64) []uint64 {
		p := unravel(n, order)
		return slices.Insert(p[1:], axis, p[0])
	}, nil
}

func (e *extensible) superBlock(addr, first, blocks, each uint64) error {
	if addr == undefined {
		return nil
	}
	m := uint64(0) // bytes of a data block's part of the map
	if each > e.page {
		m = (each/e.page + 7) / 8
	}
	if blocks*m > e.f.end {
		return e.f.errorf(addr, "an index of chunks claims %d pages; the file is damaged", blocks*m*8)
	}
	c, err := e.block(addr, "EASB", uint64(e.offsetLen)+blocks*m+8*blocks)
	if err != nil {
		return err
	}
	c.skip(e.offsetLen)
	written := c.take(int(blocks * m))
	for i := range blocks {
		if err := e.dataBlock(c.u64(), first+i*each, each, written, i*(each/e.page)); err != nil {
			return err
		}
	}
	return c.err()
}

// dataBlock reads a data block. Bits of its pages begin at bit in the map.
func (e *extensible) dataBlock(addr, first, n uint64, written []byte, at uint64) error {
	if addr == undefined {
		return nil
	}
	if n > e.f.end/uint64(e.width) {
		return e.f.errorf(addr, "an index of chunks claims %d elements; the file is damaged", n)
	}
	if n <= e.page {
		c, err := e.block(addr, "EADB", uint64(e.offsetLen)+n*uint64(e.width))
		if err != nil {
			return err
		}
		c.skip(e.offsetLen)
		return e.elements(c, first, n)
	}
	if written == nil {
		return e.f.unsupported(addr, "an index of chunks with pages in its first blocks")
	}
	c, err := e.block(addr, "EADB", uint64(e.offsetLen))
	if err != nil {
		return err
	}
	return e.pages(addr+uint64(len(c.b))+4, first, n, e.page, func(i uint64) bool { return bit(written, at+i) })
}
