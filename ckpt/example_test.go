package ckpt_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nadir-ml/nadir/ckpt"
)

func ExampleStore() {
	run, err := os.MkdirTemp("", "run")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(run)

	store := ckpt.Store{Dir: filepath.Join(run, "ckpt"), Keep: 2}
	for step := int64(0); step <= 30; step += 10 {
		_, err := store.Save(step, ckpt.File{Name: "state.txt", Write: func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "state after %d steps", step)
			return err
		}})
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	steps, err := store.Steps()
	fmt.Println(steps, err)

	// The newest is damaged: the one before it is used.
	if err := os.WriteFile(filepath.Join(store.Dir, "step-30", "state.txt"), []byte("state after 99 steps"), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	latest, damaged, err := store.Latest()
	if err != nil {
		fmt.Println(err)
		return
	}
	state, err := latest.ReadFile("state.txt")
	fmt.Println(string(state), err)
	for _, d := range damaged {
		fmt.Println("damaged:", filepath.Base(filepath.Dir(d.Path)), filepath.Base(d.Path))
	}
	// Output:
	// [20 30] <nil>
	// state after 20 steps <nil>
	// damaged: step-30 state.txt
}

func ExampleAcquire() {
	run, err := os.MkdirTemp("", "run")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(run)

	lock, err := ckpt.Acquire(filepath.Join(run, "LOCK"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = ckpt.Acquire(filepath.Join(run, "LOCK"))
	fmt.Println(errors.Is(err, ckpt.ErrLocked))
	fmt.Println(lock.Release())
	// Output:
	// true
	// <nil>
}
