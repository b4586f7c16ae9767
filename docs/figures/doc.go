// Figures draws the figures of the guide into the folder that it lies in.
//
//	go run ./docs/figures
//
// Everything in them is computed by Nadir itself: in float64 from fixed seeds, so
// that a figure has the same bytes when it is drawn anew, or by an experiment of
// the lab.
package main
