package graph_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

// Every error is reported once, under the layer that made it; what follows from
// it stays silent.
func TestErrorsAreJoinedAndFollowersSilent(t *testing.T) {
	t.Parallel()
	b := graph.New()
	x := b.Input("x", graph.Float, 2, 3)
	before := b.SetPath("hidden/1")
	h := x.MatMul(x)
	if h.Valid() {
		t.Error("a product that does not fit is a valid node")
	}
	h = h.Add(x).Relu().Sum().Reshape(3, 4).Slice(0, 0, 1).Pad(0, 1, 1).BroadcastTo(9).Transpose().Softmax().Scale(2).AddScalar(1).Mean().SumTo(3)
	h = graph.Concat(0, h, x).CrossEntropy(x).OneHot(3).Gather(h).ToFloat().StopGradient()
	b.Output("h", h)
	b.Update(b.Param("p", 2), h)
	b.Guard(h)
	if g := graph.Grad(h, []graph.Node{x}); len(g) != 1 || g[0].Valid() {
		t.Errorf("the gradient of an invalid node is %v", g)
	}
	b.SetPath("head")
	x.Add(h)
	x.Add(b.Input("y", graph.Float, 4))
	b.SetPath(before)
	want := "hidden/1: matmul: inner lengths differ: (2, 3) by (2, 3)\n" +
		"head: add: shapes [2 3] and [4] do not broadcast"
	if got := b.Err(); got == nil || got.Error() != want {
		t.Errorf("got errors\n%v\nwant\n%s", got, want)
	}
	if len(b.Outputs()) != 0 || len(b.Updates()) != 0 || len(b.Guards()) != 0 {
		t.Error("an invalid node became an output, an update or a guard")
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want string
		f    func(b *graph.Builder, x, i graph.Node)
	}{
		{`no op is named "fly"`, func(b *graph.Builder, x, _ graph.Node) { b.Apply("fly", nil, x) }},
		{"add: takes 2 inputs, got 1", func(b *graph.Builder, x, _ graph.Node) { b.Apply("add", nil, x) }},
		{"concat: takes at least one input, got none", func(b *graph.Builder, x, _ graph.Node) { b.Apply("concat", 0) }},
		{"input: is declared, not applied", func(b *graph.Builder, _, _ graph.Node) { b.Apply("input", nil) }},
		{"exp: an input belongs to another graph", func(b *graph.Builder, _, _ graph.Node) { b.Apply("exp", nil, graph.New().Const(1)) }},
		{"exp: wants floats, got int[2]", func(_ *graph.Builder, _, i graph.Node) { i.Exp() }},
		{"select: wants floats, got int[2]", func(_ *graph.Builder, x, i graph.Node) { i.Select(x, x) }},
		{"equal: compares floats or ints, got float[2 3] and int[2]", func(_ *graph.Builder, x, i graph.Node) { x.Equal(i) }},
		{"sum: shape [2 3] has no axis 2", func(_ *graph.Builder, x, _ graph.Node) { x.Sum(2) }},
		{"sum: shape [2 3] has no axis -1", func(_ *graph.Builder, x, _ graph.Node) { x.Sum(-3) }},
		{"sum: wants floats, got int[2]", func(_ *graph.Builder, _, i graph.Node) { i.Sum() }},
		{"reduce_max: axis 0 of shape [0 3] is empty: no element is its largest", func(b *graph.Builder, _, _ graph.Node) { b.Full(1, 0, 3).ReduceMax(0) }},
		{"reshape: [2 3] with 6 elements cannot become [4] with 4", func(_ *graph.Builder, x, _ graph.Node) { x.Reshape(4) }},
		{"reshape: [2 3] does not divide into [4 -1]", func(_ *graph.Builder, x, _ graph.Node) { x.Reshape(4, -1) }},
		{"reshape: shape [-2 -3] has a negative axis", func(_ *graph.Builder, x, _ graph.Node) { x.Reshape(-2, -3) }},
		{"reshape: [1 1 1 1 1 1 1 2 3] has more than 8 axes", func(_ *graph.Builder, x, _ graph.Node) { x.Reshape(1, 1, 1, 1, 1, 1, 1, 2, 3) }},
		{"broadcast: [2 3] does not stretch to [2 4]", func(_ *graph.Builder, x, _ graph.Node) { x.BroadcastTo(2, 4) }},
		{"broadcast: [2 3] does not stretch to [3]", func(_ *graph.Builder, x, _ graph.Node) { x.BroadcastTo(3) }},
		{"broadcast: shape [9223372036854775807 2 3] has more elements than an int can count", func(_ *graph.Builder, x, _ graph.Node) { x.BroadcastTo(math.MaxInt, 2, 3) }},
		{"transpose: axes [0 0] are no permutation", func(_ *graph.Builder, x, _ graph.Node) { x.Transpose(0, 0) }},
		{"transpose: axes [0] for shape [2 3]", func(_ *graph.Builder, x, _ graph.Node) { x.Transpose(0) }},
		{"slice: 1 to 4 of axis 1 lies outside shape [2 3]", func(_ *graph.Builder, x, _ graph.Node) { x.Slice(1, 1, 4) }},
		{"slice: 0 to 1 of axis -1 lies outside shape [2 3]", func(_ *graph.Builder, x, _ graph.Node) { x.Slice(-3, 0, 1) }},
		{"pad: 1 and -1 zeros around axis 0 of shape [2 3]", func(_ *graph.Builder, x, _ graph.Node) { x.Pad(0, 1, -1) }},
		{"concat: float[2 3] and float[3 2] do not join on axis 0", func(_ *graph.Builder, x, _ graph.Node) { graph.Concat(0, x, x.Transpose()) }},
		{"concat: axis 2 of shape [2 3]", func(_ *graph.Builder, x, _ graph.Node) { graph.Concat(2, x, x) }},
		{"softmax: wants floats with a last axis, got float[]", func(b *graph.Builder, _, _ graph.Node) { b.Const(1).Softmax() }},
		{"cross_entropy: wants logits (…, classes) and an int label for each row, got float[2 3] and float[2 3]", func(_ *graph.Builder, x, _ graph.Node) { x.CrossEntropy(x) }},
		{"one_hot: wants ints and a positive depth, got int[2] and 0", func(_ *graph.Builder, _, i graph.Node) { i.OneHot(0) }},
		{"gather: wants a float table and ints, got float[2 3] and float[2 3]", func(_ *graph.Builder, x, _ graph.Node) { x.Gather(x) }},
		{"to_float: float[2 3] is a float already", func(b *graph.Builder, x, _ graph.Node) { b.Apply("to_float", nil, x) }},
		{`input "n": shape [-1] has a negative axis`, func(b *graph.Builder, _, _ graph.Node) { b.Input("n", graph.Float, -1) }},
		{`param "x" of type float[2 3] was declared before as input of type float[2 3]`, func(b *graph.Builder, _, _ graph.Node) { b.Param("x", 2, 3) }},
		{`param "p" of type float[3] was declared before as param of type float[2 3]`, func(b *graph.Builder, _, _ graph.Node) { b.Param("p", 2, 3); b.Param("p", 3) }},
		{`output "y" was named before`, func(b *graph.Builder, x, i graph.Node) { b.Output("y", x); b.Output("y", i) }},
		{"update of %0, made by op input: only a parameter can be updated", func(b *graph.Builder, x, _ graph.Node) { b.Update(x, x) }},
		{`update of "p": float[2 3] does not fit float[3]`, func(b *graph.Builder, x, _ graph.Node) { b.Update(b.Param("p", 3), x) }},
		{`update of "p": it is updated twice in one step`, func(b *graph.Builder, x, _ graph.Node) { p := b.Param("p", 2, 3); b.Update(p, x); b.Update(p, p) }},
		{"guard: wants floats, got int[2]", func(b *graph.Builder, _, i graph.Node) { b.Guard(i) }},
		{"random_uniform: shape [-1] has a negative axis", func(b *graph.Builder, _, _ graph.Node) { b.Uniform(-1) }},
		{"gradient of float[2 3]: only of a single float", func(_ *graph.Builder, x, _ graph.Node) { graph.Grad(x, []graph.Node{x}) }},
		{"gradient: float[] does not fit float[2 3]", func(b *graph.Builder, x, _ graph.Node) { graph.VJP(x, b.Const(1), []graph.Node{x}) }},
	} {
		b := graph.New()
		c.f(b, b.Input("x", graph.Float, 2, 3), b.Input("i", graph.Int, 2))
		if err := b.Err(); err == nil || err.Error() != c.want {
			t.Errorf("got error %v\nwant      %s", err, c.want)
		}
	}
}

