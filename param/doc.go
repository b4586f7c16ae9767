// Package param holds the only state there is: a [Set] of ordered, named
// parameters. Saving, loading, freezing and grafting are operations on it.
//
// A [Param] is a weight that training changes, a statistic that is saved but
// never trained, or a slot of an optimizer. Its name is the path of its layer
// and its own name, such as hidden1/kernel, batch_normalization/moving_mean or
// hidden1/kernel#m. A [Scope] is what a [Layer] sees while a model is traced:
// it declares parameters under the layer's path and fills new ones with an
// [Init].
package param
