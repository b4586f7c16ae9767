package format

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A Model is a trained network.
type Model struct {
	Net        nn.Model
	Preprocess nn.Sequential // applied to every input
	Data       data.Schema   // what it takes and gives, and the names of its classes
	Losses     []Output      // of every output
	Params     *param.Set    // weights and statistics
	// Extra is further text that goes with the model, such as how a table's
	// columns were encoded. Keys are without the prefix "nadir.".
	Extra map[string]string
	// Memory is that of the optimizer, where it was asked for and the file has one.
	Memory *Memory

	traced *traced // while it is read from a file, so that it is traced once
}

// An Output is an output's name and loss.
type Output struct {
	Name   string
	Loss   loss.Loss
	Weight float64
}

// Keys of the metadata.
const (
	prefix     = "nadir."
	keyVersion = prefix + "version"
	keyModel   = prefix + "model"
	keyPrep    = prefix + "preprocess"
	keyData    = prefix + "data"
	keyLoss    = prefix + "loss"
	keyMemory  = prefix + "memory"
	version    = "1"
)

// own reports whether a key of the metadata is the format's own.
func own(key string) bool {
	return slices.Contains([]string{keyVersion, keyModel, keyPrep, keyData, keyLoss, keyMemory}, key)
}

// field and schema are how a data.Schema is written.
type field struct {
	Name  string `spec:"name"`
	DType string `spec:"dtype"`
	Shape []int  `spec:"shape"`
}

type schema struct {
	Inputs  []field  `spec:"inputs"`
	Targets []field  `spec:"targets"`
	Classes []string `spec:"classes"`
}

type output struct {
	Name   string     `spec:"name"`
	Loss   spec.Value `spec:"loss"`
	Weight float64    `spec:"weight,plain"`
}

// Describe is a model as text, without its parameters: network, preprocessing, data, losses
// and further texts, each under a key that begins with "nadir.".
func Describe(m *Model) (map[string]string, error) {
	meta := map[string]string{keyVersion: version}
	put := func(key string, v spec.Value, err error) error {
		if err == nil {
			meta[key] = string(v.JSON())
		}
		return err
	}
	net, err := nn.Encode(m.Net)
	if err := put(keyModel, net, err); err != nil {
		return nil, fmt.Errorf("saving the model: %w", err)
	}
	if len(m.Preprocess) > 0 {
		prep, err := nn.Encode(m.Preprocess)
		if err := put(keyPrep, prep, err); err != nil {
			return nil, fmt.Errorf("saving the preprocessing: %w", err)
		}
	}
	s := schema{Inputs: fields(m.Data.Inputs), Targets: fields(m.Data.Targets), Classes: m.Data.Classes}
	v, err := spec.Encode(s)
	if err := put(keyData, v, err); err != nil {
		return nil, err
	}
	var outs []output
	for _, o := range m.Losses {
		v, err := spec.Encode[loss.Loss](o.Loss)
		if err != nil {
			return nil, fmt.Errorf("saving the loss: %w", err)
		}
		outs = append(outs, output{o.Name, v, o.Weight})
	}
	v, err = spec.Encode(outs)
	if err := put(keyLoss, v, err); err != nil {
		return nil, err
	}
	for k, v := range m.Extra {
		if own(prefix + k) {
			return nil, fmt.Errorf("saving the model: the text %q would take the place of what the format itself writes; call it otherwise", k)
		}
		meta[prefix+k] = v
	}
	return meta, nil
}

// Described is the model that Describe described, without parameters. Text that does not
// begin with "nadir." is passed over.
func Described(meta map[string]string) (*Model, error) {
	if meta[keyModel] == "" {
		return nil, ErrBare
	}
	if v := meta[keyVersion]; v != version {
		return nil, &Corrupt{fmt.Errorf("it is of version %q, this program reads %q", v, version)}
	}
	m := &Model{Extra: map[string]string{}}
	if err := m.describe(meta); err != nil {
		return nil, &Corrupt{err}
	}
	for k, v := range meta {
		if rest, ok := strings.CutPrefix(k, prefix); ok && !own(k) {
			m.Extra[rest] = v
		}
	}
	return m, nil
}

// Write writes the model as one safetensors file. Equal models give equal
// bytes. Parameters that the model does not declare are no part of it.
func Write(w io.Writer, m *Model) error {
	meta, err := Describe(m)
	if err != nil {
		return err
	}
	declared, err := m.declared()
	if err != nil {
		return fmt.Errorf("saving the model: %w", err)
	}
	var ts []safetensors.Named
	for _, d := range declared {
		v := m.Params.Value(d.name)
		if v == nil {
			return fmt.Errorf("saving the model: parameter %q is missing", d.name)
		}
		if !v.Shape().Equal(d.shape) {
			return fmt.Errorf("saving the model: parameter %q has shape %v, the model wants %v", d.name, v.Shape(), d.shape)
		}
		ts = append(ts, safetensors.Named{Name: d.name, Tensor: v})
	}
	if m.Memory != nil {
		if ts, err = m.Memory.describe(meta, ts); err != nil {
			return err
		}
	}
	return safetensors.Write(w, ts, meta)
}

func fields(fs []data.Field) []field {
	var out []field
	for _, f := range fs {
		out = append(out, field{Name: f.Name, DType: f.DType.String(), Shape: f.Shape})
	}
	return out
}

