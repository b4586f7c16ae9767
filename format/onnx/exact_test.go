package onnx

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/tensor"
)

// computed is what a graph of floats makes of x.
func computed(t formattest.Failer, file []byte, x *tensor.Tensor) *tensor.Tensor {
	t.Helper()
	f, err := parse(file, "nowhere")
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := f.Import(format.Options{})
	if err != nil {
		t.Fatal(err)
	}
	y, err := formattest.Try(m, x)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// TestClipExact cuts to one bound and to two, to the last bit.
func TestClipExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		bounds := []float32{rapid.Float32Range(-5, 5).Draw(r, "min"), rapid.Float32Range(-5, 5).Draw(r, "max")}
		if bounds[0] > bounds[1] {
			bounds[0], bounds[1] = bounds[1], bounds[0]
		}
		which := rapid.SampledFrom([]string{"lo", "hi", "lo hi"}).Draw(r, "bounds")
		x := []float32{rapid.Float32Range(-6, 6).Draw(r, "a"), rapid.Float32Range(-6, 6).Draw(r, "b"), float32(math.Inf(1)), float32(math.Inf(-1))}
		node := aNode("Clip", "x "+which, "y")
		if which == "hi" { // the second input is left out
			node = bytesField(1, textField(1, "x"), textField(1, ""), textField(1, "hi"), textField(2, "y"), textField(4, "Clip"))
		}
		file := aModel(17, node, bytesField(5, raw("lo", bounds[:1])), bytesField(5, raw("hi", bounds[1:])), bytesField(11, info("x", 0, 4)), bytesField(12, info("y", 0, 4)))
		y := computed(r, file, tensor.Of(x, 1, 4))
		for i, v := range x {
			if which != "hi" {
				v = max(v, bounds[0])
			}
			if which != "lo" {
				v = min(v, bounds[1])
			}
			if float32(y.Flat(i)) != v {
				r.Fatalf("%s of %g: %g is cut to %g, want %g", which, bounds, x[i], y.Flat(i), v)
			}
		}
	})
}

// TestWholeNumbers moves numbers that no float32 holds, and does not compute with them.
func TestWholeNumbers(t *testing.T) {
	t.Parallel()
	in := func(code int) []byte {
		dim := func(n int) []byte { return bytesField(1, intField(1, n)) }
		return bytesField(11, textField(1, "x"), bytesField(2, bytesField(1, intField(1, code), bytesField(2, bytesField(1, textField(2, "N")), dim(2), dim(2)))))
	}
	out := bytesField(12, info("y", 0, 2, 2))
	x := tensor.Of([]int32{1<<24 + 1, -1<<24 - 1, math.MaxInt32, 3}, 1, 2, 2)
	y := computed(t, aModel(17, aNode("Pad", "x p", "a", bytesOf(textField(1, "mode"), textField(4, "reflect"), intField(20, 3))), aNode("Transpose", "a", "b", intsAttr("perm", 0, 2, 1)), aNode("Slice", "b s e", "c"), aNode("Concat", "c c", "y", bytesOf(textField(1, "axis"), intField(3, 1), intField(20, 2))),
		bytesField(5, int64s("p", 0, 1, 0, 0, 0, 0)), bytesField(5, int64s("s", 0, 0, 1)), bytesField(5, int64s("e", 1<<40, 2, 3)), in(6), out), x)
	want := []float64{1<<24 + 1, -1<<24 - 1, 1<<24 + 1, -1<<24 - 1, math.MaxInt32, 3, math.MaxInt32, 3} // its axes stand the other way around
	if y.Len() != len(want) {
		t.Fatalf("%v", y)
	}
	for i, w := range want {
		if y.Flat(i) != w {
			t.Errorf("number %d is %.0f, want %.0f", i, y.Flat(i), w)
		}
	}
	for what, file := range map[string][]byte{
		"a sum of bytes":           aModel(17, aNode("Add", "x x", "y"), in(2), out),
		"the larger of integers":   aModel(17, aNode("Max", "x x", "y"), in(6), out),
		"a mean of bytes":          aModel(17, aNode("AveragePool", "x", "y", intsAttr("kernel_shape", 1)), in(2), out),
		"whole numbers of 64 bits": aModel(17, aNode("Relu", "x", "y"), in(13), out),
	} {
		if err := use(file); err == nil {
			t.Errorf("%s: it is computed", what)
		}
	}
}

