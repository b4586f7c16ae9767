package nntest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/gradcheck"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// name is what the layer is called while it is tested.
const name = "under_test"

// Layer holds a layer to everything that models expect of one. samples are the
// shapes of one sample of each input; without any it is a vector of 5.
//
//   - For batches of any size, in training and at prediction, its result is
//     float and has the batch's axis and always the same sample shape, and its
//     parameters have the same names, kinds and shapes. In training alone it
//     may refuse a batch of one, with an error.
//   - The gradients of inputs and weights agree with central differences in
//     float64 within 1e-6, in both modes. It must be smooth near 0.3 to 1.2 and
//     −0.3 to −1.2.
//   - One seed gives the same weights every time.
//   - At prediction nothing is random and nothing is updated, and in training
//     nothing is updated once all its parameters are frozen.
//   - What does not fit is recorded with the layer's path and never panics; an
//     invalid node passes in silence.
//   - Where it is registered with nn.Layers, it is the same layer when it was
//     written as text and read back.
func Layer(t testing.TB, l nn.Layer, samples ...tensor.Shape) {
	t.Helper()
	if len(samples) == 0 {
		samples = []tensor.Shape{{5}}
	}
	s := &suite{t, l, samples}
	defer func() {
		t.Helper()
		if r := recover(); r != nil {
			t.Errorf("nntest: %T panics: %v", l, r)
		}
	}()
	if !s.batches() {
		return
	}
	s.gradients()
	s.seeds()
	s.prediction()
	s.frozen()
	s.misfits()
	s.text()
}

type suite struct {
	t       testing.TB
	layer   nn.Layer
	samples []tensor.Shape
}

// A trace is the layer applied to inputs x0, x1, … of a new graph.
type trace struct {
	b   *graph.Builder
	in  []graph.Node
	out graph.Node
	set *param.Set
}

func (s *suite) trace(l nn.Layer, set *param.Set, rows int, training bool, samples []tensor.Shape) *trace {
	tr := &trace{b: graph.New(), set: set}
	for i, shape := range samples {
		tr.in = append(tr.in, tr.b.Input(fmt.Sprint("x", i), graph.Float, append(tensor.Shape{rows}, shape...)...))
	}
	tr.apply(l, training)
	return tr
}

func (tr *trace) apply(l nn.Layer, training bool) {
	sc := param.NewScope(tr.b, tr.set, param.Options{Training: training, Seed: 1})
	tr.out = sc.SubFunc(name, l, tr.in, func(c *nn.Scope) graph.Node {
		if len(tr.in) == 1 {
			return l.Apply(c, tr.in[0])
		}
		j, ok := l.(nn.Joiner)
		if !ok {
			return c.B.Fail("%T takes one input", l)
		}
		return j.Join(c, tr.in)
	})
}

func set64() *param.Set { return param.NewSet(tensor.Float64) }

// declared lists parameters as text.
func declared(set *param.Set) []string {
	var out []string
	for p := range set.All() {
		out = append(out, fmt.Sprintf("%s %v %v", p.Name, p.Kind, p.Value.Shape()))
	}
	return out
}

func mode(training bool) string {
	if training {
		return "in training"
	}
	return "at prediction"
}

// batches traces for several sizes. Nothing else is tried where that fails.
func (s *suite) batches() bool {
	s.t.Helper()
	var want []string
	var sample tensor.Shape
	ok := true
	for _, rows := range []int{2, 1, 3, 7} {
		for _, training := range []bool{false, true} {
			at := fmt.Sprintf("nntest: %T %s on %d rows of %v", s.layer, mode(training), rows, s.samples)
			tr := s.trace(s.layer, set64(), rows, training, s.samples)
			err := tr.b.Err()
			switch {
			case err != nil && training && rows == 1:
				if !strings.Contains(err.Error(), name) {
					s.t.Errorf("%s: error %q does not name the layer", at, err)
				}
				continue
			case err != nil:
				s.t.Errorf("%s: %v", at, err)
				return false
			case !tr.out.Valid():
				s.t.Errorf("%s: the result is invalid, and no error says why", at)
				return false
			case tr.out.Type().Kind != graph.Float || tr.out.Rank() == 0 || tr.out.Dim(0) != rows:
				s.t.Errorf("%s: the result is %v, want floats whose first axis is the batch's", at, tr.out.Type())
				return false
			}
			if want == nil {
				want, sample = append([]string{}, declared(tr.set)...), tr.out.Shape()[1:].Clone()
			}
			if got := declared(tr.set); !slices.Equal(got, want) {
				s.t.Errorf("%s: declares %q, at first %q", at, got, want)
				ok = false
			}
			if got := tr.out.Shape()[1:]; !got.Equal(sample) {
				s.t.Errorf("%s: a sample gives %v, at first %v", at, got, sample)
				ok = false
			}
		}
	}
	return ok
}