// read reads a model that Write wrote.
func read(f *safetensors.File, float tensor.DType) (*Model, error) {
	m, err := Described(f.Metadata())
	if err != nil {
		return nil, err
	}
	t, err := m.reading()
	if err == nil {
		err = check(f, t.declared)
	}
	if err != nil {
		return nil, &Corrupt{err}
	}
	m.Params = param.NewSet(float)
	for _, d := range t.declared {
		t, err := f.Tensor(d.name)
		if err != nil {
			return nil, err
		}
		if err := put(m.Params, d, t); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// A declaration is a parameter as the model declares it.
type declaration struct {
	name  string
	kind  param.Kind
	shape tensor.Shape
}

// A traced model is its graph for two rows, which is of use for its shapes alone, and what it
// declares.
type traced struct {
	declared []declaration
	graph    *graph.Builder
	outs     []graph.Node
}

// MaxLayers is how many layers the network of a file may have, those within others included:
// a few bytes can ask for one, and each takes several thousand of memory.
const MaxLayers = 1 << 12

// MaxNodes is how many nodes a graph may have that takes so many bytes of a file: those that
// frameworks write have names and attributes, and most files numbers, so that none has more.
func MaxNodes(bytes int) int { return min(2*MaxLayers+bytes/128, 1<<17) }

// Crowded is the error for a network of more layers than [MaxLayers].
func Crowded() error {
	return &Unsupported{What: "the network", Msg: fmt.Sprintf("it has more than %d layers, and no more are read", MaxLayers)}
}

// trace makes the graph, taking no memory for parameters.
func (m *Model) trace(most int) (*traced, error) {
	t := &traced{graph: graph.New()}
	known := map[string]bool{} // a shared layer declares once more
	s := param.NewScope(t.graph, nil, param.Options{Layers: most, Declare: func(name string, kind param.Kind, _ param.Init, shape tensor.Shape) error {
		if !known[name] {
			known[name] = true
			t.declared = append(t.declared, declaration{name, kind, shape})
		}
		return nil
	}})
	t.outs = Trace(s, m.Net, m.Preprocess, m.Data, 2)
	return t, t.graph.Err()
}

// reading is the trace of a model that is being read, whose network does not change.
func (m *Model) reading() (*traced, error) {
	if m.traced == nil {
		t, err := m.trace(MaxLayers)
		if err != nil {
			return nil, err
		}
		m.traced = t
	}
	return m.traced, nil
}

// declared lists the parameters of the model, taking no memory for them.
func (m *Model) declared() ([]declaration, error) {
	t, err := m.trace(0)
	return t.declared, err
}

// check holds what the file has against what the model declares, before any
// tensor is read.
func check(f *safetensors.File, declared []declaration) error {
	var errs []error
	known := map[string]bool{}
	for _, d := range declared {
		known[d.name] = true
		info, ok := f.Lookup(d.name)
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("tensor %q is missing", d.name))
		case !info.DType.IsFloat() || !info.Shape.Equal(d.shape):
			errs = append(errs, fmt.Errorf("tensor %q is %v%v, the model wants floats of shape %v", d.name, info.DType, info.Shape, d.shape))
		}
	}
	for _, info := range f.Infos() {
		if _, _, slot := strings.Cut(info.Name, "#"); slot && f.Metadata()[keyMemory] != "" {
			continue
		}
		if !known[info.Name] {
			errs = append(errs, fmt.Errorf("tensor %q has no place in the model", info.Name))
		}
	}
	return errors.Join(errs...)
}

// describe reads the metadata.
func (m *Model) describe(meta map[string]string) error {
	parse := func(key string) (spec.Value, error) { return spec.ParseJSON(key, []byte(meta[key])) }
	v, err := parse(keyModel)
	if err != nil {
		return err
	}
	if m.Net, err = nn.Decode(v); err != nil {
		return err
	}
	if meta[keyPrep] != "" {
		if v, err = parse(keyPrep); err != nil {
			return err
		}
		if err := spec.Decode(v, &m.Preprocess); err != nil {
			return err
		}
	}
	if m.Preprocess == nil {
		m.Preprocess = nn.Sequential{}
	}
	var s schema
	if v, err = parse(keyData); err != nil {
		return err
	}
	if err := spec.Decode(v, &s); err != nil {
		return err
	}
	m.Data.Classes = s.Classes
	for _, p := range []struct {
		from []field
		to   *[]data.Field
	}{{s.Inputs, &m.Data.Inputs}, {s.Targets, &m.Data.Targets}} {
		for _, f := range p.from {
			dt := tensor.Invalid
			for d := tensor.Float32; d <= tensor.Bool; d++ {
				if d.String() == f.DType {
					dt = d
				}
			}
			if _, err := tensor.Shape(f.Shape).Elems(); err != nil || graph.KindOf(dt) == 0 {
				return fmt.Errorf("field %q of %s%v is nothing that can be computed with", f.Name, f.DType, f.Shape)
			}
			*p.to = append(*p.to, data.Field{Name: f.Name, DType: dt, Shape: append(tensor.Shape{}, f.Shape...)})
		}
	}
	if len(m.Data.Inputs) == 0 {
		return errors.New("the model has no inputs")
	}
	var outs []output
	if v, err = parse(keyLoss); err != nil {
		return err
	}
	if err := spec.Decode(v, &outs); err != nil {
		return err
	}
	for _, o := range outs {
		out := Output{Name: o.Name, Weight: o.Weight}
		if err := spec.Decode(o.Loss, &out.Loss); err != nil {
			return err
		}
		m.Losses = append(m.Losses, out)
	}
	return nil
}
