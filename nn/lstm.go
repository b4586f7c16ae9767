package nn

import (
	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("lstm", LSTM{}, spec.Doc("long short-term memory"))
}

// LSTM is long short-term memory (Hochreiter and Schmidhuber, Neural Computation,
// 1997; Gers, Schmidhuber and Cummins, "Learning to Forget", 2000): x (N, steps,
// in), kernel (in, 4·units), recurrent_kernel (units, 4·units), bias (4·units), the
// gates in the order i, f, c, o. From h₀ = c₀ = 0, with z = xₜ·kernel +
// hₜ₋₁·recurrent_kernel + bias and σ the recurrent activation,
//
//	cₜ = σ(z_f)·cₜ₋₁ + σ(z_i)·act(z_c)    hₜ = σ(z_o)·act(cₜ)
//
// The result is as of [SimpleRNN]; with ReturnCell, c stands beside h, (N, …, 2·units).
// Where there are three inputs, the second and third are h₀ and c₀, (N, units) each.
// Peepholes let the gates see the cell: peephole (3, units) times cₜ₋₁ is added to z_i and
// z_f, and times cₜ to z_o (Gers, Schraudolph and Schmidhuber, JMLR 2002). The bias of the
// forget gate begins at 1
// (Jozefowicz, Zaremba and Sutskever, ICML 2015). With a projection (units, proj_size), hₜ =
// (σ(z_o)·act(cₜ))·projection, (N, proj_size), which the recurrent_kernel (proj_size, 4·units)
// sees (Sak, Senior and Beaufays, Interspeech 2014). Keras 1 and early Keras 2 have
// hard_sigmoid with slope 0.2 as the recurrent activation.
type LSTM struct {
	Units            int            `spec:"units,required" doc:"width of the state and of the output"`
	Act              act.Activation `spec:"activation" default:"tanh" doc:"activation of the state"`
	RecurrentAct     act.Activation `spec:"recurrent_activation" default:"sigmoid" doc:"activation of the gates"`
	Init             param.Init     `spec:"kernel_initializer" default:"glorot_uniform" doc:"initializer of the kernel"`
	RecurrentInit    param.Init     `spec:"recurrent_initializer" default:"orthogonal" doc:"initializer of the recurrent kernel"`
	BiasInit         param.Init     `spec:"bias_initializer" doc:"initializer of the bias, zeros without"`
	NoBias           bool           `spec:"use_bias,not" doc:"add a bias"`
	NoForgetBias     bool           `spec:"unit_forget_bias,not" doc:"begin with a bias of 1 at the forget gate"`
	CellClip         float64        `spec:"cell_clip" default:"none" doc:"the cell's state is cut to ± this at each step"`
	Projection       int            `spec:"proj_size" doc:"width of the output, which a product makes of the state; that of the cell without"`
	ProjectionClip   float64        `spec:"proj_clip" default:"none" doc:"the projected output is cut to ± this at each step"`
	Peephole         bool           `spec:"peephole" default:"false" doc:"gates see the cell's state"`
	ReturnCell       bool           `spec:"return_cell" default:"false" doc:"give the cell's state beside the output"`
	Dropout          float64        `spec:"dropout" default:"0" doc:"share of the inputs that is dropped, the same at all steps"`
	RecurrentDropout float64        `spec:"recurrent_dropout" default:"0" doc:"share of the state that is dropped, the same at all steps"`
	LearnState       bool           `spec:"learn_state" default:"false" doc:"the state that it begins with is learned, initial_state (states, units)"`
	Sequences        bool           `spec:"return_sequences" default:"false" doc:"give the output of every step, not of the last alone"`
	Backwards        bool           `spec:"go_backwards" default:"false" doc:"begin at the last step"`
	ZeroMasked       bool           `spec:"zero_output_for_mask" default:"false" doc:"the output is 0 at steps that a mask leaves out, not what it was before"`
	GateClip         float64        `spec:"gate_clip" default:"none" doc:"what goes into the functions of the gates is cut to ± this"`

	Regularizer          regular.Regularizer `spec:"kernel_regularizer" doc:"penalty on the kernel, none without"`
	RecurrentRegularizer regular.Regularizer `spec:"recurrent_regularizer" doc:"penalty on the recurrent kernel, none without"`
	BiasRegularizer      regular.Regularizer `spec:"bias_regularizer" doc:"penalty on the bias, none without"`
	Constraint           regular.Constraint  `spec:"kernel_constraint" doc:"what the kernel must be after each step of training, anything without"`
	RecurrentConstraint  regular.Constraint  `spec:"recurrent_constraint" doc:"what the recurrent kernel must be after each step of training, anything without"`

	Name string `spec:"name" doc:"name of the layer"`
}

