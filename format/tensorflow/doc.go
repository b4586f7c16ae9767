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
// Read are dense layers, convolutions, transposed ones among them, poolings, batch and layer
// normalization, embeddings, reductions and slices along the axes of a sample, images made
// larger or smaller, arithmetic with numbers, variables and constants, activations, GELU and hard
// swish by their form, and recurrent layers: loops of TensorFlow 1 and 2 with the cells of
// both, one on another, with peepholes, and from states that are inputs; cells that are written
// out step by step are dense layers that are applied again and again. A variable, or what was one
// before the graph was frozen, is learned, whatever it feeds; a constant that is no weight of a
// layer stays as it is in training. Sequences that have lengths of their own are refused.
//
// A checkpoint without a graph, and one of TensorFlow 2, whose graph is that of
// its objects, holds weights alone. Those of TensorFlow 2 go to a model that is given as
// tf.train.Checkpoint restores it: by the names of attributes, else by the order of layers.
//
// Format: tensorflow/core/framework/graph.proto, node_def.proto, function.proto,
// tensor.proto, and tensorflow/core/protobuf/meta_graph.proto, saved_model.proto,
// trackable_object_graph.proto and saved_object_graph.proto.
package tensorflow
