// Package deflate says how far compressed bytes can be trusted to grow, so that what a file
// claims to unpack to is held to what is there of it before memory is taken.
package deflate

// Ratio is the most bytes that a byte of deflate can stand for: the longest match, 258
// bytes, takes at least two bits, one for its length and one for its distance (RFC 1951).
const Ratio = 1032
