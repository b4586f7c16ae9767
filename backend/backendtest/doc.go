// Package backendtest is the conformance suite of backends. A backend's test is
//
//	func TestConformance(t *testing.T) { backendtest.Run(t, cpu.New()) }
//	func TestNoAllocs(t *testing.T)    { backendtest.NoAllocs(t, cpu.New()) }
//
// [Run] holds the backend to the interpreter of package ref over the whole op
// table, in both precisions, and to the contract of package backend. An op of
// the table without a case fails the suite: a new op adds its cases to cases.go.
package backendtest
