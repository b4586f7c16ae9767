package app

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/nadir-ml/nadir/format"
)

// exporters are a format of one file, of two, and of a folder. What is written is text;
// fail says at what it goes wrong.
func exporters(text string, write, check error) []format.Exporter {
	file := func(path string) error {
		return errors.Join(os.WriteFile(path, []byte(text), 0o600), write)
	}
	good := func(string, *format.Model) (int, error) { return 1, check }
	return []format.Exporter{
		{Name: "one", Check: good, Write: func(w io.Writer, _ *format.Model) (*format.Report, error) {
			_, err := io.WriteString(w, text)
			return &format.Report{}, errors.Join(err, write)
		}},
		{Name: "two", Check: good, Files: func(name string) []string { return []string{name, name + ".index", name + ".more"} },
			Create: func(path string, _ *format.Model) (*format.Report, error) {
				return &format.Report{}, errors.Join(file(path), file(path+".index"))
			}},
		{Name: "folder", Check: good, Folder: []string{"a", "b"}, Create: func(path string, _ *format.Model) (*format.Report, error) {
			return &format.Report{}, errors.Join(os.Mkdir(path, 0o700), file(filepath.Join(path, "a")))
		}},
	}
}

// TestExportTo holds that what is not what was meant does not take the place of what is
// there, and that nothing is left of it.
func TestExportTo(t *testing.T) {
	t.Parallel()
	bad := errors.New("another number")
	for i, e := range exporters("one", nil, nil) {
		dir := t.TempDir()
		out := filepath.Join(dir, "m")
		if _, n, size, err := exportTo(e, out, false, nil); n != 1 || err != nil || size != []int64{3, 6, 3}[i] {
			t.Fatal(e.Name, n, size, err)
		}
		if _, _, _, err := exportTo(exporters("two", nil, bad)[i], out, true, nil); !errors.Is(err, bad) {
			t.Errorf("%s: error %v", e.Name, err)
		}
		if _, _, _, err := exportTo(exporters("two", bad, nil)[i], out, true, nil); !errors.Is(err, bad) {
			t.Errorf("%s: error %v", e.Name, err)
		}
		if _, _, _, err := exportTo(exporters("two", nil, nil)[i], out, false, nil); err == nil {
			t.Errorf("%s: what is there is overwritten unasked", e.Name)
		}
		file := out
		if e.Folder != nil {
			file = filepath.Join(out, "a")
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != "one" {
			t.Errorf("%s: %q, %v", e.Name, text, err)
		}
		if _, _, _, err := exportTo(exporters("two", nil, nil)[i], out, true, nil); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != "two" {
			t.Errorf("%s: %q, %v", e.Name, text, err)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != []int{1, 2, 1}[i] {
			t.Errorf("%s: left are %v, %v", e.Name, left, err)
		}
	}
}

// TestExportFolder holds that a folder with anything of the user's in it is never replaced.
func TestExportFolder(t *testing.T) {
	t.Parallel()
	e := exporters("one", nil, nil)[2]
	out := t.TempDir() // an empty folder is as good as none
	if _, _, _, err := exportTo(e, out, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, "notes"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := exportTo(e, out, true, nil); err == nil {
		t.Error("a folder that holds more than a model is replaced")
	}
}
