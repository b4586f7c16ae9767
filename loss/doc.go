// Package loss holds the losses: values that compare a prediction with a target
// and give one number an example.
//
// Losses on classes take logits, the numbers before softmax or sigmoid, and
// never take the logarithm of a probability that underflowed. A prediction that
// is itself the output of a softmax (or a sigmoid, for [BinaryCrossEntropy]) is
// replaced by that op's input, so that a model may end in one or not. The names
// are Keras'.
package loss
