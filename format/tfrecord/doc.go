// Package tfrecord reads TensorFlow's record files and the examples in them.
//
// A file is a row of records, each framed by its length, a checksum of the
// length, and a checksum of its bytes (CRC-32C, masked). A [Reader] yields them
// and checks both; [Append] frames one. An [Example] is the message
// tf.train.Example: a [Feature] for each name, which is a list of byte strings,
// of floats or of integers. An [*Error] says in which record and where in the
// file a fault is.
//
// A length is believed only as far as bytes are there: memory grows with what
// has been read, not with what a file declares.
package tfrecord
