package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nadir-ml/nadir/internal/rng"
	"pgregory.net/rapid"
)

func TestReductions(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testReductions[float32](t, 1e-6) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testReductions[float64](t, 1e-14) })
}

func testReductions[T Float](t *testing.T, eps float64) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SampledFrom([]int{0, 1, 2, 7, 255, 256, 257, 700}).Draw(t, "rows")
		cols := rapid.IntRange(1, 80).Draw(t, "columns")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		x := make([]T, rows*cols)
		for i := range x {
			x[i] = T(r.NormFloat64())
		}
		i0 := rapid.IntRange(0, rows).Draw(t, "i0")
		i1 := rapid.IntRange(i0, rows).Draw(t, "i1")
		j0 := rapid.IntRange(0, cols).Draw(t, "j0")
		j1 := rapid.IntRange(j0, cols).Draw(t, "j1")
		near := func(what string, got T, want, size float64) {
			if !(math.Abs(float64(got)-want) <= eps*size) {
				t.Fatalf("%s: %g, want %g", what, got, want)
			}
		}

		sum, part := make([]T, rows), make([]T, rows)
		large := make([]T, rows)
		RowSum(sum, x, rows, cols, 0, rows)
		RowSum(part, x, rows, cols, i0, i1)
		RowMax(large, x, rows, cols, 0, rows)
		for i := range rows {
			row := x[i*cols : (i+1)*cols]
			want, size, most := 0.0, 0.0, math.Inf(-1)
			for _, v := range row {
				want, size, most = want+float64(v), size+math.Abs(float64(v)), max(most, float64(v))
			}
			near("row's sum", sum[i], want, size)
			if sum[i] != Sum(row) || i0 <= i && i < i1 && part[i] != sum[i] || (i < i0 || i >= i1) && part[i] != 0 {
				t.Fatalf("row %d of rows %d to %d: %g alone, %g among all, %g by itself", i, i0, i1, part[i], sum[i], Sum(row))
			}
			if float64(large[i]) != most {
				t.Fatalf("row's maximum %g, want %g", large[i], most)
			}
		}

		sum, part = make([]T, cols), make([]T, cols)
		ColSum(sum, x, rows, cols, 0, cols)
		ColSum(part, x, rows, cols, j0, j1)
		for j := range cols {
			want, size := 0.0, 0.0
			for i := range rows {
				want, size = want+float64(x[i*cols+j]), size+math.Abs(float64(x[i*cols+j]))
			}
			near("column's sum", sum[j], want, size)
			if in := j0 <= j && j < j1; in && part[j] != sum[j] || !in && part[j] != 0 {
				t.Fatalf("column %d of columns %d to %d: %g alone, %g among all", j, j0, j1, part[j], sum[j])
			}
		}

		turned, half := make([]T, rows*cols), make([]T, rows*cols)
		Transpose2D(turned, x, rows, cols, 0, rows)
		Transpose2D(half, x, rows, cols, i0, i1)
		for i := range rows {
			for j := range cols {
				want := x[i*cols+j]
				if turned[j*rows+i] != want || i0 <= i && i < i1 && half[j*rows+i] != want {
					t.Fatalf("element %d, %d is lost in the transpose", i, j)
				}
			}
		}
	})
}

// TestSumOrder tells that every family adds a block in the same order.
func TestSumOrder(t *testing.T) {
	t.Parallel()
	x := numbersWithin(sumBlock)
	for n := range sumBlock + 1 {
		var s [32]float32
		for i, v := range x[:n] {
			s[i%32] += v
		}
		for half := 16; half > 0; half /= 2 {
			for i := range half {
				s[i] += s[i+half]
			}
		}
		if got := Sum(x[:n]); got != s[0] {
			t.Fatalf("sum of %d numbers is %g, want %g", n, got, s[0])
		}
	}
}

