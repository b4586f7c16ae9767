package tflite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	format.Register(format.Format{Name: "tflite", Detect: func(p *format.Probe) bool { return len(p.Head) >= 8 && string(p.Head[4:8]) == "TFL3" }, Open: open})
}

// A variable is a tensor of the graph; one with data is a constant.
type variable struct {
	name  string
	shape tensor.Shape
	data  []byte
}

// An operator is one of the graph.
type operator struct {
	code    int
	custom  string
	in, out []int
	options table
}

// A graph is the first subgraph of a file.
type graph struct {
	vars    []variable
	in, out []int
	ops     []operator
}

var types = map[int]tensor.DType{0: tensor.Float32, 1: tensor.Float16, 2: tensor.Int32, 3: tensor.Uint8, 4: tensor.Int64, 6: tensor.Bool, 7: tensor.Int16, 9: tensor.Int8, 10: tensor.Float64}

func open(path string) (*format.File, error) {
	f := &format.File{}
	raw, err := f.Map(path, 1<<31-1) // where FlatBuffers end
	if err == nil {
		err = list(f, raw)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// maxRepeated is how many bytes tensors may have of buffers that are others' already.
const maxRepeated = 8 << 20

// list describes in f the model that these are the bytes of.
func list(f *format.File, raw []byte) error {
	r := &reader{b: raw}
	model := r.table(0)
	if d := model.text(3); d != "" {
		f.Metadata = append(f.Metadata, format.Entry{Key: "description", Value: d})
	}
	graphs, buffers, codes := model.tables(2), model.tables(4), model.tables(1)
	if r.err != nil {
		return r.err
	}
	if len(graphs) == 0 {
		return errors.New("the file holds no graph")
	}
	if len(graphs) > 1 {
		f.Warnings = append(f.Warnings, fmt.Sprintf("of %d graphs the first is read", len(graphs)))
	}
	g := &graph{in: graphs[0].ints(1), out: graphs[0].ints(2)}
	seen, quantized := map[string]bool{}, false
	shared, repeated := map[int]bool{}, 0 // buffers that a tensor has, and bytes of further tensors of them
	for i, t := range graphs[0].tables(0) {
		if r.err != nil {
			return r.err
		}
		v := variable{name: t.text(3), shape: t.ints(0)}
		if v.name == "" || seen[v.name] {
			v.name += "#" + strconv.Itoa(i)
		}
		seen[v.name] = true
		if at := t.int(2, 0); at < 0 || at >= len(buffers) {
			return fmt.Errorf("tensor %q is kept in buffer %d of %d", v.name, at, len(buffers))
		} else if v.data = buffers[at].vector(0, 1); len(v.data) == 0 {
			if buffers[at].field(1) != 0 {
				return &format.Unsupported{What: fmt.Sprintf("tensor %q", v.name), Msg: "its numbers lie behind the FlatBuffer, as those of very large files do"}
			}
			g.vars = append(g.vars, v)
			continue
		}
		if at := t.int(2, 0); shared[at] {
			if repeated += len(v.data); repeated > maxRepeated {
				return fmt.Errorf("tensor %q: it is kept in buffer %d, as others are: so many tensors share buffers that they take far more memory than the file has bytes", v.name, at)
			}
		} else {
			shared[at] = true
		}
		q := t.sub(4)
		scale, zero, axis := q.vector(2, 4), q.vector(3, 8), q.int(6, 0)
		dt, known := types[t.byte(1)]
		if r.err != nil {
			return r.err
		}
		n, err := v.shape.Elems()
		if err != nil {
			return fmt.Errorf("tensor %q: %w", v.name, err)
		}
		x := format.Tensor{Name: v.name, DType: dt, Shape: v.shape, Type: "type " + strconv.Itoa(t.byte(1))}
		if known {
			if n > len(v.data) || n*dt.Size() != len(v.data) {
				return fmt.Errorf("tensor %q: %v of shape %v, but %d bytes", v.name, dt, v.shape, len(v.data))
			}
			step, count := 1, len(scale)/4
			if count > 1 {
				if axis < 0 || axis >= len(v.shape) || v.shape[axis] != count {
					return fmt.Errorf("tensor %q of shape %v has %d scales along axis %d", v.name, v.shape, count, axis)
				}
				for _, d := range v.shape[axis+1:] {
					step *= d
				}
			}
			if len(zero) != 0 && len(zero)/8 != count {
				return fmt.Errorf("tensor %q has %d scales and %d zero points", v.name, count, len(zero)/8)
			}
			data := v.data
			x.Read = func() (*tensor.Tensor, error) {
				t, err := tensor.Wrap(dt, append(tensor.Aligned(len(data))[:0], data...), v.shape...)
				if err != nil || count == 0 || dt.IsFloat() {
					return t, err
				}
				out, err := tensor.TryNew(tensor.Float32, v.shape...)
				if err != nil {
					return nil, err
				}
				for i := range out.Len() {
					k, z := i/step%count, 0.0
					if len(zero) > 0 {
						z = float64(int64(binary.LittleEndian.Uint64(zero[8*k:])))
					}
					out.SetFlat(i, (t.Flat(i)-z)*float64(math.Float32frombits(binary.LittleEndian.Uint32(scale[4*k:]))))
				}
				return out, nil
			}
			if count > 0 && !dt.IsFloat() {
				x.DType, quantized = tensor.Float32, true
			} else if dt != tensor.Bool {
				x.Bands = func(size int, use func([]byte)) error {
					for piece := range slices.Chunk(data, size) {
						use(piece)
					}
					return nil
				}
			}
		}
		g.vars, f.Tensors = append(g.vars, v), append(f.Tensors, x)
	}
	ops := graphs[0].tables(3)
	if len(ops) > format.MaxNodes(len(raw)) {
		return fmt.Errorf("the graph has more than %d operations in %d bytes", format.MaxNodes(len(raw)), len(raw))
	}
	for _, t := range ops {
		if r.err != nil {
			return r.err
		}
		at := t.int(0, 0)
		if at < 0 || at >= len(codes) {
			return fmt.Errorf("an operation has code %d of %d", at, len(codes))
		}
		op := operator{code: max(codes[at].byte(0), codes[at].int(3, 0)), custom: codes[at].text(1), in: t.ints(1), out: t.ints(2), options: t.sub(4)}
		for _, i := range append(op.out[:len(op.out):len(op.out)], op.in...) {
			if i < -1 || i >= len(g.vars) {
				return fmt.Errorf("an operation names tensor %d of %d", i, len(g.vars))
			}
		}
		g.ops = append(g.ops, op)
	}
	if r.err != nil {
		return r.err
	}
	for _, i := range append(g.in[:len(g.in):len(g.in)], g.out...) {
		if i < 0 || i >= len(g.vars) {
			return fmt.Errorf("the graph names tensor %d of %d", i, len(g.vars))
		}
	}
	if quantized {
		f.Warnings = append(f.Warnings, "weights are quantized: they become floats, and the network computes with floats")
	}
	for _, i := range g.in {
		f.Inputs = append(f.Inputs, format.Node{Name: g.vars[i].name})
	}
	for _, i := range g.out {
		f.Outputs = append(f.Outputs, format.Node{Name: g.vars[i].name})
	}
	f.Blueprint = func(o format.Options) (*format.Blueprint, error) {
		b, err := g.blueprint(f, o)
		if err == nil {
			err = r.err
		}
		return b, err
	}
	return nil
}
