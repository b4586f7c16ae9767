package hdf5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// undefined is the address of what does not exist.
const undefined = math.MaxUint64

// A cursor takes numbers out of a piece of metadata. Past the end it yields
// zeros and remembers; err tells after the last number.
type cursor struct {
	f    *File
	what string // what is read, for errors
	addr uint64 // of b[0]
	b    []byte
	pos  int
	bad  bool
}

// block reads n bytes of metadata at an address.
func (f *File) block(addr, n uint64, what string) (*cursor, error) {
	if err := f.inside(addr, n, what); err != nil {
		return nil, err
	}
	if err := f.charge(addr, n); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if err := f.readAt(b, addr); err != nil {
		return nil, err
	}
	return &cursor{f: f, what: what, addr: addr, b: b}, nil
}

// inside holds a range against the file's end.
func (f *File) inside(addr, n uint64, what string) error {
	switch {
	case addr == undefined:
		return f.errorf(undefined, "%s has no address", what)
	case addr > f.end || n > f.end-addr:
		return f.errorf(addr, "%s of %d bytes at address %d lies beyond the file's end at %d; the file is truncated or damaged", what, n, addr, f.end)
	}
	return nil
}

// charge counts metadata. As structures do not overlap and each is read once,
// more than the file's size, with room for names that are copied, means links
// that lead to the same bytes again and again.
func (f *File) charge(addr, n uint64) error {
	if n > f.budget {
		return f.errorf(addr, "the file's structures refer to the same bytes many times over; it is damaged or made to exhaust its reader")
	}
	f.budget -= n
	return nil
}

func (f *File) readAt(b []byte, addr uint64) error {
	off := int64(f.base + addr)
	n, err := f.r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return f.errorf(addr, "the file ends early; it was cut short while it was read")
	case f.path != "":
		return fmt.Errorf("%s: hdf5: read at byte %d: %w", f.path, off, err)
	default:
		return fmt.Errorf("hdf5: read at byte %d: %w", off, err)
	}
}

// sub is a cursor over part of what c reads.
func (c *cursor) sub(n int) *cursor {
	at := c.addr + uint64(c.pos)
	return &cursor{f: c.f, what: c.what, addr: at, b: c.take(n), bad: c.bad}
}

// left is the number of bytes not yet taken.
func (c *cursor) left() int { return len(c.b) - c.pos }

func (c *cursor) take(n int) []byte {
	if c.bad || n < 0 || n > c.left() {
		c.bad = true
		return nil
	}
	p := c.b[c.pos : c.pos+n : c.pos+n]
	c.pos += n
	return p
}

func (c *cursor) skip(n int) { c.take(n) }

// uint is a little-endian number of up to 8 bytes.
func (c *cursor) uint(n int) uint64 {
	var b [8]byte
	copy(b[:], c.take(n))
	return binary.LittleEndian.Uint64(b[:])
}

func (c *cursor) u8() int     { return int(c.uint(1)) }
func (c *cursor) u16() int    { return int(c.uint(2)) }
func (c *cursor) u32() uint32 { return uint32(c.uint(4)) }

func (c *cursor) u64() uint64 { return c.uint(8) }

// text is what comes before the next zero byte.
func (c *cursor) text() string {
	for i, b := range c.b[c.pos:] {
		if b == 0 {
			s := string(c.take(i))
			c.pos++
			return s
		}
	}
	c.bad = true
	return ""
}

// signature checks the four letters that begin a structure, and its version.
func (c *cursor) signature(want string, version int) error {
	if got := string(c.take(4)); got != want {
		return c.errorf("it does not begin with %q", want)
	}
	if v := c.u8(); v != version {
		return c.unsupported("version %d is not known", v)
	}
	return nil
}

// checksum verifies the last four bytes and takes them off.
func (c *cursor) checksum() error {
	n := len(c.b) - 4
	if n < c.pos {
		return c.errorf("it is too short")
	}
	want := binary.LittleEndian.Uint32(c.b[n:])
	c.b = c.b[:n]
	if got := lookup3(c.b); got != want {
		return c.errorf("its checksum is %08x, the file says %08x: the file is damaged", got, want)
	}
	return nil
}

// err tells whether more was taken than there was.
func (c *cursor) err() error {
	if c.bad {
		return c.errorf("it ends before its last field; the file is damaged")
	}
	return nil
}

func (c *cursor) errorf(format string, args ...any) error {
	return c.f.errorf(c.addr, "%s: %s", c.what, fmt.Sprintf(format, args...))
}

func (c *cursor) unsupported(format string, args ...any) error {
	return c.f.unsupported(c.addr, "%s: %s", c.what, fmt.Sprintf(format, args...))
}
