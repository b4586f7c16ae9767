// Package tflite reads TensorFlow Lite's .tflite files as layers. It is imported for its
// registration with package format.
//
// A file is a FlatBuffer, walked where it lies with every offset checked. Numbers that are
// quantized become (q − zero point)·scale, and the network computes with floats. Kernels are
// turned when they are read; channels are last in both. An operation that there is no layer for
// is an error that names it; the tensors can be listed all the same.
//
// Format: tensorflow/lite/schema/schema.fbs.
package tflite
