package hdf5

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/nadir-ml/nadir/internal/deflate"
)

// Numbers of the filters that are known.
const (
	filterDeflate  = 1
	filterShuffle  = 2
	filterFletcher = 3
)

var filterNames = map[int]string{
	4: "szip", 5: "nbit", 6: "scaleoffset", 307: "bzip2", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp", 32015: "zstd",
}

// A filter is a step that chunks pass when they are written.
type filter struct {
	id   int
	name string
	size int // bytes of an element, of the shuffle filter
}

// parseFilters reads a filter pipeline message.
func parseFilters(c *cursor) ([]filter, error) {
	version, n := c.u8(), c.u8()
	switch {
	case version != 1 && version != 2:
		return nil, c.unsupported("filter pipeline version %d is not known", version)
	case n > 32:
		return nil, c.errorf("a pipeline of %d filters; HDF5 has at most 32", n)
	case version == 1:
		c.skip(6)
	}
	var fs []filter
	for range n {
		fl := filter{id: c.u16()}
		nameSize := 0
		if version == 1 || fl.id >= 256 {
			nameSize = c.u16()
		}
		c.skip(2) // whether the writer could have done without
		values := c.u16()
		if version == 1 {
			nameSize = (nameSize + 7) &^ 7
		}
		c.skip(nameSize)
		for i := range values {
			if v := c.u32(); i == 0 && v <= math.MaxInt32 {
				fl.size = int(v)
			}
		}
		if version == 1 && values&1 != 0 {
			c.skip(4)
		}
		if err := c.err(); err != nil {
			return nil, err
		}
		if fl.name = filterNames[fl.id]; fl.name == "" {
			fl.name = fmt.Sprintf("number %d", fl.id)
		}
		fs = append(fs, fl)
	}
	return fs, nil
}

// refuseFilters says which of the filters cannot be undone. The order that is
// known is that of h5py, of which each may be absent.
func (d *layout) refuseFilters(f *File) error {
	last := 0
	for _, fl := range d.filters {
		order := map[int]int{filterShuffle: 1, filterDeflate: 2, filterFletcher: 3}[fl.id]
		switch {
		case order == 0:
			return f.unsupported(d.addr, "it is compressed with the filter %s; rewrite the file with h5repack -f GZIP=6", fl.name)
		case order <= last:
			return f.unsupported(d.addr, "its filters do not come in the order shuffle, deflate, fletcher32; rewrite the file with h5repack -f GZIP=6")
		case fl.id == filterShuffle && fl.size != d.typ.size:
			return f.errorf(d.addr, "its bytes are shuffled as for elements of %d bytes, but they have %d", fl.size, d.typ.size)
		}
		last = order
	}
	return nil
}

// passed reports whether a chunk passed a filter when it was written.
func (d *layout) passed(id int, mask uint32) bool {
	for i, fl := range d.filters {
		if fl.id == id {
			return mask>>i&1 == 0
		}
	}
	return false
}

// possible reports whether stored bytes can be a chunk of n bytes.
func (d *layout) possible(stored, n uint64, mask uint32) bool {
	if d.passed(filterFletcher, mask) {
		if stored < 4 {
			return false
		}
		stored -= 4
	}
	if d.passed(filterDeflate, mask) {
		return n/deflate.Ratio <= stored
	}
	return stored == n
}

// A decoder undoes the filters of one chunk after the other.
type decoder struct {
	plain   bytes.Reader
	inflate io.ReadCloser
}

// open is a reader of a chunk's bytes before they were filtered, but for their
// order where they were shuffled.
func (dec *decoder) open(d *layout, b []byte, mask uint32) (io.Reader, error) {
	if d.passed(filterFletcher, mask) {
		n := len(b) - 4
		if fletcher32(b[:n]) != binary.LittleEndian.Uint32(b[n:]) {
			return nil, errors.New("its Fletcher-32 checksum is wrong: the file is damaged")
		}
		b = b[:n]
	}
	dec.plain.Reset(b)
	if !d.passed(filterDeflate, mask) {
		return &dec.plain, nil
	}
	var err error
	if dec.inflate == nil {
		dec.inflate, err = zlib.NewReader(&dec.plain)
	} else {
		err = dec.inflate.(zlib.Resetter).Reset(&dec.plain, nil)
	}
	return dec.inflate, err
}

// fletcher32 is Fletcher's checksum (1982) of big-endian words of 16 bits,
// modulo 65535.
func fletcher32(p []byte) uint32 {
	var s1, s2 uint32
	fold := func(v uint32) uint32 { return v&0xffff + v>>16 }
	for ; len(p) >= 2; p = p[2:] {
		s1 = fold(s1 + uint32(p[0])<<8 + uint32(p[1]))
		s2 = fold(s2 + s1)
	}
	if len(p) > 0 {
		s1 = fold(s1 + uint32(p[0])<<8)
		s2 = fold(s2 + s1)
	}
	return fold(s2)<<16 | fold(s1)
}
