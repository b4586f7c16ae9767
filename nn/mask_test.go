package nn_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/nn/nntest"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// plainCell is a recurrent layer as a loop over one sequence, which knows nothing of graphs.
type plainCell struct {
	kind             string // lstm, gru, gru before, simple_rnn
	units            int
	backwards, zero  bool
	w                map[string][]float64 // kernel, recurrent_kernel, bias
	in               int
	clip, cellClip   float64
	proj             int
	h0, c0           []float64
	hiddenH, hiddenC []float64 // after the last step
}

func cut(x, most float64) float64 {
	if most > 0 {
		return math.Max(-most, math.Min(most, x))
	}
	return x
}

// run gives the output at every step, in the order in which they are gone through.
func (p *plainCell) run(x [][]float64, counts []bool) [][]float64 {
	gates := map[string]int{"lstm": 4, "gru": 3, "gru before": 3, "simple_rnn": 1}[p.kind]
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	wide := gates * p.units
	width := p.units
	if p.proj > 0 {
		width = p.proj
	}
	h, c := make([]float64, width), make([]float64, p.units)
	copy(h, p.h0)
	copy(c, p.c0)
	var out [][]float64
	before := make([]float64, width) // the output so far
	for k := range x {
		t := k
		if p.backwards {
			t = len(x) - 1 - k
		}
		times := func(v, w []float64, j int) (sum float64) {
			for i := range v {
				sum += v[i] * w[i*wide+j]
			}
			return sum
		}
		bias := func(row, j int) float64 { return p.w["bias"][row*wide+j] }
		xw := func(j int) float64 { return times(x[t], p.w["kernel"], j) }
		hw := func(h []float64, j int) float64 { return times(h, p.w["recurrent_kernel"], j) }
		nextH, nextC := make([]float64, width), make([]float64, p.units)
		made := make([]float64, p.units)
		reset := make([]float64, p.units) // r·h
		for u := range p.units {
			if p.kind == "gru before" {
				reset[u] = sigmoid(cut(xw(p.units+u)+hw(h, p.units+u)+bias(0, p.units+u), p.clip)) * h[u]
			}
		}
		for u := range p.units {
			z := func(g int) float64 {
				return cut(xw(g*p.units+u)+hw(h, g*p.units+u)+bias(0, g*p.units+u), p.clip)
			}
			switch p.kind {
			case "simple_rnn":
				made[u] = math.Tanh(z(0))
			case "lstm":
				nextC[u] = cut(sigmoid(z(1))*c[u]+sigmoid(z(0))*math.Tanh(z(2)), p.cellClip)
				made[u] = sigmoid(z(3)) * math.Tanh(nextC[u])
			case "gru":
				both := func(g int) float64 {
					return cut(xw(g*p.units+u)+hw(h, g*p.units+u)+bias(0, g*p.units+u)+bias(1, g*p.units+u), p.clip)
				}
				r := sigmoid(both(1))
				candidate := math.Tanh(cut(xw(2*p.units+u)+bias(0, 2*p.units+u)+r*(hw(h, 2*p.units+u)+bias(1, 2*p.units+u)), p.clip))
				made[u] = sigmoid(both(0))*h[u] + (1-sigmoid(both(0)))*candidate
			case "gru before":
				candidate := math.Tanh(cut(xw(2*p.units+u)+bias(0, 2*p.units+u)+hw(reset, 2*p.units+u), p.clip))
				made[u] = sigmoid(z(0))*h[u] + (1-sigmoid(z(0)))*candidate
			}
		}
		copy(nextH, made)
		if p.proj > 0 {
			for j := range width {
				nextH[j] = 0
				for u := range p.units {
					nextH[j] += made[u] * p.w["projection"][u*width+j]
				}
			}
		}
		y := before
		if counts[t] {
			h, c, y = nextH, nextC, nextH
		}
		before = y
		if p.zero && !counts[t] {
			y = make([]float64, width)
		}
		out = append(out, y)
	}
	p.hiddenH, p.hiddenC = h, c
	return out
}

// wavy is numbers that no two places share.
func wavy(n int, seed float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Sin(seed + float64(i)*1.7 + float64(i*i)*0.31)
	}
	return out
}

// masks of (rows, steps): at the end, in front, in the middle, all, none.
var steppings = [][]bool{
	{true, true, true, true}, {true, true, true, false}, {true, false, false, false}, {false, true, true, true},
	{false, false, true, false}, {true, false, true, true}, {false, false, false, false},
}

