package bundle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/tensor"
)

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }

// An Entry is a tensor of a checkpoint.
type Entry struct {
	Name  string
	DType tensor.DType // Invalid of texts and of other types that are not read
	Type  string       // what TensorFlow calls the type
	Text  bool         // it holds texts
	Shape tensor.Shape

	code   uint64
	where  []piece // of version 2, one unless the variable was cut
	chunks []chunk // of version 1
}

// A piece is a range of a shard's bytes that holds a slice.
type piece struct {
	slice  []extent
	shard  int
	offset int64
	size   int64
	crc    uint32
}

// A chunk is an entry of a table of version 1 that holds a slice.
type chunk struct {
	slice []extent
	table int
	block int
	key   string
}

// A File is an opened checkpoint. Its methods but Close may be called concurrently.
type File struct {
	// Version is 1 or 2.
	Version int

	path    string // of the index, or of the first table
	entries []Entry
	index   map[string]int
	tables  []*Table
	names   []string // of the tables' files
	shards  []shard
	closers []io.Closer
}

type shard struct {
	name string
	r    io.ReaderAt
	size int64
}

// Shard is the name of shard i of n of a checkpoint that is called so.
func Shard(prefix string, i, n int) string { return fmt.Sprintf("%s-%05d-of-%05d", prefix, i, n) }

// Open opens the checkpoint whose files' names begin with prefix. What is wrong
// with the contents is an [*Error]; what cannot be read is the operating system's
// error.
func Open(prefix string) (*File, error) {
	dir, base := filepath.Split(prefix)
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return openIn(root.FS(), dir, base)
}

// openIn is Open for files of a file system, which are called by dir in errors.
func openIn(root fs.FS, dir, base string) (*File, error) {
	f := &File{path: filepath.Join(dir, base) + ".index", Version: 2}
	if err := f.open(root, dir, base); err != nil {
		f.Close()
		return nil, in(f.path, "", err)
	}
	return f, nil
}

func (f *File) open(root fs.FS, dir, base string) error {
	has := func(name string) bool { _, err := fs.Stat(root, name); return err == nil }
	switch {
	case has(base + ".index"):
		t, err := f.table(root, dir, base+".index")
		if err != nil {
			return err
		}
		return f.bundle(root, dir, base, t)
	case has(base):
		f.Version, f.path = 1, filepath.Join(dir, base)
		t, err := f.table(root, dir, base)
		if err != nil {
			return err
		}
		return f.slices(t)
	}
	if n := shardsOf(root, base); n > 0 {
		f.Version, f.path = 1, filepath.Join(dir, Shard(base, 0, n))
		for i := range n {
			t, err := f.table(root, dir, Shard(base, i, n))
			if err != nil {
				return err
			}
			if err := f.slices(t); err != nil {
				return err
			}
		}
		return nil
	}
	return &fs.PathError{Op: "open", Path: filepath.Join(dir, base+".index"), Err: fs.ErrNotExist}
}

// shardsOf is how many tables a checkpoint of version 1 consists of, 0 where there is
// none.
func shardsOf(root fs.FS, base string) int {
	entries, err := fs.ReadDir(root, ".")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), base+"-00000-of-"); ok && len(rest) == 5 {
			if n, err := strconv.Atoi(rest); err == nil {
				return n
			}
		}
	}
	return 0
}

// file opens a file of the checkpoint's folder.
func (f *File) file(root fs.FS, dir, name string) (io.ReaderAt, int64, error) {
	path := filepath.Join(dir, name)
	// Asked before opening, because opening a named pipe would wait for its writer.
	info, err := fs.Stat(root, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return nil, 0, &Error{Path: path, Msg: "it cannot be reached within the checkpoint's folder, and nothing else is read: " + relocate(err, path).(*fs.PathError).Err.Error() + "; put the file itself there"}
	}
	if err != nil {
		return nil, 0, relocate(err, path)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("not a regular file but %v", info.Mode().Type())}
	}
	r, err := root.Open(name)
	if err != nil {
		return nil, 0, relocate(err, path)
	}
	f.closers = append(f.closers, r)
	at, ok := r.(io.ReaderAt)
	if !ok {
		return nil, 0, &fs.PathError{Op: "open", Path: path, Err: errors.New("it cannot be read from any place")}
	}
	return at, info.Size(), nil
}

