package transfer

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/train"
)

// saved is a net on pictures as a file holds it.
func saved(t testing.TB, m nn.Model, cfg train.Config) *format.Model {
	t.Helper()
	cfg.Data = pictures(t, 3).Schema()
	n, err := train.NewNet(m, nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &format.Model{Net: m, Preprocess: n.Preprocess(), Data: cfg.Data, Params: n.Params}
}

// shown is a model as text, a word a layer.
func shown(t testing.TB, m nn.Model) string {
	t.Helper()
	v, err := nn.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(v.JSON())
}

func TestCut(t *testing.T) {
	t.Parallel()
	elu := nn.Sequential{
		nn.Standardize{}, nn.Flatten{}, nn.Dense{Units: 5, Name: "a"}, nn.Activation{Act: act.ELU{}},
		nn.Dense{Units: 4, Name: "b"}, nn.Activation{Act: act.ELU{}}, nn.Dense{Units: 3, Name: "c"}, nn.Activation{Act: act.Softmax{}},
	}
	branched := nn.Functional{Layers: []nn.Entry{
		{Layer: nn.Flatten{}},
		{Layer: nn.Dense{Units: 4, Name: "left"}, Inputs: []string{"flatten"}},
		{Layer: nn.Dense{Units: 4, Name: "right"}, Inputs: []string{"flatten"}},
		{Layer: nn.Add{Name: "sum"}, Inputs: []string{"left", "right"}},
		{Layer: nn.Dense{Units: 3, Name: "top"}},
	}}
	for name, c := range map[string]struct {
		model   nn.Model
		recipe  Recipe
		want    string // layers of the new model
		reused  string // its layers that are reused
		dropped string
		err     string
	}{
		"all but the last": {model: deep(), recipe: Recipe{Head: 7},
			want: "flatten batch_normalization hidden1 batch_normalization_1 hidden2 batch_normalization_2 hidden3 dropout head", reused: "batch_normalization hidden1 batch_normalization_1 hidden2 batch_normalization_2 hidden3", dropped: "top"},
		"some": {model: deep(), recipe: Recipe{Reuse: "hidden[12]", Head: 2},
			want: "flatten batch_normalization hidden1 batch_normalization_1 hidden2 head", reused: "hidden1 hidden2", dropped: "batch_normalization_2 hidden3 dropout top"},
		"a part of a layer": {model: deep(), recipe: Recipe{Reuse: "hidden1/kernel", Head: 2},
			want: "flatten batch_normalization hidden1 head", reused: "hidden1", dropped: "batch_normalization_1 hidden2 batch_normalization_2 hidden3 dropout top"},
		"with more": {model: deep(), recipe: Recipe{Reuse: "hidden1", Add: []nn.Layer{nn.Dense{Units: 2, Name: "more"}}, Head: 2},
			want: "flatten batch_normalization hidden1 more head", reused: "hidden1", dropped: "batch_normalization_1 hidden2 batch_normalization_2 hidden3 dropout top"},
		"everything": {model: deep(), recipe: Recipe{Reuse: "*"},
			want: "flatten batch_normalization hidden1 batch_normalization_1 hidden2 batch_normalization_2 hidden3 dropout top", reused: "batch_normalization hidden1 batch_normalization_1 hidden2 batch_normalization_2 hidden3 top"},
		"activations of their own": {model: elu, recipe: Recipe{Head: 2},
			want: "standardize flatten a elu b elu_1 head", reused: "standardize a b", dropped: "c softmax"},
		"what is fitted stays": {model: elu, recipe: Recipe{Reuse: "a", Head: 2},
			want: "standardize flatten a elu head", reused: "standardize a", dropped: "b elu_1 c softmax"},
		"branches": {model: branched, recipe: Recipe{Head: 2},
			want: "flatten left right sum head", reused: "left right", dropped: "top"},
		"one branch":           {model: branched, recipe: Recipe{Reuse: "left", Head: 2}, err: "flatten and left give"},
		"nothing left":         {model: nn.Sequential{nn.Flatten{}, nn.Dense{Units: 3}}, recipe: Recipe{Head: 2}, err: "one layer with weights"},
		"no such layer":        {model: deep(), recipe: Recipe{Reuse: "hiden1", Head: 2}, err: `"hiden1" matches none of batch_normalization, hidden1`},
		"a head below nothing": {model: deep(), recipe: Recipe{Head: -1}, err: "above 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := saved(t, c.model, train.Config{})
			cut, err := c.recipe.Cut(old)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			table, params, err := Graft(cut.Model, old.Preprocess, old.Data, old.Params, cut.Reused...)
			if err != nil {
				t.Fatal(err)
			}
			ps, err := partsOf(cut.Model, old.Preprocess, old.Data)
			if err != nil {
				t.Fatal(err)
			}
			var layers []string
			for _, p := range ps.layers {
				layers = append(layers, p.name)
			}
			if got := strings.Join(layers, " "); got != c.want {
				t.Errorf("layers %q, want %q", got, c.want)
			}
			if got := strings.Join(layersOf(cut.Reused), " "); got != c.reused {
				t.Errorf("reused %q, want %q", got, c.reused)
			}
			if got := strings.Join(cut.Dropped, " "); got != c.dropped {
				t.Errorf("dropped %q, want %q", got, c.dropped)
			}
			for _, m := range table {
				v := params.Value(m.Name)
				if (m.Status == Copied) != (v != nil) {
					t.Errorf("%s is %s, but its value is %v", m.Name, m.Status, v)
				}
				if v != nil && string(v.Bytes()) != string(old.Params.Value(m.Name).Bytes()) {
					t.Errorf("%s has other values", m.Name)
				}
			}
			// It trains, and the old model stays as it was.
			before := old.Params.Clone()
			cfg := train.Config{Data: old.Data, Preprocess: old.Preprocess}
			if c.recipe.Head == 2 {
				cfg.Data.Classes = cfg.Data.Classes[:2]
			}
			tr, err := train.From(cut.Model, params, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			if err := old.Params.CopyFrom(before); err != nil {
				t.Error(err)
			}
			// It can be written as text, and the text is the same model.
			v, err := nn.Encode(cut.Model)
			if err != nil {
				t.Fatal(err)
			}
			again, err := nn.Decode(v)
			if err != nil {
				t.Fatal(err)
			}
			if shown(t, again) != shown(t, cut.Model) {
				t.Errorf("%s is read as %s", shown(t, cut.Model), shown(t, again))
			}
		})
	}
}

func TestGraft(t *testing.T) {
	t.Parallel()
	old := saved(t, deep(), train.Config{})
	m := nn.Sequential{nn.Flatten{}, nn.Dense{Units: 9, Name: "hidden1"}, nn.Dense{Units: 6, Name: "hidden2"}, nn.Dense{Units: 3, Name: "other"}}
	table, params, err := Graft(m, old.Preprocess, old.Data, old.Params, "hidden1", "hidden3")
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, row := range table {
		text += fmt.Sprintln(row.Name, row.Status, row.Shape, row.From)
	}
	for _, want := range []string{
		"hidden1/kernel copied [12 9] [12 9]\n", "hidden2/kernel new [9 6] [9 8]\n", "other/bias new [3] []\n", "hidden3/kernel dropped [] [8 7]\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("table\n%swants %q", text, want)
		}
	}
	if params.Len() != 2 {
		t.Errorf("%d parameters were taken", params.Len())
	}
	for _, c := range []struct {
		patterns []string
		want     string
	}{
		{[]string{"hidden*"}, "hidden2/kernel is 9x8, the model wants 9x6; hidden2/bias is 8, the model wants 6; leave what does not fit out of reuse, as in reuse='*,!hidden2'"},
		{nil, "hidden2/kernel is 9x8"},
		{[]string{"hidden3"}, "no parameter of hidden3 is one of the model's: it has hidden1, hidden2, other"},
		{[]string{"x"}, `"x" matches none`},
	} {
		table, params, err := Graft(m, old.Preprocess, old.Data, old.Params, c.patterns...)
		if err == nil || !strings.Contains(err.Error(), c.want) || params != nil {
			t.Errorf("%q: error %v, want one with %q", c.patterns, err, c.want)
		}
		if table == nil && c.want[0] != '"' {
			t.Errorf("%q: no table", c.patterns)
		}
	}
}

