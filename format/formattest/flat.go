package formattest

import "encoding/binary"

// A Flat writes FlatBuffers front to back: every offset leads forward, and a vtable stands
// before its table.
type Flat struct{ B []byte }

// U32 appends a number.
func (w *Flat) U32(v int) { w.B = binary.LittleEndian.AppendUint32(w.B, uint32(v)) }

// Table writes one of 4-byte slots, and gives where each is, and then where it begins;
// a slot of -1 is left out.
func (w *Flat) Table(slots ...int) []int {
	vt := len(w.B)
	w.B = binary.LittleEndian.AppendUint16(w.B, uint16(4+2*len(slots)))
	w.B = binary.LittleEndian.AppendUint16(w.B, uint16(4+4*len(slots)))
	for i, v := range slots {
		o := 4 + 4*i
		if v == -1 {
			o = 0
		}
		w.B = binary.LittleEndian.AppendUint16(w.B, uint16(o))
	}
	for len(w.B)%4 != 0 {
		w.B = append(w.B, 0)
	}
	at := len(w.B)
	w.U32(at - vt)
	out := []int{}
	for _, v := range slots {
		out = append(out, len(w.B))
		w.U32(max(v, 0))
	}
	return append(out, at)
}

// Point makes the slot lead to what is written next.
func (w *Flat) Point(slot, to int) { binary.LittleEndian.PutUint32(w.B[slot:], uint32(to-slot)) }

// Ints makes the slot lead to a vector of numbers, and gives where each is.
func (w *Flat) Ints(slot int, v ...int) []int {
	w.Point(slot, len(w.B))
	w.U32(len(v))
	var at []int
	for _, x := range v {
		at = append(at, len(w.B))
		w.U32(x)
	}
	return at
}

// Text makes the slot lead to a text.
func (w *Flat) Text(slot int, s string) {
	w.Point(slot, len(w.B))
	w.U32(len(s))
	w.B = append(w.B, s...)
	for len(w.B)%4 != 0 {
		w.B = append(w.B, 0)
	}
}
