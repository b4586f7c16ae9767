package ckpt

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const lockHelper = "NADIR_TEST_LOCK"

// TestLockHelper is the other process of TestLockFalls.
func TestLockHelper(t *testing.T) {
	path := os.Getenv(lockHelper)
	if path == "" {
		t.Skip("runs only as another test's process")
	}
	if _, err := Acquire(path); err != nil {
		fmt.Println("failed:", err)
		return
	}
	fmt.Println("locked")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // until the process is killed
}

// The lock of a process that was killed is free, though its file is there.
func TestLockFalls(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "LOCK")
	other := exec.Command(os.Args[0], "-test.run=^TestLockHelper$")
	other.Env = append(os.Environ(), lockHelper+"="+path)
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "locked\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	_, err = Acquire(path)
	if want := fmt.Sprintf("process %d", other.Process.Pid); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, which does not name %s", err, want)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // says that it was killed
	l, err := Acquire(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "LOCK")
	// A left-over with a longer number than any.
	if err := os.WriteFile(path, []byte("12345678901234\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l, err := Acquire(path)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != fmt.Sprintln(os.Getpid()) {
			t.Errorf("the file holds %q, %v", text, err)
		}
		_, err = Acquire(path)
		if want := fmt.Sprintf("process %d", os.Getpid()); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), want) {
			t.Errorf("a second lock gives %v", err)
		}
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Acquire(filepath.Join(path, "none", "LOCK")); err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("a path that cannot be gives %v", err)
	}
	if _, err := Acquire(filepath.Join(t.TempDir(), "none", "LOCK")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent directory gives %v", err)
	}
}

// A process that is just ending still gives its lock to the next.
func TestLockWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "LOCK")
	first, err := Acquire(path)
	if err != nil {
		t.Fatal(err)
	}
	free := make(chan error, 1)
	time.AfterFunc(patience/10, func() { free <- first.Release() })
	second, err := Acquire(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-free, second.Release()); err != nil {
		t.Error(err)
	}
}
