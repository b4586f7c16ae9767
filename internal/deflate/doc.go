// Package deflate unpacks deflated data fast, and says how far compressed bytes can be trusted
// to grow, so that what a file claims to unpack to is held to what is there of it before
// memory is taken.
//
// A [Reader] is what a gzip file holds (RFC 1952), its check sums compared, a [Raw] what
// deflated data alone does (RFC 1951). They differ from the standard library's in speed
// alone: codes are looked up in tables of several bits at a
// time, whose entries hold all that a symbol means.
package deflate

// Ratio is the most bytes that a byte of deflate can stand for: the longest match, 258
// bytes, takes at least two bits, one for its length and one for its distance (RFC 1951).
const Ratio = 1032
