// Package safetensors reads and writes safetensors files: named tensors and a
// map of texts, with nothing in them that could run.
//
// A [File] is an opened file whose header has been checked; its tensors are
// read one at a time. An [Info] says what a tensor is and where it lies. A
// [Named] is a tensor under its name. An [Error] says what is wrong with a file.
//
// A file is 8 bytes with the header's length N (little-endian), N bytes of
// JSON, and the data:
//
//	{"__metadata__": {"key": "text"},
//	 "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
//
// The reader is strict. Lengths, types, shapes, ranges, duplicate names, overlaps and
// gaps are all checked before memory for data is taken.
//
// Format: https://github.com/huggingface/safetensors, version 0.
package safetensors
