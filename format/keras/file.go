package keras

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/nadir-ml/nadir/format/hdf5"
	"github.com/nadir-ml/nadir/internal/mapped"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A Format is one of the ways in which Keras saves.
type Format string

// The formats.
const (
	H5        Format = "h5"         // .h5 of Keras 1 to 3: configuration and weights by name
	H5Weights Format = "h5 weights" // .h5 of save_weights: weights by name
	Weights   Format = "weights.h5" // .weights.h5 of Keras 3: numbered weights by path
	Archive   Format = "keras"      // .keras of Keras 3: a ZIP archive with a .weights.h5 in it
)

// A Layer is a layer's weights.
type Layer struct {
	// Path is the layer's name, or in the formats Weights and Archive its
	// place in the model's object graph, such as "layers/dense".
	Path string
	// Name is the layer's name where the file tells it, else empty.
	Name    string
	Weights []Weight
}

// A Weight is a variable of a layer or of the optimizer.
type Weight struct {
	Name  string // as the file has it, such as "dense/kernel:0" or "0"
	DType tensor.DType
	Shape tensor.Shape

	file *File
	data *hdf5.Dataset
}

// Read reads the weight's numbers.
func (w Weight) Read() (*tensor.Tensor, error) {
	if err := w.file.verify(); err != nil {
		return nil, err
	}
	t, err := w.data.Read()
	return t, w.file.locate(err)
}

// A File is an opened file. Its methods, and those of its weights, may be
// called concurrently, but for Close.
type File struct {
	path      string
	format    Format
	version   string
	backend   string
	config    string
	training  string
	layers    []Layer
	optimizer []Weight
	elsewhere map[string]string // tensors of variables that lie elsewhere; nil of a file

	h5     *hdf5.File
	closer io.Closer
	verify func() error // of what the weights lie in
	seen   map[int64]string

	parse  sync.Once // of the configuration
	parsed spec.Value
	failed error
}

// Open opens the file at path and lists what it holds. The file is to be closed
// after use. What is wrong with the contents is an [*Error]; what cannot be read
// is the operating system's error.
func Open(path string) (*File, error) {
	osFile, size, err := mapped.Regular(path)
	if err != nil {
		return nil, err
	}
	f, err := open(path, osFile, size)
	if err != nil {
		osFile.Close()
		return nil, err
	}
	f.closer = osFile
	return f, nil
}

// Read is Open for size bytes that are read from r.
func Read(r io.ReaderAt, size int64) (*File, error) { return open("", r, size) }

func open(path string, r io.ReaderAt, size int64) (*File, error) {
	f := &File{path: path, verify: func() error { return nil }, seen: map[int64]string{}}
	var head [4]byte
	n, err := r.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return nil, f.locate(err)
	}
	if string(head[:n]) == "PK\x03\x04" {
		err = f.archive(r, size)
	} else {
		err = f.hdf5(r, size)
	}
	if err != nil {
		return nil, f.locate(err)
	}
	return f, nil
}

// Close closes the file that Open opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Format is the way in which the file was saved.
func (f *File) Format() Format { return f.format }

// Version is the version of Keras that saved the file, empty where it is not told.
func (f *File) Version() string { return f.version }

// Backend is the backend that computed, such as "tensorflow" or "theano", empty
// where it is not told. Theano's convolutions turn their kernels around.
func (f *File) Backend() string { return f.backend }

// Config is the model's configuration, JSON as Python writes it, empty where
// the file holds weights alone.
func (f *File) Config() string { return f.config }

// description is what Config says, read once.
func (f *File) description() (spec.Value, error) {
	f.parse.Do(func() { f.parsed, f.failed = spec.ParseJSON("config", []byte(f.config)) })
	return f.parsed, f.failed
}

// TrainingConfig is the JSON that tells loss, metrics and optimizer, empty where
// the file of the format H5 has none. In an Archive this is a part of Config.
func (f *File) TrainingConfig() string { return f.training }

