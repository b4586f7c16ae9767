// Package nn holds layers and what puts them together.
//
// A [Layer] is a struct literal that owns nothing: applied to a node within a
// [Scope] it adds ops and declares the parameters it needs. [Sequential] is a
// slice of layers, so that cutting a model is slicing and a new head is append;
// [Functional] has named inputs and outputs, shared layers and any acyclic
// wiring; [Func] is plain Go. All three are a [Model].
//
// A literal is also a file: [Encode] writes a model as the text that [Decode]
// reads. [Layers] holds every layer by its name there. [Summarize] lists what a
// model is made of. [Fold] makes one with fewer layers for prediction.
//
// Images are (N, rows, columns, channels): channels come last everywhere.
// Convolutions of one, two and three axes are one op with two for its gradients,
// and a mean under a window is a convolution as well.
//
// Recurrent layers unroll their steps where the model is built. A loop within the
// plan would be an op with a graph of its own, which every rewrite, backend and
// gradient would have to see into; unrolled, a step is ops like any other, and the
// compiler's way with memory, fusion and frozen weights holds without another line.
// It costs nodes: an LSTM of 200 steps with its gradients is some ten thousand,
// which take a tenth of a second to compile, once. What makes it affordable is that
// the input's product with the kernel is taken of all steps at once, and that the
// gradients of the steps' slices are put side by side, not added up.
package nn
