package darknet

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

// TestYOLO imports a detector: the file has to come out even, and both heads are outputs.
func TestYOLO(t *testing.T) {
	t.Parallel()
	dir := shared.Dir(t, "models", "darknet/yolo-fastest-1.1")
	m, r := formattest.Import(t, filepath.Join(dir, "yolo-fastest-1.1.weights"), format.Options{})
	if _, outs := m.Net.Ports(); len(outs) != 2 || len(r.Skipped) != 0 {
		t.Errorf("%d outputs, skipped %v", len(outs), r.Skipped)
	}
}

const cfg = `[net]
width=3
height=3
channels=2
# a comment
[convolutional]
filters=3
size=2
batch_normalize=1
activation=leaky
[maxpool]
size=2
stride=1
[route]
layers=-1,0
[dropout]
probability=.5
[connected]
output=2
activation=linear
[softmax]
`

// weights are the numbers of a net of so many, from 1.
func weights(n int) []byte {
	b := make([]byte, 20)
	b[4], b[8] = 2, 5
	for i := range n {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(1+i%7)/8))
	}
	return b
}

const numbers = 3*4 + 3*2*4 + 2 + 2*24

func write(t testing.TB, dir, name string, b []byte) string {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestValues holds a small net to Darknet's formulas, with channels first.
func TestValues(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.weights", weights(numbers))
	m, _ := formattest.Import(t, write(t, dir, "a.cfg", []byte(cfg)), format.Options{Output: "connected4"})
	x := formattest.Rows(1, -0.5, 1, 3, 3, 2)
	at := 0
	next := func(n int) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = float64(1+(at+i)%7) / 8
		}
		at += n
		return out
	}
	beta, gamma, mean, variance, kernel := next(3), next(3), next(3), next(3), next(24)
	bias, dense := next(2), next(48)
	var conv [3][2][2]float64
	for f := range 3 {
		for r := range 2 {
			for c := range 2 {
				v := 0.0
				for ch := range 2 {
					for k := range 4 {
						v += x.At(0, r+k/2, c+k%2, ch) * kernel[(f*2+ch)*4+k]
					}
				}
				v = (v-mean[f])/math.Sqrt(variance[f]+1e-5)*gamma[f] + beta[f]
				if v < 0 {
					v *= 0.1
				}
				conv[f][r][c] = v
			}
		}
	}
	var flat []float64
	for f := range 3 {
		for r := range 2 {
			for c := range 2 {
				v := conv[f][r][c]
				for k := range 4 {
					if i, j := r+k/2, c+k%2; i < 2 && j < 2 {
						v = max(v, conv[f][i][j])
					}
				}
				flat = append(flat, v)
			}
		}
	}
	for f := range 3 {
		for k := range 4 {
			flat = append(flat, conv[f][k/2][k%2])
		}
	}
	var want []float64
	for u := range 2 {
		v := bias[u]
		for i, a := range flat {
			v += a * dense[u*24+i]
		}
		want = append(want, v)
	}
	formattest.Near(t, formattest.Predict(t, m, x), want...)
}

// TestSections holds each kind of section, of pictures (4, 5, 6) or what a convolution
// makes of them, to its definition.
func TestSections(t *testing.T) {
	t.Parallel()
	x := formattest.NewPicture(1, 4, 5, 6)
	const convs = "[convolutional]\nfilters=4\nsize=1\nactivation=linear\n"
	b, k := formattest.Numbers(2, 4), formattest.Numbers(3, 16)
	y := x.Conv(k, b, 4, formattest.Slide{Kernel: 1})
	each := func(f func(v float64) float64) []float64 {
		return y.Each(func(_ int, v float64) float64 { return f(v) }).LastFlat()
	}
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	act := func(name string) string { return "[convolutional]\nfilters=4\nsize=1\nactivation=" + name + "\n" }
	part := formattest.Picture{C: 2, H: 5, W: 6, V: y.V[60:]}
	means := make([]float64, 4)
	for c := range 4 {
		for i := range 30 {
			means[c] += y.V[c*30+i] / 30
		}
	}
	depth := formattest.Numbers(4, 36)
	again := append(append([]float64{}, b...), k...) // the numbers of the first section once more
	up := formattest.Picture{C: 4, H: 10, W: 12}
	for i := range 4 * 10 * 12 {
		up.V = append(up.V, y.At(i/120, i/12%10/2, i%12/2))
	}
	i := -1
	summed := y.Conv(k, b, 4, formattest.Slide{Kernel: 1}).Each(func(_ int, v float64) float64 { i++; return math.Max(v, 0) + y.V[i] })
	for name, tc := range map[string]struct {
		text string
		more []float64 // behind the weights of the first section
		want []float64
	}{
		"leaky":         {act("leaky"), nil, each(func(v float64) float64 { return math.Max(v, 0.1*v) })},
		"logistic":      {act("logistic"), nil, each(sigmoid)},
		"without":       {"[convolutional]\nfilters=4\nsize=1\n", nil, each(sigmoid)},
		"mish":          {act("mish"), nil, each(func(v float64) float64 { return v * math.Tanh(math.Log1p(math.Exp(v))) })},
		"swish":         {act("swish"), nil, each(func(v float64) float64 { return v * sigmoid(v) })},
		"relu":          {act("relu"), nil, each(func(v float64) float64 { return math.Max(v, 0) })},
		"maxpool":       {convs + "[maxpool]\nsize=2\nstride=2\n", nil, y.Pool(true, formattest.Slide{Kernel: 2, Stride: 2, Ceil: true}).LastFlat()},
		"group":         {convs + "[route]\nlayers=-1\ngroups=2\ngroup_id=1\n", nil, part.LastFlat()},
		"avgpool":       {convs + "[avgpool]\n", nil, means},
		"upsample":      {convs + "[upsample]\nstride=2\n", nil, up.LastFlat()},
		"shortcut":      {convs + "[convolutional]\nfilters=4\nsize=1\nactivation=relu\n[shortcut]\nfrom=-2\nactivation=linear\n", again, summed.LastFlat()},
		"scale":         {convs + "[avgpool]\n[scale_channels]\nfrom=-2\n", nil, y.Each(func(c int, v float64) float64 { return v * means[c] }).LastFlat()},
		"depthwise":     {convs + "[convolutional]\nfilters=4\nsize=3\nstride=2\npad=1\ngroups=4\nactivation=linear\n", append(append([]float64{}, b...), depth...), y.Conv(depth, b, 4, formattest.Slide{Kernel: 3, Stride: 2, Pad: 1, Groups: 4}).LastFlat()},
		"given to yolo": {convs + "[yolo]\nmask=0\n", nil, y.LastFlat()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := weights(0)
			for _, v := range append(append(append([]float64{}, b...), k...), tc.more...) {
				file = binary.LittleEndian.AppendUint32(file, math.Float32bits(float32(v)))
			}
			write(t, dir, "a.weights", file)
			m, _ := formattest.Import(t, write(t, dir, "a.cfg", []byte("[net]\nwidth=6\nheight=5\nchannels=4\n"+tc.text)), format.Options{})
			formattest.Near(t, formattest.Predict(t, m, x.Last()), tc.want...)
		})
	}
}

