// Package nadir is the root of a library, and of a command of the same name,
// that train deep neural networks in pure Go.
//
// It holds no code of its own. The one idea behind all its packages: a model is
// a plain value; applied to an input it traces a graph; the graph compiles to a
// plan; the plan runs.
//
// Where to start:
//
//   - [github.com/nadir-ml/nadir/nn] has the layers that a model is made of, and
//     [github.com/nadir-ml/nadir/act], [github.com/nadir-ml/nadir/initial] and
//     [github.com/nadir-ml/nadir/loss] what goes with them.
//   - [github.com/nadir-ml/nadir/data] reads rows;
//     [github.com/nadir-ml/nadir/data/sets] opens known sets, files and folders,
//     and [github.com/nadir-ml/nadir/data/digits] makes images of digits.
//   - [github.com/nadir-ml/nadir/train] trains and measures a model, with the
//     rules of [github.com/nadir-ml/nadir/optim] and the schedules of
//     [github.com/nadir-ml/nadir/optim/sched].
//   - [github.com/nadir-ml/nadir/diag] says why a model does not learn.
//   - [github.com/nadir-ml/nadir/format] reads and writes trained models.
//   - [github.com/nadir-ml/nadir/graph] is what a new layer, loss or rule is
//     written in.
//
// README.md shows the command, ARCHITECTURE.md how the packages hang together,
// CONTRIBUTING.md how to add to them.
package nadir
