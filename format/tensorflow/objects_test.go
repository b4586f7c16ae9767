package tensorflow

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// TestGraft holds which layer of a model gets which of a checkpoint of objects: by the names
// that the layers had where all agree, else by their order.
func TestGraft(t *testing.T) {
	t.Parallel()
	const end = "/.ATTRIBUTES/VARIABLE_VALUE"
	// save is a checkpoint of dense layers of 3 units for 3 features; layer i has the bias i.
	save := func(names ...string) string {
		var graph []byte
		var ts []bundle.Named
		for i, name := range names {
			for leaf, v := range map[string]*tensor.Tensor{"kernel": tensor.New(tensor.Float32, 3, 3), "bias": tensor.Of([]float32{float32(i), 0, 0}, 3)} {
				key := fmt.Sprintf("layer_with_weights-%d/%s%s", i, leaf, end)
				graph = append(graph, field(1, field(2, text(1, "VARIABLE_VALUE"), text(2, name+"/"+leaf), text(3, key)))...)
				ts = append(ts, bundle.Named{Name: key, Tensor: v})
			}
		}
		ts = append(ts, bundle.Named{Name: objectKey, Text: string(graph)})
		slices.SortFunc(ts, func(a, b bundle.Named) int { return strings.Compare(a.Name, b.Name) })
		return checkpoint(t, ts)
	}
	net := func(names ...string) nn.Sequential {
		var out nn.Sequential
		for _, n := range names {
			out = append(out, nn.Dense{Units: 3, Name: n})
		}
		return out
	}
	many := func(of string) (names []string) {
		for i := range 12 {
			names = append(names, fmt.Sprintf("%s_%d", of, i+1))
		}
		return names
	}
	for name, c := range map[string]struct {
		saved, model []string
		want         func(i int) int // of the model's layer: the saved one
		warned       bool
	}{
		"the same names":         {[]string{"a", "b", "c"}, []string{"a", "b", "c"}, func(i int) int { return i }, false},
		"in another order":       {[]string{"a", "b", "c"}, []string{"c", "a", "b"}, func(i int) int { return (i + 2) % 3 }, false},
		"other names":            {[]string{"a", "b", "c"}, []string{"x", "y", "z"}, func(i int) int { return i }, true},
		"names that are counted": {[]string{"dense_1", "dense_2", "dense_3"}, []string{"dense", "dense_1", "dense_2"}, func(i int) int { return i }, true},
		"many layers":            {many("a"), many("b"), func(i int) int { return i }, true},
	} {
		m, r, err := format.Import(save(c.saved...), format.Options{Net: net(c.model...), Inputs: samples(3)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, layer := range c.model {
			if got := m.Params.Value(layer + "/bias").Flat(0); int(got) != c.want(i) {
				t.Errorf("%s: %s has the weights of layer %g, want %d", name, layer, got, c.want(i))
			}
		}
		if warned := slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "in their order") }); warned != c.warned {
			t.Errorf("%s: warnings %q", name, r.Warnings)
		}
	}
	_, _, err := format.Import(save("a", "b"), format.Options{Net: nn.Sequential{nn.Dense{Units: 4, Name: "wide"}}, Inputs: samples(3)})
	if err == nil || !strings.Contains(err.Error(), `parameter "wide/kernel" of shape [3 4]`) || !strings.Contains(err.Error(), "layer_with_weights-1/kernel") {
		t.Errorf("another net: %v", err)
	}
}
