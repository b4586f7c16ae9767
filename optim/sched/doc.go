// Package sched holds learning-rate schedules: values that give the rate of
// every step.
//
// A [Schedule] is a pure function of a [Point], which says how far training is
// and what the optimizer's own rate η₀ is. Nothing is remembered, so that a run
// that stopped goes on with the right rate.
package sched