func TestParseSchedule(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              "[]",
		"top2@5":                        "[{top2 5 0}]",
		"hidden[34]@2:1e-4,top1@2, *@7": "[{hidden[34] 2 0.0001} {top1 2 0} {* 7 0}]",
		"{a,b}/kernel@1:0.5":            "[{{a,b}/kernel 1 0.5}]",
		"hidden3":                       `"hidden3": want PATTERN@EPOCH`,
		"@3":                            `"@3": want PATTERN@EPOCH`,
		"a@0":                           "epochs are whole numbers from 1",
		"a@x":                           "epochs are whole numbers from 1",
		"a@1.5":                         "epochs are whole numbers from 1",
		"a@2:0":                         "a learning rate is a number above 0",
		"a@2:Inf":                       "a learning rate is a number above 0",
		"a@2:NaN":                       "a learning rate is a number above 0",
		"a@3,b@2":                       "put the epochs in their order",
		"top0@3":                        "a number of layers from 1",
		"a@2,":                          "want PATTERN@EPOCH",
	} {
		s, err := ParseSchedule(text)
		got := fmt.Sprint([]Thaw(s))
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestSchedule writes any schedule and reads it back.
func TestSchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s Schedule
		epoch := 0
		for range rapid.IntRange(1, 4).Draw(t, "thaws") {
			epoch += rapid.IntRange(1, 3).Draw(t, "epochs")
			thaw := Thaw{Layers: rapid.SampledFrom([]string{"top3", "*", "hidden[1-4]", "{a,b}", "x/kernel"}).Draw(t, "layers"), Epoch: epoch}
			if rapid.Bool().Draw(t, "rated") {
				thaw.LR = rapid.Float64Range(1e-9, 10).Draw(t, "lr")
			}
			s = append(s, thaw)
		}
		if again, err := ParseSchedule(s.String()); err != nil || fmt.Sprint(again) != fmt.Sprint(s) {
			t.Fatalf("%q is read as %v, %v", s, again, err)
		}
	})
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"top2@5,*@8:1e-5", "hidden[1-4]@2", "@", "a@1:", "{@1", "a@9999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		if again, err := ParseSchedule(s.String()); err != nil || again.String() != s.String() {
			t.Errorf("%q is %q and then %q, %v", text, s, again, err)
		}
	})
}

