package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/nadir-ml/nadir/spec"
)

// The limits of a YAML document.
const (
	MaxBytes   = 1 << 20
	MaxAliases = 1000
	MaxValues  = 20_000 // after aliases are replaced by what they stand for
	MaxKeys    = 10_000 // as they are written
)

// ParseYAML reads one YAML 1.2 document. file names it in errors. Scalars are
// read by the core schema. Anchors, aliases and merge keys are resolved;
// several documents, tags, keys given twice and documents beyond the limits are
// refused.
func ParseYAML(file string, data []byte) (v spec.Value, err error) {
	if len(data) > MaxBytes {
		return v, &spec.Error{Pos: spec.Pos{File: file}, Msg: fmt.Sprintf("the file is over %d bytes, too large for a configuration", MaxBytes)}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	y := &yamlReader{file: file, lines: strings.Split(text, "\n"), anchors: map[string]anchor{}}
	for i, l := range y.lines {
		if bad := badRune(l); bad >= 0 {
			return v, y.errorAt(i+1, bad+1, "a character that YAML does not allow: the file is not plain UTF-8 text")
		}
	}
	defer func() { // the scanner is another's, the input anybody's
		if r := recover(); r != nil {
			err = &spec.Error{Pos: spec.Pos{File: file}, Msg: fmt.Sprintf("the file cannot be read as YAML (%v)", r)}
		}
	}()
	tokens := lexer.Tokenize(text)
	if err := y.check(tokens); err != nil {
		return v, err
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var e yaml.Error
		if errors.As(err, &e) && e.GetToken() != nil && e.GetMessage() == "non-map value is specified" {
			return v, y.fail(e.GetToken(), `want "key: value" beside the keys above, found %q without a colon`, e.GetToken().Value)
		}
		if errors.As(err, &e) && e.GetToken() != nil {
			return v, y.fail(e.GetToken(), "%s", e.GetMessage())
		}
		return v, &spec.Error{Pos: spec.Pos{File: file}, Msg: strings.SplitN(err.Error(), "\n", 2)[0]}
	}
	var body ast.Node
	for _, d := range tree.Docs {
		if dir, ok := d.Body.(*ast.DirectiveNode); ok {
			return v, y.fail(dir.GetToken(), "directives have no meaning here; remove the line")
		}
		switch {
		case d.Body == nil:
		case body != nil:
			return v, y.fail(d.Body.GetToken(), "a second document; a configuration is one document, so remove the --- line and what follows")
		default:
			body = d.Body
		}
	}
	if body == nil {
		return spec.Value{Pos: spec.Pos{File: file, Line: 1, Col: 1}}, nil
	}
	v, _, err = y.node(body, 0)
	return v, err
}

// badRune is the index, in characters, of the first one that YAML does not
// allow in a line, or −1.
func badRune(line string) int {
	i := 0
	for off, r := range line {
		_, size := utf8.DecodeRuneInString(line[off:])
		if r < ' ' && r != '\t' || r == 0x7f || r == utf8.RuneError && size == 1 || r == '\ufeff' {
			return i
		}
		i++
	}
	return -1
}

type yamlReader struct {
	file    string
	lines   []string
	anchors map[string]anchor
	aliases int
	values  int
}

// An anchor is a value that aliases stand for, with what it counts.
type anchor struct {
	value  spec.Value
	depth  int
	values int
}

func (y *yamlReader) errorAt(line, col int, format string, args ...any) error {
	p := spec.Pos{File: y.file, Line: line, Col: col}
	if line >= 1 && line <= len(y.lines) {
		p.Text = y.lines[line-1]
	}
	return &spec.Error{Pos: p, Msg: fmt.Sprintf(format, args...)}
}

func (y *yamlReader) fail(t *token.Token, format string, args ...any) error {
	p := y.pos(t)
	return y.errorAt(p.Line, p.Col, format, args...)
}

func (y *yamlReader) pos(t *token.Token) spec.Pos {
	p := spec.Pos{File: y.file}
	if t == nil || t.Position == nil {
		return p
	}
	p.Line, p.Col = t.Position.Line, t.Position.Column
	if p.Line >= 1 && p.Line <= len(y.lines) {
		p.Text = y.lines[p.Line-1]
	}
	return p
}

// check refuses what the parser should not see. It recurses, so nesting:
// brackets, and what may open a level again and again on one line. Its time
// grows with the square of the keys of a mapping, so their number.
func (y *yamlReader) check(tokens token.Tokens) error {
	flow, line, onLine, keys := 0, 0, 0, 0
	for _, t := range tokens {
		if t.Position != nil && t.Position.Line != line {
			line, onLine = t.Position.Line, 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			onLine++
		case token.MappingValueType:
			if keys++; keys > MaxKeys {
				return y.fail(t, "the file has more than %d keys", MaxKeys)
			}
		}
		if flow > spec.MaxDepth || onLine > spec.MaxDepth && flow == 0 {
			return y.fail(t, "the file is nested deeper than %d levels", spec.MaxDepth)
		}
	}
	return nil
}

// node converts a node and says how deep it is.
func (y *yamlReader) node(n ast.Node, level int) (spec.Value, int, error) {
	v := spec.Value{Pos: y.pos(n.GetToken())}
	if level > spec.MaxDepth {
		return v, 0, y.fail(n.GetToken(), "the file is nested deeper than %d levels", spec.MaxDepth)
	}
	if y.values++; y.values > MaxValues {
		return v, 0, y.fail(n.GetToken(), "the file holds more than %d values", MaxValues)
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		v.Kind = spec.Map
		if len(n.Values) > 0 && !n.IsFlowStyle {
			v.Pos = y.pos(n.Values[0].Key.GetToken())
		}
		return y.mapping(v, n.Values, level)
	case *ast.MappingValueNode:
		v.Kind, v.Pos = spec.Map, y.pos(n.Key.GetToken())
		return y.mapping(v, []*ast.MappingValueNode{n}, level)
	case *ast.SequenceNode:
		v.Kind = spec.List
		deepest := 0
		for _, item := range n.Values {
			x, d, err := y.node(item, level+1)
			if err != nil {
				return v, 0, err
			}
			deepest = max(deepest, d)
			v.Items = append(v.Items, x)
		}
		return v, deepest + 1, nil
	case *ast.AnchorNode:
		before := y.values
		x, d, err := y.node(n.Value, level)
		if err == nil {
			y.anchors[n.Name.GetToken().Value] = anchor{x, d, y.values - before}
		}
		return x, d, err
	case *ast.AliasNode:
		a, err := y.alias(n, level)
		return a.value, a.depth, err
	case *ast.StringNode, *ast.LiteralNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		v.Kind, v.Text = scalar(n)
		return v, 1, nil
	case *ast.TagNode:
		return v, 0, y.fail(n.GetToken(), "tags such as %s have no meaning here; remove it", n.GetToken().Value)
	}
	return v, 0, y.fail(n.GetToken(), "a %s has no meaning here", strings.ToLower(n.Type().String()))
}

// alias looks up what an alias stands for, within the limits.
func (y *yamlReader) alias(n *ast.AliasNode, level int) (anchor, error) {
	name := n.Value.GetToken()
	a, ok := y.anchors[name.Value]
	if !ok {
		return a, y.fail(n.GetToken(), "no anchor &%s stands before the alias *%s", name.Value, name.Value)
	}
	if y.aliases++; y.aliases > MaxAliases {
		return a, y.fail(n.GetToken(), "the file has more than %d aliases", MaxAliases)
	}
	if y.values += a.values; y.values > MaxValues {
		return a, y.fail(n.GetToken(), "the file holds more than %d values once its aliases are replaced", MaxValues)
	}
	if level+a.depth > spec.MaxDepth+1 {
		return a, y.fail(n.GetToken(), "the file is nested deeper than %d levels", spec.MaxDepth)
	}
	return a, nil
}

func (y *yamlReader) mapping(v spec.Value, nodes []*ast.MappingValueNode, level int) (spec.Value, int, error) {
	deepest := 0
	seen := map[string]spec.Pos{}
	var merged []spec.Entry
	for _, n := range nodes {
		if n.Key.IsMergeKey() {
			x, d, err := y.node(n.Value, level+1)
			if err != nil {
				return v, 0, err
			}
			deepest = max(deepest, d)
			from := []spec.Value{x}
			if x.Kind == spec.List {
				from = x.Items
			}
			for _, m := range from {
				if m.Kind != spec.Map {
					return v, 0, y.fail(n.Key.GetToken(), "<< merges mappings, found %v", m.Kind)
				}
				merged = append(merged, m.Entries...)
			}
			continue
		}
		key, ok := keyText(n.Key)
		if !ok {
			return v, 0, y.fail(n.Key.GetToken(), "a key is a plain word, found a %s", strings.ToLower(n.Key.Type().String()))
		}
		e := spec.Entry{Key: key, Pos: y.pos(n.Key.GetToken())}
		if first, twice := seen[key]; twice {
			return v, 0, y.fail(n.Key.GetToken(), "key %q is given twice, first on line %d", key, first.Line)
		}
		seen[key] = e.Pos
		x, d, err := y.node(n.Value, level+1)
		if err != nil {
			return v, 0, err
		}
		deepest = max(deepest, d)
		if x.Kind == spec.Null && x.Pos.Line == 0 {
			x.Pos = e.Pos
		}
		e.Value = x
		v.Entries = append(v.Entries, e)
	}
	// A key of the mapping's own goes before a merged one, an earlier merged
	// one before a later.
	for _, e := range merged {
		if _, taken := seen[e.Key]; !taken {
			seen[e.Key] = e.Pos
			v.Entries = append(v.Entries, e)
		}
	}
	return v, deepest + 1, nil
}

// keyText is the text of a key that is a scalar.
func keyText(n ast.MapKeyNode) (string, bool) {
	switch k := n.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return k.GetToken().Value, true
	}
	return "", false
}

