package pretrain

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// branching is a model with a normalization, a residual path and an activation of
// its own.
func branching() nn.Model {
	return nn.Functional{In: []nn.Port{{Name: "image"}}, Layers: []nn.Entry{
		{Layer: nn.Flatten{Name: "flat"}},
		{Layer: nn.BatchNorm{Name: "norm"}},
		{Layer: nn.Dense{Units: 12, Name: "a"}},
		{Layer: nn.BatchNorm{Name: "inner"}},
		{Layer: nn.Activation{Act: act.ReLU{}, Name: "relu"}},
		{Layer: nn.Dense{Units: 12, Act: act.ReLU{}, Name: "b"}},
		{Layer: nn.Add{Name: "sum"}, Inputs: []string{"relu", "b"}},
		{Layer: nn.Dense{Units: 6, Act: act.ReLU{}, Name: "c"}},
		{Layer: nn.Dense{Units: 10, Name: "out"}},
	}}
}

func TestOutline(t *testing.T) {
	t.Parallel()
	tr, _ := digits.New(1, 40, 1)
	o, err := sketch(netOf(t, branching(), tr))
	if err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]string{"": "a b c", "a,c": "a c", "*": "a b c out", "*,!out": "a b c"} {
		us, err := o.units(pattern)
		var names []string
		for _, u := range us {
			names = append(names, u.path)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%q chooses %q, %v, want %q", pattern, got, err, want)
		}
	}
	us, _ := o.units("")
	for i, want := range []string{"relu", "b", "c"} { // b joins another path behind it
		code, last := o.code(us[i])
		if o.layers[last].Path != want || code != o.layers[last].Out {
			t.Errorf("the code of %s ends with %s, want %s", us[i].path, o.layers[last].Path, want)
		}
	}
	g, err := o.between(us[0].in, us[2].in)
	var names []string
	for _, a := range g.layers {
		names = append(names, a.Path)
	}
	if got := strings.Join(names, " "); err != nil || got != "a inner relu b sum" {
		t.Errorf("between a and c lie %q, %v", got, err)
	}
	for pattern, want := range map[string]string{"norm": "names no dense layer; there are a, b, c, out", "z": "matches none"} {
		if _, err := o.units(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", pattern, err, want)
		}
	}
}

// TestSegmentIsTheModel applies the whole of a model once more: it gives what the
// model gives.
func TestSegmentIsTheModel(t *testing.T) {
	t.Parallel()
	tr, _ := digits.New(1, 8, 1)
	n := netOf(t, branching(), tr)
	o, err := sketch(n)
	if err != nil {
		t.Fatal(err)
	}
	var input graph.Node
	for x := range o.b.Nodes() {
		if x.Op().Name == "input" {
			input = x
		}
	}
	g, err := o.between(input, o.outs[0])
	if err != nil {
		t.Fatal(err)
	}
	again, err := train.NewNet(nn.Func{In: []nn.Port{{Name: "x"}}, Out: []nn.Port{{Name: "y"}}, Build: func(s *nn.Scope, in []graph.Node) []graph.Node {
		return []graph.Node{g.apply(s, in[0], false)}
	}}, n.Params, train.Config{Data: tr.Schema(), Preprocess: nn.Sequential{}})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	b := data.NewBatch(tr.Schema(), 8)
	if err := tr.Read(b, []int32{0, 1, 2, 3, 4, 5, 6, 7}); err != nil {
		t.Fatal(err)
	}
	want, err := n.Predict(context.Background(), b.X[0])
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Predict(context.Background(), b.X[0])
	if err != nil || !slices.Equal(got[0].Float32s(), want[0].Float32s()) {
		t.Errorf("other outputs, %v", err)
	}
}

// TestStagesOnABranchingModel runs every kind of stage on it.
func TestStagesOnABranchingModel(t *testing.T) {
	t.Parallel()
	tr, val := digits.New(1, 90, 40)
	n := netOf(t, branching(), tr)
	p := run(t, n, `[{"kind":"autoencoder","epochs":1},{"kind":"denoising","layers":"a,c","epochs":1},{"kind":"rbm","visible":"gaussian","layers":"b","epochs":1},
		{"kind":"auxiliary","task":"rotation","epochs":1},{"kind":"auxiliary","task":"pairs","layers":"a","share":false,"epochs":1}]`, Config{Train: tr, Val: val})
	var order []string
	for _, e := range p.History() {
		order = append(order, e.Layers)
	}
	if got := strings.Join(order, " "); got != "a b c a c b a,b,c a" {
		t.Errorf("trained %q", got)
	}
	if _, err := New(n, stagesOf(t, `[{"kind":"autoencoder","layers":"a,c","greedy":false}]`), Config{Train: tr}); err == nil || !strings.Contains(err.Error(), "b (12 units) lies between those to be trained together") {
		t.Errorf("error %v", err)
	}
}

