package sets

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"math"
	"os"

	"github.com/nadir-ml/nadir/internal/deflate"
)

// contents reads a file, decompressed where it is a gzip file, and hashes what
// was read.
type contents struct {
	io.Reader
	plain io.Reader // the same without hashing
	size  int64     // the most bytes there can be
	sum   hash.Hash
	file  *os.File
}

func openContents(path string) (*contents, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = errors.New("a folder where a file is wanted")
	case info.Mode().IsRegular() && info.Size() == 0:
		err = errors.New("the file is empty")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	size := info.Size()
	if !info.Mode().IsRegular() { // a pipe does not know its size
		size = math.MaxInt64 / deflate.Ratio
	}
	c := &contents{size: size, sum: sha256.New(), file: f}
	r, packed, err := decompress(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		f.Close()
		return nil, err
	}
	if packed {
		c.size = min(size, math.MaxInt64/deflate.Ratio) * deflate.Ratio
	}
	c.plain, c.Reader = r, io.TeeReader(r, c.sum)
	return c, nil
}

// decompress is r, or what r decompresses to where it holds gzip data.
func decompress(r *bufio.Reader) (io.Reader, bool, error) {
	if head, _ := r.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return r, false, nil
	}
	z, err := deflate.NewReader(r)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the gzip file is truncated")
		}
		return nil, true, err
	}
	return z, true, nil
}

func (c *contents) Close() error { return c.file.Close() }

// hash is that of everything read, in hexadecimal.
func (c *contents) hash() string { return hex.EncodeToString(c.sum.Sum(nil)) }

// hashOf is the SHA-256 of a file as it is, in hexadecimal.
func hashOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
