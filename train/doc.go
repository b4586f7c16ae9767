// Package train trains models and measures them.
//
// A [Net] is a model tied to its parameters and to the schema of its data; it
// evaluates and predicts. A [Trainer] is a Net with an optimizer: its [Steps]
// are an iterator, each step one run of a compiled plan that computes forward,
// loss, backward and update. A [Hook] wraps the iterator: early stopping,
// checkpoints, logs; by hand, early stopping is break. [Fit] runs them.
//
// Everything a run depends on beyond its configuration is in the trainer's
// state, which a checkpoint holds whole: a resumed run ends in the same bytes
// as one that was never stopped.
package train
