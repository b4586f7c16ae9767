// Package bundle reads TensorFlow's checkpoints: tensors by name.
//
// An [File] is an opened checkpoint of either version; an [Entry] is a tensor or
// a list of texts in it; a [Table] is the sorted table of keys and values that
// both versions are made of; an [Error] says what is wrong with a file.
//
// Version 2, since TensorFlow 0.12 (2016), is a table NAME.index, in it a
// BundleEntryProto for each tensor, and NAME.data-00000-of-00001 and on, the
// bytes. Version 1 is a table by itself, or several, NAME-00000-of-00001 and on,
// in which SavedTensorSlices hold the tensors. A variable that was cut in slices
// is put together again.
//
// A table is that of LevelDB: blocks of entries that share prefixes, each with a
// CRC-32C and perhaps compressed with snappy, an index block and a footer. All
// checksums are compared. Sizes are checked against the file's before memory is
// taken. Shards are looked for in the index' own folder and nowhere else.
//
// Format: tensorflow/core/util/tensor_bundle, tensorflow/core/protobuf/
// tensor_bundle.proto and saved_tensor_slice.proto, and LevelDB's
// doc/table_format.md.
package bundle
