package param_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// filled is a set whose values are counted through.
func filled(t rapid.TB, float tensor.DType, params ...string) *param.Set {
	t.Helper()
	s := param.NewSet(float)
	for i, name := range params {
		kind := param.Weight
		switch {
		case strings.Contains(name, "#"):
			kind = param.Slot
		case strings.HasSuffix(name, "mean"):
			kind = param.Stat
		}
		p, err := s.Add(name, kind, tensor.Shape{2})
		if err != nil {
			t.Fatal(err)
		}
		p.Value.SetFlat(0, float64(i+1))
		p.Value.SetFlat(1, float64(-i))
	}
	return s
}

func text(s *param.Set) string {
	var out []string
	for p := range s.All() {
		out = append(out, fmt.Sprintf("%s %v %v %v", p.Name, p.Kind, p.Frozen, p.Value))
	}
	return strings.Join(out, "\n")
}

func TestSet(t *testing.T) {
	t.Parallel()
	s := filled(t, tensor.Float32, "a", "b", "mean", "a#m")
	if _, err := s.Add("b", param.Stat, tensor.Shape{1}); err == nil || !strings.Contains(err.Error(), `"b" is declared twice`) {
		t.Errorf("error %v", err)
	}
	if _, err := s.Add("c", param.Weight, tensor.Shape{1 << 40, 1 << 40}); err == nil || !strings.Contains(err.Error(), `"c"`) {
		t.Errorf("error %v", err)
	}
	if _, err := s.Add("c", param.Weight, tensor.Shape{-1}); err == nil {
		t.Error("a negative shape is none")
	}
	if s.Len() != 4 || s.Get("c") != nil || s.Value("c") != nil || s.Value("b").Flat(0) != 2 || s.Float() != tensor.Float32 {
		t.Errorf("set\n%s", text(s))
	}
	s.Remove("b")
	s.Remove("none")
	if s.Len() != 3 || s.Get("b") != nil {
		t.Errorf("set\n%s", text(s))
	}
	if p, err := s.Add("b", param.Weight, tensor.Shape{1}); err != nil || p.Value.Flat(0) != 0 {
		t.Errorf("%v, %v", p, err)
	}
	var order []string
	for p := range s.All() {
		order = append(order, p.Name)
	}
	if want := []string{"a", "mean", "a#m", "b"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
	for range s.Of(param.Weight) { // leaving the loop is fine
		break
	}
	if got := fmt.Sprint(param.Kind(0), param.Weight, param.Stat, param.Slot); got != "invalid weight stat slot" {
		t.Errorf("kinds %s", got)
	}
}

func TestCloneIsApart(t *testing.T) {
	t.Parallel()
	s := filled(t, tensor.Float64, "a", "mean")
	s.Get("a").Frozen = true
	c := s.Clone()
	before := text(s)
	if text(c) != before {
		t.Errorf("clone\n%s\nof\n%s", text(c), before)
	}
	c.Value("a").SetFlat(0, 9)
	c.Get("mean").Frozen = true
	c.Remove("a")
	if text(s) != before {
		t.Errorf("the original has changed to\n%s", text(s))
	}
}

func TestCopyFrom(t *testing.T) {
	t.Parallel()
	other := filled(t, tensor.Float32, "a", "b", "c")
	if _, err := other.Add("d", param.Weight, tensor.Shape{3}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		src  *param.Set
		skip []param.Kind
		want string
	}{
		{filled(t, tensor.Float64, "b", "a"), nil, ""},
		{filled(t, tensor.Float32, "a"), nil, `"b" is missing`},
		{filled(t, tensor.Float32, "a", "b", "c"), nil, `"c" has no place here`},
		{filled(t, tensor.Float32, "a", "b", "b#m"), nil, `"b#m" has no place here`},
		{filled(t, tensor.Float32, "a", "b", "b#m"), []param.Kind{param.Slot}, ""},
	} {
		s := filled(t, tensor.Float32, "a", "b")
		tensors := []*tensor.Tensor{s.Value("a"), s.Value("b")}
		before := text(s)
		err := s.CopyFrom(tc.src, tc.skip...)
		if tc.want != "" {
			if err == nil || !strings.Contains(err.Error(), tc.want) || text(s) != before {
				t.Errorf("error %v, want one with %q; set\n%s", err, tc.want, text(s))
			}
			continue
		}
		if err != nil {
			t.Error(err)
		}
		for i, n := range []string{"a", "b"} {
			if s.Value(n) != tensors[i] || s.Value(n).Flat(0) != tc.src.Value(n).Flat(0) {
				t.Errorf("%s is %v, copied from %v", n, s.Value(n), tc.src.Value(n))
			}
		}
	}
	s := param.NewSet(tensor.Float32)
	if _, err := s.Add("a", param.Weight, tensor.Shape{3}); err != nil {
		t.Fatal(err)
	}
	if err := s.CopyFrom(filled(t, tensor.Float32, "a")); err == nil || !strings.Contains(err.Error(), `"a" has shape [2], want [3]`) {
		t.Errorf("error %v", err)
	}
}

func TestGraft(t *testing.T) {
	t.Parallel()
	from := filled(t, tensor.Float64, "old/a", "old/b", "old/mean", "old/a#m")
	s := filled(t, tensor.Float32, "new/a", "new/b", "new/c", "new/mean", "new/a#m")
	slot := s.Value("new/a#m").Clone()
	copied, missing, err := s.Graft(from, func(name string) string {
		if name == "old/b" {
			return ""
		}
		return strings.Replace(name, "old/", "new/", 1)
	})
	if err != nil || !slices.Equal(copied, []string{"new/a", "new/mean"}) || !slices.Equal(missing, []string{"new/b", "new/c"}) {
		t.Errorf("copied %q, missing %q, %v", copied, missing, err)
	}
	if s.Value("new/a").Flat(0) != 1 || s.Value("new/mean").Flat(0) != 3 || s.Value("new/b").Flat(0) != 2 {
		t.Errorf("set\n%s", text(s))
	}
	if string(s.Value("new/a#m").Bytes()) != string(slot.Bytes()) {
		t.Error("a slot was copied")
	}

	other := param.NewSet(tensor.Float32)
	if _, err := other.Add("old/mean", param.Stat, tensor.Shape{5}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"old/a", "old/b"} {
		if _, err := other.Add(n, param.Weight, tensor.Shape{2}); err != nil {
			t.Fatal(err)
		}
	}
	before := text(other)
	if _, _, err := other.Graft(from, nil); err == nil || !strings.Contains(err.Error(), `"old/mean" has shape [2], but "old/mean" wants [5]`) {
		t.Errorf("error %v", err)
	}
	if text(other) != before {
		t.Errorf("set\n%s", text(other))
	}
	// Two of one name are none of it.
	both := filled(t, tensor.Float32, "x")
	if _, _, err := both.Graft(from, func(string) string { return "x" }); err == nil || !strings.Contains(err.Error(), "both") {
		t.Errorf("error %v", err)
	}
}

// TestAnySet copies any set into its like and finds it again.
func TestAnySet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c]{1,2}/[wm](ean)?(#s)?`), 1, 8, func(s string) string { return s }).Draw(rt, "names")
		s := filled(rt, tensor.Float64, names...)
		c := s.Clone()
		for p := range c.All() {
			p.Value.SetFlat(0, 100)
		}
		if err := c.CopyFrom(s); err != nil || text(c) != text(s) {
			rt.Fatalf("%v\n%s\nwant\n%s", err, text(c), text(s))
		}
		if copied, missing, err := c.Graft(s, nil); err != nil || len(missing) > 0 {
			rt.Fatalf("copied %q, missing %q, %v", copied, missing, err)
		}
		for _, n := range names {
			if s.Get(n) == nil || s.Get(n).Name != n {
				rt.Fatalf("%s is gone", n)
			}
			s.Remove(n)
			if s.Get(n) != nil {
				rt.Fatalf("%s was removed", n)
			}
		}
		if s.Len() != 0 {
			rt.Fatalf("%d are left", s.Len())
		}
	})
}

