package backend_test

import (
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
)

// What is kept is made once for each key, whoever asks for it first, and counted once.
func TestFrozen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var f backend.Frozen
		made := map[int]*int{}
		sum := 0
		for _, key := range rapid.SliceOf(rapid.IntRange(0, 9)).Draw(t, "keys") {
			v := f.Once(key, key+1, func() any { return new(int) }).(*int)
			if made[key] == nil {
				made[key] = v
				sum += key + 1
			}
			if v != made[key] {
				t.Fatalf("key %d was made twice", key)
			}
		}
		if f.Bytes() != sum {
			t.Fatalf("%d bytes, want %d", f.Bytes(), sum)
		}
	})
}

func TestFrozenConcurrent(t *testing.T) {
	t.Parallel()
	var f backend.Frozen
	var group sync.WaitGroup
	made := 0
	for range 8 {
		group.Go(func() {
			for k := range 100 {
				f.Once(k, 1, func() any { made++; return k })
			}
		})
	}
	group.Wait()
	if made != 100 || f.Bytes() != 100 {
		t.Errorf("made %d of 100, %d bytes", made, f.Bytes())
	}
}

func ExampleFrozen() {
	var kept backend.Frozen // goes into the Options of every plan that shares it
	kernel := "hidden/kernel"
	for range 2 {
		kept.Once(kernel, 1024, func() any { return make([]float32, 256) })
	}
	fmt.Println(kept.Bytes(), "bytes")
	// Output: 1024 bytes
}
