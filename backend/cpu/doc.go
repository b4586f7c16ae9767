// Package cpu compiles graphs for the processor's cores.
//
// A [Backend] lowers a graph to ops that it has loops for, joins chains of
// elementwise ops into tile programs, orders everything into a list of
// instructions, puts those that can run at the same time into stages, and lays
// all results out in one arena by the stages they live through. In a stage,
// instructions of which each part waits for the same part of another alone are one
// lane: its chunks take their rows, or columns, through all of them.
// Each instruction is cut into chunks by the size of the problem, never by the
// number of threads, so that a plan gives the same bytes on any number of
// them. Running a plan allocates nothing.
package cpu
