package format

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format/npy"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// An Exporter writes models so that another program reads them: as one file, with
// Write, or as several, or a folder, with Create.
type Exporter struct {
	Name   string // such as "keras"
	Ending string // of the files that are written so unless said otherwise, such as ".keras"; "/" of a folder
	// Write writes the model. The report links parameters to what the file calls
	// them; what the file cannot say is among the warnings. A model that the
	// format has no words for is an [*Unsupported], before a byte is written.
	Write func(w io.Writer, m *Model) (*Report, error)
	// Create is Write for a format that is no single file. Nothing lies at the path
	// or beside it.
	Create func(path string, m *Model) (*Report, error)
	// Files names the files that Create writes in place of one of that name, in the
	// order in which they are to appear: readers look for the last ones first.
	Files func(name string) []string
	// Folder says that Create makes a folder, and what may lie in one of this format.
	Folder []string
	// Check reads what was written and compares every number with the model's, bit
	// by bit. It says how many parameters it compared.
	Check func(path string, m *Model) (int, error)
}

// Parts names what lies in the folder of an exported model of that name, in the order
// in which it is to appear.
func (e Exporter) Parts(name string) []string {
	if e.Files == nil {
		return []string{name}
	}
	return e.Files(name)
}

// WriteFile makes a file that must not be there, and has it on the disk before it
// returns.
func WriteFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

var exporters []Exporter

// RegisterExporter makes an exporter known to ExporterFor. It is for package
// initialization.
func RegisterExporter(e Exporter) { exporters = append(exporters, e) }

// Exporters lists the exporters that are known, by name.
func Exporters() []Exporter {
	return slices.SortedFunc(slices.Values(exporters), func(a, b Exporter) int { return strings.Compare(a.Name, b.Name) })
}

// ExporterFor is the exporter of that name, or, without a name, the one with the
// longest ending that the path has.
func ExporterFor(name, path string) (Exporter, bool) {
	var best Exporter
	found := false
	for _, e := range exporters {
		switch {
		case name != "" && name == e.Name:
			return e, true
		case name == "" && strings.HasSuffix(strings.ToLower(path), e.Ending) && len(e.Ending) > len(best.Ending):
			best, found = e, true
		}
	}
	return best, found
}

// Parameters are the model's parameters in the order in which it declares them.
// One that is missing, or of another shape, is an error.
func Parameters(m *Model) (names []string, values []*tensor.Tensor, err error) {
	declared, err := m.declared()
	if err != nil {
		return nil, nil, err
	}
	for _, d := range declared {
		v := m.Params.Value(d.name)
		if v == nil || !v.Shape().Equal(d.shape) {
			return nil, nil, fmt.Errorf("parameter %q of shape %v is missing", d.name, d.shape)
		}
		names, values = append(names, d.name), append(values, v)
	}
	return names, values, nil
}

// Same is an error where the numbers that a file gave back for a parameter are not
// those that were written, to the last bit.
func Same(name string, want, got *tensor.Tensor) error {
	switch {
	case got.DType() != want.DType() || !got.Shape().Equal(want.Shape()):
		return fmt.Errorf("read back, %q is %v%v; written was %v%v", name, got.DType(), got.Shape(), want.DType(), want.Shape())
	case !bytes.Equal(got.Bytes(), want.Bytes()):
		return fmt.Errorf("read back, the numbers of %q are not those that were written", name)
	}
	return nil
}

