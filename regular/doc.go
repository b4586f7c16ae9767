// Package regular holds what keeps weights small or in bounds.
//
// A [Regularizer] is a penalty that is added to the loss, so that its gradient
// pulls at a weight in every step. A [Constraint] maps a weight, after each
// step, to the nearest one that is allowed. Both add ops to a graph and own
// nothing; a layer's fields name them.
package regular
