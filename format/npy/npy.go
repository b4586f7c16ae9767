package npy

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/tensor"
)

// Read reads one array, which must end where r ends. size is the most bytes
// that r can hold: an array declared larger is refused before memory is taken.
func Read(r io.Reader, size int64) (*tensor.Tensor, error) {
	h, err := ReadHeader(r)
	if err != nil {
		return nil, err
	}
	n, err := h.Shape.Elems()
	if err != nil {
		return nil, err
	}
	if room := max(size-int64(h.size), 0); int64(n) > room/int64(h.DType.Size()) {
		return nil, fmt.Errorf("npy header declares %v of shape %v, more than the file's %d bytes can hold: it is truncated or damaged", h.DType, h.Shape, size)
	}
	t, err := tensor.TryNew(h.DType, h.Shape...)
	if err != nil {
		return nil, err
	}
	raw := t.Bytes()
	if got, err := io.ReadFull(r, raw); err != nil {
		return nil, short(err, fmt.Sprintf("after %d of %d bytes of shape %v", got, len(raw), h.Shape))
	}
	var one [1]byte
	switch k, err := io.ReadFull(r, one[:]); {
	case k > 0:
		return nil, fmt.Errorf("the file goes on after its %d bytes of shape %v", len(raw), h.Shape)
	case err != io.EOF:
		return nil, err
	}
	return h.settle(t), nil
}

// settle brings elements as the file has them into our order, of bytes and of axes.
func (h Header) settle(t *tensor.Tensor) *tensor.Tensor {
	raw, w := t.Bytes(), h.DType.Size()
	if h.big && w > 1 {
		for i := 0; i < len(raw); i += w {
			slices.Reverse(raw[i : i+w])
		}
	}
	if h.columns && len(h.Shape) > 1 && t.Len() > 1 {
		t = rowMajor(t)
	}
	return t
}

// rowMajor is t with its elements, which lie in column-major order, put in
// row-major order.
func rowMajor(t *tensor.Tensor) *tensor.Tensor {
	shape, w := t.Shape(), t.DType().Size()
	out := tensor.New(t.DType(), shape...)
	src, dst := t.Bytes(), out.Bytes()
	stride := make([]int, len(shape)) // in src, in bytes
	for a, step := 0, w; a < len(shape); a++ {
		stride[a] = step
		step *= shape[a]
	}
	index := make([]int, len(shape))
	from := 0
	for to := 0; to < len(dst); to += w {
		copy(dst[to:to+w], src[from:])
		for a := len(shape) - 1; a >= 0; a-- {
			index[a]++
			from += stride[a]
			if index[a] < shape[a] {
				break
			}
			from -= stride[a] * shape[a]
			index[a] = 0
		}
	}
	return out
}

// Write writes t as a version 1.0 array, the bytes that NumPy's save writes.
func Write(w io.Writer, t *tensor.Tensor) error {
	code, err := descr(t.DType())
	if err != nil {
		return err
	}
	var axes strings.Builder
	for i, d := range t.Shape() {
		if i > 0 {
			axes.WriteString(", ")
		}
		axes.WriteString(strconv.Itoa(d))
	}
	if len(t.Shape()) == 1 {
		axes.WriteByte(',')
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", code, axes.String())
	// The elements begin on a multiple of 64 bytes; a line feed ends the padding.
	pad := 63 - (10+len(text))%64
	length := len(text) + pad + 1
	if length > 0xffff {
		return fmt.Errorf("npy header of %d bytes for %d axes: want at most 65535", length, len(t.Shape()))
	}
	head := magic + "\x01\x00" + string([]byte{byte(length), byte(length >> 8)}) + text + strings.Repeat(" ", pad) + "\n"
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	_, err = w.Write(t.Bytes())
	return err
}

// short says where a file ended too early.
func short(err error, where string) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file ends %s: it is truncated", where)
	}
	return err
}
