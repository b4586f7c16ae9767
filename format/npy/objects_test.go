package npy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/tensor"
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
			if err != nil && o.Type == "" {
				t.Fatal(err)
			}
			if err == nil && o.Type == "" { // a number takes 8 bytes whatever the file takes for it
				n += len(x.Bytes())
			}
		}
		if n > len(b) {
			t.Fatalf("%d bytes of elements from %d bytes", n, len(b))
		}
	})
}

// TestPickledByNumPy reads what NumPy writes of objects: a dict of dicts, of numbers and
// texts, a list, and arrays of several types.
func TestPickledByNumPy(t *testing.T) {
	t.Parallel()
	const interpreter = "/usr/bin/python3"
	if err := exec.Command(interpreter, "-c", "import numpy").Run(); err != nil {
		t.Skip("NumPy is not installed: apt-get install python3-numpy")
	}
	dir := t.TempDir()
	script := `
import numpy as np, sys
w = np.arange(6, dtype="f4").reshape(2, 3)
inner = {"w": w, "b": np.float64(0.5), "step": 7, "name": "net", "none": None, "list": [np.asfortranarray(w), np.int64(3)]}
np.savez(sys.argv[1], one={"layer": inner}, two=np.array([w, {"deep": w[0]}], dtype=object), three=w)
np.savez_compressed(sys.argv[2], {"layer": inner})
`
	a, b := filepath.Join(dir, "a.npz"), filepath.Join(dir, "b.npz")
	if out, err := exec.Command(interpreter, "-c", script, a, b).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for path, wants := range map[string][][]string{
		a: {{"one", "layer/w [2 3] 5", "layer/b [] 0.5", "layer/step [] 7", "layer/name str", "layer/none None", "layer/list/0 [2 3] 5", "layer/list/1 [] 3"}, {"two", "0 [2 3] 5", "1/deep [3] 2"}},
		b: {{"arr_0", "layer/w [2 3] 5", "layer/b [] 0.5", "layer/step [] 7", "layer/name str", "layer/none None", "layer/list/0 [2 3] 5", "layer/list/1 [] 3"}},
	} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		z, err := NewArchive(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if _, err := z.Header(want[0]); !errors.Is(err, ErrObjects) {
				t.Errorf("%s: %v", want[0], err)
			}
			list, err := z.Objects(want[0])
			if err != nil {
				t.Fatal(err)
			}
			got := want[:1:1]
			for _, o := range list {
				if o.Type == "str" || o.Type == "None" {
					got = append(got, o.Name+" "+o.Type)
					if _, err := o.Tensor(); err == nil {
						t.Errorf("%s is taken for numbers", o.Name)
					}
					continue
				}
				x, err := o.Tensor()
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("%s %v %v", o.Name, o.Shape, x.Flat(x.Len()-1)))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		}
	}
}

// TestNumPyReads gives an archive of every type to NumPy.
func TestNumPyReads(t *testing.T) {
	t.Parallel()
	const interpreter = "/usr/bin/python3"
	if err := exec.Command(interpreter, "-c", "import numpy").Run(); err != nil {
		t.Skip("NumPy is not installed: apt-get install python3-numpy")
	}
	var b bytes.Buffer
	types := []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.Int64, tensor.Int32, tensor.Int8, tensor.Uint8, tensor.Bool}
	err := WriteArchive(&b, func(yield func(string, *tensor.Tensor) bool) {
		for _, dt := range types {
			x := tensor.New(dt, 2, 3)
			for i := range 6 {
				x.SetFlat(i, float64(i%2))
			}
			if !yield(dt.String(), x) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.npz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `
import numpy as np, sys
for name, x in np.load(sys.argv[1]).items():
    print(name, x.dtype, x.shape, x.astype("f8").ravel().tolist())
`
	out, err := exec.Command(interpreter, "-c", script, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, dt := range types {
		if want := fmt.Sprintf("%v %v (2, 3) [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]\n", dt, dt); !strings.Contains(string(out), want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
}
