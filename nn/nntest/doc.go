// Package nntest is the conformance suite of layers. The test of a layer is one
// line, its value and the shape of a sample it takes:
//
//	func TestDense(t *testing.T) { nntest.Layer(t, nn.Dense{Units: 3}, tensor.Shape{4}) }
//
// A layer that takes several inputs is given the shape of each.
package nntest