func TestFans(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		shape   tensor.Shape
		in, out int
	}{{tensor.Shape{}, 1, 1}, {tensor.Shape{7}, 7, 7}, {tensor.Shape{784, 300}, 784, 300}, {tensor.Shape{3, 5, 16, 32}, 240, 480}} {
		if in, out := param.Fans(tc.shape); in != tc.in || out != tc.out {
			t.Errorf("%v: %d and %d, want %d and %d", tc.shape, in, out, tc.in, tc.out)
		}
	}
}

// seeded fills with the random numbers it is given.
type seeded struct{}

func (seeded) Fill(dst *tensor.Tensor, r param.Rand) {
	for i := range dst.Len() {
		dst.SetFlat(i, r.Float64())
	}
}

// A layer in plain Go.
type layer func(*param.Scope, graph.Node) graph.Node

func (l layer) Apply(s *param.Scope, x graph.Node) graph.Node { return l(s, x) }

func weight(name string) layer {
	return func(s *param.Scope, x graph.Node) graph.Node { return x.Mul(s.Weight(name, seeded{}, 2)) }
}

func scope(set *param.Set, o param.Options) (*param.Scope, graph.Node) {
	b := graph.New()
	return param.NewScope(b, set, o), b.Input("x", graph.Float, 3, 2)
}

