package main

import (
	"io"
	"math"
	"strings"
	"testing"
)

func TestSample(t *testing.T) {
	if err := run(io.Discard, "", "", 1<<20+7); err != nil {
		t.Error(err)
	}
	if err := run(io.Discard, "sin", "", 1<<20); err == nil || !strings.Contains(err.Error(), "sin") {
		t.Errorf("an unknown function: %v", err)
	}
}

// What is taken for exact where it need not be computed is exact.
func TestNear(t *testing.T) {
	t.Parallel()
	for _, f := range functions {
		for b := uint64(0); b < 1<<32; b += 65537 {
			x := float64(math.Float32frombits(uint32(b)))
			if y, ok := f.near(x); ok {
				if want := f.exact(x); math.Abs(y-want) > 1e-12*math.Abs(want)+1e-300 && float32(y) != float32(want) && y == y {
					t.Fatalf("%s of %g: %g, want %g", f.name, x, y, want)
				}
			}
		}
	}
}

func TestUlps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		got   float32
		exact float64
		want  float64
	}{{1, 1, 0}, {1 + 0x1p-23, 1, 1}, {0, 0x1p-149, 1}, {float32(math.Inf(1)), 1, math.Inf(1)}, {2, 2 - 0x1p-24, 0.5}} {
		if u := ulps(c.got, c.exact); u != c.want {
			t.Errorf("%g against %g is off by %g, want %g", c.got, c.exact, u, c.want)
		}
	}
}
