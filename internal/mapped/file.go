package mapped

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

// A File is the bytes of a file, which are not to be changed, nor looked at after Close.
type File struct {
	Bytes []byte
	close sync.Once
}

// ErrLarge is the error of Open for a file of more bytes than wanted.
var ErrLarge = errors.New("the file is too large")

// Regular opens the regular file at a path and says how many bytes it has.
func Regular(path string) (*os.File, int64, error) {
	// Asked before opening, because opening a named pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("not a regular file but %v", info.Mode().Type())}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// Open maps the regular file at a path, which has at most so many bytes.
func Open(path string, most int64) (*File, error) {
	f, size, err := Regular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > most {
		return nil, ErrLarge
	}
	b, err := bytesOf(f, int(size))
	if err != nil {
		return nil, &fs.PathError{Op: "map", Path: path, Err: err}
	}
	return &File{Bytes: b[:len(b):len(b)]}, nil
}

// Close lets the bytes go.
func (f *File) Close() error {
	var err error
	f.close.Do(func() { err = release(f.Bytes) })
	return err
}

// Forget lets go of the memory that the bytes looked at so far take. They are read again when
// they are looked at again.
func (f *File) Forget() { forget(f.Bytes) }

// Guard calls do, in which bytes of a File are looked at, and makes an error of their not
// being there any more.
func Guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if e, ok := p.(interface {
			runtime.Error
			Addr() uintptr
		}); ok {
			err = fmt.Errorf("the file was cut short, or closed, while it was read (at address %#x)", e.Addr())
			return
		}
		panic(p)
	}()
	return do()
}
