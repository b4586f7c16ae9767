// Package tune says which of several ways to train is better.
//
// A [Candidate] is one way to train, with a name. A [Study] trains each candidate
// on the same [Folds] of the rows, from the same seeds and in the same order: a
// [Trial] is one candidate on one fold from one seed, and its [Outcome] what came
// of it. Trials run side by side, one thread each, and a [Store] keeps their
// outcomes by the hash of what they depend on, so that a study that was stopped
// goes on without repeating what is done. A [Report] makes of the outcomes a
// table: means, [Difference]s of pairs with interval and p-value, and how soon
// each candidate reached a target. [Latency] measures what a prediction costs.
//
// A [Recipe] is a candidate made of a model, a configuration and the length of a
// run; anything else that can be trained is one with a function.
package tune
