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
// # Families
//
// float32 has a second set of kernels for each level of a processor's
// instructions, a family; [Family] names the one in use. It is chosen when the
// program starts: the best one there is but for amx, or that which the environment variable
// NADIR_CPU names. float64 always runs in plain Go. The build tag noasm leaves
// plain Go, the family generic, alone.
//
// Arithmetic, comparisons, sums and uniform numbers have the same bits in every
// family. Products have not: generic rounds every product before its sum, the
// others fuse the two, all in the same order. Nor have the transcendental functions,
// which the others compute in the same steps. [AffineGradients] and [ConvolveFilters] add
// in an order of each family's own. In one family results depend on nothing but the arguments.
//
// The plain Go code rounds every product explicitly, T(x*y) + z, so that no
// compiler contracts it to a fused multiply-add and the bytes are the same on
// every architecture. Its float32 versions of the transcendental functions
// evaluate in float64 with the package's own polynomials and round once: at most
// 0.51 units in the last place from the exact value. Those of the other families
// evaluate in float32 and stay within 2 units; denormals, infinities, NaN and the
// sign of zero come out right in all. The float64 versions call package math,
// whose last bit depends on the architecture.
//
// [MatMulBF16] multiplies what it rounds to bfloat16 before. [HalfProducts] names what
// does so: the tiles of AMX, the dot products of AVX512_BF16, both within family avx512
// and each with an order of its own, or plain Go, which does as the dot products do.
//
// [MatMulSplit] multiplies float32 by those tiles, in parts, in family amx, which otherwise
// is avx512.
//
// The assembly for amd64 is written by the generator in directory gen, that for tiles and
// for arm64 by hand: half_amd64.h and neon_arm64.h have the instructions that Go's assembler has no names for.
package kernel

//go:generate go run -C gen . -family avx2 -out ../avx2_amd64.s
//go:generate go run -C gen . -family avx512 -out ../avx512_amd64.s
//go:generate go run -C gen . -family avx2 -convolutions -out ../convolution_avx2_amd64.s
//go:generate go run -C gen . -family avx512 -convolutions -out ../convolution_avx512_amd64.s