// TestCalibration gives a normalization below the first layer the statistics of
// what reaches it, as training would.
func TestCalibration(t *testing.T) {
	t.Parallel()
	tr, _ := digits.New(1, 50, 1)
	m := nn.Sequential{nn.Flatten{}, nn.BatchNorm{Name: "norm"}, nn.Dense{Units: 5, Act: act.ELU{}}, nn.Dense{Units: 10}}
	n := netOf(t, m, tr)
	p := run(t, n, `[{"kind":"autoencoder","epochs":1,"batch":10}]`, Config{Train: tr})
	b := data.NewBatch(tr.Schema(), 50)
	rows := make([]int32, 50)
	for i := range rows {
		rows[i] = int32(i)
	}
	if err := tr.Read(b, rows); err != nil {
		t.Fatal(err)
	}
	for j := range 784 {
		mean, square := 0.0, 0.0
		for i := range 50 {
			v := b.X[0].Flat(i*784+j) / 255
			mean += v / 50
			square += v * v / 50
		}
		if a, v := n.Params.Value("norm/moving_mean").Flat(j), n.Params.Value("norm/moving_variance").Flat(j); math.Abs(a-mean) > 1e-6 || math.Abs(v-(square-mean*mean)) > 1e-6 {
			t.Fatalf("pixel %d has mean %g and variance %g, want %g and %g", j, a, v, mean, square-mean*mean)
		}
	}
	if !p.begun["norm"] {
		t.Error("norm would be calibrated once more")
	}
}

// TestWatch says when a machine overfits: a few rows, learned for long.
func TestWatch(t *testing.T) {
	t.Parallel()
	tr, val := digits.New(1, 20, 40)
	var notes []string
	n := netOf(t, logistic(60), tr)
	p := run(t, n, `[{"kind":"rbm","epochs":40,"lr":0.2,"batch":5}]`, Config{Train: tr, Val: val, Note: func(s string) { notes = append(notes, s) }})
	h := p.History()
	gap, ok := h[len(h)-1].Val.Get("free_energy_gap")
	if len(notes) != 1 || !strings.Contains(notes[0], "hidden1: the free energy of validation rows has left that of training rows behind since epoch") {
		t.Errorf("notes %q", notes)
	}
	if !ok || !(gap > 10) {
		t.Errorf("the gap is %g", gap)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	tr, _ := digits.New(1, 30, 1)
	deep := nn.Sequential{nn.Flatten{}, nn.Block{Name: "block", Layers: nn.Sequential{nn.Dense{Units: 5, Name: "inner"}}}, nn.Dense{Units: 10, Name: "out"}}
	plain := nn.Sequential{nn.Dense{Units: 4, Name: "rows"}, nn.Flatten{}, nn.Dense{Units: 5, NoBias: true, Name: "bare"}, nn.Dense{Units: 10, Name: "out"}}
	for _, tc := range []struct {
		model  nn.Model
		stages string
		want   string
	}{
		{deep, `[{"kind":"autoencoder"}]`, "no hidden dense layer; it has out"},
		{deep, `[{"kind":"autoencoder","layers":"inner"}]`, `"inner" names no dense layer; there are out`},
		{plain, `[{"kind":"rbm","layers":"bare"}]`, "bare: an RBM's hidden units have a bias"},
		{plain, `[{"kind":"autoencoder","layers":"rows"}]`, "put a flatten layer before it"},
		{logistic(5), `[{"kind":"autoencoder","data":"mnist"}]`, "given rows of its own by Config.Open"},
		{logistic(5), `[{"kind":"autoencoder","optim":{"name":"sgd","lr":-1}}]`, "lr"},
		{logistic(5), `[{"kind":"autoencoder","loss":"binary_cross_entropy","layers":"logits"}]`, ""},
	} {
		v, err := spec.ParseJSON("stages", []byte(tc.stages))
		if err != nil {
			t.Fatal(err)
		}
		stages, err := Decode(v)
		if err == nil {
			var p *Pretraining
			if p, err = New(netOf(t, tc.model, tr), stages, Config{Train: tr}); err == nil {
				for _, e := range p.Steps(context.Background()) {
					err = e
				}
				p.Close()
			}
		}
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: error %v, want one with %q", tc.stages, err, tc.want)
		}
	}
	n := netOf(t, logistic(5), tr)
	if _, err := n.Params.Freeze("hidden1"); err != nil {
		t.Fatal(err)
	}
	p, err := New(n, stagesOf(t, `[{"kind":"autoencoder"}]`), Config{Train: tr})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range p.Steps(context.Background()) {
		if err == nil || !strings.Contains(err.Error(), "is frozen, and so is all else that the stage would train") {
			t.Errorf("error %v", err)
		}
	}
}

// TestFilters finds the layers that look at pixels, and shows 0 as gray.
func TestFilters(t *testing.T) {
	t.Parallel()
	tr, _ := digits.New(1, 10, 1)
	n := netOf(t, branching(), tr)
	fs := Filters(n, 7)
	if len(fs) != 1 || fs[0] != (Filter{"a", 28, 28, 1, 7}) {
		t.Fatalf("filters %+v", fs)
	}
	k := tensor.New(tensor.Float32, 784, 12)
	k.SetFlat(0, -2)   // pixel 0 of unit 0
	k.SetFlat(12, 1)   // pixel 1 of unit 0
	k.SetFlat(25, 0.5) // pixel 2 of unit 1
	s, err := fs[0].Sheet(k)
	if err != nil || !s.Shape().Equal(tensor.Shape{7, 28, 28}) || s.Flat(0) != 0 || s.Flat(1) != 0.75 || s.Flat(2) != 0.5 || s.Flat(784+2) != 1 || s.Flat(2*784) != 0.5 {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := fs[0].Sheet(tensor.New(tensor.Float32, 3, 3)); err == nil {
		t.Error("a kernel of another shape is none of pictures")
	}
	if fs := Filters(netOf(t, nn.Sequential{nn.Flatten{}, nn.Dense{Units: 3}, nn.Dense{Units: 10}}, pictures(t, 6, 4, 4, 2)), 100); len(fs) != 1 || fs[0].Units != 3 {
		t.Errorf("filters %+v", fs)
	}
}
