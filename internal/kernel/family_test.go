package kernel

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// TestMain runs every test under every family there is, unless one is forced or
// benchmarks are asked for.
func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(Forced) != "" || flag.Lookup("test.bench").Value.String() != "" {
		os.Exit(m.Run())
	}
	run := flag.Lookup("test.run")
	for _, name := range Families() {
		if err := Use(name); err != nil {
			panic(err)
		}
		// The rest of amx is avx512.
		if name == familyNames[amx] && run.Value.String() == "" {
			if err := run.Value.Set("Split|Famil"); err != nil {
				panic(err)
			}
		}
		if code := m.Run(); code != 0 {
			println("under the kernels of family", name)
			os.Exit(code)
		}
	}
}

func TestFamilies(t *testing.T) {
	t.Parallel()
	names := Families()
	if names[0] != "generic" {
		t.Errorf("families %q: want generic first", names)
	}
	for _, name := range names {
		if f, err := choose(name); err != nil || familyNames[f] != name {
			t.Errorf("choose(%q) = %v, %v", name, f, err)
		}
	}
	best := names[len(names)-1]
	if best == "amx" {
		best = "avx512" // amx must be asked for
	}
	if f, err := choose(""); err != nil || familyNames[f] != best {
		t.Errorf("choose of nothing is %v, %v; want %s of %q", f, err, best, names)
	}
	f, err := choose("sse9")
	if err == nil || !strings.Contains(err.Error(), "sse9") || !strings.Contains(err.Error(), strings.Join(names, ", ")) {
		t.Errorf("choose of an unknown family: %v, want what it is and what there is", err)
	}
	if familyNames[f] != best {
		t.Errorf("an unknown family chose %v", f)
	}
}