// fill gives parameters and inputs values away from kinks at 0.
func fill(values map[string]*tensor.Tensor) {
	for n, v := range values {
		r := rng.New(rng.Key(2, n), 0)
		for i := range v.Len() {
			x := 0.3 + 0.9*r.Float64()
			// A variance is not negative.
			if !strings.HasSuffix(n, "variance") && r.Float64() < 0.5 {
				x = -x
			}
			v.SetFlat(i, x)
		}
	}
}

// values holds a tensor for every input and parameter.
func (tr *trace) values() map[string]*tensor.Tensor {
	out := map[string]*tensor.Tensor{}
	for p := range tr.set.All() {
		out[p.Name] = p.Value
	}
	for _, x := range tr.in {
		out[x.Name()] = tensor.New(tensor.Float64, x.Shape()...)
	}
	fill(out)
	return out
}

func (s *suite) gradients() {
	s.t.Helper()
	for _, training := range []bool{true, false} {
		tr := s.trace(s.layer, set64(), 3, training, s.samples)
		values := tr.values()
		wrt := slices.Clone(tr.in)
		for p := range tr.set.Of(param.Weight) {
			wrt = append(wrt, tr.b.Param(p.Name, p.Value.Shape()...))
		}
		gradcheck.Graph(s.t, tr.out, values, wrt...)
	}
}

func (s *suite) seeds() {
	s.t.Helper()
	a, b := s.trace(s.layer, set64(), 2, false, s.samples), s.trace(s.layer, set64(), 3, true, s.samples)
	for p := range a.set.All() {
		if string(p.Value.Bytes()) != string(b.set.Value(p.Name).Bytes()) {
			s.t.Errorf("nntest: %T: one seed gives two values of %s", s.layer, p.Name)
		}
	}
}

// run computes the result with the values, once for each seed.
func (s *suite) run(tr *trace, seeds ...uint64) (results [][]byte) {
	s.t.Helper()
	values := tr.values()
	tr.b.Output("y", tr.out)
	p, err := ref.Backend{}.Compile(tr.b, backend.Options{Float: tensor.Float64, State: tr.set.Value})
	if err != nil {
		s.t.Fatalf("nntest: %T: %v", s.layer, err)
	}
	defer p.Close()
	for _, seed := range seeds {
		if err := p.Run(context.Background(), backend.Inputs{Values: values, Seed: seed, Step: seed}); err != nil {
			s.t.Fatalf("nntest: %T: %v", s.layer, err)
		}
		results = append(results, slices.Clone(p.Output("y").Bytes()))
	}
	return results
}

func (s *suite) prediction() {
	s.t.Helper()
	tr := s.trace(s.layer, set64(), 3, false, s.samples)
	if n := len(tr.b.Updates()); n > 0 {
		s.t.Errorf("nntest: %T: %d updates at prediction", s.layer, n)
	}
	if y := s.run(tr, 1, 2); !slices.Equal(y[0], y[1]) {
		s.t.Errorf("nntest: %T: its prediction is random", s.layer)
	}
}

func (s *suite) frozen() {
	s.t.Helper()
	set := s.trace(s.layer, set64(), 2, true, s.samples).set
	for p := range set.All() {
		p.Frozen = true
	}
	if tr := s.trace(s.layer, set, 2, true, s.samples); len(tr.b.Updates()) > 0 || tr.b.Err() != nil {
		s.t.Errorf("nntest: %T: %d updates while it is frozen, error %v", s.layer, len(tr.b.Updates()), tr.b.Err())
	}
}

