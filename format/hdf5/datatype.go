package hdf5

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/nadir-ml/nadir/tensor"
)

// class is what can be done with elements of a type.
type class uint8

const (
	classOther  class = iota // listed only
	classNumber              // becomes a tensor
	classFixed               // text of fixed length
	classVar                 // text of variable length, in the global heap
)

// A datatype is the type of a dataset's or attribute's elements.
type datatype struct {
	class class
	dtype tensor.DType // of a number
	big   bool         // the number is big-endian
	pad   int          // how a text of fixed length ends: 0 zero byte, 1 zeros, 2 spaces
	size  int          // bytes an element takes
	name  string       // for people
}

var classNames = [...]string{
	2: "time", 4: "bit field", 5: "opaque", 6: "compound", 7: "reference", 9: "variable-length sequence", 10: "array",
}

// parseType reads a datatype message.
func parseType(c *cursor) (*datatype, error) {
	head := c.u8()
	bits := int(c.uint(3))
	size := c.u32()
	if err := c.err(); err != nil {
		return nil, err
	}
	version, kind := head>>4, head&15
	switch {
	case version < 1 || version > 4:
		return nil, c.unsupported("datatype version %d is not known", version)
	case size == 0 || size > math.MaxInt32:
		return nil, c.errorf("a type whose elements take %d bytes", size)
	}
	t := &datatype{size: int(size)}
	switch kind {
	case 0:
		t.integer(c, bits)
	case 1:
		t.float(c, bits)
	case 3:
		t.class, t.pad, t.name = classFixed, bits&15, fmt.Sprintf("string of %d bytes", size)
		if t.pad > 2 {
			return nil, c.unsupported("a string padded in way %d", t.pad)
		}
	case 8:
		if err := t.enum(c, bits, version); err != nil {
			return nil, err
		}
	case 9:
		if bits&15 == 1 {
			t.class, t.name = classVar, "string"
			if t.size != 16 {
				return nil, c.errorf("a string of variable length takes %d bytes, want %d", t.size, 16)
			}
			break
		}
		fallthrough
	default:
		if kind >= len(classNames) {
			return nil, c.unsupported("datatype class %d is not known", kind)
		}
		t.name = fmt.Sprintf("%s of %d bytes", classNames[kind], size)
	}
	return t, c.err()
}

func (t *datatype) integer(c *cursor, bits int) {
	offset, precision := c.u16(), c.u16()
	t.big = bits&1 != 0
	types := map[int]tensor.DType{1: tensor.Uint8, 2: tensor.Uint16, 4: tensor.Uint32, 8: tensor.Uint64}
	sign := "un"
	if bits&8 != 0 {
		sign = ""
		types = map[int]tensor.DType{1: tensor.Int8, 2: tensor.Int16, 4: tensor.Int32, 8: tensor.Int64}
	}
	t.number(types[t.size], offset == 0 && precision == 8*t.size, fmt.Sprintf("%ssigned integer of %d bits", sign, precision))
}

func (t *datatype) float(c *cursor, bits int) {
	offset, precision := c.u16(), c.u16()
	got := [6]int{c.u8(), c.u8(), c.u8(), c.u8(), int(c.u32()), bits >> 8 & 0xff}
	order := bits&1 | bits>>5&2
	t.big = order == 1
	dt := tensor.Invalid
	for known, want := range floats {
		if got == want && known.Size() == t.size {
			dt = known
		}
	}
	t.number(dt, order <= 1 && bits>>4&3 == 2 && offset == 0 && precision == 8*t.size, fmt.Sprintf("float of %d bits", precision))
}

// floats gives the places and sizes of exponent and mantissa, the bias and the
// place of the sign.
var floats = map[tensor.DType][6]int{
	tensor.Float16:  {10, 5, 0, 10, 15, 15},
	tensor.BFloat16: {7, 8, 0, 7, 127, 15},
	tensor.Float32:  {23, 8, 0, 23, 127, 31},
	tensor.Float64:  {52, 11, 0, 52, 1023, 63},
}

func (t *datatype) number(dt tensor.DType, plain bool, other string) {
	if dt == tensor.Invalid || !plain {
		t.name = other
		return
	}
	t.class, t.dtype, t.name = classNumber, dt, dt.String()
}

// enum reads an enumeration: h5py's booleans, or names for integers.
func (t *datatype) enum(c *cursor, bits, version int) error {
	if c.left() > 0 && c.b[c.pos]&15 != 0 {
		return c.errorf("an enumeration of what is no integer")
	}
	base, err := parseType(c)
	if err != nil {
		return err
	}
	if base.size != t.size {
		return c.errorf("an enumeration of %d bytes over integers of %d", t.size, base.size)
	}
	members := bits & 0xffff
	var names []string
	for range members {
		start := c.pos
		names = append(names, c.text())
		if version < 3 {
			c.skip((start - c.pos) & 7)
		}
		if c.bad {
			return c.err()
		}
	}
	values := c.take(members * t.size)
	*t = *base
	if base.dtype.Size() == 1 && members == 2 && strings.EqualFold(names[0], "FALSE") && strings.EqualFold(names[1], "TRUE") && bytes.Equal(values, []byte{0, 1}) {
		t.dtype, t.name = tensor.Bool, tensor.Bool.String()
	}
	return nil
}

// A space is the extent of a dataset or attribute.
type space struct {
	null bool // holds no value at all
	dims tensor.Shape
	most []uint64 // the lengths that the axes may grow to, undefined for no limit
	n    int      // elements
}

// maxRank is the most axes that HDF5 has.
const maxRank = 32

// parseSpace reads a dataspace message.
func parseSpace(c *cursor) (*space, error) {
	version, rank, flags := c.u8(), c.u8(), c.u8()
	s := &space{dims: tensor.Shape{}}
	switch version {
	case 1:
		c.skip(5)
	case 2:
		switch kind := c.u8(); {
		case kind == 2:
			s.null, s.dims = true, nil
			return s, c.err()
		case kind > 2 || kind == 0 && rank > 0:
			return nil, c.errorf("a dataspace of kind %d and %d axes", kind, rank)
		}
	default:
		return nil, c.unsupported("dataspace version %d is not known", version)
	}
	if rank > maxRank {
		return nil, c.errorf("%d axes; HDF5 has at most %d", rank, maxRank)
	}
	for range rank {
		d := c.u64()
		if d > math.MaxInt {
			return nil, c.errorf("an axis of length %d", d)
		}
		s.dims = append(s.dims, int(d))
	}
	s.most = make([]uint64, rank)
	for i := range rank {
		s.most[i] = uint64(s.dims[i])
		if flags&1 != 0 {
			if s.most[i] = c.u64(); s.most[i] < uint64(s.dims[i]) {
				return nil, c.errorf("an axis is longer than its limit: %d of %d", s.dims[i], s.most[i])
			}
		}
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	var err error
	if s.n, err = s.dims.Elems(); err != nil {
		return nil, c.errorf("%v", err)
	}
	return s, nil
}

// bytesOf is the number of bytes that the elements take.
func (s *space) bytesOf(t *datatype) (uint64, bool) {
	if s.n > (math.MaxInt-64)/t.size {
		return 0, false
	}
	return uint64(s.n) * uint64(t.size), true
}
