package keras

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A stored weight is one that the file has for some layer.
type stored struct {
	from  []string // among all tensors of the file: one, or those that are joined
	full  string   // as the layer has it
	shape tensor.Shape
	turn  format.Turn // that joins them
}

// places finds the weights of every parameter: a layer's by name where the file
// has names, else in Keras' order, which is also that in which ours are declared.
func (n *net) places(m *format.Model) ([]format.Place, error) {
	names, shapes, err := format.Declared(m)
	if err != nil {
		return nil, err
	}
	if err := n.trace(m); err != nil {
		return nil, err
	}
	if err := n.checkAxes(); err != nil {
		return nil, err
	}
	under := map[string][]string{} // of a layer, and of what holds it
	for _, name := range names {
		for i, letter := range name {
			if letter == '/' {
				under[name[:i]] = append(under[name[:i]], name)
			}
		}
	}
	var out []format.Place
	for _, group := range n.groups() {
		var want []string
		of := map[string]part{}
		for _, p := range group {
			for _, name := range under[p.path] {
				if p.moments != nil {
					out = append(out, p.given(name, shapes[name]))
					continue
				}
				want = append(want, name)
				of[name] = p
			}
		}
		have := gates(n.weightsOf(group[0]), func(s stored) string { return s.full }, func(base, leaf string, parts []stored) stored {
			s := stored{full: base + "/" + leaf, shape: parts[0].shape.Clone(), turn: join}
			for i, p := range parts {
				s.from = append(s.from, p.from...)
				if k := len(s.shape) - 1; i > 0 && k >= 0 && len(p.shape) == len(s.shape) {
					s.shape[k] += p.shape[k]
				}
			}
			return s
		})
		if len(want) == 0 {
			continue
		}
		if len(have) == 0 {
			return nil, fmt.Errorf("layer %q: the file holds no weights for it; the model wants %s", group[0].name, strings.Join(format.Few(want, 8), ", "))
		}
		ps, err := n.pair(want, have, shapes, of)
		if err != nil {
			return nil, fmt.Errorf("layer %q: %w", group[0].name, err)
		}
		out = append(out, ps...)
	}
	return out, nil
}

// groups are the parts whose weights lie together: those of a model within the
// model in the formats that go by names, else each by itself.
func (n *net) groups() [][]part {
	var out [][]part
	of := map[string]int{}
	for _, p := range n.parts {
		if n.byName() {
			if i, ok := of[p.name]; ok {
				out[i] = append(out[i], p)
				continue
			}
			of[p.name] = len(out)
		}
		out = append(out, []part{p})
	}
	return out
}

func (n *net) byName() bool { return n.file.Format() == H5 || n.file.Format() == H5Weights }

// weightsOf lists what the file has for a part, in Keras' order.
func (n *net) weightsOf(p part) []stored {
	var out []stored
	take := func(l Layer) {
		for _, w := range l.Weights {
			// What a normalization counts is no weight of ours.
			if w.DType.IsFloat() && !(p.kind == "standardize" && len(w.Shape) == 0 && strings.HasSuffix(strings.TrimSuffix(w.Name, ":0"), "count")) {
				name := l.tensor(w)
				if n.file.elsewhere != nil {
					name = n.file.elsewhere[w.Name]
				}
				out = append(out, stored{from: []string{name}, full: strings.TrimSuffix(w.Name, ":0"), shape: w.Shape})
			}
		}
	}
	if n.byName() {
		for _, l := range n.file.Layers() {
			if l.Name == p.name {
				take(l)
			}
		}
		return out
	}
	var below []Layer
	for _, l := range n.file.Layers() {
		switch {
		case strings.HasSuffix(l.Path, "seed_generator"):
		case l.Path == p.tree:
			take(l)
		case strings.HasPrefix(l.Path, p.tree+"/"):
			below = append(below, l)
		}
	}
	// Of a bidirectional layer the way forwards comes first.
	slices.SortStableFunc(below, func(a, b Layer) int {
		back := func(l Layer) int {
			if strings.Contains(l.Path, "/backward_layer") {
				return 1
			}
			return 0
		}
		return back(a) - back(b)
	})
	for _, l := range below {
		take(l)
	}
	return out
}

// leaves are what versions of Keras call a parameter.
var leaves = map[string][]string{
	"kernel": {"kernel", "W"}, "bias": {"bias", "b"}, "gamma": {"gamma"}, "beta": {"beta"},
	"moving_mean": {"moving_mean", "running_mean"}, "moving_variance": {"moving_variance", "running_std"},
	"depthwise_kernel": {"depthwise_kernel"}, "pointwise_kernel": {"pointwise_kernel"}, "recurrent_kernel": {"recurrent_kernel", "U"},
	"embeddings": {"embeddings", "W"}, "alpha": {"alpha", "alphas"},
}

