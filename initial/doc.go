// Package initial holds the initializers: values that fill a new parameter.
//
// [VarianceScaling] generates the whole table of Glorot, He and LeCun from a
// scale, a fan and a distribution; the rest are constants, plain distributions
// and matrices with structure. Every number is drawn as a float64 and rounded
// to the parameter's type, so that a float32 and a float64 set of one seed hold
// the same numbers. The names are Keras'.
package initial