func TestEqualOpsAreOneNode(t *testing.T) {
	t.Parallel()
	b := graph.New()
	x, y := b.Input("x", graph.Float, 2), b.Input("y", graph.Float, 2)
	for _, c := range []struct {
		name  string
		p, q  graph.Node
		equal bool
	}{
		{"same op, same inputs", x.Add(y).Exp(), x.Add(y).Exp(), true},
		{"inputs change places", x.Sub(y), y.Sub(x), false},
		{"equal attributes", x.Slice(0, 0, 1), x.Slice(0, 0, 1), true},
		{"other attributes", x.Slice(0, 0, 1), x.Slice(0, 1, 2), false},
		{"equal constants", b.Const(2), b.Const(2), true},
		{"other constants", b.Const(2), b.Const(3), false},
		{"an input again", x, b.Input("x", graph.Float, 2), true},
		{"a parameter again", b.Param("p", 2), b.Param("p", 2), true},
		{"random numbers", b.Uniform(2), b.Uniform(2), false},
	} {
		if (c.p == c.q) != c.equal {
			t.Errorf("%s: %%%d and %%%d", c.name, c.p.ID(), c.q.ID())
		}
	}
	if len(b.Inputs()) != 2 || len(b.Params()) != 1 {
		t.Errorf("%d inputs and %d parameters are listed", len(b.Inputs()), len(b.Params()))
	}
	if err := b.Err(); err != nil {
		t.Error(err)
	}
}

