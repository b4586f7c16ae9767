package keras

import (
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	format.Register(format.Format{Name: "keras", Detect: detect, Open: openFormat})
}

// detect knows HDF5 by its signature, and the archive by what is in it.
func detect(p *format.Probe) bool {
	return p.Begins("\x89HDF\r\n\x1a\n") || slices.Contains(p.Entries(), weightsName)
}

// named is what inspect and import call the formats.
var named = map[Format]string{H5: "keras-h5", H5Weights: "keras-h5-weights", Weights: "keras-weights-h5", Archive: "keras"}

func openFormat(path string) (*format.File, error) {
	k, err := Open(path)
	if err != nil {
		return nil, err
	}
	return k.describe(), nil
}

// describe lists what the file holds in the words of package format.
func (k *File) describe() *format.File {
	f := &format.File{Format: named[k.Format()], Ordered: k.Format() != Weights && k.Format() != Archive, Release: k.Close}
	add := func(name string, w Weight, slot bool) {
		f.Tensors = append(f.Tensors, format.Tensor{Name: name, DType: w.DType, Shape: w.Shape, Slot: slot,
			Read: func() (*tensor.Tensor, error) { return w.Read() }})
	}
	for _, l := range k.Layers() {
		for _, w := range l.Weights {
			add(l.tensor(w), w, strings.HasSuffix(l.Path, "seed_generator"))
		}
	}
	for _, w := range k.Optimizer() {
		add("optimizer/"+w.Name, w, true)
	}
	f.Slots = k.slots()
	if class, _ := k.optimizerConfig().Get("class_name"); f.Slots != nil && scaled(class.Text) {
		f.Warnings = append(f.Warnings, "the optimizer scaled the loss for 16 bits: the slots are those of the one within it, and the scale, which float32 does not need, is left out")
	}
	for _, e := range []format.Entry{{Key: "keras_version", Value: k.Version()}, {Key: "backend", Value: k.Backend()}, {Key: "config", Value: k.Config()},
		{Key: "training_config", Value: k.TrainingConfig()}} {
		if e.Value != "" {
			f.Metadata = append(f.Metadata, e)
		}
	}
	for _, l := range k.Layers() {
		list := make([]format.Tensor, 0, len(l.Weights))
		for _, w := range l.Weights {
			list = append(list, format.Tensor{Name: l.tensor(w), DType: w.DType, Shape: w.Shape})
		}
		gates(list, func(t format.Tensor) string { return t.Name }, func(base, leaf string, of []format.Tensor) format.Tensor {
			j := format.Joined{Tensor: of[0], Make: join}
			j.Name, j.Shape = base+"/"+leaf, of[0].Shape.Clone()
			for i, t := range of {
				j.From = append(j.From, t.Name)
				if k := len(j.Shape) - 1; i > 0 && k >= 0 && len(t.Shape) == len(j.Shape) {
					j.Shape[k] += t.Shape[k]
				}
			}
			f.Joined = append(f.Joined, j)
			return j.Tensor
		})
	}
	if k.old() {
		f.Fit = k.fit
	}
	if k.Config() != "" {
		f.Blueprint = func(o format.Options) (*format.Blueprint, error) { return blueprint(k, o) }
	}
	return f
}

// A Variable is a weight of a model that is not kept in a file of Keras, such as a
// SavedModel's.
type Variable struct {
	Name   string // as TensorFlow calls it: the layer's name first, as in lstm/lstm_cell/kernel
	Tensor string // what the file that holds it calls it
	DType  tensor.DType
	Shape  tensor.Shape
}

// FromConfig makes a model of a configuration in JSON, as Keras of that version writes
// it, with what it was compiled with, which may be empty. The tensors are those of the
// variables.
func FromConfig(version, config, training string, variables []Variable, o format.Options) (*format.Blueprint, error) {
	k := &File{format: H5, version: version, config: config, training: training, elsewhere: map[string]string{}}
	at := map[string]int{}
	for _, v := range variables {
		layer, _, ok := strings.Cut(v.Name, "/")
		if !ok {
			continue
		}
		i, known := at[layer]
		if !known {
			i = len(k.layers)
			at[layer] = i
			k.layers = append(k.layers, Layer{Path: layer, Name: layer})
		}
		k.layers[i].Weights = append(k.layers[i].Weights, Weight{Name: v.Name, DType: v.DType, Shape: v.Shape})
		k.elsewhere[v.Name] = v.Tensor
	}
	return blueprint(k, o)
}

// tensor is what a weight of the layer is called among all of the file. Several
// layers may give theirs the same name.
func (l Layer) tensor(w Weight) string {
	name := strings.TrimSuffix(w.Name, ":0")
	if strings.HasPrefix(name, l.Path+"/") {
		return name
	}
	return l.Path + "/" + name
}

// fit is how a weight becomes a parameter of a model that is given: as it is, but that
// Keras 1 has kernels of convolutions with channels first, and Theano has them turned
// around.
func (k *File) fit(t format.Tensor, name string, shape tensor.Shape) (format.Turn, bool) {
	_, leaf := cut(name)
	_, last := cut(t.Name)
	axes := len(shape) - 2 // of places, in the kernel of a convolution
	if leaf != "kernel" || axes < 1 || len(t.Shape) != len(shape) {
		return format.Fit(t, name, shape)
	}
	var turn format.Turn
	switch {
	case t.Shape.Equal(shape):
	case axes == 2 && strings.HasSuffix(strings.TrimSuffix(last, "_1"), "_W") &&
		shape.Equal(tensor.Shape{t.Shape[2], t.Shape[3], t.Shape[1], t.Shape[0]}):
		turn = format.Permute(2, 3, 1, 0)
	default:
		return format.Fit(t, name, shape)
	}
	if k.theano() {
		turn = turn.Then(flip(axes))
	}
	return turn, true
}
