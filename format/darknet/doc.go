// Package darknet reads the models of Darknet: a .cfg that describes the network, and the
// .weights beside it. It is imported for its registration with package format.
//
// Sections become layers in their order; route and shortcut name other sections by number.
// The detection layers, yolo and region, end the network: what they are given is an output.
// A .weights file is numbers alone, without names or shapes: they are dealt out to the sections
// in order, and have to come out even.
//
// Darknet keeps channels first, and here they are last: kernels are turned when they are read,
// and the rows of a dense layer that follows an image are put into the order that flattening
// gives here.
//
// Format: src/parser.c of Darknet (Redmon, "Darknet: Open Source Neural Networks in C", 2013–2016).
package darknet