// relocate gives an error of a root the path that a person knows.
func relocate(err error, path string) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: e.Op, Path: path, Err: e.Err}
	}
	return err
}

func (f *File) table(root fs.FS, dir, name string) (*Table, error) {
	r, size, err := f.file(root, dir, name)
	if err != nil {
		return nil, err
	}
	t, err := NewTable(r, size)
	if err != nil {
		return nil, in(filepath.Join(dir, name), "", err)
	}
	f.tables, f.names = append(f.tables, t), append(f.names, filepath.Join(dir, name))
	return t, nil
}

// Close closes the files.
func (f *File) Close() error {
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Entries lists the tensors, by name, not to be changed.
func (f *File) Entries() []Entry { return f.entries }

// Lookup is the tensor of that name.
func (f *File) Lookup(name string) (Entry, bool) {
	i, ok := f.index[name]
	if !ok {
		return Entry{}, false
	}
	return f.entries[i], true
}

func (f *File) add(e Entry) error {
	if f.index == nil {
		f.index = map[string]int{}
	}
	if _, twice := f.index[e.Name]; twice {
		return &Error{Tensor: e.Name, Msg: "two tensors have this name"}
	}
	f.index[e.Name] = len(f.entries)
	f.entries = append(f.entries, e)
	return nil
}

// typed notes the type that a code stands for.
func (e *Entry) typed(code uint64) {
	e.code, e.DType, e.Text = code, DType(code), code == TypeString
	if e.Type = e.DType.String(); e.DType == tensor.Invalid {
		e.Type = TypeName(code)
	}
}

// bundle lists the entries of version 2.
func (f *File) bundle(root fs.FS, dir, base string, t *Table) error {
	shards := -1
	parts := map[string][]piece{}  // slices of variables that were cut
	cut := map[string][][]extent{} // which they should be
	err := t.each(func(_ int, key, value []byte) error {
		switch {
		case len(key) == 0:
			n, err := header(value)
			shards = n
			return err
		case key[0] == 0:
			name, s, ok := parseKey(key)
			if !ok {
				return errorf(0, "the key % x is that of no slice", key)
			}
			_, p, _, err := entry(value)
			if err != nil {
				return err
			}
			p.slice = s
			parts[name] = append(parts[name], p)
			return nil
		}
		e, p, slices, err := entry(value)
		if err != nil {
			return in("", string(key), err)
		}
		e.Name = string(key)
		if len(slices) > 0 {
			cut[e.Name] = slices
		} else {
			e.where = []piece{p}
		}
		return f.add(e)
	})
	if err != nil {
		return in(f.path, "", err)
	}
	if shards < 0 {
		return errorf(0, "the table has no header, the entry with the empty key; it is no index of a checkpoint")
	}
	for i := range shards {
		name := Shard(base+".data", i, shards)
		r, size, err := f.file(root, dir, name)
		if err != nil {
			return err
		}
		f.shards = append(f.shards, shard{filepath.Join(dir, name), r, size})
	}
	// Tensors of the same bytes would take memory for what is there once.
	const slack = 32 << 20
	room := int64(slack)
	for _, s := range f.shards {
		room += s.size
	}
	for i := range f.entries {
		e := &f.entries[i]
		if want, ok := cut[e.Name]; ok {
			if err := e.join(want, parts[e.Name]); err != nil {
				return in(f.path, e.Name, err)
			}
		}
		if err := f.check(e); err != nil {
			return in(f.path, e.Name, err)
		}
		for _, p := range e.where {
			if room -= p.size; room < 0 {
				return in(f.path, e.Name, errorf(p.offset, "the tensors claim more bytes than the shards have: they overlap"))
			}
		}
	}
	return nil
}

// header reads a BundleHeaderProto: the number of shards.
func header(b []byte) (int, error) {
	shards := uint64(0)
	for f, err := range Fields(b) {
		switch {
		case err != nil:
			return 0, err
		case f.Num == 1 && f.Bytes == nil:
			shards = f.Int
		case f.Num == 1:
			return 0, errorf(0, "the table holds slices of tensors: it is a checkpoint of version 1")
		case f.Num == 2 && f.Int != 0:
			return 0, errorf(0, "the checkpoint was written big-endian; only little-endian ones are read")
		}
	}
	const most = 1 << 16
	if shards > most {
		return 0, errorf(0, "the header claims %d shards; at most %d are read", shards, most)
	}
	return int(shards), nil
}

// entry reads a BundleEntryProto.
func entry(b []byte) (e Entry, p piece, cut [][]extent, err error) {
	e.Shape = tensor.Shape{}
	for f, err := range Fields(b) {
		if err != nil {
			return e, p, nil, err
		}
		switch f.Num {
		case 1:
			e.typed(f.Int)
		case 2:
			known := false
			if e.Shape, known, err = ParseShape(f.Bytes); err != nil {
				return e, p, nil, err
			}
			if !known || slices.Contains(e.Shape, -1) {
				return e, p, nil, errorf(0, "its shape is not known")
			}
		case 3:
			if f.Int > 1<<16 {
				return e, p, nil, errorf(0, "shard %d is beyond any", f.Int)
			}
			p.shard = int(f.Int)
		case 4:
			p.offset = int64(f.Int)
		case 5:
			p.size = int64(f.Int)
		case 6:
			p.crc = uint32(f.Int)
		case 7:
			s, err := parseSlice(f.Bytes)
			if err != nil {
				return e, p, nil, err
			}
			cut = append(cut, s)
		}
	}
	return e, p, cut, nil
}

// join finds the pieces of a variable that was cut.
func (e *Entry) join(want [][]extent, parts []piece) error {
	for _, w := range want {
		s, err := within(w, e.Shape)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(parts, func(p piece) bool {
			t, err := within(p.slice, e.Shape)
			return err == nil && slices.Equal(s, t)
		})
		if i < 0 {
			return errorf(0, "the slice %v of it is missing", w)
		}
		p := parts[i]
		p.slice = s
		e.where = append(e.where, p)
	}
	return nil
}

// check holds the places of an entry against its shape and the shards.
func (f *File) check(e *Entry) error {
	total, err := e.Shape.Elems()
	if err != nil {
		return errorf(0, "%v", err)
	}
	covered := 0
	for _, p := range e.where {
		if p.shard < 0 || p.shard >= len(f.shards) {
			return errorf(0, "it lies in shard %d of %d", p.shard, len(f.shards))
		}
		s := f.shards[p.shard]
		if p.offset < 0 || p.size < 0 || p.offset > s.size || p.size > s.size-p.offset {
			return &Error{Path: s.name, Offset: p.offset, Msg: fmt.Sprintf("its %d bytes lead out of the shard's %d; the file is truncated", p.size, s.size)}
		}
		n := total
		if p.slice != nil {
			n = shapeOf(p.slice).Len()
		}
		covered += n
		if e.DType != tensor.Invalid && (int64(n) > p.size || int64(n)*int64(e.DType.Size()) != p.size) {
			return errorf(p.offset, "%d numbers of %s in %d bytes", n, e.Type, p.size)
		}
		if e.Text && int64(n) > p.size {
			return errorf(p.offset, "%d texts in %d bytes", n, p.size)
		}
	}
	if covered != total {
		return errorf(0, "its slices hold %d of %d numbers", covered, total)
	}
	return nil
}

// bytes reads a piece and compares its checksum.
func (f *File) bytes(e Entry, p piece) ([]byte, error) {
	s := f.shards[p.shard]
	b := tensor.Aligned(int(p.size))
	if n, err := s.r.ReadAt(b, p.offset); n < len(b) {
		if err == io.EOF {
			err = errorf(p.offset+int64(n), "the file ends early; it was cut short while it was read")
		}
		return nil, in(s.name, e.Name, err)
	}
	if !e.Text && masked(crc32.Checksum(b, castagnoli)) != p.crc {
		return nil, in(s.name, e.Name, errorf(p.offset, "its checksum is wrong; the file is damaged"))
	}
	return b, nil
}

// Tensor reads a tensor.
func (f *File) Tensor(name string) (*tensor.Tensor, error) {
	e, ok := f.Lookup(name)
	if !ok {
		return nil, &Error{Path: f.path, Tensor: name, Msg: "the checkpoint holds no tensor of this name"}
	}
	if e.DType == tensor.Invalid {
		return nil, &Error{Path: f.path, Tensor: name, Msg: "it holds values of type " + e.Type + ", which are not read"}
	}
	if f.Version == 1 {
		return f.sliced(e)
	}
	var t *tensor.Tensor
	for _, p := range e.where {
		b, err := f.bytes(e, p)
		if err != nil {
			return nil, err
		}
		if p.slice == nil {
			if t, err = tensor.Wrap(e.DType, b, e.Shape...); err != nil {
				return nil, in(f.path, name, errorf(p.offset, "%v", err))
			}
			break
		}
		if t == nil {
			if t, err = tensor.TryNew(e.DType, e.Shape...); err != nil {
				return nil, in(f.path, name, errorf(0, "%v", err))
			}
		}
		put(t.Bytes(), e.Shape, p.slice, b, e.DType.Size())
	}
	if t == nil { // of no elements
		t = tensor.New(e.DType, e.Shape...)
	}
	if e.DType == tensor.Bool {
		for _, b := range t.Bytes() {
			if b > 1 {
				return nil, in(f.path, name, errorf(0, "a truth value is %d", b))
			}
		}
	}
	return t, nil
}

// Texts reads a tensor of texts.
func (f *File) Texts(name string) ([]string, error) {
	e, ok := f.Lookup(name)
	if !ok || !e.Text || f.Version == 1 || len(e.where) != 1 {
		return nil, &Error{Path: f.path, Tensor: name, Msg: "the checkpoint holds no texts of this name"}
	}
	p := e.where[0]
	b, err := f.bytes(e, p)
	if err != nil {
		return nil, err
	}
	fail := func(msg string) ([]string, error) {
		return nil, in(f.shards[p.shard].name, name, errorf(p.offset, "%s", msg))
	}
	n := e.Shape.Len()
	lengths := make([]uint64, n)
	sum, at := uint32(0), 0
	for i := range lengths {
		v, k := binary.Uvarint(b[at:])
		if k <= 0 || v > uint64(len(b)) {
			return fail("a text's length is no number, or beyond the file")
		}
		lengths[i], at = v, at+k
		// The checksum is of the lengths as whole numbers.
		if v <= 1<<32-1 {
			sum = crc32.Update(sum, castagnoli, binary.LittleEndian.AppendUint32(nil, uint32(v)))
		} else {
			sum = crc32.Update(sum, castagnoli, binary.LittleEndian.AppendUint64(nil, v))
		}
	}
	if len(b)-at < 4 || binary.LittleEndian.Uint32(b[at:]) != masked(sum) {
		return fail("the checksum of the texts' lengths is wrong; the file is damaged")
	}
	sum = crc32.Update(sum, castagnoli, b[at:at+4])
	at += 4
	if masked(crc32.Update(sum, castagnoli, b[at:])) != p.crc {
		return fail("the texts' checksum is wrong; the file is damaged")
	}
	out := make([]string, n)
	for i, v := range lengths {
		if v > uint64(len(b)-at) {
			return fail("a text leads out of the tensor")
		}
		out[i], at = string(b[at:at+int(v)]), at+int(v)
	}
	if at != len(b) {
		return fail("bytes are left over behind the texts")
	}
	return out, nil
}
