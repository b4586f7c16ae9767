package nadir_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

// What the documents point to is there.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"} {
		text := read(t, doc)
		links := link.FindAllStringSubmatch(text, -1)
		if len(links) == 0 {
			t.Errorf("%s points to no file", doc)
		}
		for _, m := range links {
			if _, err := os.Stat(filepath.FromSlash(m[1])); err != nil {
				t.Errorf("%s points to %s: %v", doc, m[1], err)
			}
		}
	}
}

// The Go code of README.md is the body of the example that runs.
func TestReadmeExample(t *testing.T) {
	t.Parallel()
	src := read(t, "example_test.go")
	f, err := parser.ParseFile(token.NewFileSet(), "", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(f.Decls, func(d ast.Decl) bool {
		fn, ok := d.(*ast.FuncDecl)
		return ok && fn.Name.Name == "Example"
	})
	if i < 0 {
		t.Fatal("example_test.go has no function Example")
	}
	body := f.Decls[i].(*ast.FuncDecl).Body
	code, _, _ := strings.Cut(src[body.Lbrace:body.Rbrace-1], "\t// Output:")
	if want, got := strings.ReplaceAll(code, "\n\t", "\n"), "\n"+block(t, read(t, "README.md"), "go"); got != strings.TrimRight(want, "\t") {
		t.Errorf("README.md has\n%s\nwhere example_test.go has\n%s", got, want)
	}
}

// block is the first fenced block of a language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n```"+language+"\n")
	code, _, closed := strings.Cut(rest, "\n```\n")
	if !ok || !closed {
		t.Fatalf("there is no block of %s", language)
	}
	return code + "\n"
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
