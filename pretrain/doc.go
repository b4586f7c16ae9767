// Package pretrain trains the layers of a net before the task itself: without
// labels, or on an auxiliary task whose labels cost little.
//
// The nouns:
//
//   - An [RBM] is a restricted Boltzmann machine as graph ops: conditionals,
//     free energy, a Gibbs step, pseudo-likelihood. Its kernel and bias are a
//     dense layer's own.
//   - A [Stage] is one entry of a pretrain list: [Boltzmann], [Autoencoder] and
//     [Denoising] train dense layers one by one from the lowest, each on the
//     output of those below, which are frozen; [Auxiliary] trains the lower
//     layers together under another head.
//   - A [Task] turns rows into rows with cheap labels: [Pairs], [Triplets],
//     [Corrupted], [Rotation], [Jigsaw].
//   - A [Pretraining] is a run of stages on a net. Its Steps are an iterator, as
//     those of a trainer are, and its state is saved and restored as theirs is: a
//     run that is stopped within a stage or between two ends in the same bytes.
package pretrain
