package mapped

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBytes holds the bytes to those of the file, before and after they are forgotten.
func TestBytes(t *testing.T) {
	t.Parallel()
	path := write(t, nil)
	rapid.Check(t, func(r *rapid.T) {
		want := rapid.SliceOfN(rapid.Byte(), 0, 9000).Draw(r, "bytes")
		if err := os.WriteFile(path, want, 0o600); err != nil {
			r.Fatal(err)
		}
		f, err := Open(path, 9000)
		if err != nil {
			r.Fatal(err)
		}
		for range 2 {
			if !bytes.Equal(f.Bytes, want) {
				r.Fatal("the bytes are others")
			}
			f.Forget()
		}
		for range 2 { // closing once more does nothing
			if err := f.Close(); err != nil {
				r.Fatal(err)
			}
		}
	})
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	if _, err := Open(write(t, make([]byte, 10)), 9); !errors.Is(err, ErrLarge) {
		t.Errorf("ten bytes where nine may be: %v", err)
	}
	if _, err := Open(t.TempDir(), 9); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), 9); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestGuard cuts a file short, and closes one, while it is read.
func TestGuard(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("files are not mapped here")
	}
	const size = 1 << 20
	path := write(t, make([]byte, size))
	f, err := Open(path, size)
	if err != nil {
		t.Fatal(err)
	}
	sum := func() error {
		n := 0
		for _, v := range f.Bytes {
			n += int(v)
		}
		if n != 0 {
			return errors.New("it is not 0")
		}
		return nil
	}
	if err := Guard(sum); err != nil {
		t.Fatal(err)
	}
	f.Forget()
	if err := os.Truncate(path, size/2); err != nil {
		t.Fatal(err)
	}
	if err := Guard(sum); err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("cut short: %v", err)
	}
	defer func() {
		if p := recover(); p != "other" {
			t.Errorf("another panic came out as %v", p)
		}
	}()
	_ = Guard(func() error { panic("other") })
}
