// Package term is what a run shows while it works. A Reporter is told what
// happens and shows it in one of four ways: as a block that is redrawn in place
// on a terminal, as lines in a log, as JSON objects for a program, or not at
// all. A Bar shows how far a long job that is not training has come. A Screen
// is where they write: its kind, its size and its clock.
package term
