package app

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestExportFile holds that a file which is not what was meant does not take the
// place of one that is there, and that nothing is left of it.
func TestExportFile(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "m.pt")
	write := func(text string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
	}
	good := func(string) error { return nil }
	bad := errors.New("another number")
	if err := exportFile(out, false, write("one"), good); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		exportFile(out, true, write("two"), func(string) error { return bad }),
		exportFile(out, true, func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return bad }, good),
	} {
		if !errors.Is(err, bad) {
			t.Errorf("error %v", err)
		}
	}
	if err := exportFile(out, false, write("three"), good); err == nil {
		t.Error("a file is overwritten unasked")
	}
	text, err := os.ReadFile(out)
	if err != nil || string(text) != "one" {
		t.Errorf("%q, %v", text, err)
	}
	left, err := os.ReadDir(filepath.Dir(out))
	if err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
}
