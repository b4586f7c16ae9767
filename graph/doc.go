// Package graph is the symbolic language that models are traced into.
//
// A [Builder] collects nodes; a [Node] is a handle on one of them and has a
// method for every operation, so that dataflow reads from left to right. An
// [Op] is plain data in a table: a name, a rule for the result's type, a
// gradient and, where it is not primitive, its definition in simpler ops.
// [Grad] is a function from graph to graph. A backend compiles a Builder to a
// plan and runs it; nothing here computes.
//
// A node holds no data and none can be asked of it: values exist only when a
// plan runs. A bad op records one error with the path of the layer that made
// it and yields an invalid Node; later ops on an invalid Node stay silent, and
// [Builder.Err] returns all errors joined.
package graph
