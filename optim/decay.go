package optim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/param"
)

// decay moves the parameter towards 0 by the rate times λ, before the rule's
// step.
func (s *Step) decay(lambda float64) {
	if lambda > 0 {
		s.P = s.P.Sub(s.P.Mul(s.LR.Scale(lambda)))
	}
}

// neverDecay are the names of the weights that no decay is meant for: offsets,
// and scales and slopes whose neutral value is not 0.
var neverDecay = []string{"bias", "gamma", "beta", "alpha"}

// decays says which weights decay: not those that the pattern names, or where
// it is empty those of the usual names.
func decays(set *param.Set, pattern string) (func(name string) bool, error) {
	switch pattern {
	case "":
		return func(name string) bool {
			return !slices.Contains(neverDecay, name[strings.LastIndexByte(name, '/')+1:])
		}, nil
	case "none":
		return func(string) bool { return true }, nil
	}
	out, err := named(set, "no_decay", pattern)
	return func(name string) bool { return !out[name] }, err
}

// named is the set of weights that a pattern matches.
func named(set *param.Set, key, pattern string) (map[string]bool, error) {
	ps, err := set.Match(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	out := map[string]bool{}
	for _, p := range ps {
		out[p.Name] = true
	}
	return out, nil
}
