//go:build !unix

package mapped

import (
	"io"
	"os"
)

func bytesOf(f *os.File, size int) ([]byte, error) {
	b := make([]byte, size)
	_, err := io.ReadFull(f, b)
	return b, err
}

func release([]byte) error { return nil }

func forget([]byte) {}
