package nn

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// TestBatchNormGolden holds the layer to the values of PyTorch, Keras and
// TensorFlow.js: every case, in both precisions.
func TestBatchNormGolden(t *testing.T) {
	t.Parallel()
	file := golden.Load(t, "batchnorm")
	ops := map[string]func(*testing.T, *golden.Case, int){
		"batchnorm_sequence":                  goldenSequence,
		"batchnorm_sequence_running_var_only": goldenSequence,
		"batchnorm_train":                     goldenTrain,
		"batchnorm_frozen":                    goldenFrozen,
		"batchnorm_fold":                      goldenFold,
	}
	want := map[string]int{
		"batchnorm_sequence": 21, "batchnorm_sequence_running_var_only": 1,
		"batchnorm_train": 5, "batchnorm_frozen": 1, "batchnorm_fold": 3,
	}
	ran := map[string]int{}
	for _, c := range file.Cases {
		ran[c.Op]++
		for _, precision := range []int{64, 32} {
			t.Run(fmt.Sprintf("%s/f%d", c.Name, precision), func(t *testing.T) {
				t.Parallel()
				ops[c.Op](t, c, precision)
			})
		}
	}
	for op, n := range want {
		if ran[op] != n {
			t.Errorf("%d cases of %s, want %d", ran[op], op, n)
		}
	}
	if len(ran) != len(want) {
		t.Errorf("there are cases of %v, want those of %v", ran, want)
	}
}

// bench is a batch normalization layer called bn with its parameters.
type bench struct {
	t         *testing.T
	c         *golden.Case
	precision int
	layer     BatchNorm
	set       *param.Set
}

func newBench(t *testing.T, c *golden.Case, precision int) *bench {
	l := BatchNorm{Name: "bn", Epsilon: c.Number(1e-3, "eps"), Momentum: c.Number(0.99, "momentum"),
		NoCenter: c.Number(1, "center") == 0, NoScale: c.Number(1, "scale") == 0}
	if c.Text("convention") == "torch" {
		l.Momentum = 1 - l.Momentum
	}
	return &bench{t, c, precision, l, param.NewSet(graphtest.DType(precision))}
}

// trace applies the layer to the input x of a new graph.
func (b *bench) trace(training bool, shape []int) (g *graph.Builder, x, y graph.Node) {
	b.t.Helper()
	g = graph.New()
	x = g.Input("x", graph.Float, shape...)
	s := param.NewScope(g, b.set, param.Options{Training: training})
	y = Sequential{b.layer}.Trace(s, []graph.Node{x})[0]
	if err := g.Err(); err != nil {
		b.t.Fatal(err)
	}
	return g, x, y
}

// put gives parameters the case's values; what the case does not have keeps its
// own.
func (b *bench) put(names map[string]string) {
	for name, in := range names {
		if v := b.c.Inputs.At(in); v != nil {
			b.set1(name, v.Data)
		}
	}
}

func (b *bench) set1(name string, values []float64) {
	p := b.set.Value("bn/" + name)
	for i, v := range values {
		p.SetFlat(i, v)
	}
}

func (b *bench) compile(g *graph.Builder) *graphtest.Run {
	b.t.Helper()
	r, err := graphtest.Compile(g, b.set)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) step(r *graphtest.Run) {
	b.t.Helper()
	if err := r.Step(); err != nil {
		b.t.Fatal(err)
	}
}

// backward adds the products of upstream with the derivatives of y as outputs.
func (b *bench) backward(g *graph.Builder, x, y graph.Node) {
	up := g.Input("upstream", graph.Float, y.Shape()...)
	wrt := []graph.Node{x}
	names := []string{"dx"}
	for _, n := range []string{"gamma", "beta"} {
		if b.set.Get("bn/"+n) != nil {
			wrt, names = append(wrt, g.Param("bn/"+n, x.Dim(-1))), append(names, "d"+n)
		}
	}
	for i, d := range graph.VJP(y, up, wrt) {
		g.Output(names[i], d)
	}
}

// check compares an output with the expected value of that name, if there is
// one.
func (b *bench) check(r *graphtest.Run, output, want string) {
	b.t.Helper()
	if b.c.Expected.At(want) != nil {
		b.c.Check(b.t, b.precision, r.Output(output), want)
	}
}

