package config

import (
	"iter"
	"regexp"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/spec"
)

// YAML writes a tree so that [ParseYAML] reads an equal one.
func YAML(v spec.Value) []byte { return (&yamlWriter{}).document(v) }

// Annotated is the tree as YAML, each value on its own line with its origin
// behind it.
func Annotated(v spec.Value) []byte { return (&yamlWriter{origins: true}).document(v) }

// Leaves walks the scalars and the empty collections of a tree with their
// dotted paths, in order.
func Leaves(v spec.Value) iter.Seq2[string, spec.Value] {
	return func(yield func(string, spec.Value) bool) { leaves(v, "", yield) }
}

func leaves(v spec.Value, path string, yield func(string, spec.Value) bool) bool {
	if len(v.Items)+len(v.Entries) == 0 {
		return yield(path, v)
	}
	for i, x := range v.Items {
		if !leaves(x, under(path, strconv.Itoa(i)), yield) {
			return false
		}
	}
	for _, e := range v.Entries {
		if !leaves(e.Value, under(path, e.Key), yield) {
			return false
		}
	}
	return true
}

func under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// Origin says where a value came from: a file and line, the environment
// variable, the command line, or built-in.
func Origin(p spec.Pos) string {
	switch {
	case p.File == "":
		return BuiltIn
	case p.Line > 0:
		return p.File + ":" + strconv.Itoa(p.Line)
	}
	return p.File
}

// Origins maps the path of every leaf to its origin.
func Origins(v spec.Value) spec.Value {
	out := spec.Value{Kind: spec.Map}
	for path, x := range Leaves(v) {
		out.Entries = append(out.Entries, spec.Entry{Key: path, Value: spec.Str(Origin(x.Pos))})
	}
	return out
}

type yamlWriter struct {
	b       strings.Builder
	origins bool
}

func (w *yamlWriter) document(v spec.Value) []byte {
	if len(v.Items)+len(v.Entries) == 0 {
		w.line("", v)
	} else {
		w.block(v, "", "")
	}
	return []byte(w.b.String())
}

// line ends a line with a value that fits on it.
func (w *yamlWriter) line(begin string, v spec.Value) {
	w.b.WriteString(begin)
	w.b.WriteString(flow(v))
	if w.origins {
		w.b.WriteString("  # " + strings.Map(printable, Origin(v.Pos)))
	}
	w.b.WriteByte('\n')
}

// printable keeps a comment on its line.
func printable(r rune) rune {
	if !strconv.IsPrint(r) {
		return '?'
	}
	return r
}

// block writes the entries of a collection, the first one after begin, the
// others indented.
func (w *yamlWriter) block(v spec.Value, begin, indent string) {
	for _, x := range v.Items {
		w.entry(begin+"- ", x, indent+"  ", true)
		begin = indent
	}
	for _, e := range v.Entries {
		w.entry(begin+key(e.Key)+":", e.Value, indent+"  ", false)
		begin = indent
	}
}

func (w *yamlWriter) entry(begin string, v spec.Value, indent string, item bool) {
	switch {
	case w.short(v) && item:
		w.line(begin, v)
	case w.short(v):
		w.line(begin+" ", v)
	case item:
		w.block(v, begin, indent)
	default:
		w.b.WriteString(begin + "\n")
		w.block(v, indent, indent)
	}
}

// short reports whether a value stands on one line: a scalar, or a small
// collection of scalars.
func (w *yamlWriter) short(v spec.Value) bool {
	if len(v.Items)+len(v.Entries) == 0 {
		return true
	}
	if w.origins {
		return false
	}
	for _, x := range v.Items {
		if len(x.Items)+len(x.Entries) > 0 || x.Kind == spec.String && len(v.Items) > 4 {
			return false
		}
	}
	for _, e := range v.Entries {
		if len(e.Value.Items)+len(e.Value.Entries) > 0 && (len(v.Entries) > 1 || !w.short(e.Value)) {
			return false
		}
	}
	return len(flow(v)) <= 120
}

// word is text that YAML reads as itself wherever it stands.
var word = regexp.MustCompile(`^[\pL_/.+\-0-9][\pL\pN_/.+\-*@^%()=]*$`)

// flow writes a value on one line.
func flow(v spec.Value) string {
	switch v.Kind {
	case spec.Null:
		return "null"
	case spec.List:
		parts := make([]string, len(v.Items))
		for i, x := range v.Items {
			parts[i] = flow(x)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case spec.Map:
		parts := make([]string, len(v.Entries))
		for i, e := range v.Entries {
			parts[i] = key(e.Key) + ": " + flow(e.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case spec.String:
		return text(v.Text)
	}
	return v.Text
}

func key(s string) string {
	if index(s) >= 0 && decimal.MatchString(s) {
		return s
	}
	return text(s)
}

// text quotes what would not be read as the same text.
func text(s string) string {
	if kind, t := Plain(s); kind == spec.String && t == s && word.MatchString(s) && !strings.HasPrefix(s, "-") && !strings.HasPrefix(s, "...") && s != "<<" {
		return s
	}
	return strconv.Quote(s)
}
