package sets

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/format/npy"
	"github.com/nadir-ml/nadir/tensor"
)

// OpenPath opens a file or a folder:
//
//   - .npz: arrays by name. y, label, labels, target and targets are the
//     target, as are those that Options.Targets names; every other array is an
//     input. Integers, one a row, are class numbers, and several where Options.Labels
//     says so. With x_train and x_test, or
//     train_images and test_images, the set has a test part.
//   - .npy: one array of inputs, without a target.
//   - IDX, compressed or not: the images' or the labels' file; the other one
//     is found beside it by its name.
//   - TFRecord, compressed or not, of tf.train.Example: Options.Features are the
//     input, Options.Label is the target. A feature of PNG or JPEG pictures is
//     Uint8 [height width channels], other bytes are Uint8 in the shape that
//     features height, width and channels (or depth) say, integers Int32 and
//     floats Float32. Several features are joined to one vector of Float32. A
//     target of integers or texts is a class, one of floats is predicted. Several
//     files are read one after the other: a pattern such as dir/*.tfrecord, name@5, or
//     one of name-00000-of-00005, which stands for all five.
//   - a folder of pictures, one sub-folder a class ([images.Open]), or with
//     such folders in train and test.
//   - a folder with MNIST's four files or CIFAR-10's batches.
func OpenPath(path string, o Options) (*Set, error) {
	info, err := os.Stat(path)
	if err != nil && Sharded(path) {
		s, err := openShards(path, o)
		return s, wrap(path, err)
	}
	if err != nil {
		return nil, wrap(path, err)
	}
	var s *Set
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case info.IsDir():
		s, err = openDir(path, o)
	case ext == ".npz":
		s, err = openNPZ(path, o)
	case ext == ".npy":
		s, err = openNPY(path)
	case isTFRecord(path):
		s, err = openShards(path, o)
	default:
		if err = knownIDX(path); err == nil {
			s, err = openIDX(path)
		}
	}
	if err != nil {
		return nil, wrap(path, err)
	}
	s.Name = filepath.Base(filepath.Clean(path))
	return s, nil
}

func openDir(path string, o Options) (*Set, error) {
	if parts := cifarIn(path); parts != nil {
		return readCIFAR(lookup("cifar10"), parts)
	}
	for _, name := range []string{"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"} {
		if exists(filepath.Join(path, name)) {
			return openIDXParts(path, name)
		}
	}
	train, test := filepath.Join(path, "train"), filepath.Join(path, "test")
	if !hasFolders(train) || !hasFolders(test) {
		return openImages(path, o)
	}
	s, err := openImages(train, o)
	if err != nil {
		return nil, err
	}
	t, err := openImages(test, o)
	if err != nil {
		return nil, err
	}
	a, b := s.Train.Schema(), t.Train.Schema()
	if !slices.Equal(a.Classes, b.Classes) {
		return nil, &data.Error{Path: test, Msg: fmt.Sprintf("classes %q, but %s has %q", b.Classes, train, a.Classes)}
	}
	if x, y := a.Inputs[0].Shape, b.Inputs[0].Shape; !x.Equal(y) {
		return nil, &data.Error{Path: test, Msg: fmt.Sprintf("pictures of shape %v, but those of %s have shape %v", y, train, x)}
	}
	s.Test = t.Train
	s.Notes = append(s.Notes, t.Notes...)
	s.Fingerprint = combine([]string{s.Fingerprint, t.Fingerprint})
	return s, nil
}

// hasFolders reports whether path is a folder of folders.
func hasFolders(path string) bool {
	es, err := os.ReadDir(path)
	return err == nil && slices.ContainsFunc(es, func(e os.DirEntry) bool { return e.IsDir() })
}

func openImages(path string, o Options) (*Set, error) {
	f, err := images.Open(path, o.Images)
	if err != nil {
		return nil, err
	}
	s := &Set{Train: f, Fingerprint: f.Fingerprint()}
	if f.Other > 0 {
		s.Notes = []string{fmt.Sprintf("%s: %s files passed over: not .png, .jpg or .jpeg", path, thousands(f.Other))}
	}
	return s, nil
}

