// Package ref is the reference backend: an interpreter that runs one op at a
// time with the plainest loops, to say what the numbers of a graph are. Other
// backends and the graph's own rules are tested against it; nothing is trained
// with it.
//
// Every op is computed in float64 and its result rounded once to the plan's
// precision. A [Backend] with Lower set runs the definitions of composite ops
// in place of the ops themselves: both must agree.
package ref
