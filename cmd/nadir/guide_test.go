package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	guideFile = regexp.MustCompile("(?s)\n```yaml\n# (\\S+)\n(.*?)```\n")
	guideRuns = regexp.MustCompile("(?s)\n```sh\n(.*?)```\n")
	guideData = regexp.MustCompile(`\b(mnist|fashion-mnist|cifar10)\b`)
)

// shortened is what is added to a verb's words, so that its command takes no
// longer than it needs to show that it works.
var shortened = map[string][]string{
	"train":    {"data.limit=200", "epochs=1"},
	"pretrain": {"data.limit=200"},
	"transfer": {"data.limit=200", "epochs=6"},
	"lr-find":  {"--steps=20", "data.limit=200"},
	"cv":       {"data.limit=120", "epochs=1"},
	"compare":  {"data.limit=120", "epochs=1"},
}

// The guide's files are sound and its commands run, one after the other in one
// folder, on a few of the built-in digits.
func TestGuide(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ReplaceAll(string(raw), "\r\n", "\n")
			if n, named := strings.Count(text, "\n```yaml\n"), guideFile.FindAllString(text, -1); n != len(named) {
				t.Errorf("%d of %d files begin with a comment that names them", len(named), n)
			}
			dir := t.TempDir()
			for _, m := range guideFile.FindAllStringSubmatch(text, -1) {
				if err := os.WriteFile(filepath.Join(dir, m[1]), []byte(guideData.ReplaceAllString(m[2], "digits")), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, m := range guideRuns.FindAllStringSubmatch(text, -1) {
				for line := range strings.Lines(m[1]) {
					line, _, _ = strings.Cut(strings.TrimSpace(line), "  #")
					words, ok := strings.CutPrefix(line, "nadir ")
					if !ok {
						t.Errorf("not a command of nadir: %s", line)
						continue
					}
					args := strings.Fields(strings.ReplaceAll(guideData.ReplaceAllString(words, "digits"), "'", ""))
					for _, word := range shortened[args[0]] {
						key, _, _ := strings.Cut(word, "=")
						args = append(slices.DeleteFunc(args, func(a string) bool { return strings.HasPrefix(a, key+"=") }), word)
					}
					c := nadir(t, dir, args...)
					if out, err := c.CombinedOutput(); err != nil {
						t.Errorf("%s: %v\n%s", line, err, out)
					}
				}
			}
		})
	}
}
