package data

// A Generator makes rows: what row i holds is a pure function of (seed, epoch,
// i). It fills rows 0 to len(idx)−1 of dst, for which [Batch.Start] was called.
// Calls with different dst may run at the same time.
type Generator func(dst *Batch, idx []int32, seed uint64, epoch int) error

// Generated is the source of n rows that are made anew in each epoch, as
// [Batches] reads it. Plain Read gives those of seed 0 and epoch 0.
func Generated(schema Schema, n int, make Generator) Source {
	return &generated{schema, n, make}
}

type generated struct {
	schema Schema
	n      int
	make   Generator
}

func (g *generated) Len() int       { return g.n }
func (g *generated) Schema() Schema { return g.schema }

func (g *generated) Read(dst *Batch, idx []int32) error { return g.readOrder(dst, idx, Order{}) }

func (g *generated) readOrder(dst *Batch, idx []int32, o Order) error {
	if err := checkRows(idx, g.n); err != nil {
		return err
	}
	if err := dst.Start(idx); err != nil {
		return err
	}
	return g.make(dst, idx, o.Seed, o.Epoch)
}