// SameTensors opens a file and compares its tensors with those that were written,
// in their order. Other tensors must not be in it.
func SameTensors(path string, names []string, want []*tensor.Tensor) (int, error) {
	f, err := OpenFile(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if len(f.Tensors) != len(names) {
		return 0, fmt.Errorf("read back, the file holds %d tensors; written were %d", len(f.Tensors), len(names))
	}
	for i, name := range names {
		t, ok := f.Lookup(name)
		if !ok {
			return i, fmt.Errorf("read back, the file has no tensor %q", name)
		}
		got, err := t.Read()
		if err == nil {
			err = Same(name, want[i], got)
		}
		if err != nil {
			return i, err
		}
	}
	return len(names), nil
}

func init() {
	RegisterExporter(Exporter{Name: "safetensors", Ending: ".safetensors", Write: writeOwn, Check: checkOwn})
	RegisterExporter(Exporter{Name: "npz", Ending: ".npz", Write: writeNPZ, Check: func(path string, m *Model) (int, error) {
		names, values, err := Parameters(m)
		if err != nil {
			return 0, err
		}
		return SameTensors(path, names, values)
	}})
}

// sameNames links parameters to tensors of the same name.
func sameNames(format string, names []string) *Report {
	r := &Report{Format: format}
	for _, n := range names {
		r.Tensors = append(r.Tensors, Link{n, n})
	}
	return r
}

func writeOwn(w io.Writer, m *Model) (*Report, error) {
	names, _, err := Parameters(m)
	if err != nil {
		return nil, err
	}
	return sameNames("safetensors", names), Write(w, m)
}

func checkOwn(path string, m *Model) (int, error) {
	back, err := Open(path, m.Params.Float())
	if err != nil {
		return 0, err
	}
	names, values, err := Parameters(m)
	if err != nil {
		return 0, err
	}
	for i, n := range names {
		if err := Same(n, values[i], back.Params.Value(n)); err != nil {
			return i, err
		}
	}
	return len(names), nil
}

func writeNPZ(w io.Writer, m *Model) (*Report, error) {
	names, values, err := Parameters(m)
	if err != nil {
		return nil, err
	}
	r := sameNames("npz", names)
	r.Warnings = BareWarnings(m)
	return r, npy.WriteArchive(w, func(yield func(string, *tensor.Tensor) bool) {
		for i, n := range names {
			if !yield(n, values[i]) {
				return
			}
		}
	})
}

// BareWarnings say what a file of weights alone leaves to its reader.
func BareWarnings(m *Model) []string {
	if len(m.Preprocess) == 0 {
		return nil
	}
	return []string{"the file holds weights alone; what is done to the input before the first layer, its preprocessing, is left to its reader"}
}

// Flattened lists the kernels of dense layers whose input is a picture or volume that
// was flattened with its channels last, each with the shape of a sample before that. The
// rows of such a kernel stand in another order where channels come first. One whose axes
// were put in another order right before is not among them.
func Flattened(m *Model) (map[string]tensor.Shape, error) {
	b := graph.New()
	s := param.NewScope(b, nil, param.Options{Declare: func(string, param.Kind, param.Init, tensor.Shape) error { return nil }})
	Trace(s, m.Net, m.Preprocess, m.Data, 2)
	if err := b.Err(); err != nil {
		return nil, err
	}
	out := map[string]tensor.Shape{}
	for n := range b.Nodes() {
		if n.Op().Name != "matmul" || n.In(1).Op().Name != "param" {
			continue
		}
		x := before(n.In(0))
		if x.Op().Name != "reshape" || x.Rank() != 2 {
			continue
		}
		// With one channel or one place the order is the same.
		in := x.In(0)
		if sample := in.Shape()[1:]; in.Rank() > 3 && in.Dim(0) == x.Dim(0) && before(in).Op().Name != "transpose" &&
			sample[len(sample)-1] > 1 && sample[:len(sample)-1].Len() > 1 {
			out[n.In(1).Name()] = sample.Clone()
		}
	}
	return out, nil
}

// before goes back over what leaves every number in its place.
func before(x graph.Node) graph.Node {
	for x.NumIn() == 1 && x.In(0).Shape().Equal(x.Shape()) && x.Op().Name != "transpose" {
		x = x.In(0)
	}
	return x
}

// ChannelsFirst is the Turn that puts the rows of a kernel of [Flattened] into the order
// that its input has where channels come first.
func ChannelsFirst(sample tensor.Shape) Turn {
	n := len(sample)
	order := []int{n - 1}
	for a := range n - 1 {
		order = append(order, a)
	}
	return rowOrder(sample, append(order, n))
}

// ChannelsLast is the reverse of [ChannelsFirst].
func ChannelsLast(sample tensor.Shape) Turn {
	first, order := channelsLast(sample)
	return rowOrder(first, append(order, len(sample)))
}

// channelsLast is a sample's shape with its channels first, and the order of its axes that
// puts them last.
func channelsLast(sample tensor.Shape) (first tensor.Shape, order []int) {
	n := len(sample)
	first = append(tensor.Shape{sample[n-1]}, sample[:n-1]...)
	for a := 1; a < n; a++ {
		order = append(order, a)
	}
	return first, append(order, 0)
}

// rowOrder reorders the rows of a matrix, which are those of a shape.
func rowOrder(rows tensor.Shape, order []int) Turn {
	return func(from []*tensor.Tensor) (*tensor.Tensor, error) {
		if len(from) != 1 || len(from[0].Shape()) != 2 {
			return nil, fmt.Errorf("want one matrix")
		}
		s := from[0].Shape()
		return Reshape(append(rows.Clone(), s[1])...).Then(Permute(order...)).Then(Reshape(s...))(from)
	}
}
