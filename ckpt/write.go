package ckpt

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
)

// WriteFile replaces the file at path by what write writes, through path.tmp.
// Whatever happens, a crash too, the file has the old contents or the new, and
// the new ones once WriteFile has returned without an error. A nil FS is the
// operating system's.
func WriteFile(fsys FS, path string, write func(io.Writer) error) error {
	fsys = orOS(fsys)
	temporary := path + ".tmp"
	err := writeSynced(fsys, temporary, write)
	if err == nil {
		err = fsys.Rename(temporary, path)
	}
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = fsys.RemoveAll(temporary) // the failure to report is the first one
		return &Error{Path: path, Err: err}
	}
	return nil
}

// writeSynced writes a file and makes its contents durable.
func writeSynced(fsys FS, path string, write func(io.Writer) error) error {
	f, err := fsys.Create(path)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(f)
	err = write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if _, named := errors.AsType[*fs.PathError](err); err != nil && !named {
		err = &fs.PathError{Op: "write", Path: path, Err: err}
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
