package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/internal/shared"
)

var consoles = regexp.MustCompile("(?s)\n```console\n(.*?)```\n")

// The page about other frameworks' models is what happens: its commands run, one after
// the other, on the files that these frameworks made, and print what stands below them.
// A line … stands for any lines.
func TestOtherFrameworks(t *testing.T) {
	t.Parallel()
	models, data := shared.Dir(t, "models"), shared.Dir(t, "data")
	raw, err := os.ReadFile("../../docs/other-frameworks.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, path := range map[string]string{"models": models, "data": data} {
		if path, err = filepath.Abs(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	commands := 0
	for _, block := range consoles.FindAllStringSubmatch(strings.ReplaceAll(string(raw), "\r\n", "\n"), -1) {
		for part := range strings.SplitSeq(strings.TrimPrefix(block[1], "$ "), "\n$ ") {
			line, want, _ := strings.Cut(part, "\n")
			words, ok := strings.CutPrefix(line, "nadir ")
			if !ok {
				t.Errorf("not a command of nadir: %s", line)
				continue
			}
			commands++
			c := nadir(t, dir, strings.Fields(strings.ReplaceAll(words, "'", ""))...)
			c.Env = append(c.Env, "NADIR_DATA="+data)
			var told strings.Builder
			c.Stderr = &told
			out, err := c.Output()
			if err != nil {
				t.Errorf("%s: %v\n%s", line, err, told.String())
				continue
			}
			if want = strings.TrimRight(want, "\n"); want != "" && !prints(string(out), want) {
				t.Errorf("%s: prints\n%swhere the page has\n%s", line, out, want)
			}
		}
	}
	if commands < 20 {
		t.Errorf("the page has %d commands", commands)
	}
}

// prints reports whether the lines of want stand in text in their order, next to each
// other unless … is between them.
func prints(text, want string) bool {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	at, skip := 0, false
	for w := range strings.SplitSeq(want, "\n") {
		if w == "…" {
			skip = true
			continue
		}
		for skip && at < len(lines) && strings.TrimRight(lines[at], " ") != w {
			at++
		}
		if at >= len(lines) || strings.TrimRight(lines[at], " ") != w {
			return false
		}
		at, skip = at+1, false
	}
	return skip || at == len(lines)
}
