// Package format saves models and opens them again.
//
// A [Model] is all that a trained network is: its layers, its preprocessing,
// its parameters, the names of its classes. [Save] writes one safetensors file
// whose metadata holds everything but the numbers, so that any safetensors
// reader opens it; [Open] reads it back. The file depends on nothing but what
// it describes: no time, path or host is in it.
package format
