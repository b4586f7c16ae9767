package ckpt

import (
	"io"
	"path/filepath"
	"testing"
)

// BenchmarkSave saves 4 MB and prunes, with every sync that takes.
func BenchmarkSave(b *testing.B) {
	s := Store{Dir: filepath.Join(b.TempDir(), "ckpt")}
	state := make([]byte, 4<<20)
	b.SetBytes(int64(len(state)))
	step := int64(0)
	for b.Loop() {
		step++
		_, err := s.Save(step, File{"state.safetensors", func(w io.Writer) error {
			_, err := w.Write(state)
			return err
		}})
		if err != nil {
			b.Fatal(err)
		}
	}
}