// runLayers traces layers on x (rows, steps, in) and any more inputs, and gives the result.
func runLayers(t *testing.T, on backend.Backend, m nn.Model, in map[string]*tensor.Tensor, order []string, set *param.Set) []float64 {
	t.Helper()
	b := graph.New()
	var nodes []graph.Node
	for _, name := range order {
		kind := graph.Float
		if in[name].DType() == tensor.Int32 {
			kind = graph.Int
		}
		nodes = append(nodes, b.Input(name, kind, in[name].Shape()...))
	}
	s := param.NewScope(b, set, param.Options{Seed: 5})
	y := m.Trace(s, nodes)[0]
	if !y.Valid() {
		t.Fatal(b.Err())
	}
	b.Output("y", y)
	r, err := graphtest.CompileOn(on, b, set)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, name := range order {
		r.Set(name, graphtest.Floats(in[name])...)
	}
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	return r.Output("y")
}

// TestMaskedSteps holds every recurrent layer behind a mask to a loop in plain Go, which leaves
// steps out one by one: with whole sequences and last outputs, both ways, with zeros and with
// the output before, in the op and unrolled.
func TestMaskedSteps(t *testing.T) {
	t.Parallel()
	const steps, in, units, none = 4, 3, 2, 0.25
	rows := len(steppings)
	x := tensor.Of(wavy(rows*steps*in, 0.4), rows, steps, in)
	for i, counts := range steppings {
		for k, c := range counts {
			for f := range in {
				if !c {
					x.SetFlat((i*steps+k)*in+f, none)
				} else if f == 0 {
					x.SetFlat((i*steps+k)*in, none) // one feature of several
				}
			}
		}
	}
	for _, c := range []struct {
		kind string
		l    func(sequences, backwards, zero bool) nn.Layer
		clip float64
		cell float64
		proj int
	}{
		{"simple_rnn", func(s, b, z bool) nn.Layer {
			return nn.SimpleRNN{Units: units, Sequences: s, Backwards: b, ZeroMasked: z}
		}, 0, 0, 0},
		{"simple_rnn", func(s, b, z bool) nn.Layer {
			return nn.SimpleRNN{Units: units, Sequences: s, Backwards: b, ZeroMasked: z, GateClip: 0.3}
		}, 0.3, 0, 0},
		{"lstm", func(s, b, z bool) nn.Layer {
			return nn.LSTM{Units: units, Sequences: s, Backwards: b, ZeroMasked: z}
		}, 0, 0, 0},
		{"lstm", func(s, b, z bool) nn.Layer {
			return nn.LSTM{Units: units, Sequences: s, Backwards: b, ZeroMasked: z, CellClip: 0.1, Projection: 3}
		}, 0, 0.1, 3},
		{"lstm", func(s, b, z bool) nn.Layer {
			return nn.LSTM{Units: units, Sequences: s, Backwards: b, ZeroMasked: z, GateClip: 0.2}
		}, 0.2, 0, 0},
		{"gru", func(s, b, z bool) nn.Layer {
			return nn.GRU{Units: units, Sequences: s, Backwards: b, ZeroMasked: z}
		}, 0, 0, 0},
		{"gru", func(s, b, z bool) nn.Layer {
			return nn.GRU{Units: units, Sequences: s, Backwards: b, ZeroMasked: z, GateClip: 0.2}
		}, 0.2, 0, 0},
		{"gru before", func(s, b, z bool) nn.Layer {
			return nn.GRU{Units: units, Sequences: s, Backwards: b, ZeroMasked: z, ResetBefore: true, GateClip: 0.4}
		}, 0.4, 0, 0},
	} {
		for bits := range 8 {
			sequences, backwards, zero := bits&1 > 0, bits&2 > 0, bits&4 > 0
			l := c.l(sequences, backwards, zero)
			m := nn.Sequential{nn.Masking{Value: none}, nn.Dropout{Rate: 0.5}, l}
			for _, on := range []backend.Backend{ref.Backend{}, cpu.New()} {
				set := param.NewSet(tensor.Float64)
				var got []float64
				for range 2 { // first to have the weights
					got = runLayers(t, on, m, map[string]*tensor.Tensor{"x": x}, []string{"x"}, set)
					for p := range set.All() {
						for i, v := range wavy(p.Value.Len(), float64(len(p.Name))) {
							p.Value.SetFlat(i, v)
						}
					}
				}
				p := plainCell{kind: c.kind, units: units, in: in, backwards: backwards, zero: zero, w: map[string][]float64{}, clip: c.clip, cellClip: c.cell, proj: c.proj}
				for v := range set.All() {
					p.w[v.Name[strings.LastIndexByte(v.Name, '/')+1:]] = graphtest.Floats(v.Value)
				}
				var want []float64
				for i, counts := range steppings {
					var seq [][]float64
					for k := range steps {
						seq = append(seq, graphtest.Floats(x)[(i*steps+k)*in:(i*steps+k+1)*in])
					}
					out := p.run(seq, counts)
					if !sequences {
						out = out[steps-1:]
					}
					for _, y := range out {
						want = append(want, y...)
					}
				}
				alike(t, fmt.Sprintf("%+v on %s", l, on.Name()), got, want)
			}
		}
	}
}

