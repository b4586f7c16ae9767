package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
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
			head, config, _ := bytes.Cut(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n---\n"))
			var e struct {
				Runs []struct {
					Keys []string
					From string
				}
			}
			if err := yaml.Unmarshal(head, &e); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "exp.yaml"), config, 0o644); err != nil {
				t.Fatal(err)
			}
			for _, r := range e.Runs {
				if r.From != "" {
					r.Keys = append(r.Keys, "transfer.from=base.safetensors")
				}
				if out, err := nadir(t, dir, append([]string{"config", "exp.yaml"}, r.Keys...)...).CombinedOutput(); err != nil {
					t.Errorf("%q: %v\n%s", r.Keys, err, out)
				}
			}
		})
	}
}