// Layers lists the layers, not to be changed: in the order of the model in the formats H5 and
// H5Weights, layers without weights included; else by path, those with weights.
func (f *File) Layers() []Layer { return f.layers }

// Optimizer lists the variables of the optimizer, as it orders
// them, not to be changed.
func (f *File) Optimizer() []Weight { return f.optimizer }

// An Error says what is wrong with the contents of a file.
type Error struct {
	Path string // of the file; empty where it was not opened by path
	Msg  string // what is wrong and how to mend it
	Err  error  // the cause, or nil
}

// Error writes path, message and cause.
func (e *Error) Error() string {
	s := "keras: " + e.Msg
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

func errorf(format string, args ...any) error { return &Error{Msg: fmt.Sprintf(format, args...)} }

// locate adds the file's path to an error of its contents.
func (f *File) locate(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Path == "" {
		e.Path = f.path
		return e
	}
	if e, ok := errors.AsType[*hdf5.Error](err); ok && e.Path == "" {
		named := *e
		named.Path = f.path
		return &named
	}
	return err
}

// hdf5 opens a file of one of the formats that are HDF5.
func (f *File) hdf5(r io.ReaderAt, size int64) error {
	var err error
	if f.h5, err = hdf5.NewFile(r, size); err != nil {
		return err
	}
	root := f.h5.Root()
	top, full, err := has(root, "model_weights")
	if err != nil {
		return err
	}
	if full {
		f.format = H5
		for _, t := range []struct {
			name string
			to   *string
		}{{"model_config", &f.config}, {"training_config", &f.training}, {"keras_version", &f.version}, {"backend", &f.backend}} {
			if *t.to, err = text(root, t.name); err != nil {
				return err
			}
		}
	} else {
		top = root
	}
	layers, named, err := names(top, "layer_names")
	if err != nil {
		return err
	}
	switch {
	case !full && !named:
		return f.numbered(root)
	case !named:
		return errorf("the group %q has no attribute \"layer_names\"; the file is damaged", top.Path())
	case !full:
		f.format = H5Weights
	}
	for _, t := range []struct {
		name string
		to   *string
	}{{"keras_version", &f.version}, {"backend", &f.backend}} {
		if *t.to == "" {
			if *t.to, err = text(top, t.name); err != nil {
				return err
			}
		}
	}
	if err := f.named(top, layers); err != nil {
		return err
	}
	optimizer, ok, err := has(root, "optimizer_weights")
	if err == nil && ok && full {
		f.optimizer, err = f.weights(optimizer)
	}
	return err
}

// has is the group of that name, if there is one.
func has(g *hdf5.Group, name string) (*hdf5.Group, bool, error) {
	c, err := g.Group(name)
	if errors.Is(err, hdf5.ErrNotFound) {
		return nil, false, nil
	}
	return c, err == nil, err
}

// text is the attribute of that name, empty where there is none.
func text(o hdf5.Object, name string) (string, error) {
	a, err := o.Attr(name)
	if errors.Is(err, hdf5.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return a.Text()
}

// names is a list of names. Keras splits one that is too long for an attribute
// in several, with numbers behind their names.
func names(o hdf5.Object, name string) (list []string, ok bool, err error) {
	a, err := o.Attr(name)
	if err == nil {
		list, err = a.Texts()
		return list, true, err
	}
	for i := 0; errors.Is(err, hdf5.ErrNotFound); i++ {
		if a, err = o.Attr(name + strconv.Itoa(i)); errors.Is(err, hdf5.ErrNotFound) {
			return list, ok, nil
		}
		if err == nil {
			var part []string
			if part, err = a.Texts(); err == nil {
				list, ok = append(list, part...), true
				err = hdf5.ErrNotFound
			}
		}
	}
	return nil, false, err
}

// named lists layers and weights that attributes name.
func (f *File) named(top *hdf5.Group, layers []string) error {
	for _, name := range layers {
		g, err := top.Group(name)
		if err != nil {
			return err
		}
		l := Layer{Path: name, Name: name}
		if l.Weights, err = f.weights(g); err != nil {
			return err
		}
		f.layers = append(f.layers, l)
	}
	// Weights that the model itself has, not one of its layers.
	const own = "top_level_model_weights"
	g, ok, err := has(top, own)
	if err != nil || !ok {
		return err
	}
	l := Layer{Path: own}
	if l.Weights, err = f.weights(g); err == nil && len(l.Weights) > 0 {
		f.layers = append(f.layers, l)
	}
	return err
}

// weights lists what the attribute weight_names names.
func (f *File) weights(g *hdf5.Group) ([]Weight, error) {
	list, ok, err := names(g, "weight_names")
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errorf("the group %q has no attribute \"weight_names\"; the file is damaged", g.Path())
	}
	var out []Weight
	for _, name := range list {
		d, err := g.Dataset(name)
		if err != nil {
			return nil, err
		}
		w, err := f.weight(name, d)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// weight notes a dataset, which no other weight may be.
func (f *File) weight(name string, d *hdf5.Dataset) (Weight, error) {
	if other, twice := f.seen[d.Address()]; twice {
		return Weight{}, errorf("the weights %q and %q are the same dataset; the file is damaged", other, d.Path())
	}
	f.seen[d.Address()] = d.Path()
	if d.DType() == tensor.Invalid || d.Shape() == nil {
		return Weight{}, errorf("the weight %q holds %s, want numbers", d.Path(), d.Type())
	}
	return Weight{Name: name, DType: d.DType(), Shape: d.Shape(), file: f, data: d}, nil
}

// numbered lists the weights of Keras 3: a group for every object of the model,
// in it a group "vars" with the object's variables by number.
func (f *File) numbered(root *hdf5.Group) error {
	f.format = Weights
	found := false
	for o, err := range root.Walk() {
		if err != nil {
			return err
		}
		g, ok := o.(*hdf5.Group)
		if !ok || !strings.HasSuffix(g.Path(), "/vars") {
			continue
		}
		found = true
		path := strings.Trim(strings.TrimSuffix(g.Path(), "vars"), "/")
		list, err := f.vars(g)
		if err != nil {
			return err
		}
		name, err := text(g, "name")
		switch {
		case err != nil:
			return err
		case path == "optimizer":
			f.optimizer = list
		case len(list) > 0:
			f.layers = append(f.layers, Layer{Path: path, Name: name, Weights: list})
		}
	}
	if !found {
		return errorf("this HDF5 file is none that Keras saves: it has neither \"layer_names\" nor a group \"vars\"")
	}
	return nil
}

// vars lists the datasets 0, 1, 2 and on of a group.
func (f *File) vars(g *hdf5.Group) ([]Weight, error) {
	all, err := g.Names()
	if err != nil {
		return nil, err
	}
	var out []Weight
	for i := range all {
		name := strconv.Itoa(i)
		d, err := g.Dataset(name)
		if errors.Is(err, hdf5.ErrNotFound) {
			return nil, errorf("the group %q holds %d objects, but none named %q", g.Path(), len(all), name)
		}
		if err != nil {
			return nil, err
		}
		w, err := f.weight(name, d)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// theano reports whether kernels of convolutions are turned around: Theano computed the
// model. Files of Keras 1 do not say; but TensorFlow's variables end in :0, Theano's
// do not.
func (f *File) theano() bool {
	if f.backend != "" || !f.old() {
		return f.backend == "theano"
	}
	for _, l := range f.layers {
		for _, w := range l.Weights {
			if strings.HasSuffix(w.Name, ":0") {
				return false
			}
		}
	}
	return true
}

// old reports whether Keras 1 wrote the file, or may have.
func (f *File) old() bool {
	if f.format != H5 && f.format != H5Weights || f.elsewhere != nil || f.version != "" && !strings.HasPrefix(f.version, "1.") {
		return f.backend == "theano"
	}
	for _, l := range f.layers {
		for _, w := range l.Weights {
			if _, last := cut(w.Name); strings.HasSuffix(strings.TrimSuffix(strings.TrimSuffix(last, ":0"), "_1"), "_W") {
				return true
			}
		}
	}
	return false
}
