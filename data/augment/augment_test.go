package augment

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// pictures is a batch of n pictures of bytes in which no two pixels are alike.
func pictures(n, h, w, c int) *data.Batch {
	s := schema(tensor.Uint8, h, w, c)
	b := data.NewBatch(s, n)
	idx := make([]int32, n)
	for i := range idx {
		idx[i] = int32(i)
	}
	if err := b.Start(idx); err != nil {
		panic(err)
	}
	for i := range b.X[0].Uint8s() {
		b.X[0].Uint8s()[i] = uint8(7*i + 11*(i/251))
	}
	return b
}

func schema(dt tensor.DType, shape ...int) data.Schema {
	return data.Schema{Inputs: []data.Field{{Name: "x", DType: dt, Shape: shape}}}
}

func augmented(t testing.TB, b *data.Batch, epoch int, ts ...Transform) []uint8 {
	t.Helper()
	a, err := New(schema(tensor.Uint8, b.X[0].Shape()[1:]...), ts...)
	if err != nil {
		t.Fatal(err)
	}
	a.Apply(b, 7, epoch)
	return b.X[0].Uint8s()
}

// exactly is a range of one number.
func exactly(f float64) Range {
	if f == 0 {
		return Never
	}
	return Range{f, f}
}

// every is one of each kind, with what it takes to see that it did something.
var every = []Transform{Translation{}, Rotation{}, Zoom{}, Flip{Mode: "horizontal_and_vertical"}, Contrast{}, Brightness{}, GaussianNoise{}, Elastic{}}

func TestMoves(t *testing.T) {
	t.Parallel()
	const h, w, c = 6, 6, 3
	before := pictures(1, h, w, c).X[0].Uint8s()
	at := func(x []uint8, row, col, ch int) uint8 { return x[(row*w+col)*c+ch] }
	outside := Fill{Mode: "constant", Value: 1}
	for _, test := range []struct {
		name string
		t    []Transform
		from func(row, col int) (int, int) // where a pixel comes from; outside the picture it is white
	}{
		{"down and right", []Transform{Translation{exactly(2.0 / h), exactly(1.0 / w), outside}}, func(r, c int) (int, int) { return r - 2, c - 1 }},
		{"up and left", []Transform{Translation{exactly(-1.0 / h), exactly(-3.0 / w), outside}}, func(r, c int) (int, int) { return r + 1, c + 3 }},
		{"a quarter against the clock", []Transform{Rotation{exactly(0.25), Fill{Mode: "constant", Value: 1, Interpolation: "nearest"}}}, func(r, c int) (int, int) { return c, w - 1 - r }},
		{"half a turn", []Transform{Rotation{exactly(0.5), Fill{Interpolation: "nearest"}}}, func(r, c int) (int, int) { return h - 1 - r, w - 1 - c }},
		{"there and back", []Transform{Translation{exactly(0.5), Never, outside}, Rotation{exactly(0.1), outside}, Rotation{exactly(-0.1), outside}, Translation{exactly(-0.5), Never, outside}}, func(r, c int) (int, int) { return r, c }},
		{"turned, then moved", []Transform{Rotation{exactly(0.25), outside}, Translation{exactly(1.0 / h), Never, outside}}, func(r, c int) (int, int) { return c, w - r }},
		{"mirrored edges", []Transform{Translation{exactly(2.0 / h), Never, Fill{}}}, func(r, c int) (int, int) { return max(r-2, 1-r), c }},
		{"edges drawn out", []Transform{Translation{exactly(2.0 / h), Never, Fill{Mode: "nearest"}}}, func(r, c int) (int, int) { return max(r-2, 0), c }},
		{"round the corner", []Transform{Translation{exactly(2.0 / h), Never, Fill{Mode: "wrap"}}}, func(r, c int) (int, int) { return (r + h - 2) % h, c }},
	} {
		got := augmented(t, pictures(1, h, w, c), 0, test.t...)
		for r := range h {
			for col := range w {
				for ch := range c {
					fr, fc := test.from(r, col)
					want := uint8(255)
					if fr >= 0 && fr < h && fc >= 0 && fc < w {
						want = at(before, fr, fc, ch)
					}
					if g := at(got, r, col, ch); int(g)-int(want) > 1 || int(want)-int(g) > 1 {
						t.Fatalf("%s: pixel (%d, %d) channel %d is %d, want %d", test.name, r, col, ch, g, want)
					}
				}
			}
		}
	}
}

