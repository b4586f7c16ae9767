package npy

import (
	"archive/zip"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"

	"github.com/nadir-ml/nadir/internal/deflate"
	"github.com/nadir-ml/nadir/tensor"
)

// An Archive is an opened .npz file: arrays by name, each read when asked for.
type Archive struct {
	names []string
	files map[string]*zip.File
}

// NewArchive opens the .npz file of size bytes in r. Every entry must be an
// array, NAME.npy, no name twice; one may be of Python objects.
func NewArchive(r io.ReaderAt, size int64) (*Archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("no npz archive, or a truncated one: %w", err)
	}
	z.RegisterDecompressor(zip.Deflate, func(r io.Reader) io.ReadCloser { return deflate.NewRaw(r) })
	a := &Archive{files: make(map[string]*zip.File)}
	room := uint64(size)
	for _, f := range z.File {
		if f.CompressedSize64 > room {
			return nil, fmt.Errorf("npz entry %q: the entries claim more than the file's %d bytes: it is damaged, or made to overlap", f.Name, size)
		}
		room -= f.CompressedSize64
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			return nil, fmt.Errorf("npz entry %q is no .npy array", f.Name)
		}
		if a.files[name] != nil {
			return nil, fmt.Errorf("npz archive holds %q twice", name)
		}
		a.names = append(a.names, name)
		a.files[name] = f
	}
	return a, nil
}

// Names are the arrays' names in the order of the archive.
func (a *Archive) Names() []string { return a.names }

// Header is what the named array is, without reading its elements.
func (a *Archive) Header(name string) (Header, error) {
	var h Header
	err := a.open(name, func(r io.Reader, _ int64) (err error) {
		h, err = ReadHeader(r)
		return err
	})
	return h, err
}

// Read reads the named array.
func (a *Archive) Read(name string) (*tensor.Tensor, error) {
	var t *tensor.Tensor
	err := a.open(name, func(r io.Reader, size int64) (err error) {
		t, err = Read(r, size)
		return err
	})
	return t, err
}

// Objects lists the arrays of the named entry, which holds Python objects.
func (a *Archive) Objects(name string) ([]Object, error) {
	var list []Object
	err := a.open(name, func(r io.Reader, size int64) (err error) {
		list, err = ReadObjects(r, min(size, int64(min(a.files[name].UncompressedSize64, math.MaxInt64))))
		return err
	})
	return list, err
}

func (a *Archive) open(name string, read func(io.Reader, int64) error) error {
	f := a.files[name]
	if f == nil {
		return fmt.Errorf("npz archive holds no %q; it holds %s", name, strings.Join(a.names, ", "))
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("npz entry %q: %w", name, err)
	}
	defer r.Close()
	// What an entry says of its content is a claim; its compressed bytes bound it.
	most := f.CompressedSize64
	if f.Method != zip.Store {
		most = min(most*deflate.Ratio, f.UncompressedSize64, math.MaxInt64)
	}
	if err := read(r, int64(most)); err != nil {
		return fmt.Errorf("npz entry %q: %w", name, err)
	}
	return nil
}

// WriteArchive writes an .npz file of the named arrays, uncompressed as
// NumPy's savez. The same arrays give the same bytes.
func WriteArchive(w io.Writer, arrays iter.Seq2[string, *tensor.Tensor]) error {
	z := zip.NewWriter(w)
	seen := make(map[string]bool)
	for name, t := range arrays {
		if seen[name] {
			return fmt.Errorf("npz archive would hold %q twice", name)
		}
		seen[name] = true
		f, err := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
		if err != nil {
			return err
		}
		if err := Write(f, t); err != nil {
			return fmt.Errorf("npz entry %q: %w", name, err)
		}
	}
	return z.Close()
}
