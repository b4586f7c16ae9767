package bench

import (
	"crypto/sha256"
	"fmt"
	"path"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestSameBytesUnderLoad takes twenty steps of nets on any number of threads, while somebody
// else keeps a core busy: parameters and momenta end as the same bytes. Momenta show a single bit
// of any gradient, for the rate is too small for weights to.
func TestSameBytesUnderLoad(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1)) // the system shares the cores out
	var end atomic.Bool
	var other sync.WaitGroup
	other.Go(func() {
		runtime.LockOSThread() // the thread ends with it
		for !end.Load() {
		}
	})
	defer other.Wait()
	defer end.Store(true)
	for _, name := range []string{"chapter", "deep", "lenet"} {
		n, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		var want string
		for _, threads := range []int{1, 2, 3, 5, 8} {
			r, err := n.runner(70, "momentum", threads)
			if err != nil {
				t.Fatal(err)
			}
			before := state(t, r)
			for range 20 {
				if err := r.step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			got := state(t, r)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if got == before {
				t.Fatalf("%s: steps changed nothing", n.Name)
			}
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%s on %d threads:\n%s\non one:\n%s", n.Name, threads, got, want)
			}
		}
	}
}

// state is a line for every file of numbers in a checkpoint.
func state(t *testing.T, r *runner) (lines string) {
	t.Helper()
	files, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if path.Ext(f.Name) != ".safetensors" {
			continue
		}
		sum := sha256.New()
		if err := f.Write(sum); err != nil {
			t.Fatal(err)
		}
		lines += fmt.Sprintf("%s %x\n", f.Name, sum.Sum(nil))
	}
	return lines
}
