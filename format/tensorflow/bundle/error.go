package bundle

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// An Error says what is wrong with the contents of a checkpoint.
type Error struct {
	Path   string // of the file
	Tensor string // the tensor concerned; empty for the file as a whole
	Offset int64  // byte of the file at which it shows
	Msg    string // what is wrong and how to mend it
}

// Error writes path, tensor, message and offset.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString("TensorFlow checkpoint: ")
	if e.Tensor != "" {
		b.WriteString("tensor " + strconv.Quote(e.Tensor) + ": ")
	}
	b.WriteString(e.Msg + " (at byte " + strconv.FormatInt(e.Offset, 10) + ")")
	return b.String()
}

func errorf(off int64, format string, args ...any) error {
	return &Error{Offset: off, Msg: fmt.Sprintf(format, args...)}
}

// in adds file and tensor to an error of the contents.
func in(path, tensor string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		if e.Path == "" {
			e.Path = path
		}
		if e.Tensor == "" {
			e.Tensor = tensor
		}
		return e
	}
	return err
}
