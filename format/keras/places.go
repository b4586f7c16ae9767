package keras

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// A stored weight is one that the file has for some layer.
type stored struct {
	name  string // among all tensors of the file
	full  string // as the layer has it
	shape tensor.Shape
}

// places finds the weights of every parameter: a layer's by name where the file
// has names, else in Keras' order, which is also that in which ours are declared.
func (n *net) places(m *format.Model) ([]format.Place, error) {
	names, shapes, err := format.Declared(m)
	if err != nil {
		return nil, err
	}
	if err := n.checkAxes(m); err != nil {
		return nil, err
	}
	var out []format.Place
	for _, group := range n.groups() {
		var want []string
		for _, p := range group {
			for _, name := range names {
				if strings.HasPrefix(name, p.path+"/") {
					want = append(want, name)
				}
			}
		}
		have := n.weightsOf(group[0])
		if len(want) == 0 {
			continue
		}
		if len(have) == 0 {
			return nil, fmt.Errorf("layer %q: the file holds no weights for it; the model wants %s", group[0].name, strings.Join(want, ", "))
		}
		ps, err := pair(want, have, shapes)
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
	for _, p := range n.parts {
		if n.byName() {
			if i := slices.IndexFunc(out, func(g []part) bool { return g[0].name == p.name }); i >= 0 {
				out[i] = append(out[i], p)
				continue
			}
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
			if w.DType.IsFloat() {
				name := l.tensor(w)
				if n.file.elsewhere != nil {
					name = n.file.elsewhere[w.Name]
				}
				out = append(out, stored{name, strings.TrimSuffix(w.Name, ":0"), w.Shape})
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
	"depthwise_kernel": {"depthwise_kernel"}, "pointwise_kernel": {"pointwise_kernel"}, "recurrent_kernel": {"recurrent_kernel"},
	"embeddings": {"embeddings", "W"}, "alpha": {"alpha", "alphas"},
}

// pair finds the weight for each parameter of a layer.
func pair(want []string, have []stored, shapes map[string]tensor.Shape) ([]format.Place, error) {
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
		p := format.Place{To: to, From: []string{have[i].name}}
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

// checkAxes holds the axes that normalizations name against the shapes.
func (n *net) checkAxes(m *format.Model) error {
	if len(n.axes) == 0 {
		return nil
	}
	var in []graph.Type
	for _, f := range m.Data.Inputs {
		in = append(in, graph.Type{Kind: graph.KindOf(f.DType), Shape: f.Shape})
	}
	s, err := nn.Summarize(m.Net, in, nil)
	if err != nil {
		return err
	}
	for _, r := range s.Rows {
		if axis, ok := n.axes[r.Name]; ok && axis != fmt.Sprint(len(r.Output)) {
			return &format.Unsupported{What: fmt.Sprintf("layer %q", r.Name), Msg: fmt.Sprintf("it normalizes axis %s of samples of shape %v; only the last axis is, as channels stand there", axis, r.Output)}
		}
	}
	return nil
}
