// Package tensorflow reads TensorFlow's models: checkpoints with the graph beside
// them, frozen graphs and SavedModels. It is imported for its registration with
// package format.
//
// A graph of operations becomes layers again: of each operation that lies between
// the inputs and the output that is asked for, ops.go says what layer it is, and
// activations that are written out, such as max(αx, x), are found by their form.
// Branches of training, dropout's and batch normalization's, are left out: a flag
// that is fed is false. Calls of functions are replaced by their bodies. An
// operation that there is no layer for is an error that names it.
//
// A checkpoint without a graph, and one of TensorFlow 2, whose graph is that of
// its objects, holds weights alone.
//
// Format: tensorflow/core/framework/graph.proto, node_def.proto, function.proto,
// tensor.proto, and tensorflow/core/protobuf/meta_graph.proto, saved_model.proto,
// trackable_object_graph.proto and saved_object_graph.proto.
package tensorflow
