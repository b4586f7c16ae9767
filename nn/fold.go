package nn

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

// Fold is a model for prediction that computes what m does with fewer layers:
// each batch normalization that stands beside a [Dense] or a convolution becomes
// part of its kernel and bias (Jacob et al., "Quantization and Training of Neural Networks
// for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, section 3.2).
// With s = γ/√(σ² + ε) and t = β − μ·s of the moving statistics,
//
//	behind a linear layer:  kernel′ = kernel·s (columns)   bias′ = bias·s + t
//	before a layer:         kernel′ = s·kernel (rows)      bias′ = bias + t·kernel
//
// Layers that change nothing at prediction may stand between, and before a Dense
// a [Flatten]. Before a convolution it takes one that pads with no zeros, which
// are not normalized, and has one group; before one of each channel alone it stays. A normalization beside anything else stays. The parameters are a copy without slots; m and params stay as
// they are.
func Fold(m Sequential, params *param.Set) (Sequential, *param.Set, error) {
	f := &folding{layers: slices.Clone(m), set: copyForFolding(params)}
	if err := f.run(); err != nil {
		return nil, nil, err
	}
	return f.layers, f.set, nil
}

// FoldModel is [Fold] for any model: of a functional one, normalizations that
// feed one layer alone or are fed by one that feeds nothing else. What it does
// not know stays as it is.
func FoldModel(m Model, params *param.Set) (Model, *param.Set, error) {
	switch m := m.(type) {
	case Sequential:
		layers, set, err := Fold(m, params)
		return layers, set, err
	case Functional:
		return m.fold(params)
	}
	return m, params, nil
}

func copyForFolding(params *param.Set) *param.Set {
	set := params.Clone()
	for p := range params.Of(param.Slot) {
		set.Remove(p.Name)
	}
	return set
}

// run folds a sequence, and before it what is nested in it.
func (f *folding) run() error {
	var err error
	if f.names, err = namesOf(f.layers); err != nil {
		return err
	}
	for i, l := range f.layers {
		if f.layers[i], err = f.nested(l, f.names[i]); err != nil {
			return err
		}
	}
	for i := len(f.layers) - 1; i >= 0; i-- {
		if err := f.fold(i); err != nil {
			return err
		}
	}
	return f.rename()
}

// nested folds what a layer called name is made of.
func (f *folding) nested(l Layer, name string) (Layer, error) {
	inner := &folding{set: f.set, prefix: f.prefix + name + "/"}
	switch l := l.(type) {
	case Block:
		inner.layers = slices.Clone(l.Layers)
		err := inner.run()
		l.Layers = inner.layers
		return l, err
	case Residual:
		inner.layers = slices.Clone(l.Layers)
		err := inner.run()
		l.Layers = inner.layers
		return l, err
	}
	return l, nil
}

// namesOf are the names that layers get one after the other.
func namesOf(m Sequential) ([]string, error) {
	s := param.NewScope(graph.New(), nil, param.Options{})
	var names []string
	for _, l := range m {
		names = append(names, nameIn(s, l))
		s.SubFunc(names[len(names)-1], l, nil, func(*Scope) graph.Node { return graph.Node{} })
	}
	return names, s.B.Err()
}

// rename lets the layers that are left be called what they were. Automatic names
// count the layers of a kind without a name of their own, of which there are
// fewer now, and fewer still with each that gets one.
func (f *folding) rename() error {
	for range f.layers {
		names, err := namesOf(f.layers)
		if err != nil {
			return err
		}
		i := 0
		for i < len(names) && names[i] == f.names[i] {
			i++
		}
		if i == len(names) {
			return nil
		}
		f.layers[i] = named(f.layers[i], f.names[i])
		if NameOf(f.layers[i]) != f.names[i] {
			return fmt.Errorf("fold: layer %q would be called %q, and %T has no field Name to keep its own", f.names[i], names[i], f.layers[i])
		}
	}
	return nil
}

