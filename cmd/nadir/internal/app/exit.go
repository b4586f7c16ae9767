package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
	"github.com/nadir-ml/nadir/zoo"
)

// The exit codes.
const (
	codeUsage    = 2
	codeData     = 3
	codeDiverged = 4
	codeCorrupt  = 5
	codeLocked   = 6
	codeIO       = 74
)

// A usageError is a fault in what the command was told.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// exitCode is the code that an error ends the command with.
func exitCode(err error) int {
	switch {
	case is[*usageError](err), is[*spec.Error](err):
		return codeUsage
	case is[*train.Diverged](err):
		return codeDiverged
	case errors.Is(err, ckpt.ErrLocked):
		return codeLocked
	case is[*format.Choice](err), is[*format.Misfit](err):
		return codeUsage
	case is[*safetensors.Error](err), is[*format.Corrupt](err), is[*format.Unsupported](err), is[*ckpt.Damage](err), is[*zoo.Mismatch](err):
		return codeCorrupt
	case is[*data.Error](err), is[*zoo.Absent](err):
		return codeData
	case errors.Is(err, ckpt.ErrNone), errors.Is(err, format.ErrBare):
		return codeUsage
	case is[*ckpt.Error](err), is[*fs.PathError](err), is[syscall.Errno](err):
		return codeIO
	case errors.Is(err, context.Canceled):
		return 130
	}
	return codeUsage
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// message is the error as a person reads it: with source line and caret where
// there are some.
func message(err error) string {
	if is[*spec.Error](err) {
		return strings.TrimRight(spec.Render(err), "\n")
	}
	return err.Error()
}
