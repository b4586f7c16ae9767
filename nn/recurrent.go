package nn

import (
	"slices"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// mostSteps is the longest sequence that is unrolled: what is longer takes
// minutes to compile.
const mostSteps = 4096

// cell is what the recurrent layers have in common. Their fields say the rest.
type cell struct {
	units, gates              int
	out                       int // width of the output, where that is not units
	act, gate                 act.Activation
	init, recurrentInit       param.Init
	biasInit                  param.Init
	biasShape                 tensor.Shape // nil without a bias
	r, recurrentR, biasR      regular.Regularizer
	c, recurrentC             regular.Constraint
	dropout, recurrentDropout float64
	sequences, backwards      bool
	peephole                  bool    // gates see the cell's state
	learnState                bool    // what it begins with is a parameter
	returnCell                bool    // the last part of the state stands beside the output
	zeroMasked                bool    // the output is 0 where a mask leaves a step out
	clip                      float64 // what goes into the functions of the gates is cut to ± this, unless it is 0
	// whole goes over all steps of xw (steps·N, gates·units) at once, and gives each part
	// of the state for all of them, (steps, N, units), where mask (steps, N, 1), which may be
	// invalid, says which steps count. It is nil where there is no op that does.
	whole func(xw graph.Node, state []graph.Node, w weights, mask graph.Node, a graph.RecurrentAttr) []graph.Node
}

// plain reports whether the cell has the functions that cells are made for, and its gates
// see nothing but its output.
func (c *cell) plain() bool {
	_, tanh := c.act.(act.Tanh)
	_, sigmoid := c.gate.(act.Sigmoid)
	return tanh && sigmoid && !c.peephole && c.recurrentDropout == 0 && c.clip == 0 && c.out == 0
}

// orAct is an activation, or the one that stands where none is said.
func orAct(a, otherwise act.Activation) act.Activation {
	if a == nil {
		return otherwise
	}
	return a
}

// cut is what goes into the function of a gate.
func (c *cell) cut(z graph.Node) graph.Node {
	if c.clip == 0 || !z.Valid() {
		return z
	}
	return within(z, c.clip)
}

// within is x cut to ± most.
func within(x graph.Node, most float64) graph.Node {
	b := x.Builder()
	return x.Max(b.Const(-most)).Min(b.Const(most))
}

func (c *cell) validate() error {
	if err := positive("units", c.units); err != nil {
		return err
	}
	if !(c.clip >= 0) {
		return spec.Field("gate_clip", "want a number not below 0, got %g", c.clip)
	}
	for key, a := range map[string]act.Activation{"activation": c.act, "recurrent_activation": c.gate} {
		if _, ok := a.(act.PReLU); ok {
			return spec.Field(key, "prelu learns a slope for each unit, which recurrent layers have no place for; want one that learns nothing")
		}
	}
	if err := fraction("dropout", c.dropout); err != nil {
		return err
	}
	return fraction("recurrent_dropout", c.recurrentDropout)
}

// weights are what a cell has learned: kernel (in, gates·units), recurrent
// (out, gates·units), bias, peephole (3, units), projection (units, out) and state (states,
// units), which may be invalid.
type weights struct{ kernel, recurrent, bias, peephole, projection, state graph.Node }

// run declares the weights and unrolls the cell over the steps of xs[0], (N, steps,
// in), from the states that stand behind it, (N, units) each, or
// from a learned one, or 0. project makes of a step's input, times the kernel, whatever of the bias
// goes with it; step makes of that (N, gates·units) and the state the next state.
// The first part of the state is the output; h is that as the recurrent kernel
// sees it, with dropout. Where xs[0] has a mask, the state stays at steps that do not count,
// and the output is there what it was before, as in Keras: 0 before the first that counts.
func (c *cell) run(s *Scope, xs []graph.Node, states int, project func(xw graph.Node, w weights) graph.Node, step func(xw, h graph.Node, state []graph.Node, w weights) []graph.Node) graph.Node {
	if !check(s, c.validate()) || slices.ContainsFunc(xs, func(x graph.Node) bool { return !x.Valid() }) {
		return graph.Node{}
	}
	x := xs[0].ToFloat()
	if x.Rank() != 3 {
		return s.B.Misfit("wants sequences (N, steps, features), got %v", x.Type())
	}
	n, steps, in := x.Dim(0), x.Dim(1), x.Dim(2)
	if steps < 1 || steps > mostSteps {
		return s.B.Misfit("wants sequences of 1 to %d steps, got %d; cut longer ones", mostSteps, steps)
	}
	if len(xs) != 1 && len(xs) != 1+states {
		return s.B.Fail("takes sequences, or these and %d states to begin with, got %d inputs", states, len(xs))
	}
	width := func(part int) int {
		if part == 0 && c.out > 0 {
			return c.out
		}
		return c.units
	}
	for i, h := range xs[1:] {
		if h.Rank() != 2 || h.Dim(0) != n || h.Dim(1) != width(i) {
			return s.B.Misfit("wants states (N, %d) to begin with, got %v", width(i), h.Type())
		}
	}
	var mask graph.Node // (steps, N, 1)
	if s.IsMasked(xs[0]) {
		if mask = s.Mask(xs[0]); !mask.Valid() {
			return mask
		}
		if !mask.Shape().Equal(tensor.Shape{n, steps}) {
			return s.B.Misfit("wants a mask (%d, %d) that says which steps count, got %v", n, steps, mask.Type())
		}
		mask = mask.Transpose(1, 0).Reshape(steps, n, 1)
	}
	var w weights
	w.kernel = s.Weight("kernel", orInit(c.init, initial.GlorotUniform), in, c.gates*c.units)
	s.Constrain(w.kernel, c.c)
	penalize(s, c.r, w.kernel)
	w.recurrent = s.Weight("recurrent_kernel", orInit(c.recurrentInit, initial.Orthogonal{}), width(0), c.gates*c.units)
	s.Constrain(w.recurrent, c.recurrentC)
	penalize(s, c.recurrentR, w.recurrent)
	if c.biasShape != nil {
		w.bias = s.Weight("bias", orInit(c.biasInit, initial.Zeros{}), c.biasShape...)
		penalize(s, c.biasR, w.bias)
	}
	if c.peephole {
		w.peephole = s.Weight("peephole", orInit(c.init, initial.GlorotUniform), 3, c.units)
	}
	if c.out > 0 {
		w.projection = s.Weight("projection", orInit(c.init, initial.GlorotUniform), c.units, c.out)
	}
	if c.learnState {
		if len(xs) > 1 {
			return s.B.Fail("learns the state that it begins with, and is given one")
		}
		w.state = s.Weight("initial_state", initial.Zeros{}, states, c.units)
	}
	x = x.Transpose(1, 0, 2) // (steps, N, in): a step is one stretch of memory
	if c.dropout > 0 && s.Training() {
		// One mask for all steps (Gal and Ghahramani, NIPS 2016).
		x = Dropout{Rate: c.dropout}.masked(x, s.B.Uniform(n, in))
	}
	var keep graph.Node
	if c.recurrentDropout > 0 && s.Training() {
		keep = s.B.Uniform(n, width(0))
	}
	xw := x.Reshape(steps*n, in).MatMul(w.kernel) // (steps·N, gates·units)
	state := make([]graph.Node, states)
	for i := range state {
		switch {
		case len(xs) > 1:
			state[i] = xs[1+i].ToFloat()
		case c.learnState:
			state[i] = w.state.Slice(0, i, i+1).BroadcastTo(n, c.units)
		default:
			state[i] = s.B.Full(0, n, width(i))
		}
	}
	order := make([]int, steps)
	for i := range order {
		order[i] = i
		if c.backwards {
			order[i] = steps - 1 - i
		}
	}
	// shown are the steps, in time, at which the output is the state, (N, 1) each, and 0 at
	// others; nil where it is that at all.
	var shown []graph.Node
	if mask.Valid() && (c.zeroMasked || len(xs) > 1 || c.learnState) {
		shown = make([]graph.Node, steps)
		for i, t := range order {
			shown[t] = mask.Slice(0, t, t+1).Reshape(n, 1)
			if i > 0 && !c.zeroMasked { // of a state that was given nothing is shown
				shown[t] = shown[t].Max(shown[order[i-1]])
			}
		}
	}
	result := func(y graph.Node) graph.Node {
		if c.sequences {
			s.SetMask(y, s.Mask(xs[0]))
		}
		return y
	}
	kept := []int{0} // parts of the state that are given back
	if c.returnCell {
		kept = append(kept, states-1)
	}
	outs := make([][]graph.Node, len(kept))
	if c.whole != nil {
		all := c.whole(xw, state, w, mask, graph.RecurrentAttr{Steps: steps, Backwards: c.backwards})
		last := order[steps-1]
		var results []graph.Node
		for _, part := range kept {
			y := all[part]
			if part == 0 && shown != nil && c.sequences {
				y = graph.Concat(0, shown...).Reshape(steps, n, 1).Select(y, s.B.Const(0))
			}
			if c.sequences {
				if c.backwards { // the first result is that of the last step
					turned := make([]graph.Node, steps)
					for t := range turned {
						turned[t] = y.Slice(0, steps-1-t, steps-t)
					}
					y = graph.Concat(0, turned...)
				}
				y = y.Transpose(1, 0, 2) // (N, steps, units)
			} else {
				y = y.Slice(0, last, last+1).Reshape(n, c.units)
				if part == 0 && shown != nil {
					y = shown[last].Select(y, s.B.Const(0))
				}
			}
			results = append(results, y)
		}
		return result(graph.Concat(-1, results...))
	}
	if xw = project(xw, w); !xw.Valid() {
		return xw
	}
	for _, t := range order {
		h := state[0]
		if keep.Valid() {
			h = Dropout{Rate: c.recurrentDropout}.masked(h, keep)
		}
		next := step(xw.Slice(0, t*n, (t+1)*n), h, state, w)
		if !next[0].Valid() {
			return graph.Node{}
		}
		if mask.Valid() {
			counts := mask.Slice(0, t, t+1).Reshape(n, 1)
			for i := range next {
				next[i] = counts.Select(next[i], state[i])
			}
		}
		state = next
		for i, part := range kept {
			y := state[part]
			if part == 0 && shown != nil {
				y = shown[t].Select(y, s.B.Const(0))
			}
			outs[i] = append(outs[i], y)
		}
	}
	var results []graph.Node
	for i, all := range outs {
		y := all[len(all)-1] // (N, units)
		if c.sequences {
			y = graph.Concat(0, all...).Reshape(steps, n, width(kept[i])).Transpose(1, 0, 2) // (N, steps, units)
		}
		results = append(results, y)
	}
	return result(graph.Concat(-1, results...))
}

func orInit(i, otherwise param.Init) param.Init {
	if i == nil {
		return otherwise
	}
	return i
}

// part is gate i of x (N, gates·units).
func (c *cell) part(x graph.Node, i int) graph.Node {
	return x.Slice(-1, i*c.units, (i+1)*c.units)
}
