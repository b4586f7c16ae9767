package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
)

// The command makes sense of every configuration of the lab.
func TestLabSpecs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../lab/experiments/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d experiments, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, body, _ := bytes.Cut(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n---\n"))
			e, err := config.ParseYAML(file, head)
			if err != nil {
				t.Fatal(err)
			}
			runs, _ := e.Get("runs")
			if len(runs.Items) == 0 {
				t.Fatal("there are no runs")
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "exp.yaml"), body, 0o644); err != nil {
				t.Fatal(err)
			}
			for _, r := range runs.Items {
				words := []string{"config", "exp.yaml"}
				keys, _ := r.Get("keys")
				for _, k := range keys.Items {
					words = append(words, k.Text)
				}
				if _, ok := r.Get("from"); ok {
					words = append(words, "transfer.from=base.safetensors")
				}
				if out, err := nadir(t, dir, words...).CombinedOutput(); err != nil {
					t.Errorf("%q: %v\n%s", words, err, out)
				}
			}
		})
	}
}
