package tflite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A reader walks a FlatBuffer. The first offset that lies outside stays as its error, and what
// is read after that is zero.
type reader struct {
	b     []byte
	err   error
	spent int // bytes of texts and lists that were copied
}

// free is how many bytes of texts and lists are copied beyond twice those of the file: one
// may stand at many places, but not without end.
const free = 8 << 20

// spend notes that so many bytes are copied.
func (r *reader) spend(n int) bool {
	if r.spent += n; r.spent > free+2*len(r.b) && r.err == nil {
		r.err = errors.New("the same names or lists stand at so many places that they take far more memory than the file has bytes")
	}
	return r.err == nil
}

// A table is one of a FlatBuffer; its zero value has no fields.
type table struct {
	r         *reader
	at, vt, n int // where it and its vtable begin, and how long that is
}

func (r *reader) u16(at int) int {
	if at < 0 || at > len(r.b)-2 {
		r.bad(at)
		return 0
	}
	return int(binary.LittleEndian.Uint16(r.b[at:]))
}

func (r *reader) u32(at int) int {
	if at < 0 || at > len(r.b)-4 {
		r.bad(at)
		return 0
	}
	return int(binary.LittleEndian.Uint32(r.b[at:]))
}

func (r *reader) bad(at int) {
	if r.err == nil {
		r.err = fmt.Errorf("an offset of %d leads out of the file's %d bytes: it is cut off or damaged", at, len(r.b))
	}
}

// table is that which the offset at a place leads to.
func (r *reader) table(at int) table {
	to := at + r.u32(at)
	vt := to - int(int32(r.u32(to)))
	n := r.u16(vt)
	if r.err != nil || vt < 0 || vt+n > len(r.b) || n < 4 {
		r.bad(vt)
		return table{r: r}
	}
	return table{r, to, vt, n}
}

// field is where a field lies, 0 where it is not there.
func (t table) field(i int) int {
	if at := 4 + 2*i; at+2 <= t.n {
		if o := t.r.u16(t.vt + at); o != 0 {
			return t.at + o
		}
	}
	return 0
}

func (t table) int(i, without int) int {
	if at := t.field(i); at != 0 {
		return int(int32(t.r.u32(at)))
	}
	return without
}

func (t table) byte(i int) int {
	at := t.field(i)
	if at == 0 {
		return 0
	}
	if at >= len(t.r.b) {
		t.r.bad(at)
		return 0
	}
	return int(int8(t.r.b[at]))
}

func (t table) float(i int) float64 {
	if at := t.field(i); at != 0 {
		return float64(math.Float32frombits(uint32(t.r.u32(at))))
	}
	return 0
}

func (t table) sub(i int) table {
	if at := t.field(i); at != 0 {
		return t.r.table(at)
	}
	return table{r: t.r}
}

// vector is the bytes of a vector whose elements have so many.
func (t table) vector(i, size int) []byte {
	at := t.field(i)
	if at == 0 {
		return nil
	}
	at += t.r.u32(at)
	n := t.r.u32(at)
	if t.r.err != nil || n > (len(t.r.b)-at-4)/size {
		t.r.bad(at + n)
		return nil
	}
	return t.r.b[at+4 : at+4+n*size]
}

func (t table) text(i int) string {
	v := t.vector(i, 1)
	if !t.r.spend(len(v)) {
		return ""
	}
	return string(v)
}

func (t table) ints(i int) []int {
	v := t.vector(i, 4)
	if !t.r.spend(2 * len(v)) {
		return nil
	}
	out := make([]int, 0, len(v)/4)
	for ; len(v) > 0; v = v[4:] {
		out = append(out, int(int32(binary.LittleEndian.Uint32(v))))
	}
	return out
}

// tables are those of a vector.
func (t table) tables(i int) []table {
	at := t.field(i)
	v := t.vector(i, 4)
	if len(v)/4 > 1<<16 {
		t.r.bad(len(v))
	}
	if t.r.err != nil || at == 0 {
		return nil
	}
	at += t.r.u32(at) + 4
	out := make([]table, 0, len(v)/4)
	for k := range len(v) / 4 {
		if t.r.err == nil {
			out = append(out, t.r.table(at+4*k))
		}
	}
	return out
}