// goldenSequence trains on five batches. Where the source keeps the unbiased
// variance, what the layer keeps is converted as an importer would.
func goldenSequence(t *testing.T, c *golden.Case, precision int) {
	b := newBench(t, c, precision)
	xs := c.Input(t, "x")
	shape, size := xs.Shape[1:], tensor.Shape(xs.Shape[1:]).Len()
	if c.Number(0, "count") == 1 {
		// Keras gives beta; here one value a feature is an error.
		g := graph.New()
		s := param.NewScope(g, b.set, param.Options{Training: true})
		Sequential{b.layer}.Trace(s, []graph.Node{g.Input("x", graph.Float, shape...)})
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), "bn: a batch of one") {
			t.Fatalf("error is %v, want one about a batch of one", err)
		}
		return
	}
	g, x, y := b.trace(true, shape)
	mean, variance, _, _ := moments(x, b.layer.Epsilon)
	g.Output("y", y)
	g.Output("mean", mean)
	g.Output("var", variance)
	b.backward(g, x, y)
	b.put(map[string]string{"gamma": "gamma", "beta": "beta"})
	r := b.compile(g)
	up := c.Inputs.At("upstream")
	if up != nil {
		r.Set("upstream", up.Data...)
	}
	var ys, means, variances []float64
	share := 1.0 // of the first variance that is left
	for k := range xs.Shape[0] {
		r.Set("x", xs.Data[k*size:(k+1)*size]...)
		b.step(r)
		if k == 0 {
			for out, want := range map[string]string{"mean": "mean0", "var": "var0_biased", "dx": "dx0", "dgamma": "dgamma0", "dbeta": "dbeta0"} {
				b.check(r, out, want)
			}
		}
		share *= b.layer.Momentum
		ys = append(ys, r.Output("y")...)
		means = append(means, graphtest.Floats(b.set.Value("bn/moving_mean"))...)
		for _, v := range graphtest.Floats(b.set.Value("bn/moving_variance")) {
			if c.Text("running_var_kind") == "unbiased" {
				n := c.Number(0, "count")
				v = share + (v-share)*n/(n-1)
			}
			variances = append(variances, v)
		}
	}
	if c.Expected.At("y") != nil {
		c.Check(t, precision, ys, "y")
		c.Check(t, precision, means, "running_mean")
	}
	c.Check(t, precision, variances, "running_var")
	if c.Inputs.At("x_eval") == nil {
		return
	}
	b.set1("moving_variance", variances[len(variances)-shape[len(shape)-1]:])
	g, x, y = b.trace(false, shape)
	g.Output("y", y)
	b.backward(g, x, y)
	r = b.compile(g)
	r.Set("x", c.Input(t, "x_eval").Data...)
	r.Set("upstream", up.Data...)
	b.step(r)
	for out, want := range map[string]string{"y": "y_eval", "dx": "dx_eval", "dgamma": "dgamma_eval", "dbeta": "dbeta_eval"} {
		b.check(r, out, want)
	}
}

// goldenTrain is one batch forward and backward.
func goldenTrain(t *testing.T, c *golden.Case, precision int) {
	b := newBench(t, c, precision)
	g, x, y := b.trace(true, c.Input(t, "x").Shape)
	mean, variance, _, _ := moments(x, b.layer.Epsilon)
	g.Output("y", y)
	g.Output("mean", mean)
	g.Output("var_biased", variance)
	b.backward(g, x, y)
	b.put(map[string]string{"gamma": "gamma", "beta": "beta"})
	for _, n := range []string{"gamma", "beta"} {
		if has := b.set.Get("bn/"+n) != nil; has != (c.Inputs.At(n) != nil) {
			t.Errorf("the layer has %s: %t", n, has)
		}
	}
	r := b.compile(g)
	r.Set("x", c.Input(t, "x").Data...)
	r.Set("upstream", c.Input(t, "upstream").Data...)
	b.step(r)
	for _, out := range c.Expected.Names {
		b.check(r, out, out)
	}
}

