// Package tensor holds dense host values: a [DType], a [Shape] and a [Tensor].
//
// A Tensor is plain storage in row-major order. It computes nothing: arithmetic
// belongs to a graph that a backend compiles. Sizes are checked for overflow
// before memory is taken.
package tensor
