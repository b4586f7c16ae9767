package rng

import (
	"hash/fnv"
	"math"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

// TestElementary: the functions are those of package math, to the bit on amd64 and to a
// unit or two in the last place elsewhere.
func TestElementary(t *testing.T) {
	t.Parallel()
	off := 0.0
	if runtime.GOARCH != "amd64" {
		off = 0x1p-51
	}
	hold := func(t interface{ Fatalf(string, ...any) }, v float64) {
		if u := 1 - v; u > 0 {
			if got, want := logUnit(u), math.Log(u); math.Abs(got-want) > off*math.Abs(want) {
				t.Fatalf("the logarithm of %b: %b, want %b", u, got, want)
			}
		}
		if got, want := cosTurn(v), math.Cos(2*math.Pi*v); math.Abs(got-want) > off {
			t.Fatalf("the cosine of %b turns: %b, want %b", v, got, want)
		}
	}
	for k := range 53 {
		for _, near := range []float64{0, 0x1p-53, 0x2p-53} {
			hold(t, 1-math.Ldexp(1, -k-1)-near)
			hold(t, math.Ldexp(1, -k-1)+near)
		}
	}
	for k := range 16 {
		for near := -3.0; near <= 3; near++ {
			if v := float64(k)/16 + near*0x1p-53; v >= 0 {
				hold(t, v)
			}
		}
	}
	for near := -3.0; near <= 3; near++ {
		hold(t, 1-math.Sqrt2/2+near*0x1p-53)
	}
	s := New(1, 2)
	for range 200_000 {
		hold(t, s.Float64())
	}
	rapid.Check(t, func(t *rapid.T) {
		hold(t, unit(rapid.Uint64().Draw(t, "bits")))
	})
}

// TestSameBits: normal numbers have the same bits on every architecture.
func TestSameBits(t *testing.T) {
	t.Parallel()
	h := fnv.New64a()
	z := make([]float64, 20_000)
	New(3, 4).TruncNorms(z)
	for _, v := range z {
		for b, k := math.Float64bits(v), 0; k < 8; k++ {
			h.Write([]byte{byte(b >> (8 * k))})
		}
	}
	if got, want := h.Sum64(), uint64(0xe5b743bb3bf6696d); got != want {
		t.Errorf("their hash is %#x, want %#x", got, want)
	}
}
