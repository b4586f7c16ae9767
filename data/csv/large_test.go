package csv

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/nadir-ml/nadir/data"
)

// tall is a file of rows of 32 bytes that takes no memory: number, category,
// number, label.
type tall struct{ rows int }

const tallRow = 32

func (f tall) size() int64 { return int64(f.rows) * tallRow }

func (f tall) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	var line [tallRow]byte
	for n < len(p) && off < f.size() {
		i := off / tallRow
		copy(line[:], fmt.Appendf(line[:0], "%010d,c%d,%015d,%d\n", i, i%7, i*i%1000003, i%3))
		k := copy(p[n:], line[off%tallRow:])
		n += k
		off += int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What is held of a file on disk depends on the bounds, not on the file.
func TestLargeFile(t *testing.T) {
	f := tall{1 << 18} // 8 MiB
	b := bounds{memory: 1 << 20, index: 512, sample: 4096}
	before := heap()
	s, err := load("tall.csv", f, f.size(), Options{}, b)
	if err != nil {
		t.Fatal(err)
	}
	if held := heap() - before; held > 1<<20 {
		t.Errorf("a file of %d bytes keeps %d in memory", f.size(), held)
	}
	if s.Len() != f.rows || s.Table().Width() != 9 || len(s.index.starts) > b.index+1 {
		t.Errorf("%d rows of %d inputs by %d offsets", s.Len(), s.Table().Width(), len(s.index.starts))
	}
	batch := data.NewBatch(s.Schema(), 3)
	idx := []int32{int32(f.rows - 1), 0, 123456}
	if err := s.Read(batch, idx); err != nil {
		t.Fatal(err)
	}
	for k, i := range idx {
		x := batch.X[0].Float32s()[k*9:]
		if x[0] != float32(i) || x[1+i%7] != 1 || x[8] != float32(int64(i)*int64(i)%1000003) || batch.Y[0].Int32s()[k] != i%3 {
			t.Errorf("row %d reads %v, class %d", i, x[:9], batch.Y[0].Int32s()[k])
		}
	}
	runtime.KeepAlive(s)
}

func TestIndex(t *testing.T) {
	t.Parallel()
	for most := 1; most < 9; most++ {
		for rows := 1; rows < 70; rows++ {
			x := index{most: most}
			for i := range rows {
				x.add(i, int64(10*i))
			}
			x.end(int64(10 * rows))
			for i := range rows {
				first, limit, from, to := x.find(i)
				if i < first || i >= limit || from != int64(10*first) || to != int64(10*min(limit, rows)) {
					t.Fatalf("%d entries of %d rows: row %d in %d to %d at %d to %d", most, rows, i, first, limit, from, to)
				}
			}
			if len(x.starts) > most+1 {
				t.Fatalf("%d entries for %d rows, want at most %d", len(x.starts)-1, rows, most)
			}
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	f := tall{1 << 15}
	all := make([]byte, f.size())
	if _, err := f.ReadAt(all, 0); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(f.size())
	for b.Loop() {
		if _, err := load("tall.csv", readerAt(all), f.size(), Options{}, usual()); err != nil {
			b.Fatal(err)
		}
	}
}

type readerAt []byte

func (r readerAt) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, r[min(off, int64(len(r))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// BenchmarkRead is the time of a batch of 32 rows in random order.
func BenchmarkRead(b *testing.B) {
	f := tall{1 << 15}
	all := make([]byte, f.size())
	if _, err := f.ReadAt(all, 0); err != nil {
		b.Fatal(err)
	}
	for name, bound := range map[string]bounds{
		"memory":  usual(),
		"disk":    {memory: 0, index: 1 << 20, sample: 4 << 20},
		"disk/16": {memory: 0, index: 1 << 11, sample: 4 << 20},
	} {
		b.Run(name, func(b *testing.B) {
			s, err := load("tall.csv", readerAt(all), f.size(), Options{}, bound)
			if err != nil {
				b.Fatal(err)
			}
			batch := data.NewBatch(s.Schema(), 32)
			idx := make([]int32, 32)
			b.ReportAllocs()
			for k := 0; b.Loop(); k++ {
				for i := range idx {
					idx[i] = int32((k*32 + i) * 7919 % f.rows)
				}
				if err := s.Read(batch, idx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