// goldenFrozen is a training graph whose layer is frozen.
func goldenFrozen(t *testing.T, c *golden.Case, precision int) {
	b := newBench(t, c, precision)
	b.trace(true, c.Input(t, "x").Shape)
	b.put(map[string]string{"gamma": "gamma", "beta": "beta", "moving_mean": "running_mean", "moving_variance": "running_var"})
	if n, err := b.set.Freeze("bn"); n != 4 || err != nil {
		t.Fatalf("froze %d, %v", n, err)
	}
	before := b.set.Clone()
	g, _, y := b.trace(true, c.Input(t, "x").Shape)
	if u := g.Updates(); len(u) > 0 {
		t.Errorf("%d updates of a frozen layer", len(u))
	}
	g.Output("y", y)
	r := b.compile(g)
	r.Set("x", c.Input(t, "x").Data...)
	b.step(r)
	b.check(r, "y", "y")
	for name, want := range map[string]string{"moving_mean": "running_mean_after", "moving_variance": "running_var_after"} {
		v := b.set.Value("bn/" + name)
		c.Check(t, precision, graphtest.Floats(v), want)
		if string(v.Bytes()) != string(before.Value("bn/"+name).Bytes()) {
			t.Errorf("%s has changed", name)
		}
	}
}

// goldenFold is a layer at prediction and the kernel and bias that do the same.
func goldenFold(t *testing.T, c *golden.Case, precision int) {
	b := newBench(t, c, precision)
	in := c.Input(t, "x")
	kernel := c.Input(t, "kernel")
	apply := func(g *graph.Builder, x graph.Node, kernel, bias []float64) graph.Node {
		return convolve(x, constant(g, kernel, c.Input(t, "kernel").Shape)).Add(constant(g, bias, c.Input(t, "bias").Shape))
	}

	order := c.Text("order")
	g := graph.New()
	x := g.Input("x", graph.Float, in.Shape...)
	s := param.NewScope(g, b.set, param.Options{})
	y := x
	if order != "bn_then_dense" {
		y = apply(g, y, kernel.Data, c.Input(t, "bias").Data)
	}
	y = s.Sub("bn", b.layer, y)
	if order == "bn_then_dense" {
		y = apply(g, y, kernel.Data, c.Input(t, "bias").Data)
	}
	b.put(map[string]string{"gamma": "gamma", "beta": "beta", "moving_mean": "mean", "moving_variance": "var"})

	gamma, beta, mean, variance := c.Input(t, "gamma").Data, c.Input(t, "beta").Data, c.Input(t, "mean").Data, c.Input(t, "var").Data
	scale := make([]float64, len(gamma))
	for i := range scale {
		scale[i] = gamma[i] / math.Sqrt(variance[i]+b.layer.Epsilon)
	}
	folded, bias := slices.Clone(kernel.Data), slices.Clone(c.Input(t, "bias").Data)
	outs := len(bias)
	if order == "bn_then_dense" {
		for i := range folded {
			k := i / outs
			folded[i] *= scale[k]
			bias[i%outs] += (beta[k] - mean[k]*scale[k]) * kernel.Data[i]
		}
	} else {
		for i := range folded {
			folded[i] *= scale[i%outs]
		}
		for j := range bias {
			bias[j] = (bias[j]-mean[j])*scale[j] + beta[j]
		}
	}
	c.Check(t, precision, folded, "folded_kernel")
	c.Check(t, precision, bias, "folded_bias")

	g.Output("y", y)
	g.Output("folded", apply(g, x, folded, bias))
	r := b.compile(g)
	r.Set("x", in.Data...)
	b.step(r)
	b.check(r, "y", "y")
	b.check(r, "folded", "y")
}

// constant is a tensor of given numbers.
func constant(g *graph.Builder, values []float64, shape tensor.Shape) graph.Node {
	parts := make([]graph.Node, len(values))
	for i, v := range values {
		parts[i] = g.Full(v, 1)
	}
	return graph.Concat(0, parts...).Reshape(shape...)
}

// convolve is the product of x (N, in) with a kernel (in, out), or the
// convolution of x (N, H, W, in) with a kernel (h, w, in, out), stride 1,
// padded to the same size.
func convolve(x, kernel graph.Node) graph.Node {
	if x.Rank() == 2 {
		return x.MatMul(kernel)
	}
	n, h, w, in := x.Dim(0), x.Dim(1), x.Dim(2), x.Dim(3)
	kh, kw, out := kernel.Dim(0), kernel.Dim(1), kernel.Dim(3)
	padded := x.Pad(1, kh/2, kh/2).Pad(2, kw/2, kw/2)
	var y graph.Node
	for i := range kh {
		for j := range kw {
			part := padded.Slice(1, i, i+h).Slice(2, j, j+w).Reshape(-1, in).
				MatMul(kernel.Slice(0, i, i+1).Slice(1, j, j+1).Reshape(in, out))
			if y.Valid() {
				part = y.Add(part)
			}
			y = part
		}
	}
	return y.Reshape(n, h, w, out)
}

