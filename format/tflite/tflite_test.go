package tflite

import (
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

func TestHalfPlusTwo(t *testing.T) {
	t.Parallel()
	m, _ := formattest.Import(t, shared.File(t, "models", "tflite/half_plus_two/model.tflite"), format.Options{})
	formattest.Near(t, formattest.Predict(t, m, tensor.Of([]float32{0, 1, 2, 3, 4}, 5, 1)), 2, 2.5, 3, 3.5, 4)
}

// TestSine holds a net that learned the sine, and its quantized copy, to it.
func TestSine(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"hello_world_float", "hello_world_int8"} {
		m, _ := formattest.Import(t, shared.File(t, "models", "tflite/hello_world", name+".tflite"), format.Options{})
		x := tensor.New(tensor.Float32, 63, 1)
		for i := range 63 {
			x.SetFlat(i, float64(i)/10)
		}
		y := formattest.Predict(t, m, x)
		for i := range 63 {
			if d := math.Abs(y.Flat(i) - math.Sin(float64(i)/10)); d > 0.15 {
				t.Errorf("%s: sin %v is %v", name, float64(i)/10, y.Flat(i))
			}
		}
	}
}

// TestDigits holds a net with an LSTM to the digits that its pictures show.
func TestDigits(t *testing.T) {
	t.Parallel()
	dir := shared.Dir(t, "models", "tflite/mnist_lstm")
	m, r := formattest.Import(t, filepath.Join(dir, "trained_lstm.tflite"), format.Options{})
	if len(r.Tensors) != 14 {
		t.Errorf("%d tensors: %v", len(r.Tensors), r.Tensors)
	}
	for digit := range 10 {
		file, err := os.Open(filepath.Join(dir, fmt.Sprintf("sample%d.png", digit)))
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		x := tensor.New(tensor.Float32, 1, 28, 28)
		for i := range 28 * 28 {
			v, _, _, _ := picture.At(i%28, i/28).RGBA()
			x.SetFlat(i, float64(v>>8)/255)
		}
		y := formattest.Predict(t, m, x)
		for c := range 10 {
			if y.Flat(c) > y.Flat(digit) {
				t.Errorf("digit %d is taken for %d", digit, c)
			}
		}
	}
}

// small is y = x·w, of 2 inputs and 3 units with weights of 8 bits: scale 1/2, zero point 1.
func small() []byte {
	w := &formattest.Flat{B: []byte("\x08\x00\x00\x00TFL3")}
	m := w.Table(3, 0, 0, -1, 0)
	w.B[0] = byte(m[5])
	list := func(slot, n int) []int { return w.Ints(slot, make([]int, n)...) }
	codes := list(m[1], 1)
	c := w.Table(9)
	w.Point(codes[0], c[1])
	buffers := list(m[4], 2)
	e := w.Table()
	w.Point(buffers[0], e[0])
	d := w.Table(0)
	w.Point(buffers[1], d[1])
	w.Text(d[0], "\x03\x05\x07\x01\x03\x00")
	graphs := list(m[2], 1)
	g := w.Table(0, 0, 0, 0)
	w.Point(graphs[0], g[4])
	tensors := list(g[0], 3)
	for i, name := range []string{"x", "w", "y"} {
		v := w.Table(0, []int{0, 9, 0}[i], []int{0, 1, 0}[i], 0, []int{-1, 0, -1}[i])
		w.Point(tensors[i], v[5])
		w.Ints(v[0], [][]int{{1, 2}, {3, 2}, {1, 3}}[i]...)
		w.Text(v[3], name)
		if i == 1 {
			q := w.Table(-1, -1, 0, 0)
			w.Point(v[4], q[4])
			w.Ints(q[2], int(math.Float32bits(0.5)))
			w.Point(q[3], len(w.B))
			w.U32(1)
			w.U32(1)
			w.U32(0)
		}
	}
	w.Ints(g[1], 0)
	w.Ints(g[2], 2)
	op := list(g[3], 1)
	o := w.Table(0, 0, 0)
	w.Point(op[0], o[3])
	w.Ints(o[1], 0, 1, -1)
	w.Ints(o[2], 2)
	return w.B
}

func write(t testing.TB, dir string, b []byte) string {
	path := filepath.Join(dir, "a.tflite")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestQuantized holds quantized weights to what they stand for.
func TestQuantized(t *testing.T) {
	t.Parallel()
	m, _ := formattest.Import(t, write(t, t.TempDir(), small()), format.Options{})
	formattest.Near(t, formattest.Predict(t, m, tensor.Of([]float32{1, 10}, 1, 2)), 1+20, 3, 1-5)
}

// TestDamage cuts a file off at every byte, and turns bits.
func TestDamage(t *testing.T) {
	t.Parallel()
	dir := formattest.NewFolder(t)
	formattest.Damage(t, small(), 1, func(b []byte) error { return formattest.Use(dir.Write("a.tflite", b), format.Options{}) })
}

// TestReader walks random bytes: nothing leads out of them.
func TestReader(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		x := &reader{b: rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(r, "bytes")}
		a := x.table(0)
		a.ints(0)
		a.tables(1)
		if len(a.text(2)) > len(x.b) {
			r.Fatal("a text is longer than the file")
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add(small())
	x, y := made{name: "x", shape: []int{1, 2, 2, 2}}, made{name: "y", shape: []int{1, 2, 2, 2}}
	f.Add(graphOf([]made{x, y, i4("a", 3), {name: "z", shape: []int{1, 2, 2, 1}}}, []int{1}, step{49, []int{2, 0}, []int{3, 1}, []int{2}}))
	f.Add(graphOf([]made{x, y, f4("c", []float64{1, 2}, 2)}, []int{1}, step{41, []int{0, 2}, []int{1}, nil}))
	f.Add(graphOf([]made{x, y, i4("p", 0, 0, 1, 0, 2, 0, 0, 0)}, []int{1}, step{34, []int{0, 2}, []int{1}, nil}))
	dir := formattest.NewFolder(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := formattest.Use(dir.Write("a.tflite", b), format.Options{}); err != nil {
			formattest.Told(t, err)
		}
	})
}
