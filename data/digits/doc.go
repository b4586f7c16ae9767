// Package digits makes a set of handwritten-looking digits out of nothing but
// a seed: 28×28 gray images in ten balanced classes, hard enough to tell a deep
// network from a linear one, with no file and no download.
//
// A digit is one of a few ways to write it, each a list of strokes through
// control points. An image moves the points a little, bends the plane they lie
// in (a smooth random displacement, as in Simard, Steinkraus and Platt, "Best
// Practices for Convolutional Neural Networks", ICDAR 2003), turns, shears and
// scales it, draws the strokes with a pen of random width and softness, and
// adds noise and stains of ink.
//
// Image i is a pure function of the seed, the part (training or test) and i,
// and has the same bytes on every machine. It is made when it is first read and
// kept as bytes.
package digits
