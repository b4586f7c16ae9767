package tensor

import (
	"fmt"
	"math"
	"strings"
	"unsafe"
)

// A Tensor is a dense array of one element type in row-major order.
// Its bytes are little-endian and begin on a 64-byte boundary when the tensor
// was made by New.
type Tensor struct {
	dtype DType
	shape Shape
	raw   []byte
}

// align is the boundary that New's storage begins on: a cache line, and the
// widest vector register.
const align = 64

// New makes a tensor of zeros. It panics where the shape is invalid: a shape
// that comes from outside is checked with TryNew.
func New(dt DType, shape ...int) *Tensor {
	t, err := TryNew(dt, shape...)
	if err != nil {
		panic("tensor: " + err.Error())
	}
	return t
}

// TryNew makes a tensor of zeros, or says why the shape has no storage.
func TryNew(dt DType, shape ...int) (*Tensor, error) {
	s := Shape(shape).Clone()
	n, err := s.Elems()
	if err != nil {
		return nil, err
	}
	if dt.Size() == 0 {
		return nil, fmt.Errorf("%v is no element type", dt)
	}
	if n > math.MaxInt/dt.Size()-align {
		return nil, fmt.Errorf("shape %v of %v takes more bytes than an int can count", s, dt)
	}
	return &Tensor{dt, s, Aligned(n * dt.Size())}, nil
}

// Aligned is n zero bytes that begin on a 64-byte boundary.
func Aligned(n int) []byte {
	b := make([]byte, n+align)
	off := int(-address(b) & (align - 1))
	b = b[off : off+n : off+n]
	huge(b)
	return b
}

// address is where b begins.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// Of wraps data without copying it. It panics where the shape and the data
// differ in size.
func Of[T Element](data []T, shape ...int) *Tensor {
	s := Shape(shape).Clone()
	if n, err := s.Elems(); err != nil || n != len(data) {
		panic(fmt.Sprintf("tensor: %d elements do not fill shape %v", len(data), s))
	}
	dt := TypeOf[T]()
	return &Tensor{dt, s, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), len(data)*dt.Size())}
}

// Wrap views raw little-endian bytes as a tensor without copying them. The
// bytes must begin on a boundary of the element's size, which Aligned's do.
func Wrap(dt DType, raw []byte, shape ...int) (*Tensor, error) {
	s := Shape(shape).Clone()
	n, err := s.Elems()
	if err != nil {
		return nil, err
	}
	if sz := dt.Size(); sz == 0 || n > math.MaxInt/sz || n*sz != len(raw) {
		return nil, fmt.Errorf("%d bytes do not fill shape %v of %v", len(raw), s, dt)
	}
	if len(raw) > 0 && uintptr(unsafe.Pointer(unsafe.SliceData(raw)))%uintptr(dt.Size()) != 0 {
		c := Aligned(len(raw))
		copy(c, raw)
		raw = c
	}
	return &Tensor{dt, s, raw}, nil
}

// DType is the type of the elements.
func (t *Tensor) DType() DType { return t.dtype }

// Shape is the length of each axis. It must not be changed.
func (t *Tensor) Shape() Shape { return t.shape }

// Len is the number of elements.
func (t *Tensor) Len() int { return len(t.raw) / t.dtype.Size() }

// Bytes is the storage itself.
func (t *Tensor) Bytes() []byte { return t.raw }

// Data views the storage as a slice of T. It panics where T is not the
// element type (uint16 also views the 16-bit floats).
func Data[T Element](t *Tensor) []T {
	dt := TypeOf[T]()
	if dt != t.dtype && !(dt == Uint16 && (t.dtype == Float16 || t.dtype == BFloat16)) {
		panic(fmt.Sprintf("tensor: %v viewed as %v", t.dtype, dt))
	}
	if len(t.raw) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(t.raw))), t.Len())
}

// Float32s views a Float32 tensor's elements.
func (t *Tensor) Float32s() []float32 { return Data[float32](t) }

// Float64s views a Float64 tensor's elements.
func (t *Tensor) Float64s() []float64 { return Data[float64](t) }

// Int32s views an Int32 tensor's elements.
func (t *Tensor) Int32s() []int32 { return Data[int32](t) }

// Uint8s views a Uint8 tensor's elements.
func (t *Tensor) Uint8s() []uint8 { return Data[uint8](t) }

// Reshape is the same storage under another shape of as many elements.
func (t *Tensor) Reshape(shape ...int) (*Tensor, error) { return Wrap(t.dtype, t.raw, shape...) }

