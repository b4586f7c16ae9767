package bundle_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
	"github.com/nadir-ml/nadir/tensor"
)

// A checkpoint is written and read.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "checkpoint")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	prefix := filepath.Join(dir, "model.ckpt")
	index, err1 := os.Create(prefix + ".index")
	data, err2 := os.Create(bundle.Shard(prefix+".data", 0, 1))
	if err := errors.Join(err1, err2); err != nil {
		log.Fatal(err)
	}
	kernel := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	err = bundle.Write(index, data, []bundle.Named{{Name: "dense/kernel", Tensor: kernel}})
	if err := errors.Join(err, index.Close(), data.Close()); err != nil {
		log.Fatal(err)
	}

	f, err := bundle.Open(prefix)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for _, e := range f.Entries() {
		t, err := f.Tensor(e.Name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Name, e.Type, e.Shape, t.At(1, 2))
	}
	// Output: dense/kernel float32 [2 3] 6
}
