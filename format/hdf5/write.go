package hdf5

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/tensor"
)

// Sizes that the writer's superblock declares.
const (
	leafK     = 4  // half the names of a symbol table node
	internalK = 16 // half the children of a B-tree node
)

// maxMessage is the most bytes of a message in an object header.
const maxMessage = 65528

// Write writes the root and all below it, in the oldest form of the format
// (superblock 0, symbol tables, contiguous data), which every reader knows.
// Equal trees give equal bytes.
func Write(w io.Writer, root *Node) error {
	b := &builder{}
	b.alloc(96)
	addr, err := b.node(root, "", 0)
	if err != nil {
		return fmt.Errorf("hdf5: writing %w", err)
	}
	end := uint64(len(b.meta))
	for _, d := range b.data {
		binary.LittleEndian.PutUint64(b.meta[d.at:], end)
		end += round8(uint64(len(d.raw)))
	}
	b.superblock(addr, end)
	if _, err := w.Write(b.meta); err != nil {
		return fmt.Errorf("hdf5: writing the structure: %w", err)
	}
	for _, d := range b.data {
		_, err := w.Write(d.raw)
		if n := len(d.raw) % 8; err == nil && n > 0 {
			_, err = w.Write(make([]byte, 8-n))
		}
		if err != nil {
			return fmt.Errorf("hdf5: writing the data of %q: %w", d.path, err)
		}
	}
	return nil
}

func round8(n uint64) uint64 { return (n + 7) &^ 7 }

// A builder lays out all but the data, which follows it in the file.
type builder struct {
	meta []byte
	data []block
}

// A block is the data of a dataset, and where its address is to be put.
type block struct {
	path string
	raw  []byte
	at   int
}

// alloc takes n bytes, rounded up to 8, and gives their address.
func (b *builder) alloc(n int) uint64 {
	addr := uint64(len(b.meta))
	b.meta = append(b.meta, make([]byte, round8(uint64(n)))...)
	return addr
}

// put writes at an address that alloc gave.
func (b *builder) put(addr uint64, p []byte) { copy(b.meta[addr:], p) }

// A record is bytes put together from numbers.
type record []byte

func (r *record) u8(v ...int) {
	for _, v := range v {
		*r = append(*r, byte(v))
	}
}
func (r *record) u16(v int)     { *r = binary.LittleEndian.AppendUint16(*r, uint16(v)) }
func (r *record) u32(v uint32)  { *r = binary.LittleEndian.AppendUint32(*r, v) }
func (r *record) u64(v uint64)  { *r = binary.LittleEndian.AppendUint64(*r, v) }
func (r *record) text(s string) { *r = append(*r, s...) }

// pad brings the length to a multiple of 8.
func (r *record) pad() { *r = append(*r, make([]byte, -len(*r)&7)...) }

func (b *builder) superblock(root, end uint64) {
	var r record
	r.text(signature)
	r.u8(0, 0, 0, 0, 0, 8, 8, 0)
	r.u16(leafK)
	r.u16(internalK)
	r.u32(0)
	r.u64(0)
	r.u64(undefined)
	r.u64(end)
	r.u64(undefined)
	r.u64(0)
	r.u64(root)
	b.put(0, r)
}

// node lays out an object and all below it, and gives the address of its header.
func (b *builder) node(n *Node, path string, depth int) (uint64, error) {
	fail := func(format string, args ...any) (uint64, error) {
		return 0, fmt.Errorf("%q: %w", cmp.Or(path, "/"), fmt.Errorf(format, args...))
	}
	switch {
	case depth > maxDepth || depth == maxDepth && n.Tensor == nil:
		return fail("groups are nested more than %d deep, or hold themselves", maxDepth)
	case n.Tensor != nil && len(n.Children) > 0:
		return fail("it has both data and children; a dataset is no group")
	case n.Tensor != nil && depth == 0:
		return fail("the root must be a group")
	}
	var msgs record
	count := 0
	add := func(typ int, body record) {
		body.pad()
		msgs.u16(typ)
		msgs.u16(len(body))
		msgs.u32(0)
		msgs = append(msgs, body...)
		count++
	}
	address := -1 // of the data's address in msgs
	if t := n.Tensor; t != nil {
		if len(t.Shape()) > maxRank {
			return fail("it has %d axes; HDF5 has at most %d", len(t.Shape()), maxRank)
		}
		add(msgDataspace, spaceOf(t.Shape()))
		add(msgDatatype, typeOf(t.DType()))
		add(msgFill, record{2, 2, 2, 1, 0, 0, 0, 0}) // allocated late; zero
		r := record{3, layoutContiguous}
		r.u64(undefined)
		r.u64(uint64(len(t.Bytes())))
		if len(t.Bytes()) > 0 {
			address = len(msgs) + 8 + 2
		}
		add(msgLayout, r)
	} else {
		tree, heap, err := b.group(n, path, depth)
		if err != nil {
			return 0, err
		}
		var r record
		r.u64(tree)
		r.u64(heap)
		add(msgSymbolTable, r)
	}
	seen := map[string]bool{}
	for _, a := range n.Attrs {
		if seen[a.Name] {
			return fail("two attributes are named %q", a.Name)
		}
		seen[a.Name] = true
		r, err := b.attr(a)
		if err != nil {
			return fail("attribute %q: %w", a.Name, err)
		}
		add(msgAttribute, r)
	}
	if count > math.MaxUint16 {
		return fail("it has %d attributes, more than a header can count", len(n.Attrs))
	}
	head := record{1, 0}
	head.u16(count)
	head.u32(1) // links to it
	head.u32(uint32(len(msgs)))
	head.pad()
	addr := b.alloc(len(head) + len(msgs))
	b.put(addr, append(head, msgs...))
	if address >= 0 {
		b.data = append(b.data, block{path, n.Tensor.Bytes(), int(addr) + len(head) + address})
	}
	return addr, nil
}