// named is the layer with a name of its own, where it can have one.
func named(l Layer, name string) Layer {
	v := reflect.New(reflect.TypeOf(wrap(l))).Elem()
	v.Set(reflect.ValueOf(wrap(l)))
	if v.Kind() == reflect.Struct {
		if f := v.FieldByName("Name"); f.IsValid() && f.CanSet() && f.Kind() == reflect.String {
			f.SetString(name)
		}
	}
	return v.Interface().(Layer)
}

// folding is a model on its way: names go with layers.
type folding struct {
	layers Sequential
	names  []string
	set    *param.Set
	prefix string // of the names of parameters
}

// fold makes layer i part of a neighbour, if it is a normalization that can be.
func (f *folding) fold(i int) error {
	if _, ok := f.layers[i].(BatchNorm); !ok {
		return nil
	}
	into := -1
	if j := f.beside(i, -1); j >= 0 {
		if h, ok := hostOf(f.layers[j]); ok && (h.act == nil || h.act == act.Activation(act.Linear{})) {
			into = j
		}
	}
	if j := f.beside(i, +1); into < 0 && j >= 0 {
		if h, ok := hostOf(f.layers[j]); ok && h.before && (h.flat || !f.flattened(i, j)) {
			into = j
		}
	}
	if into < 0 {
		return nil
	}
	if err := f.merge(i, into, into > i); err != nil {
		return err
	}
	f.layers = slices.Delete(f.layers, i, i+1)
	f.names = slices.Delete(f.names, i, i+1)
	return nil
}

// merge makes normalization i part of layer j, which stands behind it or before.
func (f *folding) merge(i, j int, behind bool) error {
	scale, shift, err := f.affine(f.layers[i].(BatchNorm), f.prefix+f.names[i])
	if err != nil {
		return err
	}
	if err := f.absorb(j, scale, shift, behind); err != nil {
		return err
	}
	var gone []string
	for p := range f.set.All() {
		if strings.HasPrefix(p.Name, f.prefix+f.names[i]+"/") {
			gone = append(gone, p.Name)
		}
	}
	for _, name := range gone {
		f.set.Remove(name)
	}
	return nil
}

// A host is a layer with a kernel (…, units) that a normalization can become part
// of.
type host struct {
	kernel string // its parameter
	units  int    // 0: as many as the normalization has features
	act    act.Activation
	noBias bool
	before bool  // one before it
	flat   bool  // even where samples are flattened between
	bare   Layer // it with a bias, and without what kept the kernel small: that has no say over what it is now
}

func hostOf(l Layer) (host, bool) {
	switch l := l.(type) {
	case Dense:
		h := host{kernel: "kernel", units: l.Units, act: l.Act, noBias: l.NoBias, before: true, flat: true}
		l.NoBias, l.Regularizer, l.BiasRegularizer, l.Constraint = false, nil, nil, nil
		h.bare = l
		return h, true
	case Conv1D:
		h, bare := Conv2D(l).host()
		h.bare = Conv1D(bare)
		return h, true
	case Conv2D:
		h, bare := l.host()
		h.bare = bare
		return h, true
	case Conv3D:
		h, bare := Conv2D(l).host()
		h.bare = Conv3D(bare)
		return h, true
	case DepthwiseConv1D:
		h, bare := DepthwiseConv2D(l).host()
		h.bare = DepthwiseConv1D(bare)
		return h, true
	case DepthwiseConv2D:
		h, bare := l.host()
		h.bare = bare
		return h, true
	case SeparableConv1D:
		h, bare := SeparableConv2D(l).host()
		h.bare = SeparableConv1D(bare)
		return h, true
	case SeparableConv2D:
		h, bare := l.host()
		h.bare = bare
		return h, true
	}
	return host{}, false
}

func (l DepthwiseConv2D) host() (host, DepthwiseConv2D) {
	h := host{kernel: "depthwise_kernel", act: l.Act, noBias: l.NoBias}
	l.NoBias, l.Regularizer, l.BiasRegularizer, l.Constraint = false, nil, nil, nil
	return h, l
}

