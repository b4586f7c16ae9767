package app

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// Whatever the keys are, an object is JSON with them in their order.
func TestObjectAny(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfDistinct(rapid.String(), func(s string) string { return s }).Draw(t, "keys")
		var o object
		for i, k := range keys {
			o = append(o, member{k, i})
		}
		text, err := encode(o)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(text))
		var got []string
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if s, ok := token.(string); ok {
				got = append(got, s)
			}
		}
		for i, k := range keys {
			keys[i] = strings.ToValidUTF8(k, "\ufffd")
		}
		if !slices.Equal(got, keys) {
			t.Fatalf("%s: keys %q, want %q", text, got, keys)
		}
	})
}

// The columns of a grid begin at the same place in every line, and nothing in
// it steers a terminal.
func TestGridAny(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := grid{align: "lrl"}
		n := rapid.IntRange(1, 5).Draw(t, "rows")
		width := 0
		for range n {
			a, b := rapid.String().Draw(t, "left"), rapid.StringMatching(`[a-z]{1,9}`).Draw(t, "right")
			g.add(a, b, "|")
			width = max(width, utf8.RuneCountInString(g.rows[len(g.rows)-1][0]))
		}
		var b strings.Builder
		g.write(&b, "")
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) != n {
			t.Fatalf("%d lines for %d rows: %q", len(lines), n, b.String())
		}
		for _, line := range lines {
			if strings.ContainsAny(line, "\x1b\r\t\u202e") {
				t.Fatalf("%q would steer a terminal", line)
			}
			if r := []rune(line); len(r) != len([]rune(lines[0])) || r[len(r)-1] != '|' {
				t.Fatalf("not aligned: %q", lines)
			}
		}
	})
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 0.98294: "0.9829", 1: "1", 33.31842: "33.318", 1e-5: "1.000e-05", 2.5e7: "2.500e+07", -0.5: "-0.5000"} {
		if got := measure(v); got != want {
			t.Errorf("%g is written %s, want %s", v, got, want)
		}
	}
	for _, c := range []struct {
		part, whole int
		want        string
	}{{1, 1, "100.0 %"}, {9999, 10000, "99.9 %"}, {0, 3, "0.0 %"}, {0, 0, "–"}} {
		if got := share(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d is written %s, want %s", c.part, c.whole, got, c.want)
		}
	}
}

// A file that could not be written as a whole is not there.
func TestCreate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new")
	if err := create(path, false, func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return os.ErrInvalid }); err == nil {
		t.Error("no error")
	}
	if exists(path) {
		t.Error("half a file is left")
	}
	write := func(text string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
	}
	if err := create(path, false, write("first")); err != nil {
		t.Fatal(err)
	}
	if err := create(path, false, write("second")); !is[*usageError](err) {
		t.Errorf("overwritten: %v", err)
	}
	if err := create(path, true, write("third")); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != "third" {
		t.Errorf("the file holds %q", text)
	}
}
