package formattest

import (
	"os"
	"path/filepath"
	"testing"
)

// A Folder holds files whose contents change thousands of times in a test. They stay open
// and are written in place: to cut a file to nothing and close it makes file systems write
// it to the disk at once, which takes milliseconds.
type Folder struct {
	Dir  string
	open map[string]*os.File
	tb   testing.TB
}

// NewFolder makes a folder, which goes with the test.
func NewFolder(tb testing.TB) *Folder {
	tb.Helper()
	f := &Folder{Dir: tb.TempDir(), open: map[string]*os.File{}, tb: tb}
	tb.Cleanup(func() {
		for _, file := range f.open {
			file.Close()
		}
	})
	return f
}

// Write makes a file hold these bytes and no others. Its name may have folders before it.
func (f *Folder) Write(name string, b []byte) (path string) {
	path = filepath.Join(f.Dir, filepath.FromSlash(name))
	file := f.open[name]
	if file == nil {
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			file, err = os.Create(path)
		}
		if err != nil {
			f.tb.Fatal(err)
		}
		f.open[name] = file
	}
	_, err := file.WriteAt(b, 0)
	if err == nil {
		err = file.Truncate(int64(len(b)))
	}
	if err != nil {
		f.tb.Fatal(err)
	}
	return path
}
