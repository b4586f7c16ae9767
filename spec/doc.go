// Package spec turns plain Go values into text trees and back: a model, an
// optimizer or a loss is a struct literal, and the same literal is a file.
//
// A [Value] is a parsed document with the position of everything in it. A
// [Registry] ties names to the Go types that implement one interface. [Decode]
// fills Go values from a Value, [Encode] does the reverse, and an [Error] says
// what is wrong, where, and which names are near.
//
// # Struct tags
//
// The keys of a struct are the snake-case names of its exported fields, or
// what their tags say:
//
//	Units  int     `spec:"units,required" doc:"width of the output"`
//	NoBias bool    `spec:"use_bias,not"`        // use_bias: false sets NoBias
//	Slope  float64 `spec:"negative_slope,alias=alpha" default:"0.2"`
//	Seed   float64 `spec:",plain"`              // a written 0 stays 0
//	Size   float64 `spec:",scalar"`             // stands for the whole mapping
//	Common         `spec:",inline"`             // its keys are the outer struct's
//	cache  []byte                               // unexported: no key
//	Probe  func()  `spec:"-"`                   // no key
//
// A field may be a bool, a number, a string, a [time.Duration], a
// [tensor.Shape] (28x28x1 or a list), a slice, a map with string keys, a
// struct, a pointer, a Value (kept as it is), a type that is an
// [encoding.TextUnmarshaler] or [Unmarshaler], or an interface that has a
// Registry.
//
// # Zero
//
// In Go the zero value of a field means its default. A text says what it says:
// there a written 0 is 0. [Zero] is the float64 that stands for a real zero in
// Go, and [Or] resolves it. Where the default tag says none, the word none
// turns the field off, over a file that sets it.
package spec
