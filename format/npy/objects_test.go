package npy

import (
	"bytes"
	"strings"
	"testing"
)

// pickled is a file with a dict that NumPy 1 writes on Python 2: {a: {b: array}}, the array
// of shape (2, 2) in Fortran's order.
func pickled() []byte {
	const array = "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01"
	const dtype = "cnumpy\ndtype\n(U\x02"
	head := "{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
	body := "\x80\x02" + array + ")" + dtype + "O8K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]" +
		"}U\x01a}U\x01b" + array + "(K\x02K\x02t" + dtype + "f4K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x88" +
		"U\x10\x00\x00\x80?\x00\x00\x00@\x00\x00@@\x00\x00\x80@tbssatb."
	return []byte("\x93NUMPY\x01\x00" + string(rune(len(head))) + "\x00" + head + body)
}

func objects(b []byte) ([]Object, error) { return ReadObjects(bytes.NewReader(b), int64(len(b))) }

func TestObjects(t *testing.T) {
	t.Parallel()
	file := pickled()
	list, err := objects(file)
	if err != nil || len(list) != 1 || list[0].Name != "a/b" {
		t.Fatal(list, err)
	}
	x, err := list[0].Tensor()
	if err != nil || x.At(0, 1) != 3 || x.At(1, 0) != 2 || x.At(1, 1) != 4 {
		t.Error(x, err)
	}
	for n := range file {
		if _, err := objects(file[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for the whole", n, len(file))
		}
	}
	for i := range file {
		b := bytes.Clone(file)
		b[i] ^= 1 << (i % 8)
		if _, err := objects(b); err != nil && len(err.Error()) < 8 {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	bad := strings.Replace(string(file), "numpy\ndtype", "posix\nsystem", 1)
	if _, err := objects([]byte(bad)); err == nil {
		t.Error("a pickle that calls something is taken")
	}
	if _, err := Read(bytes.NewReader(file), int64(len(file))); err == nil {
		t.Error("objects are taken for numbers")
	}
}

func FuzzObjects(f *testing.F) {
	f.Add(pickled())
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := objects(b)
		if err != nil {
			return
		}
		n := 0
		for _, o := range list {
			x, err := o.Tensor()
			if err != nil {
				t.Fatal(err)
			}
			n += len(x.Bytes())
		}
		if n > len(b) {
			t.Fatalf("%d bytes of elements from %d bytes", n, len(b))
		}
	})
}
