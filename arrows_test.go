package nadir_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const module = "github.com/nadir-ml/nadir"

// A row of ARCHITECTURE.md's table: a package and what it may import, packages
// of this module by their folder and others by their module's path.
type row struct {
	name    string
	imports []string
}

// A pkg is a package as its files on all systems have it.
type pkg struct {
	imports, tests map[string]bool // import paths, of this module by folder
	doc            string
	command        bool // package main
}

var (
	tableRow = regexp.MustCompile("^\\| `([^`]+)` \\|.*\\|([^|]*)\\|$")
	codeSpan = regexp.MustCompile("`([^`]+)`")
)

// drawn reads the table's rows out of the text of ARCHITECTURE.md.
func drawn(text string) []row {
	var rows []row
	for line := range strings.Lines(text) {
		m := tableRow.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		r := row{name: m[1]}
		for _, c := range codeSpan.FindAllStringSubmatch(m[2], -1) {
			r.imports = append(r.imports, c[1])
		}
		rows = append(rows, r)
	}
	return rows
}

// external reports whether an import path is that of another module.
func external(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return strings.Contains(first, ".")
}

// within reports whether p is dir or lies below it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// faults lists where the packages and the table do not agree.
func faults(rows []row, pkgs map[string]*pkg) []string {
	var out []string
	complain := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	above := map[string]bool{}
	for _, r := range rows {
		p := pkgs[r.name]
		if p == nil {
			complain("%s: a row without a package", r.name)
			continue
		}
		if above[r.name] {
			complain("%s: two rows", r.name)
		}
		for _, i := range r.imports {
			if !external(i) && !above[i] {
				complain("%s: may import %s, which has no row above it", r.name, i)
			}
		}
		above[r.name] = true
		for _, i := range slices.Sorted(maps.Keys(p.imports)) {
			switch {
			case pkgs[i] != nil && slices.Contains(r.imports, i):
			case external(i) && slices.ContainsFunc(r.imports, func(m string) bool { return external(m) && within(i, m) }):
			case pkgs[i] == nil && !external(i) && i != "C": // the standard library
			default:
				complain("%s: imports %s, which its row does not name", r.name, i)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(pkgs)) {
		if !above[name] {
			complain("%s: a package without a row", name)
		}
	}
	return out
}

// packages reads the import clauses and package comments of the module. Nested
// modules are not part of it.
func packages(t *testing.T) map[string]*pkg {
	t.Helper()
	pkgs := map[string]*pkg{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(file, "go.mod"))
			if file != "." && (nested == nil || d.Name() == "testdata" || strings.ContainsAny(d.Name()[:1], "._")) {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(filepath.Dir(file))
		if name == "." {
			name = "nadir"
		}
		p := pkgs[name]
		if p == nil {
			p = &pkg{imports: map[string]bool{}, tests: map[string]bool{}}
			pkgs[name] = p
		}
		set := p.imports
		if strings.HasSuffix(file, "_test.go") {
			set = p.tests
		} else if f.Doc != nil {
			p.doc += f.Doc.Text()
			p.command = f.Name.Name == "main"
		}
		for _, i := range f.Imports {
			to, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if own, ok := strings.CutPrefix(to, module+"/"); ok {
				to = own
			}
			set[to] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

func architecture(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := drawn(string(text))
	if len(rows) == 0 {
		t.Fatal("ARCHITECTURE.md has no table of packages")
	}
	return rows
}

func TestArrows(t *testing.T) {
	t.Parallel()
	for _, f := range faults(architecture(t), packages(t)) {
		t.Errorf("%s; mend the import, or the drawing in ARCHITECTURE.md", f)
	}
}

// What the table may not say, whoever edits it.
func TestRules(t *testing.T) {
	t.Parallel()
	testModules := []string{
		"pgregory.net/rapid", "github.com/google/go-cmp", "go.uber.org/goleak", "github.com/rogpeppe/go-internal",
		"google.golang.org/protobuf", // makes messages for readers
	}
	pkgs := packages(t)
	for name, p := range pkgs {
		for i := range p.imports {
			if external(i) && !within(i, "golang.org/x/sys") && !within(name, "cmd/nadir/internal") && !within(name, "format") && !within(name, "lab") {
				t.Errorf("%s: imports %s; the library takes the standard library and golang.org/x/sys alone", name, i)
			}
			if i == "backend/cpu" && name != "train" && !within(name, "cmd/nadir") {
				t.Errorf("%s: imports backend/cpu; a backend is chosen by train and the command alone", name)
			}
			if within(i, "cmd") && !within(name, "cmd") {
				t.Errorf("%s: imports %s; the library knows nothing of the command", name, i)
			}
			if to := pkgs[i]; to != nil && to.imports["testing"] && !p.imports["testing"] {
				t.Errorf("%s: imports %s, which is for tests", name, i)
			}
		}
		for i := range p.tests {
			if external(i) && !p.imports[i] && !slices.ContainsFunc(testModules, func(m string) bool { return within(i, m) }) {
				t.Errorf("%s: its tests import %s; want one of %s", name, i, strings.Join(testModules, ", "))
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	t.Parallel()
	for name, p := range packages(t) {
		want := "Package " + path.Base(name) + " "
		if p.command { // Lab runs …
			base := path.Base(name)
			want = strings.ToUpper(base[:1]) + base[1:] + " "
		}
		if !strings.HasPrefix(p.doc, want) {
			t.Errorf("%s: want one package comment that begins with %q, got %.40q", name, want, p.doc)
		}
	}
}

// The check itself: whatever the arrows are, packages that use no others pass,
// and each fault that is put in is found.
func TestFaults(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(t, "packages")
		name := func(i int) string { return fmt.Sprintf("p%d", i) }
		text := "| package | what it is | may import |\n|---|---|---|\n"
		pkgs := map[string]*pkg{}
		for i := range n {
			p := &pkg{imports: map[string]bool{"fmt": true}}
			line := fmt.Sprintf("| `%s` | one of `%d` |", name(i), n)
			for j := range i {
				if rapid.Bool().Draw(t, "arrow") {
					line += " `" + name(j) + "`"
					if rapid.Bool().Draw(t, "used") {
						p.imports[name(j)] = true
					}
				}
			}
			if rapid.Bool().Draw(t, "module") {
				line += " `example.org/m`"
				p.imports["example.org/m/sub"] = true
			}
			text += line + " |\n"
			pkgs[name(i)] = p
		}
		rows := drawn(text)
		if got := faults(rows, pkgs); len(got) != 0 {
			t.Fatalf("%s\n%q", text, got)
		}
		victim := rapid.IntRange(0, n-1).Draw(t, "victim")
		p, want := pkgs[name(victim)], ""
		switch rapid.IntRange(0, 4).Draw(t, "fault") {
		case 0:
			up := name(rapid.IntRange(victim, n-1).Draw(t, "up"))
			p.imports[up], want = true, "imports "+up
		case 1:
			p.imports["example.com/other"], want = true, "imports example.com/other"
		case 2:
			p.imports["C"], want = true, "imports C"
		case 3:
			rows, want = slices.Delete(rows, victim, victim+1), "a package without a row"
		case 4:
			delete(pkgs, name(victim))
			want = "a row without a package"
		}
		got := faults(rows, pkgs)
		if !slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, name(victim)+": ") && strings.Contains(f, want) }) {
			t.Fatalf("fault %q of %s is not found: %q", want, name(victim), got)
		}
	})
}
