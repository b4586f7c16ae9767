// Package formattest is for tests of formats: it computes what imported models
// predict, compares that with recorded results, and damages files.
package formattest
