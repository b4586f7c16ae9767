package formattest

import (
	"bytes"
	stdcontext "context"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format"
)

func context() stdcontext.Context { return stdcontext.Background() }

func bytesOf(b []byte) io.Reader { return bytes.NewReader(b) }

// Use opens what lies at a path, reads every tensor, and imports and runs the model
// where there is one: all that a hostile file could spoil.
func Use(path string, o format.Options) error {
	f, err := format.OpenFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, t := range f.Tensors {
		if t.Read == nil {
			continue
		}
		if x, err := t.Read(); err != nil {
			return err
		} else if !x.Shape().Equal(t.Shape) {
			return errors.New("a tensor of another shape than was listed")
		}
	}
	if f.Blueprint == nil && o.Net == nil {
		return nil
	}
	m, _, err := f.Import(o)
	if err != nil {
		return err
	}
	if len(m.Data.Inputs) != 1 || m.Data.Inputs[0].Shape.Len() > 1<<16 {
		return nil
	}
	_, err = Try(m, Rows(1, 0, append([]int{2}, m.Data.Inputs[0].Shape...)...))
	return err
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
