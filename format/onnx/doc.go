// Package onnx reads ONNX models, of operator sets 7 to 21, and writes models as such.
// It is imported for its registration with package format.
//
// A graph of operations becomes layers: of each operation that an output of the
// graph is computed of, ops.go says what layer it is. What depends on no input is a
// constant and is computed once, at import; what depends on the shape of an input
// alone is known then, too. An operation that there is no layer for is an error that
// names it and its node.
//
// Channels come last inside. A value has an order of axes that may differ from that
// of the graph: a Transpose changes the order alone and computes nothing, kernels are
// turned when they are read, and a matrix behind a Flatten gets its rows reordered.
// An input that convolutions take is given with its channels last, and an output with
// channels comes so.
//
// The first axis of an input is the batch's. A graph that takes it for something else,
// and whose inputs have fixed shapes, computes with one sample: a batch is put in front
// of its axes (whole.go). A mean over the batch is one value that each sample has here
// (shared.go). Otherwise an operation that would join samples is refused.
//
// Tensors of the graph are learned, also outside of layers that have weights; values of Constant
// nodes are numbers of the program and stay, as single numbers do unless an exporter that keeps
// these apart gives them a name. A layer with the same weights as one before is that, applied once
// more. Where attention joins the batch with heads or steps, the axes are kept apart (merge.go).
//
// [Write] makes nodes of the layers that a model's trace lists. A value of the graph has an
// order of axes there as well: convolutions want channels first, recurrent operations
// steps first, and axes are turned where the next layer needs it and not before. Parameters
// are turned as they are written, one at a time.
//
// Format: onnx/onnx.proto; operations: docs/Operators.md and docs/Changelog.md of the
// ONNX project.
package onnx
