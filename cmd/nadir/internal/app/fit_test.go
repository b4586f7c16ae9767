package app

import (
	"context"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/tensor"
)

func quietIntake(own ...data.Field) *intake {
	return &intake{own: own, note: func(string) {}, noted: map[string]bool{}}
}

// samples is a source of n rows of one field, element i being i%251.
func samples(t interface{ Fatal(...any) }, n int, f data.Field) data.Source {
	x := tensor.New(f.DType, append([]int{n}, f.Shape...)...)
	for i := range x.Len() {
		x.SetFlat(i, float64(i%251))
	}
	src, err := data.FromTensors(data.Schema{Inputs: []data.Field{f}}, []*tensor.Tensor{x}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// all reads every row at once.
func all(t interface{ Fatal(...any) }, src data.Source) *tensor.Tensor {
	b := data.NewBatch(src.Schema(), src.Len())
	rows := make([]int32, src.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	if err := src.Read(b, rows); err != nil {
		t.Fatal(err)
	}
	return b.X[0]
}

// Pictures with their channels last become ones with channels first and back,
// and every pixel is scaled by its own channel's numbers.
func TestLayouts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h, w := rapid.IntRange(4, 9).Draw(t, "height"), rapid.IntRange(4, 9).Draw(t, "width")
		c := rapid.SampledFrom([]int{1, 3}).Draw(t, "channels")
		n := rapid.IntRange(1, 3).Draw(t, "rows")
		last := data.Field{Name: "x", DType: tensor.Uint8, Shape: tensor.Shape{h, w, c}}
		first := data.Field{Name: "x", DType: tensor.Uint8, Shape: tensor.Shape{c, h, w}}
		src := samples(t, n, last)

		in := quietIntake(first)
		in.layout = "nchw"
		in.scale = rapid.Float64Range(0.1, 2).Draw(t, "scale")
		for range c {
			in.mean = append(in.mean, rapid.Float64Range(-1, 1).Draw(t, "mean"))
			in.std = append(in.std, rapid.Float64Range(0.1, 2).Draw(t, "std"))
		}
		planes, err := in.fit(src, nil)
		if err != nil {
			t.Fatal(err)
		}
		x, y := all(t, src), all(t, planes)
		for r := range n {
			for i := range h * w {
				for ch := range c {
					want := float32((x.Flat((r*h*w+i)*c+ch)*in.scale - in.mean[ch]) / in.std[ch])
					if got := float32(y.Flat((r*c+ch)*h*w + i)); got != want {
						t.Fatalf("row %d, pixel %d, channel %d: %v, want %v", r, i, ch, got, want)
					}
				}
			}
		}

		// Back again, as bytes.
		plain := quietIntake(first)
		plain.layout = "nchw"
		if planes, err = plain.fit(src, nil); err != nil {
			t.Fatal(err)
		}
		back, err := quietIntake(last).fit(planes, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := all(t, back); got.DType() != tensor.Uint8 || fmt.Sprint(got.Bytes()) != fmt.Sprint(x.Bytes()) {
			t.Fatalf("%v comes back as %v", x, got)
		}
	})
}

func TestFit(t *testing.T) {
	t.Parallel()
	bytes := func(s ...int) data.Field { return data.Field{Name: "x", DType: tensor.Uint8, Shape: s} }
	floats := func(s ...int) data.Field { return data.Field{Name: "x", DType: tensor.Float32, Shape: s} }
	for _, c := range []struct {
		name      string
		have, own data.Field
		scaled    bool
		want      tensor.DType
		first     float64 // elements 1 and 2 of row 0
		second    float64
	}{
		{"as it is", bytes(28, 28), bytes(28, 28), true, tensor.Uint8, 1, 2},
		{"a channel axis more", bytes(28, 28, 1), bytes(28, 28), true, tensor.Uint8, 1, 2},
		{"flat", bytes(28, 28), bytes(784), true, tensor.Uint8, 1, 2},
		{"color to gray", bytes(8, 8, 3), bytes(8, 8), true, tensor.Uint8, 4, 7},
		{"gray to color", bytes(8, 8), bytes(8, 8, 3), true, tensor.Uint8, 0, 0},
		{"numbers as they are", floats(5), floats(5), true, tensor.Float32, 1, 2},
		{"bytes for a model of numbers", bytes(5), floats(5), false, tensor.Float32, 1 / 255.0, 2 / 255.0},
		{"bytes for a prepared one", bytes(5), floats(5), true, tensor.Uint8, 1, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := quietIntake(c.own)
			in.scaled = c.scaled
			src, err := in.fit(samples(t, 2, c.have), nil)
			if err != nil {
				t.Fatal(err)
			}
			x := all(t, src)
			if x.DType() != c.want || !src.Schema().Inputs[0].Shape.Equal(c.own.Shape) || x.Flat(1) != float64(float32(c.first)) || x.Flat(2) != float64(float32(c.second)) {
				t.Errorf("got %v", x)
			}
		})
	}
	for _, c := range []struct {
		name      string
		have, own data.Field
	}{
		{"too few numbers", floats(4), floats(5)},
		{"numbers that would have to be resized", floats(8, 8), floats(9, 9)},
		{"no picture", bytes(5), bytes(8, 8)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := quietIntake(c.own).fit(samples(t, 1, c.have), nil); err == nil {
				t.Error("fitted without an error")
			}
		})
	}
}

