// Package caffe reads the models of Caffe: a .caffemodel, with the .prototxt that
// describes the network beside it, and mean images in .binaryproto files. It is imported for
// its registration with package format.
//
// The layers of all three generations are read: "layer" with a type in words, "layers" with
// one in capitals, and the oldest, "layers" that hold a "layer". Text and binary files become
// one tree of named fields (message), by the schema of caffe.proto; layers.go says what each
// layer is here. Layers of training alone are left out.
//
// Caffe keeps channels first, and here they are last: kernels are turned when they are read,
// and the rows of an inner product that follows an image are put into the order that
// flattening gives here.
//
// Where no .prototxt lies beside it, the network is that which the .caffemodel carries.
//
// Format: src/caffe/proto/caffe.proto (Jia, Shelhamer, Donahue et al., "Caffe: Convolutional
// Architecture for Fast Feature Embedding", ACM Multimedia, 2014).
package caffe
