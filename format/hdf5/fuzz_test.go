package hdf5

import (
	"bytes"
	"testing"
)

// FuzzOpen reads whatever can be read of any bytes. The second argument chooses
// whether the superblock's checksum and end are put right, without which hardly
// any change would get further.
func FuzzOpen(f *testing.F) {
	for _, b := range smallFiles(f) {
		f.Add(b, false)
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if mend {
			b = bytes.Clone(b)
			if len(b) > 8 && b[8] < 4 {
				endAt(b)
			}
		}
		mustBeTyped(t, "fuzzed", readAll(b))
	})
}

// FuzzWrite writes a tree of any names and texts and reads it back.
func FuzzWrite(f *testing.F) {
	f.Add("model_weights/dense/kernel:0", "model_config", `{"class_name": "Sequential"}`)
	f.Add("a//b", "größe", "")
	f.Add(".", "\x00", "\x00")
	f.Fuzz(func(t *testing.T, path, name, text string) {
		root := &Node{}
		root.Put(path, floats24())
		root.Set(name, text)
		root.Set(name+"s", Fixed{text, ""})
		var b bytes.Buffer
		if err := Write(&b, root); err != nil {
			return
		}
		h, err := NewFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		d, err := h.Root().Dataset(path)
		if err != nil {
			t.Fatal(err)
		}
		if x, err := d.Read(); err != nil || !bytes.Equal(x.Bytes(), floats24().Bytes()) {
			t.Errorf("%v, %v", x, err)
		}
		a, err := h.Root().Attr(name)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := a.Text(); err != nil || s != text {
			t.Errorf("%q, %v; want %q", s, err, text)
		}
	})
}
