// Package keras reads and writes the files that Keras 1, 2 and 3 save models and
// weights in: .h5 and .hdf5, .weights.h5, and .keras. Which of them a file is shows in
// its content.
//
// A [File] is an opened file: the model's configuration as the JSON that Keras
// wrote, and a list of [Layer] with each [Weight] in Keras' order. Weights are
// read when asked for. Nothing that a file names is imported or run, and
// nothing is unpacked to disk.
//
// Where a file gives no names to weights (.weights.h5 and .keras number them),
// a Weight's name is its number.
//
// [Write] writes a model for Keras, in words that Keras 2 (.h5) or Keras 3 has. What
// it has no layer for is an error that names the layer.
//
// Format of the containers: package hdf5, and ZIP.
package keras
