// Package transfer reuses what a net has learned for another task.
//
// A [Cache] keeps what the frozen layers at a net's beginning make of the rows,
// so that they are run once and not every epoch; [train.Run] takes it, and so
// does whoever trains one layer on the results of those below.
package transfer
