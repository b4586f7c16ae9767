package tensorflow

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// A thing is an object of a program: a variable, or what has others, in their order.
type thing struct {
	value *tensor.Tensor
	name  string // of the variable, which an object graph keeps beside the key
	has   []named
	slots []slotOf
}

type named struct {
	name string
	of   *thing
}

type slotOf struct {
	variable, slot *thing
	name           string
}

func holds(parts ...any) *thing {
	t := &thing{}
	for i := 0; i < len(parts); i += 2 {
		t.has = append(t.has, named{parts[i].(string), parts[i+1].(*thing)})
	}
	return t
}

func variable(v *tensor.Tensor, name string) *thing { return &thing{value: v, name: name} }

// layerOf is a dense layer of 3 units for 3 features with the bias (at, 0, 0).
func layerOf(at int, name string) *thing {
	return holds("kernel", variable(tensor.New(tensor.Float32, 3, 3), name+"/kernel"), "bias", variable(tensor.Of([]float32{float32(at), 0, 0}, 3), name+"/bias"))
}

// save writes a checkpoint as tf.train.Checkpoint does: nodes in order of breadth, the key of
// each the shortest way to it.
func save(t testing.TB, path func([]bundle.Named) string, root *thing) string {
	t.Helper()
	order, way := []*thing{root}, map[*thing]string{root: ""}
	for i := 0; i < len(order); i++ {
		for _, c := range order[i].has {
			if _, ok := way[c.of]; !ok {
				way[c.of] = way[order[i]] + c.name + "/"
				order = append(order, c.of)
			}
		}
	}
	for i := 0; i < len(order); i++ {
		for _, s := range order[i].slots {
			if _, ok := way[s.slot]; !ok {
				way[s.slot] = way[s.variable] + ".OPTIMIZER_SLOT/" + way[order[i]] + s.name + "/"
				order = append(order, s.slot)
			}
		}
	}
	index := func(of *thing) int { return slices.Index(order, of) }
	var graph []byte
	var ts []bundle.Named
	for _, o := range order {
		var node []byte
		for _, c := range o.has {
			node = append(node, field(1, number(1, index(c.of)), text(2, c.name))...)
		}
		if o.value != nil {
			key := way[o] + ".ATTRIBUTES/VARIABLE_VALUE"
			node = append(node, field(2, text(1, "VARIABLE_VALUE"), text(2, o.name), text(3, key))...)
			ts = append(ts, bundle.Named{Name: key, Tensor: o.value})
		}
		for _, s := range o.slots {
			node = append(node, field(3, number(1, index(s.variable)), text(2, s.name), number(3, index(s.slot)))...)
		}
		graph = append(graph, field(1, node)...)
	}
	ts = append(ts, bundle.Named{Name: objectKey, Text: string(graph)})
	slices.SortFunc(ts, func(a, b bundle.Named) int { return strings.Compare(a.Name, b.Name) })
	return path(ts)
}

// denses are dense layers of these names.
func denses(names ...string) nn.Sequential {
	var out nn.Sequential
	for _, n := range names {
		out = append(out, nn.Dense{Units: 3, Name: n})
	}
	return out
}