// The middle of a picture stays where it is, and what is seen around it grows.
func TestZoom(t *testing.T) {
	t.Parallel()
	b := pictures(1, 9, 9, 1)
	x := b.X[0].Uint8s()
	for i := range x {
		x[i] = uint8(10 * (i % 9)) // brighter to the right
	}
	got := augmented(t, b, 0, Zoom{Height: exactly(-0.5)})
	for col := range 9 {
		if want := uint8(40 + 5*(col-4)); got[4*9+col] != want {
			t.Errorf("column %d is %d, want %d", col, got[4*9+col], want)
		}
	}
	b = pictures(1, 9, 9, 1)
	for i := range x {
		b.X[0].Uint8s()[i] = uint8(10 * (i % 9))
	}
	if got = augmented(t, b, 0, Zoom{Height: exactly(-0.5), Width: Never}); got[4*9] != 0 || got[4*9+8] != 80 {
		t.Errorf("a width of its own is not kept: %v", got[4*9:5*9])
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	x := []float32{0, 0.5, 1, 0.1, 0.3, 0.5}
	run := func(tr Transform) []float32 {
		s := schema(tensor.Float32, 1, 3, 2)
		b := data.NewBatch(s, 1)
		if err := b.Start([]int32{0}); err != nil {
			t.Fatal(err)
		}
		copy(b.X[0].Float32s(), x)
		a, err := New(s, tr)
		if err != nil {
			t.Fatal(err)
		}
		a.Apply(b, 1, 1)
		return b.X[0].Float32s()
	}
	near := func(what string, got, want []float32) {
		for i := range want {
			if d := got[i] - want[i]; d > 1e-6 || d < -1e-6 {
				t.Errorf("%s: %v, want %v", what, got, want)
				return
			}
		}
	}
	// Channels are 0, 1, 0.3 and 0.5, 0.1, 0.5.
	near("half the contrast", run(Contrast{exactly(-0.5)}), []float32{0.216667, 0.433333, 0.716667, 0.233333, 0.366667, 0.433333})
	near("brighter", run(Brightness{exactly(0.25)}), []float32{0.25, 0.75, 1.25, 0.35, 0.55, 0.75})
	if got := run(GaussianNoise{}); slices.Equal(got, x) {
		t.Error("noise changes nothing")
	}
	near("no noise", run(GaussianNoise{spec.Zero}), x)
	near("bent by nothing", run(Elastic{Alpha: spec.Zero}), x)
}

// What is drawn has the mean and the deviation that it should, and lies within
// its range. With n draws the mean of a uniform one lies 5.5 of its deviations
// off with probability 4e-8, that of squares as rarely.
func TestDraws(t *testing.T) {
	t.Parallel()
	const n, off = 40000, 5.5
	r := rng.New(rng.Key(1, "test"), 0)
	rg := Range{-0.2, 0.6}
	var sum, square float64
	for range n {
		v := rg.draw(r)
		if v < -0.2 || v > 0.6 {
			t.Fatalf("drew %g", v)
		}
		d := (v - 0.2) / 0.8 // uniform in ±½: variance 1/12, that of its square 1/180
		sum, square = sum+d, square+d*d
	}
	if m := sum / n; math.Abs(m) > off*math.Sqrt(1.0/12/n) {
		t.Errorf("mean %g of uniform draws", m)
	}
	if v := square / n; math.Abs(v-1.0/12) > off*math.Sqrt(1.0/180/n) {
		t.Errorf("variance %g of uniform draws, want 1/12", v)
	}
	flips := 0
	st := Flip{}.stage()
	for range n {
		if st.place(r, 1, 1).a < 0 {
			flips++
		}
	}
	if d := float64(flips)/n - 0.5; math.Abs(d) > off*0.5/math.Sqrt(n) {
		t.Errorf("%d of %d pictures are mirrored", flips, n)
	}
	p := picture{h: 1, w: n, c: 1, full: 1, x: make([]float32, n), room: make([]float32, n)}
	GaussianNoise{0.25}.stage().values(&p, r)
	sum, square = 0, 0
	for _, v := range p.x {
		sum, square = sum+float64(v), square+float64(v)*float64(v)
	}
	if m := sum / n; math.Abs(m) > off*0.25/math.Sqrt(n) {
		t.Errorf("noise has mean %g", m)
	}
	if v := square / n * 16; math.Abs(v-1) > off*math.Sqrt(2.0/n) {
		t.Errorf("noise has %g of its variance", v)
	}
}

// A row becomes the same in any batch, in any company and beside any other
// call, and different in another epoch, in another row and under another seed.
func TestPure(t *testing.T) {
	t.Parallel()
	for _, tr := range every {
		rapid.Check(t, func(rt *rapid.T) {
			h, w := rapid.IntRange(2, 12).Draw(rt, "h"), rapid.IntRange(2, 12).Draw(rt, "w")
			c := rapid.SampledFrom([]int{1, 3}).Draw(rt, "channels")
			epoch := rapid.IntRange(0, 1000).Draw(rt, "epoch")
			const rows = 5
			whole := augmented(t, pictures(rows, h, w, c), epoch, tr)
			order := rapid.Permutation([]int32{0, 1, 2, 3, 4}).Draw(rt, "order")
			b, from := pictures(rows, h, w, c), pictures(rows, h, w, c).X[0].Uint8s()
			n := h * w * c
			if err := b.Start(order[:3]); err != nil {
				rt.Fatal(err)
			}
			for k, i := range order[:3] {
				copy(b.X[0].Uint8s()[k*n:(k+1)*n], from[int(i)*n:])
			}
			got := augmented(t, b, epoch, tr)
			for k, i := range order[:3] {
				if !slices.Equal(got[k*n:(k+1)*n], whole[int(i)*n:int(i+1)*n]) {
					rt.Fatalf("%T makes something else of row %d in another batch", tr, i)
				}
			}
		})
		const n = 10 * 10
		many := augmented(t, pictures(64, 10, 10, 1), 1, tr)
		if few := augmented(t, pictures(5, 10, 10, 1), 1, tr); !slices.Equal(few, many[:5*n]) {
			t.Errorf("%T does something else to a row among many", tr)
		}
		one := slices.Clone(augmented(t, pictures(64, 10, 10, 1), 1, tr))
		if slices.Equal(one, augmented(t, pictures(64, 10, 10, 1), 2, tr)) {
			t.Errorf("%T does the same in two epochs", tr)
		}
		if slices.Equal(one, pictures(64, 10, 10, 1).X[0].Uint8s()) {
			t.Errorf("%T does nothing", tr)
		}
		alike := pictures(64, 10, 10, 1)
		for i := range 64 {
			copy(alike.X[0].Uint8s()[i*n:(i+1)*n], alike.X[0].Uint8s()[:n])
		}
		if got := augmented(t, alike, 1, tr); slices.Equal(got[:32*n], got[32*n:]) {
			t.Errorf("%T does the same to every row", tr)
		}
	}
}

func TestThroughBatches(t *testing.T) {
	t.Parallel()
	const rows = 20
	b := pictures(rows, 8, 8, 1)
	s := schema(tensor.Uint8, 8, 8, 1)
	src, err := data.FromTensors(s, b.X, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(s, Translation{}, Rotation{}, GaussianNoise{})
	if err != nil {
		t.Fatal(err)
	}
	read := func(skip int) (all [][]uint8) {
		for b, err := range data.Batches(data.Augmented(src, a), 3, data.Order{Seed: 5, Epoch: 2, Shuffle: true, Skip: skip}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, slices.Clone(b.X[0].Uint8s()[:64*b.N]))
		}
		return all
	}
	whole := read(0)
	for skip := range whole {
		for i, b := range read(skip) {
			if !slices.Equal(b, whole[skip+i]) {
				t.Fatalf("batch %d is another one where %d are skipped", skip+i, skip)
			}
		}
	}
}

func TestNoAllocs(t *testing.T) {
	b := pictures(64, 28, 28, 1)
	a, err := New(schema(tensor.Uint8, 28, 28, 1), every...)
	if err != nil {
		t.Fatal(err)
	}
	a.Apply(b, 1, 0)
	// A batch takes one for its key and a few for each goroutine; a row must take
	// none.
	some := float64(4 + 4*min(runtime.GOMAXPROCS(0), 64/leastRows))
	if n := testing.AllocsPerRun(20, func() { a.Apply(b, 1, 1) }); n > some {
		t.Errorf("%v allocations for a batch of 64 rows", n)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Transform{
		`"random_translation"`:       Translation{},
		`{"random_translation":0.2}`: Translation{Height: Within(0.2)},
		`{"random_translation":{"height_factor":[-0.3,0.1],"width_factor":0}}`: Translation{Height: Range{-0.3, 0.1}, Width: Never},
		`{"random_rotation":{"factor":0.1,"fill_mode":"constant"}}`:            Rotation{Within(0.1), Fill{Mode: "constant"}},
		`{"random_zoom":{"height_factor":[0,0.3]}}`:                            Zoom{Height: Range{0, 0.3}},
		`{"random_flip":"vertical"}`:                                           Flip{"vertical"},
		`{"random_contrast":0.5}`:                                              Contrast{Within(0.5)},
		`{"random_brightness":[0.1,0.2]}`:                                      Brightness{Range{0.1, 0.2}},
		`{"gaussian_noise":0.1}`:                                               GaussianNoise{0.1},
		`{"random_elastic":{"sigma":3}}`:                                       Elastic{Sigma: 3},
		`{"random_zoom":"big"}`:                                                nil,
		`{"random_zoom":{"height_factor":[1,2,3]}}`:                            nil,
		`{"random_swirl":1}`:                                                   nil,
	} {
		v, err := spec.ParseJSON("", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var got Transform
		err = spec.Decode(v, &got)
		if want == nil {
			if err == nil {
				t.Errorf("%s becomes %#v", text, got)
			}
			continue
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %#v, %v; want %#v", text, got, err, want)
			continue
		}
		back, err := spec.Encode(got)
		var again Transform
		if err == nil {
			err = spec.Decode(back, &again)
		}
		if err != nil || fmt.Sprint(again) != fmt.Sprint(got) {
			t.Errorf("%s: written as %s, which is %#v, %v", text, back.JSON(), again, err)
		}
	}
	for name, alias := range map[string]string{"random_translation": "shift", "random_rotation": "rotate", "random_zoom": "scale", "random_flip": "flip", "random_contrast": "contrast", "gaussian_noise": "noise"} {
		if tr, err := Transforms.New(alias); err != nil || Transforms.NameOf(tr) != name {
			t.Errorf("%s is %v, %v; want %s", alias, tr, err, name)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for _, tr := range []Transform{
		Translation{Height: Within(2)}, Translation{Width: Range{0.2, 0.1}}, Translation{Height: Range{nan, 0}},
		Translation{Fill: Fill{Mode: "mirror"}}, Rotation{Fill: Fill{Interpolation: "cubic"}}, Rotation{Within(1.5), Fill{}},
		Rotation{Fill: Fill{Value: nan}}, Zoom{Height: Within(1)}, Flip{"diagonal"}, Contrast{Within(nan)}, Brightness{Within(-2)},
		GaussianNoise{-1}, GaussianNoise{nan}, Elastic{Sigma: -1}, Elastic{Sigma: 1e6}, Elastic{Alpha: -1}, Elastic{Fill: Fill{Mode: "x"}},
		MixUp{-1}, MixUp{spec.Zero}, CutMix{nan},
	} {
		if _, err := New(schema(tensor.Uint8, 4, 4), tr); err == nil || !strings.Contains(err.Error(), Transforms.NameOf(tr)+": ") {
			t.Errorf("%#v: %v", tr, err)
		}
	}
	for _, s := range []data.Schema{schema(tensor.Float32, 12), schema(tensor.Int32, 4, 4), schema(tensor.Float32, 3, 32, 32), {}} {
		if _, err := New(s, Rotation{}); err == nil {
			t.Errorf("rotates %v", s.Inputs)
		}
	}
	if _, err := New(schema(tensor.Float32, 12), GaussianNoise{}); err != nil {
		t.Errorf("noise on a row of numbers: %v", err)
	}
}

// What blends rows is found, and left to training.
func TestMixing(t *testing.T) {
	t.Parallel()
	if a, b := Mixing(Flip{}, MixUp{}, CutMix{0.5}); a != 0.2 || b != 0.5 {
		t.Errorf("MixUp %v and CutMix %v", a, b)
	}
	if a, b := Mixing(Flip{}); a != 0 || b != 0 {
		t.Errorf("MixUp %v and CutMix %v of none", a, b)
	}
	b := pictures(3, 4, 4, 1)
	if got := augmented(t, b, 0, MixUp{}, CutMix{}); !slices.Equal(got, pictures(3, 4, 4, 1).X[0].Uint8s()) {
		t.Error("rows are changed as they are read")
	}
	if _, err := New(schema(tensor.Float32, 7), MixUp{}); err != nil {
		t.Errorf("rows of numbers: %v", err)
	}
}

func ExampleMixing() {
	fmt.Println(Mixing(Flip{}, MixUp{Alpha: 0.4}))
	// Output: 0.4 0
}

func ExampleNew() {
	b := pictures(1, 2, 3, 1)
	a, err := New(schema(tensor.Uint8, 2, 3, 1), Translation{Height: Never, Width: Range{1.0 / 3, 1.0 / 3}, Fill: Fill{Mode: "constant"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.X[0].Uint8s())
	a.Apply(b, 1, 0)
	fmt.Println(b.X[0].Uint8s())
	// Output:
	// [0 7 14 21 28 35]
	// [0 0 7 0 21 28]
}

func ExampleWithin() {
	fmt.Println(Within(0.1))
	// Output: {-0.1 0.1}
}

func BenchmarkApply(b *testing.B) {
	for _, tr := range append([]Transform{nil}, every...) {
		ts := []Transform{tr}
		name := fmt.Sprintf("%T", tr)
		if tr == nil {
			ts, name = []Transform{Translation{}, Rotation{}, Zoom{}}, "shift+rotate+scale"
		}
		b.Run(strings.TrimPrefix(name, "augment."), func(b *testing.B) {
			batch := pictures(32, 28, 28, 1)
			a, err := New(schema(tensor.Uint8, 28, 28, 1), ts...)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				a.Apply(batch, 1, i)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/32, "ns/row")
		})
	}
}
