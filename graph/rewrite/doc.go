// Package rewrite turns graphs into graphs that compute the same with less
// arithmetic. Each file is one rule, with the algebra that proves it; [Apply]
// takes them all. A rule may round differently from what it replaces, never
// compute something else; where a value is read by anything that the rule does
// not know, it stays as it is.
package rewrite