func (l LSTM) cell() *cell {
	c := &cell{
		units: l.Units, gates: 4, act: orAct(l.Act, act.Tanh{}), gate: orAct(l.RecurrentAct, act.Sigmoid{}),
		init: l.Init, recurrentInit: l.RecurrentInit, biasInit: l.BiasInit,
		r: l.Regularizer, recurrentR: l.RecurrentRegularizer, biasR: l.BiasRegularizer, c: l.Constraint, recurrentC: l.RecurrentConstraint,
		dropout: l.Dropout, recurrentDropout: l.RecurrentDropout, sequences: l.Sequences, backwards: l.Backwards, learnState: l.LearnState, zeroMasked: l.ZeroMasked, clip: l.GateClip,
		peephole: l.Peephole, returnCell: l.ReturnCell, out: l.Projection,
	}
	if !l.NoBias {
		c.biasShape = tensor.Shape{4 * l.Units}
	}
	if !l.NoForgetBias {
		c.biasInit = forgetBias{orInit(l.BiasInit, initial.Zeros{}), l.Units}
	}
	return c
}

// Validate refuses a width below 1, shares outside [0, 1) and numbers below 0.
func (l LSTM) Validate() error {
	switch {
	case !(l.CellClip >= 0):
		return spec.Field("cell_clip", "want a number not below 0, got %g", l.CellClip)
	case l.Projection < 0:
		return spec.Field("proj_size", "want a whole number above 0, got %d", l.Projection)
	case !(l.ProjectionClip >= 0):
		return spec.Field("proj_clip", "want a number not below 0, got %g", l.ProjectionClip)
	case l.ProjectionClip > 0 && l.Projection == 0:
		return spec.Field("proj_clip", "there is no projection to cut; give proj_size")
	case l.LearnState && l.Projection > 0:
		return spec.Field("learn_state", "output and cell, whose widths differ with proj_size, have no state in common that is learned")
	}
	return l.cell().validate()
}

// KernelInit is the initializer in force.
func (l LSTM) KernelInit() param.Init { return orInit(l.Init, initial.GlorotUniform) }

// Reversed is the layer that goes over the steps the other way.
func (l LSTM) Reversed() Layer { l.Backwards = !l.Backwards; return l }

// ReturnsSequences reports whether the result has steps.
func (l LSTM) ReturnsSequences() bool { return l.Sequences }

func (l LSTM) zeroed() Layer { l.ZeroMasked = true; return l }

// Apply declares the weights and unrolls the steps.
func (l LSTM) Apply(s *Scope, x graph.Node) graph.Node { return l.Join(s, []graph.Node{x}) }

// Join is as Apply, from the states h₀ and c₀ that follow the sequences.
func (l LSTM) Join(s *Scope, xs []graph.Node) graph.Node {
	c := l.cell()
	if c.plain() && l.CellClip == 0 {
		c.whole = func(xw graph.Node, state []graph.Node, w weights, mask graph.Node, a graph.RecurrentAttr) []graph.Node {
			bias := w.bias
			if !bias.Valid() {
				bias = s.B.Full(0, 4*l.Units)
			}
			h, cell := graph.LSTM(xw, w.recurrent, state[0], state[1], bias, mask, a)
			return []graph.Node{h, cell}
		}
	}
	return c.run(s, xs, 2, addedBias, func(xw, h graph.Node, state []graph.Node, w weights) []graph.Node {
		z := xw.Add(h.MatMul(w.recurrent)) // (N, 4·units)
		gate := func(i, hole int, seen graph.Node) graph.Node {
			z := c.part(z, i)
			if w.peephole.Valid() {
				z = z.Add(w.peephole.Slice(0, hole, hole+1).Mul(seen))
			}
			return c.gate.Apply(s, c.cut(z))
		}
		keep := gate(1, 1, state[1]).Mul(state[1])
		next := keep.Add(gate(0, 0, state[1]).Mul(c.act.Apply(s, c.cut(c.part(z, 2)))))
		if l.CellClip > 0 {
			next = within(next, l.CellClip)
		}
		out := gate(3, 2, next).Mul(c.act.Apply(s, next)) // (N, units)
		if w.projection.Valid() {
			if out = out.MatMul(w.projection); l.ProjectionClip > 0 { // (N, proj_size)
				out = within(out, l.ProjectionClip)
			}
		}
		return []graph.Node{out, next}
	})
}

// forgetBias fills a bias of four gates and sets that of the second to 1.
type forgetBias struct {
	param.Init
	units int
}

// Fill fills and sets.
func (f forgetBias) Fill(dst *tensor.Tensor, r param.Rand) {
	f.Init.Fill(dst, r)
	for i := f.units; i < 2*f.units; i++ {
		dst.SetFlat(i, 1)
	}
}
