// Package fetch downloads published files. A [File] is known by its size and
// SHA-256 before it comes; a [Downloader] puts it under its name only when it is
// whole, on disk and has that hash. One that breaks off goes on another time from where it was.
package fetch