// net is the parameters of deep, of which all but top are reused.
func net(t testing.TB) (*param.Set, []string) {
	t.Helper()
	m := saved(t, deep(), train.Config{})
	var reused []string
	for p := range m.Params.All() {
		if layerOf(p.Name) != "top" {
			reused = append(reused, p.Name)
		}
	}
	return m.Params, reused
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	const all = "batch_normalization hidden1 batch_normalization_1 hidden2 batch_normalization_2 hidden3"
	for name, c := range map[string]struct {
		freeze, unfreeze string
		frozen           string // layers
		stages           string // epoch, rate, layers
		err              string
	}{
		"nothing":             {},
		"some":                {freeze: "hidden[12]", frozen: "hidden1 hidden2"},
		"* is what is reused": {freeze: "*", frozen: all},
		"all but some":        {freeze: "*,!hidden3", frozen: "batch_normalization hidden1 batch_normalization_1 hidden2 batch_normalization_2"},
		"what is freed is frozen before": {unfreeze: "top1@2,*@4:0.5", frozen: all,
			stages: "2 0.001 hidden3; 4 0.5 batch_normalization hidden1 batch_normalization_1 hidden2 batch_normalization_2"},
		"top takes what is above": {freeze: "*", unfreeze: "top2@3", frozen: all, stages: "3 0.001 hidden2 batch_normalization_2 hidden3"},
		"top counts what is left": {freeze: "hidden*", unfreeze: "top1@2,top1@2:0.1,hidden1@2", frozen: "hidden1 hidden2 hidden3",
			stages: "2 0.001 hidden3; 2 0.1 hidden2; 2 0.001 hidden1"},
		"a kernel":      {freeze: "hidden1", unfreeze: "hidden1/kernel@2", frozen: "hidden1", stages: "2 0.001 hidden1"},
		"unknown":       {freeze: "hiden1", err: `freeze: pattern "hiden1" matches none`},
		"new":           {freeze: "top", err: `"top" names only layers that are new; reused are batch_normalization, hidden1`},
		"overlap":       {freeze: "hidden1,hidden[12]", err: `"hidden1" and "hidden[12]" overlap`},
		"none left":     {freeze: "hidden1,!hidden*", err: "leaves nothing"},
		"not frozen":    {freeze: "hidden1", unfreeze: "hidden2@2", err: "hidden2@2: hidden2 is not frozen; frozen are hidden1"},
		"twice":         {freeze: "*", unfreeze: "hidden2@2,hidden[23]@3", err: "hidden2 was set free before"},
		"too many":      {freeze: "hidden[12]", unfreeze: "top3@2", err: "2 layers with a kernel are frozen then: hidden1, hidden2"},
		"nothing left":  {freeze: "hidden1", unfreeze: "*@2,top1@3", err: "nothing is frozen then"},
		"free what not": {freeze: "hidden1", unfreeze: "hiden@2", err: `unfreeze: pattern "hiden"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, reused := net(t)
			s, err := ParseSchedule(c.unfreeze)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Freeze(set, reused, c.freeze, s, 0.01)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var stages []string
			for _, s := range f.Stages {
				stages = append(stages, fmt.Sprintf("%d %.3g %s", s.Epoch, s.LR, strings.Join(s.Layers, " ")))
			}
			if got := strings.Join(layersOf(f.Frozen), " "); got != c.frozen || strings.Join(stages, "; ") != c.stages {
				t.Errorf("frozen %q, stages %q, want %q and %q", got, stages, c.frozen, c.stages)
			}
		})
	}
}

// TestFreezing trains with a schedule: each parameter moves from its epoch on,
// by its own rate, and not before.
func TestFreezing(t *testing.T) {
	t.Parallel()
	src := pictures(t, 40)
	run := func(lr float64) (moved map[string]int, first map[string]float64) {
		old := saved(t, deep(), train.Config{})
		var reused []string
		for p := range old.Params.All() {
			if layerOf(p.Name) != "top" {
				reused = append(reused, p.Name)
			}
		}
		s := Schedule{{Layers: "top1", Epoch: 2, LR: lr}, {Layers: "*", Epoch: 4}}
		f, err := Freeze(old.Params, reused, "*", s, 0.1)
		if err != nil {
			t.Fatal(err)
		}
		before := old.Params.Clone()
		tr, err := train.From(old.Net, old.Params, train.Config{Data: src.Schema(), Preprocess: old.Preprocess,
			Optim: optim.Optimizer{Rule: optim.SGD{LR: 0.1}, Groups: f.Groups(0.1)}})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		if err := f.Begin(tr); err != nil {
			t.Fatal(err)
		}
		moved, first = map[string]int{}, map[string]float64{}
		steps := tr.Steps(t.Context(), train.Run{Train: src, Batch: 40, Epochs: 5, Cache: &Cache{}})
		if err := train.Fit(steps, f.Hook(tr, nil), train.OnEpoch(func(e *train.Epoch) error {
			for p := range tr.Params.All() {
				if was := before.Value(p.Name); p.Kind != param.Slot && moved[p.Name] == 0 && string(p.Value.Bytes()) != string(was.Bytes()) {
					moved[p.Name] = e.Epoch
					for i := range was.Len() {
						first[p.Name] = max(first[p.Name], p.Value.Flat(i)-was.Flat(i))
					}
				}
			}
			return nil
		})); err != nil {
			t.Fatal(err)
		}
		return moved, first
	}
	moved, first := run(0.02)
	for name, epoch := range map[string]int{"top/kernel": 1, "hidden3/kernel": 2, "hidden3/bias": 2, "hidden2/kernel": 4, "batch_normalization/moving_mean": 4} {
		if moved[name] != epoch {
			t.Errorf("%s moved in epoch %d, want %d", name, moved[name], epoch)
		}
	}
	_, double := run(0.04)
	if ratio := double["hidden3/kernel"] / first["hidden3/kernel"]; ratio < 1.99 || ratio > 2.01 {
		t.Errorf("twice the rate moves hidden3 %g times as far", ratio)
	}
}
