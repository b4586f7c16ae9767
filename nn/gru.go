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
	Layers.Register("gru", GRU{}, spec.Doc("gated recurrent unit"))
}

// GRU is the gated recurrent unit (Cho, van Merriënboer, Gulcehre et al., EMNLP
// 2014): x (N, steps, in), kernel (in, 3·units), recurrent_kernel (units, 3·units),
// the gates in the order z, r, h. From h₀ = 0, with σ the recurrent activation,
//
//	z = σ(xₜ·K_z + hₜ₋₁·R_z)    r = σ(xₜ·K_r + hₜ₋₁·R_r)
//	ĥ = act(xₜ·K_h + r·(hₜ₋₁·R_h))    hₜ = z·hₜ₋₁ + (1 − z)·ĥ
//
// That is reset_after, the default as in Keras and as cuDNN, PyTorch and ONNX's
// linear_before_reset have it: the reset gate acts on the product, and bias (2,
// 3·units) has a row for the input and one for the state. Without it, ĥ = act(xₜ·K_h
// + (r·hₜ₋₁)·R_h), the paper's first version, and bias (3·units) has one row. The
// result is as of [SimpleRNN], and a second input is h₀ as there.
type GRU struct {
	Units            int            `spec:"units,required" doc:"width of the state and of the output"`
	Act              act.Activation `spec:"activation" default:"tanh" doc:"activation of the state"`
	RecurrentAct     act.Activation `spec:"recurrent_activation" default:"sigmoid" doc:"activation of the gates"`
	Init             param.Init     `spec:"kernel_initializer" default:"glorot_uniform" doc:"initializer of the kernel"`
	RecurrentInit    param.Init     `spec:"recurrent_initializer" default:"orthogonal" doc:"initializer of the recurrent kernel"`
	BiasInit         param.Init     `spec:"bias_initializer" doc:"initializer of the bias, zeros without"`
	NoBias           bool           `spec:"use_bias,not" doc:"add a bias"`
	ResetBefore      bool           `spec:"reset_after,not" doc:"the reset gate acts on the product with the recurrent kernel, not on the state before it"`
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

func (l GRU) cell() *cell {
	c := &cell{
		units: l.Units, gates: 3, act: orAct(l.Act, act.Tanh{}), gate: orAct(l.RecurrentAct, act.Sigmoid{}),
		init: l.Init, recurrentInit: l.RecurrentInit, biasInit: l.BiasInit,
		r: l.Regularizer, recurrentR: l.RecurrentRegularizer, biasR: l.BiasRegularizer, c: l.Constraint, recurrentC: l.RecurrentConstraint,
		dropout: l.Dropout, recurrentDropout: l.RecurrentDropout, sequences: l.Sequences, backwards: l.Backwards, learnState: l.LearnState, zeroMasked: l.ZeroMasked, clip: l.GateClip,
	}
	switch {
	case l.NoBias:
	case l.ResetBefore:
		c.biasShape = tensor.Shape{3 * l.Units}
	default:
		c.biasShape = tensor.Shape{2, 3 * l.Units}
	}
	return c
}

// Validate refuses a width below 1 and shares outside [0, 1).
func (l GRU) Validate() error { return l.cell().validate() }

// KernelInit is the initializer in force.
func (l GRU) KernelInit() param.Init { return orInit(l.Init, initial.GlorotUniform) }

// Reversed is the layer that goes over the steps the other way.
func (l GRU) Reversed() Layer { l.Backwards = !l.Backwards; return l }

// ReturnsSequences reports whether the result has steps.
func (l GRU) ReturnsSequences() bool { return l.Sequences }

func (l GRU) zeroed() Layer { l.ZeroMasked = true; return l }

// Apply declares the weights and unrolls the steps.
func (l GRU) Apply(s *Scope, x graph.Node) graph.Node { return l.Join(s, []graph.Node{x}) }

// Join is as Apply, from the state h₀ that follows the sequences.
func (l GRU) Join(s *Scope, xs []graph.Node) graph.Node {
	c, u := l.cell(), l.Units
	bias := func(xw graph.Node, w weights) graph.Node {
		if w.bias.Valid() && !l.ResetBefore {
			w.bias = w.bias.Slice(0, 0, 1).Reshape(3 * u)
		}
		return addedBias(xw, w)
	}
	next := func(z, h, candidate graph.Node) []graph.Node {
		return []graph.Node{z.Mul(h).Add(z.Neg().AddScalar(1).Mul(candidate))} // (N, units)
	}
	if l.ResetBefore {
		return c.run(s, xs, 1, bias, func(xw, h graph.Node, state []graph.Node, w weights) []graph.Node {
			zr := xw.Slice(1, 0, 2*u).Add(h.MatMul(w.recurrent.Slice(1, 0, 2*u))) // (N, 2·units)
			r := c.gate.Apply(s, c.cut(c.part(zr, 1)))
			product := r.Mul(h).MatMul(w.recurrent.Slice(1, 2*u, 3*u))
			return next(c.gate.Apply(s, c.cut(c.part(zr, 0))), state[0], c.act.Apply(s, c.cut(c.part(xw, 2).Add(product))))
		})
	}
	if c.plain() {
		c.whole = func(xw graph.Node, state []graph.Node, w weights, mask graph.Node, a graph.RecurrentAttr) []graph.Node {
			bias := w.bias
			if !bias.Valid() {
				bias = s.B.Full(0, 2, 3*u)
			}
			return []graph.Node{graph.GRU(xw, w.recurrent, state[0], bias, mask, a)}
		}
	}
	return c.run(s, xs, 1, bias, func(xw, h graph.Node, state []graph.Node, w weights) []graph.Node {
		hw := h.MatMul(w.recurrent) // (N, 3·units)
		if w.bias.Valid() {
			hw = hw.Add(w.bias.Slice(0, 1, 2).Reshape(3 * u))
		}
		zr := xw.Slice(1, 0, 2*u).Add(hw.Slice(1, 0, 2*u))
		r := c.gate.Apply(s, c.cut(c.part(zr, 1)))
		return next(c.gate.Apply(s, c.cut(c.part(zr, 0))), state[0], c.act.Apply(s, c.cut(c.part(xw, 2).Add(r.Mul(c.part(hw, 2))))))
	})
}