// misfits applies the layer to what it may not expect.
func (s *suite) misfits() {
	s.t.Helper()
	type kind struct {
		of    graph.Kind
		shape tensor.Shape
	}
	cases := []kind{
		{graph.Float, tensor.Shape{}}, {graph.Float, tensor.Shape{3}}, {graph.Int, tensor.Shape{3}}, {graph.Byte, tensor.Shape{3}},
		{graph.Float, tensor.Shape{3, 2, 2, 2, 2}},
	}
	for _, sample := range s.samples {
		cases = append(cases, kind{graph.Byte, append(tensor.Shape{3}, sample...)}, kind{graph.Int, append(tensor.Shape{3}, sample...)})
		if n := len(sample); n > 0 {
			wider := append(tensor.Shape{3}, sample...)
			wider[n]++
			cases = append(cases, kind{graph.Float, wider})
		}
	}
	// The parameters are those for the shapes that fit.
	set := s.trace(s.layer, set64(), 2, true, s.samples).set
	for _, c := range cases {
		for _, training := range []bool{false, true} {
			tr := &trace{b: graph.New(), set: set.Clone()}
			for i := range s.samples {
				tr.in = append(tr.in, tr.b.Input(fmt.Sprint("x", i), c.of, c.shape...))
			}
			tr.apply(s.layer, training)
			err := tr.b.Err()
			switch {
			case err == nil && !tr.out.Valid():
				s.t.Errorf("nntest: %T on %v%v: the result is invalid, and no error says why", s.layer, c.of, c.shape)
			case err != nil && !strings.Contains(err.Error(), name):
				s.t.Errorf("nntest: %T on %v%v: error %q does not name the layer", s.layer, c.of, c.shape, err)
			}
		}
	}
	for _, training := range []bool{false, true} {
		tr := &trace{b: graph.New(), set: set.Clone(), in: make([]graph.Node, len(s.samples))}
		tr.apply(s.layer, training)
		if err := tr.b.Err(); err != nil || tr.out.Valid() {
			s.t.Errorf("nntest: %T on an invalid node: result %v, error %v", s.layer, tr.out.Valid(), err)
		}
	}
}

// text writes the layer and reads it back.
func (s *suite) text() {
	s.t.Helper()
	if nn.KindOf(s.layer) == reflect.Indirect(reflect.ValueOf(s.layer)).Type().Name() {
		return // not registered
	}
	v, err := nn.Encode(nn.Sequential{s.layer})
	if err != nil {
		s.t.Errorf("nntest: %T: %v", s.layer, err)
		return
	}
	text := v.JSON()
	parsed, err := spec.ParseJSON("layer", text)
	if err != nil {
		s.t.Errorf("nntest: %T: %v", s.layer, err)
		return
	}
	m, err := nn.Decode(parsed)
	if err != nil {
		s.t.Errorf("nntest: %T: %s cannot be read back: %v", s.layer, text, err)
		return
	}
	back := m.(nn.Sequential)[0]
	if again, err := nn.Encode(nn.Sequential{back}); err != nil || string(again.JSON()) != string(text) {
		s.t.Errorf("nntest: %T: %s reads back as %s, %v", s.layer, text, again.JSON(), err)
		return
	}
	for _, training := range []bool{false, true} {
		a, b := s.trace(s.layer, set64(), 3, training, s.samples), s.trace(back, set64(), 3, training, s.samples)
		if err := b.b.Err(); err != nil {
			s.t.Errorf("nntest: %T: read back from %s: %v", s.layer, text, err)
			return
		}
		for p := range a.set.All() {
			if q := b.set.Value(p.Name); q == nil || string(q.Bytes()) != string(p.Value.Bytes()) {
				s.t.Errorf("nntest: %T: read back from %s, %s begins otherwise", s.layer, text, p.Name)
			}
		}
		if !slices.Equal(s.run(a, 1)[0], s.run(b, 1)[0]) {
			s.t.Errorf("nntest: %T: read back from %s, it computes something else %s", s.layer, text, mode(training))
		}
	}
}