func numbersWithin(n int) []float32 {
	r := rand.New(rand.NewPCG(3, 3))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func TestSumIsAccurate(t *testing.T) {
	t.Parallel()
	x := make([]float32, 1<<20)
	Fill(x, 0.1)
	if got, want := Sum(x), float32(0.1)*(1<<20); math.Abs(float64(got-want)) > 1e-5*float64(want) {
		t.Errorf("a million times 0.1 is %g, want %g", got, want)
	}
	x[77777] = float32(math.NaN())
	var m [1]float32
	if RowMax(m[:], x, 1, len(x), 0, 1); m[0] == m[0] {
		t.Errorf("the maximum of a row with NaN is %g", m[0])
	}
}

func TestSoftmax(t *testing.T) {
	t.Parallel()
	t.Run("float32", func(t *testing.T) { t.Parallel(); testSoftmax[float32](t, 4e-6) })
	t.Run("float64", func(t *testing.T) { t.Parallel(); testSoftmax[float64](t, 1e-13) })
}

func testSoftmax[T Float](t *testing.T, eps float64) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SampledFrom([]int{1, 2, 3, 4, 5, 63, 64, 65, 130}).Draw(t, "rows")
		cols := rapid.SampledFrom([]int{1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 33, 256, 600}).Draw(t, "columns")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		size := rapid.SampledFrom([]float64{1, 30, 1e4}).Draw(t, "size")
		x := make([]T, rows*cols)
		label := make([]int32, rows)
		for i := range x {
			x[i] = T(r.NormFloat64() * size)
		}
		for i := range label {
			label[i] = r.Int32N(int32(cols))
		}
		p, l, g := make([]T, len(x)), make([]T, len(x)), make([]T, len(x))
		loss, alone := make([]T, rows), make([]T, rows)
		SoftmaxRow(p, x, rows, cols, 0, rows)
		LogSoftmaxRow(l, x, rows, cols, 0, rows)
		CrossEntropyRow(loss, g, x, label, rows, cols, 0, rows)
		CrossEntropyRow(alone, nil, x, label, rows, cols, 0, rows)
		for i := range rows {
			m, s := math.Inf(-1), 0.0
			for _, v := range x[i*cols : (i+1)*cols] {
				m = max(m, float64(v))
			}
			for _, v := range x[i*cols : (i+1)*cols] {
				s += math.Exp(float64(v) - m)
			}
			near := func(what string, got T, want float64) {
				if !(math.Abs(float64(got)-want) <= eps*(1+math.Abs(want))) {
					t.Fatalf("%s in row %d: %g, want %g", what, i, got, want)
				}
			}
			for j := range cols {
				at := i*cols + j
				want := float64(x[at]) - m - math.Log(s)
				near("softmax", p[at], math.Exp(want))
				near("log-softmax", l[at], want)
				if int(label[i]) == j {
					near("loss", loss[i], -want)
					near("gradient", g[at], math.Exp(want)-1)
				} else {
					near("gradient", g[at], math.Exp(want))
				}
			}
			if loss[i] != alone[i] {
				t.Fatalf("loss of row %d: %g with the gradient, %g without", i, loss[i], alone[i])
			}
		}
	})
}

// Rows that are done many at a time have the bits of what they are made of, also beside
// rows of what is no number.
func TestShortRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(1, 150).Draw(t, "rows"), rapid.IntRange(1, 20).Draw(t, "columns")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		x, label := make([]float32, rows*cols), make([]int32, rows)
		odd := rapid.SampledFrom([]int{0, 0, 3, 40}).Draw(t, "of a thousand")
		for i := range x {
			x[i] = float32(r.NormFloat64() * 5)
			if r.IntN(1000) < odd {
				x[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), 1e38, -1e38}[r.IntN(6)]
			}
		}
		for i := range label {
			label[i] = r.Int32N(int32(cols+1)) - int32(r.IntN(2))
		}
		p, g, loss := make([]float32, len(x)), make([]float32, len(x)), make([]float32, rows)
		SoftmaxRow(p, x, rows, cols, 0, rows)
		CrossEntropyRow(loss, g, x, label, rows, cols, 0, rows)
		for i := range rows {
			row := x[i*cols : (i+1)*cols]
			m, y := maxOf(row), int(label[i])
			want := make([]float32, cols)
			expS(want, row, m)
			s := Sum(want)
			DivS(want, want, s)
			l := float32(math.NaN())
			if y >= 0 && y < cols {
				one := []float32{s}
				Log(one, one)
				l = one[0] - (row[y] - m)
			}
			if !same(loss[i], l) {
				t.Fatalf("loss of row %d is %g, want %g", i, loss[i], l)
			}
			for j, v := range want {
				if !same(p[i*cols+j], v) {
					t.Fatalf("softmax of row %d is %g, want %g", i, p[i*cols:(i+1)*cols], want)
				}
				if j == y {
					v--
				}
				if !same(g[i*cols+j], v) {
					t.Fatalf("element %d of row %d of the gradient is %g, want %g", j, i, g[i*cols+j], v)
				}
			}
		}
	})
}

