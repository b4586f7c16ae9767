package tfrecord

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// A Kind is what a feature is a list of.
type Kind int

// The kinds. None is a feature without a list, as of a value that is missing.
const (
	None Kind = iota
	Bytes
	Floats
	Ints
)

// String is the name of the list in TensorFlow.
func (k Kind) String() string {
	return [...]string{"empty", "bytes_list", "float_list", "int64_list"}[k]
}

// A Feature is a list of one kind; of the lists only that of its kind is set.
type Feature struct {
	Name   string
	Kind   Kind
	Bytes  [][]byte
	Floats []float32
	Ints   []int64
}

// Len is the number of values.
func (f Feature) Len() int { return len(f.Bytes) + len(f.Floats) + len(f.Ints) }

// An Example is a message tf.train.Example: features in the order of their names.
type Example []Feature

// Lookup is the feature of that name.
func (e Example) Lookup(name string) (Feature, bool) {
	i, ok := slices.BinarySearchFunc(e, name, func(f Feature, n string) int { return strings.Compare(f.Name, n) })
	if !ok {
		return Feature{}, false
	}
	return e[i], true
}

// The field numbers of TensorFlow's example.proto and feature.proto.
const (
	fieldFeatures = 1 // of Example
	fieldFeature  = 1 // of Features, a map
	fieldKey      = 1
	fieldValue    = 2
	fieldList     = 1 // of each list
)

// ParseExample reads a message. Byte strings are parts of b and not copied.
// Where a name comes twice the later feature counts, as in protocol buffers.
func ParseExample(b []byte) (Example, error) {
	var e Example
	err := fields(b, func(num protowire.Number, v []byte) error {
		if num != fieldFeatures {
			return nil
		}
		return fields(v, func(num protowire.Number, v []byte) error {
			if num != fieldFeature {
				return nil
			}
			f, err := entry(v)
			if err == nil {
				e = append(e, f)
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("no tf.train.Example: %w", err)
	}
	slices.Reverse(e) // the last of a name comes first, and is kept
	slices.SortStableFunc(e, func(a, b Feature) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(e, func(a, b Feature) bool { return a.Name == b.Name }), nil
}

// fields gives the length-delimited fields of a message; others are passed over.
func fields(b []byte, field func(num protowire.Number, v []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("a field's tag is damaged")
		}
		b = b[n:]
		if typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
				return fmt.Errorf("field %d is damaged or truncated", num)
			}
			b = b[n:]
			continue
		}
		v, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return fmt.Errorf("field %d is damaged or truncated", num)
		}
		b = b[n:]
		if err := field(num, v); err != nil {
			return err
		}
	}
	return nil
}

// entry is a name and its feature.
func entry(b []byte) (f Feature, err error) {
	var value []byte
	err = fields(b, func(num protowire.Number, v []byte) error {
		switch num {
		case fieldKey:
			f.Name = string(v)
		case fieldValue:
			value = v
		}
		return nil
	})
	if err == nil {
		err = fields(value, f.list)
	}
	if err != nil {
		return Feature{}, fmt.Errorf("feature %q: %w", f.Name, err)
	}
	return f, nil
}

// list reads the values of a feature. The numbers of the kinds are their fields'.
func (f *Feature) list(num protowire.Number, b []byte) (err error) {
	kind := Kind(num)
	if kind < Bytes || kind > Ints {
		return nil
	}
	*f = Feature{Name: f.Name, Kind: kind}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("the %v is damaged", kind)
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(num, typ, b)
		if n < 0 {
			return fmt.Errorf("the %v is truncated", kind)
		}
		if num == fieldList {
			if err := f.values(typ, b[:n]); err != nil {
				return err
			}
		}
		b = b[n:]
	}
	return nil
}

// values reads one value, or several that are packed.
func (f *Feature) values(typ protowire.Type, b []byte) error {
	fault := fmt.Errorf("the %v does not hold what it is a list of", f.Kind)
	if typ == protowire.BytesType {
		b, _ = protowire.ConsumeBytes(b)
		switch f.Kind {
		case Bytes:
			f.Bytes = append(f.Bytes, b)
			return nil
		case Floats:
			if len(b)%4 != 0 {
				return fault
			}
			f.Floats = slices.Grow(f.Floats, len(b)/4)
		}
	} else if want := map[Kind]protowire.Type{Floats: protowire.Fixed32Type, Ints: protowire.VarintType}[f.Kind]; f.Kind == Bytes || typ != want {
		return fault
	}
	for len(b) > 0 {
		if f.Kind == Floats {
			f.Floats = append(f.Floats, math.Float32frombits(binary.LittleEndian.Uint32(b)))
			b = b[4:]
			continue
		}
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return fault
		}
		f.Ints, b = append(f.Ints, int64(v)), b[n:]
	}
	return nil
}

// Append appends the message, features in their order.
func (e Example) Append(b []byte) []byte {
	var all []byte
	for _, f := range e {
		var list []byte
		switch f.Kind {
		case Bytes:
			for _, v := range f.Bytes {
				list = message(list, fieldList, v)
			}
		case Floats:
			var packed []byte
			for _, v := range f.Floats {
				packed = protowire.AppendFixed32(packed, math.Float32bits(v))
			}
			list = message(list, fieldList, packed)
		case Ints:
			var packed []byte
			for _, v := range f.Ints {
				packed = protowire.AppendVarint(packed, uint64(v))
			}
			list = message(list, fieldList, packed)
		}
		var value []byte
		if f.Kind != None {
			value = message(nil, protowire.Number(f.Kind), list)
		}
		all = message(all, fieldFeature, message(message(nil, fieldKey, []byte(f.Name)), fieldValue, value))
	}
	return message(b, fieldFeatures, all)
}

func message(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}