func (l SeparableConv2D) host() (host, SeparableConv2D) {
	h := host{kernel: "pointwise_kernel", units: l.Filters, act: l.Act, noBias: l.NoBias}
	l.NoBias, l.PointRegularizer, l.BiasRegularizer, l.PointConstraint = false, nil, nil, nil
	return h, l
}

func (l Conv2D) host() (host, Conv2D) {
	h := host{kernel: "kernel", units: l.Filters, act: l.Act, noBias: l.NoBias, before: l.Padding.mode == "" && l.Padding.sides == nil && l.Groups <= 1}
	l.NoBias, l.Regularizer, l.BiasRegularizer, l.Constraint = false, nil, nil, nil
	return h, l
}

// flattened reports whether samples are flattened between two layers.
func (f *folding) flattened(i, j int) bool {
	return slices.ContainsFunc(f.layers[i+1:j], func(l Layer) bool { _, ok := l.(Flatten); return ok })
}

// beside is the next layer in a direction that changes something at prediction,
// or −1.
func (f *folding) beside(i, step int) int {
	for i += step; i >= 0 && i < len(f.layers); i += step {
		switch f.layers[i].(type) {
		case Dropout, SpatialDropout, AlphaDropout, GaussianDropout, GaussianNoise:
		case Flatten:
			if step < 0 {
				return -1
			}
		default:
			return i
		}
	}
	return -1
}

// values is a parameter as numbers.
func (f *folding) values(name string) ([]float64, error) {
	p := f.set.Get(name)
	if p == nil {
		return nil, fmt.Errorf("fold: parameter %q is missing", name)
	}
	out := make([]float64, p.Value.Len())
	for i := range out {
		out[i] = p.Value.Flat(i)
	}
	return out, nil
}

// affine is what a normalization does at prediction: y = scale·x + shift.
func (f *folding) affine(l BatchNorm, name string) (scale, shift []float64, err error) {
	mean, err := f.values(name + "/moving_mean")
	if err != nil {
		return nil, nil, err
	}
	variance, err := f.values(name + "/moving_variance")
	if err != nil {
		return nil, nil, err
	}
	scale, shift = make([]float64, len(mean)), make([]float64, len(mean))
	for i := range scale {
		scale[i] = 1 / math.Sqrt(variance[i]+spec.Or(l.Epsilon, 1e-3))
	}
	if !l.NoScale {
		gamma, err := f.values(name + "/gamma")
		if err != nil {
			return nil, nil, err
		}
		for i := range scale {
			scale[i] *= gamma[i]
		}
	}
	if !l.NoCenter {
		if shift, err = f.values(name + "/beta"); err != nil {
			return nil, nil, err
		}
	}
	for i := range shift {
		shift[i] -= mean[i] * scale[i]
	}
	return scale, shift, nil
}

// absorb puts y = scale·x + shift before or behind layer j.
func (f *folding) absorb(j int, scale, shift []float64, before bool) error {
	h, _ := hostOf(f.layers[j])
	name := f.prefix + f.names[j]
	kernel, err := f.values(name + "/" + h.kernel)
	if err != nil {
		return err
	}
	if h.units == 0 {
		h.units = len(scale)
	}
	bias := make([]float64, h.units)
	if h.noBias {
		if _, err := f.set.Add(name+"/bias", param.Weight, []int{h.units}); err != nil {
			return err
		}
	} else if bias, err = f.values(name + "/bias"); err != nil {
		return err
	}
	if len(bias) != h.units {
		return fmt.Errorf("fold: %s has %d channels, which do not go with a normalization of %d features", name, len(bias), h.units)
	}
	n := len(scale)
	if in := len(kernel) / h.units; before && in%n != 0 || !before && n != h.units {
		return fmt.Errorf("fold: %s has a kernel (%d, %d), which does not go with a normalization of %d features", name, in, h.units, n)
	}
	for i, k := range kernel {
		row, unit := i/h.units, i%h.units
		if before { // flattened features repeat
			kernel[i] = scale[row%n] * k
			bias[unit] += shift[row%n] * k
		} else {
			kernel[i] = k * scale[unit]
		}
	}
	for unit := range bias {
		if !before {
			bias[unit] = bias[unit]*scale[unit] + shift[unit]
		}
	}
	for i, v := range kernel {
		f.set.Value(name+"/"+h.kernel).SetFlat(i, v)
	}
	for i, v := range bias {
		f.set.Value(name+"/bias").SetFlat(i, v)
	}
	f.layers[j] = h.bare
	return nil
}

