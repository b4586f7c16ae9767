package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
	"github.com/nadir-ml/nadir/tensor"
)

// types are the types of elements by their codes.
var types = []struct {
	name  string
	dtype tensor.DType
}{
	{"undefined", tensor.Invalid}, {"float", tensor.Float32}, {"uint8", tensor.Uint8}, {"int8", tensor.Int8}, {"uint16", tensor.Uint16}, {"int16", tensor.Int16},
	{"int32", tensor.Int32}, {"int64", tensor.Int64}, {"string", tensor.Invalid}, {"bool", tensor.Bool}, {"float16", tensor.Float16}, {"double", tensor.Float64},
	{"uint32", tensor.Uint32}, {"uint64", tensor.Uint64}, {"complex64", tensor.Invalid}, {"complex128", tensor.Invalid}, {"bfloat16", tensor.BFloat16},
	{"float8e4m3fn", tensor.Invalid}, {"float8e4m3fnuz", tensor.Invalid}, {"float8e5m2", tensor.Invalid}, {"float8e5m2fnuz", tensor.Invalid},
	{"uint4", tensor.Invalid}, {"int4", tensor.Invalid}, {"float4e2m1", tensor.Invalid},
}

func dtypeOf(code int64) tensor.DType {
	if code < 0 || code >= int64(len(types)) {
		return tensor.Invalid
	}
	return types[code].dtype
}

func typeName(code int64) string {
	if code < 0 || code >= int64(len(types)) {
		return fmt.Sprintf("type %d", code)
	}
	return types[code].name
}

// A tensorProto is a TensorProto. Its numbers stay as they are in the file.
type tensorProto struct {
	name  string
	code  int64
	shape tensor.Shape
	raw   []byte
	hasRaw,
	segment bool
	typed    []bundle.Field // of the fields that hold numbers by their type
	external map[string]string
	outside  bool
	folder   string // that the external data lies in
}

func parseTensor(b []byte) (*tensorProto, error) {
	t := &tensorProto{shape: tensor.Shape{}}
	var dims []int64
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return nil, err
		}
		switch f.Num {
		case 1:
			if dims, err = f.Ints(dims); err != nil {
				return nil, err
			}
		case 2:
			t.code = int64(f.Int)
		case 3:
			t.segment = true
		case 4, 5, 7, 10, 11:
			t.typed = append(t.typed, f)
		case 8:
			t.name = string(f.Bytes)
		case 9:
			t.raw, t.hasRaw = f.Bytes, true
		case 13:
			key, value, err := entryOf(f.Bytes)
			if err != nil {
				return nil, err
			}
			if t.external == nil {
				t.external = map[string]string{}
			}
			t.external[key] = value
		case 14:
			t.outside = f.Int == 1
		}
	}
	if len(dims) > maxAxes {
		return nil, fmt.Errorf("tensor %q has more than %d axes", t.name, maxAxes)
	}
	for _, d := range dims {
		if d < 0 || d > math.MaxInt32*1024 {
			return nil, fmt.Errorf("tensor %q: an axis of length %d", t.name, d)
		}
		t.shape = append(t.shape, int(d))
	}
	if _, err := t.shape.Elems(); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.name, err)
	}
	return t, nil
}

// size is how many bytes the tensor has.
func (t *tensorProto) size() (elems, bytes int, err error) {
	dt := dtypeOf(t.code)
	if dt == tensor.Invalid {
		return 0, 0, &format.Unsupported{What: fmt.Sprintf("tensor %q", t.name), Msg: fmt.Sprintf("its elements are %s, which are not read", typeName(t.code))}
	}
	n, err := t.shape.Elems()
	if err != nil || n > math.MaxInt/dt.Size() {
		return 0, 0, fmt.Errorf("tensor %q of shape %v is too large", t.name, t.shape)
	}
	return n, n * dt.Size(), nil
}

// read reads the numbers. Memory is taken for what is there.
func (t *tensorProto) read() (*tensor.Tensor, error) {
	x, err := t.numbers()
	if _, failed := errors.AsType[*fs.PathError](err); err != nil && !failed {
		return nil, damaged(err)
	}
	return x, err
}

func (t *tensorProto) numbers() (*tensor.Tensor, error) {
	n, size, err := t.size()
	if err != nil {
		return nil, err
	}
	dt := dtypeOf(t.code)
	switch {
	case t.segment:
		return nil, fmt.Errorf("tensor %q is stored in segments, which ONNX has never defined", t.name)
	case t.outside:
		return t.readOutside(size)
	case t.hasRaw:
		if len(t.raw) != size {
			return nil, fmt.Errorf("tensor %q of %s and shape %v has %d bytes, want %d", t.name, typeName(t.code), t.shape, len(t.raw), size)
		}
		return wrap(dt, t.raw, t.shape)
	}
	return t.readTyped(dt, n)
}

// bands is how the numbers are read in pieces; nil where they do not lie in the file as they
// are read.
func (t *tensorProto) bands() func(size int, use func([]byte)) error {
	_, size, err := t.size()
	if err != nil || t.segment || t.outside || !t.hasRaw || len(t.raw) != size || dtypeOf(t.code) == tensor.Bool {
		return nil
	}
	return func(size int, use func([]byte)) error {
		for piece := range slices.Chunk(t.raw, size) {
			use(piece)
		}
		return nil
	}
}

