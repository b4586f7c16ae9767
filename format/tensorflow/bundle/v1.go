package bundle

import (
	"slices"

	"github.com/nadir-ml/nadir/tensor"
)

// slices lists the tensors of a table of version 1. Its first entry, with the empty
// key, says what they are, and each further one holds a slice.
func (f *File) slices(t *Table) error {
	table := len(f.tables) - 1
	err := t.each(func(block int, key, value []byte) error {
		for g, err := range Fields(value) {
			switch {
			case err != nil:
				return err
			case g.Num == 1 && len(key) == 0 && g.Bytes == nil:
				return errorf(0, "it is the index of a checkpoint of version 2, which has to be called NAME.index, beside NAME.data-00000-of-00001")
			case g.Num == 1 && len(key) == 0:
				if err := f.meta(g.Bytes); err != nil {
					return err
				}
			case g.Num == 2 && len(key) > 0:
				name, s, _, err := slice(g.Bytes)
				if err != nil {
					return err
				}
				i, ok := f.index[name]
				if !ok {
					return &Error{Tensor: name, Msg: "the table holds a slice of it, but does not list it"}
				}
				e := &f.entries[i]
				if s, err = within(s, e.Shape); err != nil {
					return in("", name, err)
				}
				e.chunks = append(e.chunks, chunk{s, table, block, string(key)})
			}
		}
		return nil
	})
	if err != nil {
		return in(f.names[table], "", err)
	}
	if f.index == nil {
		return in(f.names[table], "", errorf(0, "the table lists no tensors; it is no checkpoint"))
	}
	return nil
}

// meta reads a SavedTensorSliceMeta.
func (f *File) meta(b []byte) error {
	for g, err := range Fields(b) {
		if err != nil {
			return err
		}
		if g.Num != 1 {
			continue
		}
		e := Entry{Shape: tensor.Shape{}}
		for h, err := range Fields(g.Bytes) {
			if err != nil {
				return err
			}
			switch h.Num {
			case 1:
				e.Name = string(h.Bytes)
			case 2:
				known := false
				if e.Shape, known, err = ParseShape(h.Bytes); err != nil {
					return err
				}
				if !known || slices.Contains(e.Shape, -1) {
					return in("", e.Name, errorf(0, "its shape is not known"))
				}
			case 3:
				e.typed(h.Int)
			}
		}
		if _, err := e.Shape.Elems(); err != nil {
			return in("", e.Name, errorf(0, "%v", err))
		}
		if _, again := f.Lookup(e.Name); again {
			continue // another shard lists it, too
		}
		if err := f.add(e); err != nil {
			return err
		}
	}
	return nil
}

// slice reads a SavedSlice: the tensor's name, which part, and a TensorProto.
func slice(b []byte) (name string, s []extent, data []byte, err error) {
	for f, err := range Fields(b) {
		if err != nil {
			return "", nil, nil, err
		}
		switch f.Num {
		case 1:
			name = string(f.Bytes)
		case 2:
			if s, err = parseSlice(f.Bytes); err != nil {
				return "", nil, nil, err
			}
		case 3:
			data = f.Bytes
		}
	}
	return name, s, data, nil
}

// sliced reads a tensor of version 1.
func (f *File) sliced(e Entry) (*tensor.Tensor, error) {
	covered := 0
	for _, c := range e.chunks {
		covered += shapeOf(c.slice).Len()
	}
	if covered != e.Shape.Len() {
		return nil, in(f.path, e.Name, errorf(0, "its slices hold %d of %d numbers", covered, e.Shape.Len()))
	}
	var t *tensor.Tensor
	for _, c := range e.chunks {
		x, err := f.chunk(e, c)
		if err != nil {
			return nil, in(f.names[c.table], e.Name, err)
		}
		if len(e.chunks) == 1 {
			return x.Reshape(e.Shape...)
		}
		// Taken once the first slice is there: what is claimed may be more than
		// the file holds.
		if t == nil {
			if t, err = tensor.TryNew(e.DType, e.Shape...); err != nil {
				return nil, in(f.names[c.table], e.Name, errorf(0, "%v", err))
			}
		}
		put(t.Bytes(), e.Shape, c.slice, x.Bytes(), e.DType.Size())
	}
	if t == nil {
		t = tensor.New(e.DType, e.Shape...)
	}
	return t, nil
}

func (f *File) chunk(e Entry, c chunk) (*tensor.Tensor, error) {
	for p, err := range f.tables[c.table].walk(c.block) {
		if err != nil {
			return nil, err
		}
		if string(p.key) != c.key {
			continue
		}
		for g, err := range Fields(p.value) {
			if err != nil {
				return nil, err
			}
			if g.Num != 2 {
				continue
			}
			_, _, data, err := slice(g.Bytes)
			if err != nil {
				return nil, err
			}
			return ParseTensor(data, e.code, shapeOf(c.slice), false)
		}
	}
	return nil, errorf(0, "the slice is no longer there")
}
