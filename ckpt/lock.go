package ckpt

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Lock is held on a file by this process. It falls when the process ends, in
// whatever way; a file left over by a process that ended locks nobody out.
type Lock struct{ f *os.File }

// patience is how long a lock is waited for.
const patience = 500 * time.Millisecond

// Acquire locks the file at path, making it where it is not there, and writes
// this process's number to it. Where another process holds the lock the error
// wraps ErrLocked and names that process, after a moment in which a process
// that was killed may come to its end.
func Acquire(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, &Error{Path: path, Err: err}
	}
	held, err := tryLock(f)
	for waited := time.Duration(0); err == nil && !held && waited < patience; waited += patience / 50 {
		time.Sleep(patience / 50)
		held, err = tryLock(f)
	}
	if err == nil && !held {
		defer f.Close()
		return nil, fmt.Errorf("%s: %w: %s holds it; wait for it to end, or stop it", path, ErrLocked, owner(f))
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, &Error{Path: path, Err: err}
	}
	return &Lock{f}, nil
}

// owner names the process whose number is in the file.
func owner(f *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if pid, bad := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && bad == nil {
		return fmt.Sprintf("process %d", pid)
	}
	return "another process"
}

// Release gives the lock up. The file stays: removing it could take it from
// under a process that is just locking it.
func (l *Lock) Release() error { return l.f.Close() }
