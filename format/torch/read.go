package torch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/format/pickle"
	"github.com/nadir-ml/nadir/internal/mapped"
	"github.com/nadir-ml/nadir/tensor"
)

// A Format is the kind of a file.
type Format int

// The kinds of files.
const (
	Zip         Format = iota // torch.save since PyTorch 1.6
	Legacy                    // torch.save before
	TorchScript               // torch.jit.save, of which only weights are read
)

// String is the kind's name.
func (f Format) String() string {
	switch f {
	case Zip:
		return "PyTorch zip"
	case Legacy:
		return "PyTorch legacy"
	case TorchScript:
		return "TorchScript"
	}
	return fmt.Sprintf("torch.Format(%d)", int(f))
}

// An Info says what a tensor is.
type Info struct {
	Name  string
	DType tensor.DType
	Shape tensor.Shape
}

// A Named is a tensor under its name.
type Named struct {
	Name   string
	Tensor *tensor.Tensor
}

// A File is an opened file whose description of tensors has been read and checked. Its
// methods but Close may be called concurrently.
type File struct {
	path   string
	r      io.ReaderAt
	size   int64
	closer io.Closer

	format    Format
	archive   *archive // nil in the legacy format
	prefix    string   // before the names of the archive's entries
	bigEndian bool

	storages map[string]*storage
	infos    []Info
	views    []*view // beside infos
	index    map[string]int
	refused  map[string]string // names of tensors that cannot be read, and why
	warnings []string
}

// Open reads and checks what the file at path says of its tensors, and no tensor's data.
// What is wrong with the contents is an [*Error]; a failure to read is the operating
// system's error. The file is to be closed after use.
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
	f := &File{path: path, r: r, size: max(0, size), storages: map[string]*storage{}, index: map[string]int{}, refused: map[string]string{}}
	head := make([]byte, min(f.size, 512))
	if err := f.readAt(head, 0); err != nil {
		return nil, err
	}
	var root any
	var err error
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		root, err = f.readZip()
	} else {
		root, err = f.readLegacy(head)
	}
	if err != nil {
		return nil, err
	}
	if err := f.name(root); err != nil {
		return nil, err
	}
	return f, f.bound()
}

// readZip reads the pickle of a zip archive.
func (f *File) readZip() (any, error) {
	a, err := f.openArchive()
	if err != nil {
		return nil, err
	}
	f.archive = a
	const main = "data.pkl"
	var found *entry
	for i := range a.entries {
		dir, ok := strings.CutSuffix(a.entries[i].name, main)
		if !ok || dir != "" && strings.IndexByte(dir, '/') != len(dir)-1 {
			continue
		}
		if found != nil {
			return nil, f.errorf("", a.entries[i].header, "both %s and %s are there", pickle.Quote(found.name), pickle.Quote(a.entries[i].name))
		}
		found, f.prefix = &a.entries[i], dir
	}
	if found == nil {
		return nil, f.errorf("", 0, "the zip archive holds no data.pkl: it was not written by PyTorch 1.6 or later; a .keras or .npz file is a zip archive, too")
	}
	if a.lookup(f.prefix+"constants.pkl") != nil {
		f.format = TorchScript
		f.warn("this is a TorchScript archive: its weights are read, its program is not")
	}
	if a.unchecked {
		f.warn("the archive was written without checksums: damage to its numbers would not be noticed")
	}
	if e := a.lookup(f.prefix + "byteorder"); e != nil {
		order, err := a.whole(e, 16)
		if err != nil {
			return nil, err
		}
		switch string(order) {
		case "little":
		case "big":
			f.bigEndian = true
		default:
			return nil, f.errorf("", e.header, "the byte order is %s; want little or big", pickle.Quote(string(order)))
		}
	}
	// A deflated pickle may well be larger than the file, but not by far.
	text, err := a.whole(found, 16<<20+f.size)
	if err != nil {
		return nil, err
	}
	d := pickle.NewDecoder(bytes.NewReader(text), int64(len(text)))
	d.Find, d.Persistent = f.find, f.zipStorage
	d.Extra = f.size - int64(len(text))
	root, err := d.Decode()
	if err != nil {
		base, dataErr := a.data(found)
		if dataErr != nil {
			return nil, dataErr
		}
		if found.deflated {
			bad, ok := errors.AsType[*pickle.Error](err)
			if ok {
				bad.Offset = 0 // an offset of the inflated pickle says nothing of the file
			}
		}
		return nil, f.pickled(err, base)
	}
	return root, nil
}

