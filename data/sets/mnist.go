package sets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

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
	var missing []file
	for i, f := range p.files {
		for _, c := range candidates(p, f.name, o.Dirs) {
			t, sum, err := readIDX(c.path)
			if c.loose && (err != nil || sum != f.contents) {
				continue // another set's file of the same name
			}
			if err != nil {
				return nil, err
			}
			if sum != f.contents {
				s.Notes = append(s.Notes, fmt.Sprintf("%s: %s is not the published file", p.name, c.path))
			}
			arrays[i], paths[i], sums[i] = t, c.path, sum
			break
		}
		if arrays[i] == nil {
			missing = append(missing, f)
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
			if arrays[i], sums[i], err = readIDX(paths[i]); err != nil {
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
