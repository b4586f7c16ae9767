package transfer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A Recipe says which layers of a model are reused, and what is put on top of
// them.
type Recipe struct {
	// Reuse is a pattern of layers or parameters, see [param.Set.Match]; all but
	// the last layer with weights by default.
	Reuse string
	// Add are layers between those and the head.
	Add []nn.Layer
	// Head is the number of units of a new last layer, a Dense that is called head;
	// 0 for none.
	Head int
}

// A Cut is the lower part of a model with something new on top.
type Cut struct {
	Model nn.Model
	// Reused are the parameters whose values are to be taken from the old model,
	// in its order.
	Reused []string
	// Dropped are the layers that are no part of the new one.
	Dropped []string
}

// Cut takes the layers of a saved model up to the last one that the recipe
// reuses, and what has no weights behind it, and puts the recipe's own on top.
// What stands between reused layers and is not reused itself stays with fresh
// weights. Preprocessing, and layers that were fitted to data, are reused
// whatever the pattern says. The weights stay where they are: see [Graft].
func (r Recipe) Cut(m *format.Model) (*Cut, error) {
	ps, err := partsOf(m.Net, m.Preprocess, m.Data)
	if err != nil {
		return nil, err
	}
	chosen, err := r.chosen(ps, m.Params)
	if err != nil {
		return nil, err
	}
	c := &Cut{}
	last := -1
	for i, p := range ps.layers {
		for _, name := range p.params {
			if chosen[name] {
				last = i
			}
		}
	}
	kept := last + 1
	for kept < len(ps.layers) && len(ps.layers[kept].params) == 0 {
		kept++
	}
	c.Reused = append(c.Reused, ps.prep...)
	for _, p := range ps.layers[:kept] {
		_, fitted := p.layer.(nn.Fitted)
		for _, name := range p.params {
			if fitted || chosen[name] {
				c.Reused = append(c.Reused, name)
			}
		}
	}
	for _, p := range ps.layers[kept:] {
		c.Dropped = append(c.Dropped, p.name)
	}
	add := slices.Clone(r.Add)
	if r.Head < 0 {
		return nil, fmt.Errorf("head: want a number of units above 0, got %d", r.Head)
	}
	if r.Head > 0 {
		add = append(add, nn.Dense{Units: r.Head, Name: HeadName})
	}
	switch net := m.Net.(type) {
	case nn.Sequential:
		c.Model = append(net[:kept:kept], add...)
	case nn.Functional:
		c.Model, err = cutFunctional(net, ps, kept, add)
	default:
		err = fmt.Errorf("a model that is %v cannot be cut; cut its layers in Go and take their weights with Graft", m.Net)
	}
	return c, err
}

// HeadName is what the new last layer is called.
const HeadName = "head"

// chosen is the parameters that the pattern names.
func (r Recipe) chosen(ps *parts, params *param.Set) (map[string]bool, error) {
	out := map[string]bool{}
	if r.Reuse != "" {
		list, err := params.Match(r.Reuse)
		if err != nil {
			return nil, fmt.Errorf("reuse: %w", err)
		}
		for _, p := range list {
			out[p.Name] = true
		}
		return out, nil
	}
	top := -1
	for i, p := range ps.layers {
		if len(p.params) > 0 {
			top = i
		}
	}
	for _, p := range ps.layers[:max(top, 0)] {
		for _, name := range p.params {
			out[name] = true
		}
	}
	if len(out) == 0 {
		return nil, errors.New("reuse: the model has one layer with weights at most: without the last one nothing is left; name what is to be reused")
	}
	return out, nil
}

