// Package npy reads and writes NumPy's .npy and .npz files ("A simple file
// format for NumPy arrays", NEP 1, versions 1.0 to 3.0).
//
// An array in either order of axes and of bytes becomes a row-major
// little-endian tensor. Of pickled objects a dict of arrays is read, as data;
// nothing is executed. Sizes are checked against the file's before memory is taken.
//
// The nouns: a [Header] is an array's type and shape, an [Archive] is an
// opened .npz file, an [Object] is an array of a pickled dict.
package npy
