package hdf5

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/tensor"
)

// numbers makes raw elements a tensor's: little-endian, and booleans 0 or 1.
func (f *File) numbers(t *datatype, addr uint64, b []byte) error {
	if t.big {
		swap(b, t.size)
	}
	if t.dtype == tensor.Bool {
		for _, v := range b {
			if v > 1 {
				return f.errorf(addr, "a boolean is %d; want 0 or 1", v)
			}
		}
	}
	return nil
}

// swap turns the bytes of each element around.
func swap(b []byte, size int) {
	le, be := binary.LittleEndian, binary.BigEndian
	switch size {
	case 2:
		for ; len(b) >= 2; b = b[2:] {
			le.PutUint16(b, be.Uint16(b))
		}
	case 4:
		for ; len(b) >= 4; b = b[4:] {
			le.PutUint32(b, be.Uint32(b))
		}
	case 8:
		for ; len(b) >= 8; b = b[8:] {
			le.PutUint64(b, be.Uint64(b))
		}
	}
}

// texts makes raw elements strings. The lock is held.
func (f *File) texts(t *datatype, addr uint64, b []byte) ([]string, error) {
	out := make([]string, 0, len(b)/t.size)
	for e := range slices.Chunk(b, t.size) {
		s := ""
		switch {
		case t.class == classVar:
			var err error
			if s, err = f.varText(addr, e); err != nil {
				return nil, err
			}
		case t.pad == 2:
			s = string(bytes.TrimRight(e, " "))
		case t.pad == 1:
			s = string(bytes.TrimRight(e, "\x00"))
		default:
			e, _, _ = bytes.Cut(e, []byte{0})
			s = string(e)
		}
		out = append(out, s)
	}
	return out, nil
}

// varText fetches a text of variable length: its length, the address of a
// global heap and the number of an object there.
func (f *File) varText(addr uint64, e []byte) (string, error) {
	c := &cursor{f: f, what: "a string", addr: addr, b: e}
	n, at, index := c.u32(), c.u64(), c.u32()
	if n == 0 {
		return "", nil
	}
	o, err := f.heapObject(at, index)
	if err != nil {
		return "", err
	}
	if uint64(n) > uint64(len(o.all)) {
		return "", f.errorf(at, "a string of %d bytes is object %d of the global heap, which has %d bytes", n, index, len(o.all))
	}
	return o.all[:min(int(n), o.zero)], nil
}

// A globalHeap is a collection of texts of variable length, by number.
type globalHeap struct{ objects map[uint32]heapText }

type heapText struct {
	all  string
	zero int // the first zero byte
}

func (f *File) heapObject(addr uint64, index uint32) (heapText, error) {
	h, err := f.globalHeap(addr)
	if err != nil {
		return heapText{}, err
	}
	o, ok := h.objects[index]
	if !ok {
		return o, f.errorf(addr, "the global heap has no object %d", index)
	}
	return o, nil
}

// globalHeap reads a collection, once. Its texts share the collection's memory.
func (f *File) globalHeap(addr uint64) (*globalHeap, error) {
	if h := f.heaps[addr]; h != nil {
		return h, nil
	}
	const what = "the global heap"
	if err := f.inside(addr, 16, what); err != nil {
		return nil, err
	}
	var head [16]byte
	if err := f.readAt(head[:], addr); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint64(head[8:])
	c, err := f.block(addr, size, what)
	if err != nil {
		return nil, err
	}
	if err := c.signature("GCOL", 1); err != nil {
		return nil, err
	}
	c.skip(3 + 8)
	all := string(c.b)
	h := &globalHeap{objects: map[uint32]heapText{}}
	for c.left() >= 16 {
		index := uint32(c.u16())
		c.skip(6)
		n := c.u64()
		if index == 0 {
			break // the free space at the end
		}
		if n > uint64(c.left()) {
			return nil, c.errorf("object %d of %d bytes leads out of it", index, n)
		}
		if _, twice := h.objects[index]; twice {
			return nil, c.errorf("object %d is there twice", index)
		}
		o := all[c.pos : c.pos+int(n)]
		text, _, _ := strings.Cut(o, "\x00")
		h.objects[index] = heapText{o, len(text)}
		c.skip(min(int(n+7)&^7, c.left()))
	}
	f.heaps[addr] = h
	return h, nil
}
