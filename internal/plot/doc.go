// Package plot draws the pictures of a run: Curves, the history of its losses
// and metrics; Confusion, which class was taken for which; Net, its layers;
// Sheet, a page of sample images. The first three are SVG documents, the last
// is a PNG image.
package plot