// scalar reads a scalar node. What the parser makes of plain text follows
// YAML 1.1 in places (007, 1e-3), so that is read anew.
func scalar(n ast.Node) (spec.Kind, string) {
	switch n := n.(type) {
	case *ast.LiteralNode:
		return spec.String, n.Value.Value
	case *ast.StringNode:
		if t := n.Token.Type; t == token.SingleQuoteType || t == token.DoubleQuoteType {
			return spec.String, n.Value
		}
		return Plain(n.Value)
	case *ast.NullNode:
		return spec.Null, ""
	}
	return Plain(n.GetToken().Value)
}

var (
	decimal = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	based   = regexp.MustCompile(`^(0x[0-9a-fA-F]+|0o[0-7]+)$`)
)

// Plain reads an unquoted scalar by the core schema of YAML 1.2 (section
// 10.3.2): null, a bool, a number, or else text.
func Plain(s string) (spec.Kind, string) {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return spec.Null, ""
	case "true", "True", "TRUE":
		return spec.Bool, "true"
	case "false", "False", "FALSE":
		return spec.Bool, "false"
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return spec.String, "inf"
	case "-.inf", "-.Inf", "-.INF":
		return spec.String, "-inf"
	}
	if based.MatchString(s) {
		if n, err := strconv.ParseUint(s, 0, 64); err == nil {
			return spec.Number, strconv.FormatUint(n, 10)
		}
		return spec.String, s
	}
	if decimal.MatchString(s) {
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return spec.Number, s
		}
	}
	return spec.String, s
}
