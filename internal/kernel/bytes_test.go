package kernel

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestBytes tells that plain Go gives the same bytes on every architecture: no product
// is fused with a sum, no function of package math has a say in float32. So do the
// families that have assembly, all of them the same.
func TestBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const m, n, k = 37, 45, 300
	x, y, z := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
	for i := range x {
		x[i] = r.Float32()*8 - 4
	}
	for i := range y {
		y[i] = r.Float32()*8 - 4
	}
	h := sha256.New()
	add := func(x []float32) {
		for _, v := range x {
			if v != v { // a NaN's bits are the architecture's
				v = float32(math.Inf(1))
			}
			var b [4]byte
			binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
			h.Write(b[:])
		}
	}
	MatMul(z, n, x, k, false, y, n, false, m, n, k, 0, m, 0, n, false)
	add(z)
	MatMul(z, n, x, m, true, y, k, true, m, n, k, 0, m, 0, n, true)
	add(z)
	out := make([]float32, len(x))
	for _, f := range []func(dst, a []float32){Square[float32], Sqrt[float32], Rsqrt[float32], Exp[float32], Expm1[float32],
		Log[float32], Log1p[float32], Tanh[float32], Sigmoid[float32], Softplus[float32], Erf[float32], Sin[float32], Cos[float32]} {
		f(out, x)
		add(out)
	}
	PowS(out, x, 1.7)
	add(out)
	Axpy(out, x, 0.3, y[:len(x)])
	add(out)
	Uniform(out, [2]uint32{1, 2}, 3, 4, 5)
	add(out)
	Normal(out, [2]uint32{1, 2}, 3, 4, 5)
	add(out)
	SoftmaxRow(out, x, m, k, 0, m)
	add(out)
	label := make([]int32, m)
	CrossEntropyRow(out[:m], out[m:][:m*k-m], x[:m*k-m], label, m-1, k, 0, m-1)
	add(out)
	RowSum(out, x, m, k, 0, m)
	ColSum(out[m:], x, m, k, 0, k)
	add(out)
	want := "f65a752bf3e83aacb657e93d9cd7aec005277a78c6f6bb22e8609bed91b07fce"
	if active == generic {
		want = "ad6a3b646ebccfe885f31cb6c87b30658b9aa034063a078df92245e0c1b87dcb"
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		t.Errorf("the kernels' bytes have hash %s, want %s", got, want)
	}
}
