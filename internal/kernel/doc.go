// Package kernel holds the leaf loops of the library: functions on slices that
// take no memory and start no goroutine. The caller cuts work into chunks by
// problem size and calls a kernel on sub-ranges; the numbers do not depend on
// the cut.
//
// All kernels are generic over [Float]: float32 for work, float64 for checks.
// A destination may alias an operand exactly (same start, same length) in every
// elementwise kernel, and must not overlap one in any other way. Slices that
// belong together must have the length of the first operand at least.
//
// The plain Go code rounds every product explicitly, T(x*y) + z, so that no
// compiler contracts it to a fused multiply-add and the bytes are the same on
// every architecture. The float32 versions of the transcendental functions
// evaluate in float64 with the package's own polynomials and round once: at most
// 0.51 units in the last place from the exact value. The float64 versions call
// package math, whose last bit depends on the architecture.
package kernel
