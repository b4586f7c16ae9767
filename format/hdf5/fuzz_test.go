package hdf5

import (
	"bytes"
	"encoding/binary"
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

// sums notes the pieces of a file that are read and have a checksum.
type sums struct {
	*bytes.Reader
	found map[sum]bool
}

// A sum is where a checksum lies, and the bytes that it is of.
type sum struct{ at, lo, hi int }

func (s *sums) ReadAt(b []byte, off int64) (int, error) {
	n, err := s.Reader.ReadAt(b, off)
	if n < len(b) || n < 8 {
		return n, err
	}
	at := n - 4
	if string(b[:4]) == "FHDB" { // which has its checksum behind its head
		for at = 13; at < 21; at++ {
			c := bytes.Clone(b)
			clear(c[at : at+4])
			if lookup3(c) == binary.LittleEndian.Uint32(b[at:]) {
				s.found[sum{int(off) + at, int(off), int(off) + n}] = true
			}
		}
	} else if lookup3(b[:at]) == binary.LittleEndian.Uint32(b[at:]) {
		s.found[sum{int(off) + at, int(off), int(off) + at}] = true
	}
	return n, err
}

// FuzzBehindChecksums changes bytes of the small file in the new form and puts
// its checksums right again. Three bytes of the argument make a change: where,
// and to what.
func FuzzBehindChecksums(f *testing.F) {
	raw := smallFiles(f)["new.h5"]
	s := &sums{bytes.NewReader(raw), map[sum]bool{}}
	h, err := NewFile(s, int64(len(raw)))
	if err != nil {
		f.Fatal(err)
	}
	describe(f, h)
	if len(s.found) < 20 {
		f.Fatalf("only %d checksums", len(s.found))
	}
	f.Add([]byte{})
	for r := range s.found {
		for at := r.lo; at < min(r.hi, r.lo+64); at += 3 {
			f.Add([]byte{byte(at), byte(at >> 8), raw[at] ^ 0xff, byte(at + 1), byte(at >> 8), 1})
		}
	}
	f.Fuzz(func(t *testing.T, changes []byte) {
		b := bytes.Clone(raw)
		for ; len(changes) >= 3; changes = changes[3:] {
			b[int(binary.LittleEndian.Uint16(changes))%len(b)] = changes[2]
		}
		endAt(b)
		for r := range s.found {
			clear(b[r.at : r.at+4])
			binary.LittleEndian.PutUint32(b[r.at:], lookup3(b[r.lo:r.hi]))
		}
		mustBeTyped(t, "fuzzed", readAll(b))
	})
}
