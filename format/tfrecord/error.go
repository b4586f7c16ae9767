package tfrecord

import "fmt"

// An Error is a fault of a record.
type Error struct {
	Record int   // counts from 0
	Offset int64 // of the record's first byte, decompressed
	Msg    string
}

func (e *Error) Error() string {
	return fmt.Sprintf("record %d at byte %d: %s", e.Record, e.Offset, e.Msg)
}
