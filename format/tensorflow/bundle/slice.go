package bundle

import (
	"bytes"

	"github.com/nadir-ml/nadir/tensor"
)

// An extent is a part of one axis. A length of -1 is all of it.
type extent struct{ start, length int64 }

// parseSlice reads a TensorSliceProto.
func parseSlice(b []byte) ([]extent, error) {
	var out []extent
	for f, err := range Fields(b) {
		if err != nil {
			return nil, err
		}
		if f.Num != 1 {
			continue
		}
		e := extent{0, -1}
		for g, err := range Fields(f.Bytes) {
			if err != nil {
				return nil, err
			}
			switch g.Num {
			case 1:
				e.start = int64(g.Int)
			case 2:
				e.length = int64(g.Int)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// within makes a slice one of a shape: every axis has its length.
func within(s []extent, shape tensor.Shape) ([]extent, error) {
	if len(s) == 0 {
		s = make([]extent, len(shape))
		for i := range s {
			s[i].length = -1
		}
	}
	if len(s) != len(shape) {
		return nil, errorf(0, "a slice of %d axes of a tensor of shape %v", len(s), shape)
	}
	out := make([]extent, len(s))
	for i, e := range s {
		if e.length == -1 {
			e = extent{0, int64(shape[i])}
		}
		if e.start < 0 || e.length < 0 || e.start > int64(shape[i]) || e.length > int64(shape[i])-e.start {
			return nil, errorf(0, "a slice from %d of %d of an axis of %d", e.start, e.length, shape[i])
		}
		out[i] = e
	}
	return out, nil
}

// shapeOf is the shape of a slice.
func shapeOf(s []extent) tensor.Shape {
	out := make(tensor.Shape, len(s))
	for i, e := range s {
		out[i] = int(e.length)
	}
	return out
}

// put copies the rows of a slice into the tensor that it is a part of.
func put(dst []byte, shape tensor.Shape, s []extent, src []byte, width int) {
	part := shapeOf(s)
	if part.Len() == 0 {
		return
	}
	if len(shape) == 0 {
		copy(dst, src)
		return
	}
	run := part[len(part)-1] * width
	stride := make([]int, len(shape))
	for a, step := len(shape)-1, width; a >= 0; a-- {
		stride[a] = step
		step *= shape[a]
	}
	index := make([]int, len(part))
	for len(src) > 0 {
		at := 0
		for a := range index {
			at += (int(s[a].start) + index[a]) * stride[a]
		}
		copy(dst[at:at+run], src[:run])
		src = src[run:]
		for a := len(index) - 2; a >= 0; a-- {
			if index[a]++; index[a] < part[a] {
				break
			}
			index[a] = 0
		}
	}
}

// parseKey takes the key of a slice apart: 0, the tensor's name, the number of axes,
// and start and length of each, in an encoding whose order is that of the values.
func parseKey(key []byte) (name string, s []extent, ok bool) {
	zero, key, ok := unsigned(key)
	if !ok || zero != 0 {
		return "", nil, false
	}
	text, key, ok := orderedText(key)
	if !ok {
		return "", nil, false
	}
	n, key, ok := unsigned(key)
	if !ok || n > 64 {
		return "", nil, false
	}
	for range n {
		var e extent
		if e.start, key, ok = signed(key); !ok {
			return "", nil, false
		}
		if e.length, key, ok = signed(key); !ok {
			return "", nil, false
		}
		s = append(s, e)
	}
	return text, s, len(key) == 0
}

// unsigned reads a number: how many bytes, then these.
func unsigned(b []byte) (v uint64, rest []byte, ok bool) {
	if len(b) == 0 || b[0] > 8 || len(b) < 1+int(b[0]) {
		return 0, nil, false
	}
	n := int(b[0])
	for _, c := range b[1 : 1+n] {
		v = v<<8 | uint64(c)
	}
	return v, b[1+n:], true
}

// orderedText reads text in which 0 and 255 are followed by one more byte, up to the
// bytes 0 and 1.
func orderedText(b []byte) (string, []byte, bool) {
	var out bytes.Buffer
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c != 0 && c != 255 {
			out.WriteByte(c)
			continue
		}
		if i+1 >= len(b) {
			return "", nil, false
		}
		i++
		switch {
		case c == 0 && b[i] == 1:
			return out.String(), b[i+1:], true
		case c == 0 && b[i] == 255, c == 255 && b[i] == 0:
			out.WriteByte(c)
		default:
			return "", nil, false
		}
	}
	return "", nil, false
}

// signed reads a number whose first bits say by their count how many bytes it has;
// those of a negative one are turned.
func signed(b []byte) (int64, []byte, bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	var turn byte
	if b[0]&0x80 == 0 {
		turn = 0xff
	}
	n := 0
	for first := b[0] ^ turn; first&0x80 != 0 && n < 8; first <<= 1 {
		n++
	}
	if n == 0 || n > 7 || n > len(b) { // longer ones are beyond any axis
		return 0, nil, false
	}
	v := uint64(0)
	for i := range n {
		c := b[i] ^ turn
		if i == 0 {
			c &= byte(0xff >> (n + 1))
		}
		v = v<<8 | uint64(c)
	}
	if turn != 0 {
		return ^int64(v), b[n:], true
	}
	return int64(v), b[n:], true
}
