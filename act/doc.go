// Package act holds the activations: functions that are applied to each element
// of a layer's output, or along its last axis.
//
// An [Activation] is a plain value with one method, which adds ops to a graph;
// it is a layer too. The names are Keras'. Derivatives at kinks are those of
// Keras and PyTorch: 0 for ReLU at 0, the slope on the negative side for its
// relatives.
package act
