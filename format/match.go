package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/tensor"
)

// match finds the tensor for each parameter of a model that is given: by name
// and shape where the file calls things as the model does, else layer by layer
// in the order of both.
func (f *File) match(o Options) (*Blueprint, error) {
	m := &Model{Net: o.Net, Extra: map[string]string{}}
	m.Data.Inputs = o.Inputs
	t, err := m.reading()
	if err != nil {
		return nil, err
	}
	declared := t.declared
	w := &matcher{file: f, taken: map[string]bool{}, b: &Blueprint{Model: m}}
	if f.Fit == nil {
		if w.flat, err = Flattened(m); err != nil {
			return nil, err
		}
	}
	part := map[string]*Joined{}
	for i := range f.Joined {
		for _, name := range f.Joined[i].From {
			part[name] = &f.Joined[i]
		}
	}
	for _, t := range f.Tensors {
		j := part[t.Name]
		switch {
		case t.Slot || !t.DType.IsFloat():
		case j == nil:
			w.tensors = append(w.tensors, t)
		case j.From[0] == t.Name:
			w.tensors = append(w.tensors, j.Tensor)
		}
	}
	defer w.apart()
	if w.byObjects(declared) {
		return w.b, nil
	}
	var rest []declaration
	for _, d := range declared {
		if !w.byName(d) {
			rest = append(rest, d)
		}
	}
	if len(rest) < len(declared) && len(rest) > 0 && f.Fit == nil {
		// Names that agree for some are no accident: what is left has none.
		return nil, w.missing(rest)
	}
	if len(rest) > 0 {
		if left := w.byOrder(rest); len(left) > 0 {
			return nil, w.missing(left)
		}
		w.b.Warnings = append(w.b.Warnings, "the names do not say which tensor belongs to which parameter: layers were matched in their order, by shape")
	}
	return w.b, nil
}

type matcher struct {
	file    *File
	tensors []Tensor // those that may be weights
	taken   map[string]bool
	flat    map[string]tensor.Shape // of kernels: what is flattened before them
	b       *Blueprint
}

// apart names the parts of joined tensors in the places that were found.
func (w *matcher) apart() {
	for i := range w.b.Places {
		p := &w.b.Places[i]
		for _, j := range w.file.Joined {
			if len(p.From) == 1 && p.From[0] == j.Name {
				p.From, p.Make = j.From, j.Make.Then(p.Make)
				break
			}
		}
	}
}

func (w *matcher) take(t Tensor, d declaration, turn Turn) {
	w.taken[t.Name] = true
	if sample := w.flat[d.name]; sample != nil && turn != nil {
		// A kernel with its outputs first is of a framework that has channels first.
		turn = turn.Then(ChannelsLast(sample))
		w.b.Warnings = append(w.b.Warnings, fmt.Sprintf("%s: the rows of its kernel were put from the order of channels first into that of the flattened %s", t.Name, sample.Times()))
	}
	w.b.Places = append(w.b.Places, w.place(t, d, turn))
}

// place has a weight moved while it is read, where moving is all there is to do.
func (w *matcher) place(t Tensor, d declaration, turn Turn) Place {
	p := Place{To: d.name, From: []string{t.Name}}
	if w.file.Fit == nil && t.Bands != nil {
		if p.Move = outputsLast(t, d.name, d.shape); p.Move != nil {
			if sample := w.flat[d.name]; sample != nil {
				p.Move = p.Move.channelsLast(sample)
			}
			return p
		}
	}
	p.Make = turn
	return p
}

// byName takes the tensor that is called as the parameter is. Where none is, it takes
// the only one that would be if what parts the words of its layer were underscores: a
// nested module layer1.0.conv1 is the layer layer1_0_conv1 of a net with a name.
func (w *matcher) byName(d declaration) bool {
	at := strings.LastIndex(d.name, "/")
	if at < 0 {
		return false
	}
	layer, leaf := strings.ReplaceAll(d.name[:at], "/", "."), d.name[at+1:]
	flat := underscores.Replace(layer)
	var near []Tensor
	for _, t := range w.tensors {
		l, called := nameOf(t.Name)
		if w.taken[t.Name] || !leafFits(called, leaf) {
			continue
		}
		turn, ok := w.fit(t, d)
		switch {
		case !ok:
		case l == layer:
			w.take(t, d, turn)
			return true
		case underscores.Replace(l) == flat:
			near = append(near, t)
		}
	}
	if len(near) != 1 {
		return false
	}
	turn, _ := w.fit(near[0], d)
	w.take(near[0], d, turn)
	return true
}

