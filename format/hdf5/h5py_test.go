package hdf5

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

// python runs a script of testdata with the interpreter that has h5py.
func python(t *testing.T, args ...string) []byte {
	t.Helper()
	const interpreter = "/usr/bin/python3"
	if err := exec.Command(interpreter, "-c", "import h5py").Run(); err != nil {
		t.Skip("h5py is not installed: apt-get install python3-h5py")
	}
	cmd := exec.Command(interpreter, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &stderr)
	}
	return out
}

// A value is what testdata/describe.py prints of a dataset or attribute.
type value struct {
	Type   string   `json:"type"`
	Shape  []int    `json:"shape"`
	Text   []string `json:"text"`
	SHA256 string   `json:"sha256"`
}

type described struct {
	Attrs map[string]value `json:"attrs"`
	Data  *value           `json:"data"`
}

func ofText(shape tensor.Shape, s []string) value {
	return value{Type: "text", Shape: shape, Text: s}
}

func ofTensor(x *tensor.Tensor) value {
	sum := sha256.Sum256(x.Bytes())
	return value{Type: x.DType().String(), Shape: x.Shape(), SHA256: hex.EncodeToString(sum[:])}
}

// describe reads all there is below a group, the group included.
func describe(t testing.TB, f *File) map[string]described {
	t.Helper()
	out := map[string]described{}
	add := func(o Object) {
		d := described{Attrs: map[string]value{}}
		attrs, err := o.Attrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range attrs {
			v, err := a.Value()
			if err != nil {
				t.Fatal(err)
			}
			switch v := v.(type) {
			case nil:
				d.Attrs[a.Name()] = value{Type: "none"}
			case string:
				d.Attrs[a.Name()] = ofText(nil, []string{v})
			case []string:
				d.Attrs[a.Name()] = ofText(a.Shape(), v)
			case *tensor.Tensor:
				d.Attrs[a.Name()] = ofTensor(v)
			}
		}
		if set, ok := o.(*Dataset); ok {
			var v value
			if set.DType() == tensor.Invalid {
				s, err := set.Texts()
				if err != nil {
					t.Fatal(err)
				}
				v = ofText(set.Shape(), s)
			} else {
				x, err := set.Read()
				if err != nil {
					t.Fatal(err)
				}
				if !x.Shape().Equal(set.Shape()) || x.DType() != set.DType() {
					t.Errorf("%s: read %v, its shape is %v%v", set.Path(), x, set.DType(), set.Shape())
				}
				v = ofTensor(x)
			}
			d.Data = &v
		}
		out[o.Path()] = d
	}
	add(f.Root())
	for o, err := range f.Root().Walk() {
		if err != nil {
			t.Fatal(err)
		}
		add(o)
	}
	return out
}

// compare holds what is read here against what h5py reads.
func compare(t *testing.T, paths []string) {
	t.Helper()
	var all map[string]map[string]described
	if err := json.Unmarshal(python(t, append([]string{"testdata/describe.py"}, paths...)...), &all); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".h5"), func(t *testing.T) {
			t.Parallel()
			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got, want := describe(t, f), all[path]
			// h5py's visit comes to an object once, under one of its names.
			for path := range got {
				if strings.HasPrefix(path, "/again") || strings.HasPrefix(path, "/a/b") {
					delete(got, path)
					delete(want, path)
				}
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-h5py +here):\n%s", diff)
			}
		})
	}
}

func TestFilesOfH5py(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	python(t, "testdata/make.py", dir)
	files, err := filepath.Glob(filepath.Join(dir, "*.h5"))
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	compare(t, files)
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	var files []string
	for _, name := range []string{
		"keras-h5/fer2013_mini_XCEPTION/fer2013_mini_XCEPTION.102-0.66.hdf5",
		"keras-h5/gender_mini_XCEPTION/gender_mini_XCEPTION.21-0.95.hdf5",
		"keras-h5/homl2-custom_loss/my_model_with_a_custom_loss.h5",
		"keras-h5/homl2-my_keras_model/my_keras_model.h5",
		"keras-h5/homl2-my_model_A/my_model_A.h5",
		"keras-h5-weights/music_tagger_crnn/music_tagger_crnn_weights_tensorflow.h5",
		"keras-h5-weights/music_tagger_crnn/music_tagger_crnn_weights_theano.h5",
		"keras-weights-h5/ai-med-agh-mnist/model.weights.h5",
	} {
		files = append(files, shared.File(t, "models", name))
	}
	compare(t, files)
}