// What needs no op makes none.
func TestNothingToDo(t *testing.T) {
	t.Parallel()
	b := graph.New()
	x := b.Input("x", graph.Float, 2, 3)
	for i, y := range []graph.Node{
		x.Scale(1), x.AddScalar(0), x.Reshape(2, 3), x.Reshape(-1, 3), x.BroadcastTo(2, 3), x.Slice(1, 0, 3), x.Slice(-1, 0, 3),
		x.Pad(0, 0, 0), graph.Concat(1, x), x.ToFloat(), x.SumTo(2, 3),
	} {
		if y != x {
			t.Errorf("case %d made a %s", i, y.Op().Name)
		}
	}
}

// Random streams go by layer, so that one more draw in one layer leaves the
// other's stream alone.
func TestRandomStreams(t *testing.T) {
	t.Parallel()
	stream := func(draws int) uint64 {
		b := graph.New()
		b.SetPath("one")
		for range draws {
			b.Uniform(3)
		}
		b.SetPath("two")
		return b.Normal(3).Attr().(graph.RandomAttr).Stream
	}
	if stream(1) != stream(5) {
		t.Error("draws of one layer changed the stream of another")
	}
}

func TestSumTo(t *testing.T) {
	t.Parallel()
	b := graph.New()
	for _, c := range []struct{ from, to tensor.Shape }{
		{tensor.Shape{2, 3}, tensor.Shape{3}}, {tensor.Shape{2, 3}, tensor.Shape{2, 1}}, {tensor.Shape{2, 3}, tensor.Shape{}}, {tensor.Shape{2, 3}, tensor.Shape{1, 1}},
		{tensor.Shape{4, 2, 3}, tensor.Shape{1, 3}}, {tensor.Shape{}, tensor.Shape{2, 3}}, {tensor.Shape{3}, tensor.Shape{2, 3}}, {tensor.Shape{3}, tensor.Shape{1, 1}},
		{tensor.Shape{1, 1}, tensor.Shape{}}, {tensor.Shape{2, 0}, tensor.Shape{2, 1}}, {tensor.Shape{0, 3}, tensor.Shape{3}},
	} {
		if got := b.Full(2, c.from...).SumTo(c.to...); !got.Shape().Equal(c.to) {
			t.Errorf("%v summed to %v has shape %v", c.from, c.to, got.Shape())
		}
	}
	if err := b.Err(); err != nil {
		t.Error(err)
	}
}

// net is a small training step.
func net(frozen bool) *graph.Builder {
	b := graph.New()
	x, l := b.Input("x", graph.Byte, 4, 3), b.Input("label", graph.Int, 4)
	b.SetPath("hidden")
	w1 := b.Param("hidden/kernel", 3, 5)
	h := x.ToFloat().Scale(0.5).MatMul(w1).Relu()
	b.SetPath("dropout")
	h = b.Uniform(4, 5).Greater(b.Const(0.25)).Select(h, b.Const(0))
	b.SetPath("head")
	w2 := b.Param("head/kernel", 5, 2)
	loss := h.MatMul(w2).CrossEntropy(l).Mean()
	b.SetPath("")
	b.Output("loss", loss)
	params := []graph.Node{w1, w2}
	if frozen {
		params = params[1:]
	}
	for i, d := range graph.Grad(loss, params) {
		b.Guard(d)
		b.Update(params[i], params[i].Sub(d.Scale(0.1)))
	}
	return b
}