func TestBatchNormMovesTowardsTheBatch(t *testing.T) {
	t.Parallel()
	// From 0, batches of variance 1 and momentum 0.9: 1 − 0.9ᵏ after k steps.
	set := param.NewSet(tensor.Float64)
	g := graph.New()
	x := g.Input("x", graph.Float, 2, 1)
	s := param.NewScope(g, set, param.Options{Training: true})
	Sequential{BatchNorm{Momentum: 0.9, Name: "bn"}}.Trace(s, []graph.Node{x})
	set.Value("bn/moving_variance").SetFlat(0, 0)
	r, err := graphtest.Compile(g, set)
	if err != nil {
		t.Fatal(err)
	}
	r.Set("x", -1, 1)
	for k := 1; k <= 10; k++ {
		if err := r.Step(); err != nil {
			t.Fatal(err)
		}
		if got, want := set.Value("bn/moving_variance").Flat(0), 1-math.Pow(0.9, float64(k)); math.Abs(got-want) > 1e-15 {
			t.Fatalf("after %d steps the moving variance is %v, want %v", k, got, want)
		}
	}
}

// The function with given statistics is the layer at prediction, bit by bit, and
// with those of the batch it is the layer in training, gradients included.
func TestBatchNormalizationFunction(t *testing.T) {
	t.Parallel()
	for _, shape := range []tensor.Shape{{6, 3}, {2, 3, 2, 3}} {
		for _, training := range []bool{false, true} {
			set := param.NewSet(tensor.Float64)
			g := graph.New()
			x := g.Input("x", graph.Float, shape...)
			layer := Sequential{BatchNorm{Name: "bn"}}.Trace(param.NewScope(g, set, param.Options{Training: training}), []graph.Node{x})[0]
			stir(set, 8)
			p := func(name string) graph.Node { return g.Param("bn/"+name, 3) }
			mean, variance := p("moving_mean"), p("moving_variance")
			if training {
				mean, variance = BatchMoments(x)
			}
			function := BatchNormalization(x, mean, variance, p("beta"), p("gamma"), 1e-3)
			for name, y := range map[string]graph.Node{"layer": layer, "function": function} {
				g.Output(name, y)
				g.Output(name+" dx", graph.Grad(y.Square().Sum(), []graph.Node{x})[0])
			}
			g.Output("bare", BatchNormalization(x, mean, variance, graph.Node{}, graph.Node{}, 1e-3))
			r, err := graphtest.Compile(g, set)
			if err != nil {
				t.Fatal(err)
			}
			values := make([]float64, shape.Len())
			for i := range values {
				values[i] = math.Sin(float64(3 * i * i))
			}
			r.Set("x", values...)
			if err := r.Step(); err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{"", " dx"} {
				got, want := r.Output("function"+part), r.Output("layer"+part)
				for i := range want {
					if d := math.Abs(got[i] - want[i]); d > 1e-12 || !training && d != 0 {
						t.Errorf("training %v: %s%g, the layer %g", training, part, got[i], want[i])
						break
					}
				}
			}
			sum := 0.0 // of the first feature, over the batch
			for i := 0; i < len(values); i += 3 {
				sum += r.Output("bare")[i]
			}
			if training && math.Abs(sum) > 1e-12 {
				t.Errorf("without scale and offset the sum is %v", sum)
			}
		}
	}
}

func ExampleBatchNormalization() {
	g := graph.New()
	x := g.Input("x", graph.Float, 3, 1)
	mean, variance := BatchMoments(x)
	g.Output("y", BatchNormalization(x, mean, variance, g.Const(10), g.Const(2), 0))
	r, err := graphtest.Compile(g, nil)
	if err == nil {
		r.Set("x", 1, 2, 3)
		err = r.Step()
	}
	fmt.Printf("%.4f %v\n", r.Output("y"), err)
	// Output: [7.5505 10.0000 12.4495] <nil>
}
