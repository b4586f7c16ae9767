package spec

import (
	"cmp"
	"slices"
	"strings"
)

// Nearest is at most three of the names, the most similar to word first. The
// measure is the Damerau–Levenshtein distance in its optimal string alignment
// form (Damerau 1964), ignoring case, less a tenth for every character of the
// common prefix; a word that is cut short counts as one mistake.
func Nearest(word string, names []string) []string {
	type scored struct {
		name string
		d    float64
	}
	w := strings.ToLower(stem(word))
	var all []scored
	for _, n := range names {
		l := strings.ToLower(n)
		prefix := 0
		for prefix < len(w) && prefix < len(l) && w[prefix] == l[prefix] {
			prefix++
		}
		d := distance(w, l)
		if prefix >= 3 && prefix == min(len(w), len(l)) { // one begins with the other
			d = min(d, 1)
		}
		all = append(all, scored{n, float64(d) - 0.1*float64(prefix)})
	}
	slices.SortStableFunc(all, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.d, b.d), strings.Compare(a.name, b.name))
	})
	var out []string
	for _, s := range all {
		if len(out) < 3 && !slices.Contains(out, s.name) {
			out = append(out, s.name)
		}
	}
	return out
}

// stem is a word up to the first sign that no name has, as in
// kernel_initializer+"he_normal", where that leaves something to compare.
func stem(word string) string {
	end := strings.IndexFunc(word, func(r rune) bool { return strings.ContainsRune("+=:\"'(){}<>,;&|", r) })
	if end < 3 {
		return word
	}
	return word[:end]
}

// similar reports whether name is close enough to word to be what was meant.
func similar(word, name string) bool {
	w, n := strings.ToLower(stem(word)), strings.ToLower(name)
	if len(w) >= 3 && (strings.HasPrefix(n, w) || strings.HasPrefix(w, n)) {
		return true
	}
	return distance(w, n) <= 1+len(w)/4
}

// distance counts insertions, deletions, substitutions and swaps of
// neighbours. Words longer than any name are cut: their distance is great
// anyhow.
func distance(a, b string) int {
	const most = 100
	x, y := []rune(a[:min(len(a), most)]), []rune(b[:min(len(b), most)])
	// Three rows of the table: i−2, i−1 and i.
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