func text(t *testing.T, b *graph.Builder) string {
	t.Helper()
	var s strings.Builder
	if err := b.Dump(&s); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

func TestDump(t *testing.T) {
	t.Parallel()
	b := graph.New()
	b.SetPath("hidden")
	x, w := b.Input("x", graph.Byte, 4, 3), b.Param("hidden/kernel", 3, 2)
	h := x.ToFloat().MatMulT(w.Transpose()).Slice(1, 0, 1).Reshape(4).Scale(0.5)
	b.SetPath("")
	b.Output("sum", h.Sum())
	b.Update(w, w.Neg())
	b.Guard(h)
	want := `%0 = input "x" : byte[4 3] @ hidden
%1 = param "hidden/kernel" : float[3 2] @ hidden
%2 = to_float %0 : float[4 3] @ hidden
%3 = transpose %1 [1 0] : float[2 3] @ hidden
%4 = matmul %2 %3 {TransA:false TransB:true} : float[4 2] @ hidden
%5 = slice %4 {Axis:1 Lo:0 Hi:1} : float[4 1] @ hidden
%6 = reshape %5 [4] : float[4] @ hidden
%7 = const 0.5 : float[] @ hidden
%8 = mul %6 %7 : float[4] @ hidden
%9 = sum %8 {Axes:1 Keep:false} : float[]
%10 = neg %1 : float[3 2]
output "sum" = %9
update "hidden/kernel" = %10
guard %8
`
	if d := cmp.Diff(want, text(t, b)); d != "" {
		t.Error(d)
	}
	one, two := text(t, net(false)), text(t, net(false))
	if d := cmp.Diff(one, two); d != "" {
		t.Errorf("one graph built twice is written in two ways: %s", d)
	}
}

// Layers below the last trained parameter have no gradient.
func TestFrozenCostsNothing(t *testing.T) {
	t.Parallel()
	all, head := net(false), net(true)
	for _, path := range []string{"hidden (gradient)", "dropout (gradient)"} {
		if !strings.Contains(text(t, all), "@ "+path) {
			t.Errorf("the whole net's graph has no node of %s", path)
		}
		if strings.Contains(text(t, head), "@ "+path) {
			t.Errorf("the frozen net's graph has a node of %s:\n%s", path, text(t, head))
		}
	}
	// A matrix product's gradient with respect to what is frozen may have been
	// written down, but nothing that runs depends on it.
	live := head.Live()
	products := 0
	for x := range head.Nodes() {
		if live[x.ID()] && x.Op().Name == "matmul" {
			products++
		}
	}
	if products != 3 {
		t.Errorf("%d matrix products run, want two forward and one backward", products)
	}
}

func TestGradOfWhatDoesNotMatter(t *testing.T) {
	t.Parallel()
	b := graph.New()
	x, y := b.Input("x", graph.Float, 2), b.Input("y", graph.Float, 2)
	loss := x.Square().Sum()
	later := y.Exp()
	g := graph.Grad(loss, []graph.Node{y, x, later, {}, loss, x.Greater(y)})
	for i, want := range []bool{false, true, false, false, true, false} {
		if g[i].Valid() != want {
			t.Errorf("gradient %d: valid is %v, want %v", i, g[i].Valid(), want)
		}
	}
	if g := graph.Grad(x.Greater(y).Sum(), []graph.Node{x}); g[0].Valid() {
		t.Error("a gradient flows through a comparison")
	}
}

// Rewriting by nothing keeps what runs; rewriting an op replaces it everywhere.
func TestRewrite(t *testing.T) {
	t.Parallel()
	keep := func(*graph.Builder, graph.Node, []graph.Node) graph.Node { return graph.Node{} }
	b := net(false)
	once := graph.Rewrite(b, keep)
	if d := cmp.Diff(text(t, once), text(t, graph.Rewrite(once, keep))); d != "" {
		t.Errorf("a copy of a copy differs: %s", d)
	}
	if n, dead := once.Len(), b.Len(); n >= dead {
		t.Errorf("the copy has %d nodes of %d: nothing unused was dropped", n, dead)
	}
	if len(once.Outputs()) != 1 || len(once.Updates()) != 2 || len(once.Guards()) != 2 || len(once.Inputs()) != 2 || len(once.Params()) != 2 {
		t.Error("the copy lost inputs, parameters, outputs, updates or guards")
	}
	other := graph.Rewrite(b, func(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
		if x.Op().Name == "relu" {
			return in[0].Max(dst.Const(0))
		}
		return graph.Node{}
	})
	if s := text(t, other); strings.Contains(s, "= relu") || !strings.Contains(s, "= max") {
		t.Errorf("relu was not replaced:\n%s", s)
	}
	// Random numbers drawn while rewriting are not those drawn before.
	drawn := graph.Rewrite(b, func(dst *graph.Builder, x graph.Node, in []graph.Node) graph.Node {
		if x.Op().Name == "select" && x.Path() == "dropout" {
			return in[0].Mul(dst.Uniform(x.Shape()...))
		}
		return graph.Node{}
	})
	streams := map[uint64]bool{}
	for x := range drawn.Nodes() {
		if a, ok := x.Attr().(graph.RandomAttr); ok {
			streams[a.Stream] = true
		}
	}
	if len(streams) != 2 {
		t.Errorf("%d streams of random numbers, want 2", len(streams))
	}
	if err := graph.Rewrite(errs(), keep).Err(); err == nil {
		t.Error("the copy lost the errors")
	}
}

func errs() *graph.Builder {
	b := graph.New()
	b.Fail("broken")
	return b
}