// fold is FoldModel.
func (m Functional) fold(params *param.Set) (Model, *param.Set, error) {
	f := &folding{set: copyForFolding(params)}
	entries, err := m.explicit()
	if err != nil {
		return m, nil, err
	}
	for i, e := range entries {
		f.names = append(f.names, e.Name)
		if e.Layer != nil {
			if entries[i].Layer, err = f.nested(e.Layer, e.Name); err != nil {
				return m, nil, err
			}
		}
		f.layers = append(f.layers, entries[i].Layer)
	}
	shared, wanted := map[string]bool{}, map[string]bool{}
	for _, e := range entries {
		shared[e.Share] = true
	}
	for _, name := range m.Out {
		wanted[name] = true
	}
	if len(m.Out) == 0 {
		wanted[entries[len(entries)-1].Name] = true
	}
	index := func(name string) int { return slices.Index(f.names, name) }
	users := func(name string) (all []int) {
		for k, e := range entries {
			if slices.Contains(e.Inputs, name) {
				all = append(all, k)
			}
		}
		return all
	}
	for i := len(entries) - 1; i >= 0; i-- {
		name := f.names[i]
		if _, ok := f.layers[i].(BatchNorm); !ok || shared[name] || wanted[name] || len(entries[i].Inputs) != 1 {
			continue
		}
		from := entries[i].Inputs[0]
		if j := index(from); j >= 0 && f.layers[j] != nil && !shared[from] && !wanted[from] && len(users(from)) == 1 {
			if h, ok := hostOf(f.layers[j]); ok && (h.act == nil || h.act == act.Activation(act.Linear{})) {
				if err := f.merge(i, j, false); err != nil {
					return m, nil, err
				}
				for _, k := range users(name) {
					in := slices.Clone(entries[k].Inputs)
					for n := range in {
						if in[n] == name {
							in[n] = from
						}
					}
					entries[k].Inputs = in
				}
				entries, f.layers, f.names = slices.Delete(entries, i, i+1), slices.Delete(f.layers, i, i+1), slices.Delete(f.names, i, i+1)
				continue
			}
		}
		if us := users(name); len(us) == 1 && len(entries[us[0]].Inputs) == 1 && f.layers[us[0]] != nil && !shared[f.names[us[0]]] {
			if h, ok := hostOf(f.layers[us[0]]); ok && h.before {
				if err := f.merge(i, us[0], true); err != nil {
					return m, nil, err
				}
				entries[us[0]].Inputs = []string{from}
				entries, f.layers, f.names = slices.Delete(entries, i, i+1), slices.Delete(f.layers, i, i+1), slices.Delete(f.names, i, i+1)
			}
		}
	}
	for i := range entries {
		entries[i].Layer = f.layers[i]
	}
	m.Layers = entries
	return m, f.set, nil
}

// explicit is the entries with their names and inputs written out.
func (m Functional) explicit() ([]Entry, error) {
	s := param.NewScope(graph.New(), nil, param.Options{})
	entries := slices.Clone(m.Layers)
	last := m.inputs()[0].Name
	for i := range entries {
		e := &entries[i]
		switch {
		case e.Name != "":
		case e.Share != "":
			e.Name = s.AutoName(e.Share)
		case e.Layer == nil:
			return nil, fmt.Errorf("fold: entry %d has no layer", i)
		default:
			e.Name = nameIn(s, e.Layer)
		}
		if len(e.Inputs) == 0 {
			e.Inputs = []string{last}
		}
		last = e.Name
	}
	if len(entries) == 0 {
		return nil, errors.New("fold: the model has no layers")
	}
	return entries, nil
}
