package transfer

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// A Mode says where a [Cache] keeps rows.
type Mode string

// The modes.
const (
	Auto   Mode = "auto"   // in memory, on disk where that is too small, else nowhere; a disk that fails is told of
	Memory Mode = "memory" // in memory, or nowhere
	Disk   Mode = "disk"   // on disk, from one run to the next; a disk that fails is an error
	Off    Mode = "off"    // nowhere
)

// Modes lists them.
func Modes() []Mode { return []Mode{Auto, Memory, Disk, Off} }

// A Cache keeps what a [train.Prefix] makes of the rows of a source, by the
// prefix's key, which goes by its architecture, its preprocessing and the bytes
// of its weights, and by the rows. The zero Cache is ready. It may be used by
// several trainers, one after the other or at once.
//
//	run := train.Run{Train: rows, Epochs: 10, Cache: &transfer.Cache{}}
//
// Training with one ends in the same bytes as without. To train something else
// on what lower layers make of rows, ask for it directly:
//
//	p, err := net.Until("hidden2")             // of a train.Net
//	features, err := cache.Features(ctx, p, rows) // rows whose input is hidden2's output
//	if features == nil { … }                   // not kept: too large, or off
//
// Features of augmented rows are others each time; it keeps none.
type Cache struct {
	// Mode is Auto where it is empty.
	Mode Mode
	// Dir is the folder of the files; [DefaultDir] by default.
	Dir string
	// MaxMemory and MaxDisk are bytes that all that is kept together may take:
	// 1 GiB and 8 GiB by default. What has not been asked for longest goes first.
	MaxMemory, MaxDisk int64
	// Note is told what a person should know; nil drops it.
	Note func(string)
	// Progress is told how many rows of how many have been run; nil drops it.
	Progress func(done, total int)

	mu    sync.Mutex
	kept  []*entry // the one asked for last comes last
	files ckpt.FS  // for tests: what is written through; the operating system's where it is nil
}

// An entry is rows in memory, or an open file of them.
type entry struct {
	key   string
	src   data.Source // that they were made of
	rows  data.Source
	bytes int64 // of memory
	close func() error
}

const gib = 1 << 30

// limit is a limit with its default.
func limit(n, standard int64) int64 {
	if n == 0 {
		return standard
	}
	return n
}

