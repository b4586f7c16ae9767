package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Forced is the environment variable that names the family of kernels to use:
// generic, avx2, avx512, amx or neon.
const Forced = "NADIR_CPU"

// A family is a set of kernels for one level of instructions. generic is plain Go
// and is the last resort of every kernel that a family lacks.
type family uint8

const (
	generic family = iota
	neon
	avx2
	avx512
	amx // avx512 with products in parts
)

var familyNames = [...]string{generic: "generic", neon: "neon", avx2: "avx2", avx512: "avx512", amx: "amx"}

// chosen is taken once, when the program starts, and never while kernels run: active is
// the family of most kernels, split whether products may be taken in parts.
var (
	chosen, forcedErr = choose(os.Getenv(Forced))
	active, split     = chosen.kernels()
)

// kernels are a family's: those of another, with products in parts or without.
func (f family) kernels() (of family, split bool) {
	if f == amx {
		return avx512, true
	}
	return f, false
}

// choose is the named family, or the best one this CPU has for "". With an error
// it is the best one too. What amx gains on a core of its own it loses where another
// process uses the core's second thread: it must be asked for.
func choose(name string) (family, error) {
	has := available()
	best := has[len(has)-1]
	if name == "" {
		return best, nil
	}
	has = forced()
	f := family(slices.Index(familyNames[:], name))
	if slices.Contains(has, f) {
		return f, nil
	}
	return best, fmt.Errorf("this CPU or build has no family %q; it has %s", name, strings.Join(Families(), ", "))
}

// forced lists the families that may be asked for. The system is asked for amx by nobody
// else.
func forced() []family {
	f := available()
	if f[len(f)-1] == avx512 && hasTiles() {
		f = append(f, amx)
	}
	return f
}

// Family names the family of kernels in use.
func Family() string { return familyNames[chosen] }

// Families names the families that this CPU and this build have, each with more than the
// one before.
func Families() []string {
	var names []string
	for _, f := range forced() {
		names = append(names, familyNames[f])
	}
	return names
}

// Use takes the named family, or the best one for "". It must not be called
// while kernels run. The error lists the families there are.
func Use(name string) error {
	f, err := choose(name)
	if err == nil {
		chosen, forcedErr = f, nil
		active, split = f.kernels()
	}
	return err
}

// Err tells whether the environment variable [Forced] named a family that is not
// there; the best one is then in use.
func Err() error {
	if forcedErr != nil {
		return fmt.Errorf("%s: %w", Forced, forcedErr)
	}
	return nil
}
