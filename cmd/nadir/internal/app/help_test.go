package app

import "testing"

// Help lists every verb in one of its groups, and a name that is kept for later
// is none that there is.
func TestVerbsAreListed(t *testing.T) {
	listed := map[string]bool{}
	for _, g := range groups {
		for _, verb := range g.verbs {
			listed[verb] = true
		}
	}
	for _, v := range verbs {
		name := v(&command{}).Name()
		if !listed[name] {
			t.Errorf("help lists no %s", name)
		}
		if contains(reserved, name) {
			t.Errorf("%s is a verb, and kept for later", name)
		}
	}
}
