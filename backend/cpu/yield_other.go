//go:build !linux

package cpu

import "runtime"

// yield lets another goroutine have the thread: there is no call for more than that.
func yield() { runtime.Gosched() }