// wrap copies little-endian bytes into a tensor.
func wrap(dt tensor.DType, raw []byte, shape tensor.Shape) (*tensor.Tensor, error) {
	x, err := tensor.TryNew(dt, shape...)
	if err != nil {
		return nil, err
	}
	copy(x.Bytes(), raw)
	if dt == tensor.Bool {
		for i, b := range x.Bytes() {
			if b > 1 {
				return nil, fmt.Errorf("element %d is %d, want a truth value", i, b)
			}
		}
	}
	return x, nil
}

// field is the field that holds numbers of a type, and how wide an element is at least.
func field(dt tensor.DType) (num, width int) {
	switch dt {
	case tensor.Float32:
		return 4, 4
	case tensor.Float64:
		return 10, 8
	case tensor.Int64:
		return 7, 1
	case tensor.Uint32, tensor.Uint64:
		return 11, 1
	}
	return 5, 1
}

func (t *tensorProto) readTyped(dt tensor.DType, n int) (*tensor.Tensor, error) {
	num, width := field(dt)
	room := 0
	for _, f := range t.typed {
		if f.Num != num {
			return nil, fmt.Errorf("tensor %q of %s has numbers of another type, in field %d", t.name, typeName(t.code), f.Num)
		}
		room += max(1, len(f.Bytes)/width)
		if f.Type == protowire.BytesType && len(f.Bytes) == 0 {
			room--
		}
	}
	if n > room {
		return nil, fmt.Errorf("tensor %q of shape %v has at most %d numbers, want %d", t.name, t.shape, room, n)
	}
	x, err := tensor.TryNew(dt, t.shape...)
	if err != nil {
		return nil, err
	}
	raw, w, at := x.Bytes(), dt.Size(), 0
	put := func(v uint64) error {
		if at >= n {
			return fmt.Errorf("tensor %q of shape %v has more than %d numbers", t.name, t.shape, n)
		}
		if dt == tensor.Bool && v > 1 {
			return fmt.Errorf("tensor %q: element %d is %d, want a truth value", t.name, at, v)
		}
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		copy(raw[at*w:(at+1)*w], b[:])
		at++
		return nil
	}
	for _, f := range t.typed {
		if f.Type != protowire.BytesType {
			if err := put(f.Int); err != nil {
				return nil, err
			}
			continue
		}
		for p := f.Bytes; len(p) > 0; {
			var v uint64
			k := 0
			switch width {
			case 4:
				var v32 uint32
				v32, k = protowire.ConsumeFixed32(p)
				v = uint64(v32)
			case 8:
				v, k = protowire.ConsumeFixed64(p)
			default:
				v, k = protowire.ConsumeVarint(p)
			}
			if k < 0 {
				return nil, fmt.Errorf("tensor %q: its numbers are damaged", t.name)
			}
			if err := put(v); err != nil {
				return nil, err
			}
			p = p[k:]
		}
	}
	if at != n {
		return nil, fmt.Errorf("tensor %q of shape %v has %d numbers, want %d", t.name, t.shape, at, n)
	}
	return x, nil
}

// place is where the bytes of a tensor lie in another file, and how many there are.
func (t *tensorProto) place(size int) (offset, length int64, err error) {
	number := func(key string, otherwise int64) (int64, error) {
		text := strings.TrimSpace(t.external[key])
		if text == "" {
			return otherwise, nil
		}
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil || v < 0 {
			return 0, fmt.Errorf("has %s %q, want a number", key, text)
		}
		return v, nil
	}
	if offset, err = number("offset", 0); err == nil {
		length, err = number("length", int64(size))
	}
	return offset, length, err
}

// readOutside reads a tensor whose bytes lie in another file of the model's folder.
func (t *tensorProto) readOutside(size int) (*tensor.Tensor, error) {
	name := filepath.FromSlash(t.external["location"])
	fail := func(msg string, args ...any) error {
		return &format.Corrupt{Err: fmt.Errorf("tensor %q: external data %q %s", t.name, name, fmt.Sprintf(msg, args...))}
	}
	if !filepath.IsLocal(name) {
		return nil, fail("is no file in the model's folder: nothing else is read")
	}
	offset, length, err := t.place(size)
	if err != nil {
		return nil, fail("%v", err)
	}
	if length != int64(size) {
		return nil, fail("has %d bytes for it, but shape %v of %s wants %d", length, t.shape, typeName(t.code), size)
	}
	root, err := os.OpenRoot(t.folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// Asked before opening, because opening a named pipe would wait for its writer.
	info, err := root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fail("is not there: the file belongs beside the model")
	}
	if err != nil {
		return nil, fail("cannot be read: %v", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fail("is no regular file")
	}
	if offset > info.Size() || length > info.Size()-offset {
		return nil, fail("has %d bytes, but the tensor ends at %d", info.Size(), offset+length)
	}
	r, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x, err := tensor.TryNew(dtypeOf(t.code), t.shape...)
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(io.NewSectionReader(r, offset, length), x.Bytes()); err != nil {
		return nil, err
	}
	return x, nil
}
