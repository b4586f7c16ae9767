package bundle

import (
	"iter"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nadir-ml/nadir/tensor"
)

// A Field is a field of a message in the wire format of protocol buffers.
type Field struct {
	Num   int
	Type  protowire.Type
	Int   uint64 // of a varint or fixed number
	Bytes []byte // of a length-delimited field
}

// Fields yields the fields of a message in order. One that is damaged ends it with an
// error.
func Fields(b []byte) iter.Seq2[Field, error] {
	return func(yield func(Field, error) bool) {
		for len(b) > 0 {
			num, typ, n := protowire.ConsumeTag(b)
			if n < 0 {
				yield(Field{}, errorf(0, "a field's tag is damaged"))
				return
			}
			b = b[n:]
			f := Field{Num: int(num), Type: typ}
			switch typ {
			case protowire.VarintType:
				f.Int, n = protowire.ConsumeVarint(b)
			case protowire.Fixed32Type:
				var v uint32
				v, n = protowire.ConsumeFixed32(b)
				f.Int = uint64(v)
			case protowire.Fixed64Type:
				f.Int, n = protowire.ConsumeFixed64(b)
			case protowire.BytesType:
				f.Bytes, n = protowire.ConsumeBytes(b)
			default:
				n = protowire.ConsumeFieldValue(num, typ, b)
			}
			if n < 0 {
				yield(Field{}, errorf(0, "field %d is damaged or truncated", num))
				return
			}
			b = b[n:]
			f.Bytes = slices.Clip(f.Bytes) // what appends to them must not write on
			if !yield(f, nil) {
				return
			}
		}
	}
}

// Ints reads a repeated number, packed or not.
func (f Field) Ints(to []int64) ([]int64, error) {
	if f.Type == protowire.VarintType {
		return append(to, int64(f.Int)), nil
	}
	b, count := f.Bytes, 0
	for _, v := range b {
		if v < 0x80 { // which ends a number
			count++
		}
	}
	to = slices.Grow(to, count)
	for len(b) > 0 {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, errorf(0, "field %d is no list of numbers", f.Num)
		}
		to, b = append(to, int64(v)), b[n:]
	}
	return to, nil
}

// DType is a DataType of TensorFlow as a type of ours, Invalid where there is none.
func DType(code uint64) tensor.DType {
	switch code {
	case 1:
		return tensor.Float32
	case 2:
		return tensor.Float64
	case 3:
		return tensor.Int32
	case 4:
		return tensor.Uint8
	case 5:
		return tensor.Int16
	case 6:
		return tensor.Int8
	case 9:
		return tensor.Int64
	case 10:
		return tensor.Bool
	case 14:
		return tensor.BFloat16
	case 17:
		return tensor.Uint16
	case 19:
		return tensor.Float16
	case 22:
		return tensor.Uint32
	case 23:
		return tensor.Uint64
	}
	return tensor.Invalid
}

// TypeString is the code of TensorFlow's type of texts.
const TypeString = 7

// TypeName is what TensorFlow calls a type that there is none for here.
func TypeName(code uint64) string {
	names := map[uint64]string{7: "string", 8: "complex64", 11: "qint8", 12: "quint8", 13: "qint32", 15: "qint16", 16: "quint16", 18: "complex128", 20: "resource", 21: "variant"}
	if n := names[code]; n != "" {
		return n
	}
	return "type " + itoa(code)
}

// ParseShape reads a TensorShapeProto. An axis of unknown length is -1; of a shape of
// unknown rank, known is false.
func ParseShape(b []byte) (s tensor.Shape, known bool, err error) {
	s, known = tensor.Shape{}, true
	for f, err := range Fields(b) {
		if err != nil {
			return nil, false, err
		}
		switch f.Num {
		case 2:
			size := int64(0)
			for d, err := range Fields(f.Bytes) {
				if err != nil {
					return nil, false, err
				}
				if d.Num == 1 {
					size = int64(d.Int)
				}
			}
			if size < -1 || size > math.MaxInt32 || len(s) == 64 {
				return nil, false, errorf(0, "a shape has an axis of %d", size)
			}
			s = append(s, int(size))
		case 3:
			known = f.Int == 0
		}
	}
	return s, known, nil
}
