package bundle

import (
	"encoding/binary"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nadir-ml/nadir/tensor"
)

// spare is how many elements a TensorProto may have beyond those that are written:
// the last one stands for all further ones.
const spare = 1 << 16

// ParseTensor reads the numbers of a TensorProto of a type and shape that are known
// from elsewhere. With repeat, the last number that is written stands for all that
// are not, as in the constants of a graph.
func ParseTensor(b []byte, code uint64, shape tensor.Shape, repeat bool) (*tensor.Tensor, error) {
	dt := DType(code)
	if dt == tensor.Invalid {
		return nil, errorf(0, "values of type %s are not read", TypeName(code))
	}
	n, err := shape.Elems()
	if err != nil {
		return nil, errorf(0, "%v", err)
	}
	w := dt.Size()
	var raw []byte
	count := 0 // of bytes in raw
	// number writes one number as the type has it.
	number := func(bits uint64) error {
		if count/w >= n {
			return errorf(0, "more numbers than the shape %v has", shape)
		}
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], bits)
		raw = append(raw, b[:w]...)
		count += w
		return nil
	}
	for f, err := range Fields(b) {
		if err != nil {
			return nil, err
		}
		switch f.Num {
		case 4: // tensor_content
			if len(f.Bytes) == 0 {
				continue
			}
			if len(f.Bytes) != n*w || n > len(f.Bytes) {
				return nil, errorf(0, "%d bytes for %s of shape %v", len(f.Bytes), dt, shape)
			}
			raw, count = f.Bytes, len(f.Bytes)
		case 5, 6: // float_val, double_val
			size := 4
			if f.Num == 6 {
				size = 8
			}
			if size != w {
				return nil, errorf(0, "numbers of %d bytes for %s", size, dt)
			}
			if f.Type != protowire.BytesType {
				if err := number(f.Int); err != nil {
					return nil, err
				}
				continue
			}
			if len(f.Bytes)%size != 0 || len(f.Bytes)/size > n-count/w {
				return nil, errorf(0, "%d bytes for %s of shape %v", len(f.Bytes), dt, shape)
			}
			raw = append(raw, f.Bytes...)
			count += len(f.Bytes)
		case 7, 10, 11, 13, 16, 17: // int_val, int64_val, bool_val, half_val, uint32_val, uint64_val
			if f.Type != protowire.BytesType {
				if err := number(f.Int); err != nil {
					return nil, err
				}
				continue
			}
			raw = slices.Grow(raw, w*min(len(f.Bytes), n))
			for b := f.Bytes; len(b) > 0; {
				v, k := protowire.ConsumeVarint(b)
				if k < 0 {
					return nil, errorf(0, "field %d is no list of numbers", f.Num)
				}
				if err := number(v); err != nil {
					return nil, err
				}
				b = b[k:]
			}
		}
	}
	have := count / w
	if have < n && (!repeat || have == 0 && count > 0 || n > have+spare) {
		return nil, errorf(0, "%d of %d numbers are there", have, n)
	}
	out := tensor.Aligned(n * w)
	copy(out, raw)
	if have > 0 { // without a number all are zeros
		for i := have; i < n; i++ {
			copy(out[i*w:], raw[count-w:])
		}
	}
	if dt == tensor.Bool {
		for i, b := range out {
			out[i] = min(b, 1)
		}
	}
	t, err := tensor.Wrap(dt, out, shape...)
	if err != nil {
		return nil, errorf(0, "%v", err)
	}
	return t, nil
}

// Numbers reads a tensor's numbers as float64.
func Numbers(t *tensor.Tensor) []float64 {
	out := make([]float64, t.Len())
	for i := range out {
		out[i] = t.Flat(i)
	}
	return out
}