// group lays out a group's children and what finds them: a local heap with
// their names, symbol table nodes, and a B-tree over these.
func (b *builder) group(n *Node, path string, depth int) (tree, heap uint64, err error) {
	sorted := slices.SortedFunc(slices.Values(n.Children), func(a, b *Node) int { return cmp.Compare(a.Name, b.Name) })
	names := make(record, 8) // the empty name comes first
	var entries []record
	var offsets []uint64 // of the names
	for i, c := range sorted {
		switch {
		case c.Name == "" || c.Name == "." || len(c.Name) > maxName || strings.ContainsAny(c.Name, "/\x00"):
			return 0, 0, fmt.Errorf("%q: a child is named %q; want 1 to %d bytes without a slash or a zero", cmp.Or(path, "/"), c.Name, maxName)
		case i > 0 && c.Name == sorted[i-1].Name:
			return 0, 0, fmt.Errorf("%q: two children are named %q", cmp.Or(path, "/"), c.Name)
		}
		addr, err := b.node(c, path+"/"+c.Name, depth+1)
		if err != nil {
			return 0, 0, err
		}
		offsets = append(offsets, uint64(len(names)))
		var r record
		r.u64(uint64(len(names)))
		r.u64(addr)
		entries = append(entries, append(r, make([]byte, 24)...))
		names.text(c.Name)
		names.u8(0)
		names.pad()
	}
	var h record
	h.text("HEAP")
	h.u32(0)
	h.u64(uint64(len(names)))
	h.u64(1) // no free space
	heap = b.alloc(32 + len(names))
	h.u64(heap + 32)
	b.put(heap, append(h, names...))

	var level []uint64 // what a level of the tree points to
	var last []uint64  // the name that each of them ends with
	for lo := 0; lo < len(entries); lo += 2 * leafK {
		some := entries[lo:min(lo+2*leafK, len(entries))]
		var r record
		r.text("SNOD")
		r.u8(1, 0)
		r.u16(len(some))
		addr := b.alloc(8 + 2*leafK*40)
		b.put(addr, append(r, slices.Concat(some...)...))
		level, last = append(level, addr), append(last, offsets[lo+len(some)-1])
	}
	for height := 0; ; height++ {
		level, last = b.level(height, level, last)
		if len(level) == 1 {
			return level[0], heap, nil
		}
	}
}

// level lays out the nodes of a level of a B-tree over the given children,
// one node at least.
func (b *builder) level(height int, children, last []uint64) (nodes, ends []uint64) {
	const most = 2 * internalK
	const size = 24 + most*8 + (most+1)*8
	count := max(1, (len(children)+most-1)/most)
	first := b.alloc(count * size)
	before := uint64(0) // the name before the node's first
	for i := range count {
		addr := first + uint64(i*size)
		lo, hi := i*most, min((i+1)*most, len(children))
		var r record
		r.text("TREE")
		r.u8(0, height)
		r.u16(hi - lo)
		left, right := uint64(undefined), uint64(undefined)
		if i > 0 {
			left = addr - size
		}
		if i < count-1 {
			right = addr + size
		}
		r.u64(left)
		r.u64(right)
		r.u64(before)
		for j := lo; j < hi; j++ {
			r.u64(children[j])
			r.u64(last[j])
			before = last[j]
		}
		b.put(addr, r)
		nodes, ends = append(nodes, addr), append(ends, before)
	}
	return nodes, ends
}

