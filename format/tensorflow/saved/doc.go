// Package saved writes models as TensorFlow saves them.
//
// A checkpoint is [WriteCheckpoint]: the parameters, under their own names, and beside them
// the graph. A SavedModel is [WriteModel]: a folder of graph, variables and a signature to
// serve it by, in the form of TensorFlow 1 that TensorFlow 2 reads as well.
//
// The graph is what the model traces: a layer that TensorFlow has one operation for is that
// operation, any other is made of what its own graph is made of. Its description goes with
// it, so that the model comes back here as it was.
//
// Importing the package registers both with package format as exporters.
package saved
