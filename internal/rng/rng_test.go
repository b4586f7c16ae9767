package rng_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/internal/rng"
)

// TestPhilox holds the generator to the known answers that its authors
// published with Random123 (kat_vectors, philox4x32 with 10 rounds).
func TestPhilox(t *testing.T) {
	t.Parallel()
	const f = 0xffffffff
	for _, c := range []struct {
		ctr  [4]uint32
		key  [2]uint32
		want [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{f, f, f, f}, [2]uint32{f, f}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := rng.Philox(c.key, c.ctr); got != c.want {
			t.Errorf("counter %08x, key %08x: got %08x, want %08x", c.ctr, c.key, got, c.want)
		}
	}
}

// TestStreams: a stream is a function of key and sub alone, and any difference
// in either gives other numbers.
func TestStreams(t *testing.T) {
	t.Parallel()
	draw := func(key, sub uint64) (out [8]uint64) {
		s := rng.New(key, sub)
		for i := range out {
			out[i] = s.Uint64()
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		seed, sub := rapid.Uint64().Draw(t, "seed"), rapid.Uint64().Draw(t, "sub")
		name := rapid.String().Draw(t, "name")
		key := rng.Key(seed, name)
		first := draw(key, sub)
		if again := draw(key, sub); again != first {
			t.Fatal("a stream gave other numbers the second time")
		}
		for _, other := range [][8]uint64{draw(key, sub+1), draw(rng.Key(seed+1, name), sub), draw(rng.Key(seed, name+"x"), sub)} {
			if other == first {
				t.Fatal("two streams are one")
			}
		}
	})
}

// TestPerm: every number once, and each order of four as often as the others.
// The bound is passed by chance with probability below 1e-6: 24 cells of 1,000
// draws, six deviations.
func TestPerm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := make([]int32, rapid.IntRange(0, 300).Draw(t, "n"))
		rng.New(rapid.Uint64().Draw(t, "key"), 0).Perm(p)
		q := slices.Clone(p)
		slices.Sort(q)
		for i, v := range q {
			if int(v) != i {
				t.Fatalf("%v is no permutation", p)
			}
		}
	})
	count := map[[4]int32]int{}
	s := rng.New(1, 2)
	for range 24000 {
		var p [4]int32
		s.Perm(p[:])
		count[p]++
	}
	for p, n := range count {
		if math.Abs(float64(n)-1000) > 6*math.Sqrt(1000) {
			t.Errorf("%v came %d times of 24000, want about 1000", p, n)
		}
	}
	if len(count) != 24 {
		t.Errorf("%d orders of 24 came", len(count))
	}
}

// TestMoments: a bound of six standard errors is passed by chance with
// probability below 1e-8.
func TestMoments(t *testing.T) {
	t.Parallel()
	const n = 200000
	for name, c := range map[string]struct {
		draw           func(*rng.Stream) float64
		mean, variance float64
		fourth         float64 // central moment, for the error of the variance
		limit          float64
	}{
		"uniform":   {(*rng.Stream).Float64, 0.5, 1.0 / 12, 1.0 / 80, 1},
		"normal":    {(*rng.Stream).Norm, 0, 1, 3, math.Inf(1)},
		"truncated": {(*rng.Stream).TruncNorm, 0, 0.7737413035499232, 1.4161202, 2},
	} {
		s := rng.New(rng.Key(7, name), 0)
		var sum, sq float64
		for range n {
			v := c.draw(s)
			if math.Abs(v) > c.limit {
				t.Fatalf("%s: %v lies beyond %v", name, v, c.limit)
			}
			sum += v
			sq += (v - c.mean) * (v - c.mean)
		}
		if d := math.Abs(sum/n - c.mean); d > 6*math.Sqrt(c.variance/n) {
			t.Errorf("%s: the mean is off by %v", name, d)
		}
		if d := math.Abs(sq/n - c.variance); d > 6*math.Sqrt((c.fourth-c.variance*c.variance)/n) {
			t.Errorf("%s: the variance is off by %v", name, d)
		}
	}
}