// Features is the rows of src with the prefix's fields for inputs, in the
// source's order and with its targets and weights: read from what is kept, else
// made and kept. It is nil where they are not to be kept.
func (c *Cache) Features(ctx context.Context, p *train.Prefix, src data.Source) (data.Source, error) {
	if c == nil || c.Mode == Off || !data.Steady(src) || src.Len() == 0 {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.find(p, src); e != nil {
		return e.rows, nil
	}
	if ok, err := c.alike(ctx, p, src); !ok || err != nil {
		return nil, err
	}
	row := rowBytes(features(p, src))
	size := row * int64(src.Len())
	switch memory, disk := limit(c.MaxMemory, gib), limit(c.MaxDisk, 8*gib); {
	case c.Mode != Disk && size <= memory:
		return c.remember(ctx, p, src, size)
	case c.Mode == Memory:
		c.note("what the frozen layers make of %d rows takes %s, more than the %s of memory that is for it: it is computed anew every epoch; cache=disk keeps it on disk", src.Len(), bytesText(size), bytesText(memory))
		return nil, nil
	case size > disk:
		c.note("what the frozen layers make of %d rows takes %s, more than the %s of disk that is for it: it is computed anew every epoch", src.Len(), bytesText(size), bytesText(disk))
		return nil, nil
	}
	rows, err := c.store(ctx, p, src)
	if err != nil && c.Mode != Disk && ctx.Err() == nil && !isData(err) {
		c.note("%v; the frozen layers are run anew every epoch", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.keep(&entry{key: p.Key(), src: src, rows: rows, close: rows.Close})
	return rows, nil
}

// Close closes the files that are open and forgets the rest. Sources that the
// cache gave from files can no longer be read.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var first error
	for _, e := range c.kept {
		if e.close != nil {
			if err := e.close(); first == nil {
				first = err
			}
		}
	}
	c.kept = nil
	return first
}

func (c *Cache) note(format string, args ...any) {
	if c.Note != nil {
		c.Note(fmt.Sprintf(format, args...))
	}
}

// find is the entry for the same prefix and the same source, which becomes the
// last. Whoever has another source of the same rows gets them made anew, or from
// disk.
func (c *Cache) find(p *train.Prefix, src data.Source) *entry {
	if !reflect.ValueOf(src).Comparable() {
		return nil
	}
	i := slices.IndexFunc(c.kept, func(e *entry) bool {
		return e.key == p.Key() && reflect.TypeOf(e.src) == reflect.TypeOf(src) && e.src == src
	})
	if i < 0 {
		return nil
	}
	e := c.kept[i]
	c.kept = append(slices.Delete(c.kept, i, i+1), e)
	return e
}

// keep adds an entry and lets old ones go, as far as their memory is too much.
func (c *Cache) keep(e *entry) {
	if !reflect.ValueOf(e.src).Comparable() {
		e.src = nil // never found again
	}
	c.kept = append(c.kept, e)
	total := int64(0)
	for i := len(c.kept) - 1; i >= 0; i-- {
		if total += c.kept[i].bytes; total > limit(c.MaxMemory, gib) && c.kept[i].close == nil && c.kept[i] != e {
			total -= c.kept[i].bytes
			c.kept = slices.Delete(c.kept, i, i+1)
		}
	}
}

// features is the schema of the prefix's fields with the source's targets.
func features(p *train.Prefix, src data.Source) data.Schema {
	s := src.Schema()
	s.Inputs = p.Fields
	return s
}

// rowBytes is what one row takes, its weight included.
func rowBytes(s data.Schema) int64 {
	n := int64(4)
	for _, fs := range [][]data.Field{s.Inputs, s.Targets} {
		for _, f := range fs {
			n += int64(f.DType.Size()) * int64(f.Shape.Len())
		}
	}
	return n
}

// remember makes the rows and keeps them in memory.
func (c *Cache) remember(ctx context.Context, p *train.Prefix, src data.Source, size int64) (data.Source, error) {
	schema, n := features(p, src), src.Len()
	var x, y []*tensor.Tensor
	for _, part := range []struct {
		fields []data.Field
		to     *[]*tensor.Tensor
	}{{schema.Inputs, &x}, {schema.Targets, &y}} {
		for _, f := range part.fields {
			t, err := tensor.TryNew(f.DType, append([]int{n}, f.Shape...)...)
			if err != nil {
				return nil, err
			}
			*part.to = append(*part.to, t)
		}
	}
	m := &remembered{}
	at := 0
	for b, err := range p.Run(ctx, src) {
		if err != nil {
			return nil, err
		}
		for i, t := range b.X {
			copy(x[i].Rows(at, at+b.N).Bytes(), t.Bytes())
		}
		for i, t := range b.Y {
			copy(y[i].Rows(at, at+b.N).Bytes(), t.Bytes())
		}
		if b.Weight != nil && m.weight == nil {
			m.weight = make([]float32, n)
			for i := range m.weight {
				m.weight[i] = 1
			}
		}
		if b.Weight != nil {
			copy(m.weight[at:], b.Weight[:b.N])
		}
		at += b.N
		c.progress(at, n)
	}
	var err error
	if m.Source, err = data.FromTensors(schema, x, y); err != nil {
		return nil, err
	}
	c.keep(&entry{key: p.Key(), src: src, rows: m, bytes: size})
	return m, nil
}

func (c *Cache) progress(done, total int) {
	if c.Progress != nil {
		c.Progress(done, total)
	}
}

// remembered is rows in memory, with their weights.
type remembered struct {
	data.Source
	weight []float32 // nil: all 1
}

// Read gathers the rows.
func (m *remembered) Read(dst *data.Batch, idx []int32) error {
	if err := m.Source.Read(dst, idx); err != nil || m.weight == nil {
		return err
	}
	w := dst.Weigh()
	for k, i := range idx {
		w[k] = m.weight[i]
	}
	return nil
}

// Labels is the class of every row.
func (m *remembered) Labels() ([]int32, error) { return data.Labels(m.Source) }

// alike reports whether the prefix makes the same of the first row by itself as
// among others: what mixes the rows of a batch cannot be kept row by row.
func (c *Cache) alike(ctx context.Context, p *train.Prefix, src data.Source) (bool, error) {
	first := func(n int) ([][]byte, error) {
		var out [][]byte
		for b, err := range p.Run(ctx, data.Limit(src, n)) {
			if err != nil {
				return nil, err
			}
			for _, x := range b.X {
				out = append(out, bytes.Clone(x.Rows(0, 1).Bytes()))
			}
			break
		}
		return out, nil
	}
	one, err := first(1)
	if err != nil {
		return false, err
	}
	all, err := first(7)
	if err != nil {
		return false, err
	}
	if slices.EqualFunc(one, all, bytes.Equal) {
		return true, nil
	}
	c.note("%v make something else of a row by itself than among others: they are run anew every epoch", p.Layers)
	return false, nil
}

// bytesText is a number of bytes for people.
func bytesText(n int64) string {
	switch {
	case n >= gib:
		return fmt.Sprintf("%.3g GiB", float64(n)/gib)
	case n >= 1<<20:
		return fmt.Sprintf("%.3g MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.3g KiB", float64(n)/(1<<10))
}
