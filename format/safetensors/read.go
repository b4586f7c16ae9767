package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/nadir-ml/nadir/internal/mapped"
	"github.com/nadir-ml/nadir/tensor"
)

// maxHeader is the longest header that the format allows, in bytes.
const maxHeader = 100_000_000

// An Info says what a tensor is and where its data lies.
type Info struct {
	Name       string
	DType      tensor.DType
	Shape      tensor.Shape
	Begin, End int64 // bytes of the file that hold the data, End excluded
}

// A Named is a tensor under its name.
type Named struct {
	Name   string
	Tensor *tensor.Tensor
}

// A File is an opened file whose header has been checked. Its methods but
// Close may be called concurrently.
type File struct {
	path   string
	r      io.ReaderAt
	closer io.Closer
	infos  []Info
	index  map[string]int
	meta   map[string]string
}

// Open reads and checks the header of the file at path. What is wrong with the
// contents is an [*Error]; a failure to read is the operating system's error.
// The file is to be closed after use.
func Open(path string) (*File, error) {
	osFile, size, err := mapped.Regular(path)
	if err != nil {
		return nil, err
	}
	f, err := read(path, osFile, size)
	if err != nil {
		osFile.Close()
		return nil, err
	}
	f.closer = osFile
	return f, nil
}

// Read is Open for size bytes that are read from r.
func Read(r io.ReaderAt, size int64) (*File, error) { return read("", r, size) }

func read(path string, r io.ReaderAt, size int64) (*File, error) {
	f := &File{path: path, r: r}
	head := make([]byte, max(0, min(size, 64)))
	if err := f.readAt(head, 0); err != nil {
		return nil, err
	}
	if err := f.header(head, size); err != nil {
		bad, ok := errors.AsType[*Error](err)
		if name := otherFormat(head); ok && name != "" && !(len(head) > 8 && head[8] == '{') {
			bad.Tensor, bad.Offset = "", 0
			bad.Msg = "this is no safetensors file: it looks like " + name
		}
		return nil, err
	}
	return f, nil
}

// header reads the length and the JSON, and checks both against the size.
func (f *File) header(head []byte, size int64) error {
	if size < 8 {
		return f.errorf("", 0, "the file has %d bytes, too few for the 8 that give the header's length; it is truncated", size)
	}
	n := binary.LittleEndian.Uint64(head)
	switch {
	case n > maxHeader:
		return f.errorf("", 0, "the header claims %d bytes; at most %d are allowed", n, maxHeader)
	case int64(n) > size-8:
		return f.errorf("", 0, "the header claims %d bytes, but only %d follow; the file is truncated or is another format", n, size-8)
	case n < 2 || head[8] != '{':
		return f.errorf("", 8, "the header is no JSON object")
	}
	text := make([]byte, n)
	if err := f.readAt(text, 8); err != nil {
		return err
	}
	p := &parser{file: f, text: text}
	if err := p.parse(); err != nil {
		return err
	}
	f.infos, f.meta = p.infos, p.meta
	return f.place(int64(n)+8, size)
}

// place turns ranges that count from the data's start into ranges of the file,
// and checks that together they cover the data exactly once.
func (f *File) place(start, size int64) error {
	f.index = make(map[string]int, len(f.infos))
	order := make([]int, len(f.infos))
	for i := range f.infos {
		t := &f.infos[i]
		if t.End > size-start {
			return f.errorf(t.Name, start, "its data ends at %d, but the file holds %d bytes of data; it is truncated", t.End, size-start)
		}
		t.Begin += start
		t.End += start
		f.index[t.Name], order[i] = i, i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := f.infos[i], f.infos[j]
		if a.Begin != b.Begin {
			return int(min(1, max(-1, a.Begin-b.Begin)))
		}
		return int(min(1, max(-1, a.End-b.End)))
	})
	at, before := start, ""
	for _, i := range order {
		t := f.infos[i]
		switch {
		case t.Begin < at:
			return f.errorf(t.Name, t.Begin, "its data overlaps that of %q", before)
		case t.Begin > at:
			return f.errorf(t.Name, at, "%d bytes before its data belong to no tensor", t.Begin-at)
		}
		at, before = t.End, t.Name
	}
	if at != size {
		return f.errorf("", at, "%d bytes at the end belong to no tensor", size-at)
	}
	return nil
}

// Infos lists the tensors in the order of the header.
func (f *File) Infos() []Info { return slices.Clone(f.infos) }

// Lookup is the Info of the tensor of that name.
func (f *File) Lookup(name string) (Info, bool) {
	i, ok := f.index[name]
	if !ok {
		return Info{}, false
	}
	return f.infos[i], true
}

// Metadata is a copy of the texts that the file carries, nil where it has none.
func (f *File) Metadata() map[string]string { return maps.Clone(f.meta) }

// Tensor reads the tensor of that name.
func (f *File) Tensor(name string) (*tensor.Tensor, error) {
	i, ok := f.Lookup(name)
	if !ok {
		return nil, f.errorf(name, 0, "the file holds no tensor of this name")
	}
	t, err := tensor.TryNew(i.DType, i.Shape...)
	if err != nil {
		return nil, f.errorf(name, i.Begin, "%v", err)
	}
	if err := f.readAt(t.Bytes(), i.Begin); err != nil {
		return nil, err
	}
	if i.DType == tensor.Bool {
		for at, b := range t.Bytes() {
			if b > 1 {
				return nil, f.errorf(name, i.Begin+int64(at), "a BOOL is %d; want 0 or 1", b)
			}
		}
	}
	return t, nil
}

// All reads every tensor, in the order of the header.
func (f *File) All() ([]Named, error) {
	all := make([]Named, len(f.infos))
	for i, info := range f.infos {
		t, err := f.Tensor(info.Name)
		if err != nil {
			return nil, err
		}
		all[i] = Named{info.Name, t}
	}
	return all, nil
}

// Close closes the file that Open opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

func (f *File) readAt(b []byte, off int64) error {
	n, err := f.r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return f.errorf("", off+int64(n), "the file ends early; it was cut short while it was read")
	case f.path != "":
		return fmt.Errorf("%s: safetensors: read at byte %d: %w", f.path, off, err)
	default:
		return fmt.Errorf("safetensors: read at byte %d: %w", off, err)
	}
}

func (f *File) errorf(name string, off int64, format string, args ...any) error {
	return &Error{Path: f.path, Tensor: name, Offset: off, Msg: fmt.Sprintf(format, args...)}
}
