package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages are the guide's texts by file.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	out := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	return out
}

var code = regexp.MustCompile("(?s)\n```go\n(.*?\n)```\n\n```text\n(.*?\n)```\n")

// Every block of Go code on a page is the body of an example, and what it prints
// stands below it; every example stands on a page.
func TestCode(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{} // output by body
	src, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), "", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(fn.Name.Name, "Example") {
			continue
		}
		body, output, _ := strings.Cut(string(src[fn.Body.Lbrace:fn.Body.Rbrace-1]), "\t// Output:\n")
		bodies[strings.ReplaceAll(body, "\n\t", "\n")] = strings.ReplaceAll(output, "\t// ", "")
	}
	for page, text := range pages(t) {
		blocks := code.FindAllStringSubmatch(text, -1)
		if n := strings.Count(text, "```go\n"); n != len(blocks) {
			t.Errorf("%s: %d of %d blocks of code say what they print", page, len(blocks), n)
		}
		for _, m := range blocks {
			key := "\n" + m[1]
			output, ok := bodies[key]
			if !ok {
				t.Errorf("%s: not the body of an example in example_test.go:%s", page, key)
				continue
			}
			if output != m[2] {
				t.Errorf("%s: prints\n%swhere the page has\n%s", page, output, m[2])
			}
			delete(bodies, key)
		}
	}
	for body := range bodies {
		t.Errorf("an example stands on no page:%s", body)
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

// What pages point to is there, and README.md points to every page.
func TestLinks(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for page, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.FromSlash(m[1])); err != nil {
				t.Errorf("%s points to %s: %v", page, m[1], err)
			}
		}
		if page != "README.md" && !strings.Contains(all["README.md"], "("+page+")") {
			t.Errorf("README.md does not name %s", page)
		}
	}
	figures, err := filepath.Glob("figures/*.svg")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		found := false
		for _, text := range all {
			found = found || strings.Contains(text, "("+filepath.ToSlash(f)+")")
		}
		if !found {
			t.Errorf("%s stands on no page", f)
		}
	}
}
