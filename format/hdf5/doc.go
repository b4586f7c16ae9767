// Package hdf5 reads and writes HDF5 files, as far as Keras, h5py and their
// like use them: groups, datasets of numbers and of text, and attributes.
//
// A [File] is an opened file. Its [Group] objects hold named links to groups
// and to [Dataset] objects; each may carry [Attr] values. A [Node] is a group
// or dataset to be written. An [Error] says what is wrong with a file.
//
// Opening reads no data and no more of the structure than is asked for. The
// reader knows superblocks 0 to 3; object headers 1 and 2; old groups (symbol
// tables) and new ones (link messages, fractal heaps); attributes, compact and
// dense; the compact, contiguous and chunked layouts with every chunk index;
// the filters deflate, shuffle and fletcher32; fill values; a user block.
//
// It reads nothing outside the file and runs nothing. Sizes and places are
// checked against the file before memory is taken, checksums are verified where
// the format has them, data of two datasets may not overlap, and all structure
// together may not be larger than twice the file, so that hostile files end in
// an error. Compound, opaque, array and reference types can be listed, not read.
//
// Format: HDF5 File Format Specification, version 3.0, The HDF Group.
package hdf5
