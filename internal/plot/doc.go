// Package plot draws the pictures of a run: Curves, the history of its losses
// and metrics; Confusion, which class was taken for which; Net, its layers;
// Signal, what gets through them; Schedule, its learning rate; Search, how one was
// found; Sheet, a page of sample images. All are SVG documents but the last, which
// is a PNG image. Text draws a line in characters.
package plot