// pair finds the weight for each parameter of the parts that share them.
func (n *net) pair(want []string, have []stored, shapes map[string]tensor.Shape, of map[string]part) ([]format.Place, error) {
	if len(want) != len(have) {
		var list []string
		for _, h := range have {
			list = append(list, fmt.Sprintf("%s%v", h.full, h.shape))
		}
		return nil, fmt.Errorf("the model wants %s; the file holds %s", strings.Join(want, ", "), strings.Join(list, ", "))
	}
	var out []format.Place
	used := make([]bool, len(have))
	place := func(to string, i int) {
		used[i] = true
		p := format.Place{To: to, From: have[i].from}
		_, leaf := cut(to)
		if p.Make = have[i].turn.Then(n.turn(of[to], leaf, have[i].shape, shapes[to])); p.Make != nil {
			out = append(out, p)
			return
		}
		if s := shapes[to]; !s.Equal(have[i].shape) && slices.Equal(without1(s), without1(have[i].shape)) {
			p.Make = format.Reshape(s...)
		}
		out = append(out, p)
	}
	var rest []string
	for _, to := range want {
		layer, leaf := cut(to)
		_, layer = cut(layer)
		found := -1
		matches := 0
		for i, h := range have {
			if used[i] || !calls(h.full, leaf) {
				continue
			}
			matches++
			if found < 0 || strings.Contains(h.full, layer+"/") {
				found = i
			}
		}
		// Several of a name belong to several layers: then the order decides.
		if found >= 0 && (matches == 1 || strings.Contains(have[found].full, layer+"/")) {
			place(to, found)
			continue
		}
		rest = append(rest, to)
	}
	i := 0
	for _, stat := range []bool{false, true} { // statistics stand behind all weights
		for _, to := range rest {
			if strings.Contains(to, "/moving_") != stat && len(rest) > 4 {
				continue
			} else if len(rest) <= 4 && stat {
				continue
			}
			for used[i] {
				i++
			}
			place(to, i)
		}
	}
	return out, nil
}

// calls reports whether a weight's name ends in what a parameter is called.
func calls(full, leaf string) bool {
	_, last := cut(full)
	names, ok := leaves[leaf]
	if !ok {
		names = []string{leaf}
	}
	for _, n := range names {
		if last == n || strings.HasSuffix(last, "_"+n) || strings.HasSuffix(last, "_"+n+"_1") {
			// kernel ends in recurrent_kernel, too.
			if n == "kernel" && last != "kernel" && (strings.HasSuffix(last, "recurrent_kernel") || strings.HasSuffix(last, "wise_kernel")) {
				continue
			}
			return true
		}
	}
	return false
}

func cut(name string) (before, last string) {
	i := strings.LastIndex(name, "/")
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

func without1(s tensor.Shape) []int {
	var out []int
	for _, d := range s {
		if d != 1 {
			out = append(out, d)
		}
	}
	return out
}

// trace finds the shapes that layers are given.
func (n *net) trace(m *format.Model) error {
	b := graph.New()
	s := param.NewScope(b, nil, param.Options{Declare: func(string, param.Kind, param.Init, tensor.Shape) error { return nil }})
	format.Trace(s, m.Net, m.Preprocess, m.Data, 2)
	if err := b.Err(); err != nil {
		return err
	}
	n.shapes, n.outs = map[string]tensor.Shape{}, map[string]tensor.Shape{}
	for _, a := range s.Layers() {
		if len(a.In) > 0 && a.In[0].Valid() && a.In[0].Rank() > 0 && n.shapes[a.Path] == nil {
			n.shapes[a.Path] = a.In[0].Shape()[1:].Clone()
			if a.Out.Valid() && a.Out.Rank() > 0 {
				n.outs[a.Path] = a.Out.Shape()[1:].Clone()
			}
		}
	}
	return nil
}

// checkAxes holds what was taken for granted of axes against the shapes.
func (n *net) checkAxes() error {
	for _, p := range n.parts {
		s, ok := n.shapes[p.path]
		if axis := n.axes[p.path]; ok && axis != "" && axis != fmt.Sprint(len(s)) {
			return &format.Unsupported{What: fmt.Sprintf("layer %q", p.name), Msg: fmt.Sprintf("it normalizes axis %s of samples of shape %v; only the last axis is, as channels stand there", axis, s)}
		}
		if out := n.outs[p.path]; p.output != nil && !p.output.Equal(out) {
			return &format.Unsupported{What: fmt.Sprintf("layer %q", p.name), Msg: fmt.Sprintf("it gives samples of shape %v, want %v: so much padding at the end of what it gives is not read", out, p.output)}
		}
		if p.vector && len(s) > 1 {
			return &format.Unsupported{What: fmt.Sprintf("layer %q", p.name), Msg: fmt.Sprintf("it puts the first axis of samples of shape %v last before it flattens them; put a Permute in front and save it with data_format=channels_last", s)}
		}
	}
	return nil
}

// given is the place of statistics that the configuration gives.
func (p part) given(to string, shape tensor.Shape) format.Place {
	values := p.moments[0]
	if strings.HasSuffix(to, "/variance") {
		values = p.moments[1]
	}
	return format.Place{To: to, Make: func([]*tensor.Tensor) (*tensor.Tensor, error) {
		t := tensor.New(tensor.Float64, len(values))
		copy(t.Float64s(), values)
		return spread(shape)([]*tensor.Tensor{t})
	}}
}