// zipStorage is what ("storage", class, key, device, elements) stands for.
func (f *File) zipStorage(id any) (any, error) {
	t, _, err := f.identify(id, 5)
	if err != nil {
		return nil, err
	}
	s := t.store
	if s.entry == nil {
		e := f.archive.lookup(f.prefix + "data/" + s.key)
		if e == nil {
			return nil, fmt.Errorf("the archive holds no %s, the data of a tensor", pickle.Quote(f.prefix+"data/"+s.key))
		}
		s.entry, s.size = e, e.size
	}
	if t.n > s.size/t.elem.size {
		return nil, fmt.Errorf("storage %s has %d bytes, too few for %d elements of %s", pickle.Quote(s.key), s.size, t.n, t.elem.name)
	}
	return t, nil
}

// identify finds or adds the storage of a persistent identifier of n parts.
func (f *File) identify(id any, n int) (t *typed, parts pickle.Tuple, err error) {
	parts, _ = id.(pickle.Tuple)
	if len(parts) != n || parts[0] != "storage" {
		return nil, nil, errors.New("it refers to something outside the pickle that is no storage")
	}
	class, _ := parts[1].(*pickle.Global)
	key := keyOf(parts[2])
	elems, isInt := parts[4].(int64)
	if class == nil || key == "" || !isInt || elems < 0 {
		return nil, nil, errors.New("a storage lacks its class, key or number of elements")
	}
	e, ok := storageElem(class.Name)
	if !ok || !strings.HasPrefix(class.Module, "torch") {
		return nil, nil, fmt.Errorf("%s is no class of storages", class)
	}
	if elems > math.MaxInt64/e.size {
		return nil, nil, fmt.Errorf("storage %s claims %d elements", pickle.Quote(key), elems)
	}
	s := f.storages[key]
	if s == nil {
		s = &storage{key: key, elem: e, size: elems * e.size}
		f.storages[key] = s
	}
	return &typed{store: s, elem: e, n: elems}, parts, nil
}

// keyOf is a storage's key as text, or empty where v is none.
func keyOf(v any) string {
	switch k := v.(type) {
	case string:
		return k
	case int64:
		return strconv.FormatInt(k, 10)
	}
	return ""
}

// bound checks that reading every tensor takes memory and time in proportion to what is
// there, however often views repeat or overlap it.
func (f *File) bound() error {
	const free = 32 << 20
	memory, work := int64(free), int64(free)
	for _, s := range f.storages {
		memory += 2 * s.size
		work += 64 * s.size
	}
	for i, v := range f.views {
		bytes := int64(f.infos[i].Shape.Len()) * int64(v.dtype.Size())
		span := v.span
		if v.store != nil && v.store.entry != nil && v.store.entry.deflated {
			span = v.store.size
		}
		memory -= max(bytes, 256+int64(len(f.infos[i].Name)))
		work -= span
		if memory < 0 || work < 0 {
			return f.errorf(f.infos[i].Name, 0, "the tensors up to here repeat or spread over the same data so often that they take far more memory or time than the file has bytes; call clone() on expanded tensors before saving")
		}
	}
	return nil
}

// Format is the kind of the file.
func (f *File) Format() Format { return f.format }

// Infos lists the tensors in the order of the file.
func (f *File) Infos() []Info { return slices.Clone(f.infos) }

// Warnings says, a sentence each, what was chosen, renamed or left out.
func (f *File) Warnings() []string { return slices.Clone(f.warnings) }

