// Package optim holds the optimizers: how a gradient becomes a change of a
// parameter.
//
// A [Rule] says so for one parameter and is written once, as graph ops, with
// slots for what it remembers; a [Transform] changes all gradients beforehand,
// as clipping does; an [Optimizer] puts both together and adds them to a graph,
// so that they are part of the same plan as the loss and its gradient.
//
// The names, defaults and formulas are those of Keras 3. Where other frameworks
// compute something else under the same name, a rule has a [Convention].
package optim
