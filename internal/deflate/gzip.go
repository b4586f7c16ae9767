package deflate

import (
	"errors"
	"hash/crc32"
	"io"
)

// ErrHeader is of what does not begin as a gzip file does, ErrChecksum of one whose
// contents are not those that it was made of.
var (
	ErrHeader   = errors.New("no gzip data where its header is wanted")
	ErrChecksum = errors.New("the gzip data has another checksum than its end says: it is damaged")
)

// A Reader reads what a gzip file holds: the contents of all its members, one after the
// other. Where the file ends too early the error is [io.ErrUnexpectedEOF].
type Reader struct {
	inflater
	sum, size uint32 // of the member so far
}

// NewReader reads the first header of src. It reads ahead of what it unpacks.
func NewReader(src io.Reader) (*Reader, error) {
	r := &Reader{}
	r.open(src, r.checked)
	if err := r.member(); err != nil {
		return nil, err
	}
	return r, nil
}

// checked unpacks more, and adds it to the check sum.
func (r *Reader) checked() error {
	err := r.fill()
	r.sum = crc32.Update(r.sum, crc32.IEEETable, r.out[r.from:r.to])
	r.size += uint32(r.to - r.from)
	if err == io.EOF {
		return r.next()
	}
	return err
}

// next compares the check sums at the end of a member, and begins with the one after it.
func (r *Reader) next() error {
	r.align()
	sum, err := r.take(32)
	if err != nil {
		return err
	}
	size, err := r.take(32)
	if err != nil {
		return err
	}
	if sum != r.sum || size != r.size {
		return ErrChecksum
	}
	r.align()
	if err := r.more(); err != nil {
		return err
	}
	if r.last && r.pos >= r.end {
		if r.err != nil {
			return r.err
		}
		return io.EOF
	}
	return r.member()
}

// Flags of a member's header (RFC 1952, 2.3.1).
const (
	hasSum     = 1 << 1
	hasExtra   = 1 << 2
	hasName    = 1 << 3
	hasComment = 1 << 4
)

// member reads the header of a member.
func (r *Reader) member() error {
	var head [10]byte
	sum := uint32(0)
	read := func(p []byte) error {
		for i := range p {
			v, err := r.take(8)
			if err != nil {
				return err
			}
			p[i] = byte(v)
		}
		sum = crc32.Update(sum, crc32.IEEETable, p)
		return nil
	}
	if err := read(head[:]); err != nil {
		return err
	}
	if head[0] != 0x1f || head[1] != 0x8b || head[2] != 8 {
		return ErrHeader
	}
	flags := head[3]
	if flags&hasExtra != 0 {
		if err := read(head[:2]); err != nil {
			return err
		}
		for k := int(head[0]) | int(head[1])<<8; k > 0; k-- {
			if err := read(head[:1]); err != nil {
				return err
			}
		}
	}
	for _, flag := range []byte{hasName, hasComment} {
		for head[0] = 1; flags&flag != 0 && head[0] != 0; {
			if err := read(head[:1]); err != nil {
				return err
			}
		}
	}
	if want := uint16(sum); flags&hasSum != 0 {
		if err := read(head[:2]); err != nil {
			return err
		}
		if want != uint16(head[0])|uint16(head[1])<<8 {
			return ErrHeader
		}
	}
	r.sum, r.size = 0, 0
	r.begin()
	return nil
}
