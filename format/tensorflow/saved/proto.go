package saved

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nadir-ml/nadir/tensor"
)

// A message is one of Protocol Buffers as it grows.
type message []byte

func (m *message) int(field protowire.Number, v int) *message {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), uint64(int64(v)))
	return m
}

func (m *message) bool(field protowire.Number, v bool) *message {
	return m.int(field, int(protowire.EncodeBool(v)))
}

func (m *message) float(field protowire.Number, v float64) *message {
	*m = protowire.AppendFixed32(protowire.AppendTag(*m, field, protowire.Fixed32Type), math.Float32bits(float32(v)))
	return m
}

func (m *message) text(field protowire.Number, v string) *message {
	*m = protowire.AppendString(protowire.AppendTag(*m, field, protowire.BytesType), v)
	return m
}

func (m *message) bytes(field protowire.Number, v []byte) *message {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), v)
	return m
}

// entry adds an entry of a map from texts to messages.
func (m *message) entry(field protowire.Number, key string, value []byte) *message {
	var e message
	return m.bytes(field, *e.text(1, key).bytes(2, value))
}

// entries adds a map, its keys in order.
func entries(m *message, field protowire.Number, of map[string]message) {
	for _, key := range slices.Sorted(maps.Keys(of)) {
		m.entry(field, key, of[key])
	}
}

// Types of elements, as TensorFlow numbers them.
const (
	typeFloat  = 1
	typeDouble = 2
	typeInt32  = 3
	typeString = 7
	typeBool   = 10
	typeHandle = 20
)

// shapeProto is a TensorShapeProto. An axis of −1 is not known.
func shapeProto(s []int) message {
	var m message
	for _, d := range s {
		var dim message
		m.bytes(2, *dim.int(1, d))
	}
	return m
}

// An attribute is that of a node: an AttrValue.
type attribute struct {
	key   string
	value message
}

func typeAttr(key string, t int) attribute { return attribute{key, *new(message).int(6, t)} }

func intAttr(key string, v int) attribute { return attribute{key, *new(message).int(3, v)} }

func boolAttr(key string, v bool) attribute { return attribute{key, *new(message).bool(5, v)} }

func floatAttr(key string, v float64) attribute { return attribute{key, *new(message).float(4, v)} }

func textAttr(key, v string) attribute { return attribute{key, *new(message).text(2, v)} }

func shapeAttr(key string, s []int) attribute {
	return attribute{key, *new(message).bytes(7, shapeProto(s))}
}

func tensorAttr(key string, proto message) attribute {
	return attribute{key, *new(message).bytes(8, proto)}
}

// intsAttr is a list of numbers, typesAttr of types.
func intsAttr(key string, v ...int) attribute { return listAttr(key, 3, v) }

func typesAttr(key string, v ...int) attribute { return listAttr(key, 6, v) }

func listAttr(key string, field protowire.Number, v []int) attribute {
	var packed []byte
	for _, x := range v {
		packed = protowire.AppendVarint(packed, uint64(int64(x)))
	}
	var list message
	return attribute{key, *new(message).bytes(1, *list.bytes(field, packed))}
}

// numbersProto is a TensorProto of a tensor.
func numbersProto(code int, t *tensor.Tensor) message {
	var m message
	return *m.int(1, code).bytes(2, shapeProto(t.Shape())).bytes(4, t.Bytes())
}

// textsProto is a TensorProto of texts: a list, or one alone.
func textsProto(list bool, texts ...string) message {
	var m message
	shape := []int{len(texts)}
	if !list {
		shape = nil
	}
	m.int(1, typeString).bytes(2, shapeProto(shape))
	for _, s := range texts {
		m.text(8, s)
	}
	return m
}

// nodeProto is a NodeDef. Inputs are names of nodes, with :1 behind for the second result of
// one and ^ before for one that only has to come first.
func nodeProto(name, op string, in []string, attrs []attribute) message {
	var m message
	m.text(1, name).text(2, op)
	for _, x := range in {
		m.text(3, x)
	}
	slices.SortFunc(attrs, func(a, b attribute) int { return cmp.Compare(a.key, b.key) })
	for _, a := range attrs {
		m.entry(5, a.key, a.value)
	}
	return m
}