// TestRefuses names what there is nothing for.
func TestRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[reorg]\nstride=2\n": "[reorg]", "[gru]\noutput=2\n": "[gru]", "[convolutional]\nfilters=1\nsize=1\nactivation=loggy\n": `"loggy"`,
		"[route]\nlayers=-1\n": "does not lie before it", "[convolutional]\nfilters=1\nsize=1\nxnor=1\nactivation=linear\n": "xnor",
		"[convolutional]\nfilters=1\nsize=1\n[route]\nlayers=-1\ngroups=2\n": "group 0 of 2",
	} {
		dir := t.TempDir()
		write(t, dir, "a.weights", weights(0))
		_, err := format.Open(write(t, dir, "a.cfg", []byte("[net]\nwidth=6\nheight=5\nchannels=4\n"+text)), tensor.Float32)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q, got %v", text, want, err)
		}
	}
}

// TestDamage cuts off both files at every byte, and turns bits.
func TestDamage(t *testing.T) {
	t.Parallel()
	dir := formattest.NewFolder(t)
	use := func(text, b []byte) error {
		dir.Write("a.weights", b)
		return formattest.Use(dir.Write("a.cfg", text), format.Options{})
	}
	formattest.Damage(t, weights(numbers), 1, func(b []byte) error { return use([]byte(cfg), b) })
	formattest.Turned(t, []byte(cfg), 1, func(text []byte) error { return use(text, weights(numbers)) })
	if use([]byte(cfg), append(weights(numbers), 0, 0, 0, 0)) == nil {
		t.Error("numbers that belong to nothing are passed over")
	}
}

// TestWindows holds the shapes that are foreseen here to those that layers give.
func TestWindows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		n, size := rapid.IntRange(2, 9).Draw(r, "n"), rapid.IntRange(1, 4).Draw(r, "size")
		k := &net{list: []section{{kind: "net", values: map[string]string{"width": digit(n), "height": digit(n), "channels": "1"}},
			{kind: "maxpool", values: map[string]string{"size": digit(size), "stride": digit(rapid.IntRange(1, 4).Draw(r, "stride"))}}}}
		if err := k.draw(); err != nil {
			r.Fatal(err)
		}
		b, err := k.sketch.Blueprint(k.outs)
		if err != nil {
			r.Fatal(err)
		}
		f := format.File{Blueprint: func(format.Options) (*format.Blueprint, error) { return b, nil }}
		m, _, err := f.Import(format.Options{})
		if err != nil {
			r.Fatal(err)
		}
		y, err := formattest.Try(m, formattest.Rows(1, 0, 1, n, n, 1))
		if s := k.results[0].shape; err != nil || !y.Shape().Equal(tensor.Shape{1, s[1], s[2], s[0]}) {
			r.Fatal(y, s, err)
		}
	})
}

func digit(n int) string { return string(rune('0' + n)) }

func FuzzOpen(f *testing.F) {
	f.Add([]byte(cfg), weights(numbers))
	dir := formattest.NewFolder(f)
	f.Fuzz(func(t *testing.T, text, b []byte) {
		dir.Write("a.weights", b)
		if err := formattest.Use(dir.Write("a.cfg", text), format.Options{}); err != nil {
			formattest.Told(t, err)
		}
	})
}