func alike(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		if d := math.Abs(got[i] - want[i]); !(d <= 1e-12) {
			t.Fatalf("%s: number %d is %g, want %g", what, i, got[i], want[i])
		}
	}
}

// ended is a layer behind the end of sequences: its second input says how many thirds of a step
// each has, so that numbers near 1 are of use.
type ended struct{ nn.Layer }

func (e ended) Join(s *nn.Scope, xs []graph.Node) graph.Node {
	x := nn.SequenceMask{}.Join(s, []graph.Node{xs[0], xs[1].Scale(3)})
	if len(xs) == 2 {
		return e.Apply(s, x)
	}
	return e.Layer.(nn.Joiner).Join(s, append([]graph.Node{x}, xs[2:]...))
}

// TestMaskedGradients tries the gradients of layers that leave steps out.
func TestMaskedGradients(t *testing.T) {
	t.Parallel()
	sequence := tensor.Shape{4, 2}
	for name, tc := range map[string]struct {
		layer nn.Layer
		more  []tensor.Shape
	}{
		"lstm":                   {nn.LSTM{Units: 2, Sequences: true}, nil},
		"lstm, last":             {nn.LSTM{Units: 2, Backwards: true, ReturnCell: true}, nil},
		"lstm, unrolled":         {nn.LSTM{Units: 2, Peephole: true, Sequences: true, ZeroMasked: true}, nil},
		"lstm from states":       {nn.LSTM{Units: 2, Sequences: true, Backwards: true, ReturnCell: true}, []tensor.Shape{{2}, {2}}},
		"lstm that is projected": {nn.LSTM{Units: 3, Projection: 2, Sequences: true}, nil},
		"projected from states":  {nn.LSTM{Units: 3, Projection: 2, ProjectionClip: 2, ReturnCell: true}, []tensor.Shape{{2}, {3}}},
		"gru":                    {nn.GRU{Units: 2, Sequences: true, Backwards: true}, nil},
		"gru from a state":       {nn.GRU{Units: 2, LearnState: true}, nil},
		"gru, reset before":      {nn.GRU{Units: 2, ResetBefore: true, Sequences: true}, []tensor.Shape{{2}}},
		"simple rnn":             {nn.SimpleRNN{Units: 2, Sequences: true, GateClip: 3}, nil},
		"both ways":              {nn.Bidirectional{Layer: nn.LSTM{Units: 2, Sequences: true}}, nil},
		"both ways, repeated":    {nn.Bidirectional{Layer: nn.GRU{Units: 2, Sequences: true}, Repeat: true, Merge: "sum"}, nil},
		"mean":                   {nn.GlobalAveragePooling1D{}, nil},
		"mean of dense steps":    {nn.Block{Layers: nn.Sequential{nn.TimeDistributed{Layer: nn.Dense{Units: 2}}, act.Tanh{}, nn.GlobalAveragePooling1D{Keep: true}}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nntest.Layer(t, ended{tc.layer}, append([]tensor.Shape{sequence, {1}}, tc.more...)...)
		})
	}
	nntest.Layer(t, nn.Masking{Value: 0.1}, sequence)
	nntest.Layer(t, nn.SequenceMask{}, sequence, tensor.Shape{})
	nntest.Layer(t, nn.SequenceMask{Bare: true}, tensor.Shape{3, 2, 2}, tensor.Shape{1})
	nntest.Layer(t, nn.LSTM{Units: 3, Projection: 2, GateClip: 0.4, Sequences: true, ReturnCell: true}, sequence)
	nntest.Layer(t, nn.Embedding{Words: 3, Units: 2, MaskZero: true}, tensor.Shape{4})
	nntest.Layer(t, nn.Bidirectional{Layer: nn.LSTM{Units: 2, Projection: 1}, Repeat: true}, sequence)
	nntest.Layer(t, nn.Concatenate{Masks: "any"}, sequence, sequence)
}

