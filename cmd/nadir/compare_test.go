package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// study is a comparison of eight trials.
var study = []string{"cv", "data.limit=300", "epochs=2", "model=plain", "vary=activation:relu,elu", "k=4", "threads=1", "out=cv"}

// TestStudyStopped stops a comparison after its first trial, by a kill and by an
// interrupt, and calls it again: the trials that were done are not repeated, and
// it ends in the values of one that was never stopped.
func TestStudyStopped(t *testing.T) {
	t.Parallel()
	values := func(dir string) map[string][]float64 {
		t.Helper()
		out, err := nadir(t, dir, append(study, "--json", "--quiet")...).Output()
		if err != nil {
			t.Fatal(err)
		}
		var r struct {
			Candidates []struct {
				Name   string
				Values []float64
			}
		}
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatal(err)
		}
		v := map[string][]float64{}
		for _, c := range r.Candidates {
			v[c.Name] = c.Values
		}
		return v
	}
	want := values(t.TempDir())
	for _, s := range []os.Signal{os.Kill, os.Interrupt} {
		if s == os.Interrupt && runtime.GOOS == "windows" {
			continue
		}
		dir := t.TempDir()
		c := nadir(t, dir, study...)
		pipe, err := c.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(pipe)
		var said bytes.Buffer
		for n := 0; lines.Scan(); {
			said.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "/8  ") {
				if n++; n == 1 {
					_ = c.Process.Signal(s)
				}
			}
		}
		code := exitCode(t, c.Wait())
		done, err := filepath.Glob(filepath.Join(dir, "cv", "results", "*.json"))
		if err != nil || len(done) == 0 {
			t.Fatalf("%d trials are kept, %v\n%s", len(done), err, &said)
		}
		if s == os.Interrupt && code != 0 && (code != 130 || !strings.Contains(said.String(), "the same words go on")) {
			t.Errorf("interrupted it exits with %d and says\n%s", code, &said)
		}
		before := map[string]string{}
		for _, f := range done {
			before[f] = modified(t, f)
		}
		if got := values(dir); !reflect.DeepEqual(got, want) {
			t.Errorf("after %v the values are %v, want %v", s, got, want)
		}
		for f, was := range before {
			if modified(t, f) != was {
				t.Errorf("%s was made again", f)
			}
		}
	}
}

func modified(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime().String()
}
