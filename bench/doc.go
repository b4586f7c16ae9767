// Package bench times what the library does on this machine: the training steps
// and predictions of a few named nets ([Net]), single matrix products, and the
// instructions of a step.
//
// Every figure is taken on data that lies in memory, in short windows, of which
// the best and the middle one count ([Windows]): neighbours on a machine make a
// mean worthless. Directory compare runs the same nets in other frameworks
// beside it; RESULTS.md holds what it found.
package bench