func TestScopeNames(t *testing.T) {
	t.Parallel()
	set := param.NewSet(tensor.Float64)
	s, x := scope(set, param.Options{Training: true, Seed: 5})
	nested := layer(func(s *param.Scope, x graph.Node) graph.Node {
		if s.Path() != "outer" || !s.Training() || s.Params() != set {
			t.Errorf("path %q", s.Path())
		}
		x = s.Sub(s.AutoName("w"), weight("kernel"), x)
		return s.Sub(s.AutoName("w"), weight("kernel"), x)
	})
	x = s.Sub("outer", nested, x)
	twice := s.Share("twice", weight("kernel"))
	x = twice(twice(x))
	s.Weight("own", seeded{}, 2)
	if got := s.AutoName("outer"); got != "outer_1" {
		t.Errorf("name %q", got)
	}
	var got []string
	for p := range set.All() {
		got = append(got, p.Name)
	}
	want := []string{"outer/w/kernel", "outer/w_1/kernel", "twice/kernel", "own"}
	if err := s.B.Err(); err != nil || !x.Valid() || !slices.Equal(got, want) {
		t.Errorf("parameters %q, %v, want %q", got, err, want)
	}
	var layers []string
	for _, a := range s.Layers() {
		layers = append(layers, fmt.Sprint(a.Path, a.Params, a.Shared, a.Depth))
	}
	wantLayers := []string{"outer[] false 0", "outer/w[outer/w/kernel] false 1", "outer/w_1[outer/w_1/kernel] false 1", "twice[twice/kernel] false 0", "twice[] true 0"}
	if !slices.Equal(layers, wantLayers) {
		t.Errorf("layers %q, want %q", layers, wantLayers)
	}
	// A name's values depend on the seed and the name alone.
	again := param.NewSet(tensor.Float64)
	o, y := scope(again, param.Options{Seed: 5})
	o.Sub("twice", weight("kernel"), y)
	other := param.NewSet(tensor.Float64)
	o, y = scope(other, param.Options{Seed: 6})
	o.Sub("twice", weight("kernel"), y)
	v := func(s *param.Set, n string) string { return string(s.Value(n).Bytes()) }
	if v(again, "twice/kernel") != v(set, "twice/kernel") || v(other, "twice/kernel") == v(set, "twice/kernel") || v(set, "outer/w/kernel") == v(set, "outer/w_1/kernel") {
		t.Error("values depend on something else than seed and name")
	}
}

