package deflate

import "io"

// A Raw reads what deflated data without any header unpacks to, as entries of a zip
// archive have it. Where the data ends too early the error is [io.ErrUnexpectedEOF].
type Raw struct {
	inflater
	given error // what Read ends with
}

// NewRaw reads from src, ahead of what it unpacks.
func NewRaw(src io.Reader) *Raw {
	r := &Raw{}
	r.open(src)
	r.begin()
	return r
}

// Read unpacks into p.
func (r *Raw) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.from == r.to {
		if r.given != nil {
			return 0, r.given
		}
		r.given = r.fill()
	}
	return r.give(p), nil
}

// Close does nothing.
func (r *Raw) Close() error { return nil }
