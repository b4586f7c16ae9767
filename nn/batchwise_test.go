package nn_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// The statistics of a batch, said again as plainly as it can be.
func TestBatchwise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, steps, c := rapid.IntRange(1, 5).Draw(t, "rows"), rapid.IntRange(1, 4).Draw(t, "steps"), rapid.IntRange(1, 3).Draw(t, "features")
		x := tensor.New(tensor.Float64, n, steps, c)
		noise(x, fmt.Sprint("batch", n, steps, c))
		eps := rapid.SampledFrom([]float64{1e-3, 1e-5, 0.5}).Draw(t, "epsilon")
		var got [3]*tensor.Tensor
		for i, l := range []nn.Layer{nn.BatchMean{}, nn.BatchVariance{}, nn.BatchStandardize{Epsilon: eps}} {
			y, _, err := predict(l, x)
			if err != nil {
				t.Fatal(err)
			}
			got[i] = y
		}
		for f := range c {
			mean, variance, places := 0.0, 0.0, float64(n*steps)
			for i := f; i < x.Len(); i += c {
				mean += x.Flat(i) / places
			}
			for i := f; i < x.Len(); i += c {
				variance += (x.Flat(i) - mean) * (x.Flat(i) - mean) / places
			}
			for r := range n {
				near(t, "a mean", got[0].Flat(r*c+f), mean)
				near(t, "a variance", got[1].Flat(r*c+f), variance)
			}
			for i := f; i < x.Len(); i += c {
				near(t, "a number", got[2].Flat(i), (x.Flat(i)-mean)/math.Sqrt(variance+eps))
			}
		}
	})
}

// Places are those of what max pooling takes, and of equal numbers the first.
func TestMaxPoolingArgmax(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, h, w, c := rapid.IntRange(1, 3).Draw(t, "rows"), rapid.IntRange(3, 6).Draw(t, "height"), rapid.IntRange(3, 6).Draw(t, "width"), rapid.IntRange(1, 3).Draw(t, "channels")
		size := tensor.Shape{rapid.IntRange(1, 3).Draw(t, "rows of the window"), rapid.IntRange(1, 3).Draw(t, "columns of the window")}
		stride := tensor.Shape{rapid.IntRange(1, 2).Draw(t, "stride")}
		x := tensor.New(tensor.Float64, n, h, w, c)
		for i := range x.Len() {
			x.SetFlat(i, float64(rapid.IntRange(-3, 3).Draw(t, "number"))) // many are equal
		}
		columns := rapid.Bool().Draw(t, "columns")
		max, _, err := predict(nn.MaxPooling2D{Size: size, Strides: stride, Padding: nn.Same}, x)
		if err != nil {
			t.Fatal(err)
		}
		most := max.Clone()
		at, _, err := predict(nn.MaxPoolingArgmax2D{Size: size, Strides: stride, Padding: nn.Same, Columns: columns}, x)
		if err != nil {
			t.Fatal(err)
		}
		if !at.Shape().Equal(most.Shape()) {
			t.Fatalf("shape %v, want %v", at.Shape(), most.Shape())
		}
		for i := range at.Len() {
			place := int(at.Flat(i))
			channel, inside := place/(h*w), place%(h*w)
			row, col := inside/w, inside%w
			if columns {
				row, col = inside%h, inside/h
			}
			per := at.Len() / n
			if channel != i/per*c+i%c {
				t.Fatalf("place %d of result %d is in channel %d of the batch, want %d", place, i, channel, i/per*c+i%c)
			}
			if got := x.Flat(((channel/c*h+row)*w+col)*c + channel%c); got != most.Flat(i) {
				t.Fatalf("at place %d stands %g, the largest is %g", place, got, most.Flat(i))
			}
			for r := range row + 1 { // none before it is as large
				for q := range w {
					top, left := corner(i%per/c, at.Shape()[2], size, stride[0], h, w)
					inWindow := r >= top && r < top+size[0] && q >= left && q < left+size[1]
					if inWindow && (r < row || q < col) && x.Flat(((channel/c*h+r)*w+q)*c+channel%c) == most.Flat(i) {
						t.Fatalf("row %d, column %d is taken, and row %d, column %d before it is as large", row, col, r, q)
					}
				}
			}
		}
	})
}

// corner is where window i of a row of so many begins, with padding as Keras' same.
func corner(i, across int, size tensor.Shape, stride, h, w int) (top, left int) {
	pad := func(places, size int) int {
		return max(0, ((places+stride-1)/stride-1)*stride+size-places) / 2
	}
	return i/across*stride - pad(h, size[0]), i%across*stride - pad(w, size[1])
}

// A batch with more places than float32 counts is refused.
func TestMaxPoolingArgmaxOfMany(t *testing.T) {
	t.Parallel()
	for rows, ok := range map[int]bool{1: true, 2: false} {
		g := graph.New()
		param.NewScope(g, param.NewSet(tensor.Float64), param.Options{}).Sub("l", nn.MaxPoolingArgmax2D{}, g.Input("x", graph.Float, rows, 1<<12, 1<<12, 1))
		if (g.Err() == nil) != ok {
			t.Errorf("%d samples of 16,777,216 places: %v", rows, g.Err())
		}
	}
}