// TestInputForget holds an LSTM whose forget gate is what its input gate leaves to the same by
// hand: with peepholes, a bias for each, and numbers for the forget gate that do not count.
func TestInputForget(t *testing.T) {
	t.Parallel()
	const steps, in, units = 4, 2, 3
	numbers := func(n, from int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(math.Sin(float64(7*i+from))) / 2
		}
		return v
	}
	w, r, b, p := numbers(4*units*in, 1), numbers(4*units*units, 2), numbers(8*units, 3), numbers(3*units, 4)
	coupled := append(textField(1, "input_forget"), append(intField(3, 1), intField(20, 2)...)...)
	node := bytesField(1, textField(1, "x"), textField(1, "w"), textField(1, "r"), textField(1, "b"), textField(1, ""), textField(1, ""), textField(1, ""), textField(1, "p"),
		textField(2, ""), textField(2, "y"), textField(4, "LSTM"), bytesField(5, coupled))
	file := aModel(14, node, bytesField(5, raw("w", w, 1, 4*units, in)), bytesField(5, raw("r", r, 1, 4*units, units)), bytesField(5, raw("b", b, 1, 8*units)), bytesField(5, raw("p", p, 1, 3*units)),
		bytesField(11, info("x", steps, 0, in)), bytesField(12, info("y", 1, 0, units)))
	x := tensor.New(tensor.Float32, 2, steps, in)
	for i := range x.Len() {
		x.SetFlat(i, math.Cos(float64(3*i)))
	}
	y := computed(t, file, x)
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	for row := range 2 {
		h, c := make([]float64, units), make([]float64, units)
		for s := range steps {
			next, cell := make([]float64, units), make([]float64, units)
			for u := range units {
				z := func(gate int) float64 { // i, o, f, c
					at := gate*units + u
					sum := float64(b[at]) + float64(b[4*units+at])
					for k := range in {
						sum += float64(w[at*in+k]) * x.At(row, s, k)
					}
					for k := range units {
						sum += float64(r[at*units+k]) * h[k]
					}
					return sum
				}
				i := sigmoid(z(0) + float64(p[u])*c[u])
				cell[u] = (1-i)*c[u] + i*math.Tanh(z(3))
				next[u] = sigmoid(z(1)+float64(p[units+u])*cell[u]) * math.Tanh(cell[u])
			}
			h, c = next, cell
		}
		for u, want := range h {
			if got := y.Flat(row*units + u); !(math.Abs(got-want) < 1e-6) {
				t.Errorf("sample %d, unit %d: %g, want %g", row, u, got, want)
			}
		}
	}
}

// TestGateNumbers gives activations of recurrent operations the numbers that are theirs: of
// all in their order, or of those alone that have some.
func TestGateNumbers(t *testing.T) {
	t.Parallel()
	floats := func(v ...float64) *attr { return &attr{floats: v} }
	for what, attrs := range map[string]map[string]*attr{
		"those that have some": {"activation_alpha": floats(0.25), "activation_beta": floats(0.5)},
		"all":                  {"activation_alpha": floats(0.25, 0, 0), "activation_beta": floats(0.5, 0, 0)},
	} {
		attrs["activations"] = &attr{strings: []string{"HardSigmoid", "Tanh", "Tanh"}}
		gate, state, err := cells["LSTM"].activations(&node{op: "LSTM", attrs: attrs}, 0)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if slope, _ := gate.Get("slope"); slope.Text != "0.25" || state.Text != "tanh" {
			t.Errorf("%s: %s and %s", what, gate.JSON(), state.JSON())
		}
	}
	if _, _, err := cells["RNN"].activations(&node{op: "RNN", attrs: map[string]*attr{"activations": {strings: []string{"HardSigmoid"}}, "activation_beta": floats(0.3)}}, 0); err == nil {
		t.Error("another offset is taken")
	}
}
