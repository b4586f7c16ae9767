// Package gosource writes a trained model as one Go file that needs nothing but
// the standard library: a function Predict, with the weights in it.
//
// Write is the one function. What it writes is the model's graph for one sample,
// an operation a line, in front of a few loops; batch normalization is folded into
// the layers beside it. Computed is in float64. The file is of package model,
// which may be changed.
package gosource
