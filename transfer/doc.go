// Package transfer reuses what a net has learned for another task.
//
// A [Recipe] cuts a model and puts new layers on top; [Graft] says which
// parameters of the new model come from the old one, and gives them. [Freeze]
// finds what of them is not trained, and by a [Schedule] until when; the
// [Freezing] sets it free in time. [Compare] tells beforehand whether two tasks
// look alike to the layers.
//
// A [Cache] keeps what the frozen layers at a net's beginning make of the rows,
// so that they are run once and not every epoch; [train.Run] takes it, and so
// does whoever trains one layer on the results of those below.
package transfer
