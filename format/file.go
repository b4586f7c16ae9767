package format

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/internal/mapped"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A Tensor is one that a file holds.
type Tensor struct {
	Name  string
	DType tensor.DType // Invalid where its elements are no numbers that are read
	Type  string       // what the file calls the type, where DType is Invalid
	Shape tensor.Shape
	Slot  bool // an optimizer's memory, or its count of steps
	// Read reads it, into a new tensor each time. It may be called concurrently.
	Read func() (*tensor.Tensor, error)
	// Bands reads the same bytes and gives them to use in pieces of so many, from the first
	// to the last, which may be shorter. None is to be kept or changed. It is nil where
	// reading in pieces saves nothing.
	Bands func(size int, use func(piece []byte)) error
}

// TypeName is the type of the elements.
func (t Tensor) TypeName() string {
	if t.DType == tensor.Invalid && t.Type != "" {
		return t.Type
	}
	return t.DType.String()
}

// inBands reports whether the tensor is worth reading in pieces.
func (t Tensor) inBands() bool {
	const small = 1 << 14 // what has fewer elements is read at once
	return t.Bands != nil && t.Shape.Len() >= small
}

// A Node is an input or output of a graph, by the name that a user chooses it
// with.
type Node struct {
	Name  string
	Shape tensor.Shape // of one sample; -1 stands for what is not known, nil for nothing known
	Note  string       // such as the signature that it belongs to
}

// An Entry is a text that a file carries.
type Entry struct{ Key, Value string }

// A File is an opened file of some format and what it holds.
type File struct {
	Path     string
	Format   string
	Tensors  []Tensor
	Metadata []Entry
	// Inputs and Outputs may be chosen where the file holds a graph.
	Inputs, Outputs []Node
	Warnings        []string
	// Blueprint describes the network. It is nil where the file holds weights alone.
	Blueprint func(o Options) (*Blueprint, error)
	// Ordered says that the tensors stand in the order of the model's layers.
	Ordered bool
	// Fit says how a tensor becomes a parameter of that name and shape, if it
	// can, where a file of bare weights has a layout of its own. Without it
	// it is the function [Fit].
	Fit func(t Tensor, name string, shape tensor.Shape) (turn Turn, ok bool)
	// Called is what tensors are called beside their names, such as the variables of objects.
	// Where that agrees with all of a model that is given it says what belongs where.
	Called map[string]string
	// Objects are those of the program that wrote the file, the root first. Where the names
	// of tensors say nothing, theirs or their order do.
	Objects []Object
	// Joined are the weights of a file of bare weights that it keeps in parts, such as
	// a kernel for each gate. A model that is given is matched with them in the place
	// of their parts.
	Joined []Joined
	// Slots says where the memory of an optimizer is; nil where there is none.
	Slots *Slots
	// Release is called by Close.
	Release func() error
	// Forget, where it is there, is called after a tensor was read: what was mapped of
	// the file need not stay in memory.
	Forget func()

	own *safetensors.File // a model that Write wrote
}

// Close closes the file.
func (f *File) Close() error {
	if f.Release == nil {
		return nil
	}
	return f.Release()
}

// Map gives the bytes of the file at path, of at most so many, as memory that is filled as
// it is looked at, until f is closed; what looks at them while the model is described or
// tensors are read needs no care of its own. A larger file is a [*Corrupt].
func (f *File) Map(path string, most int64) ([]byte, error) {
	m, err := mapped.Open(path, most)
	if errors.Is(err, mapped.ErrLarge) {
		return nil, &Corrupt{fmt.Errorf("%s: it has more than %d bytes, which no file of this format has", path, most)}
	}
	if err != nil {
		return nil, err
	}
	f.Hold(m)
	if before := f.Forget; before != nil {
		f.Forget = func() { before(); m.Forget() }
	} else {
		f.Forget = m.Forget
	}
	return m.Bytes, nil
}

// Hold has Close close c, too.
func (f *File) Hold(c io.Closer) {
	before := f.Release
	f.Release = func() error {
		err := c.Close()
		if before != nil {
			err = errors.Join(err, before())
		}
		return err
	}
}

// Lookup is the tensor of that name.
func (f *File) Lookup(name string) (Tensor, bool) {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}

// Options say what is taken from a file.
type Options struct {
	Float tensor.DType // type of the parameters; Float32 without
	// Input and Output are the nodes of a graph to begin and end with.
	Input, Output string
	// Net is what bare weights are for, and Inputs what it takes. Of a file that
	// describes its own network they replace it.
	Net    nn.Model
	Inputs []data.Field
	// Memory asks for that of the optimizer, too.
	Memory bool
}

// A Joined weight is made of several tensors of a file. Its Read is not used.
type Joined struct {
	Tensor
	From []string
	Make Turn
}

// A Turn makes a parameter of the tensors that it is kept in: a new tensor, or one of
// them, which were read for it alone.
type Turn func(from []*tensor.Tensor) (*tensor.Tensor, error)

