//go:build !linux

package cpu

// largePages does nothing: the system has no such advice.
func largePages([]byte) {}
