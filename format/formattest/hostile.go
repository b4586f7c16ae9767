package formattest

import (
	"bytes"
	stdcontext "context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

func context() stdcontext.Context { return stdcontext.Background() }

func bytesOf(b []byte) io.Reader { return bytes.NewReader(b) }

// Use opens what lies at a path, reads every tensor, and imports and runs the model
// where there is one: all that a hostile file could spoil.
func Use(path string, o format.Options) error {
	_, err := Digest(path, o)
	return err
}

// A Result is what Digest finds.
type Result struct {
	// Sum is of all names, types, shapes and numbers, those of a first prediction
	// included: two files of one sum say the same.
	Sum uint64
	// Numbers is how many were read of the file's tensors.
	Numbers int
}

// wide is the most numbers of an input that Digest makes up.
const wide = 1 << 16

// Digest is Use, and says what there is.
func Digest(path string, o format.Options) (r Result, err error) {
	f, err := format.OpenFile(path)
	if err != nil {
		return r, err
	}
	defer f.Close()
	sum := fnv.New64a()
	defer func() { r.Sum = sum.Sum64() }()
	for _, t := range f.Tensors {
		fmt.Fprintln(sum, t.Name, t.TypeName(), t.Shape)
		if t.Read == nil {
			continue
		}
		x, err := t.Read()
		if err != nil {
			return r, err
		}
		if !x.Shape().Equal(t.Shape) || x.DType() != t.DType {
			return r, errors.New("a tensor of another type or shape than was listed")
		}
		r.Numbers += x.Len()
		sum.Write(x.Bytes())
	}
	if f.Blueprint == nil && o.Net == nil {
		return r, nil
	}
	m, _, err := f.Import(o)
	if err != nil {
		return r, err
	}
	var xs []*tensor.Tensor
	for _, in := range m.Data.Inputs {
		if n, err := in.Shape.Elems(); err != nil || n > wide {
			return r, nil // whoever has such a row has the memory for it
		}
		x := tensor.New(in.DType, append([]int{2}, in.Shape...)...)
		for i := range x.Len() {
			if in.DType.IsFloat() {
				x.SetFlat(i, float64((i*7919+13)%1009)/1008)
			}
		}
		xs = append(xs, x)
	}
	ys, err := TryAll(m, xs...)
	for _, y := range ys {
		fmt.Fprintln(sum, y.Shape())
		sum.Write(y.Bytes())
	}
	return r, err
}

// Damage gives use every beginning of a file, step bytes apart, which it must refuse, and
// then does as Turned.
func Damage(t *testing.T, file []byte, step int, use func(file []byte) error) {
	t.Helper()
	for n := 0; n < len(file); n += step {
		if err := use(file[:n:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for the whole", n, len(file))
		}
	}
	Turned(t, file, step, use)
}

// Turned gives use a file, which it must take, then every beginning of it and copies in
// which one bit is turned, step bytes apart. It may take them, but errors must say
// something, and nothing may panic. It is for files that are whole at many places, and
// that have no checksums.
func Turned(t *testing.T, file []byte, step int, use func(file []byte) error) {
	t.Helper()
	if err := use(file); err != nil {
		t.Fatalf("the whole file: %v", err)
	}
	for n := 0; n < len(file); n += step {
		if err := use(file[:n:n]); err != nil {
			Told(t, err)
		}
	}
	b := bytes.Clone(file)
	for i := 0; i < len(file); i += step {
		b[i] ^= 1 << (i % 8)
		if err := use(b); err != nil {
			Told(t, err)
		}
		b[i] = file[i]
	}
}

// Told holds an error of a file's contents to saying more than that it ended.
func Told(t testing.TB, err error) {
	t.Helper()
	if text := err.Error(); len(text) < 12 || strings.Contains(text, "runtime error") {
		t.Errorf("%q is no error for a person", text)
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v: is about another file", err)
	}
}

// Memory is how many bytes f takes from the heap, all in all.
func Memory(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
