// Package mapped gives a file's bytes as memory that the system fills as it is read: what
// nobody looks at is never read, and what was looked at can be let go.
//
// A [File] must not be cut short by others while it is in use. As that cannot be
// prevented, whatever looks at its bytes does so within [Guard], which makes an error of
// it. Where there is no mapping of files, it is read as a whole.
//
// [Regular] is how files are opened that are read bit by bit.
package mapped
