package app

import (
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
)

// A download shows how far a download has come, from its first bytes on.
type download struct {
	c    *command
	what string
	bar  *term.Bar
	// at is how much of the next file was here before.
	at int64
}

func (c *command) download(what string) *download { return &download{c: c, what: what} }

// resumed says of a file that broke off that it goes on.
func (d *download) resumed(file string, at int64) {
	if d.bar == nil {
		d.c.note(file + ": going on with what is here, " + term.Bytes(at))
	}
	d.at = at
}

func (d *download) progress(done, total int64) {
	if d.bar == nil && !d.c.quiet {
		d.bar = term.NewBar(d.c.err, "downloading "+d.what, total, term.Bytes)
	}
	if d.bar != nil {
		d.bar.Resume(d.at)
		d.bar.Set(done)
	}
	d.at = 0
}

func (d *download) close() {
	if d.bar != nil {
		d.bar.Close()
	}
}
