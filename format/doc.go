// Package format saves models, opens them again, and opens those that other
// frameworks have saved.
//
// A [Model] is all that a trained network is: its layers, its preprocessing,
// its parameters, the names of its classes. [Save] writes one safetensors file
// whose metadata holds everything but the numbers, so that any safetensors
// reader opens it. The file depends on nothing but what it describes: no time,
// path or host is in it.
//
// [Open] reads a model from a file of any format that is registered, found by
// what is in the file, not by its name. [OpenFile] lists what a file holds: a
// [File] has [Tensor] values, each read when asked for, and where it describes
// a network a [Blueprint], the model without its numbers and the [Place] of each
// parameter among the tensors. [File.Import] puts both together, and a [Report]
// says what became what. Bare weights are matched to the parameters of a model
// that is given, by name and shape.
//
// This package itself knows safetensors, npy and npz. The others register when
// they are imported for that alone, as image decoders do:
//
//	import _ "github.com/nadir-ml/nadir/format/keras"
//
// Package format/all imports them all.
//
// An [Exporter] writes models for another program and compares what it wrote;
// [ExporterFor] finds one by the ending of a file's name.
//
// # Adding a format
//
// A format is a package below this one, listed in format/all. Its init calls [Register] with a
// [Format]: a name, Detect, which looks at the first bytes and the names beside
// them and opens nothing else, and Open, which fills a File without reading any
// tensor's data.
//
//   - Tensors: name, type and shape as the file has them; Read reads one, checks
//     its checksum where it has one, and may be called by several goroutines.
//     Those that are an optimizer's memory are marked as Slot.
//   - Blueprint, where the file describes a network: describe the layers as text,
//     a [spec.Value] in the words of [nn.Layers], and have [nn.Decode] read it.
//     A layer that nn does not know then is an error that names it. Parameters
//     get a Place each: the tensors that they are made of, and how, where layout
//     differs ([Transpose], [Permute]). Padding, order of axes and epsilon are
//     converted here, once, and not at each step.
//   - Inputs and Outputs name the nodes that may be chosen, where a graph has
//     several; what was chosen is in [Options].
//   - What is left out or guessed is said in Warnings, never passed over.
//   - An error that the file's contents are to blame for is a [*Corrupt] or the
//     package's own type: OpenFile and Import make a Corrupt of it that names the
//     file. What the file asks for and cannot have here is an [*Unsupported].
//
// A file's claims are checked before memory is taken, and nothing in it is run.
// What belongs to the model beside the file that the user names lies in its folder, links
// followed ([Inside]); large files are mapped ([File.Map]) or read by parts.
// Tests: a small file made by code among the samples of format/all, which cuts them at every
// byte, turns their bits, and holds attacks to bounds of memory; a fuzz target that opens and imports; and the
// models of other frameworks beside the checkout with their known results.
package format
