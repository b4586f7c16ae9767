package shared

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// recorder is a test that remembers how it ended instead of ending.
type recorder struct {
	testing.TB
	skipped, failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Skipf(string, ...any)  { r.skipped = true; runtime.Goexit() }
func (r *recorder) Fatalf(string, ...any) { r.failed = true; runtime.Goexit() }

func (r *recorder) run(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func environment(pairs ...string) func(string) string {
	return func(key string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "data", "set"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "data", "a.csv"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name            string
		ci, elem        string
		dir             bool
		skipped, failed bool
	}{
		{"file", "", "data/a.csv", false, false, false},
		{"directory", "true", "data/set", true, false, false},
		{"absent", "", "data/b.csv", false, true, false},
		{"absent in CI", "true", "data/b.csv", false, false, true},
		{"a directory for a file", "", "data/set", false, false, true},
		{"a file for a directory", "", "data/a.csv", true, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got string
			r := &recorder{TB: t}
			r.run(func() {
				got = locate(r, environment("NADIR_SHARED", root, "CI", tc.ci), tc.dir, []string{tc.elem})
			})
			if r.skipped != tc.skipped || r.failed != tc.failed {
				t.Errorf("skipped %t failed %t, want %t %t", r.skipped, r.failed, tc.skipped, tc.failed)
			}
			if want := filepath.Join(root, filepath.FromSlash(tc.elem)); !tc.skipped && !tc.failed && got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestBesideTheModule(t *testing.T) {
	t.Parallel()
	module, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(module, "go.mod")); err != nil || !strings.HasPrefix(string(text), "module ") {
		t.Fatalf("go.mod in %s: %q, %v", module, text, err)
	}
	got, err := find(environment(), []string{"golden", "losses.json"})
	want := filepath.Join(filepath.Dir(module), "shared", "golden", "losses.json")
	if err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

func TestElementsJoin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		elem := rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,8}(\.[a-z]{1,3})?`), 1, 5).Draw(t, "elem")
		env := environment("NADIR_SHARED", "root")
		apart, err := find(env, elem)
		if err != nil {
			t.Fatal(err)
		}
		joined, err := find(env, []string{strings.Join(elem, "/")})
		if err != nil || apart != joined || !strings.HasPrefix(apart, "root") {
			t.Fatalf("%q apart, %q joined, %v", apart, joined, err)
		}
	})
}
