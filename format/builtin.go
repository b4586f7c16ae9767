package format

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format/npy"
	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Register(Format{Name: "safetensors", Detect: isSafetensors, Open: openSafetensors})
	Register(Format{Name: "npy", Detect: func(p *Probe) bool { return p.Begins("\x93NUMPY") }, Open: openNpy})
	Register(Format{Name: "npz", Detect: isNpz, Open: openNpz})
}

// Own is the format of the models that Write writes.
const Own = "nadir"

// IsOwn reports whether the file at a path is a model that Write wrote.
func IsOwn(path string) bool {
	s, err := safetensors.Open(path)
	if err != nil {
		return false
	}
	defer s.Close()
	return s.Metadata()[keyModel] != ""
}

func isSafetensors(p *Probe) bool {
	return len(p.Head) > 9 && p.Head[8] == '{' && p.Head[6] == 0 && p.Head[7] == 0
}

func openSafetensors(path string) (*File, error) {
	s, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{Release: s.Close}
	for _, i := range s.Infos() {
		f.Tensors = append(f.Tensors, Tensor{Name: i.Name, DType: i.DType, Shape: i.Shape,
			Read: func() (*tensor.Tensor, error) { return s.Tensor(i.Name) }})
	}
	meta := s.Metadata()
	for k, v := range meta {
		f.Metadata = append(f.Metadata, Entry{k, v})
	}
	slices.SortFunc(f.Metadata, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	if meta[keyModel] == "" {
		return f, nil
	}
	f.Format, f.own = Own, s
	f.Blueprint = func(o Options) (*Blueprint, error) {
		m := &Model{Extra: map[string]string{}}
		if err := m.describe(meta); err != nil {
			return nil, &Corrupt{err}
		}
		return &Blueprint{Model: m, Places: f.same()}, nil
	}
	if f.Slots, err = slotsOf(meta, s); err != nil {
		return nil, errors.Join(&Corrupt{err}, s.Close())
	}
	for i := range f.Tensors {
		f.Tensors[i].Slot = f.Slots != nil && strings.Contains(f.Tensors[i].Name, "#")
	}
	return f, nil
}

func openNpy(path string) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return nil, err
	}
	h, err := npy.ReadHeader(r)
	if errors.Is(err, npy.ErrObjects) {
		return openObjects(r, info.Size())
	}
	if err != nil {
		return nil, err
	}
	t := Tensor{Name: "array", DType: h.DType, Shape: h.Shape, Read: func() (*tensor.Tensor, error) {
		r, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return npy.Read(r, info.Size())
	}}
	return &File{Tensors: []Tensor{t}}, nil
}

// openObjects lists the arrays of a pickled dict.
func openObjects(r *os.File, size int64) (*File, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	list, err := npy.ReadObjects(r, size)
	if err != nil {
		return nil, err
	}
	f := &File{Format: "npy-dict"}
	for _, o := range list {
		f.Tensors = append(f.Tensors, object(o))
	}
	return f, nil
}

func object(o npy.Object) Tensor {
	t := Tensor{Name: o.Name, DType: o.DType, Type: o.Type, Shape: o.Shape, Read: o.Tensor}
	if o.DType == tensor.Invalid {
		t.Read = nil
	}
	return t
}

func isNpz(p *Probe) bool {
	names := p.Entries()
	return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return !strings.HasSuffix(n, ".npy") })
}

func openNpz(path string) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := readNpz(r)
	if err != nil {
		r.Close()
		return nil, err
	}
	f.Release = r.Close
	return f, nil
}

func readNpz(r *os.File) (*File, error) {
	info, err := r.Stat()
	if err != nil {
		return nil, err
	}
	a, err := npy.NewArchive(io.NewSectionReader(r, 0, info.Size()), info.Size())
	if err != nil {
		return nil, err
	}
	f := &File{}
	for _, name := range a.Names() {
		h, err := a.Header(name)
		if errors.Is(err, npy.ErrObjects) {
			list, err := a.Objects(name)
			if err != nil {
				return nil, err
			}
			for _, o := range list {
				if len(a.Names()) > 1 { // a dict by itself names its arrays alone
					o.Name = name + "/" + o.Name
				}
				f.Tensors = append(f.Tensors, object(o))
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		f.Tensors = append(f.Tensors, Tensor{Name: name, DType: h.DType, Shape: h.Shape,
			Read: func() (*tensor.Tensor, error) { return a.Read(name) }})
	}
	return f, nil
}