// TestWalk holds that a model is restored by the objects of the program that saved it, as
// tf.train.Checkpoint does: by the names of attributes, else by the order of the layers.
func TestWalk(t *testing.T) {
	t.Parallel()
	numberedLayers := func(names ...string) *thing {
		root := holds()
		for i, n := range names {
			d := layerOf(i, n)
			root.has = append(root.has, named{fmt.Sprintf("layer_with_weights-%d", i), d}, named{fmt.Sprintf("layer-%d", i), d})
		}
		return root
	}
	many := make([]string, 12)
	for i := range many {
		many[i] = fmt.Sprintf("d%d", i)
	}
	// A model that has itself as a child of its layers, and the first layer by two ways.
	cyclic := holds("first", layerOf(0, "v"), "second", layerOf(1, "v"))
	cyclic.has[1].of.has = append(cyclic.has[1].of.has, named{"parent", cyclic})
	tied := layerOf(0, "v")
	for name, c := range map[string]struct {
		root  *thing
		model []string
		want  []int
		warns string // part of the only warning
	}{
		"attributes": {holds("dense1", layerOf(0, "v"), "dense2", layerOf(1, "v")), []string{"dense2", "dense1"}, []int{1, 0}, ""},
		"lists": {holds("blocks", holds("0", holds("conv", layerOf(0, "v")), "1", holds("conv", layerOf(1, "v"))), "head", layerOf(2, "v")),
			[]string{"head", "blocks_1_conv", "blocks.0.conv"}, []int{2, 1, 0}, ""},
		"below the root": {holds("model", holds("net", holds("a", layerOf(0, "v"), "b", layerOf(1, "v"))), "save_counter", variable(tensor.Of([]int64{3}), "save_counter")),
			[]string{"b", "a"}, []int{1, 0}, ""},
		"private":                       {holds("_a", layerOf(0, "v"), "_b_1", layerOf(1, "v")), []string{"b-1", "a"}, []int{1, 0}, ""},
		"an underscore of two words":    {holds("a_b", layerOf(0, "v"), "a", holds("c", layerOf(1, "v"))), []string{"a_c", "a_b"}, []int{1, 0}, ""},
		"another way to the same":       {holds("encoder", tied, "decoder", holds("shared", tied, "out", layerOf(1, "v"))), []string{"out", "shared"}, []int{1, 0}, ""},
		"cycles":                        {cyclic, []string{"second", "first"}, []int{1, 0}, ""},
		"the order of attributes":       {holds("z", layerOf(0, "v"), "optimizer", holds("m", layerOf(9, "v")), "a", layerOf(1, "w"), "k", layerOf(2, "v")), []string{"one", "two", "three"}, []int{0, 1, 2}, "in their order"},
		"numbered, more than ten":       {numberedLayers(many...), []string{"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "y", "z"}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, "in their order"},
		"models within":                 {holds("layer_with_weights-1", layerOf(2, "v"), "layer_with_weights-0", holds("layer_with_weights-1", layerOf(1, "v"), "layer_with_weights-0", layerOf(0, "v"))), []string{"x", "y", "z"}, []int{0, 1, 2}, "in their order"},
		"variables called as the model": {numberedLayers("a", "b"), []string{"b", "a"}, []int{1, 0}, `parameter "b/kernel" is taken from "layer_with_weights-1/kernel/.ATTRIBUTES/VARIABLE_VALUE", by the first, not from "layer_with_weights-0/kernel`},
		"objects against variables":     {holds("a", layerOf(0, "b"), "b", layerOf(1, "a")), []string{"a", "b"}, []int{0, 1}, "the names of objects and the names of variables do not agree"},
	} {
		m, r, err := format.Import(save(t, func(ts []bundle.Named) string { return checkpoint(t, ts) }, c.root), format.Options{Net: denses(c.model...), Inputs: samples(3)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, layer := range c.model {
			if got := m.Params.Value(strings.ReplaceAll(layer, "/", ".") + "/bias").Flat(0); int(got) != c.want[i] {
				t.Errorf("%s: %s has the weights of layer %g, want %d", name, layer, got, c.want[i])
			}
		}
		if (len(r.Warnings) > 0) != (c.warns != "") || len(r.Warnings) > 1 || c.warns != "" && !strings.Contains(r.Warnings[0], c.warns) {
			t.Errorf("%s: warnings %q, want %q", name, r.Warnings, c.warns)
		}
	}
}

// TestWalkCells holds that the weights of recurrent layers are found in their cells, and those
// of a layer that goes both ways in its halves.
func TestWalkCells(t *testing.T) {
	t.Parallel()
	at := func(v float32, shape ...int) *thing {
		x := tensor.New(tensor.Float32, shape...)
		for i := range x.Len() {
			x.SetFlat(i, float64(v))
		}
		return variable(x, "v")
	}
	cell := func(v float32, in int) *thing {
		return holds("cell", holds("kernel", at(v, in, 8), "recurrent_kernel", at(v+1, 2, 8), "bias", at(v+2, 8)))
	}
	net := nn.Sequential{nn.Bidirectional{Layer: nn.LSTM{Units: 2, Sequences: true}, Name: "both"}, nn.LSTM{Units: 2, Name: "last"}}
	both := func() *thing { return holds("backward_layer", cell(10, 3), "forward_layer", cell(20, 3)) }
	for name, root := range map[string]*thing{
		"attributes": holds("last", cell(30, 4), "both", both()),
		"numbered":   holds("layer_with_weights-0", holds("forward_layer", cell(20, 3), "backward_layer", cell(10, 3)), "layer_with_weights-1", cell(30, 4)),
	} {
		m, _, err := format.Import(save(t, func(ts []bundle.Named) string { return checkpoint(t, ts) }, root), format.Options{Net: net, Inputs: samples(5, 3)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for param, want := range map[string]float64{"both/forward_lstm/kernel": 20, "both/forward_lstm/recurrent_kernel": 21, "both/backward_lstm/bias": 12, "last/bias": 32, "last/kernel": 30} {
			if got := m.Params.Value(param).Flat(0); got != want {
				t.Errorf("%s: %s is %g, want %g", name, param, got, want)
			}
		}
	}
}

// TestWalkRefused holds that names which agree for a part are not filled up by order, and that
// links to nowhere are damage.
func TestWalkRefused(t *testing.T) {
	t.Parallel()
	at := func(ts []bundle.Named) string { return checkpoint(t, ts) }
	_, _, err := format.Import(save(t, at, holds("a", layerOf(0, "v"), "head", layerOf(1, "v"))), format.Options{Net: denses("a", "another"), Inputs: samples(3)})
	if _, ok := errors.AsType[*format.Misfit](err); !ok || !strings.Contains(err.Error(), `parameter "another/kernel"`) {
		t.Errorf("names that agree for a part: %v", err)
	}
	path := checkpoint(t, []bundle.Named{{Name: objectKey, Text: string(field(1, field(1, number(1, 7), text(2, "a"))))}})
	if _, err := format.OpenFile(path); err == nil || !strings.Contains(err.Error(), `child "a" of node 0 is node 7 of 1`) {
		t.Errorf("a link to nowhere: %v", err)
	}
}

// TestWalkSlots holds that slots follow their variables through the graph of objects, however
// both are called.
func TestWalkSlots(t *testing.T) {
	t.Parallel()
	slot := func(v float32) *thing { return variable(tensor.Of([]float32{v, v, v}, 3), "v") }
	bias := slot(1)
	m, v := slot(2), slot(3)
	opt := holds("iter", variable(tensor.Of([]int64{5}), "iter"))
	opt.slots = []slotOf{{bias, m, "m"}, {bias, v, "v"}}
	root := holds("optimizer", opt, "net", holds("shift", holds("beta", bias)))
	model, r, err := format.Import(save(t, func(ts []bundle.Named) string { return checkpoint(t, ts) }, root),
		format.Options{Net: nn.Sequential{nn.Affine{NoScale: true, Name: "shift"}}, Inputs: samples(3), Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	if model.Memory == nil || model.Memory.Step != 5 || model.Memory.Rule != "adam" || model.Memory.Slots["shift/beta#momentum"].Flat(0) != 2 || model.Memory.Slots["shift/beta#velocity"].Flat(1) != 3 {
		t.Errorf("memory %+v, %v", model.Memory, r.Tensors)
	}
}

// TestWalkAny holds that however objects lie in one another and whatever their order, the
// names of the way lead to each.
func TestWalkAny(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		root, n := holds(), rapid.IntRange(1, 6).Draw(rt, "layers")
		var names []string
		for i := range n {
			at, way := root, ""
			for range rapid.IntRange(0, 3).Draw(rt, "depth") {
				part := rapid.SampledFrom([]string{"blocks", "0", "1", "conv", "a_b"}).Draw(rt, "part")
				way += part + "."
				k := slices.IndexFunc(at.has, func(c named) bool { return c.name == part })
				if k < 0 {
					k = rapid.IntRange(0, len(at.has)).Draw(rt, "place")
					at.has = slices.Insert(at.has, k, named{part, holds()})
				}
				at = at.has[k].of
			}
			name := fmt.Sprintf("layer%d", i)
			at.has = slices.Insert(at.has, rapid.IntRange(0, len(at.has)).Draw(rt, "place"), named{name, layerOf(i, "v")})
			names = append(names, way+name)
		}
		path := save(t, func(ts []bundle.Named) string { return checkpointIn(t, dir, ts) }, root)
		m, _, err := format.Import(path, format.Options{Net: denses(names...), Inputs: samples(3)})
		if err != nil {
			rt.Fatal(err)
		}
		for i, name := range names {
			if got := m.Params.Value(name + "/bias").Flat(0); int(got) != i {
				rt.Errorf("%s has the weights of layer %g, want %d", name, got, i)
			}
		}
	})
}
