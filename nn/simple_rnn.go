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
	Layers.Register("simple_rnn", SimpleRNN{}, spec.Doc("recurrent layer, the plain one"))
}

// SimpleRNN is the plain recurrent layer (Elman, "Finding Structure in Time",
// Cognitive Science, 1990): x (N, steps, in), kernel (in, units), recurrent_kernel
// (units, units), bias (units). From h₀ = 0,
//
//	hₜ = act(xₜ·kernel + hₜ₋₁·recurrent_kernel + bias)
//
// The result is the last h, (N, units), or all of them, (N, steps, units). Backwards
// begins at the last step, and all of them come in the order in which they were
// made. Where there are two inputs, the second is h₀, (N, units). The steps are unrolled where the
// model is built: all sequences have one length. Steps that a mask leaves out, that of
// [Masking], [Embedding] or [SequenceMask], keep the state of the step before, and the output
// there is the one before, or 0 where there is none yet and with ZeroMasked; all results carry
// the mask on, as in Keras in the order of the input, even backwards.
type SimpleRNN struct {
	Units            int            `spec:"units,required" doc:"width of the state and of the output"`
	Act              act.Activation `spec:"activation" default:"tanh" doc:"activation of the state"`
	Init             param.Init     `spec:"kernel_initializer" default:"glorot_uniform" doc:"initializer of the kernel"`
	RecurrentInit    param.Init     `spec:"recurrent_initializer" default:"orthogonal" doc:"initializer of the recurrent kernel"`
	BiasInit         param.Init     `spec:"bias_initializer" doc:"initializer of the bias, zeros without"`
	NoBias           bool           `spec:"use_bias,not" doc:"add a bias"`
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

func (l SimpleRNN) cell() *cell {
	c := &cell{
		units: l.Units, gates: 1, act: orAct(l.Act, act.Tanh{}),
		init: l.Init, recurrentInit: l.RecurrentInit, biasInit: l.BiasInit,
		r: l.Regularizer, recurrentR: l.RecurrentRegularizer, biasR: l.BiasRegularizer, c: l.Constraint, recurrentC: l.RecurrentConstraint,
		dropout: l.Dropout, recurrentDropout: l.RecurrentDropout, sequences: l.Sequences, backwards: l.Backwards, learnState: l.LearnState, zeroMasked: l.ZeroMasked, clip: l.GateClip,
	}
	if !l.NoBias {
		c.biasShape = tensor.Shape{l.Units}
	}
	return c
}

// Validate refuses a width below 1 and shares outside [0, 1).
func (l SimpleRNN) Validate() error { return l.cell().validate() }

// KernelInit is the initializer in force.
func (l SimpleRNN) KernelInit() param.Init { return orInit(l.Init, initial.GlorotUniform) }

// Reversed is the layer that goes over the steps the other way.
func (l SimpleRNN) Reversed() Layer { l.Backwards = !l.Backwards; return l }

// ReturnsSequences reports whether the result has steps.
func (l SimpleRNN) ReturnsSequences() bool { return l.Sequences }

func (l SimpleRNN) zeroed() Layer { l.ZeroMasked = true; return l }

// Apply declares the weights and unrolls the steps.
func (l SimpleRNN) Apply(s *Scope, x graph.Node) graph.Node { return l.Join(s, []graph.Node{x}) }

// Join is as Apply, from the state h₀ that follows the sequences.
func (l SimpleRNN) Join(s *Scope, xs []graph.Node) graph.Node {
	c := l.cell()
	return c.run(s, xs, 1, addedBias, func(xw, h graph.Node, _ []graph.Node, w weights) []graph.Node {
		return []graph.Node{c.act.Apply(s, c.cut(xw.Add(h.MatMul(w.recurrent))))} // (N, units)
	})
}

// addedBias adds the bias, where there is one.
func addedBias(xw graph.Node, w weights) graph.Node {
	if w.bias.Valid() {
		xw = xw.Add(w.bias)
	}
	return xw
}
