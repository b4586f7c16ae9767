// Package diag says whether a signal gets through a net.
//
// [Measure] runs the first training step of a [train.Net] once, on a copy of
// its parameters, and gives a [Report]: for every layer with weights how far its
// outputs and their gradients spread, what share of its units is saturated or
// dead, the singular values of its Jacobian and how far the first step moves its
// weights. From both directions of the flow it derives verdicts and names a
// cure. [Mismatches] finds the layers whose initializer does not go with their
// activation, and measures what that does; [Check] says that, and what else can
// be said before the first step. [Watch] is a hook that measures
// during training. [LSUV] scales fresh weights by what a batch of data shows.
//
// The quantities are those of Glorot and Bengio, "Understanding the difficulty
// of training deep feedforward neural networks" (AISTATS 2010): for the signal to
// flow, each layer has to keep the variance of what goes forward, and that of
// the gradient on its way back.
package diag
