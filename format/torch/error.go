package torch

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/format/pickle"
)

// An Error says what is wrong with the contents of a file, as opposed to a failure to
// read it. Where its pickle is at fault, Err is a [*pickle.Error].
type Error struct {
	Path   string // of the file; empty where it was not opened by path
	Tensor string // the tensor concerned; empty for the file as a whole
	Offset int64  // byte of the file at which it shows
	Msg    string // what is wrong and how to mend it
	Err    error  // the cause, or nil
}

// Error writes path, tensor, message and offset.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString("torch: ")
	if e.Tensor != "" {
		b.WriteString("tensor " + pickle.Quote(e.Tensor) + ": ")
	}
	b.WriteString(e.Msg + " (at byte " + strconv.FormatInt(e.Offset, 10) + ")")
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// pickled turns an error of a pickle that begins at byte base of the file into an
// *Error, and leaves failures to read as they are.
func (f *File) pickled(err error, base int64) error {
	bad, ok := errors.AsType[*pickle.Error](err)
	if !ok {
		return f.ioError(err, base)
	}
	msg := bad.Msg
	if bad.Global != "" {
		msg += `; if it belongs to your model, save model.state_dict() instead of the model`
	}
	return &Error{Path: f.path, Offset: base + bad.Offset, Msg: msg, Err: err}
}

// otherFormats are the beginnings of files that are often taken for PyTorch's.
var otherFormats = []struct{ magic, name string }{
	{"\x89HDF\r\n\x1a\n", "an HDF5 file, such as a Keras .h5 file"},
	{"\x93NUMPY", "a NumPy .npy array"},
	{"\x1f\x8b", "a gzip file; decompress it first"},
	{"GGUF", "a GGUF file"},
	{"version https://git-lfs", "a Git LFS pointer; fetch the file itself with \"git lfs pull\""},
	{"<", "HTML or XML, perhaps an error page that was saved in its place"},
	{"\x80", "a Python pickle that torch.save did not write"},
}

// otherFormat names the format that a file begins like, or is empty.
func otherFormat(head []byte) string {
	if len(head) >= 262 && string(head[257:262]) == "ustar" {
		return "a tar archive, as PyTorch wrote before 2017; load it and save it again with a newer one"
	}
	if len(head) > 8 && head[8] == '{' {
		return "a safetensors file"
	}
	for _, f := range otherFormats {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f.name
		}
	}
	return ""
}
