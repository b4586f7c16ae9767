package keras

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/tensor"
)

// elman goes along words, of which 0 is left out, in plain Go: the outputs in the order in which
// they are made, zero or that before at a word that is left out.
func elman(words []int, backwards, zero bool, table, kernel, recurrent, bias []float32) [][]float64 {
	u := len(bias)
	h, before := make([]float64, u), make([]float64, u)
	var out [][]float64
	words = slices.Clone(words)
	if backwards {
		slices.Reverse(words)
	}
	for _, w := range words {
		next := make([]float64, u)
		for j := range next {
			z := float64(bias[j])
			for i := range len(kernel) / u {
				z += float64(table[w*len(kernel)/u+i]) * float64(kernel[i*u+j])
			}
			for i := range h {
				z += h[i] * float64(recurrent[i*u+j])
			}
			next[j] = math.Tanh(z)
		}
		switch {
		case w != 0:
			h, before = next, next
			out = append(out, next)
		case zero:
			out = append(out, make([]float64, u))
		default:
			out = append(out, before)
		}
	}
	return out
}

// TestMasks reads models that mask words, of all versions of Keras, and holds them to a loop
// that leaves the words out.
func TestMasks(t *testing.T) {
	t.Parallel()
	number := func(n int, seed float64) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(math.Sin(seed + float64(i)*1.3))
		}
		return out
	}
	of := func(v []float32, shape ...int) *tensor.Tensor { return tensor.Of(v, shape...) }
	table, kernel, recurrent, bias := number(10, 1), number(4, 2), number(4, 3), number(2, 4)
	kernel2, recurrent2, bias2 := number(4, 5), number(4, 6), number(2, 7)
	words := [][]int{{1, 2, 3, 4}, {2, 3, 0, 0}, {0, 4, 1, 0}, {3, 0, 0, 1}, {0, 0, 0, 0}}
	x := tensor.New(tensor.Int32, len(words), 4)
	for i, w := range slices.Concat(words...) {
		x.SetFlat(i, float64(w))
	}
	embedding := weight{"e", "e/embeddings:0", of(table, 5, 2)}
	embedded := func(class string) string {
		return `{"class_name":"Embedding","config":{"name":"e","input_dim":5,"output_dim":2,"mask_zero":true,"batch_input_shape":[null,4]}},` + class
	}
	single := []weight{embedding, {"r", "r/kernel:0", of(kernel, 2, 2)}, {"r", "r/recurrent_kernel:0", of(recurrent, 2, 2)}, {"r", "r/bias:0", of(bias, 2)}}
	double := []weight{embedding, {"b", "b/forward_r/kernel:0", of(kernel, 2, 2)}, {"b", "b/forward_r/recurrent_kernel:0", of(recurrent, 2, 2)}, {"b", "b/forward_r/bias:0", of(bias, 2)},
		{"b", "b/backward_r/kernel:0", of(kernel2, 2, 2)}, {"b", "b/backward_r/recurrent_kernel:0", of(recurrent2, 2, 2)}, {"b", "b/backward_r/bias:0", of(bias2, 2)}}
	rnn := func(units, more string) string {
		return `{"class_name":"SimpleRNN","config":{"name":"r","` + units + `":2,"activation":"tanh"` + more + `}}`
	}
	both := func(units string) string {
		return `{"class_name":"Bidirectional","config":{"name":"b","merge_mode":"concat","layer":` + rnn(units, `,"return_sequences":true`) + `}}`
	}
	last := func(all [][]float64) []float64 { return all[len(all)-1] }
	one := func(words []int, backwards, zero bool) [][]float64 {
		return elman(words, backwards, zero, table, kernel, recurrent, bias)
	}
	two := func(zero bool) func([]int) []float64 {
		return func(words []int) (out []float64) {
			back := elman(words, true, zero, table, kernel2, recurrent2, bias2)
			slices.Reverse(back)
			for k, y := range one(words, false, zero) {
				out = append(append(out, y...), back[k]...)
			}
			return out
		}
	}
	for name, tc := range map[string]struct {
		version, layers string
		weights         []weight
		want            func(words []int) []float64
	}{
		"the last":          {"2.4.0", rnn("units", ""), single, func(w []int) []float64 { return last(one(w, false, false)) }},
		"the first":         {"2.4.0", rnn("units", `,"go_backwards":true`), single, func(w []int) []float64 { return last(one(w, true, false)) }},
		"all":               {"2.2.4", rnn("units", `,"return_sequences":true`), single, func(w []int) []float64 { return slices.Concat(one(w, false, false)...) }},
		"all, or 0":         {"2.4.0", rnn("units", `,"return_sequences":true,"zero_output_for_mask":true`), single, func(w []int) []float64 { return slices.Concat(one(w, false, true)...) }},
		"the last of dense": {"2.4.0", `{"class_name":"Dropout","config":{"name":"d","rate":0.2}},{"class_name":"TimeDistributed","config":{"name":"t","layer":{"class_name":"Activation","config":{"name":"a","activation":"linear"}}}},` + rnn("units", ""), single, func(w []int) []float64 { return last(one(w, false, false)) }},
		"lost":              {"2.4.0", `{"class_name":"Reshape","config":{"name":"f","target_shape":[2,4]}},{"class_name":"Reshape","config":{"name":"g","target_shape":[4,2]}},` + rnn("units", ""), single, func(w []int) []float64 { return last(unmasked(w, table, kernel, recurrent, bias)) }},
		"mean": {"2.4.0", `{"class_name":"GlobalAveragePooling1D","config":{"name":"g"}}`, single[:1], func(w []int) []float64 {
			var sum [2]float64
			n := 0.0
			for _, w := range w {
				if w != 0 {
					sum[0], sum[1], n = sum[0]+float64(table[2*w]), sum[1]+float64(table[2*w+1]), n+1
				}
			}
			return []float64{sum[0] / max(n, 1), sum[1] / max(n, 1)}
		}},
		"both ways":            {"2.4.0", both("units"), double, two(true)},
		"both ways, tf 2.0":    {"2.2.4-tf", both("units"), double, two(true)},
		"both ways, tf 1.10":   {"2.1.6-tf", both("units"), double, two(false)},
		"both ways, Keras 2.2": {"2.2.4", both("units"), double, two(false)},
		"both ways, Keras 2.3": {"2.3.1", both("units"), double, two(false)},
		"both ways, Keras 1":   {"1.2.2", both("output_dim"), double, two(false)},
		"both ways, Keras 3":   {"3.5.0", both("units"), double, two(true)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, _ := formattest.Import(t, h5(t, tc.version, `{"class_name":"Sequential","config":{"name":"s","layers":[`+embedded(tc.layers)+`]}}`, tc.weights...), format.Options{})
			var want []float64
			for _, w := range words {
				want = append(want, tc.want(w)...)
			}
			formattest.Near(t, formattest.Predict(t, m, x), want...)
		})
	}
}

