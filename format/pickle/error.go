package pickle

import (
	"strconv"
	"unicode/utf8"
)

// An Error says what is wrong with a pickle, as opposed to a failure to read it.
type Error struct {
	Offset int64  // byte of the stream at which the opcode concerned begins
	Global string // the global concerned, as module.name; else empty
	Msg    string // what is wrong and how to mend it
	Err    error  // what a Constructor or Persistent returned; else nil
}

// Error writes the message and the offset.
func (e *Error) Error() string {
	return "pickle: " + e.Msg + " (at byte " + strconv.FormatInt(e.Offset, 10) + ")"
}

// Unwrap is the error of the Constructor or of Persistent.
func (e *Error) Unwrap() error { return e.Err }

// Quote quotes s, cut to a length that an error can show.
func Quote(s string) string {
	const most = 80
	if len(s) <= most {
		return strconv.Quote(s)
	}
	cut := most
	for cut > most-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.Quote(s[:cut]) + "…"
}
