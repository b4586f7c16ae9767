package tfrecord

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	head   = 12 // length and its checksum
	foot   = 4  // checksum of the bytes
	grow   = 1 << 20
	masker = 0xa282ead8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of b as the files store it, so that one of bytes that hold
// checksums is none of these.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + masker
}

// Is reports whether a file that begins with b is one of records: the checksum
// of the first record's length says so.
func Is(b []byte) bool {
	return len(b) >= head && binary.LittleEndian.Uint32(b[8:]) == masked(b[:8])
}

// Append appends a record to a file.
func Append(file, record []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(record)))
	file = append(file, length...)
	file = binary.LittleEndian.AppendUint32(file, masked(length))
	file = append(file, record...)
	return binary.LittleEndian.AppendUint32(file, masked(record))
}

// A Reader reads records one after the other.
type Reader struct {
	r      io.Reader
	room   int64 // the most bytes that can be left
	record int
	offset int64
	buf    bytes.Buffer
	fault  error
}

// NewReader reads the records of r, which holds at most size bytes. It reads no
// more than it is asked for.
func NewReader(r io.Reader, size int64) *Reader {
	return &Reader{r: r, room: size, record: -1}
}

// Record is the number of the record that Next gave last, from 0, and Offset
// where it begins.
func (r *Reader) Record() int { return r.record }

// Offset is where in the decompressed file the last record begins, in bytes.
func (r *Reader) Offset() int64 { return r.offset }

// Next is the next record, which is valid until the next call. At the end it
// gives io.EOF; a damaged or truncated record is an [*Error], after which there
// are no more.
func (r *Reader) Next() ([]byte, error) {
	if r.fault != nil {
		return nil, r.fault
	}
	if r.record >= 0 {
		r.offset += head + int64(r.buf.Len()) + foot
	}
	r.record++
	b, err := r.next()
	r.fault = err
	return b, err
}

// fail is a fault of the record at hand. The cause of reading too little is told
// where it is another than the end of the file.
func (r *Reader) fail(cause error, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	if cause != nil && !errors.Is(cause, io.EOF) && !errors.Is(cause, io.ErrUnexpectedEOF) {
		msg += ": " + cause.Error()
	}
	return &Error{r.record, r.offset, msg}
}

func (r *Reader) next() ([]byte, error) {
	var h [head]byte
	if n, err := io.ReadFull(r.r, h[:]); err != nil {
		if err == io.EOF {
			return nil, io.EOF
		}
		return nil, r.fail(err, "the file is truncated: %d of the %d bytes that begin a record", n, head)
	}
	if !Is(h[:]) {
		return nil, r.fail(nil, "the checksum of its length is wrong: the file is damaged, or no TFRecord file")
	}
	length := binary.LittleEndian.Uint64(h[:])
	r.room -= head
	if length > uint64(max(r.room-foot, 0)) {
		return nil, r.fail(nil, "it declares %d bytes, more than the file can hold: it is truncated or damaged", length)
	}
	r.room -= int64(length) + foot
	r.buf.Reset()
	for left := int64(length); left > 0; {
		n, err := io.CopyN(&r.buf, r.r, min(left, grow))
		if left -= n; left > 0 && left < 8*int64(r.buf.Len()) {
			r.buf.Grow(int(left) + bytes.MinRead) // so much is there that the rest is believed
		}
		if err != nil {
			return nil, r.fail(err, "the file is truncated: %d of the record's %d bytes", r.buf.Len(), length)
		}
	}
	var f [foot]byte
	if n, err := io.ReadFull(r.r, f[:]); err != nil {
		return nil, r.fail(err, "the file is truncated: %d of the %d bytes of the record's checksum", n, foot)
	}
	if binary.LittleEndian.Uint32(f[:]) != masked(r.buf.Bytes()) {
		return nil, r.fail(nil, "the checksum of its %d bytes is wrong: the file is damaged", length)
	}
	return r.buf.Bytes(), nil
}