// TestIntN: every number below n, each as often as the others.
func TestIntN(t *testing.T) {
	t.Parallel()
	s := rng.New(3, 4)
	var count [7]int
	for range 70000 {
		count[s.IntN(7)]++
	}
	for i, n := range count {
		if math.Abs(float64(n)-10000) > 6*math.Sqrt(10000) {
			t.Errorf("%d came %d times of 70000", i, n)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("IntN(0) did not panic")
		}
	}()
	s.IntN(0)
}

func BenchmarkPhilox(b *testing.B) {
	b.SetBytes(16)
	for i := range b.N {
		rng.Philox([2]uint32{1, 2}, [4]uint32{uint32(i)})
	}
}

// TestBeta: mean and variance of n draws are those of the distribution. Both
// sums are of bounded numbers, so that they are normal; 5.5 deviations are passed
// with a probability of 4e-8.
func TestBeta(t *testing.T) {
	t.Parallel()
	const n, off = 20000, 5.5
	for i, p := range [][2]float64{{0.2, 0.2}, {1, 1}, {2, 5}, {0.5, 3}, {40, 40}} {
		a, b := p[0], p[1]
		s := rng.New(rng.Key(9, "beta"), uint64(i))
		mean := a / (a + b)
		variance := mean * (1 - mean) / (a + b + 1)
		sum, square, fourth := 0.0, 0.0, 0.0
		for range n {
			v := s.Beta(a, b)
			if !(v >= 0 && v <= 1) {
				t.Fatalf("drew %v", v)
			}
			d := v - mean
			sum, square, fourth = sum+d, square+d*d, fourth+d*d*d*d
		}
		if d := sum / n; math.Abs(d) > off*math.Sqrt(variance/n) {
			t.Errorf("Beta(%v, %v): the mean is %v off", a, b, d)
		}
		spread := math.Sqrt((fourth/n - variance*variance) / n)
		if v := square / n; math.Abs(v-variance) > off*spread {
			t.Errorf("Beta(%v, %v): variance %v, want %v", a, b, v, variance)
		}
	}
	s := rng.New(1, 1)
	for range 1000 { // both gamma numbers are too small for a float64 most of the time
		if v := s.Beta(1e-5, 1e-5); !(v >= 0 && v <= 1) {
			t.Fatalf("drew %v", v)
		}
	}
}

// Many normal numbers at once are those of as many calls, and leave the stream where
// those do.
func TestNormals(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key, before := rapid.Uint64().Draw(t, "key"), rapid.IntRange(0, 5).Draw(t, "before")
		n := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(2000, 9000)).Draw(t, "n")
		trunc := rapid.Bool().Draw(t, "truncated")
		one, many := rng.New(key, 3), rng.New(key, 3)
		for range before {
			one.Uint32()
			many.Uint32()
		}
		got := make([]float64, n)
		if trunc {
			many.TruncNorms(got)
		} else {
			many.Norms(got)
		}
		for i, v := range got {
			want := 0.0
			if trunc {
				want = one.TruncNorm()
			} else {
				want = one.Norm()
			}
			if v != want {
				t.Fatalf("number %d of %d is %v, want %v", i, n, v, want)
			}
		}
		if a, b := one.Uint32(), many.Uint32(); a != b {
			t.Fatalf("then comes %d, want %d", b, a)
		}
	})
}

// Words are the same whether they are drawn one by one, in pairs or many at once.
func TestWords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.Uint64().Draw(t, "key")
		one, any := rng.New(key, 1), rng.New(key, 1)
		for range rapid.IntRange(1, 10).Draw(t, "times") {
			if rapid.Bool().Draw(t, "pair") {
				if got, want := any.Uint64(), uint64(one.Uint32())<<32|uint64(one.Uint32()); got != want {
					t.Fatalf("a pair is %#x, want %#x", got, want)
				}
				continue
			}
			many := make([]uint32, rapid.IntRange(0, 20).Draw(t, "n"))
			any.Uint32s(many)
			for i, got := range many {
				if want := one.Uint32(); got != want {
					t.Fatalf("word %d of %d is %#x, want %#x", i, len(many), got, want)
				}
			}
		}
	})
}
