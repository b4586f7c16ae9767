package csv

// An index holds the offsets of every so many rows of a file: of each row while
// they are few, of every second, fourth … as they become more.
type index struct {
	most   int
	every  int
	starts []int64 // of rows 0, every, 2·every …; last the end of the file
}

// add notes the offset of a row, which come in order.
func (x *index) add(row int, start int64) {
	x.every = max(x.every, 1)
	if row%x.every != 0 {
		return
	}
	if len(x.starts) == x.most {
		k := 0
		for i := 0; i < len(x.starts); i += 2 {
			x.starts[k] = x.starts[i]
			k++
		}
		x.starts = x.starts[:k]
		x.every *= 2
		if row%x.every != 0 {
			return
		}
	}
	x.starts = append(x.starts, start)
}

// end closes the index at the file's end.
func (x *index) end(size int64) { x.starts = append(x.starts, size) }

// find is the rows first to limit − 1 that a row is among, and the bytes that
// hold them.
func (x *index) find(row int) (first, limit int, from, to int64) {
	k := row / x.every
	return k * x.every, (k + 1) * x.every, x.starts[k], x.starts[k+1]
}
