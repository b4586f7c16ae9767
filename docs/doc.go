// Package docs is the guide to training deep networks well: a page a section of
// the subject, in Markdown beside this file. It begins at README.md.
//
// The Go code of the pages is that of the examples of this package; the figures
// are drawn by package figures below it; the commands and files are tried by the
// tests of cmd/nadir.
package docs
