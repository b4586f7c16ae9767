package sets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format/idx"
	"github.com/nadir-ml/nadir/tensor"
)

// candidate is a place where a file lies.
type candidate struct {
	path  string
	loose bool // not in a folder of the set's name: it may belong to another
}

// candidates are the places where a file lies, compressed or not.
func candidates(p *published, name string, dirs []string) []candidate {
	var cs []candidate
	for _, dir := range dirs {
		for _, base := range []string{filepath.Join(dir, p.name), dir} {
			for _, n := range []string{name, strings.TrimSuffix(name, ".gz")} {
				if path := filepath.Join(base, n); exists(path) {
					cs = append(cs, candidate{path, base == dir})
				}
			}
		}
	}
	return cs
}

// openMNIST opens a set of four IDX files.
func openMNIST(ctx context.Context, p *published, o Options) (*Set, error) {
	s := &Set{Name: p.name, FixedOrder: true}
	arrays := make([]*tensor.Tensor, len(p.files))
	paths := make([]string, len(p.files))
	sums := make([]string, len(p.files))
	errs := make([]error, len(p.files))
	var wg sync.WaitGroup
	for i, f := range p.files {
		wg.Go(func() { arrays[i], paths[i], sums[i], errs[i] = readPart(p, f, o.Dirs) })
	}
	wg.Wait()
	var missing []file
	for i, f := range p.files {
		switch {
		case errs[i] != nil:
			return nil, errs[i]
		case arrays[i] == nil:
			missing = append(missing, f)
		case sums[i] != f.contents:
			s.Notes = append(s.Notes, fmt.Sprintf("%s: %s is not the published file", p.name, paths[i]))
		}
	}
	if len(missing) > 0 {
		if err := download(ctx, p, missing, o); err != nil {
			return nil, err
		}
		for i, f := range p.files {
			if arrays[i] != nil {
				continue
			}
			paths[i] = filepath.Join(downloads(p, o), f.name)
			var err error
			if arrays[i], sums[i], err = readPublished(paths[i], f); err != nil {
				return nil, err
			}
		}
	}
	var err error
	if s.Train, err = pair(arrays[0], arrays[1], paths[0], paths[1], p.classes); err != nil {
		return nil, err
	}
	if s.Test, err = pair(arrays[2], arrays[3], paths[2], paths[3], p.classes); err != nil {
		return nil, err
	}
	if a, b := s.Train.Schema().Inputs[0].Shape, s.Test.Schema().Inputs[0].Shape; !a.Equal(b) {
		return nil, &data.Error{Path: paths[2], Msg: fmt.Sprintf("test images of shape %v, but training images of shape %v", b, a)}
	}
	s.Fingerprint = combine(sums)
	return s, nil
}

// readPart reads a file of a set from the first place that has it; nil where none
// does.
func readPart(p *published, f file, dirs []string) (t *tensor.Tensor, path, sum string, err error) {
	for _, c := range candidates(p, f.name, dirs) {
		t, sum, err := readPublished(c.path, f)
		if c.loose && (err != nil || sum != f.contents) {
			continue // another set's file of the same name
		}
		return t, c.path, sum, err
	}
	return nil, "", "", nil
}

// readPublished is readIDX of a file that is likely the published f: compressed bytes are
// fewer to hash, and where they are the published ones, so are the contents.
func readPublished(path string, f file) (*tensor.Tensor, string, error) {
	if info, err := os.Stat(path); err != nil || info.Size() != f.size {
		return readIDX(path)
	}
	known := make(chan bool, 1)
	go func() { // beside the decompression
		sum, err := hashOf(path)
		known <- err == nil && sum == f.sha256
	}()
	c, err := openContents(path)
	if err != nil {
		return nil, "", wrap(path, err)
	}
	defer c.Close()
	t, err := idx.Read(c.plain, c.size)
	switch {
	case err != nil:
		return nil, "", wrap(path, err)
	case !<-known:
		return readIDX(path)
	}
	return t, f.contents, nil
}

// readIDX reads an IDX file, compressed or not, and hashes its contents.
func readIDX(path string) (*tensor.Tensor, string, error) {
	c, err := openContents(path)
	if err != nil {
		return nil, "", wrap(path, err)
	}
	defer c.Close()
	t, err := idx.Read(c, c.size)
	if err != nil {
		return nil, "", wrap(path, err)
	}
	return t, c.hash(), nil
}

// pair is the source of images with a label each. classes may be nil.
func pair(x, y *tensor.Tensor, xPath, yPath string, classes []string) (data.Source, error) {
	if len(y.Shape()) != 1 {
		return nil, &data.Error{Path: yPath, Msg: fmt.Sprintf("labels of shape %v: want one number a row", y.Shape())}
	}
	if x.Shape()[0] != y.Len() {
		return nil, &data.Error{Path: yPath, Msg: fmt.Sprintf("%d labels, but %d images in %s: they do not belong together", y.Len(), x.Shape()[0], xPath)}
	}
	n := len(classes)
	if classes == nil {
		n = most
	}
	labels, top, err := classNumbers(y, n)
	if err != nil {
		return nil, wrap(yPath, err)
	}
	if classes == nil {
		classes = numbered(top + 1)
	}
	src, err := rows([]column{{"x", x}}, []column{{"y", labels}}, classes)
	return src, wrap(xPath, err)
}

// combine is a hash of hashes.
func combine(sums []string) string {
	h := sha256.Sum256([]byte(strings.Join(sums, "\n")))
	return hex.EncodeToString(h[:])
}
