package safetensors

import (
	"bytes"
	"strconv"
	"strings"
)

// An Error says what is wrong with the contents of a file, as opposed to a
// failure to read it.
type Error struct {
	Path   string // of the file; empty where it was not opened by path
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
	b.WriteString("safetensors: ")
	if e.Tensor != "" {
		b.WriteString("tensor " + strconv.Quote(e.Tensor) + ": ")
	}
	b.WriteString(e.Msg + " (at byte " + strconv.FormatInt(e.Offset, 10) + ")")
	return b.String()
}

// otherFormats are the beginnings of files that are often taken for safetensors.
var otherFormats = []struct{ magic, name string }{
	{"PK\x03\x04", "a zip archive, such as a .pt, .keras or .npz file"},
	{"\x89HDF\r\n\x1a\n", "an HDF5 file, such as a Keras .h5 file"},
	{"\x93NUMPY", "a NumPy .npy array"},
	{"\x1f\x8b", "a gzip file; decompress it first"},
	{"GGUF", "a GGUF file"},
	{"version https://git-lfs", "a Git LFS pointer; fetch the file itself with \"git lfs pull\""},
	{"\x80\x02", "a Python pickle, such as an old .pt or .pth file"},
	{"\x80\x03", "a Python pickle"},
	{"\x80\x04", "a Python pickle"},
	{"\x80\x05", "a Python pickle"},
	{"<", "HTML or XML, perhaps an error page that was saved in its place"},
	{"{", "JSON text"},
}

// otherFormat names the format that a file begins like, or is empty.
func otherFormat(head []byte) string {
	for _, f := range otherFormats {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f.name
		}
	}
	// ModelProto of ONNX: ir_version (field 1, a small number), then another
	// field with a length before its bytes.
	if len(head) > 3 && head[0] == 0x08 && head[1] < 0x80 && head[2]&7 == 2 && head[2]>>3 != 0 {
		return "a protocol buffer, such as an ONNX model"
	}
	return ""
}
