// Package data feeds training: a [Source] reads rows by number into a
// [Batch]'s buffers, and [Batches] walks a source in the order that an [Order]
// fixes.
//
// The nouns:
//
//   - A [Schema] says what a row is: its input and target [Field]s and the
//     names of the classes.
//   - A [Source] is a numbered collection of rows. Sources compose: [Subset],
//     [Split], [Limit], [Classes] and [Augmented] are sources made of others.
//   - A [Batch] is a set of buffers that rows are read into, again and again.
//   - An [Order] is the seed, the epoch and the way to walk them. Which rows
//     come when is a pure function of it: it depends on no clock, no
//     thread and nothing read before.
//   - An [Error] is a fault of the data itself, with the place where it is.
//
// Rows stay in the type that they are stored in: images are bytes until the
// model's first layer, and no source here widens them.
//
// Named sets and files are opened by package data/sets.
package data