// Lookup is the Info of the tensor of that name.
func (f *File) Lookup(name string) (Info, bool) {
	i, ok := f.index[name]
	if !ok {
		return Info{}, false
	}
	return f.infos[i], true
}

// Tensor reads the tensor of that name.
func (f *File) Tensor(name string) (*tensor.Tensor, error) {
	i, ok := f.index[name]
	if !ok {
		if why := f.refused[name]; why != "" {
			return nil, f.errorf(name, 0, "%s", why)
		}
		return nil, f.errorf(name, 0, "the file holds no tensor of this name")
	}
	v := f.views[i]
	t, err := tensor.TryNew(v.dtype, v.shape...)
	if err != nil {
		return nil, f.errorf(name, 0, "%v", err)
	}
	if t.Len() == 0 {
		return t, nil
	}
	if v.contiguous() {
		err = f.span(v, t.Bytes())
	} else {
		src := make([]byte, v.span)
		err = f.span(v, src)
		tensor.Gather(t.Bytes(), src, int64(v.dtype.Size()), v.shape, v.strides)
	}
	if bad, ok := errors.AsType[*Error](err); ok && bad.Tensor == "" {
		bad.Tensor = name
	}
	if err != nil {
		return nil, err
	}
	if f.bigEndian {
		swap(t.Bytes(), v.dtype.Size())
	}
	if v.dtype == tensor.Bool {
		for at, b := range t.Bytes() {
			if b > 1 {
				return nil, f.errorf(name, f.offset(v.store), "element %d, a bool, is %d; want 0 or 1", at, b)
			}
		}
	}
	return t, nil
}

// bands is how the tensor of that name is read in pieces: nil where it is not all of an entry
// of an archive, as it lies there.
func (f *File) bands(name string) func(size int, use func([]byte)) error {
	v := f.views[f.index[name]]
	s := v.store
	if s == nil || s.entry == nil || s.entry.deflated || f.bigEndian || v.dtype == tensor.Bool || v.begin != 0 || v.span != s.entry.size || !v.contiguous() {
		return nil
	}
	return func(size int, use func([]byte)) error {
		err := f.archive.bands(s.entry, size, use)
		if bad, ok := errors.AsType[*Error](err); ok && bad.Tensor == "" {
			bad.Tensor = name
		}
		return err
	}
}

// span reads the bytes of a view's span.
func (f *File) span(v *view, b []byte) error {
	s := v.store
	if s.entry == nil {
		return f.readAt(b, s.at+v.begin)
	}
	if s.entry.deflated || !s.checked.Load() {
		if err := f.archive.span(s.entry, b, v.begin); err != nil {
			return err
		}
		s.checked.Store(true)
		return nil
	}
	at, err := f.archive.data(s.entry)
	if err != nil {
		return err
	}
	return f.readAt(b, at+v.begin)
}

// offset is a byte of the file near a storage.
func (f *File) offset(s *storage) int64 {
	if s.entry != nil {
		return s.entry.header
	}
	return s.at
}

// swap reverses the bytes of each element.
func swap(b []byte, size int) {
	for i := 0; i+size <= len(b); i += size {
		slices.Reverse(b[i : i+size])
	}
}

// All reads every tensor, in the order of the file.
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

func (f *File) warn(format string, args ...any) {
	f.warnings = append(f.warnings, fmt.Sprintf(format, args...))
}

func (f *File) readAt(b []byte, off int64) error {
	n, err := f.r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	return f.ioError(err, off+int64(n))
}

// ioError is a failure to read at byte off.
func (f *File) ioError(err error, off int64) error {
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return f.errorf("", off, "the file ends early; it is truncated")
	case f.path != "":
		return fmt.Errorf("%s: torch: read at byte %d: %w", f.path, off, err)
	}
	return fmt.Errorf("torch: read at byte %d: %w", off, err)
}

func (f *File) errorf(name string, off int64, format string, args ...any) error {
	return &Error{Path: f.path, Tensor: name, Offset: off, Msg: fmt.Sprintf(format, args...)}
}
