package sets

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/tensor"
)

// CIFAR-10's binary version (Krizhevsky, "Learning Multiple Layers of Features
// from Tiny Images", 2009): records of a label and 3×32×32 bytes, channel by
// channel, in five training batches and a test batch of 10,000 records each.
const (
	cifarSide   = 32
	cifarPlane  = cifarSide * cifarSide
	cifarRecord = 1 + 3*cifarPlane
	cifarBatch  = 10_000
)

// cifarParts are the files that a set was found in.
type cifarParts struct {
	paths   []string // training batches, or one archive
	test    string   // empty where there is none
	archive bool
}

// findCIFAR looks for batches, then for the archive.
func findCIFAR(p *published, dirs []string) *cifarParts {
	var bases []string
	for _, dir := range dirs {
		bases = append(bases, filepath.Join(dir, p.name), filepath.Join(dir, p.name, "cifar-10-batches-bin"),
			filepath.Join(dir, "cifar-10-batches-bin"), dir)
	}
	for _, base := range bases {
		if parts := cifarIn(base); parts != nil {
			return parts
		}
		if path := filepath.Join(base, p.files[0].name); exists(path) {
			return &cifarParts{paths: []string{path}, archive: true}
		}
	}
	return nil
}

// cifarIn is the batches that lie in a folder, or nil.
func cifarIn(base string) *cifarParts {
	either := func(name string) string {
		for _, n := range []string{name, name + ".gz"} {
			if path := filepath.Join(base, n); exists(path) {
				return path
			}
		}
		return ""
	}
	var parts cifarParts
	for k := range 5 {
		if path := either(fmt.Sprintf("data_batch_%d.bin", k+1)); path != "" {
			parts.paths = append(parts.paths, path)
		}
	}
	if parts.paths == nil {
		return nil
	}
	parts.test = either("test_batch.bin")
	if parts.test == "" {
		parts.test = either("test_batch_first1000.bin")
	}
	return &parts
}

func openCIFAR(ctx context.Context, p *published, o Options) (*Set, error) {
	parts := findCIFAR(p, o.Dirs)
	if parts == nil {
		if err := download(ctx, p, p.files, o); err != nil {
			return nil, err
		}
		parts = &cifarParts{paths: []string{filepath.Join(downloads(p, o), p.files[0].name)}, archive: true}
	}
	return readCIFAR(p, parts)
}

func readCIFAR(p *published, parts *cifarParts) (*Set, error) {
	s := &Set{Name: p.name, FixedOrder: true}
	var train, test cifar
	batches := 5
	if parts.archive {
		if err := readArchive(parts.paths[0], &train, &test, s); err != nil {
			return nil, wrap(parts.paths[0], err)
		}
	} else {
		batches = len(parts.paths)
		train.x = make([]uint8, 0, cifarRoom(parts.paths))
		var sums []string
		for _, path := range parts.paths {
			sum, err := train.readFile(path)
			if err != nil {
				return nil, wrap(path, err)
			}
			sums = append(sums, sum)
		}
		if parts.test != "" {
			sum, err := test.readFile(parts.test)
			if err != nil {
				return nil, wrap(parts.test, err)
			}
			sums = append(sums, sum)
		}
		s.Fingerprint = combine(sums)
	}
	if len(train.y) != 5*cifarBatch {
		s.Notes = append(s.Notes, fmt.Sprintf("%s: %d of 5 training batches present, %s images", p.name, batches, thousands(len(train.y))))
	}
	if len(test.y) != cifarBatch {
		s.Notes = append(s.Notes, fmt.Sprintf("%s: %s of %s test images present", p.name, thousands(len(test.y)), thousands(cifarBatch)))
	}
	var err error
	if s.Train, err = train.source(p.classes); err != nil {
		return nil, wrap(parts.paths[0], err)
	}
	if len(test.y) > 0 {
		if s.Test, err = test.source(p.classes); err != nil {
			return nil, wrap(parts.test, err)
		}
	}
	return s, nil
}

// cifarRoom is the bytes that the pixels of batches may take, bounded by what
// the files can hold.
func cifarRoom(paths []string) (n int64) {
	for _, path := range paths {
		if c, err := openContents(path); err == nil {
			n += min(c.size, cifarBatch*cifarRecord)
			c.Close()
		}
	}
	return n
}

// readArchive reads the batches inside the published archive.
func readArchive(name string, train, test *cifar, s *Set) error {
	c, err := openContents(name)
	if err != nil {
		return err
	}
	defer c.Close()
	seen := 0
	t := tar.NewReader(c)
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return cut(err)
		}
		into := train
		switch base := path.Base(h.Name); {
		case base == "test_batch.bin":
			into = test
		case !strings.HasPrefix(base, "data_batch_") || !strings.HasSuffix(base, ".bin"):
			continue
		}
		if err := into.read(t); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		seen++
	}
	if seen != 6 {
		return fmt.Errorf("the archive holds %d of the 6 batches", seen)
	}
	// The compressed file's end holds its checksum.
	if _, err := io.Copy(io.Discard, c); err != nil {
		return cut(err)
	}
	s.Fingerprint = c.hash()
	return nil
}

// cut says that a file is truncated where that is what an error means.
func cut(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file is truncated")
	}
	return err
}

// cifar is the images read so far, [rows 32 32 3], and their labels.
type cifar struct {
	x []uint8
	y []int32
}

func (c *cifar) readFile(path string) (sum string, err error) {
	r, err := openContents(path)
	if err != nil {
		return "", err
	}
	defer r.Close()
	if err := c.read(r); err != nil {
		return "", err
	}
	return r.hash(), nil
}

// read appends the records of one batch.
func (c *cifar) read(r io.Reader) error {
	r = bufio.NewReaderSize(r, 1<<16)
	var rec [cifarRecord]byte
	var pixels [3 * cifarPlane]byte
	for k := 0; ; k++ {
		n, err := io.ReadFull(r, rec[:])
		if err == io.EOF {
			if k == 0 {
				return errors.New("the file is empty")
			}
			return nil
		}
		if err == io.ErrUnexpectedEOF {
			return fmt.Errorf("the file ends after %d of the %d bytes of image %d: it is truncated, or no batch of CIFAR-10's binary version", n, cifarRecord, k)
		}
		if err != nil {
			return cut(err)
		}
		if rec[0] > 9 {
			return fmt.Errorf("label %d of image %d is out of range: want 0 to 9, in CIFAR-10's binary version", rec[0], k)
		}
		c.y = append(c.y, int32(rec[0]))
		for i := range cifarPlane {
			pixels[3*i] = rec[1+i]
			pixels[3*i+1] = rec[1+cifarPlane+i]
			pixels[3*i+2] = rec[1+2*cifarPlane+i]
		}
		c.x = append(c.x, pixels[:]...)
	}
}

func (c *cifar) source(classes []string) (data.Source, error) {
	n := len(c.y)
	return rows([]column{{"x", tensor.Of(c.x, n, cifarSide, cifarSide, 3)}}, []column{{"y", tensor.Of(c.y, n)}}, classes)
}