// A layer whose first steps are left out shows nothing of the state that it was given.
func TestMaskedGivenState(t *testing.T) {
	t.Parallel()
	const steps, in, units = 4, 2, 3
	rows := len(steppings)
	x := tensor.Of(wavy(rows*steps*in, 2), rows, steps, in)
	for i, counts := range steppings {
		for k, c := range counts {
			for f := range in {
				if !c {
					x.SetFlat((i*steps+k)*in+f, 0)
				}
			}
		}
	}
	h0, c0 := tensor.Of(wavy(rows*units, 7), rows, units), tensor.Of(wavy(rows*units, 8), rows, units)
	for bits := range 4 {
		sequences, backwards := bits&1 > 0, bits&2 > 0
		m := nn.Functional{In: []nn.Port{{Name: "x"}, {Name: "h"}, {Name: "c"}}, Layers: []nn.Entry{{Layer: nn.Masking{Name: "m"}, Inputs: []string{"x"}},
			{Layer: nn.LSTM{Units: units, Sequences: sequences, Backwards: backwards, ReturnCell: true}, Inputs: []string{"m", "h", "c"}}}}
		for _, on := range []backend.Backend{ref.Backend{}, cpu.New()} {
			set := param.NewSet(tensor.Float64)
			got := runLayers(t, on, m, map[string]*tensor.Tensor{"x": x, "h": h0, "c": c0}, []string{"x", "h", "c"}, set)
			p := plainCell{kind: "lstm", units: units, in: in, backwards: backwards, w: map[string][]float64{}}
			for v := range set.All() {
				p.w[v.Name[strings.LastIndexByte(v.Name, '/')+1:]] = graphtest.Floats(v.Value)
			}
			for i, counts := range steppings {
				p.h0, p.c0 = graphtest.Floats(h0)[i*units:(i+1)*units], graphtest.Floats(c0)[i*units:(i+1)*units]
				var seq [][]float64
				for k := range steps {
					seq = append(seq, graphtest.Floats(x)[(i*steps+k)*in:(i*steps+k+1)*in])
				}
				out := p.run(seq, counts)
				at := i * 2 * units
				if sequences {
					for k, y := range out {
						alike(t, "output", got[(i*steps+k)*2*units:][:units], y)
					}
					at = (i*steps + steps - 1) * 2 * units
				} else {
					alike(t, "last output", got[at:at+units], out[steps-1])
				}
				alike(t, "cell", got[at+units:at+2*units], p.hiddenC)
			}
		}
	}
}

