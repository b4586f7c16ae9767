package data

import "strconv"

// An Error is a fault of the data: what is wrong, and where. The command exits
// with status 3 on it.
type Error struct {
	Path string // the file or folder; empty for data in memory
	Line int    // counts from 1; 0 where there are no lines
	Col  int    // counts from 1; 0 where the whole line is meant
	Msg  string // what is wrong, why, and how to mend it
	Err  error  // the cause, or nil
}

// Error writes the fault as "path:line:col: msg: cause".
func (e *Error) Error() string {
	var s string
	if e.Path != "" {
		s = e.Path
		if e.Line > 0 {
			s += ":" + strconv.Itoa(e.Line)
			if e.Col > 0 {
				s += ":" + strconv.Itoa(e.Col)
			}
		}
		s += ": "
	}
	s += e.Msg
	if e.Err != nil {
		if e.Msg != "" {
			s += ": "
		}
		s += e.Err.Error()
	}
	return s
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }
