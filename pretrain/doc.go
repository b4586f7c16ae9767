// Package pretrain trains the layers of a net before the task itself, without
// labels.
//
// The nouns:
//
//   - An [RBM] is a restricted Boltzmann machine as graph ops: conditionals,
//     free energy, a Gibbs step, pseudo-likelihood. Its kernel and bias are a
//     dense layer's own.
//   - A [Stage] is one entry of a pretrain list: [Boltzmann], [Autoencoder] and
//     [Denoising] train dense layers one by one from the lowest, each on the
//     output of those below, which are frozen.
//   - A [Pretraining] is a run of stages on a net. Its Steps are an iterator, as
//     those of a trainer are, and its state is saved and restored as theirs is: a
//     run that is stopped within a stage or between two ends in the same bytes.
package pretrain
