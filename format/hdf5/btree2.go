package hdf5

import "math/bits"

// Types of the records in a version 2 B-tree.
const (
	recordsHuge       = 1 // objects of a fractal heap, not filtered, by number
	recordsLinkName   = 5
	recordsAttrName   = 8
	recordsChunk      = 10
	recordsChunkPress = 11 // chunks that passed filters
)

// A tree2 is a version 2 B-tree while it is walked.
type tree2 struct {
	f          *File
	typ        int
	nodeSize   uint64
	recordSize int
	levels     []level2 // from the leaves up
	total      uint64   // records seen
	visit      func(c *cursor) error
}

// A level2 says how wide the fields of a pointer to a node of that level are.
type level2 struct {
	most  uint64 // records a node can hold
	below uint64 // records it and all nodes below it can hold
	width int    // bytes of a count of them
}

// walk2 visits the records of the B-tree at an address in their order. The
// cursor holds one record.
func (f *File) walk2(addr uint64, typ int, visit func(c *cursor) error) error {
	const what = "the B-tree"
	c, err := f.block(addr, 38, what)
	if err != nil {
		return err
	}
	if err := c.checksum(); err != nil {
		return err
	}
	if err := c.signature("BTHD", 0); err != nil {
		return err
	}
	t := &tree2{f: f, typ: c.u8(), visit: visit}
	t.nodeSize, t.recordSize = uint64(c.u32()), c.u16()
	depth := c.u16()
	c.skip(2)
	root, count, total := c.u64(), uint64(c.u16()), c.u64()
	switch {
	case t.typ != typ:
		return c.errorf("it holds records of type %d, want %d", t.typ, typ)
	case t.recordSize == 0 || t.nodeSize < uint64(10+t.recordSize) || t.nodeSize > f.end:
		return c.errorf("nodes of %d bytes with records of %d", t.nodeSize, t.recordSize)
	case depth > 16:
		return c.errorf("it is %d levels deep", depth)
	case root == undefined && total == 0:
		return nil
	}
	leaf := (t.nodeSize - 10) / uint64(t.recordSize)
	t.levels = []level2{{most: leaf, below: leaf, width: bytesFor(leaf)}}
	for u := 1; u <= depth; u++ {
		down := t.levels[u-1]
		pointer := uint64(t.pointer(u))
		if t.nodeSize < 10+pointer {
			return c.errorf("nodes of %d bytes have no room", t.nodeSize)
		}
		most := (t.nodeSize - 10 - pointer) / (uint64(t.recordSize) + pointer)
		hi, below := bits.Mul64(most+1, down.below)
		below, carry := bits.Add64(below, most, 0)
		if hi != 0 || carry != 0 {
			return c.errorf("it is %d levels deep", depth)
		}
		t.levels = append(t.levels, level2{most: most, below: below, width: bytesFor(below)})
	}
	if err := t.node(root, count, depth); err != nil {
		return err
	}
	if t.total != total {
		return c.errorf("it has %d records, its header says %d; the file is damaged", t.total, total)
	}
	return nil
}

// bytesFor is how many bytes a count of up to n takes.
func bytesFor(n uint64) int { return max(1, (bits.Len64(n)+7)/8) }

// pointer is the size of a pointer to a child, in a node of a level.
func (t *tree2) pointer(depth int) int {
	n := 8 + t.levels[0].width
	if depth > 1 {
		n += t.levels[depth-1].width
	}
	return n
}

func (t *tree2) node(addr, count uint64, depth int) error {
	const what = "a node of the B-tree"
	letters, size := "BTLF", uint64(6)+count*uint64(t.recordSize)+4
	if depth > 0 {
		letters, size = "BTIN", size+(count+1)*uint64(t.pointer(depth))
	}
	if count > t.levels[depth].most {
		return t.f.errorf(addr, "%s holds %d records; it has room for %d", what, count, t.levels[depth].most)
	}
	c, err := t.f.block(addr, size, what)
	if err != nil {
		return err
	}
	if err := c.checksum(); err != nil {
		return err
	}
	if err := c.signature(letters, 0); err != nil {
		return err
	}
	if c.u8() != t.typ {
		return c.errorf("its records are not of the tree's type")
	}
	t.total += count
	records := c.sub(int(count) * t.recordSize)
	for i := uint64(0); ; i++ {
		if depth > 0 {
			child, n := c.u64(), c.uint(t.levels[0].width)
			if depth > 1 {
				c.skip(t.levels[depth-1].width)
			}
			if err := c.err(); err != nil {
				return err
			}
			if err := t.node(child, n, depth-1); err != nil {
				return err
			}
		}
		if i == count {
			return nil
		}
		r := records.sub(t.recordSize)
		if err := t.visit(r); err != nil {
			return err
		}
		if err := r.err(); err != nil {
			return err
		}
	}
}