// attr is an attribute message.
func (b *builder) attr(a Value) (record, error) {
	if a.Name == "" || strings.Contains(a.Name, "\x00") || len(a.Name) > maxName {
		return nil, fmt.Errorf("want a name of 1 to %d bytes without a zero", maxName)
	}
	var typ, space, raw record
	var err error
	switch v := a.Value.(type) {
	case string:
		typ, space = varType(), spaceOf(nil)
		raw, err = b.varTexts([]string{v})
	case []string:
		typ, space = varType(), spaceOf(tensor.Shape{len(v)})
		raw, err = b.varTexts(v)
	case Fixed:
		space = spaceOf(tensor.Shape{len(v)})
		typ, raw, err = fixedTexts(v)
	case *tensor.Tensor:
		if len(v.Shape()) > maxRank {
			return nil, fmt.Errorf("it has %d axes; HDF5 has at most %d", len(v.Shape()), maxRank)
		}
		typ, space, raw = typeOf(v.DType()), spaceOf(v.Shape()), v.Bytes()
	default:
		err = fmt.Errorf("a value of type %T; want string, []string, Fixed or *tensor.Tensor", v)
	}
	if err != nil {
		return nil, err
	}
	r := record{1, 0}
	r.u16(len(a.Name) + 1)
	r.u16(len(typ))
	r.u16(len(space))
	r.text(a.Name)
	r.u8(0)
	for _, part := range []record{typ, space} {
		r.pad()
		r = append(r, part...)
	}
	r.pad()
	if len(r)+len(raw) > maxMessage {
		return nil, fmt.Errorf("it takes %d bytes, but an attribute can have %d; split it, as Keras does with long lists of names", len(r)+len(raw), maxMessage)
	}
	return append(r, raw...), nil
}

// varTexts puts texts into a global heap and gives the references to them.
func (b *builder) varTexts(texts []string) (record, error) {
	var objects, refs record
	addr := uint64(len(b.meta))
	index := 0
	for _, s := range texts {
		if err := plain(s); err != nil {
			return nil, err
		}
		if len(s) == 0 {
			refs = append(refs, make([]byte, 16)...)
			continue
		}
		index++
		refs.u32(uint32(len(s)))
		refs.u64(addr)
		refs.u32(uint32(index))
		objects.u16(index)
		objects.u16(0)
		objects.u32(0)
		objects.u64(uint64(len(s)))
		objects.text(s)
		objects.pad()
	}
	switch {
	case index > math.MaxUint16:
		return nil, fmt.Errorf("%d texts are more than a global heap can count", index)
	case index == 0:
		return refs, nil
	}
	// The space that is left is an object of its own, if it has room for one.
	size := max(4096, 16+len(objects))
	free := size - 16 - len(objects)
	if free == 8 {
		size, free = size+8, 16
	}
	var r record
	r.text("GCOL")
	r.u32(1)
	r.u64(uint64(size))
	r = append(r, objects...)
	if free > 0 {
		r.u64(0)
		r.u64(uint64(free))
	}
	b.alloc(size)
	b.put(addr, r)
	return refs, nil
}

// fixedTexts is the type and the bytes of texts of one length.
func fixedTexts(texts []string) (typ, raw record, err error) {
	size, set := 1, 0
	for _, s := range texts {
		if err := plain(s); err != nil {
			return nil, nil, err
		}
		size = max(size, len(s))
		if strings.ContainsFunc(s, func(r rune) bool { return r > 127 }) {
			set = 1 // UTF-8
		}
	}
	if size > maxMessage/max(1, len(texts)) {
		return nil, nil, fmt.Errorf("%d texts of %d bytes, but an attribute can have %d; split it, as Keras does with long lists of names", len(texts), size, maxMessage)
	}
	for _, s := range texts {
		raw.text(s)
		raw = append(raw, make([]byte, size-len(s))...)
	}
	return textType(size, set), raw, nil
}

func plain(s string) error {
	switch {
	case strings.Contains(s, "\x00"):
		return fmt.Errorf("the text %.40q holds a zero byte, at which readers would cut it", s)
	case len(s) > math.MaxInt32:
		return fmt.Errorf("a text of %d bytes", len(s))
	}
	return nil
}

// textType is the type of texts padded with zeros; set is 0 for ASCII and 1 for
// UTF-8.
func textType(size, set int) record {
	r := record{1<<4 | 3, byte(1 | set<<4), 0, 0}
	r.u32(uint32(size))
	return r
}

// varType is the type of texts of variable length in UTF-8.
func varType() record {
	r := record{1<<4 | 9, 1, 1, 0}
	r.u32(16)
	return append(r, typeOf(tensor.Uint8)...)
}

// typeOf is the message of a number's type.
func typeOf(dt tensor.DType) record {
	size := dt.Size()
	var r record
	switch {
	case dt == tensor.Bool: // h5py's: an enumeration of bytes
		r = record{1<<4 | 8, 2, 0, 0}
		r.u32(1)
		r = append(r, typeOf(tensor.Int8)...)
		r.text("FALSE\x00\x00\x00TRUE\x00\x00\x00\x00\x00\x01")
	case dt.IsFloat():
		p := floats[dt]
		r = record{1<<4 | 1, 0x20, byte(p[5]), 0}
		r.u32(uint32(size))
		r.u16(0)
		r.u16(8 * size)
		r.u8(p[:4]...)
		r.u32(uint32(p[4]))
	default:
		r = record{1 << 4, 0, 0, 0}
		if dt == tensor.Int8 || dt == tensor.Int16 || dt == tensor.Int32 || dt == tensor.Int64 {
			r[1] = 8
		}
		r.u32(uint32(size))
		r.u16(0)
		r.u16(8 * size)
	}
	return r
}

func spaceOf(s tensor.Shape) record {
	r := record{1, byte(len(s)), 0, 0, 0, 0, 0, 0}
	for _, d := range s {
		r.u64(uint64(d))
	}
	return r
}
