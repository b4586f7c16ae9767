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
package nn
