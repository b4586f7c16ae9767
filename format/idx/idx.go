// Package idx reads IDX files, the format of MNIST: a big-endian array behind
// a header of its element type and axes (LeCun, Cortes and Burges, "The MNIST
// database of handwritten digits", 1998).
package idx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nadir-ml/nadir/tensor"
)

var dtypes = map[byte]tensor.DType{
	0x08: tensor.Uint8,
	0x09: tensor.Int8,
	0x0B: tensor.Int16,
	0x0C: tensor.Int32,
	0x0D: tensor.Float32,
	0x0E: tensor.Float64,
}

// Read reads one array, which must end where r ends. size is the most bytes
// that r can hold: an array declared larger is refused before memory is taken.
func Read(r io.Reader, size int64) (*tensor.Tensor, error) {
	var magic [4]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return nil, short(err, "in the magic number")
	}
	dt, ok := dtypes[magic[2]]
	if magic[0] != 0 || magic[1] != 0 || !ok {
		return nil, fmt.Errorf("no IDX file: it begins with % x, not with 00 00, a known element type and the number of axes", magic[:])
	}
	rank := int(magic[3])
	if rank == 0 || rank > tensor.MaxRank {
		return nil, fmt.Errorf("IDX header has %d axes: want 1 to %d", rank, tensor.MaxRank)
	}
	axes := make([]byte, 4*rank)
	if _, err := io.ReadFull(r, axes); err != nil {
		return nil, short(err, "in the header")
	}
	shape := make(tensor.Shape, rank)
	for a := range shape {
		shape[a] = int(binary.BigEndian.Uint32(axes[4*a:]))
	}
	n, err := shape.Elems()
	if err != nil {
		return nil, err
	}
	room := max(size-int64(4+4*rank), 0)
	if int64(n) > room/int64(dt.Size()) {
		return nil, fmt.Errorf("IDX header declares %v of shape %v, more than a file of this size can hold: it is truncated or damaged", dt, shape)
	}
	t, err := tensor.TryNew(dt, shape...)
	if err != nil {
		return nil, err
	}
	raw := t.Bytes()
	if got, err := io.ReadFull(r, raw); err != nil {
		return nil, short(err, fmt.Sprintf("after %d of %d bytes of shape %v", got, len(raw), shape))
	}
	switch k, err := io.ReadFull(r, magic[:1]); {
	case k > 0:
		return nil, fmt.Errorf("the file goes on after its %d bytes of shape %v", len(raw), shape)
	case err != io.EOF:
		return nil, err
	}
	if w := dt.Size(); w > 1 {
		for i := 0; i < len(raw); i += w {
			slices.Reverse(raw[i : i+w])
		}
	}
	return t, nil
}

// short says where a file ended too early.
func short(err error, where string) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file ends %s: it is truncated", where)
	}
	return err
}