func TestScopeErrors(t *testing.T) {
	t.Parallel()
	for want, build := range map[string]func(s *param.Scope, x graph.Node){
		`two layers are called "a"`: func(s *param.Scope, x graph.Node) { s.Sub("a", weight("w"), s.Sub("a", weight("w"), x)) },
		`layer name ""`:             func(s *param.Scope, x graph.Node) { s.Sub("", weight("w"), x) },
		`layer name "a/b"`:          func(s *param.Scope, x graph.Node) { s.Sub("a/b", weight("w"), x) },
		`layer name "a*"`:           func(s *param.Scope, x graph.Node) { s.Sub("a*", weight("w"), x) },
		`layer name "a#m"`:          func(s *param.Scope, x graph.Node) { s.Sub("a#m", weight("w"), x) },
		"a/w is declared twice": func(s *param.Scope, x graph.Node) {
			s.Sub("a", layer(func(s *param.Scope, x graph.Node) graph.Node { s.Weight("w", seeded{}, 2); return weight("w")(s, x) }), x)
		},
		"a: w: shape [2 0] has an axis below 1": func(s *param.Scope, x graph.Node) {
			s.Sub("a", layer(func(s *param.Scope, x graph.Node) graph.Node { return s.Weight("w", seeded{}, 2, 0) }), x)
		},
		"have/w has shape [5], but the layer wants [2]": func(s *param.Scope, x graph.Node) { s.Sub("have", weight("w"), x) },
	} {
		set := param.NewSet(tensor.Float32)
		if _, err := set.Add("have/w", param.Weight, tensor.Shape{5}); err != nil {
			t.Fatal(err)
		}
		s, x := scope(set, param.Options{})
		build(s, x)
		if err := s.B.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestDeclare asks for a model's parameters without their memory.
func TestDeclare(t *testing.T) {
	t.Parallel()
	var got []string
	s, x := scope(nil, param.Options{Declare: func(name string, kind param.Kind, init param.Init, shape tensor.Shape) error {
		got = append(got, fmt.Sprint(name, kind, init, shape))
		if strings.HasPrefix(name, "bad") {
			return fmt.Errorf("%s is not wanted", name)
		}
		return nil
	}})
	s.Sub("big", layer(func(s *param.Scope, x graph.Node) graph.Node {
		s.Stat("mean", nil, 1e12)
		return s.Weight("kernel", seeded{}, 1e6, 1e6)
	}), x)
	s.Sub("bad", weight("w"), x)
	want := []string{"big/meanstat <nil> [1000000000000]", "big/kernelweight {} [1000000 1000000]", "bad/wweight {} [2]"}
	if !slices.Equal(got, want) {
		t.Errorf("declared %q, want %q", got, want)
	}
	if err := s.B.Err(); err == nil || !strings.Contains(err.Error(), "bad: bad/w is not wanted") {
		t.Errorf("error %v", err)
	}
	s.AddLoss(graph.Node{})
	s.AddLoss(x.Sum())
	if n := len(s.Losses()); n != 1 {
		t.Errorf("%d losses, want the valid one", n)
	}
}

func ExampleSet_Match() {
	s := param.NewSet(tensor.Float32)
	for _, name := range []string{"hidden1/kernel", "hidden1/bias", "hidden2/kernel", "hidden2/bias", "head/kernel"} {
		if _, err := s.Add(name, param.Weight, tensor.Shape{1}); err != nil {
			fmt.Println(err)
		}
	}
	for _, pattern := range []string{"hidden[12]/kernel", "*,!hidden*", "hidden2,!*/bias", "hiden1"} {
		ps, err := s.Match(pattern)
		for _, p := range ps {
			fmt.Print(p.Name, " ")
		}
		fmt.Println(err)
	}
	// Output:
	// hidden1/kernel hidden2/kernel <nil>
	// head/kernel <nil>
	// hidden2/kernel <nil>
	// pattern "hiden1" matches none of hidden1, hidden2, head
}

func ExampleSet_Graft() {
	set := func(names ...string) *param.Set {
		s := param.NewSet(tensor.Float32)
		for _, n := range names {
			if _, err := s.Add(n, param.Weight, tensor.Shape{2}); err != nil {
				fmt.Println(err)
			}
		}
		return s
	}
	old, next := set("hidden1/kernel", "logits/kernel"), set("hidden1/kernel", "head/kernel")
	fmt.Println(next.Graft(old, nil))
	// Output:
	// [hidden1/kernel] [head/kernel] <nil>
}

// TestPut takes a tensor as it is, once and of the set's type.
func TestPut(t *testing.T) {
	t.Parallel()
	s := param.NewSet(tensor.Float32)
	x := tensor.Of([]float32{1, 2}, 2)
	p, err := s.Put("a/kernel", param.Weight, x)
	if err != nil || p.Value != x || s.Value("a/kernel") != x || !p.Trainable() {
		t.Errorf("got %v, %v", p, err)
	}
	if _, err := s.Put("a/kernel", param.Weight, x); err == nil {
		t.Error("it was declared twice")
	}
	if _, err := s.Put("b", param.Weight, tensor.Of([]float64{1}, 1)); err == nil {
		t.Error("another type was taken")
	}
}
