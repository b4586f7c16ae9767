package ckpt

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// An FS is the handful of calls that saving and loading make. Its errors name
// the call and the path, as those of package os do.
type FS interface {
	Mkdir(dir string) error
	Create(path string) (WritableFile, error) // made, or emptied where it is there
	Open(path string) (ReadableFile, error)
	ReadDir(dir string) ([]fs.DirEntry, error)
	Rename(from, to string) error
	RemoveAll(path string) error
	SyncDir(dir string) error // makes the names in the directory durable
}

// A WritableFile is a file being written.
type WritableFile interface {
	io.WriteCloser
	Sync() error // makes what was written durable
}

// A ReadableFile is a file being read.
type ReadableFile interface {
	io.ReadCloser
	io.ReaderAt
}

// OS is the operating system's file system.
type OS struct{}

// Mkdir makes a directory.
func (OS) Mkdir(dir string) error { return os.Mkdir(dir, 0o755) }

// Create makes or empties a file.
func (OS) Create(path string) (WritableFile, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Open opens a file for reading.
func (OS) Open(path string) (ReadableFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// ReadDir lists a directory, sorted by name.
func (OS) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }

// Rename gives a file or directory another name, replacing a file of that name.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// RemoveAll removes a file or a directory with all that is in it.
func (OS) RemoveAll(path string) error { return os.RemoveAll(path) }

// SyncDir makes the names in a directory durable. Windows has no such call and
// does so by itself.
func (OS) SyncDir(dir string) error {
	if !directoriesSync {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func orOS(fsys FS) FS {
	if fsys == nil {
		return OS{}
	}
	return fsys
}