// TestMaskFlow holds which layers hand masks on, and what becomes of them.
func TestMaskFlow(t *testing.T) {
	t.Parallel()
	const rows, steps = 3, 4
	words := []float64{3, 1, 0, 0, 2, 0, 1, 4, 0, 0, 0, 0}
	other := []float64{1, 1, 1, 0, 1, 1, 1, 1, 0, 0, 0, 0}
	mask := func(words []float64) (out []float64) {
		for _, w := range words {
			if w != 0 {
				w = 1
			}
			out = append(out, w)
		}
		return out
	}
	seq := func(l ...nn.Layer) nn.Sequential {
		return append(nn.Sequential{nn.Embedding{Words: 5, Units: 3, MaskZero: true}}, l...)
	}
	two := func(l nn.Layer, behind ...nn.Layer) nn.Functional {
		m := nn.Functional{In: []nn.Port{{Name: "words"}, {Name: "other"}}, Layers: []nn.Entry{{Layer: nn.Embedding{Words: 5, Units: 3, MaskZero: true, Name: "a"}, Inputs: []string{"words"}},
			{Layer: nn.Embedding{Words: 5, Units: 3, MaskZero: true, Name: "b"}, Inputs: []string{"other"}}, {Layer: l, Inputs: []string{"a", "b"}}}}
		for _, l := range behind {
			m.Layers = append(m.Layers, nn.Entry{Layer: l})
		}
		return m
	}
	all := make([]float64, len(words))
	some := make([]float64, len(words))
	for i := range words {
		all[i], some[i] = words[i]*other[i], words[i]+other[i]
	}
	for name, tc := range map[string]struct {
		m    nn.Model
		want []float64 // nil where there is none
	}{
		"embedding":             {seq(), mask(words)},
		"dense, dropout, norms": {seq(nn.Dense{Units: 2}, nn.Dropout{Rate: 0.2}, nn.BatchNorm{}, nn.LayerNorm{}, nn.Affine{}, nn.GaussianNoise{Stddev: 1}, nn.GaussianDropout{Rate: 0.1}, nn.AlphaDropout{Rate: 0.1}, nn.SpatialDropout{Rate: 0.1}), mask(words)},
		"activations":           {seq(act.ReLU{}, nn.Activation{Act: act.PReLU{}}, nn.Block{Layers: nn.Sequential{act.Tanh{}}}), mask(words)},
		"each step":             {seq(nn.TimeDistributed{Layer: nn.Dense{Units: 2}}, nn.TimeDistributed{Layer: act.Tanh{}}), mask(words)},
		"stacked":               {seq(nn.LSTM{Units: 2, Sequences: true}, nn.GRU{Units: 2, Sequences: true}, nn.Bidirectional{Layer: nn.SimpleRNN{Units: 2, Sequences: true}}), mask(words)},
		"backwards":             {seq(nn.LSTM{Units: 2, Sequences: true, Backwards: true}), mask(words)}, // as Keras has it
		"residual":              {seq(nn.Residual{Layers: nn.Sequential{nn.LSTM{Units: 3, Sequences: true}}}), mask(words)},
		"the last":              {seq(nn.LSTM{Units: 2}), nil},
		"both ways, the last":   {seq(nn.Bidirectional{Layer: nn.LSTM{Units: 2}}), nil},
		"flattened":             {seq(nn.Flatten{}), nil},
		"convolution":           {seq(nn.Conv1D{Filters: 2, Kernel: tensor.Shape{2}}), nil},
		"mean":                  {seq(nn.GlobalAveragePooling1D{}), nil},
		"largest":               {seq(nn.GlobalMaxPooling1D{}), nil},
		"both":                  {two(nn.Concatenate{Masks: "all"}), mask(all)},
		"either":                {two(nn.Add{Masks: "any"}), mask(some)},
		"one behind the other": {two(nn.Concatenate{Axis: 1}), func() (out []float64) {
			for i := range rows {
				out = append(append(out, mask(words[i*steps:(i+1)*steps])...), mask(other[i*steps:(i+1)*steps])...)
			}
			return out
		}()},
		"in doubt, and not needed": {two(nn.Multiply{}, nn.Dense{Units: 2}, nn.Maximum{}, nn.TimeDistributed{Layer: nn.Dense{Units: 2}}, nn.GlobalMaxPooling1D{}), nil},
	} {
		b := graph.New()
		in := []graph.Node{b.Input("words", graph.Int, rows, steps)}
		if _, ok := tc.m.(nn.Functional); ok {
			in = append(in, b.Input("other", graph.Int, rows, steps))
		}
		set := param.NewSet(tensor.Float64)
		s := param.NewScope(b, set, param.Options{Training: true, Seed: 5})
		y := tc.m.Trace(s, in)[0]
		if err := b.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := s.Mask(y)
		if !got.Valid() || tc.want == nil {
			if got.Valid() != (tc.want != nil) {
				t.Errorf("%s: mask %v, want %v", name, got, tc.want)
			}
			continue
		}
		b.Output("mask", got)
		r, err := graphtest.Compile(b, set)
		if err != nil {
			t.Fatal(err)
		}
		r.Set("words", words...)
		if len(in) > 1 {
			r.Set("other", other...)
		}
		if err := r.Step(); err != nil {
			t.Fatal(err)
		}
		alike(t, name, r.Output("mask"), tc.want)
		r.Close()
	}
	for want, m := range map[string]nn.Model{
		"say masks: all, or any": two(nn.Multiply{}, nn.Dense{Units: 2}, nn.LSTM{Units: 2}),
		"want all or any":        nn.Sequential{nn.Dense{Units: 2}},
	} {
		b := graph.New()
		in := []graph.Node{b.Input("words", graph.Int, rows, steps), b.Input("other", graph.Int, rows, steps)}
		s := param.NewScope(b, param.NewSet(tensor.Float64), param.Options{})
		if f, ok := m.(nn.Functional); ok {
			f.Trace(s, in)
			if err := b.Err(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		} else if err := (nn.Add{Masks: "some"}).Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Steps within steps: a sentence of which some word counts is one that counts.
func TestMaskedStepsWithinSteps(t *testing.T) {
	t.Parallel()
	const rows, sentences, words = 2, 3, 4
	text := []float64{1, 2, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0 /**/, 4, 4, 4, 4, 0, 0, 0, 0, 2, 0, 0, 0}
	x := tensor.New(tensor.Int32, rows, sentences, words)
	for i, v := range text {
		x.SetFlat(i, v)
	}
	set := param.NewSet(tensor.Float64)
	word := nn.LSTM{Units: 3, Name: "word"}
	m := nn.Sequential{nn.Embedding{Words: 5, Units: 2, MaskZero: true}, nn.TimeDistributed{Layer: word, Name: "word"}, nn.GRU{Units: 2, Name: "sentence"}}
	got := runLayers(t, cpu.New(), m, map[string]*tensor.Tensor{"x": x}, []string{"x"}, set)
	of := func(kind, layer string, units, in int) *plainCell {
		p := &plainCell{kind: kind, units: units, in: in, w: map[string][]float64{}}
		for v := range set.All() {
			if name, ok := strings.CutPrefix(v.Name, layer+"/"); ok {
				p.w[name] = graphtest.Floats(v.Value)
			}
		}
		return p
	}
	table := graphtest.Floats(set.Value("embedding/embeddings"))
	var want []float64
	for i := range rows {
		var seq [][]float64
		var counts []bool
		for j := range sentences {
			var inner [][]float64
			var some []bool
			for k := range words {
				w := int(text[(i*sentences+j)*words+k])
				inner, some = append(inner, table[2*w:2*w+2]), append(some, w != 0)
			}
			out := of("lstm", "word", 3, 2).run(inner, some)
			seq = append(seq, out[words-1])
			counts = append(counts, some[0])
		}
		want = append(want, of("gru", "sentence", 2, 3).run(seq, counts)[sentences-1]...)
	}
	alike(t, "sentences", got, want)
}

// Steps that are left out do not matter: whatever stands there, the result is bit by bit the
// same, and that of the sequence without them.
func TestMaskedStepsDoNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps, in, units := rapid.IntRange(1, 6).Draw(rt, "steps"), rapid.IntRange(1, 3).Draw(rt, "in"), rapid.IntRange(1, 4).Draw(rt, "units")
		length := rapid.IntRange(1, steps).Draw(rt, "length")
		backwards := rapid.Bool().Draw(rt, "backwards")
		l := rapid.SampledFrom([]nn.Layer{nn.LSTM{Units: units, Backwards: backwards, Name: "r"}, nn.GRU{Units: units, Backwards: backwards, Name: "r"}, nn.SimpleRNN{Units: units, Backwards: backwards, Name: "r"},
			nn.LSTM{Units: units, Backwards: backwards, Peephole: true, Name: "r"}, nn.Bidirectional{Layer: nn.GRU{Units: units}, Name: "r"}}).Draw(rt, "layer")
		m := nn.Functional{In: []nn.Port{{Name: "x"}, {Name: "length"}}, Layers: []nn.Entry{{Layer: nn.SequenceMask{Name: "m"}, Inputs: []string{"x", "length"}}, {Layer: l, Inputs: []string{"m"}}}}
		set := param.NewSet(tensor.Float64)
		x := tensor.Of(wavy(steps*in, 1), 1, steps, in)
		run := func() []float64 {
			return runLayers(t, cpu.New(), m, map[string]*tensor.Tensor{"x": x, "length": tensor.Of([]float64{float64(length)}, 1)}, []string{"x", "length"}, set)
		}
		first := run()
		for i := length * in; i < x.Len(); i++ {
			x.SetFlat(i, rapid.SampledFrom([]float64{7, math.NaN(), math.Inf(1), 0}).Draw(rt, "behind"))
		}
		short := tensor.Of(graphtest.Floats(x)[:length*in], 1, length, in)
		whole := runLayers(t, cpu.New(), nn.Sequential{l}, map[string]*tensor.Tensor{"x": short}, []string{"x"}, set)
		for i, v := range run() {
			if math.Float64bits(v) != math.Float64bits(first[i]) || math.Abs(v-whole[i]) > 1e-14 {
				rt.Fatalf("%+v: number %d is %g, was %g, and %g of the steps alone", l, i, v, first[i], whole[i])
			}
		}
	})
}