// A resized picture is the one that a folder of pictures would give.
func TestFitResizes(t *testing.T) {
	t.Parallel()
	src := samples(t, 1, data.Field{Name: "x", DType: tensor.Uint8, Shape: tensor.Shape{12, 10, 3}})
	fit, err := quietIntake(data.Field{Name: "x", DType: tensor.Uint8, Shape: tensor.Shape{7, 9, 3}}).fit(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := all(t, src).Reshape(12, 10, 3)
	if err != nil {
		t.Fatal(err)
	}
	want, err := images.Resize(picture, 7, 9)
	if err != nil {
		t.Fatal(err)
	}
	if got := all(t, fit); fmt.Sprint(got.Bytes()) != fmt.Sprint(want.Bytes()) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Standardized rows have mean 0 and deviation 1 in every feature that varies.
func TestStandardize(t *testing.T) {
	t.Parallel()
	f := data.Field{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{7}}
	src := samples(t, 600, f)
	in := quietIntake(f)
	if err := in.standardize(context.Background(), src); err != nil {
		t.Fatal(err)
	}
	fit, err := in.fit(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := all(t, fit)
	for k := range 7 {
		var s spread
		for i := range 600 {
			s.add(x.Flat(i*7+k), 1)
		}
		if math.Abs(s.mean) > 1e-6 || math.Abs(s.std()-1) > 1e-6 {
			t.Errorf("feature %d: mean %g, deviation %g", k, s.mean, s.std())
		}
	}
}

func TestRenumber(t *testing.T) {
	t.Parallel()
	in := quietIntake()
	for _, c := range []struct {
		model, have []string
		want        string
		fails       bool
	}{
		{[]string{"a", "b"}, []string{"a", "b"}, "[]", false},
		{[]string{"a", "b", "c"}, []string{"c", "a"}, "[2 0]", false},
		{[]string{"a", "b"}, []string{"x", "y"}, "[]", false}, // by number, which is said
		{[]string{"a", "b"}, []string{"a", "b", "c"}, "", true},
		{[]string{"a", "b", "c"}, []string{"a", "x"}, "", true},
	} {
		got, err := in.renumber(c.model, c.have)
		if (err != nil) != c.fails || err == nil && fmt.Sprint(got) != c.want {
			t.Errorf("%q of %q: %v, %v; want %s", c.have, c.model, got, err, c.want)
		}
	}
	if !in.noted["the model calls its classes a, b, the data x, y: they are taken in this order"] {
		t.Errorf("notes: %v", in.noted)
	}
}