// A Place is where the numbers of a parameter are.
type Place struct {
	To   string   // the parameter
	From []string // the tensors
	// Make makes the parameter of the tensors, or Move of the one; both are nil where it is
	// the one, as it is.
	Make Turn
	Move *Move
}

// A Blueprint is a model whose numbers are still in the file.
type Blueprint struct {
	Model    *Model // without Params
	Places   []Place
	Warnings []string
}

// A Link says which tensor went into which parameter.
type Link struct{ From, To string }

// A Report says what was made of a file.
type Report struct {
	Format   string
	Tensors  []Link
	Skipped  []string // tensors that no parameter is made of
	Slots    *Slots   // of an optimizer, where the file has them
	Warnings []string
}

// ErrBare is the error for a file that holds weights and no model.
var ErrBare = errors.New("it holds weights without a model: say which with model=FILE or model=NAME")

// Open reads a model from a file of any format that is registered. Values of
// another float type than asked for are converted. A file of bare weights gives
// [ErrBare], one with several graphs or outputs to choose from a [*Choice].
func Open(path string, float tensor.DType) (*Model, error) {
	m, _, err := Import(path, Options{Float: float})
	return m, err
}

// Import is Open with options, and says what it made of the file.
func Import(path string, o Options) (*Model, *Report, error) {
	f, err := OpenFile(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return f.Import(o)
}

// Import reads the model that the file holds, or those weights of it that the
// given model has.
func (f *File) Import(o Options) (*Model, *Report, error) {
	if o.Float == tensor.Invalid {
		o.Float = tensor.Float32
	}
	r := &Report{Format: f.Format, Warnings: f.Warnings[:len(f.Warnings):len(f.Warnings)]}
	var m *Model
	err := mapped.Guard(func() (err error) {
		if m, err = f.load(o, r); err == nil {
			err = m.bounded()
			m.traced = nil
		}
		return err
	})
	if err != nil {
		return nil, nil, blame(f.Path, err)
	}
	return m, r, nil
}

func (f *File) load(o Options, r *Report) (*Model, error) {
	if f.own != nil && o.Net == nil {
		if o.Input != "" || o.Output != "" {
			return nil, &Choice{Key: "output.node", Msg: "input.node and output.node choose in graphs of other frameworks; the models that are saved here leave nothing to choose"}
		}
		m, err := read(f.own, o.Float)
		if err == nil {
			for p := range m.Params.All() {
				r.Tensors = append(r.Tensors, Link{p.Name, p.Name})
			}
			r.Slots = f.Slots
			if o.Memory {
				err = f.remember(m, &Blueprint{Model: m, Places: f.same()}, o, r)
			}
		}
		return m, err
	}
	var b *Blueprint
	var err error
	switch {
	case o.Net != nil:
		b, err = f.match(o)
	case f.Blueprint == nil:
		err = ErrBare
	default:
		b, err = f.Blueprint(o)
	}
	if err != nil {
		return nil, err
	}
	r.Warnings = append(r.Warnings, b.Warnings...)
	r.Slots = f.Slots
	m, err := f.fill(b, o, r)
	if err == nil && o.Memory {
		err = f.remember(m, b, o, r)
	}
	return m, err
}

// remember reads what the optimizer remembered, where there is something.
func (f *File) remember(m *Model, b *Blueprint, o Options, r *Report) error {
	if f.Slots == nil {
		return nil
	}
	memory, links, err := f.memory(b, o.Float)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, l := range links {
		used[l.From] = true
	}
	m.Memory, r.Tensors = memory, append(r.Tensors, links...)
	r.Skipped = slices.DeleteFunc(r.Skipped, func(name string) bool { return used[name] })
	return nil
}

// same has each tensor of a weight for the parameter of its name.
func (f *File) same() []Place {
	var out []Place
	for _, t := range f.Tensors {
		if !t.Slot {
			out = append(out, Place{To: t.Name, From: []string{t.Name}})
		}
	}
	return out
}

// maxPassing is about how many bytes may lie about that tensors took on their way to
// parameters.
const maxPassing = 8 << 20

// spare is how many elements a parameter may have beyond those of the tensors
// that it is made of: a scalar may stand for a vector.
const spare = 1 << 16

// fill reads the numbers.
func (f *File) fill(b *Blueprint, o Options, r *Report) (*Model, error) {
	m := b.Model
	if m.Preprocess == nil {
		m.Preprocess = nn.Sequential{}
	}
	t, err := m.reading()
	if err != nil {
		return nil, err
	}
	declared := t.declared
	tensors := make(map[string]Tensor, len(f.Tensors))
	for _, t := range f.Tensors {
		tensors[t.Name] = t
	}
	places := make(map[string]Place, len(b.Places))
	for _, p := range b.Places {
		if _, twice := places[p.To]; twice {
			return nil, fmt.Errorf("parameter %q: two tensors claim it, %v and %v", p.To, places[p.To].From, p.From)
		}
		places[p.To] = p
	}
	var errs []error
	for _, d := range declared {
		p, ok := places[d.name]
		var err error
		if ok {
			err = p.check(d, tensors)
		} else {
			err = fmt.Errorf("parameter %q of shape %v: the file holds no tensor for it", d.name, d.shape)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if err := few(errs); err != nil {
		return nil, err
	}
	m.Params = param.NewSet(o.Float)
	used := map[string]bool{}
	passing := 0 // bytes that were needed for a moment since the last collection
	for _, d := range declared {
		p := places[d.name]
		t, err := p.read(tensors, d.shape, f.Forget)
		if f.Forget != nil {
			f.Forget()
		}
		if err != nil {
			return nil, err
		}
		if p.copies(tensors) || t.DType() != o.Float {
			for _, name := range p.From {
				passing += tensors[name].Shape.Len() * tensors[name].DType.Size()
			}
			// Left to itself, the collector lets as much lie about as there is of the model.
			if passing > maxPassing {
				runtime.GC()
				passing = 0
			}
		}
		if !t.Shape().Equal(d.shape) {
			return nil, fmt.Errorf("parameter %q: the file gives it the shape %v, the model wants %v", d.name, t.Shape(), d.shape)
		}
		if err := put(m.Params, d, t); err != nil {
			return nil, err
		}
		for _, from := range p.From {
			used[from] = true
			r.Tensors = append(r.Tensors, Link{from, d.name})
		}
	}
	for _, t := range f.Tensors {
		if !used[t.Name] {
			r.Skipped = append(r.Skipped, t.Name)
		}
	}
	return m, nil
}

// put adds a parameter. A tensor of the set's type becomes the parameter itself: large
// models are not there twice.
func put(s *param.Set, d declaration, t *tensor.Tensor) error {
	if t.DType() == s.Float() {
		_, err := s.Put(d.name, d.kind, t)
		return err
	}
	v, err := s.Add(d.name, d.kind, d.shape)
	if err != nil {
		return err
	}
	return v.Value.CopyFrom(t)
}

// check holds a place against the parameter before anything is read.
func (p Place) check(d declaration, tensors map[string]Tensor) error {
	room := 0
	for _, name := range p.From {
		t, ok := tensors[name]
		switch {
		case !ok:
			return fmt.Errorf("parameter %q: the file holds no tensor %q", d.name, name)
		case t.DType == tensor.Invalid || t.Read == nil:
			return fmt.Errorf("parameter %q: tensor %q holds %s, want numbers", d.name, name, t.TypeName())
		}
		n, err := t.Shape.Elems()
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		room += n
		if p.Make == nil && p.Move == nil && !t.Shape.Equal(d.shape) {
			return fmt.Errorf("tensor %q has shape %v, but parameter %q of the model has %v", name, t.Shape, d.name, d.shape)
		}
	}
	if n, err := d.shape.Elems(); err != nil || n > room+spare {
		return fmt.Errorf("parameter %q has shape %v, but its tensors hold %d numbers", d.name, d.shape, room)
	}
	if p.Make == nil && len(p.From) != 1 {
		return fmt.Errorf("parameter %q: want one tensor, got %d", d.name, len(p.From))
	}
	if p.Move != nil {
		if err := p.Move.covers(room); err != nil {
			return fmt.Errorf("tensor %q: %w", p.From[0], err)
		}
		if d.shape.Len() != room {
			return fmt.Errorf("tensor %q has shape %v, but parameter %q of the model has %v", p.From[0], tensors[p.From[0]].Shape, d.name, d.shape)
		}
	}
	return nil
}

// streamed reports whether the parameter is made while its tensor is read.
func (p Place) streamed(tensors map[string]Tensor) bool {
	return p.Move != nil && tensors[p.From[0]].inBands()
}

// copies reports whether the tensors are read before the parameter is made of them.
func (p Place) copies(tensors map[string]Tensor) bool {
	return p.Make != nil || p.Move != nil && !p.streamed(tensors)
}

// read makes the parameter, which has that shape.
func (p Place) read(tensors map[string]Tensor, shape tensor.Shape, forget func()) (t *tensor.Tensor, err error) {
	if p.streamed(tensors) {
		return p.Move.stream(tensors[p.From[0]], shape, usual, forget)
	}
	if p.Make == nil && p.Move == nil && forget != nil {
		// What is mapped is not to lie in memory beside its copy.
		if t := tensors[p.From[0]]; t.inBands() {
			return (&Move{t.Shape, tensor.RowMajor(t.Shape)}).stream(t, shape, usual, forget)
		}
	}
	from := make([]*tensor.Tensor, len(p.From))
	for i, name := range p.From {
		if from[i], err = tensors[name].Read(); err != nil {
			return nil, err
		}
	}
	turn := p.turn(shape)
	if turn == nil {
		return from[0], nil
	}
	if t, err = turn(from); err != nil {
		return nil, fmt.Errorf("parameter %q: %w", p.To, err)
	}
	return t, nil
}

// turn is how tensors that were read become the parameter; nil where the one is it.
func (p Place) turn(shape tensor.Shape) Turn {
	if p.Move != nil {
		return p.Move.turn(shape)
	}
	return p.Make
}