// byCalled gives for each parameter the tensor that is otherwise called as it is, all or none:
// names that layers are given by themselves, such as dense_1, agree for some by accident.
func (w *matcher) byCalled(ds []declaration) []pick {
	var picks []pick
	for _, d := range ds {
		at := strings.LastIndex(d.name, "/")
		i := slices.IndexFunc(w.tensors, func(t Tensor) bool {
			called := w.file.Called[t.Name]
			if called == "" || at < 0 {
				return false
			}
			layer, leaf := nameOf(called)
			// The weights of a recurrent layer are its cell's.
			if k := strings.LastIndex(layer, "."); k >= 0 && strings.Contains(layer[k:], "_cell") {
				layer = layer[:k]
			}
			return layer == strings.ReplaceAll(d.name[:at], "/", ".") && leafFits(leaf, d.name[at+1:])
		})
		if i < 0 || slices.ContainsFunc(picks, func(p pick) bool { return p.tensor.Name == w.tensors[i].Name }) {
			return nil
		}
		turn, ok := w.fit(w.tensors[i], d)
		if !ok {
			return nil
		}
		picks = append(picks, pick{w.tensors[i], turn})
	}
	return picks
}

var underscores = strings.NewReplacer(".", "_", "-", "_")

// A group is what belongs to one layer, by the names' common part.
type group struct {
	layer   string
	tensors []Tensor
}

// byOrder matches layer by layer: a layer of the model gets the first layer of
// the file that is left and has a tensor for each of its parameters. It gives the
// parameters that nothing fits.
func (w *matcher) byOrder(rest []declaration) []declaration {
	var groups []group
	for _, t := range w.tensors {
		if w.taken[t.Name] {
			continue
		}
		layer, _ := nameOf(t.Name)
		i := slices.IndexFunc(groups, func(g group) bool { return g.layer == layer })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{layer: layer})
		}
		groups[i].tensors = append(groups[i].tensors, t)
	}
	if !w.file.Ordered {
		slices.SortStableFunc(groups, func(a, b group) int { return natural(a.layer, b.layer) })
	}
	var layers [][]declaration
	for _, d := range rest {
		layer, _ := cutLast(d.name)
		if n := len(layers); n > 0 {
			if last, _ := cutLast(layers[n-1][0].name); last == layer {
				layers[n-1] = append(layers[n-1], d)
				continue
			}
		}
		layers = append(layers, []declaration{d})
	}
	var left []declaration
	for _, ds := range layers {
		i := slices.IndexFunc(groups, func(g group) bool { return w.layer(ds, g.tensors) })
		if i < 0 {
			left = append(left, ds...)
			continue
		}
		groups = slices.Delete(groups, i, i+1)
	}
	if len(left) == 0 {
		return nil
	}
	// Variables without a layer in their names, such as Variable and Variable_1:
	// one after the other.
	if len(left) == len(rest) {
		var loose []Tensor
		for _, g := range groups {
			loose = append(loose, g.tensors...)
		}
		if w.loose(rest, loose) {
			return nil
		}
	}
	return left
}

// layer matches one layer's parameters with tensors, all or none.
func (w *matcher) layer(ds []declaration, ts []Tensor) bool {
	used := map[string]bool{}
	var picks []int
	var turns []Turn
	for _, d := range ds {
		_, leaf := cutLast(d.name)
		pick := -1
		var with Turn
		for _, named := range []bool{true, false} {
			for i, t := range ts {
				_, l := nameOf(t.Name)
				if used[t.Name] || named && !leafFits(l, leaf) || !named && telling(l) {
					continue
				}
				if turn, ok := w.fit(t, d); ok && pick < 0 {
					pick, with = i, turn
				}
			}
		}
		if pick < 0 {
			return false
		}
		used[ts[pick].Name] = true
		picks, turns = append(picks, pick), append(turns, with)
	}
	for i, d := range ds {
		w.take(ts[picks[i]], d, turns[i])
	}
	return true
}

// loose matches parameters with tensors in their order, by shape, all or none.
func (w *matcher) loose(ds []declaration, ts []Tensor) bool {
	used := map[string]bool{}
	var places []Place
	for _, d := range ds {
		found := false
		for _, t := range ts {
			if used[t.Name] {
				continue
			}
			if turn, ok := w.fit(t, d); ok {
				used[t.Name], found = true, true
				if sample := w.flat[d.name]; sample != nil && turn != nil {
					turn = turn.Then(ChannelsLast(sample))
				}
				places = append(places, w.place(t, d, turn))
				break
			}
		}
		if !found {
			return false
		}
	}
	w.b.Places = append(w.b.Places, places...)
	return true
}