func TestCrossEntropyOfBadLabel(t *testing.T) {
	t.Parallel()
	x := []float32{1, 2, 3, 4}
	loss, grad := make([]float32, 2), make([]float32, 4)
	CrossEntropyRow(loss, grad, x, []int32{2, -1}, 2, 2, 0, 2)
	want := make([]float32, 4)
	SoftmaxRow(want, x, 2, 2, 0, 2)
	for i, v := range loss {
		if v == v {
			t.Errorf("a label outside the columns gives loss %g in row %d, want NaN", v, i)
		}
	}
	if !slices.Equal(grad, want) {
		t.Errorf("a label outside the columns gives gradient %g, want %g", grad, want)
	}
}

func TestConversions(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 2))
	for n := range 70 {
		b, x := make([]uint8, n), make([]int32, n)
		for i := range n {
			b[i], x[i] = uint8(r.Uint32()), int32(r.Uint32())
		}
		f, g := make([]float32, n), make([]float64, n)
		BytesToFloat(f, b)
		BytesToFloat(g, b)
		for i, v := range b {
			if f[i] != float32(v) || g[i] != float64(v) {
				t.Fatalf("byte %d of %d: %g and %g, want %d", i, n, f[i], g[i], v)
			}
		}
		IntToFloat(f, x)
		IntToFloat(g, x)
		for i, v := range x {
			if f[i] != float32(v) || g[i] != float64(v) {
				t.Fatalf("number %d of %d: %g and %g, want %d", i, n, f[i], g[i], v)
			}
		}
	}
}

func TestRandom(t *testing.T) {
	t.Parallel()
	key := [2]uint32{11, 22}
	const n = 1 << 16
	u, z := make([]float32, n), make([]float32, n)
	Uniform(u, key, 5, 6, 0)
	Normal(z, key, 5, 6, 0)
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.IntRange(0, 300).Draw(t, "first")
		k := rapid.IntRange(0, 100).Draw(t, "count")
		p, q := make([]float32, k), make([]float64, k)
		Uniform(p, key, 5, 6, first)
		Uniform(q, key, 5, 6, first)
		for i := range k {
			if p[i] != u[first+i] || q[i] != float64(p[i]) {
				t.Fatalf("number %d is %g in part, %g in whole, %g in float64", first+i, p[i], u[first+i], q[i])
			}
		}
		Normal(p, key, 5, 6, first)
		for i := range k {
			if p[i] != z[first+i] {
				t.Fatalf("normal number %d is %g in part, %g in whole", first+i, p[i], z[first+i])
			}
		}
	})
	k := streamKey(key, 5, 6)
	for i := range 4096 {
		w := rng.Philox(k, [4]uint32{uint32(i)})
		for j, v := range w {
			if u[4*i+j] != float32(v>>8)/(1<<24) {
				t.Fatalf("number %d is %g, not that of its block", 4*i+j, u[4*i+j])
			}
		}
	}
	mean := func(x []float32, f func(v float64) float64) (m float64) {
		for _, v := range x {
			m += f(float64(v)) / n
		}
		return m
	}
	id, sq := func(v float64) float64 { return v }, func(v float64) float64 { return v * v }
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"mean", mean(u, id), 0.5}, {"mean square", mean(u, sq), 1. / 3},
		{"normal mean", mean(z, id), 0}, {"normal variance", mean(z, sq), 1},
		{"normal fourth moment", mean(z, func(v float64) float64 { return v * v * v * v }), 3},
	} {
		if math.Abs(c.got-c.want) > 0.03*(1+c.want) {
			t.Errorf("%s is %g, want about %g", c.name, c.got, c.want)
		}
	}
	other := make([]float32, 16)
	for _, s := range [][2]uint64{{5, 7}, {6, 6}, {6, 5}} {
		Uniform(other, key, s[0], s[1], 0)
		if other[0] == u[0] && other[1] == u[1] {
			t.Errorf("stream %d, step %d has the numbers of stream 5, step 6", s[0], s[1])
		}
	}
	Uniform(u[:8], key, 5, 6, 1<<34+3) // a block number above 2³²
	Uniform(z[:5], key, 5, 6, 1<<34+6)
	if u[3] != z[0] || u[7] != z[4] {
		t.Error("numbers of a far block depend on the cut")
	}
}
