// Package svg writes vector pictures.
//
// A Canvas collects shapes and writes one self-contained SVG document. A Scale
// maps values to pixels, linearly or by decades, and chooses ticks. An Axes is
// a panel of a picture: two scales, a frame, ticks, and marks given in data
// coordinates. Colours are those of Okabe and Ito ("Color Universal Design",
// 2008), which people with any common colour vision tell apart; the background
// is opaque, so that a picture reads the same on a light and on a dark page.
//
// Nothing that is drawn can break the document: text is escaped, and a mark
// with a coordinate that is not finite is left out.
package svg
