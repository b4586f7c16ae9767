package format

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/internal/mapped"
	"github.com/nadir-ml/nadir/tensor"
)

// A Format is a kind of file that models are kept in.
type Format struct {
	Name string // such as "keras-h5"
	// Detect reports whether this is what lies at a path.
	Detect func(p *Probe) bool
	// Open lists what the file holds, without reading any tensor's data.
	Open func(path string) (*File, error)
}

var formats []Format

// Register makes a format known to Open. It is for package initialization.
func Register(f Format) { formats = append(formats, f) }

// Formats lists the names of the formats that are known, in the order in which
// they were registered.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.Name)
	}
	return names
}

// A Probe is what lies at a path, as far as formats are told apart by it.
type Probe struct {
	Path string
	Info fs.FileInfo // nil where nothing has this name
	Head []byte      // the first 4 KiB of a file
	Tail []byte      // its last 64 bytes

	entries []string
	listed  bool
}

// NewProbe looks at a path. Nothing needs to lie there: a TensorFlow checkpoint
// is named by what its files' names begin with.
func NewProbe(path string) (*Probe, error) {
	p := &Probe{Path: path}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	p.Info = info
	if !info.Mode().IsRegular() {
		return p, nil // opening a named pipe would wait for its writer
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p.Head = make([]byte, 4096)
	n, err := io.ReadFull(f, p.Head)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	p.Head = p.Head[:n]
	p.Tail = make([]byte, min(64, info.Size()))
	n, err = f.ReadAt(p.Tail, info.Size()-int64(len(p.Tail)))
	if err != nil && err != io.EOF {
		return nil, err
	}
	p.Tail = p.Tail[:n]
	return p, nil
}

// Begins reports whether the file's first bytes are these.
func (p *Probe) Begins(magic string) bool { return bytes.HasPrefix(p.Head, []byte(magic)) }

// IsFolder reports whether the path is a folder.
func (p *Probe) IsFolder() bool { return p.Info != nil && p.Info.IsDir() }

// Entries names what is in a ZIP archive, nil where the file is none.
func (p *Probe) Entries() []string {
	if p.listed || !p.Begins("PK\x03\x04") {
		return p.entries
	}
	p.listed = true
	z, err := zip.OpenReader(p.Path)
	if err != nil {
		return nil
	}
	defer z.Close()
	for _, e := range z.File {
		p.entries = append(p.entries, e.Name)
	}
	return p.entries
}

// Known reports whether a model of a registered format lies at a path, which
// may be a folder or what a checkpoint's files are called by.
func Known(path string) bool {
	p, err := NewProbe(path)
	return err == nil && p.format() != nil
}

func (p *Probe) format() *Format {
	for i := range formats {
		if formats[i].Detect(p) {
			return &formats[i]
		}
	}
	return nil
}

// OpenFile lists what lies at a path, in the format that it is of. The file is
// to be closed after use. What is wrong with its contents is a [*Corrupt] or an
// [*Unsupported]; what cannot be read is the operating system's error.
func OpenFile(path string) (*File, error) {
	p, err := NewProbe(path)
	if err != nil {
		return nil, err
	}
	f := p.format()
	switch {
	case f != nil:
	case p.Info == nil:
		_, err := os.Stat(path)
		return nil, err
	case p.IsFolder():
		return nil, &Corrupt{fmt.Errorf("%s: this folder holds no model of a known format, which are %s", path, strings.Join(Formats(), ", "))}
	default:
		f = &formats[0] // safetensors, which says what the file looks like
	}
	var file *File
	err = mapped.Guard(func() (err error) {
		file, err = f.Open(path)
		return err
	})
	if e, ok := errors.AsType[*safetensors.Error](err); ok && !(len(p.Head) > 8 && p.Head[8] == '{') {
		looks := ""
		if _, like, ok := strings.Cut(e.Msg, "it looks like "); ok {
			looks = ": it looks like " + like
		}
		return nil, &Corrupt{fmt.Errorf("%s: the file is damaged, or of no format that is known here (%s)%s", path, strings.Join(Formats(), ", "), looks)}
	}
	if err != nil {
		return nil, blame(path, err)
	}
	file.Path = path
	if file.Format == "" {
		file.Format = f.Name
	}
	for i := range file.Tensors {
		t := &file.Tensors[i]
		if read := t.Read; read != nil {
			t.Read = func() (x *tensor.Tensor, err error) {
				err = mapped.Guard(func() error { x, err = read(); return err })
				if file.Forget != nil {
					file.Forget()
				}
				if err != nil {
					return nil, blame(path, err)
				}
				return x, nil
			}
		}
	}
	for i := range file.Tensors {
		t := &file.Tensors[i]
		if bands := t.Bands; bands != nil {
			t.Bands = func(size int, use func([]byte)) error {
				if err := mapped.Guard(func() error { return bands(size, use) }); err != nil {
					return blame(path, err)
				}
				return nil
			}
		}
	}
	if describe := file.Blueprint; describe != nil {
		file.Blueprint = func(o Options) (b *Blueprint, err error) {
			err = mapped.Guard(func() error { b, err = describe(o); return err })
			return b, err
		}
	}
	return file, nil
}

// A Corrupt file is one whose parts do not belong together.
type Corrupt struct{ Err error }

func (c *Corrupt) Error() string { return c.Err.Error() }

// Unwrap is the cause.
func (c *Corrupt) Unwrap() error { return c.Err }

// An Unsupported is something that a file asks for and that there is nothing
// for here.
type Unsupported struct {
	What string // such as `layer "crf" (class CRF)`
	Msg  string // why, and what to do
}

// Error is what the file asks for and what to do.
func (u *Unsupported) Error() string {
	return u.What + ": " + u.Msg
}

// A Choice is something that the user has to say: which output of several,
// which model for bare weights.
type Choice struct {
	Key  string // such as output.node
	Have []string
	Msg  string
}

// Error is the question and what there is.
func (c *Choice) Error() string {
	s := c.Msg
	if len(c.Have) > 0 {
		are := "are"
		if len(c.Have) == 1 {
			are = "is"
		}
		s += "; there " + are + " " + strings.Join(Few(c.Have, 24), ", ")
	}
	return s
}

// located makes an error begin with the file's path.
func located(path string, err error) error {
	if strings.HasPrefix(err.Error(), path) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// blame makes an error one of the file's contents, where it is not one of
// reading it or of what was asked.
func blame(path string, err error) error {
	var (
		u *Unsupported
		c *Choice
		m *Misfit
	)
	switch {
	case errors.As(err, &u), errors.As(err, &c), errors.As(err, &m):
		return located(path, err)
	case errors.Is(err, ErrBare):
		return fmt.Errorf("%s: %w", path, ErrBare)
	}
	var (
		ioErr  *fs.PathError
		errno  syscall.Errno
		broken *Corrupt
	)
	if errors.As(err, &ioErr) || errors.As(err, &errno) {
		return err
	}
	err = located(path, err)
	if errors.As(err, &broken) {
		return err
	}
	return &Corrupt{err}
}
