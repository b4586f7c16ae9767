package param

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Match lists the weights and statistics that the patterns choose, in order.
//
// A pattern is a glob on parameter paths: * stands for any part of a name, ?
// for one character, [12] and [1-4] for one of a set, {a,b} for one of several
// texts. One without a slash names layers and means all they hold. Commas
// separate patterns; one that begins with ! takes away what it matches from
// those before it. Nothing matched is an error that lists the names.
func (s *Set) Match(patterns ...string) ([]*Param, error) {
	chosen := map[*Param]bool{}
	for _, list := range patterns {
		for _, pat := range SplitPatterns(list) {
			take := true
			if rest, ok := strings.CutPrefix(pat, "!"); ok {
				pat, take = rest, false
			}
			globs, err := expand(pat)
			if err != nil {
				return nil, err
			}
			hit := false
			for _, p := range s.list {
				if p.Kind != Slot && matchesAny(globs, p.Name) {
					hit = true
					chosen[p] = take
				}
			}
			if !hit {
				return nil, fmt.Errorf("pattern %q matches none of %s", pat, s.names(strings.Contains(pat, "/")))
			}
		}
	}
	var out []*Param
	for _, p := range s.list {
		if chosen[p] {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("pattern %q leaves nothing of %s", strings.Join(patterns, ","), s.names(false))
	}
	return out, nil
}

// Freeze marks what the patterns choose as frozen and returns how many
// parameters that are.
func (s *Set) Freeze(patterns ...string) (int, error) { return s.mark(true, patterns) }

// Unfreeze takes the mark away.
func (s *Set) Unfreeze(patterns ...string) (int, error) { return s.mark(false, patterns) }

func (s *Set) mark(frozen bool, patterns []string) (int, error) {
	ps, err := s.Match(patterns...)
	for _, p := range ps {
		p.Frozen = frozen
	}
	return len(ps), err
}

// names lists layers or paths for an error.
func (s *Set) names(paths bool) string {
	var out []string
	for _, p := range s.list {
		n := p.Name
		if i := strings.LastIndexByte(n, '/'); !paths && i >= 0 {
			n = n[:i]
		}
		if p.Kind != Slot && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return strings.Join(out, ", ")
}

// SplitPatterns cuts a list of patterns at the commas that stand outside braces
// and brackets.
func SplitPatterns(s string) []string {
	var out []string
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(s[from:i]))
				from = i + 1
			}
		}
	}
	return append(out, strings.TrimSpace(s[from:]))
}

// expand replaces {a,b} by one glob for each text, and refuses what is not
// closed.
func expand(pat string) ([]string, error) {
	const most = 1000
	out := []string{pat}
	for i := 0; i < len(out); {
		g := out[i]
		open := strings.IndexByte(g, '{')
		if open < 0 {
			if err := checkGlob(g); err != nil {
				return nil, fmt.Errorf("pattern %q: %w", pat, err)
			}
			i++
			continue
		}
		end := strings.IndexByte(g[open:], '}')
		if end < 0 {
			return nil, fmt.Errorf("pattern %q: { is never closed", pat)
		}
		if strings.IndexByte(g[open+1:open+end], '{') >= 0 {
			return nil, fmt.Errorf("pattern %q: { within { }", pat)
		}
		var alts []string
		for _, alt := range strings.Split(g[open+1:open+end], ",") {
			alts = append(alts, g[:open]+alt+g[open+end+1:])
		}
		out = slices.Replace(out, i, i+1, alts...)
		if len(out) > most {
			return nil, fmt.Errorf("pattern %q stands for more than %d texts", pat, most)
		}
	}
	return out, nil
}

func checkGlob(g string) error {
	if g == "" {
		return fmt.Errorf("is empty")
	}
	for i := 0; i < len(g); i++ {
		switch g[i] {
		case '[':
			end := strings.IndexByte(g[i:], ']')
			if end < 2 {
				return fmt.Errorf("[ is never closed, or holds nothing")
			}
			i += end
		case ']', '}':
			return fmt.Errorf("%c closes nothing", g[i])
		}
	}
	return nil
}

func matchesAny(globs []string, name string) bool {
	for _, g := range globs {
		if strings.Contains(g, "/") {
			if glob(g, name) {
				return true
			}
			continue
		}
		layers := strings.Split(name, "/")
		for _, l := range layers[:len(layers)-1] {
			if glob(g, l) {
				return true
			}
		}
	}
	return false
}

// glob matches the whole of name. * and ? stop at a slash, so that where a *
// took too little only the last one needs to take more.
func glob(g, name string) bool {
	var star, rest string // what follows the last *, and what was left when it took as little as it could
	starred := false
	for {
		switch {
		case g != "" && g[0] == '*':
			star, rest, starred = g[1:], name, true
			g = g[1:]
			continue
		case g == "" && name == "":
			return true
		case g != "" && name != "":
			if n, m := step(g, name); n > 0 {
				g, name = g[n:], name[m:]
				continue
			}
		}
		_, m := utf8.DecodeRuneInString(rest)
		if !starred || m == 0 || rest[0] == '/' {
			return false
		}
		rest = rest[m:]
		g, name = star, rest
	}
}

// step matches one character of name with the beginning of g, which is not a *,
// and gives the lengths of both, 0 where they differ.
func step(g, name string) (n, m int) {
	c, m := utf8.DecodeRuneInString(name)
	switch g[0] {
	case '?':
		if c != '/' {
			return 1, m
		}
	case '[':
		end := strings.IndexByte(g, ']')
		if c != '/' && inClass([]rune(g[1:end]), c) {
			return end + 1, m
		}
	default:
		if d, n := utf8.DecodeRuneInString(g); c == d {
			return n, m
		}
	}
	return 0, 0
}

func inClass(class []rune, c rune) bool {
	for i := 0; i < len(class); i++ {
		if i+2 < len(class) && class[i+1] == '-' {
			if class[i] <= c && c <= class[i+2] {
				return true
			}
			i += 2
		} else if class[i] == c {
			return true
		}
	}
	return false
}
