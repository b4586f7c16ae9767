package ckpt

import "errors"

var (
	// ErrNone says that a store holds no checkpoint.
	ErrNone = errors.New("no checkpoint was saved")

	// ErrLocked says that another process works on the run.
	ErrLocked = errors.New("run is locked")
)

// An Error is a failure of the disk or the file system to save or read what is
// at Path. Nothing was saved; what was saved before is untouched.
type Error struct {
	Path string
	Err  error
}

// Error writes the path and the cause.
func (e *Error) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// A Damage says why a checkpoint is not whole.
type Damage struct {
	Path string // the checkpoint's directory, or the file in it
	Msg  string
	Err  error // the failure to read it, or nil
}

// Error writes the path and what is wrong.
func (d *Damage) Error() string { return d.Path + ": damaged checkpoint: " + d.Msg }

// Unwrap is the failure to read, if there was one.
func (d *Damage) Unwrap() error { return d.Err }
