package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// A Row describes one layer of a model.
type Row struct {
	Name, Kind string
	Layer      Layer
	Inputs     []string     // rows or inputs that it takes
	Output     tensor.Shape // of one sample
	Params     int          // elements in weights and statistics
	Trainable  int          // of them, those that the optimizer changes
	Init       string       // initializer of the kernel, "" without one
	Sigma      float64      // its standard deviation
	FanIn      int
	Shared     bool // its parameters are counted in an earlier row
}

// A Summary is what a model is made of.
type Summary struct {
	Model             string // the model's name
	Rows              []Row
	Params, Trainable int
}

// declared is what a trace says of a parameter.
type declared struct {
	kind  param.Kind
	shape tensor.Shape
}

// Summarize traces a model for samples of the given kinds and shapes, one for
// each of its inputs. It takes no memory for parameters. Where a set is given,
// what is frozen there does not count as trainable.
func Summarize(m Model, in []graph.Type, set *param.Set) (*Summary, error) {
	b := graph.New()
	params := map[string]declared{}
	s := param.NewScope(b, nil, param.Options{Declare: func(name string, kind param.Kind, _ param.Init, shape tensor.Shape) error {
		if set != nil {
			if p := set.Get(name); p != nil && p.Frozen {
				kind = param.Stat
			}
		}
		params[name] = declared{kind, shape}
		return nil
	}})
	const batch = 2 // any number: the batch's axis is left out below
	ports, _ := m.Ports()
	var nodes []graph.Node
	label := map[graph.Node]string{}
	for i, t := range in {
		name := "input"
		if i < len(ports) {
			name = ports[i].Name
		}
		x := b.Input(name, t.Kind, append(tensor.Shape{batch}, t.Shape...)...)
		label[x] = name
		nodes = append(nodes, x)
	}
	m.Trace(s, nodes)
	if err := b.Err(); err != nil {
		return nil, err
	}
	sum := &Summary{Model: "sequential"}
	if f, ok := m.(Functional); ok {
		if len(f.In) > 0 {
			sum.Model = "functional"
		}
		if f.Name != "" {
			sum.Model = f.Name
		}
	}
	var top []string
	for _, a := range s.Layers() {
		if a.Depth > 0 {
			// What a block holds counts to the block.
			for i := range sum.Rows {
				if r := &sum.Rows[i]; r.Name == top[len(top)-1] && !r.Shared {
					r.add(params, a)
				}
			}
			continue
		}
		top = append(top, a.Path)
		r := Row{Name: a.Name, Kind: KindOf(a.Layer), Layer: a.Layer, Shared: a.Shared}
		if a.Out.Valid() && a.Out.Rank() > 0 {
			r.Output = a.Out.Shape()[1:].Clone()
		}
		for _, x := range a.In {
			if n := label[x]; n != "" {
				r.Inputs = append(r.Inputs, n)
			}
		}
		if label[a.Out] == "" {
			label[a.Out] = a.Name
		}
		if !a.Shared {
			r.add(params, a)
		}
		sum.Rows = append(sum.Rows, r)
	}
	for _, r := range sum.Rows {
		sum.Params += r.Params
		sum.Trainable += r.Trainable
	}
	return sum, nil
}

func (r *Row) add(params map[string]declared, a param.Applied) {
	for _, name := range a.Params {
		p := params[name]
		r.Params += p.shape.Len()
		if p.kind == param.Weight {
			r.Trainable += p.shape.Len()
		}
	}
	if k, ok := a.Layer.(interface{ KernelInit() param.Init }); ok && r.Init == "" {
		init := k.KernelInit()
		r.Init = initial.Registry.NameOf(init)
		if kernel, ok := params[a.Path+"/kernel"]; ok {
			r.Sigma, _ = initial.Deviation(init, kernel.shape)
			r.FanIn, _ = param.Fans(kernel.shape)
		}
		if v, err := spec.Encode(init); err == nil && r.Init == "" {
			r.Init = string(v.JSON())
		}
	}
}
