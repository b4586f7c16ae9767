package hdf5

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrUnsupported is what an [*Error] unwraps to where the file may be sound but
// uses a part of HDF5 that is not read here.
var ErrUnsupported = errors.New("not supported")

// ErrNotFound is what an [*Error] unwraps to where a name is not in its group.
var ErrNotFound = errors.New("not found")

// An Error says what is wrong with the contents of a file, as opposed to a
// failure to read it.
type Error struct {
	Path   string // of the file; empty where it was not opened by path
	Object string // path of the object within the file; empty for the file as a whole
	Offset int64  // byte of the file at which it shows
	Msg    string // what is wrong and how to mend it
	Err    error  // ErrUnsupported, ErrNotFound, an *External or nil
}

// Error writes path, object, message and offset.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString("hdf5: ")
	if e.Object != "" {
		b.WriteString("object " + strconv.Quote(e.Object) + ": ")
	}
	b.WriteString(e.Msg + " (at byte " + strconv.FormatInt(e.Offset, 10) + ")")
	return b.String()
}

// Unwrap is the error's kind.
func (e *Error) Unwrap() error { return e.Err }

// External is what an [*Error] unwraps to where data lies in another file. No
// other file is ever opened.
type External struct {
	File   string // the other file's name as it is written
	Target string // the object wanted there; empty where it is raw data
}

// Error names the other file.
func (e *External) Error() string {
	if e.Target != "" {
		return fmt.Sprintf("refers to %q in the other file %q", e.Target, e.File)
	}
	return fmt.Sprintf("refers to data in the other file %q", e.File)
}

func (f *File) errorf(addr uint64, format string, args ...any) error {
	return f.wrapf(addr, nil, format, args...)
}

func (f *File) unsupported(addr uint64, format string, args ...any) error {
	return f.wrapf(addr, ErrUnsupported, format, args...)
}

func (f *File) external(addr uint64, file, target string) error {
	err := &External{File: file, Target: target}
	return f.wrapf(addr, err, "%v, which is not opened; copy the data into one file, with h5repack or h5copy", err)
}

func (f *File) wrapf(addr uint64, kind error, format string, args ...any) error {
	at := int64(0)
	if addr <= f.end {
		at = int64(f.base + addr)
	}
	return &Error{Path: f.path, Offset: at, Msg: fmt.Sprintf(format, args...), Err: kind}
}

// within adds the object to an error that does not name one yet.
func within(object string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Object == "" {
		named := *e
		named.Object = object
		return &named
	}
	return err
}
