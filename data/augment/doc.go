// Package augment changes training pictures at random as they are read, so that
// a net never sees the same one twice: shifted, turned, scaled, mirrored, with
// another contrast or brightness, bent, or with noise (LeCun, Bottou, Bengio and
// Haffner, "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE
// 1998; Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural
// Networks Applied to Visual Document Analysis", ICDAR 2003).
//
// The nouns:
//
//   - A [Transform] is one random change. Those of geometry that follow each
//     other are drawn one by one and done at once, so that pixels are
//     interpolated once.
//   - A [Range] is what a transform draws its factor from.
//   - [New] makes a list of transforms a [data.Augment] for [data.Augmented].
//
// What is drawn for a row is a pure function of seed, epoch and the row's
// number. Names and defaults are those of Keras' preprocessing layers.
package augment