// unmasked is elman with word 0 as any other.
func unmasked(words []int, table, kernel, recurrent, bias []float32) [][]float64 {
	moved := make([]int, len(words))
	for i, w := range words {
		moved[i] = w + 1
	}
	wide := append(make([]float32, len(kernel)/len(bias)), table...)
	return elman(moved, false, false, wide, kernel, recurrent, bias)
}

// TestMaskOperations reads what Keras 3 writes of masks into functional models: the operations
// that make them, and which layer is called with which. They are those that layers hand on.
func TestMaskOperations(t *testing.T) {
	t.Parallel()
	ref := func(name string) string {
		return `{"class_name":"__keras_tensor__","config":{"shape":[null,4,2],"dtype":"float32","keras_history":["` + name + `",0,0]}}`
	}
	layer := func(class, name, more, in, kw string) string {
		return fmt.Sprintf(`{"class_name":%q,"name":%q,"config":{"name":%q%s},"inbound_nodes":[{"args":[%s],"kwargs":{%s}}]}`, class, name, name, more, in, kw)
	}
	input := func(name, shape string) string {
		return fmt.Sprintf(`{"class_name":"InputLayer","name":%q,"config":{"name":%q,"batch_shape":%s},"inbound_nodes":[]}`, name, name, shape)
	}
	masking := func(mask string) []string {
		return []string{input("x", "[null,4,2]"), layer("NotEqual", "ne", "", ref("x")+`,-1.5`, ""), layer("Any", "any", `,"axis":[-1],"keepdims":false`, ref("ne"), ""),
			layer("Masking", "m", `,"mask_value":-1.5`, ref("x"), ""), layer("Dense", "d", `,"units":2`, ref("m"), ""), layer("LSTM", "r", `,"units":2`, ref("d"), mask)}
	}
	words := func(mask string) []string {
		return []string{input("x", "[null,4]"), layer("Embedding", "e", `,"input_dim":5,"output_dim":2,"mask_zero":true`, ref("x"), ""), layer("NotEqual", "ne", "", ref("x")+",0", ""),
			layer("Bidirectional", "b", `,"layer":{"class_name":"GRU","config":{"name":"g","units":2,"return_sequences":true}}`, ref("e"), mask),
			layer("Add", "sum", "", "["+ref("b")+","+ref("b")+"]", ""), layer("GlobalAveragePooling1D", "r", "", ref("sum"), mask)}
	}
	config := func(layers []string) string {
		return `{"class_name":"Functional","config":{"name":"s","layers":[` + strings.Join(layers, ",") + `],"input_layers":[["x",0,0]],"output_layers":[["r",0,0]]}}`
	}
	for name, tc := range map[string]struct {
		layers []string
		want   string // the error; without weights a model is read as far as that
	}{
		"masking":        {masking(`"mask":` + ref("any")), "holds no weights"},
		"words":          {words(`"mask":` + ref("ne")), "holds no weights"},
		"no mask":        {masking(`"mask":null`), "holds no weights"},
		"another mask":   {masking(`"mask":` + ref("ne")), `layer "r": it is called with a mask, "ne"`},
		"another number": {append(masking(`"mask":` + ref("other"))[:5], layer("NotEqual", "ne2", "", ref("x")+`,-1`, ""), layer("Any", "other", `,"axis":-1`, ref("ne2"), ""), masking(`"mask":` + ref("other"))[5]), `layer "r": it is called with a mask, "other"`},
		"mask of nobody": {append(words(`"mask":` + ref("d"))[:3:3], layer("Dense", "d", `,"units":2`, ref("e"), ""), words(`"mask":` + ref("d"))[3], words("")[4], words("")[5]), `layer "b": it is called with a mask, "d", that is none of`},
		"a mask at work": {append(words(`"mask":` + ref("ne"))[:5:5], layer("Dense", "r", `,"units":2`, ref("ne"), "")), `layer "r": it computes with a mask, "ne"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := ""
			if _, err := blueprint(&File{format: H5, version: "3.5.0", config: config(tc.layers)}, format.Options{}); err != nil {
				text = err.Error()
			}
			if !strings.Contains(text, tc.want) {
				t.Errorf("%s\nwant %s", text, tc.want)
			}
		})
	}
}

// TestJoinedMasks reads words and tags side by side, each with padding of its own: in Keras 2 a
// step counts that does in both; versions of Keras 3 do not agree, and it is refused.
func TestJoinedMasks(t *testing.T) {
	t.Parallel()
	number := func(n int, seed float64) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(math.Sin(seed + float64(i)*1.3))
		}
		return out
	}
	input := func(name string) string {
		return fmt.Sprintf(`{"class_name":"InputLayer","name":%[1]q,"config":{"name":%[1]q,"batch_input_shape":[null,4]},"inbound_nodes":[]}`, name)
	}
	embedding := func(name, in string) string {
		return fmt.Sprintf(`{"class_name":"Embedding","name":%[1]q,"config":{"name":%[1]q,"input_dim":5,"output_dim":1,"mask_zero":true},"inbound_nodes":[[[%q,0,0,{}]]]}`, name, in)
	}
	config := `{"class_name":"Functional","config":{"name":"m","layers":[` + strings.Join([]string{input("w"), input("t"), embedding("ew", "w"), embedding("et", "t"),
		`{"class_name":"Concatenate","name":"c","config":{"name":"c","axis":-1},"inbound_nodes":[[["ew",0,0,{}],["et",0,0,{}]]]}`,
		`{"class_name":"SimpleRNN","name":"r","config":{"name":"r","units":2},"inbound_nodes":[[["c",0,0,{}]]]}`}, ",") + `],"input_layers":[["w",0,0],["t",0,0]],"output_layers":[["r",0,0]]}}`
	kernel, recurrent, bias := number(4, 2), number(4, 3), number(2, 4)
	ew, et := number(5, 1), number(5, 6)
	ws := []weight{{"ew", "ew/embeddings:0", tensor.Of(ew, 5, 1)}, {"et", "et/embeddings:0", tensor.Of(et, 5, 1)},
		{"r", "r/kernel:0", tensor.Of(kernel, 2, 2)}, {"r", "r/recurrent_kernel:0", tensor.Of(recurrent, 2, 2)}, {"r", "r/bias:0", tensor.Of(bias, 2)}}
	m, _ := formattest.Import(t, h5(t, "2.9.0", config, ws...), format.Options{})
	words, tags := []float64{1, 2, 0, 4, 3, 0, 0, 0}, []float64{2, 0, 1, 3, 1, 1, 0, 0}
	xs := []*tensor.Tensor{tensor.New(tensor.Float32, 2, 4), tensor.New(tensor.Float32, 2, 4)}
	for i := range words {
		xs[0].SetFlat(i, words[i])
		xs[1].SetFlat(i, tags[i])
	}
	for i := range xs {
		xs[i] = xs[i].Convert(m.Data.Inputs[i].DType)
	}
	ys, err := formattest.TryAll(m, xs...)
	if err != nil {
		t.Fatal(err)
	}
	for row := range 2 {
		// Pairs that count, as words of a table of their own.
		table, pairs := []float32{0, 0}, []int{}
		for k := range 4 {
			w, g := int(words[row*4+k]), int(tags[row*4+k])
			if w == 0 || g == 0 {
				pairs = append(pairs, 0)
				continue
			}
			pairs = append(pairs, len(table)/2)
			table = append(table, ew[w], et[g])
		}
		all := elman(pairs, false, false, table, kernel, recurrent, bias)
		for k, v := range all[3] {
			if d := math.Abs(ys[0].At(row, k) - v); !(d < 1e-6) {
				t.Errorf("row %d, number %d is %g, want %g", row, k, ys[0].At(row, k), v)
			}
		}
	}
	if _, _, err := format.Import(h5(t, "3.5.0", config, ws...), format.Options{}); err == nil || !strings.Contains(err.Error(), "masks: all, or any") {
		t.Errorf("Keras 3: %v", err)
	}
}