// fit is how a tensor becomes a parameter, if its shape allows it.
func (w *matcher) fit(t Tensor, d declaration) (Turn, bool) {
	if w.file.Fit != nil {
		return w.file.Fit(t, d.name, d.shape)
	}
	return Fit(t, d.name, d.shape)
}

// Fit is how a tensor of that name becomes a parameter of that name and shape,
// if it can. A weight as PyTorch calls it has the output first: [out, in],
// [out, in, height, width] and so on; anything else is taken as it is.
func Fit(t Tensor, name string, shape tensor.Shape) (turn Turn, ok bool) {
	if m := outputsLast(t, name, shape); m != nil {
		return m.turn(shape), true
	}
	if more := len(shape) - len(t.Shape); more > 0 && len(t.Shape) == 1 && strings.HasSuffix(name, "/alpha") &&
		shape[:more].Len() == 1 && t.Shape.Equal(shape[more:]) {
		return func(from []*tensor.Tensor) (*tensor.Tensor, error) { return from[0].Reshape(shape...) }, true
	}
	return nil, t.Shape.Equal(shape)
}

// outputsLast is how a weight with its outputs first becomes the kernel of that name and
// shape; nil where it is none.
func outputsLast(t Tensor, name string, shape tensor.Shape) *Move {
	if _, leaf := nameOf(t.Name); leaf != "weight" || !strings.HasSuffix(name, "kernel") {
		return nil
	}
	var order []int
	switch len(t.Shape) {
	case 2:
		order = []int{1, 0}
	case 3:
		order = []int{2, 1, 0}
	case 4:
		order = []int{2, 3, 1, 0}
	case 5:
		order = []int{2, 3, 4, 1, 0}
	default:
		return nil
	}
	if m := Reorder(t.Shape, order...); m.Shape.Equal(shape) {
		return m
	}
	return nil
}

func (w *matcher) missing(ds []declaration) error {
	var errs []error
	for _, d := range ds {
		errs = append(errs, fmt.Errorf("parameter %q of shape %v: no tensor of the file fits it by name and shape", d.name, d.shape))
	}
	var have []string
	for _, t := range w.tensors {
		have = append(have, fmt.Sprintf("%s%v", t.Name, t.Shape))
	}
	return &Misfit{fmt.Errorf("%w\nthe file holds %s", few(errs), strings.Join(Few(have, 16), " "))}
}

// A Misfit says that weights do not belong to the model that was named for
// them.
type Misfit struct{ Err error }

func (m *Misfit) Error() string { return m.Err.Error() }

// Unwrap is the cause.
func (m *Misfit) Unwrap() error { return m.Err }

// nameOf takes the name of a tensor apart as frameworks write it: the layer,
// with dots, and what the layer calls it.
func nameOf(name string) (layer, leaf string) {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ":0"), "/.ATTRIBUTES/VARIABLE_VALUE")
	name = strings.NewReplacer("/", ".", `\`, ".").Replace(name)
	for _, prefix := range []string{"module.", "model.", "_orig_mod."} {
		name = strings.TrimPrefix(name, prefix)
	}
	name = strings.TrimPrefix(name, "_layers.")
	layer, leaf = "", name
	if i := strings.LastIndex(name, "."); i >= 0 {
		layer, leaf = name[:i], name[i+1:]
	}
	// vars holds the numbered weights of Keras 3.
	return strings.TrimSuffix(layer, ".vars"), leaf
}

func cutLast(name string) (layer, leaf string) {
	i := strings.LastIndex(name, "/")
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

// synonyms are what frameworks call a layer's parameters.
var synonyms = map[string][]string{
	"kernel":           {"kernel", "weight", "weights", "W", "w"},
	"bias":             {"bias", "biases", "b"},
	"gamma":            {"gamma", "weight", "scale"},
	"beta":             {"beta", "bias", "offset"},
	"moving_mean":      {"moving_mean", "running_mean", "mean"},
	"moving_variance":  {"moving_variance", "running_var", "running_variance", "variance", "var"},
	"embeddings":       {"embeddings", "weight"},
	"alpha":            {"alpha", "weight"},
	"recurrent_kernel": {"recurrent_kernel", "U"},
}

// leafFits reports whether a tensor of that name may be the parameter.
func leafFits(leaf, want string) bool {
	return leaf == want || slices.Contains(synonyms[want], leaf)
}

// telling reports whether a tensor's name says what it is.
func telling(leaf string) bool {
	for _, names := range synonyms {
		if slices.Contains(names, leaf) {
			return true
		}
	}
	return false
}

// natural orders names so that conv2 stands before conv10.
func natural(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da > 0 && db > 0 {
			x, y := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
			if c := strings.Compare(x, y); c != 0 {
				return c
			}
			a, b = a[da:], b[db:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
