package data

import (
	"fmt"
	"iter"
	"sync"

	"github.com/nadir-ml/nadir/internal/rng"
)

// An Order fixes which rows come when. The zero Order is first to last.
type Order struct {
	Seed     uint64
	Epoch    int
	Shuffle  bool // a uniform permutation of the rows, drawn from Seed and Epoch
	Skip     int  // batches to pass over without reading them, to go on where a run stopped
	DropLast bool // leave out a last batch that is not full
}

// ahead is the number of batches in flight: one in the loop's hands, one
// ready, one being read.
const ahead = 3

// Batches walks src in batches of size rows, in the order that o fixes; the
// last batch holds what is left. A goroutine reads ahead of the loop; it ends
// before the loop does, however the loop is left. A batch is valid until the
// next one. A batch costs no allocation once the first few were made.
//
// An error ends the walk and comes with a nil batch.
func Batches(src Source, size int, o Order) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		n := src.Len()
		if size <= 0 || o.Skip < 0 {
			yield(nil, fmt.Errorf("batches of %d rows, %d of them skipped: want a size above 0 and a skip of 0 or more", size, o.Skip))
			return
		}
		if o.DropLast {
			n -= n % size
		}
		if o.Skip > (n-1)/size || n == 0 {
			return
		}
		rows := o.rows(src.Len())
		capacity := min(size, n)
		count := (n-1)/size + 1

		type read struct {
			b   *Batch
			err error
		}
		ready := make(chan read, ahead)
		free := make(chan *Batch, ahead)
		quit := make(chan struct{})
		var wg sync.WaitGroup
		defer wg.Wait()
		defer close(quit)
		wg.Go(func() {
			for k := o.Skip; k < count; k++ {
				var b *Batch
				if k-o.Skip < ahead {
					b = NewBatch(src.Schema(), capacity)
				} else {
					select {
					case b = <-free:
					case <-quit:
						return
					}
				}
				err := readRows(src, b, rows[k*size:min((k+1)*size, n)], o)
				select {
				case ready <- read{b, err}:
				case <-quit:
					return
				}
				if err != nil {
					return
				}
			}
		})
		for k := o.Skip; k < count; k++ {
			r := <-ready
			if r.err != nil {
				yield(nil, r.err)
				return
			}
			if !yield(r.b, nil) {
				return
			}
			free <- r.b
		}
	}
}

// rows is the order of n rows.
func (o Order) rows(n int) []int32 {
	p := make([]int32, n)
	if o.Shuffle {
		rng.New(rng.Key(o.Seed, "data/order"), uint64(o.Epoch)).Perm(p)
		return p
	}
	for i := range p {
		p[i] = int32(i)
	}
	return p
}
