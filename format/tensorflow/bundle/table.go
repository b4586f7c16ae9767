package bundle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"iter"

	"github.com/golang/snappy"
)

// castagnoli is the polynomial of all of TensorFlow's checksums.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is a checksum as files store it, so that one of bytes that hold
// checksums is none of these.
func masked(crc uint32) uint32 { return (crc>>15 | crc<<17) + 0xa282ead8 }

const (
	footer  = 48
	trailer = 5
	magic   = 0xdb4775248b80fb57
	// snappyRatio is more than a byte of snappy can stand for: a copy of 64 bytes
	// takes 3, 2 where it is one of at most 11.
	snappyRatio = 32
)

// IsTable reports whether a file of which these are the last bytes is a table.
func IsTable(tail []byte) bool {
	return len(tail) >= 8 && binary.LittleEndian.Uint64(tail[len(tail)-8:]) == magic
}

// A Table is a sorted table of keys and values.
type Table struct {
	r     io.ReaderAt
	size  int64
	index []blockRef
}

// A blockRef is where a block lies, without its trailer.
type blockRef struct{ offset, size int64 }

// NewTable opens the table of size bytes in r. Its index is read and checked.
func NewTable(r io.ReaderAt, size int64) (*Table, error) {
	t := &Table{r: r, size: size}
	if size < footer {
		return nil, errorf(0, "the table has %d bytes, too few for its end; it is truncated", size)
	}
	end := make([]byte, footer)
	if err := t.read(end, size-footer); err != nil {
		return nil, err
	}
	if !IsTable(end) {
		return nil, errorf(size-8, "it does not end as a table does; it is truncated, or another format")
	}
	more, rest, err := handle(end, size-footer) // of the list of further blocks, which are none
	if err != nil {
		return nil, err
	}
	if _, err := t.block(more); err != nil {
		return nil, err
	}
	ref, _, err := handle(rest, size-footer)
	if err != nil {
		return nil, err
	}
	block, err := t.block(ref)
	if err != nil {
		return nil, err
	}
	last := int64(0)
	for e, err := range entries(block, ref.offset) {
		if err != nil {
			return nil, err
		}
		b, _, err := handle(e.value, size-footer)
		if err != nil {
			return nil, err
		}
		if b.offset < last {
			return nil, errorf(b.offset, "two blocks of the table overlap")
		}
		last = b.offset + b.size + trailer
		t.index = append(t.index, b)
	}
	return t, nil
}

// handle reads where a block lies: two varints.
func handle(b []byte, end int64) (ref blockRef, rest []byte, err error) {
	off, n := binary.Uvarint(b)
	if n <= 0 {
		return ref, nil, errorf(end, "a block's place is no number")
	}
	size, k := binary.Uvarint(b[n:])
	if k <= 0 {
		return ref, nil, errorf(end, "a block's size is no number")
	}
	if off > uint64(end) || size > uint64(end)-off || uint64(end)-off-size < trailer {
		return ref, nil, errorf(end, "a block of %d bytes at %d leads out of the table", size, off)
	}
	return blockRef{int64(off), int64(size)}, b[n+k:], nil
}

func (t *Table) read(b []byte, off int64) error {
	n, err := t.r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF:
		return errorf(off+int64(n), "the file ends early; it was cut short")
	}
	return fmt.Errorf("reading at byte %d: %w", off, err)
}

// block reads a block, checks it and unpacks it.
func (t *Table) block(ref blockRef) ([]byte, error) {
	raw := make([]byte, ref.size+trailer)
	if err := t.read(raw, ref.offset); err != nil {
		return nil, err
	}
	body, kind := raw[:ref.size], raw[ref.size]
	if want := binary.LittleEndian.Uint32(raw[ref.size+1:]); masked(crc32.Checksum(raw[:ref.size+1], castagnoli)) != want {
		return nil, errorf(ref.offset, "the checksum of a block of %d bytes is wrong; the file is damaged", ref.size)
	}
	switch kind {
	case 0:
		return body, nil
	case 1:
		n, err := snappy.DecodedLen(body)
		if err != nil || int64(n) > ref.size*snappyRatio {
			return nil, errorf(ref.offset, "a compressed block of %d bytes claims %d", ref.size, n)
		}
		out, err := snappy.Decode(nil, body)
		if err != nil {
			return nil, errorf(ref.offset, "a block cannot be unpacked: %v", err)
		}
		return out, nil
	}
	return nil, errorf(ref.offset, "a block is packed in a way (%d) that is not known", kind)
}

// A pair is a key and its value. Both lie in their block's memory.
type pair struct{ key, value []byte }

// All yields keys and values in the order of the table. Neither may be kept.
func (t *Table) All() iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		for i := range t.index {
			for e, err := range t.walk(i) {
				if err != nil || !yield(e.key, e.value) {
					return
				}
			}
		}
	}
}

// walk yields the entries of block i.
func (t *Table) walk(i int) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		b, err := t.block(t.index[i])
		if err != nil {
			yield(pair{}, err)
			return
		}
		for e, err := range entries(b, t.index[i].offset) {
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// each calls f for all keys and values, in order.
func (t *Table) each(f func(block int, key, value []byte) error) error {
	var last []byte
	first := true
	for i := range t.index {
		for e, err := range t.walk(i) {
			if err != nil {
				return err
			}
			if !first && bytes.Compare(e.key, last) <= 0 {
				return errorf(t.index[i].offset, "the keys of the table are not in order, or one stands there twice")
			}
			first, last = false, append(last[:0], e.key...)
			if err := f(i, e.key, e.value); err != nil {
				return err
			}
		}
	}
	return nil
}

// entries yields the entries of an unpacked block. A key is yielded in memory that
// the next one overwrites.
func entries(b []byte, at int64) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		fail := func(msg string) { yield(pair{}, errorf(at, "%s", msg)) }
		if len(b) < 4 {
			fail("a block is too short")
			return
		}
		restarts := int64(binary.LittleEndian.Uint32(b[len(b)-4:]))
		if restarts*4 > int64(len(b)-4) {
			fail("a block's restarts lie outside it")
			return
		}
		b = b[:int64(len(b)-4)-4*restarts]
		var key []byte
		for len(b) > 0 {
			var n [3]uint64 // bytes shared with the key before, bytes of its own, bytes of the value
			for i := range n {
				v, k := binary.Uvarint(b)
				if k <= 0 {
					fail("an entry's length is no number")
					return
				}
				n[i], b = v, b[k:]
			}
			if n[0] > uint64(len(key)) || n[1] > uint64(len(b)) || n[2] > uint64(len(b))-n[1] {
				fail("an entry leads out of its block")
				return
			}
			key = append(key[:n[0]], b[:n[1]]...)
			value := b[n[1] : n[1]+n[2] : n[1]+n[2]]
			b = b[n[1]+n[2]:]
			if !yield(pair{key, value}, nil) {
				return
			}
		}
	}
}