// Rows views rows lo to hi of the outermost axis, sharing storage.
func (t *Tensor) Rows(lo, hi int) *Tensor {
	if len(t.shape) == 0 || lo < 0 || hi < lo || hi > t.shape[0] {
		panic(fmt.Sprintf("tensor: rows %d to %d of shape %v", lo, hi, t.shape))
	}
	s := t.shape.Clone()
	s[0] = hi - lo
	w := t.dtype.Size() * t.shape[1:].Len()
	return &Tensor{t.dtype, s, t.raw[lo*w : hi*w : hi*w]}
}

// Clone is a copy that shares nothing.
func (t *Tensor) Clone() *Tensor {
	c := New(t.dtype, t.shape...)
	copy(c.raw, t.raw)
	return c
}

// CopyFrom overwrites the elements with those of src, converting the type
// where it differs. The shapes must be equal.
func (t *Tensor) CopyFrom(src *Tensor) error {
	if !t.shape.Equal(src.shape) {
		return fmt.Errorf("shape %v cannot be copied to shape %v", src.shape, t.shape)
	}
	if t.dtype == src.dtype {
		copy(t.raw, src.raw)
		return nil
	}
	for i := range t.Len() {
		t.SetFlat(i, src.Flat(i))
	}
	return nil
}

// Convert is a copy with another element type. Floats are rounded to nearest;
// a number outside an integer type's range wraps as Go's conversion does.
func (t *Tensor) Convert(dt DType) *Tensor {
	c := New(dt, t.shape...)
	_ = c.CopyFrom(t)
	return c
}

// Flat is element i in row-major order as a float64.
func (t *Tensor) Flat(i int) float64 {
	switch t.dtype {
	case Float32:
		return float64(Data[float32](t)[i])
	case Float64:
		return Data[float64](t)[i]
	case Float16:
		return float64(halfToFloat(Data[uint16](t)[i]))
	case BFloat16:
		return float64(math.Float32frombits(uint32(Data[uint16](t)[i]) << 16))
	case Int8:
		return float64(Data[int8](t)[i])
	case Int16:
		return float64(Data[int16](t)[i])
	case Int32:
		return float64(Data[int32](t)[i])
	case Int64:
		return float64(Data[int64](t)[i])
	case Uint8:
		return float64(t.raw[i])
	case Uint16:
		return float64(Data[uint16](t)[i])
	case Uint32:
		return float64(Data[uint32](t)[i])
	case Uint64:
		return float64(Data[uint64](t)[i])
	default:
		if t.raw[i] != 0 {
			return 1
		}
		return 0
	}
}

// SetFlat sets element i in row-major order from a float64.
func (t *Tensor) SetFlat(i int, v float64) {
	switch t.dtype {
	case Float32:
		Data[float32](t)[i] = float32(v)
	case Float64:
		Data[float64](t)[i] = v
	case Float16:
		Data[uint16](t)[i] = floatToHalf(float32(v))
	case BFloat16:
		Data[uint16](t)[i] = floatToBFloat(float32(v))
	case Int8:
		Data[int8](t)[i] = int8(v)
	case Int16:
		Data[int16](t)[i] = int16(v)
	case Int32:
		Data[int32](t)[i] = int32(v)
	case Int64:
		Data[int64](t)[i] = int64(v)
	case Uint8:
		t.raw[i] = uint8(v)
	case Uint16:
		Data[uint16](t)[i] = uint16(v)
	case Uint32:
		Data[uint32](t)[i] = uint32(v)
	case Uint64:
		Data[uint64](t)[i] = uint64(v)
	default:
		t.raw[i] = 0
		if v != 0 {
			t.raw[i] = 1
		}
	}
}

// At is the element at the given index, one number an axis.
func (t *Tensor) At(index ...int) float64 {
	if len(index) != len(t.shape) {
		panic(fmt.Sprintf("tensor: index %v into shape %v", index, t.shape))
	}
	flat := 0
	for a, i := range index {
		if i < 0 || i >= t.shape[a] {
			panic(fmt.Sprintf("tensor: index %v into shape %v", index, t.shape))
		}
		flat = flat*t.shape[a] + i
	}
	return t.Flat(flat)
}

// String shows type, shape and the first elements.
func (t *Tensor) String() string {
	const most = 8
	var b strings.Builder
	fmt.Fprintf(&b, "%v%v{", t.dtype, t.shape)
	for i := range min(t.Len(), most) {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%.6g", t.Flat(i))
	}
	if t.Len() > most {
		b.WriteString(" …")
	}
	b.WriteByte('}')
	return b.String()
}
