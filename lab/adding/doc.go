// Adding shows what clipping is for: the adding problem (Hochreiter and
// Schmidhuber, "Long Short-Term Memory", Neural Computation, 1997) with a plain
// recurrent layer.
//
// A sequence has 100 steps of two numbers, the first uniform in [0, 1), the second 1 at two
// steps and 0 at all others; the target is the sum of the two numbers that are so
// marked. Who always says 1 has a mean squared error of 1/6. The layer has 64
// rectified units and a recurrent kernel that begins as 1.06 times the identity
// (after Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent Networks of
// Rectified Linear Units", 2015): from the last step to the first a gradient grows
// by 1.06¹⁰⁰ = 339, and diag says exploding.
//
//	go run ./lab/adding                  # a minute: 3,200 steps without and with clipnorm=1
//	go run ./lab/adding -epochs 6        # the test runs less
//
// Without clipping the error stays above chance, or the net diverges; with every
// gradient clipped to norm 1 it learns (Pascanu, Mikolov and Bengio, "On the
// difficulty of training Recurrent Neural Networks", ICML 2013).
package main
