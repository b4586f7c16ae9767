package deflate

import "io"

// A Raw reads what deflated data without any header unpacks to, as entries of a zip
// archive have it. Where the data ends too early the error is [io.ErrUnexpectedEOF].
type Raw struct{ inflater }

// NewRaw reads from src, ahead of what it unpacks.
func NewRaw(src io.Reader) *Raw {
	r := &Raw{}
	r.open(src, r.fill)
	r.begin()
	return r
}

// Close does nothing.
func (r *Raw) Close() error { return nil }