// cutFunctional takes the first layers of a model whose layers name their
// inputs. Those that the new ones need must meet in one.
func cutFunctional(m nn.Functional, ps *parts, kept int, add []nn.Layer) (nn.Model, error) {
	names := map[string]int{}
	for i := range kept {
		names[ps.layers[i].name] = i
	}
	from := func(i int) []string { // what entry i takes
		if in := m.Layers[i].Inputs; len(in) > 0 {
			return in
		}
		if i > 0 {
			return []string{ps.layers[i-1].name}
		}
		return nil
	}
	if kept == len(m.Layers) && len(add) == 0 {
		return m, nil
	}
	var ends []string
	end := func(name string) {
		if _, ok := names[name]; ok && !slices.Contains(ends, name) {
			ends = append(ends, name)
		}
	}
	for i := kept; i < len(m.Layers); i++ {
		for _, name := range from(i) {
			end(name)
		}
	}
	for _, name := range m.Out {
		end(name)
	}
	if len(m.Out) == 0 && kept == len(m.Layers) {
		end(ps.layers[kept-1].name)
	}
	if len(ends) != 1 {
		return nil, fmt.Errorf("reuse: the layers above take what %s give; reuse up to one layer through which everything goes", strings.Join(ends, " and "))
	}
	// What only led to layers that are gone goes, too.
	need := make([]bool, kept)
	need[names[ends[0]]] = true
	for i := kept - 1; i >= 0; i-- {
		if !need[i] {
			continue
		}
		for _, name := range from(i) {
			if at, ok := names[name]; ok {
				need[at] = true
			}
		}
		if of, ok := names[m.Layers[i].Share]; ok {
			need[of] = true
		}
	}
	out := nn.Functional{Name: m.Name, In: m.In}
	for i := range kept {
		if !need[i] {
			continue
		}
		e := m.Layers[i]
		e.Inputs = from(i)
		if len(m.In) == 0 && i == 0 && len(e.Inputs) == 0 {
			e.Inputs = nil
		}
		if e.Name == "" && nn.NameOf(e.Layer) == "" {
			e.Name = ps.layers[i].name
		}
		out.Layers = append(out.Layers, e)
	}
	at := ends[0]
	for i, l := range add {
		e := nn.Entry{Layer: l}
		if i == 0 {
			e.Inputs = []string{at}
		}
		out.Layers = append(out.Layers, e)
	}
	if len(add) == 0 {
		out.Out = []string{at}
	}
	return out, nil
}

// parts is what a model is made of.
type parts struct {
	prep   []string // parameters of the preprocessing
	layers []part
	shapes map[string]tensor.Shape
	kinds  map[string]param.Kind
	order  []string // all parameters
}

// A part is a layer of a model, with all that is within it.
type part struct {
	name   string
	layer  nn.Layer
	params []string
	dense  bool // it has weights of two axes or more
}

// partsOf lists the layers of a model for rows of a schema. It takes no memory
// for parameters.
func partsOf(m nn.Model, prep nn.Sequential, d data.Schema) (*parts, error) {
	ps := &parts{shapes: map[string]tensor.Shape{}, kinds: map[string]param.Kind{}}
	b := graph.New()
	s := param.NewScope(b, nil, param.Options{Declare: func(name string, kind param.Kind, _ param.Init, shape tensor.Shape) error {
		if ps.shapes[name] == nil {
			ps.shapes[name], ps.kinds[name] = shape, kind
			ps.order = append(ps.order, name)
		}
		return nil
	}})
	format.Trace(s, m, prep, d, 2)
	if err := b.Err(); err != nil {
		return nil, err
	}
	ins, _ := m.Ports()
	before := 0 // preprocessing of each input
	if len(prep) > 0 {
		before = len(ins)
	}
	for _, a := range s.Layers() {
		if a.Depth == 0 {
			if before > 0 {
				before--
				ps.layers = append(ps.layers, part{name: ""})
			} else {
				ps.layers = append(ps.layers, part{name: a.Name, layer: a.Layer})
			}
		}
		p := &ps.layers[len(ps.layers)-1]
		for _, name := range a.Params {
			p.params = append(p.params, name)
			p.dense = p.dense || ps.kinds[name] == param.Weight && len(ps.shapes[name]) > 1
		}
	}
	for len(ps.layers) > 0 && ps.layers[0].name == "" {
		ps.prep = append(ps.prep, ps.layers[0].params...)
		ps.layers = ps.layers[1:]
	}
	return ps, nil
}

// Activation is that of the uppermost dense layer of a model that has one, but
// for a softmax; nil where there is none: what layers beside it most likely want.
func Activation(m nn.Model) act.Activation {
	var layers []nn.Layer
	switch m := m.(type) {
	case nn.Sequential:
		layers = m
	case nn.Functional:
		for _, e := range m.Layers {
			layers = append(layers, e.Layer)
		}
	}
	for _, l := range slices.Backward(layers) {
		var a act.Activation
		switch l := l.(type) {
		case nn.Dense:
			a = l.Act
		case nn.Activation:
			a = l.Act
		}
		switch a.(type) {
		case nil, act.Softmax, act.LogSoftmax, act.Linear:
			continue
		}
		return a
	}
	return nil
}