// openIDXParts opens a folder of MNIST's files; the test part may be absent.
func openIDXParts(dir, name string) (*Set, error) {
	s, err := openIDX(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	for _, n := range []string{"t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz", "test-images-idx3-ubyte", "test-images-idx3-ubyte.gz"} {
		test := filepath.Join(dir, n)
		if !exists(test) {
			continue
		}
		t, err := openIDX(test)
		if err != nil {
			return nil, err
		}
		return parts(s, t, test)
	}
	return s, nil
}

// parts is train with test as its test part, under the classes of both.
func parts(train, test *Set, path string) (*Set, error) {
	a, b := train.Train.Schema(), test.Train.Schema()
	if x, y := a.Inputs[0].Shape, b.Inputs[0].Shape; !x.Equal(y) {
		return nil, &data.Error{Path: path, Msg: fmt.Sprintf("test images of shape %v, but training images of shape %v", y, x)}
	}
	if len(b.Classes) > len(a.Classes) {
		return nil, &data.Error{Path: path, Msg: fmt.Sprintf("%d classes in the test part, but %d in the training part", len(b.Classes), len(a.Classes))}
	}
	train.Test = renamed{test.Train, a.Classes}
	train.Fingerprint = combine([]string{train.Fingerprint, test.Fingerprint})
	return train, nil
}

// renamed is a source under other names of its classes.
type renamed struct {
	data.Source
	classes []string
}

func (r renamed) Schema() data.Schema {
	s := r.Source.Schema()
	s.Classes = r.classes
	return s
}

func (r renamed) Labels() ([]int32, error) { return data.Labels(r.Source) }

// knownIDX says what can be opened where a file does not begin as IDX files do.
func knownIDX(path string) error {
	c, err := openContents(path)
	if err != nil {
		return err
	}
	defer c.Close()
	var head [2]byte
	if _, err := io.ReadFull(c, head[:]); err != nil || head != [2]byte{} {
		return errors.New("an unknown kind of file: want .npz, .npy, an IDX or TFRecord file, or a folder of pictures")
	}
	return nil
}

// openIDX opens the pair that path is one half of.
func openIDX(path string) (*Set, error) {
	dir, name := filepath.Split(path)
	x, y := name, name
	switch {
	case strings.Contains(name, "labels"):
		x = strings.NewReplacer("labels", "images", "idx1", "idx3").Replace(name)
	case strings.Contains(name, "images"):
		y = strings.NewReplacer("images", "labels", "idx3", "idx1").Replace(name)
	}
	xs, sum, err := readIDX(beside(dir, x))
	if err != nil {
		return nil, err
	}
	if x == y {
		return nil, &data.Error{Path: path, Msg: "an IDX array without labels: the files of a pair have images and labels in their names, as train-images-idx3-ubyte and train-labels-idx1-ubyte"}
	}
	ys, ySum, err := readIDX(beside(dir, y))
	if err != nil {
		return nil, err
	}
	src, err := pair(xs, ys, beside(dir, x), beside(dir, y), nil)
	if err != nil {
		return nil, err
	}
	return &Set{Train: src, FixedOrder: true, Fingerprint: combine([]string{sum, ySum})}, nil
}

// beside is the path of a file, compressed or not as it is found.
func beside(dir, name string) string {
	path := filepath.Join(dir, name)
	for _, p := range []string{path, path + ".gz", strings.TrimSuffix(path, ".gz")} {
		if exists(p) {
			return p
		}
	}
	return path
}

func openNPY(path string) (*Set, error) {
	c, err := openContents(path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	t, err := npy.Read(c, c.size)
	if err != nil {
		return nil, err
	}
	src, err := rows([]column{{"x", t}}, nil, nil)
	if err != nil {
		return nil, err
	}
	return &Set{Train: src, Fingerprint: c.hash()}, nil
}

func openNPZ(path string, o Options) (*Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, errors.New("the file is empty")
	}
	a, err := npy.NewArchive(f, info.Size())
	if err != nil {
		return nil, err
	}
	return fromArchive(a, path, o)
}

// fromArchive sorts an archive's arrays into parts, inputs and targets.
func fromArchive(a *npy.Archive, path string, o Options) (*Set, error) {
	s := &Set{}
	names := make(map[string][]string) // by part: train, test, or empty
	for _, n := range a.Names() {
		part := partOf(n)
		names[part] = append(names[part], n)
	}
	var train, test []string
	switch {
	case names[""] != nil && names["train"] != nil:
		return nil, fmt.Errorf("arrays with and without train in their names: %s", strings.Join(a.Names(), ", "))
	case names["train"] != nil:
		train, test = names["train"], names["test"]
		s.FixedOrder = test != nil
	default:
		train = names[""]
		if names["test"] != nil {
			return nil, fmt.Errorf("a test part (%s) without a training part", strings.Join(names["test"], ", "))
		}
	}
	if names["val"] != nil {
		s.Notes = append(s.Notes, fmt.Sprintf("%s: not used: %s", path, strings.Join(names["val"], ", ")))
	}
	if len(train) == 0 {
		return nil, errors.New("the archive holds no arrays to train on")
	}
	sum := sha256.New()
	read := func(names []string) (p part, err error) {
		for _, n := range names {
			t, err := a.Read(n)
			if err != nil {
				return p, err
			}
			fmt.Fprintf(sum, "%q %v %v\n", n, t.DType(), t.Shape())
			sum.Write(t.Bytes())
			base := baseOf(n)
			if isTarget(base) || slices.Contains(o.Targets, base) {
				p.targets = append(p.targets, column{base, t})
				continue
			}
			if t, err = input(t); err != nil {
				return p, fmt.Errorf("%q: %w", base, err)
			}
			p.inputs = append(p.inputs, column{base, t})
		}
		return p, nil
	}
	tr, err := read(train)
	if err != nil {
		return nil, err
	}
	te, err := read(test)
	if err != nil {
		return nil, err
	}
	if len(tr.targets) > max(1, len(o.Targets)) {
		return nil, fmt.Errorf("two targets, %q and %q: an archive has one, or one for each output of the model, by its name", tr.targets[0].name, tr.targets[1].name)
	}
	classes, err := label(o.Labels, &tr, &te)
	if err != nil {
		return nil, err
	}
	if s.Train, err = rows(tr.inputs, tr.targets, classes); err != nil {
		return nil, err
	}
	if test != nil {
		if s.Test, err = rows(te.inputs, te.targets, classes); err != nil {
			return nil, err
		}
		if err := alike(s.Train.Schema(), s.Test.Schema()); err != nil {
			return nil, err
		}
	}
	s.Fingerprint = hex.EncodeToString(sum.Sum(nil))
	return s, nil
}

// part is the arrays of one part of an archive.
type part struct{ inputs, targets []column }

// partOf is the part that an array's name puts it in.
func partOf(name string) string {
	for _, w := range strings.Split(strings.ToLower(name), "_") {
		switch w {
		case "train", "training":
			return "train"
		case "test":
			return "test"
		case "val", "valid", "validation":
			return "val"
		}
	}
	return ""
}

// baseOf is an array's name without the part.
func baseOf(name string) string {
	words := strings.Split(name, "_")
	words = slices.DeleteFunc(words, func(w string) bool { return partOf(w) != "" })
	if len(words) == 0 {
		return "x"
	}
	return strings.Join(words, "_")
}

func isTarget(name string) bool {
	switch strings.ToLower(name) {
	case "y", "label", "labels", "target", "targets":
		return true
	}
	return false
}

// label turns the targets into class numbers where they are integers or bools,
// one a row or as many as several reports, and into Float32 otherwise. It returns the names of the classes of
// the first one.
func label(several func(inputs []data.Field, target data.Field) bool, parts ...*part) (classes []string, err error) {
	top := -1
	for _, p := range parts {
		var inputs []data.Field
		for _, c := range p.inputs {
			inputs = append(inputs, field(c.name, c.t))
		}
		for i := range p.targets {
			c := &p.targets[i]
			s := c.t.Shape()
			if len(s) == 0 {
				return nil, fmt.Errorf("%q is a single number: want one row a sample", c.name)
			}
			one := s[1:].Len() == 1
			if c.t.DType().IsFloat() || !one && (several == nil || s[1:].Len() == 0 || !several(inputs, field(c.name, c.t))) {
				if len(s) == 1 {
					s = tensor.Shape{s[0], 1}
				}
				if c.t, err = c.t.Convert(tensor.Float32).Reshape(s...); err != nil {
					return nil, err
				}
				continue
			}
			t, high, err := classNumbers(c.t, most)
			if err != nil {
				return nil, fmt.Errorf("%q: %w; numbers to predict are saved as float32", c.name, err)
			}
			if !one {
				if t, err = t.Reshape(s...); err != nil {
					return nil, err
				}
			}
			if c.t = t; i == 0 {
				top = max(top, high)
			}
		}
	}
	if top < 0 {
		return nil, nil
	}
	return numbered(top + 1), nil
}

// alike says how the parts of a set differ.
func alike(train, test data.Schema) error {
	a, b := slices.Concat(train.Inputs, train.Targets), slices.Concat(test.Inputs, test.Targets)
	if len(a) != len(b) {
		return fmt.Errorf("%d arrays in the training part, but %d in the test part", len(a), len(b))
	}
	for i, f := range a {
		if g := b[i]; f.Name != g.Name || f.DType != g.DType || !f.Shape.Equal(g.Shape) {
			return fmt.Errorf("%q of the training part is %v of shape %v a row, but %q of the test part is %v of shape %v", f.Name, f.DType, f.Shape, g.Name, g.DType, g.Shape)
		}
	}
	return nil
}
