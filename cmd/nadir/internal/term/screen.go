package term

import (
	"io"
	"os"
	"runtime"
	"time"

	xterm "golang.org/x/term"
)

// A Screen is a place to write to.
type Screen struct {
	W io.Writer
	// TTY says that W is a terminal that understands escape sequences.
	TTY bool
	// Color says that it should get colours.
	Color bool
	// Size is the present number of columns and rows, 0 where unknown. It is
	// asked before every drawing, so that a resized window is drawn to fit.
	Size func() (columns, rows int)
	Now  func() time.Time
}

// Open is the Screen of a file such as os.Stdout. It is a terminal where the
// file is one and TERM is not dumb; it has colours unless NO_COLOR is set
// (no-color.org) to anything but the empty string.
func Open(f *os.File, getenv func(string) string) Screen {
	fd := int(f.Fd())
	s := Screen{W: f, Now: time.Now, Size: func() (int, int) {
		columns, rows, err := xterm.GetSize(fd)
		if err != nil {
			return 0, 0
		}
		return columns, rows
	}}
	s.TTY = capable(getenv("TERM"), runtime.GOOS) && xterm.IsTerminal(fd) && escapes(f)
	s.Color = s.TTY && getenv("NO_COLOR") == ""
	return s
}

// capable reports whether a terminal of that name redraws. One without a name
// does on Windows alone, where terminals have none.
func capable(name, system string) bool {
	return name != "dumb" && (name != "" || system == "windows")
}

// Bounds of what is drawn, whatever the terminal's size.
const (
	usualColumns = 80
	usualRows    = 24
	mostColumns  = 400
	leastColumns = 8
)

// size is Size with a usual value where it is unknown.
func (s Screen) size() (columns, rows int) {
	columns, rows = s.Size()
	if columns <= 0 {
		columns = usualColumns
	}
	if rows <= 0 {
		rows = usualRows
	}
	return max(leastColumns, min(columns, mostColumns)), rows
}
