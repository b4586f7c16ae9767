package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/nadir-ml/nadir/internal/svg/svgtest"
)

// Every figure is what the code draws today, and a sound picture.
func TestFigures(t *testing.T) {
	t.Parallel()
	for _, f := range figures {
		t.Run(f.file, func(t *testing.T) {
			t.Parallel()
			text, err := render(f.draw, "../..")
			if err != nil {
				t.Fatal(err)
			}
			if err := svgtest.Check(text); err != nil {
				t.Error(err)
			}
			stored, err := os.ReadFile(f.file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(text, stored) {
				t.Errorf("%s is not what is drawn today; after a look at the difference: go run ./docs/figures", f.file)
			}
		})
	}
}
