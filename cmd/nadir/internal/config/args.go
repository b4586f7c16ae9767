package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nadir-ml/nadir/spec"
)

var keyWord = regexp.MustCompile(`^[\pL\pN_.\-]*$`)

// SplitArgs sorts the words after the verb. A word with = whose first part
// looks like a dotted path is a key, every other one a target, as is all that
// follows "--".
func SplitArgs(args []string) (targets, keys []string, err error) {
	for i, a := range args {
		if a == "--" {
			return append(targets, args[i+1:]...), keys, nil
		}
		path, _, isKey := strings.Cut(a, "=")
		switch {
		case !isKey || !keyWord.MatchString(path):
			targets = append(targets, a)
		case path == "":
			return nil, nil, &spec.Error{Pos: spec.Pos{File: commandLine, Col: 1, Text: a}, Msg: fmt.Sprintf("%q has no key before =", a)}
		default:
			keys = append(keys, a)
		}
	}
	return targets, keys, nil
}

// The origins of values that are in no file.
const (
	BuiltIn     = "built-in"
	commandLine = "command line"
)

// An Assignment sets the value at one dotted path.
type Assignment struct {
	Path  []string
	Pos   spec.Pos // of the path
	Value spec.Value
}

// ParseAssignment reads key=value from the command line. A value in brackets,
// braces or quotes is read as YAML, anything else as one scalar.
func ParseAssignment(word string) (Assignment, error) {
	path, text, ok := strings.Cut(word, "=")
	if !ok {
		return Assignment{}, &spec.Error{Pos: spec.Pos{File: commandLine, Col: 1, Text: word}, Msg: fmt.Sprintf("want key=value, found %q", word)}
	}
	return assignment(path, text, commandLine, word)
}

// assignment makes an Assignment whose source line ends with text.
func assignment(path, text, file, line string) (Assignment, error) {
	pos := spec.Pos{File: file, Col: 1, Text: line}
	a := Assignment{Path: strings.Split(path, "."), Pos: pos}
	if slices.Contains(a.Path, "") {
		return a, &spec.Error{Pos: pos, Path: path, Msg: fmt.Sprintf("%q is no key: a part between dots is empty", path)}
	}
	if len(a.Path) > spec.MaxDepth {
		return a, &spec.Error{Pos: pos, Msg: fmt.Sprintf("the key has more than %d parts", spec.MaxDepth)}
	}
	pos.Col = utf8.RuneCountInString(strings.TrimSuffix(line, text)) + 1
	if !bracketed(text) {
		a.Value.Kind, a.Value.Text = Plain(text)
		if a.Value.Kind == spec.Null && text == "" {
			a.Value.Kind = spec.String // data.label= is an empty text
		}
		a.Value.Pos = pos
		return a, nil
	}
	v, err := ParseYAML(file, []byte(text))
	if e, ok := err.(*spec.Error); ok {
		e.Path = path
		e.Pos = shift(e.Pos, pos)
	}
	a.Value = walk(v, func(p spec.Pos) spec.Pos { return shift(p, pos) })
	return a, err
}

// bracketed reports whether a value is a YAML collection or quoted. A pattern
// such as [12]* or {a,b}/kernel is not.
func bracketed(s string) bool {
	if len(s) < 2 {
		return false
	}
	switch s[0] {
	case '[':
		return s[len(s)-1] == ']'
	case '{':
		return s[len(s)-1] == '}'
	case '"', '\'':
		return s[len(s)-1] == s[0]
	}
	return false
}

// shift moves a place within a value to its place within the whole word.
func shift(p, at spec.Pos) spec.Pos {
	if p.Line <= 1 {
		p.Col = max(p.Col, 1) + at.Col - 1
		p.Text = at.Text
	}
	p.File, p.Line = at.File, 0
	return p
}

// walk changes every place in a tree.
func walk(v spec.Value, f func(spec.Pos) spec.Pos) spec.Value {
	v.Pos = f(v.Pos)
	v.Items = slices.Clone(v.Items)
	for i := range v.Items {
		v.Items[i] = walk(v.Items[i], f)
	}
	v.Entries = slices.Clone(v.Entries)
	for i := range v.Entries {
		v.Entries[i].Pos = f(v.Entries[i].Pos)
		v.Entries[i].Value = walk(v.Entries[i].Value, f)
	}
	return v
}

// ParseAssignments reads the words of one command. A path given twice is an
// error.
func ParseAssignments(words []string) ([]Assignment, error) {
	var out []Assignment
	for _, w := range words {
		a, err := ParseAssignment(w)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// Environ reads the NADIR_ variables among "KEY=value" pairs. keys are the
// dotted keys that a variable may set: NADIR_OPTIM_LR sets optim.lr. A key that
// ends in ".*" takes one more part: NADIR_OPTIM_BETA_1. reserved variables mean
// something else.
func Environ(env, keys, reserved []string) ([]Assignment, error) {
	var out []Assignment
	for _, pair := range slices.Sorted(slices.Values(env)) {
		name, text, ok := strings.Cut(pair, "=")
		rest, ours := strings.CutPrefix(name, "NADIR_")
		if !ok || !ours || slices.Contains(reserved, name) {
			continue
		}
		path := envPath(rest, keys)
		if path == "" {
			var known []string
			for _, k := range keys {
				known = append(known, envName(strings.TrimSuffix(k, ".*")))
			}
			return nil, &spec.Error{
				Pos: spec.Pos{File: "environment", Col: 1, Text: pair}, Msg: fmt.Sprintf("unknown variable %q", name),
				Word: name, Nearest: spec.Nearest(name, known),
			}
		}
		a, err := assignment(path, text, "environment "+name, pair)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func envName(key string) string {
	return "NADIR_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// envPath is the dotted path that a variable's name stands for, or nothing.
func envPath(name string, keys []string) string {
	best := ""
	for _, k := range keys {
		stem, open := strings.CutSuffix(k, ".*")
		up := strings.TrimPrefix(envName(stem), "NADIR_")
		if up == name {
			return stem
		}
		if rest, ok := strings.CutPrefix(name, up+"_"); open && ok && rest != "" && strings.Count(stem, ".") >= strings.Count(best, ".") {
			best = stem + "." + strings.ToLower(rest)
		}
	}
	return best
}

// An index is the number that a part of a path is, or −1.
func index(part string) int {
	n, err := strconv.Atoi(part)
	if err != nil || n < 0 {
		return -1
	}
	return n
}
