package main

import (
	"encoding/binary"
	"math"
	"os"

	"google.golang.org/protobuf/encoding/protowire"
)

// The makers here write y = x₀ + 10·x₁ + 0.5 as other frameworks save it.
func init() {
	makers["caffe-weights"] = func(path string) error {
		bytes := func(b []byte, num protowire.Number, body []byte) []byte {
			return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), body)
		}
		blob := func(dims []byte, v ...float32) []byte {
			return bytes(bytes(nil, 7, bytes(nil, 1, dims)), 5, float32s(v...))
		}
		layer := bytes(bytes(nil, 1, []byte("ip")), 2, []byte("InnerProduct"))
		layer = bytes(bytes(layer, 7, blob([]byte{1, 2}, 1, 10)), 7, blob([]byte{1}, 0.5))
		return os.WriteFile(path, bytes(bytes(nil, 1, []byte("line")), 100, layer), 0o644)
	}
	makers["darknet-weights"] = func(path string) error {
		head := make([]byte, 20)
		head[4], head[8] = 2, 5
		return os.WriteFile(path, append(head, float32s(0.5, 1, 10)...), 0o644)
	}
	makers["tflite-model"] = func(path string) error { return os.WriteFile(path, tfliteLine(9), 0o644) }
	// The same with an operation that nothing is known of here.
	makers["tflite-whiles"] = func(path string) error { return os.WriteFile(path, tfliteLine(119), 0o644) }
}

func float32s(v ...float32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// A flatbuffer is written front to back: every offset leads forward, and a vtable stands
// before its table.
type flatbuffer []byte

func (w *flatbuffer) u32(v int) { *w = binary.LittleEndian.AppendUint32(*w, uint32(v)) }

// table writes one of slots of 4 bytes, which are left out at -1, and gives where each
// is and at the end where the table is.
func (w *flatbuffer) table(slots ...int) []int {
	vtable := len(*w)
	*w = binary.LittleEndian.AppendUint16(*w, uint16(4+2*len(slots)))
	*w = binary.LittleEndian.AppendUint16(*w, uint16(4+4*len(slots)))
	for i, v := range slots {
		at := 4 + 4*i
		if v == -1 {
			at = 0
		}
		*w = binary.LittleEndian.AppendUint16(*w, uint16(at))
	}
	for len(*w)%4 != 0 {
		*w = append(*w, 0)
	}
	at := len(*w)
	w.u32(at - vtable)
	var out []int
	for _, v := range slots {
		out = append(out, len(*w))
		w.u32(max(v, 0))
	}
	return append(out, at)
}

// vector makes a slot lead to a vector of n numbers that follows.
func (w *flatbuffer) vector(slot, n int) {
	w.lead(slot, len(*w))
	w.u32(n)
}

func (w *flatbuffer) lead(slot, to int) {
	binary.LittleEndian.PutUint32((*w)[slot:], uint32(to-slot))
}

func (w *flatbuffer) ints(slot int, v ...int) []int {
	w.vector(slot, len(v))
	var at []int
	for _, x := range v {
		at = append(at, len(*w))
		w.u32(x)
	}
	return at
}

func (w *flatbuffer) bytes(slot int, b []byte) {
	w.vector(slot, len(b))
	*w = append(*w, b...)
	for len(*w)%4 != 0 {
		*w = append(*w, 0)
	}
}

func tfliteLine(code int) []byte {
	w := flatbuffer("\x08\x00\x00\x00TFL3")
	model := w.table(3, 0, 0, -1, 0)
	w[0] = byte(model[5])
	codes := w.ints(model[1], 0)
	w.lead(codes[0], w.table(code)[1])
	buffers := w.ints(model[4], 0, 0, 0)
	w.lead(buffers[0], w.table()[0])
	for i, v := range [][]float32{{1, 10}, {0.5}} {
		b := w.table(0)
		w.lead(buffers[i+1], b[1])
		w.bytes(b[0], float32s(v...))
	}
	graphs := w.ints(model[2], 0)
	graph := w.table(0, 0, 0, 0)
	w.lead(graphs[0], graph[4])
	tensors := w.ints(graph[0], 0, 0, 0, 0)
	for i, t := range []struct {
		name   string
		buffer int
		shape  []int
	}{{"x", 0, []int{1, 2}}, {"w", 1, []int{1, 2}}, {"b", 2, []int{1}}, {"y", 0, []int{1, 1}}} {
		v := w.table(0, 0, t.buffer, 0)
		w.lead(tensors[i], v[4])
		w.ints(v[0], t.shape...)
		w.bytes(v[3], []byte(t.name))
	}
	w.ints(graph[1], 0)
	w.ints(graph[2], 3)
	ops := w.ints(graph[3], 0)
	op := w.table(0, 0, 0)
	w.lead(ops[0], op[3])
	w.ints(op[1], 0, 1, 2)
	w.ints(op[2], 3)
	return w
}
